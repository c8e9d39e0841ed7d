"""Real outlets are found, checked and read; what does not fit is refused with a remedy."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import numpy as np
import pylsl
import pytest

from rym.clock import ManualClock, SystemClock
from rym.errors import DeviceError, SignalError
from rym.messages import ClockOffset
from stream.inlet import EegInlet
from stream.items import Chunk, Item
from stream.lsl import Seen, Tap, listing
from stream.montage import ENOBIO20
from stream.settings import StreamSettings

pytestmark = pytest.mark.real
CLOCK = SystemClock()


def settings(**other) -> StreamSettings:
    """Return settings that look for the tests' own stream."""
    return StreamSettings(**{"source_id": "nic-1", "wait": 3.0, **other})


async def take(inlet: EegInlet, enough: Callable[[list[Item]], bool]) -> list[Item]:
    """Return what arrives until it is enough."""
    items: list[Item] = []
    async with aclosing(inlet.items()) as arriving:
        async for item in arriving:
            items.append(item)
            if enough(items):
                break
    return items


def count(items: list[Item]) -> int:
    """Return the number of samples."""
    return sum(len(item.samples) for item in items if isinstance(item, Chunk))


def within(seconds: float, work: Awaitable[list[Item]]) -> list[Item]:
    """Run until done, at most so long."""

    async def limited() -> list[Item]:
        return await asyncio.wait_for(work, seconds)

    return asyncio.run(limited())


@pytest.mark.parametrize("dialect", ["nic1", "nic2", "standard"])
def test_every_dialect_is_read(send, dialect: str) -> None:
    """Names and unit come from NIC's own XML as from LSL's standard one."""
    send(dialect=dialect, unit="nanovolts")
    inlet = EegInlet(settings(channels=("Cz", "T3")), CLOCK)
    assert inlet.signal == (ENOBIO20, 500.0, "nanovolts", 1e-3)
    assert inlet.declared.name == ("NIC" if dialect == "nic1" else "NIC-EEG")
    assert inlet.declared.labels == ENOBIO20


def test_nic_s_four_streams_are_told_apart_by_type(send) -> None:
    """All are named alike; the type finds the EEG among them."""
    send()
    seen = [stream for stream in listing(0.5) if stream.source_id.startswith("nic-1")]
    assert {stream.name for stream in seen} == {"NIC"}
    kinds = sorted(stream.kind for stream in seen)
    assert kinds == ["Accelerometer", "EEG", "Markers", "Quality"]
    assert EegInlet(settings(source_id="", lsl_name="NIC"), CLOCK).declared.source_id == "nic-1"


def find(source_id: str) -> Seen:
    """Return the stream with this source id."""
    (seen,) = [stream for stream in listing(0.5) if stream.source_id == source_id]
    return seen


def test_a_tap_hands_out_numbers_and_text_as_they_were_sent() -> None:
    """In the stream's own type, with its stamps, its header and the offset of its clock."""
    numbers = pylsl.StreamOutlet(pylsl.StreamInfo("n", "Aux", 2, 100.0, "int16", "tap-n"))
    words = pylsl.StreamOutlet(pylsl.StreamInfo("w", "Markers", 1, 0.0, "string", "tap-w"))
    taps = [Tap(find("tap-n"), CLOCK), Tap(find("tap-w"), CLOCK)]
    numbers.push_chunk([[1, -2], [3, 30_000]], 50.0)
    words.push_sample(["ü 7"], 51.5)
    samples, stamps = taps[0].pull(5.0)
    assert samples.dtype == np.int16
    assert samples.tolist() == [[1, -2], [3, 30_000]]
    assert stamps.tolist() == pytest.approx([49.99, 50.0])
    text, when = taps[1].pull(5.0)
    assert (text, when.tolist()) == ([["ü 7"]], [51.5])
    for tap, kind in zip(taps, ("Aux", "Markers"), strict=True):
        assert (tap.seen.kind, f"<type>{kind}</type>" in tap.header) == (kind, True)
        offset, uncertainty = tap.offset(5.0)
        assert abs(offset) < 0.01
        assert 0 <= uncertainty < 0.1
        assert len(tap.pull(0.0)[1]) == 0
        tap.close()
    assert taps[0].seen[5:] == (2, 100.0, "int16")


def test_a_tap_says_when_its_stream_is_gone_for_good() -> None:
    """One without a source id cannot come back."""
    outlets = [pylsl.StreamOutlet(pylsl.StreamInfo("gone", "Aux", 1, 100.0, "float32", ""))]
    (seen,) = [stream for stream in listing(0.5) if stream.name == "gone"]
    tap = Tap(seen, CLOCK)
    outlets.clear()
    with pytest.raises(SignalError, match=r"gone \(type Aux, source id none\) .* ended"):
        tap.pull(20.0)


def test_two_matching_streams_are_refused(send) -> None:
    """Both are listed; none is picked."""
    send()
    send("nic-2")
    with pytest.raises(SignalError, match="2 LSL streams match type 'EEG'") as error:
        EegInlet(settings(source_id=""), CLOCK)
    assert {stream.source_id for stream in error.value.facts["streams"]} == {"nic-1", "nic-2"}
    assert "nic-1" in error.value.error
    assert "nic-2" in error.value.error
    assert "source_id" in error.value.remedy


def test_a_missing_stream_is_refused(send) -> None:
    """What was looked for and what was seen instead stand in the sentence."""
    send("nic-2")
    wanted = "No LSL stream with type 'EEG', source id 'nic-1' was found within 0.5 s"
    with pytest.raises(SignalError, match=re.escape(wanted)) as error:
        EegInlet(settings(wait=0.5), CLOCK)
    assert "NIC (type EEG, source id nic-2) on " in error.value.error
    assert "firewall" in error.value.remedy


def test_another_host_is_no_match(send) -> None:
    """The host, where given, must be the stream's."""
    send()
    with pytest.raises(SignalError, match="host 'elsewhere'"):
        EegInlet(settings(wait=0.5, lsl_host="elsewhere"), CLOCK)


def test_a_wrong_rate_is_refused(send) -> None:
    """Declared and expected rate stand in the sentence."""
    send(rate=250.0)
    with pytest.raises(SignalError, match="declares 250 Hz, expected are 500 Hz"):
        EegInlet(settings(rate=500.0), CLOCK)


def test_missing_channels_are_refused(send) -> None:
    """They are named, beside those that are there."""
    send(channels=("Cz", "Pz"))
    with pytest.raises(SignalError, match="lacks Fz, O1; it has Cz, Pz"):
        EegInlet(settings(channels=("Cz", "Fz", "O1")), CLOCK)


def test_another_clock_is_refused() -> None:
    """A rig whose clock is not LSL's is not started."""
    with pytest.raises(DeviceError, match="may differ by 1 ms"):
        EegInlet(settings(), ManualClock(5.0))


def test_samples_arrive_as_they_were_sent(send, cap) -> None:
    """From the very first sample on, with their raw stamps, after the clock offset, none late."""
    signal = cap(1000, 20)
    send(signal=signal)
    before = CLOCK.now()
    items = within(20, take(EegInlet(settings(), CLOCK), lambda items: count(items) >= 1000))
    offset, *chunks = items
    assert isinstance(offset, ClockOffset)
    assert (abs(offset.offset) < 0.01, offset.from_sample) == (True, 0)
    assert 0 <= offset.uncertainty < 0.1
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks]), signal)
    stamps = np.concatenate([chunk.stamps for chunk in chunks])
    assert np.diff(stamps) == pytest.approx(1 / 500, abs=1e-6)
    assert before < stamps[0] < CLOCK.now()
    assert not any(chunk.late for chunk in chunks)


def test_offsets_are_measured_again(send) -> None:
    """Every few seconds; each holds from the next sample on."""
    send()
    inlet = EegInlet(settings(offset_every=0.2), CLOCK)
    items = within(20, take(inlet, lambda items: count(items) >= 500))
    seen = 0
    offsets = []
    for item in items:
        if isinstance(item, ClockOffset):
            assert item.from_sample == seen
            offsets.append(item)
        else:
            seen += len(item.samples)
    assert len(offsets) >= 3


@pytest.mark.parametrize(("form", "factor"), [("int16", 1), ("double64", 1), ("int32", 1000)])
def test_other_number_formats_are_converted(form: str, factor: int) -> None:
    """Integers and doubles become float32 in µV."""
    info = pylsl.StreamInfo("other", "EEG", 2, 500.0, form, f"other-{form}")
    for name in ("O1", "O2"):
        channel = info.desc().append_child("channel")
        channel.append_child_value("name", name)
        channel.append_child_value("unit", "nV" if factor == 1000 else "µV")
    outlet = pylsl.StreamOutlet(info)
    inlet = EegInlet(settings(source_id=f"other-{form}"), CLOCK)

    async def run() -> list[Item]:
        taking = asyncio.create_task(take(inlet, lambda items: count(items) >= 3))
        while not outlet.have_consumers():
            await asyncio.sleep(0.01)
        sent = np.array([[1, -2], [3, 4], [30_000, 0]]) * factor
        outlet.push_chunk(sent.tolist(), CLOCK.now())
        return await taking

    samples = np.concatenate([i.samples for i in within(20, run()) if isinstance(i, Chunk)])
    assert samples.dtype == np.float32
    assert samples.tolist() == [[1, -2], [3, 4], [30_000, 0]]


def test_a_text_stream_is_refused() -> None:
    """EEG is numbers."""
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("words", "EEG", 1, 0.0, "string", "words-1"))
    with pytest.raises(SignalError, match="words carries text"):
        EegInlet(settings(source_id="words-1"), CLOCK)
    del outlet


def test_backlog_comes_marked_as_late(send) -> None:
    """What is older than the limit on its arrival is late, what is fresh is live."""
    sender = send()
    sender.stop.set()
    sender.join()
    inlet = EegInlet(settings(), CLOCK)

    async def run() -> list[Item]:
        taking = asyncio.create_task(take(inlet, lambda items: count(items) >= 1000))
        while not sender.outlets.has_consumer():
            await asyncio.sleep(0.01)
        sender.outlets.push_eeg(np.zeros((1000, 20), np.float32), CLOCK.now())
        return await taking

    _, late, live = within(20, run())
    assert (late.late, live.late) == (True, False)
    assert len(late.samples) == pytest.approx(500, abs=25)


SOURCE = """
import numpy as np
from rym.clock import SystemClock
from stream.outlets import NicOutlets
from stream.montage import ENOBIO20
import threading
clock, wait = SystemClock(), threading.Event().wait
outlets = NicOutlets(name="NIC", source_id="nic-killed", channels=ENOBIO20, rate=500.0)
rng = np.random.default_rng(0)
while True:
    wait(0.05)
    outlets.push_eeg(rng.normal(0, 10, (25, 20)).astype(np.float32), clock.now())
"""


def test_a_killed_sender_that_comes_back_is_heard_again() -> None:
    """SIGKILL, a second of nothing, a new process with the same source id: the inlet goes on."""

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SOURCE])

    sources = [start()]
    try:
        inlet = EegInlet(settings(source_id="nic-killed", wait=10.0), CLOCK)

        async def run() -> list[Item]:
            items: list[Item] = []
            async with aclosing(inlet.items()) as arriving:
                async for item in arriving:
                    items.append(item)
                    if len(sources) == 1 and count(items) >= 100:
                        sources[0].kill()
                        sources[0].wait()
                        await asyncio.sleep(1.0)
                        sources.append(start())
                        before = count(items)
                    if len(sources) == 2 and count(items) >= before + 100:
                        return items
            return items

        items = within(40, run())
        stamps = np.concatenate([item.stamps for item in items if isinstance(item, Chunk)])
        assert np.diff(stamps).max() > 1.0
        assert count(items) >= 200
    finally:
        for source in sources:
            source.kill()
            source.wait()


