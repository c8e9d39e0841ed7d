"""The ring between Python and the device: pace, interruptions, loss."""

from __future__ import annotations

import numpy as np
import pytest

from player.output.ringed import BACK, STALLED, RingedSink
from player.settings import BLOCK, RATE
from rym.clock import ManualClock
from rym.errors import DeviceError

from .fakes import Ring, Stream


def opened(rate=RATE, depth=0.1):
    """Return a sink, its stream and its clock."""
    clock, stream = ManualClock(100.0), Stream()
    return RingedSink(stream, Ring(), name="x", clock=clock, rate=rate, depth=depth), stream, clock


def run(sink, stream, clock, seconds, *, rate=RATE, fed=True):
    """Let time pass in steps of 10 ms, the device's callback each time."""
    for _ in range(round(100 * seconds)):
        while fed and sink.room() >= BLOCK:
            sink.write(np.ones((BLOCK, 2), np.float32))
        stream.take(rate // 100)
        clock.advance(0.01)
        sink.room()


def test_it_begins_once_the_depth_is_filled():
    """Then the device takes the very frames."""
    sink, stream, clock = opened()
    sink.write(np.ones((BLOCK, 2), np.float32))
    stream.take(BLOCK)
    assert not stream.heard.any()
    run(sink, stream, clock, 1.0)
    assert stream.heard[2 * BLOCK :].all()
    assert (sink.xruns, sink.missing) == (0, 0.0)


@pytest.mark.parametrize("rate", [44_100, RATE, 96_000])
def test_a_frame_is_heard_when_the_device_comes_to_it(rate):
    """Counted at the device's rate, told in the music's frames; the same later."""
    sink, stream, clock = opened(rate)
    run(sink, stream, clock, 1.0, rate=rate)
    early = sink.audible_at(0)
    run(sink, stream, clock, 5.0, rate=rate)
    assert sink.audible_at(0) == pytest.approx(early, abs=1e-4)
    now_at_device = clock.now() + stream.latency
    assert sink.audible_at(5 * RATE) < now_at_device < sink.audible_at(7 * RATE)
    assert sink.audible_at(RATE) - sink.audible_at(0) == pytest.approx(1.0)


def test_an_interruption_is_counted_with_its_length_and_comes_up_softly():
    """What is missing is the time from the last sample to the next one; no step upwards."""
    sink, stream, clock = opened()
    run(sink, stream, clock, 1.0)
    before = len(stream.heard)
    run(sink, stream, clock, 0.5, fed=False)
    assert sink.room() >= BLOCK
    run(sink, stream, clock, 1.0)
    assert sink.xruns == 1
    silent = np.count_nonzero(stream.heard[before:, 0] == 0.0) / RATE
    assert sink.missing == pytest.approx(silent, abs=0.02)
    up = np.diff(stream.heard[before:, 0])
    assert up.max() < 1.1 * np.pi / 2 / BLOCK
    assert stream.heard[-1, 0] == 1.0


def test_underflows_of_the_host_are_counted_as_well():
    """But for those of before there was sound."""
    sink, stream, clock = opened()
    stream.underflows = 5
    run(sink, stream, clock, 2.5)
    assert sink.xruns == 0
    stream.underflows = 2
    run(sink, stream, clock, 2.5)
    assert (sink.xruns, sink.missing) == (2, 0.0)


@pytest.mark.fault(47)
def test_a_stream_that_has_ended_is_lost_at_once():
    """PortAudio ends it where the host says that the device is gone, and tells nobody."""
    sink, stream, clock = opened()
    run(sink, stream, clock, 1.0)
    assert not sink.lost()
    sink.check()
    stream.active = False
    assert "ended" in sink.lost()
    with pytest.raises(DeviceError, match=r"'x' is lost.*ended"):
        sink.check()


@pytest.mark.fault(47)
def test_a_device_that_stands_still_is_lost_within_a_second():
    """Not in its first seconds, in which a sound server may sleep."""
    sink, stream, clock = opened()
    run(sink, stream, clock, 1.0)
    clock.advance(2.0)
    sink.room()
    assert not sink.lost()
    run(sink, stream, clock, 5.0)
    for _ in range(round(100 * STALLED) - 1):
        clock.advance(0.01)
        sink.room()
        assert not sink.lost()
    clock.advance(0.05)
    assert "no sound" in sink.lost()


def test_a_process_that_stood_still_is_no_lost_device():
    """Whoever asks first; the device stood still with it, or went on and found the ring dry."""
    for takes in (BLOCK, 0):
        sink, stream, clock = opened()
        run(sink, stream, clock, 6.0)
        for _ in range(300):
            stream.take(takes)
            clock.advance(0.01)
        assert not sink.lost()
        run(sink, stream, clock, 0.1)
        assert not sink.lost()
        assert sink.xruns == (1 if takes else 0)


@pytest.mark.parametrize(("seconds", "rise"), [(0.4, BLOCK / RATE), (3.0, BACK)])
def test_after_a_long_interruption_sound_comes_up_as_from_silence(seconds, rise):
    """A gap is bridged by 10 ms; who has sat in silence for longer is not to be startled."""
    sink, stream, clock = opened()
    run(sink, stream, clock, 6.0)
    before = len(stream.heard)
    for _ in range(round(100 * seconds)):
        stream.take(BLOCK)
        clock.advance(0.01)
    run(sink, stream, clock, 2.0)
    heard = stream.heard[before:, 0]
    assert np.diff(heard).max() == pytest.approx(np.pi / 2 / (rise * RATE), rel=0.1)
    assert heard[-1] == 1.0
    assert sink.missing == pytest.approx(np.count_nonzero(heard == 0.0) / RATE, abs=0.03)


def test_a_device_is_awake_once_it_has_answered_again_and_again():
    """A first bufferful taken in one go is not enough."""
    sink, stream, clock = opened()
    assert not sink.awake()
    for _ in range(10):
        stream.take(BLOCK)
    assert not sink.awake()
    clock.advance(2.0)
    assert not sink.awake()
    for _ in range(10):
        clock.advance(0.01)
        stream.take(BLOCK)
        sink.awake()
    assert sink.awake()
    assert not stream.heard.any()
