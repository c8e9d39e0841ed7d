"""`rym record`: what was sent stands in the file, sample for sample, whatever ends it."""

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
import pytest
import pyxdf

from rym.clock import ManualClock, SystemClock
from rym.errors import SignalError, UsageError
from session import cli
from session.rig import record as rig
from session.rig.roster import Choice, Roster
from stream.lsl.taps import Seen

CLOCK = SystemClock()
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def seen(name: str, uid: str, source_id: str = "") -> Seen:
    """Return a stream on the network."""
    return Seen(name, "EEG", source_id, "host", uid, 2, 500.0, "float32")


def test_streams_that_come_and_go() -> None:
    """New ones at once, vanished ones at the second look without them, and their return."""
    roster = Roster()
    a, b = seen("a", "1"), seen("b", "2")
    assert roster.look([a]).new == [a]
    assert roster.look([a, b]).new == [b]
    assert roster.look([b]).gone == []
    assert roster.look([b]).gone == [a]
    assert roster.look([b]).gone == []
    change = roster.look([a, b])
    assert (change.new, change.gone, change.back) == ([], [], [a])
    assert roster.look([a, b]).back == []


def test_a_stream_that_sends_is_there() -> None:
    """An answer lost on the network does not make it vanish."""
    roster = Roster()
    a = seen("a", "1")
    roster.look([a])
    for _ in range(5):
        assert roster.look([], heard=["1"]).gone == []
    assert [roster.look([]).gone for _ in range(3)] == [[], [a], []]


def test_the_same_source_under_a_new_uid_is_the_same_stream() -> None:
    """LSL's inlet finds it again: a second one would record everything twice."""
    roster = Roster()
    before, after = seen("a", "1", "amp"), seen("a", "2", "amp")
    roster.look([before])
    roster.look([])
    roster.look([])
    change = roster.look([after])
    assert (change.new, change.back) == ([], [before])
    assert roster.look([after]).new == []
    assert roster.now(before) == after
    # Without a source id there is nothing by which to know it, and LSL does not find it either.
    roster.look([after, seen("b", "3")])
    assert roster.look([after, seen("b", "4")]).new == [seen("b", "4")]


def test_two_streams_alike_are_two() -> None:
    """What is there at the same time is not the same."""
    roster = Roster()
    twins = [seen("a", "1", "amp"), seen("a", "2", "amp")]
    assert roster.look(twins).new == twins
    assert roster.look(twins).new == []


def test_a_choice_by_type_and_name() -> None:
    """An empty list takes any; what both lists name must both hold."""
    one = seen("a", "1")
    assert one in Choice()
    assert one in Choice(types=["Markers", "EEG"], names=["a"])
    assert one not in Choice(types=["Markers"])
    assert one not in Choice(types=["EEG"], names=["b"])


@pytest.fixture
def outlet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., pylsl.StreamOutlet]]:
    """Return a function that puts a stream on the network; the recorder looks often here."""
    monkeypatch.setattr(rig, "LOOK_S", 0.4)
    monkeypatch.setattr(rig, "LOOK_EVERY_S", 0.3)
    monkeypatch.setattr(rig, "OFFSET_S", 0.5)
    made: list[pylsl.StreamOutlet] = []

    def make(name: str, form: str, n: int, rate: float, source_id: str | None = None) -> Any:
        source_id = f"{name}-{uuid.uuid4().hex[:6]}" if source_id is None else source_id
        info = pylsl.StreamInfo(name, f"{name}-type", n, rate, form, source_id)
        channels = info.desc().append_child("channels")
        for k in range(n):
            channels.append_child("channel").append_child_value("label", f"{name}{k}")
        made.append(pylsl.StreamOutlet(info))
        return made[-1]

    make.made = made  # type: ignore[attr-defined]
    yield make
    made.clear()


class Recorder(threading.Thread):
    """A recording beside the test."""

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.options = options
        self.stop = threading.Event()
        self.lines: list[str] = []
        self.start()

    def run(self) -> None:
        """Record until the test has sent what it wants to send."""
        self.done = rig.record(
            self.path, CLOCK, stop=self.stop, tell=self.lines.append, **self.options
        )

    def end(self) -> rig.Recorded:
        """End it and return what it says."""
        self.stop.set()
        self.join(20)
        return self.done

    def said(self, words: str) -> bool:
        """Return whether a line with these words has come."""
        return any(words in line for line in self.lines)


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait until something holds."""
    pause, give_up = threading.Event(), CLOCK.now() + seconds
    while not condition():
        assert CLOCK.now() < give_up, f"not within {seconds} s"
        pause.wait(0.02)


def by_pyxdf(path: Path) -> dict[str, dict]:
    """Return the streams of a file by their names, stamps as they are."""
    streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    return {stream["info"]["name"][0]: stream for stream in streams}


SENT: dict[str, tuple[str, float, Any]] = {
    "eeg": ("float32", 500.0, np.random.default_rng(1).normal(size=(700, 3)).astype(np.float32)),
    "slow": ("double64", 0.0, np.random.default_rng(2).normal(size=(9, 2))),
    "codes": ("int32", 0.0, np.int32([[2**31 - 1], [-5], [7]])),
    "raw": ("int16", 250.0, np.arange(-300, 300, dtype=np.int16).reshape(300, 2)),
    "words": ("string", 0.0, [["start", "ü"], ["", "x" * 400], ["end", "→"]]),
}


@pytest.mark.real
def test_what_was_sent_is_what_pyxdf_reads(outlet, tmp_path: Path) -> None:
    """Five forms, regular and not, one of which comes later: values, stamps, headers, counts."""
    outlets = {
        name: outlet(name, form, len(values[0]), rate)
        for name, (form, rate, values) in SENT.items()
        if name != "codes"
    }
    recorder = Recorder(tmp_path / "all.xdf")
    until(lambda: all(one.have_consumers() for one in outlets.values()))
    outlets["codes"] = outlet("codes", "int32", 1, 0.0)
    until(outlets["codes"].have_consumers)
    start = CLOCK.now()
    stamps = {}
    for name, (_, rate, values) in SENT.items():
        stamps[name] = start + np.arange(len(values)) / (rate or 3.7)
        if name == "eeg":
            stamps[name][400:] += 0.5
        for k in range(0, len(values), 50):
            part = values[k : k + 50]
            outlets[name].push_chunk(part, list(stamps[name][k : k + 50]))
    until(lambda: recorder.said("words (words-type) 3"))
    done = recorder.end()
    found = by_pyxdf(tmp_path / "all.xdf")
    assert found.keys() == SENT.keys()
    for name, (form, rate, values) in SENT.items():
        stream = found[name]
        assert np.array_equal(stream["time_stamps"], stamps[name])
        if form == "string":
            assert stream["time_series"] == values
        else:
            assert np.array_equal(stream["time_series"], values)
            assert stream["time_series"].dtype == values.dtype
        info, footer = stream["info"], stream["footer"]["info"]
        assert (info["channel_format"], info["type"]) == ([form], [f"{name}-type"])
        assert float(info["nominal_srate"][0]) == rate
        assert info["desc"][0]["channels"][0]["channel"][0]["label"] == [f"{name}0"]
        assert footer["sample_count"] == [str(len(values))]
        offsets = footer["clock_offsets"][0]["offset"]
        assert all(abs(float(one["value"][0])) < 0.001 for one in offsets)
        assert len(offsets) >= 1
    told = {stream.name: stream for stream in done.streams}
    assert {name: told[name].n_samples for name in SENT} == {k: len(v[2]) for k, v in SENT.items()}
    # Half a second without samples between two of 2 ms.
    assert {name: told[name].lost for name in SENT} == {**dict.fromkeys(SENT, 0), "eeg": 250}
    assert told["raw"].rate == pytest.approx(250)
    assert told["words"].rate == 0
    assert (done.file, done.warnings) == (str(tmp_path / "all.xdf"), ())


@pytest.mark.real
def test_a_stream_that_vanishes_is_told_and_one_with_an_id_goes_on(outlet, tmp_path: Path) -> None:
    """The other streams go on; what comes back under the same source id is the same stream."""
    stays = outlet("stays", "int32", 1, 0.0)
    held = [outlet("goes", "int32", 1, 0.0, "amp"), outlet("nameless", "int32", 1, 0.0, "")]
    recorder = Recorder(tmp_path / "some.xdf", choice=Choice(names=["stays", "goes", "nameless"]))
    until(lambda: all(one.have_consumers() for one in (stays, *held)))
    for one in (stays, *held):
        one.push_sample([1], 1.0)
    until(lambda: recorder.said("goes (goes-type) 1") and recorder.said("nameless-type) 1"))
    take_off(outlet, held)
    del one
    held.clear()
    until(
        lambda: recorder.said("goes (type goes-type, source id amp)") and recorder.said("vanished")
    )
    until(lambda: recorder.said("The stream nameless"))
    again = outlet("goes", "int32", 1, 0.0, "amp")
    until(again.have_consumers)
    for k, one in ((2, again), (2, stays)):
        one.push_sample([k], 2.0)
    until(lambda: recorder.said("goes (goes-type) 2") and recorder.said("is back"))
    done = recorder.end()
    found = by_pyxdf(tmp_path / "some.xdf")
    assert {k: s["time_series"][:, 0].tolist() for k, s in found.items()} == {
        "stays": [1, 2],
        "goes": [1, 2],
        "nameless": [1],
    }
    assert any("nameless" in words and "ended" in words for words in done.warnings)


@pytest.mark.real
def test_so_many_seconds_are_those_of_every_stream(outlet, tmp_path: Path) -> None:
    """Finding and opening them is not counted; one that may stay silent prolongs nothing."""
    outlets = [outlet(name, "float32", 2, rate) for name, rate in (("a", 200.0), ("b", 100.0))]
    outlet("words", "string", 1, 0.0)
    over = threading.Event()

    def send() -> None:
        while not over.wait(0.05):
            for one, n in zip(outlets, (10, 5), strict=True):
                one.push_chunk(np.zeros((n, 2), np.float32))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    began = CLOCK.now()
    done = rig.record(tmp_path / "a.xdf", CLOCK, seconds=2.0)
    took = CLOCK.now() - began
    over.set()
    sender.join()
    found = by_pyxdf(tmp_path / "a.xdf")
    spans = {name: np.ptp(found[name]["time_stamps"]) for name in ("a", "b")}
    assert min(spans.values()) >= 1.9, (spans, done)
    assert took < 12


def take_off(outlet: Any, which: list[pylsl.StreamOutlet]) -> None:
    """Take outlets off the network, as far as the fixture holds them."""
    outlet.made[:] = [one for one in outlet.made if all(one is not other for other in which)]


def start(path: Path, *options: str) -> subprocess.Popen[str]:
    """Start `rym record` as a process of its own."""
    words = [sys.executable, "-m", "session", "record", "--out", str(path), "--json", *options]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def feed(one: pylsl.StreamOutlet, seconds: float) -> int:
    """Send chunks of ten samples at 500 Hz in true time; return how many samples there were."""
    pause, n = threading.Event(), round(seconds * 50)
    begin = CLOCK.now()
    for k in range(n):
        pause.wait(max(0.0, begin + k / 50 - CLOCK.now()))
        rows = np.arange(10 * k, 10 * k + 10, dtype=np.float32)[:, None]
        one.push_chunk(rows, list(begin + np.arange(10 * k, 10 * k + 10) / 500))
    return 10 * n


@pytest.mark.real
def test_a_signal_ends_it_and_the_file_is_whole(outlet, tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM leave footers and one JSON object; SIGKILL costs less than a second."""
    one = outlet("eeg", "float32", 1, 500.0)
    killed = {how: start(tmp_path / f"{how:d}.xdf", "--type", "eeg-type") for how in SIGNALS}
    said = {}
    try:
        for path in (tmp_path / f"{how:d}.xdf" for how in SIGNALS):
            until(lambda path=path: path.exists() and b"eeg-type" in path.read_bytes(), 30)
        sent = feed(one, 2.0)
        os.kill(killed[signal.SIGKILL].pid, signal.SIGKILL)
        threading.Event().wait(0.3)
        for how in (signal.SIGINT, signal.SIGTERM):
            os.kill(killed[how].pid, how)
            said[how], _ = killed[how].communicate(timeout=20)
    finally:
        for process in killed.values():
            process.kill()
            process.communicate()
    for how, process in killed.items():
        stream = by_pyxdf(tmp_path / f"{how:d}.xdf")["eeg"]
        n = len(stream["time_series"])
        assert np.array_equal(stream["time_series"][:, 0], np.arange(n))
        assert np.allclose(np.diff(stream["time_stamps"]), 0.002)
        if how == signal.SIGKILL:
            assert sent - 500 < n <= sent
            assert "footer" not in stream
            continue
        assert (process.returncode, n) == (0, sent)
        told = json.loads(said[how])
        assert set(told) == {"file", "streams", "seconds", "warnings"}
        assert told["streams"] == [
            {"name": "eeg", "type": "eeg-type", "n_samples": n, "rate": told["streams"][0]["rate"],
             "lost": 0}
        ]  # fmt: skip
        assert stream["footer"]["info"]["sample_count"] == [str(n)]


@pytest.mark.real
def test_no_stream_leaves_no_file(outlet, tmp_path: Path) -> None:
    """The sentence names what was asked for and what was seen."""
    outlet("other", "int32", 1, 0.0)
    path = tmp_path / "none.xdf"
    with pytest.raises(SignalError, match=r"type 'EEG' or name 'NIC'.*other \(type other-type"):
        rig.record(path, CLOCK, choice=Choice(types=["EEG"], names=["NIC"]), seconds=1.0)
    assert not path.exists()


@pytest.mark.real
def test_a_stream_that_is_seen_but_does_not_open_is_named(
    outlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a firewall that lets the list through only: why, and no empty file."""

    def closed(seen: Seen, clock: SystemClock) -> None:
        raise SignalError(f"The stream {seen.name} did not answer.", "Look at it.")

    outlet("shy", "int32", 1, 0.0)
    monkeypatch.setattr(rig, "Tap", closed)
    path = tmp_path / "none.xdf"
    with pytest.raises(SignalError, match=r"Nothing was recorded in 1 s: The stream shy did not"):
        rig.record(path, CLOCK, choice=Choice(names=["shy"]), seconds=1.0)
    assert not path.exists()


@pytest.mark.real
def test_a_stream_that_did_not_open_at_first_is_tried_again(
    outlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its software was started anew at that very moment: what comes afterwards is recorded."""
    real, refused = rig.Tap, []

    def at_first(seen: Seen, clock: SystemClock) -> Any:
        if not refused:
            refused.append(seen)
            raise SignalError(f"The stream {seen.name} did not answer.", "Look at it.")
        return real(seen, clock)

    monkeypatch.setattr(rig, "Tap", at_first)
    one = outlet("late", "int32", 1, 0.0)
    recorder = Recorder(tmp_path / "late.xdf", choice=Choice(names=["late"]))
    until(one.have_consumers)
    one.push_sample([5], 1.0)
    until(lambda: recorder.said("late (late-type) 1"))
    done = recorder.end()
    assert by_pyxdf(tmp_path / "late.xdf")["late"]["time_series"].tolist() == [[5]]
    assert done.warnings == ("The stream late did not answer.",)
    assert [(stream.name, stream.n_samples) for stream in done.streams] == [("late", 1)]


@pytest.mark.real
def test_a_failure_of_our_own_leaves_a_whole_file(
    outlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the recording with itself, after the footers have been written."""
    one = outlet("eeg", "int32", 1, 0.0)
    pull = rig.Tap.pull

    def pulled(tap: rig.Tap, within: float) -> Any:
        values, stamps = pull(tap, within)
        if len(stamps) and values[-1][0] == 13:
            raise ZeroDivisionError("thirteen")
        return values, stamps

    monkeypatch.setattr(rig.Tap, "pull", pulled)
    path, failed, lines = tmp_path / "eeg.xdf", [], []

    def recording() -> None:
        try:
            rig.record(path, CLOCK, choice=Choice(names=["eeg"]), tell=lines.append)
        except ZeroDivisionError as error:
            failed.append(error)

    thread = threading.Thread(target=recording, daemon=True)
    thread.start()
    until(one.have_consumers)
    one.push_sample([1], 1.0)
    until(lambda: any("(eeg-type) 1" in line for line in lines))
    one.push_sample([13], 2.0)
    thread.join(15)
    assert [str(error) for error in failed] == ["thirteen"]
    found = by_pyxdf(path)["eeg"]
    assert found["time_series"][:, 0].tolist() == [1]
    assert found["footer"]["info"]["sample_count"] == ["1"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there, or a folder that is not, is wrong use."""
    path = tmp_path / "a.xdf"
    path.write_bytes(b"precious")
    with pytest.raises(UsageError, match="is there already"):
        rig.record(path, CLOCK)
    with pytest.raises(UsageError, match="folder that does not exist"):
        rig.record(tmp_path / "none" / "a.xdf", CLOCK)
    assert path.read_bytes() == b"precious"


def test_everything_and_something_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """`--all` beside `--type` is wrong use, told before anything starts."""
    assert cli.main(["record", "--all", "--type", "EEG", "--json"]) == 2
    assert "--all" in json.loads(capsys.readouterr().out)["error"]


def test_a_recording_is_named_by_its_beginning(tmp_path: Path) -> None:
    """Two recordings of one folder do not collide, and sort by time."""
    names = [rig.free_name(ManualClock(wall=w), tmp_path).name for w in (1.7e9, 1.7e9 + 61)]
    assert names == sorted(names)
    assert len(set(names)) == 2
    assert all(name.startswith("recording-2023") and name.endswith(".xdf") for name in names)
