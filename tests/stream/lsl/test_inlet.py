"""Real outlets are found, checked and read; what does not fit is refused with a remedy."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from threading import Event, Thread

import numpy as np
import numpy.typing as npt
import pylsl
import pytest

from rym.clock import SystemClock
from rym.errors import SignalError
from rym.messages import ClockOffset
from stream.items import Chunk, Item, Side
from stream.line import StreamLine
from stream.lsl.inlet import Arrivals, EegInlet
from stream.lsl.outlets import NicOutlets
from stream.lsl.taps import listing
from stream.montage import ENOBIO20
from stream.settings import StreamSettings

pytestmark = pytest.mark.real
CLOCK = SystemClock()


@pytest.fixture(autouse=True)
def _near(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the test's own host every stream answers at once."""
    monkeypatch.setattr("stream.lsl.taps.RESOLVE_S", 0.4)


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
    assert inlet.signal[:4] == (ENOBIO20, 500.0, "nanovolts", 1e-3)
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


@pytest.mark.fault(3)
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


@pytest.mark.fault(16)
def test_a_wrong_rate_is_refused(send) -> None:
    """Declared and expected rate stand in the sentence."""
    send(rate=250.0)
    with pytest.raises(SignalError, match="declares 250 Hz, expected are 500 Hz"):
        EegInlet(settings(rate=500.0), CLOCK)


@pytest.mark.fault(17)
def test_missing_channels_are_refused(send) -> None:
    """They are named, beside those that are there."""
    send(channels=("Cz", "Pz"))
    with pytest.raises(SignalError, match="lacks Fz, O1; it has Cz, Pz"):
        EegInlet(settings(channels=("Cz", "Fz", "O1")), CLOCK)


def test_samples_arrive_as_they_were_sent(send, cap) -> None:
    """From the very first sample on, with their raw stamps, after the clock offset, none late."""
    signal = cap(500, 20)
    send(signal=signal)
    before = CLOCK.now()
    items = within(20, take(EegInlet(settings(), CLOCK), lambda items: count(items) >= 500))
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
    inlet = EegInlet(settings(offset_every=0.1), CLOCK)
    items = within(20, take(inlet, lambda items: count(items) >= 250))
    seen = 0
    offsets = []
    for item in items:
        if isinstance(item, ClockOffset):
            assert item.from_sample == seen
            offsets.append(item)
        else:
            seen += len(item.samples)
    assert len(offsets) >= 3


@pytest.mark.fault(19)
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


@pytest.mark.fault(19)
def test_a_text_stream_is_refused() -> None:
    """EEG is numbers."""
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("words", "EEG", 1, 0.0, "string", "words-1"))
    with pytest.raises(SignalError, match="words carries text"):
        EegInlet(settings(source_id="words-1"), CLOCK)
    del outlet


@pytest.mark.fault(4)
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

    chunks = [item for item in within(20, run()) if isinstance(item, Chunk)]
    late = [chunk.late for chunk in chunks]
    assert late == sorted(late, reverse=True)
    assert set(late) == {True, False}
    assert sum(len(chunk.samples) for chunk in chunks if chunk.late) == pytest.approx(500, abs=25)


SOURCE = """
import sys, threading
import numpy as np
from rym.clock import SystemClock
from stream.lsl.outlets import NicOutlets
clock, wait = SystemClock(), threading.Event().wait
name, source_id = sys.argv[1:]
outlets = NicOutlets(
    name=name, source_id=source_id, channels=("Cz", "Pz"), rate=500.0, dialect="nic1"
)
rng = np.random.default_rng(0)
while True:
    wait(0.05)
    outlets.push_eeg(rng.normal(0, 10, (25, 2)).astype(np.float32), clock.now())
"""


class Processes:
    """Senders as processes of their own, to be killed."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, source_id: str) -> subprocess.Popen[bytes]:
        """Start one; it is on the network within a second."""
        self.all.append(subprocess.Popen([sys.executable, "-c", SOURCE, name, source_id]))
        return self.all[-1]

    def kill(self) -> None:
        """SIGKILL all that run."""
        for process in self.all:
            process.kill()
            process.wait()


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Return a starter of senders; none outlives the test."""
    started = Processes()
    yield started
    started.kill()


async def across(
    inlet: EegInlet,
    outage: Callable[[], Awaitable[None]],
    enough: Callable[[list[Item]], bool] = lambda after: count(after) >= 100,
) -> list[Item]:
    """Take samples, cause an outage beside it, and take items again until it is enough."""
    items: list[Item] = []
    causing: asyncio.Task[None] | None = None
    start = 0
    async with aclosing(inlet.items()) as arriving:
        async for item in arriving:
            items.append(item)
            if causing is None and count(items) >= 50:
                causing = asyncio.ensure_future(outage())
            elif causing is not None and causing.done():
                causing.result()
                start = start or len(items)
                if enough(items[start:]):
                    break
    return items


def stamps_of(items: list[Item]) -> npt.NDArray[np.float64]:
    """Return all raw stamps."""
    return np.concatenate([item.stamps for item in items if isinstance(item, Chunk)])


@pytest.mark.fault(1)
def test_fault_1_a_sender_that_stands_still_goes_on(processes: Processes) -> None:
    """0.3 s and 2 s: the same sender, nothing is asked, the gaps show in the stamps."""
    process = processes.start("NIC", "nic-still")
    inlet = EegInlet(settings(source_id="nic-still", wait=10.0), CLOCK)
    away: list[bool] = []

    async def stand_still() -> None:
        for seconds in (0.3, 2.0):
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            away.append(inlet.away())
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.3)

    items = within(30, across(inlet, stand_still))
    short, long = np.sort(np.diff(stamps_of(items)))[-2:]
    assert 0.15 < short < 1.0
    assert 1.8 < long < 3.0
    assert away == [False, True]
    assert (inlet.away(), inlet.facts()["returns"]) == (False, 0)


@pytest.mark.fault(1)
@pytest.mark.fault(2)
@pytest.mark.parametrize("source_id", ["nic-killed", ""])
def test_faults_1_and_2_a_killed_sender_that_comes_back_is_heard_again(
    processes: Processes, source_id: str
) -> None:
    """SIGKILL, nothing, a new process: found by its id, or by name, type and host."""
    processes.start("NIC killed", source_id)
    wanted = settings(source_id=source_id, lsl_name="NIC killed", wait=10.0)
    inlet = EegInlet(wanted, CLOCK)
    first, uid = inlet.declared.uid, inlet.facts()["uid"]

    async def die_and_come_back() -> None:
        processes.kill()
        processes.start("NIC killed", source_id)

    def heard(after: list[Item]) -> bool:
        new = [item for item in after if isinstance(item, ClockOffset) and item.stream != first]
        return count(after) >= 100 and len(new) >= 1

    items = within(40, across(inlet, die_and_come_back, heard))
    assert np.diff(stamps_of(items)).max() > 0.5
    facts = inlet.facts()
    assert (facts["returns"], facts["host_changed"], facts["uid"] != uid) == (1, False, True)


@pytest.mark.fault(2)
@pytest.mark.fault(3)
@pytest.mark.parametrize("others", [["b"], ["b", "c"]])
def test_fault_2_another_sender_is_taken_only_if_it_may_and_is_the_only_one(
    processes: Processes, send, monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    """Another id in the place of the old one; of two such, none is picked and both are listed."""
    monkeypatch.setattr("stream.lsl.inlet.QUIET_S", 0.3)
    processes.start("NIC new", "a")
    wanted = settings(source_id="", lsl_name="NIC new", wait=10.0, accept_new_sender=True)
    inlet = EegInlet(wanted, CLOCK)

    async def replaced() -> None:
        processes.kill()
        for source_id in others:
            send(source_id, name="NIC new", channels=("Cz", "Pz"))

    work = across(inlet, replaced)
    if len(others) == 1:
        assert count(within(30, work)) >= 150
        assert inlet.facts()["returns"] == 1
    else:
        with pytest.raises(SignalError, match=r"2 LSL streams could follow NIC new .* id b.* id c"):
            within(30, work)


@pytest.mark.fault(2)
@pytest.mark.fault(17)
def test_a_sender_that_comes_back_from_another_machine_is_measured_first(
    send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is another one: the offset comes before its first sample; the change is told."""
    send()
    inlet = EegInlet(settings(), CLOCK)
    tap = inlet._tap
    waited: list[float] = []

    def pull(_: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        back = not waited
        if back:
            tap.seen = tap.seen._replace(host="elsewhere", uid="new")
        tap._back = back
        n = 0 if back else 5
        return np.zeros((n, 20), np.float32), np.full(n, CLOCK.now() - 700.0)

    monkeypatch.setattr(tap, "pull", pull)
    monkeypatch.setattr(tap, "offset", lambda within: waited.append(within) or (700.0, 1e-4))
    items: list[Item] = []
    inlet._take(items.append)
    inlet._take(items.append)
    assert waited[0] > 1.0
    assert isinstance(items[0], ClockOffset)
    assert (items[0].stream, items[0].offset, count(items)) == ("new", 700.0, 5)
    assert (inlet.facts()["host_changed"], inlet.facts()["returns"]) == (True, 1)


def test_a_sender_that_comes_back_with_other_channels_is_refused(
    processes: Processes, send
) -> None:
    """Its id is the same, its cap is not: what was called Pz is now O1."""
    processes.start("NIC", "nic-cap")
    inlet = EegInlet(settings(source_id="nic-cap", wait=10.0), CLOCK)

    async def come_back() -> None:
        processes.kill()
        send("nic-cap", channels=("Cz", "O1"))

    with pytest.raises(SignalError, match=r"another signal: channels was .*'Pz'.* is .*'O1'"):
        within(30, across(inlet, come_back, lambda _: False))


@pytest.mark.fault(4)
@pytest.mark.fault(10)
def test_fault_4_what_waited_here_is_late_and_nothing_is_lost(send, cap) -> None:
    """The loop stands still for 1 s: every sample is there, but only the end of it as live."""
    sent = cap(1000, 20)
    send(signal=sent)
    inlet = EegInlet(settings(max_age=0.5), CLOCK)
    ages: list[float] = []

    async def run() -> list[Item]:
        items: list[Item] = []
        async with aclosing(inlet.items()) as arriving:
            async for item in arriving:
                items.append(item)
                if isinstance(item, Chunk) and not item.late:
                    ages.append(CLOCK.now() - float(item.stamps[0]))
                if isinstance(item, Chunk) and count(items) == 250:
                    Event().wait(1.0)
                if count(items) == 1000:
                    break
        return items

    chunks = [item for item in within(30, run()) if isinstance(item, Chunk)]
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks]), sent)
    late = sum(len(chunk.samples) for chunk in chunks if chunk.late)
    assert 150 <= late <= 400
    assert max(ages) < 0.6


@pytest.mark.parametrize("jump", [3600.0, -0.3, -3600.0])
def test_fault_8_a_clock_that_was_set_is_measured_at_once(
    cap, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """Its new offset is taken when liblsl has it, and nothing from the future is shown as live.

    Until then stamps that lie ahead may be corrected by when they arrive.
    """
    sent = cap(500, 2)
    outlets = NicOutlets(name="N", source_id="clock-set", channels=("Cz", "Pz"), rate=500.0)
    inlet = EegInlet(settings(source_id="clock-set", offset_every=60.0), CLOCK)
    known = [0.0]
    monkeypatch.setattr("stream.lsl.inlet.Tap.offset", lambda *_: (known[-1], 1e-4))
    ages: list[float] = []

    async def push() -> None:
        while not outlets.has_consumer():
            await asyncio.sleep(0.01)
        for first in range(0, 500, 50):
            if first == 350:
                known.append(-jump)
            by = jump if first >= 250 else 0.0
            outlets.push_eeg(sent[first : first + 50], CLOCK.now() + by)
            await asyncio.sleep(0.05)

    async def run() -> list[Item]:
        pushing = asyncio.create_task(push())
        items: list[Item] = []
        async with aclosing(inlet.items()) as arriving:
            async for item in arriving:
                items.append(item)
                if isinstance(item, ClockOffset):
                    ages.clear()
                elif isinstance(item, Chunk) and not item.late:
                    ages.append(CLOCK.now() - float(item.stamps[-1]) + jump * (count(items) > 250))
                if count(items) == 500:
                    break
        await pushing
        return items

    items = within(20, run())
    offsets = [(item.offset, item.from_sample) for item in items if isinstance(item, ClockOffset)]
    assert (offsets[0][0], offsets[-1][0]) == (0.0, -jump)
    assert all(abs(offset + jump) < 0.3 for offset, _ in offsets[1:])
    assert len(offsets) == 2 or jump > 1
    assert 250 <= offsets[1][1] <= offsets[-1][1] <= 400
    late = [item for item in items if isinstance(item, Chunk) and item.late]
    assert count(late) == (offsets[1][1] - 250 if abs(jump) > 1 else 0)
    assert 0 <= min(ages) <= max(ages) < 0.3
    samples = np.concatenate([item.samples for item in items if isinstance(item, Chunk)])
    assert np.array_equal(samples, sent)


@pytest.mark.fault(18)
def test_fault_18_bursts_and_chunks_change_nothing(cap) -> None:
    """One by one with a stall of 0.6 s, or all at once: the same windows, bit by bit.

    The stall is shorter than the age from which samples count as late.
    """
    sent = cap(1250, 2)
    found = []
    for size in (1, 1250):
        outlets = NicOutlets(name="N", source_id=f"burst-{size}", channels=("Cz", "Pz"), rate=500.0)
        inlet = EegInlet(settings(source_id=f"burst-{size}", max_age=5.0), CLOCK)

        async def push(outlets: NicOutlets = outlets, size: int = size) -> None:
            while not outlets.has_consumer():
                await asyncio.sleep(0.01)
            start = CLOCK.now() - 2.5
            for first in range(0, 1250, size):
                part = sent[first : first + size]
                outlets.push_eeg(part, start + (first + len(part) - 1) / 500)
                if first == 600:
                    await asyncio.sleep(0.6)

        async def run(inlet: EegInlet = inlet, push: Callable = push) -> list[Item]:
            pushing = asyncio.create_task(push())
            items = await take(inlet, lambda items: count(items) >= 1250)
            await pushing
            return items

        line = StreamLine(settings(), inlet.signal.channels, inlet.signal.rate)
        windows = [window for item in within(20, run()) for window, _ in line.feed(item)]
        found.append([(w.segment, w.first_sample, w.samples.tobytes()) for w in windows])
    assert len(found[0]) == 7
    assert found[0] == found[1]


def test_the_loop_is_woken_once_for_all_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bursts from a thread: all of it in order, one wake each; then the end."""

    async def run() -> None:
        loop, wakes = asyncio.get_running_loop(), []
        wake = loop.call_soon_threadsafe
        monkeypatch.setattr(
            loop, "call_soon_threadsafe", lambda call: wakes.append(wake(call)), raising=True
        )
        arrivals = Arrivals(loop)
        for burst in (range(1000), range(1000, 1500)):
            waiting = asyncio.create_task(arrivals.more())
            await asyncio.sleep(0)
            assert not waiting.done()
            chunks = [Chunk(np.zeros((k, 1), np.float32), np.zeros(k)) for k in burst]
            thread = Thread(target=lambda chunks=chunks: [arrivals.put(one) for one in chunks])
            thread.start()
            thread.join()
            assert await asyncio.wait_for(waiting, 5.0)
            assert [count([arrivals.waiting.popleft()]) for _ in burst] == list(burst)
        assert len(wakes) == 2
        arrivals.end(None)
        assert not await asyncio.wait_for(arrivals.more(), 5.0)

    asyncio.run(run())


def test_nothing_waits_for_a_wake_that_never_comes() -> None:
    """Two threads put items one by one while the loop takes them: none is left lying."""

    async def run() -> list[Item]:
        arrivals = Arrivals(asyncio.get_running_loop())

        def put() -> None:
            for _ in range(3000):
                arrivals.put(Chunk(np.zeros((1, 1), np.float32), np.zeros(1)))

        tasks = [asyncio.create_task(asyncio.to_thread(put)) for _ in range(2)]
        items: list[Item] = []
        while len(items) < 6000 and await arrivals.more():
            items.append(arrivals.waiting.popleft())
        await asyncio.wait(tasks)
        return items

    assert len(within(20, run())) == 6000


def test_the_device_s_other_streams_come_along(send) -> None:
    """Motion, quality and markers in the order of their arrival; a lost one ends nothing."""
    sender = send()
    inlet = EegInlet(settings(), CLOCK)

    async def run() -> list[Item]:
        items: list[Item] = []
        async with aclosing(inlet.items()) as arriving:
            async for item in arriving:
                items.append(item)
                if isinstance(item, Chunk) and count(items) == 250:
                    now = CLOCK.now()
                    sender.outlets.push_accelerometer(np.ones((4, 3), np.float32), now)
                    sender.outlets.push_quality(np.full(20, 0.25, np.float32))
                    sender.outlets.push_marker(7, now)
                if isinstance(item, Chunk) and count(items) == 500:
                    sender.outlets._markers = sender.outlets._quality = None
                if count(items) == 1000:
                    break
        return items

    items = within(20, run())
    assert isinstance(items[0], ClockOffset)
    sides = {item.kind: item for item in items if isinstance(item, Side)}
    assert sides["accelerometer"].samples.tolist() == [[1, 1, 1]] * 4
    assert sides["quality"].samples.tolist() == [[0.25] * 20]
    assert sides["markers"].samples.tolist() == [[7]]
    assert all(item.samples.dtype == np.float32 for item in sides.values())
    assert inlet.facts()["sides"] == "accelerometer"


def test_without_sides_nothing_else_is_opened(send) -> None:
    """The setting leaves the other streams alone."""
    sender = send()
    inlet = EegInlet(settings(sides=False), CLOCK)

    async def run() -> list[Item]:
        taking = asyncio.create_task(take(inlet, lambda items: count(items) >= 250))
        await asyncio.sleep(0.3)
        sender.outlets.push_marker(7, CLOCK.now())
        return await taking

    assert not any(isinstance(item, Side) for item in within(20, run()))


def test_text_markers_are_whole_numbers_or_skipped() -> None:
    """What is no number is counted; acceleration in g becomes mm/s²."""
    infos = {
        "EEG": pylsl.StreamInfo("S", "EEG", 1, 500.0, "float32", "text-1"),
        "ACC": pylsl.StreamInfo("S", "ACC", 3, 52.0, "float32", "text-2"),
        "Markers": pylsl.StreamInfo("S", "Markers", 1, 0.0, "string", "text-3"),
    }
    for kind, labels, unit in (("EEG", ["Cz"], "uV"), ("ACC", ["X", "Y", "Z"], "g")):
        channels = infos[kind].desc().append_child("channels")
        for label in labels:
            channel = channels.append_child("channel")
            channel.append_child_value("label", label)
            channel.append_child_value("unit", unit)
    outlets = {kind: pylsl.StreamOutlet(info) for kind, info in infos.items()}
    inlet = EegInlet(settings(source_id="text-1"), CLOCK)

    async def push() -> None:
        while not all(outlet.have_consumers() for outlet in outlets.values()):
            await asyncio.sleep(0.01)
        for word in ("12", "start", "9" * 400, "-3"):
            outlets["Markers"].push_sample([word], CLOCK.now())
        outlets["ACC"].push_sample([1.0, 0.0, -1.0], CLOCK.now())
        while True:
            outlets["EEG"].push_sample([1.0], CLOCK.now())
            await asyncio.sleep(0.01)

    async def run() -> list[Item]:
        pushing = asyncio.create_task(push())
        wanted = {"markers", "accelerometer"}
        items = await take(
            inlet, lambda items: wanted <= {i.kind for i in items if isinstance(i, Side)}
        )
        pushing.cancel()
        return items

    sides = {item.kind: item for item in within(20, run()) if isinstance(item, Side)}
    assert sides["markers"].samples.tolist() == [[12], [-3]]
    assert sides["accelerometer"].samples == pytest.approx(np.array([[9806.65, 0, -9806.65]]))
    assert inlet.facts()["markers_skipped"] == 2
    assert "quality: no such stream" in str(inlet.facts()["sides_missing"])
