"""The service publishes what arrives as windows, records it, and can be replayed from its file."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import pyxdf

from rym.bus import ALL, MemoryHub
from rym.clock import SystemClock
from rym.codec import content_bytes
from rym.errors import SignalError
from rym.lifeline import Lifeline
from rym.messages import Message
from rym.service import Shell
from rym.topics import CLOCK, MARKER, QUALITY, STATUS, WINDOW
from stream.files.xdf import read_stream, replay_file
from stream.items import Chunk
from stream.line import StreamLine
from stream.montage import ENOBIO20
from stream.service import Timely, _sentence, free_name, serve
from stream.settings import StreamSettings

pytestmark = pytest.mark.real


def settings(**other) -> StreamSettings:
    """Return settings that look for the tests' own stream."""
    return StreamSettings(**{"source_id": "nic-1", "wait": 3.0, **other})


class Run:
    """A running service, and everything that it has published."""

    work: asyncio.Task[None]

    def __init__(self, shell: Shell, hub: MemoryHub) -> None:
        listener = hub.bus("test", shell.clock, 1)
        topics = (WINDOW, QUALITY, CLOCK, MARKER, STATUS["stream"])
        self._mailbox = listener.subscribe(*topics, overload=ALL)
        self._messages: list[Message] = []

    def of(self, topic) -> list[Message]:
        """Return the messages of one topic so far."""
        self._messages += self._mailbox.drain()
        return [message for message in self._messages if message.id.topic == topic.short]


@asynccontextmanager
async def running(folder: Path | None, wanted: StreamSettings) -> AsyncIterator[Run]:
    """Serve beside the body; what it raises is raised here."""
    hub, clock = MemoryHub(), SystemClock()
    shell = Shell(hub.bus("stream", clock, 7), clock, Lifeline(), folder)
    run = Run(shell, hub)
    work = run.work = asyncio.create_task(serve(shell, wanted))
    try:
        yield run
    finally:
        work.cancel()
        await asyncio.wait([work])
        if not work.cancelled():
            work.result()


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something holds."""
    for _ in range(round(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def windows(folder: Path | None, n: int, wanted: StreamSettings | None = None) -> Run:
    """Serve until `n` windows have come."""

    async def run() -> Run:
        async with running(folder, wanted or settings()) as service:
            await until(lambda: len(service.of(WINDOW)) >= n)
        return service

    return asyncio.run(run())


def test_what_arrives_goes_out_and_into_the_file(send, cap, tmp_path: Path) -> None:
    """Windows, quality with its cause, offsets, status; the file holds the very same samples."""
    signal = cap(2000, 20)
    send(signal=signal)
    run = windows(tmp_path, 6)
    sent = run.of(WINDOW)
    line = StreamLine(settings(), ENOBIO20, 500.0)
    expected = line.feed(Chunk(signal, np.arange(len(signal)) / 500))
    for k, (message, (other, _)) in enumerate(zip(sent, expected, strict=False)):
        window = message.content
        assert (message.id.seq, window.segment, window.first_sample) == (k, 0, 125 * k)
        assert np.array_equal(window.samples, other.samples)
        assert (window.channels, window.rate, window.valid) == (ENOBIO20, 500.0, True)
        assert 0 < message.meta.age < 1
    for window, quality in zip(sent, run.of(QUALITY), strict=False):
        assert quality.cause == (window.id,)
        assert quality.content.t == window.content.t_last
    assert run.of(CLOCK)[0].content.from_sample == 0
    status = run.of(STATUS["stream"])[0]
    facts = status.content.facts
    assert status.content.life == "ready"
    assert facts["sides"] == "accelerometer quality markers"
    assert (facts["rate"], facts["channels"]) == (500.0, " ".join(ENOBIO20))
    assert facts["recording"] == "eeg.xdf"
    assert facts["conditioning"] == "hp 0.5 Hz/2, notch 50 Hz/2, ref recorded"
    assert 0.0 < facts["group_delay"] < 0.01
    assert facts["asr_delay"] == 0.0
    assert len(facts["uid"]) == 16
    streams, _ = pyxdf.load_xdf(str(tmp_path / "eeg.xdf"), dejitter_timestamps=False)
    stream = next(one for one in streams if one["info"]["type"] == ["EEG"])
    recorded = stream["time_series"]
    assert np.array_equal(recorded, signal[: len(recorded)])
    assert len(recorded) >= 1125


def test_the_file_alone_gives_the_windows_again(send, tmp_path: Path) -> None:
    """Replay from `eeg.xdf` is identical in content, byte for byte, window and quality."""
    send()
    run = windows(tmp_path, 6, settings(offset_every=0.3))
    recording = read_stream(tmp_path / "eeg.xdf")
    list(recording.items())
    assert (recording.complete, recording.lost) == (True, 0)
    assert len(run.of(CLOCK)) > 2
    again = MemoryHub().bus("stream", SystemClock(), 7)
    found = []
    for window, quality in replay_file(tmp_path / "eeg.xdf", settings()):
        first = again.publish(WINDOW, window)
        found += [first, again.publish(QUALITY, quality, cause=(first.id,))]
    for topic in (WINDOW, QUALITY):
        expected = list(map(content_bytes, run.of(topic)))
        replayed = [content_bytes(message) for message in found if message.id.topic == topic.short]
        assert replayed == expected


def test_two_runs_of_one_recording_give_the_same_windows(send, cap, tmp_path: Path) -> None:
    """A source that starts when it is opened loses no sample; a restart writes a second file."""
    signal = cap(1000, 20)
    cuts = []
    for source in ("nic-1", "nic-2"):
        send(source, signal=signal)
        run = windows(tmp_path, 5, settings(source_id=source))
        cuts.append([(m.content.first_sample, m.content.samples.tobytes()) for m in run.of(WINDOW)])
    assert cuts[0] == cuts[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["eeg-02.xdf", "eeg.xdf"]


@pytest.mark.fault(15)
def test_an_implausible_unit_ends_the_service(send, cap) -> None:
    """Nanovolts that call themselves microvolts are refused within seconds; no window was valid."""
    send(signal=cap(3000, 20) * 1000)
    runs: list[Run] = []

    async def run() -> None:
        async with running(None, settings()) as service:
            runs.append(service)
            await until(service.work.done)

    with pytest.raises(SignalError, match=r"robust SD is .* if the samples are in microvolts"):
        asyncio.run(run())
    valid = [message.content.valid for message in runs[0].of(WINDOW)]
    assert 0 < len(valid) <= 9
    assert not any(valid)


def test_the_setting_overrides_the_unit(send, cap) -> None:
    """The same stream with `[stream] unit` set is taken."""
    send(signal=cap(2000, 20) * 1000)
    run = windows(None, 3, settings(unit="nV"))
    assert all(message.content.valid for message in run.of(WINDOW))


@pytest.mark.fault(1)
@pytest.mark.fault(2)
def test_a_stream_that_vanishes_and_returns_starts_a_segment(send) -> None:
    """No windows while it is away, no error; then a new segment with its own whole window.

    The status says all of it, and the gap; the device's markers come out with their notes.
    """
    first = send()

    async def run() -> Run:
        async with running(None, settings()) as service:
            await until(lambda: len(service.of(WINDOW)) >= 2)
            for code, ago in ((7, 0.02), (7, 0.0), (8, 3.0), (9, 2.0)):
                first.outlets.push_marker(code, SystemClock().now() - ago)
            await until(lambda: len(service.of(MARKER)) >= 4)
            first.stop.set()
            first.join()
            first.outlets.close()
            await until(lambda: facts(service)["away"] is True)
            before = len(service.of(WINDOW))
            send()
            await until(lambda: len(service.of(WINDOW)) >= before + 1, 30.0)
            await until(lambda: (facts(service)["gaps"], facts(service)["away"]) == (1, False))
        return service

    def facts(service: Run) -> dict[str, str | int | float | bool]:
        return service.of(STATUS["stream"])[-1].content.facts

    ended = asyncio.run(run())
    sent = [message.content for message in ended.of(WINDOW)]
    segments = [window.segment for window in sent]
    assert segments == sorted(segments)
    assert set(segments) == {0, 1}
    back = next(window for window in sent if window.segment == 1)
    assert back.n_new == 500
    markers = [message.content for message in ended.of(MARKER)]
    notes = {7: "duplicate", 8: "backward", 9: "backward"}
    assert [(m.code, m.note) for m in markers] == [(7, ""), *notes.items()]
    statuses = [message.content for message in ended.of(STATUS["stream"])]
    details = [status.detail for status in statuses if status.detail]
    assert details == ["Nothing comes from NIC; it is waited for.", details[-1]]
    assert details[-1] == "NIC is there again, started anew."
    assert len(statuses) <= 8
    uids = [status.facts["uid"] for status in statuses]
    assert uids[0] != uids[-1]
    assert statuses[-1].facts["rate_measured"] == pytest.approx(500.0, rel=0.01)


def test_fault_8_a_sender_whose_clock_was_set_is_said_to_send_what_is_not_of_now(send) -> None:
    """It is not away, and no window comes; once its clock is right, it is there again."""
    sender, wrong = send(), [0.0]
    push = sender.outlets.push_eeg
    sender.outlets.push_eeg = lambda part, stamp: push(part, stamp - wrong[0])

    async def run() -> Run:
        async with running(None, settings()) as service:
            await until(lambda: len(service.of(WINDOW)) >= 2)
            wrong[0] = 30.0
            await until(lambda: any("another time than now" in words for words in told(service)))
            before = len(service.of(WINDOW))
            await asyncio.sleep(0.5)
            assert len(service.of(WINDOW)) == before
            assert service.of(STATUS["stream"])[-1].content.facts["away"] is False
            wrong[0] = 0.0
            await until(lambda: told(service)[-1:] == ["NIC is there again."])
        return service

    def told(service: Run) -> list[str]:
        said = [message.content.detail for message in service.of(STATUS["stream"])]
        return [words for words in said if words]

    assert len(told(asyncio.run(run()))) == 2


def test_what_comes_of_another_time_is_said_only_when_nothing_else_does() -> None:
    """A backlog beside fresh samples is none; from a second on it is."""
    some = np.zeros((1, 2), np.float32), np.zeros(1)
    timely = Timely()
    for now, late, found in ((0, True, False), (0.9, True, False), (0.95, False, False),
                             (1.5, False, False), (2, True, False), (3, True, True),
                             (3.5, False, False)):  # fmt: skip
        timely.take(Chunk(*some, late=late), now)
        assert timely.untimely(now) is found


def test_a_new_sender_is_told_once_its_samples_come() -> None:
    """Also where a look falls between its return and its first sample."""
    well = {"away": False, "untimely": False, "host_changed": False, "returns": 0, "rate": 500.0}
    well |= {"rate_wrong": 0.0, "by_arrival": False}
    away = {**well, "away": True}
    found, back = {**away, "returns": 1}, {**well, "returns": 1}
    looks = [(well, well, away), (away, well, found), (found, well, back), (back, back, back)]
    words = [_sentence("NIC", *look) for look in looks]
    waited = "Nothing comes from NIC; it is waited for."
    assert words == [waited, waited, "NIC is there again, started anew.", ""]
    assert _sentence("NIC", away, well, well) == "NIC is there again."


@pytest.mark.fault(8)
@pytest.mark.fault(16)
def test_another_rate_and_a_clock_that_was_set_are_told() -> None:
    """In one sentence each, with both values."""
    well = {"away": False, "untimely": False, "host_changed": False, "returns": 0, "rate": 500.0}
    well |= {"rate_wrong": 0.0, "by_arrival": False}
    words = _sentence("NIC", well, well, {**well, "rate_wrong": 250.0})
    assert words.startswith("NIC declares 500 Hz, but 250 samples a second come: no window")
    words = _sentence("NIC", well, well, {**well, "by_arrival": True})
    assert words == "The clock of NIC was set: its samples count as taken when they arrive."
    assert _sentence("NIC", {**well, "rate_wrong": 250.0}, well, well) == ""


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    """The first name that is free is taken."""
    names = []
    for _ in range(3):
        path = free_name(tmp_path)
        path.touch()
        names.append(path.name)
    assert names == ["eeg.xdf", "eeg-02.xdf", "eeg-03.xdf"]


def test_the_stage_runs_by_itself() -> None:
    """`python -m stream --help` explains itself."""
    done = subprocess.run(
        [sys.executable, "-m", "stream", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "--broker" in done.stdout


def test_a_full_disk_ends_nothing(send, tmp_path: Path) -> None:
    """Fault 57: windows go on, the status says so, and the file lacks nothing afterwards."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("making a small file system takes root")
    try:
        asyncio.run(_fill_and_free(send, folder))
        recording = read_stream(folder / "eeg.xdf")
        items = list(recording.items())
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
    assert recording.complete
    assert not any(np.isnan(x.stamps).any() for x in items if isinstance(x, Chunk))


async def _fill_and_free(send, folder: Path) -> None:
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(40_000))
    send()
    async with running(folder, settings()) as service:
        said = lambda: [m.content.detail for m in service.of(STATUS["stream"])]  # noqa: E731
        await until(lambda: any("No space left on device" in words for words in said()))
        before = len(service.of(WINDOW))
        await until(lambda: len(service.of(WINDOW)) >= before + 4)
        subprocess.run(["mount", "-o", "remount,size=2m", folder], check=True)
        await until(lambda: "can be written again" in said()[-1])


@pytest.mark.fault(5)
def test_lost_packets_are_told_at_the_start(send, cap) -> None:
    """Fault 5: a loss is no wrong rate; the status says how much is missing, and windows go on."""

    async def run() -> None:
        sender = send(signal=np.empty((0, 20), np.float32))
        clock = SystemClock()
        async with running(None, settings(max_age=60.0)) as service:
            await until(sender.outlets.has_consumer)
            rows = np.flatnonzero(np.random.default_rng(1).random(3000) >= 0.1)
            stamps = clock.now() - 6 + rows / 500
            sender.outlets.push_eeg(cap(3000, 20)[rows], stamps)
            said = lambda: [m.content.detail for m in service.of(STATUS["stream"])]  # noqa: E731
            words = "of the samples were lost in the first 5 s"
            await until(lambda: any(words in detail for detail in said()))
            await until(lambda: len(service.of(WINDOW)) > 15)

    asyncio.run(run())
