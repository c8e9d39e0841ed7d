"""A device that goes and comes back, among devices that only pretend."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from player.output import outlet as outlets
from player.output.outlet import HANGS, WAKES, Outlet
from player.output.ringed import BACK
from player.settings import BLOCK, RATE, PlayerSettings
from rym.clock import ManualClock
from rym.errors import DeviceError

from .fakes import Desk, Stream

DEPTH = PlayerSettings().depth


@pytest.fixture
def rig(monkeypatch):
    """Return a desk, a clock and a function that lets time pass for an outlet."""
    clock = ManualClock(50.0)
    desk = Desk(clock)
    monkeypatch.setattr(outlets, "Opener", desk)
    monkeypatch.setattr(outlets, "favour", lambda: False)

    def run(outlet, seconds):
        """Feed and take for some seconds; return the frames that were written."""
        n = 0
        for _ in range(round(100 * seconds)):
            while outlet.room() >= BLOCK:
                outlet.write(np.ones((BLOCK, 2), np.float32))
                n += BLOCK
            for stream in desk.streams:
                if stream.active:
                    stream.take(BLOCK)
            clock.advance(0.01)
            outlet._aside.wait(5.0)
            outlet.check()
        return n

    return desk, clock, run


def stand_still(desk, clock, seconds):
    """Let the device go on while this process does nothing."""
    for _ in range(round(100 * seconds)):
        desk.streams[-1].take(BLOCK)
        clock.advance(0.01)


def opened(clock, **settings):
    """Return an outlet to the headphones."""
    chosen = {"sink": "portaudio", "device": "head", **settings}
    return Outlet(PlayerSettings(**chosen), clock)


@pytest.mark.fault(47)
def test_the_music_goes_on_at_true_pace_while_its_device_is_away(rig):
    """As many frames as time passes; audible_at is one line; the status says so in a sentence."""
    desk, clock, run = rig
    outlet = opened(clock)
    run(outlet, 6.0)
    due = outlet.audible_at(0)
    desk.there = False
    desk.streams[-1].active = False
    assert run(outlet, 5.0) == pytest.approx(5 * RATE, abs=3 * BLOCK)
    assert outlet.audible_at(0) == pytest.approx(due, abs=0.25)
    assert outlet.facts()["device"] == "lost"
    assert outlet.note.startswith("The audio device 'USB Headphones' is lost: its stream has ended")
    assert (outlet.xruns, outlet.missing) == (0, 0.0)


@pytest.mark.fault(47)
def test_it_comes_back_by_itself_softly_and_at_the_musics_place(rig):
    """Within a second, from silence in a second, and what is heard is what is due."""
    desk, clock, run = rig
    outlet = opened(clock)
    wrote = run(outlet, 6.0)
    desk.there = False
    desk.streams[-1].active = False
    wrote += run(outlet, 3.0)
    assert desk.streams[0].closed
    assert desk.lists > 2
    desk.there = True
    wrote += run(outlet, 1.0)
    assert outlet.facts()["device"] == "there"
    assert "is back; 3." in outlet.note
    assert desk.asked[-1].name == "USB Headphones"
    run(outlet, BACK + 1.0)
    heard = desk.streams[-1].heard[:, 0]
    assert np.diff(heard).max() < 1.1 * np.pi / 2 / (BACK * RATE)
    assert heard[-1] == 1.0
    assert outlet.audible_at(wrote) == pytest.approx(clock.now() - BACK - 1.0 + DEPTH, abs=0.06)


@pytest.mark.fault(47)
def test_a_device_that_is_away_at_the_start_is_refused_once_and_waited_for_afterwards(rig):
    """A start by a person ends in a sentence; a player that is started again plays on unheard."""
    desk, clock, run = rig
    desk.there = False
    settings = PlayerSettings(sink="portaudio", device="head")
    with pytest.raises(DeviceError, match="is not there"):
        Outlet(settings, clock)
    outlet = Outlet(settings, clock, again=True)
    assert run(outlet, 2.0) == pytest.approx((2.0 + DEPTH) * RATE, abs=3 * BLOCK)
    assert outlet.facts()["device"] == "lost"
    desk.there = True
    run(outlet, 1.0)
    assert outlet.facts()["device"] == "there"


@pytest.mark.fault(47)
def test_nothing_is_asked_for_where_there_is_no_device(rig):
    """`auto` without a name: the music goes to the recording, and that is said."""
    desk, clock, run = rig
    desk.there = False
    outlet = Outlet(PlayerSettings(), clock)
    run(outlet, 3.0)
    assert outlet.name == "null"
    assert outlet.facts()["device"] == "none"
    assert "heard-NN.flac only" in outlet.note
    assert desk.lists == 0


def test_a_search_that_hangs_ends_the_process(rig):
    """PortAudio itself may wait for ever; a new process begins with a new one."""
    desk, clock, _ = rig
    outlet = opened(clock)
    desk.hang = threading.Event()
    desk.streams[-1].active = False
    outlet.room()
    clock.advance(HANGS - 0.5)
    outlet.check()
    clock.advance(1.0)
    with pytest.raises(DeviceError, match="hung for 10 s"):
        outlet.check()
    desk.hang.set()


def test_interruptions_of_every_stream_are_counted_together(rig):
    """Also those of before the device was lost."""
    desk, clock, run = rig
    outlet = opened(clock)
    run(outlet, 6.0)
    stand_still(desk, clock, 0.4)
    run(outlet, 1.0)
    assert outlet.xruns == 1
    missing = outlet.missing
    assert missing == pytest.approx(0.4 - DEPTH, abs=0.05)
    desk.streams[-1].active = False
    run(outlet, 3.0)
    assert (outlet.xruns, outlet.missing) == (1, missing)
    assert outlet.facts()["xrun_ms"] == round(1000 * missing)
    outlet.close()
    assert all(one.closed for one in desk.streams)


def test_a_player_that_stood_still_interrupts_and_loses_no_device(rig):
    """Three seconds in which this process got nothing: told with their length, nothing reopened."""
    desk, clock, run = rig
    outlet = opened(clock)
    run(outlet, 6.0)
    stand_still(desk, clock, 3.0)
    run(outlet, 1.0)
    assert outlet.facts()["device"] == "there"
    assert (len(desk.streams), desk.lists, outlet.xruns) == (1, 0, 1)
    assert outlet.missing == pytest.approx(3.0 - DEPTH, abs=0.05)


def test_a_monitor_that_hangs_leaves_the_music_alone(rig):
    """It is told, and no new process begins; only a lost device that hangs is worth one."""
    desk, clock, _ = rig
    outlet = opened(clock, monitor="speakers")
    desk.hang = threading.Event()
    outlet.room()
    clock.advance(HANGS + 1.0)
    outlet.check()
    assert "hung for 10 s over monitor or microphone" in outlet.note
    desk.streams[0].active = False
    outlet.room()
    with pytest.raises(DeviceError, match="hung for 10 s"):
        outlet.check()
    desk.hang.set()


def test_a_monitor_is_never_the_participants_own_device(rig):
    """By whatever name: the same sound twice would be louder than limiter and cap allow."""
    desk, clock, run = rig
    outlet = opened(clock, monitor="usb")
    run(outlet, 3.0)
    assert outlet.facts()["monitor"] == "lost"
    assert "'usb' is 'USB Headphones', which the participant listens to" in outlet.note
    assert len(desk.streams) == 2
    assert desk.streams[1].closed
    outlet = opened(clock, monitor="speakers")
    run(outlet, 3.0)
    assert (outlet.facts()["monitor"], outlet.note) == ("there", "")


@pytest.mark.fault(47)
def test_a_device_that_is_opened_again_and_never_wakes_is_tried_anew(rig):
    """A stream that gives nothing away must not be waited for without end."""
    desk, clock, run = rig
    outlet = opened(clock)
    run(outlet, 6.0)
    desk.streams[-1].active = False
    for _ in range(round(WAKES / 0.01) + 100):
        outlet.room()
        clock.advance(0.01)
        outlet._aside.wait(5.0)
    assert len(desk.streams) == 3
    assert desk.streams[1].closed
    run(outlet, 1.0)
    assert outlet.facts()["device"] == "there"


def test_the_calibrated_device_is_waited_for_and_known_by_its_name(rig):
    """By its whole name, where a player is started again while it is away; no other one will do."""
    desk, clock, run = rig
    desk.there = False
    known = {"sink": "portaudio", "device": "head", "calibrated_device": "USB Headphones"}
    outlet = Outlet(PlayerSettings(full_scale_dba=100.0, **known), clock, again=True)
    assert outlet.name == "USB Headphones"
    run(outlet, 1.0)
    desk.there = True
    run(outlet, 1.0)
    assert (outlet.name, desk.wanted[-1]) == ("USB Headphones", "USB Headphones")
    desk.there = False
    other = Outlet(PlayerSettings(**{**known, "calibrated_device": "Speakers"}), clock, again=True)
    assert other.name == "head"


def test_a_device_that_is_too_slow_for_a_stop_is_told(rig, monkeypatch):
    """Bluetooth adds what nobody asked for: how late a stop is, and what helps."""
    _, clock, _ = rig
    assert opened(clock).note == ""
    monkeypatch.setattr(Stream, "latency", 0.2)
    note = opened(clock).note
    assert "a stop is silence after 0.61 s, not 0.5 s" in note
    assert "adds 0.20 s" in note
