"""The source is an amplifier: samples in time, none before a consumer, marks at samples."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pylsl
import pytest

from rym.bus import ALL, Mailbox, MemoryHub
from rym.clock import ManualClock, SystemClock
from rym.errors import FormatError, UsageError
from rym.lifeline import Lifeline
from rym.messages import Affect, Label, Phase, Played, Truth
from rym.service import Shell
from rym.topics import FAULT, LABEL, NOW, PHASE, STATUS, TRUTH
from stream.montage import ENOBIO20
from stream.simulated.faults import Jump, ScriptedFault, Stall, Vanish
from stream.simulated.faultscript import Act
from stream.simulated.senders import Heard, Piece, Source, build
from stream.source import (
    RecordedFile,
    RecordedSource,
    SimulatedSource,
    SourceSettings,
    play,
    serve,
)

Samples = npt.NDArray[np.float32]
Stamps = npt.NDArray[np.float64]
ROOT = Path(__file__).parents[2]


class Outlets:
    """Outlets that remember what was sent, and when."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.consumer = False
        self.eeg: list[tuple[Samples, float, float]] = []
        self.every: list[float] = []
        self.motion: list[Samples] = []
        self.quality: list[float] = []
        self.markers: list[tuple[int, float]] = []
        self.acts: list[tuple[Act, int]] = []

    def push_eeg(self, samples: Samples, stamp: float | Stamps) -> None:
        """Keep a chunk with its last sample's stamp and the time of sending."""
        self.every += list(np.atleast_1d(stamp))
        self.eeg.append((samples, float(np.atleast_1d(stamp)[-1]), self.clock.now()))

    def push_quality(self, values: Samples) -> None:
        """Keep the time of sending."""
        assert values.shape == (20,)
        self.quality.append(self.clock.now())

    def push_accelerometer(self, samples: Samples, stamp: float | Stamps) -> None:
        """Keep a chunk."""
        self.motion.append(samples)

    def push_marker(self, code: int, stamp: float) -> None:
        """Keep a marker."""
        self.markers.append((code, stamp))

    def has_consumer(self) -> bool:
        """Say what the test has set."""
        return self.consumer

    def act(self, act: Act) -> None:
        """Keep what happens to the streams, and after how many chunks."""
        self.acts.append((act, len(self.eeg)))

    def samples(self) -> Samples:
        """Return all samples sent."""
        return np.concatenate([chunk for chunk, _, _ in self.eeg])

    def stamps(self, rate: float = 500.0) -> npt.NDArray[np.float64]:
        """Return the rig time of every sample sent."""
        return np.concatenate(
            [last + (np.arange(len(chunk)) - len(chunk) + 1) / rate for chunk, last, _ in self.eeg]
        )


class Stage:
    """A source that plays on a manual clock and a bus in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.hub = MemoryHub()
        self.bus = self.hub.bus("simulator", self.clock, 1)
        self.session = self.hub.bus("session", self.clock, 1)
        self.outlets = Outlets(self.clock)
        self.told: Mailbox = self.session.subscribe(TRUTH, LABEL, overload=ALL)
        self.task: asyncio.Task[None] | None = None

    def start(self, source: Source, **how: Any) -> None:
        """Begin to play."""
        self.task = asyncio.create_task(play(source, self.outlets, self.bus, **how))

    async def run(self, seconds: float, step: float = 0.01) -> None:
        """Let time pass; a failed source fails the test."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            for _ in range(4):
                await asyncio.sleep(0)
            if self.task is not None and self.task.done():
                self.task.result()

    def phase(self, name: str) -> None:
        """Publish a phase."""
        content = Phase(name=name, index=0, starts=self.clock.now(), ends=None, simulated=True)
        self.session.publish(PHASE, content)

    def said(self, kind: type[msgspec.Struct]) -> list[msgspec.Struct]:
        """Return the contents of one kind published so far, once."""
        return [m.content for m in self.told.drain() if isinstance(m.content, kind)]


def played(audible: Affect, level_db: float = -20.0) -> Played:
    """Return what a player says that plays this."""
    return Played(
        frame=0,
        decided="neutral",
        requested=audible,
        audible=audible,
        gains=(0.0, 1.0, 0.0),
        section=0,
        variant=0,
        position=0,
        fade=None,
        level_db=level_db,
        safety="RUN",
        why="tick",
    )


def write_easy(
    path: Path, seconds: float, *, names: tuple[str, ...] = ("C3", "C4"), gap_ms: int = 0
) -> Samples:
    """Write an .easy file of NIC with its .info; return its values in µV."""
    n = round(seconds * 500)
    values = np.arange(n * len(names)).reshape(n, len(names)) + 1000 * ord(path.stem[-1])
    ms = 1_774_867_019_766 + 2 * np.arange(n)
    ms[n // 2 :] += gap_ms
    code = np.where(np.arange(n) == 30, 6, 0)
    np.savetxt(path, np.column_stack([values, code, ms]), fmt="%d", delimiter="\t")
    montage = "\n".join(f"\tChannel {i}: {name}" for i, name in enumerate(names, 1))
    path.with_suffix(".info").write_text(
        f"Number of EEG channels: {len(names)}\nEEG sampling rate: 500 Samples/second\n"
        f"EEG units: nV\nEEG montage:\n{montage}\n"
    )
    return (values / 1000).astype(np.float32)


def test_samples_come_in_their_time_and_never_drift() -> None:
    """Sample n has the stamp start + n / rate and is sent then, in irregular small chunks."""

    async def body() -> None:
        stage = Stage()
        stage.start(build(SimulatedSource()))
        await stage.run(3.0)
        assert stage.outlets.eeg == []
        stage.outlets.consumer = True
        await stage.run(60.0)
        stamps = stage.outlets.stamps()
        start = stamps[0]
        assert 103.0 <= start <= 103.1
        assert np.allclose(stamps, start + np.arange(len(stamps)) / 500, rtol=0, atol=1e-9)
        assert len(stamps) == pytest.approx(500 * (163 - start), abs=30)
        late = [now - stamp for _, stamp, now in stage.outlets.eeg]
        assert -1e-9 <= min(late) <= max(late) <= 0.011
        assert {len(chunk) for chunk, _, _ in stage.outlets.eeg} == set(range(10, 26))
        assert len(stage.outlets.quality) in (59, 60)
        assert len(np.concatenate(stage.outlets.motion)) == pytest.approx(len(stamps) / 5, abs=1)

    asyncio.run(body())


def test_truth_and_keys_have_the_times_of_their_samples() -> None:
    """The bus hears what the person feels and presses, stamped on the EEG's own time line."""

    async def body() -> None:
        stage = Stage()
        stage.outlets.consumer = True
        stage.start(build(SimulatedSource(seed=5, coupling=0.0)))
        await stage.run(2.0)
        first = stage.said(Truth)
        assert [(t.state, t.strength) for t in first if isinstance(t, Truth)] == [("neutral", 1.0)]
        stage.phase("calibration")
        await stage.run(40.0)
        messages = [m.content for m in stage.told.drain()]
        truth = [m for m in messages if isinstance(m, Truth)]
        labels = [m for m in messages if isinstance(m, Label)]
        start = stage.outlets.stamps()[0]
        assert 102.0 < truth[0].t < 102.4
        assert len(truth) >= 3
        for felt, key in zip(truth, labels, strict=False):
            assert 0.3 - 1e-9 <= key.t - felt.t <= 1.0 + 1e-9
            assert (felt.t - start) * 500 == pytest.approx(round((felt.t - start) * 500), abs=1e-4)
            assert key.source == "simulator"
        stage.phase("training")
        await stage.run(1.0)
        last = stage.said(Label)[-1]
        assert isinstance(last, Label)
        assert last.state == "none"
        codes = [code for code, _ in stage.outlets.markers]
        assert [code for code in codes if code >= 10] == [10, 12, 13]
        assert {1, 2, 3} & set(codes)
        assert codes[-1] == 9

    asyncio.run(body())


@pytest.mark.parametrize(
    ("level_db", "heard"), [(-20.0, "negative"), (-120.0, None)], ids=["sound", "silence"]
)
def test_it_hears_what_is_played(level_db: float, heard: Affect | None) -> None:
    """What the player says reaches the person, unless it is silent or stale."""

    class Listener:
        channels: tuple[str, ...] = ("Cz",)
        rate = 500.0
        quality: Samples | None = None
        strength = 0.0
        label_source = "nobody"
        motion_rate = 100.0
        chunk = (10, 25)
        habits = ()
        notes = ()
        heard: Heard

        def take(self, n_samples: int, heard: Heard) -> Piece:
            self.heard = heard
            return Piece(samples=np.zeros((n_samples, 1), np.float32))

    async def body() -> None:
        stage, listener = Stage(), Listener()
        player = stage.hub.bus("player", stage.clock, 1)
        stage.outlets.consumer = True
        stage.start(listener)
        await stage.run(0.5)
        assert listener.heard == Heard(None, "idle")
        stage.phase("feedback")
        player.publish(NOW, played("negative", level_db))
        await stage.run(0.5)
        assert listener.heard == Heard(heard, "feedback")
        await stage.run(2.5)
        assert listener.heard == Heard(None, "feedback")

    asyncio.run(body())


def test_two_files_are_two_segments_with_labels(tmp_path: Path) -> None:
    """Every sample is sent once, in order; 1 s passes between files; labels mark first samples."""
    first = write_easy(tmp_path / "a.easy", 2.0)
    second = write_easy(tmp_path / "b.easy", 1.0)
    files = (
        RecordedFile(path=str(tmp_path / "a.easy"), label="neutral", start=0.5, seconds=1.0),
        RecordedFile(path=str(tmp_path / "b.easy"), label="negative"),
    )

    async def body() -> None:
        stage = Stage()
        stage.outlets.consumer = True
        stage.start(build(RecordedSource(files=files)))
        await stage.run(6.0)
        assert stage.task is not None
        assert stage.task.done()
        assert np.array_equal(
            stage.outlets.samples(), np.concatenate([first[250:750], second]), equal_nan=False
        )
        stamps = stage.outlets.stamps()
        steps = np.diff(stamps)
        assert np.flatnonzero(steps > 0.0021).tolist() == [499]
        assert steps[499] == pytest.approx(1.002)
        said = [label for label in stage.said(Label) if isinstance(label, Label)]
        assert [label.state for label in said] == ["neutral", "negative", "none"]
        assert [label.t for label in said[:2]] == pytest.approx([stamps[0], stamps[500]], abs=1e-9)
        assert {label.source for label in said} == {"file"}
        markers = dict(stage.outlets.markers)
        assert markers[21] == pytest.approx(stamps[0])
        assert markers[22] == pytest.approx(stamps[500])
        assert markers[6] == pytest.approx(stamps[530])

    asyncio.run(body())


def test_a_gap_in_a_file_passes_as_time_without_samples(tmp_path: Path) -> None:
    """The ms column's holes are replayed, long ones shortened; without labels none is said."""
    values = write_easy(tmp_path / "a.easy", 2.0, gap_ms=700)
    write_easy(tmp_path / "b.easy", 2.0, gap_ms=3_600_000)
    gaps = []

    async def body(name: str) -> None:
        stage = Stage()
        stage.outlets.consumer = True
        file = RecordedFile(path=str(tmp_path / name))
        stage.start(build(RecordedSource(files=(file,), longest_gap=2.0)))
        await stage.run(5.0)
        if name == "a.easy":
            assert np.array_equal(stage.outlets.samples(), values)
        steps = np.diff(stage.outlets.stamps())
        gaps.append(steps[499] - 0.002)
        assert np.count_nonzero(steps > 0.0021) == 1
        assert stage.said(Label) == []

    asyncio.run(body("a.easy"))
    asyncio.run(body("b.easy"))
    assert gaps == pytest.approx([0.7, 2.0])


def test_a_file_waits_for_its_phase(tmp_path: Path) -> None:
    """A stretch for feedback is silent until feedback, however long training takes."""
    write_easy(tmp_path / "a.easy", 2.0)
    files = (
        RecordedFile(path=str(tmp_path / "a.easy"), seconds=1.0),
        RecordedFile(path=str(tmp_path / "a.easy"), start=1.0, phase="feedback"),
    )

    async def body() -> None:
        stage = Stage()
        stage.outlets.consumer = True
        stage.start(build(RecordedSource(files=files)))
        await stage.run(9.0)
        assert len(stage.outlets.samples()) == 500
        stage.phase("feedback")
        await stage.run(3.0)
        assert len(stage.outlets.samples()) == 1000
        stamp, sent = stage.outlets.eeg[-1][1:]
        assert abs(sent - stamp) < 0.011
        assert stage.outlets.stamps()[500] >= 109.0

    asyncio.run(body())


def test_a_label_does_not_hold_while_its_recording_waits(tmp_path: Path) -> None:
    """Said once, at the beginning of the wait; the next stretch brings its own label."""
    write_easy(tmp_path / "a.easy", 4.0)
    files = tuple(
        RecordedFile(path=str(tmp_path / "a.easy"), seconds=1.0, label=label, phase=phase)
        for phase in ("calibration", "feedback")
        for label in ("neutral", "negative")
    )

    async def body() -> None:
        stage = Stage()
        stage.outlets.consumer = True
        stage.start(build(RecordedSource(files=files, pause=0.5)))
        stage.phase("calibration")
        await stage.run(6.0)
        stage.phase("feedback")
        await stage.run(4.0)
        told = [(label.state, label.t) for label in stage.said(Label)]
        assert [state for state, _ in told] == [
            *("neutral", "negative", "none"),
            *("neutral", "negative", "none"),
        ]
        (_, calibrated), (_, let_go) = told[1:3]
        assert 1.0 <= let_go - calibrated <= 1.1

    asyncio.run(body())


def test_a_script_of_faults_is_carried_out_and_told() -> None:
    """Streams go and come at their samples, a stall's samples come at its end, all is published."""
    faults: list[ScriptedFault] = [
        Vanish(at=1.0, seconds=0.5, back="other"),
        Stall(at=2.0, seconds=0.5),
        Jump(at=3.0, to=0.0),
    ]

    async def body() -> None:
        stage = Stage()
        told = stage.session.subscribe(FAULT, overload=ALL)
        stage.outlets.consumer = True
        stage.start(build(SimulatedSource()), faults=faults)
        await stage.run(4.0, step=0.001)
        sent = stage.outlets
        lengths = np.cumsum([0] + [len(chunk) for chunk, _, _ in sent.eeg])
        assert [(act.what, int(lengths[chunks])) for act, chunks in sent.acts] == [
            ("vanish", 500),
            ("back", 500),
        ]
        true = build(SimulatedSource()).take(2000, Heard())
        assert true is not None
        n = len(sent.samples())
        kept = np.concatenate([true.samples[:500], true.samples[750:]])
        assert np.array_equal(sent.samples(), kept[:n])
        [burst] = [now for chunk, _, now in sent.eeg if len(chunk) == 250]
        assert burst == pytest.approx(sent.every[0] + 2.5, abs=0.004)
        assert sent.every[1250:1252] == pytest.approx([0.0, 0.002], abs=1e-9)
        said = [message.content for message in told.drain()]
        assert [(it.kind, it.over) for it in said] == [
            *(("vanish", False), ("vanish", True)),
            *(("stall", False), ("stall", True)),
            ("jump", False),
        ]
        assert [it.t - sent.every[0] for it in said] == pytest.approx([1, 1.5, 2, 2.5, 3], abs=1e-9)

    asyncio.run(body())


def test_what_is_held_back_is_sent_at_the_end(tmp_path: Path) -> None:
    """A recording that ends within a stall loses no sample."""
    values = write_easy(tmp_path / "a.easy", 1.0)

    async def body() -> None:
        stage = Stage()
        stage.outlets.consumer = True
        file = RecordedFile(path=str(tmp_path / "a.easy"))
        stage.start(build(RecordedSource(files=(file,))), faults=[Stall(at=0.5, seconds=9.0)])
        await stage.run(2.0)
        assert np.array_equal(stage.outlets.samples(), values)
        assert dict(stage.outlets.markers).keys() == {10, 21, 6}

    asyncio.run(body())


@pytest.mark.long
def test_a_muse_sends_in_bursts_with_the_time_of_arrival() -> None:
    """Chunks of 12 whose stamps jitter and never come before their samples; 52 Hz of motion."""

    async def body() -> None:
        stage = Stage()
        told = stage.session.subscribe(FAULT, overload=ALL)
        stage.outlets.consumer = True
        stage.start(build(SimulatedSource(device="muse")))
        await stage.run(30.0, step=0.001)
        sent = stage.outlets
        assert {len(chunk) for chunk, _, _ in sent.eeg} == {12}
        assert sent.samples().shape[1] == 4
        late = np.array([now - stamp for _, stamp, now in sent.eeg])
        assert -1e-9 <= late.min() <= late.max() < 0.01
        steps = np.diff([stamp for _, stamp, _ in sent.eeg])
        assert steps.mean() == pytest.approx(12 / 256, rel=0.01)
        assert steps.std() > 0.003
        assert len(np.concatenate(sent.motion)) == pytest.approx(52 * 30, abs=10)
        assert sent.quality == []
        assert told.drain() == []

    asyncio.run(body())


def test_speed_shortens_the_wait_not_the_stamps(tmp_path: Path) -> None:
    """At speed 10 the stamps are those of true time, sent in a tenth of it."""
    write_easy(tmp_path / "a.easy", 4.0)

    async def body() -> None:
        stage = Stage()
        stage.outlets.consumer = True
        file = RecordedFile(path=str(tmp_path / "a.easy"))
        stage.start(build(RecordedSource(files=(file,))), speed=10.0)
        await stage.run(0.45, step=0.001)
        assert stage.task is not None
        assert stage.task.done()
        assert np.allclose(np.diff(stage.outlets.stamps()), 0.002)
        assert len(stage.outlets.samples()) == 2000

    asyncio.run(body())


def test_files_that_do_not_fit_together(tmp_path: Path) -> None:
    """Other channels are refused with both values, another order is put right."""
    write_easy(tmp_path / "a.easy", 1.0)
    write_easy(tmp_path / "b.easy", 1.0, names=("C3", "Pz"))
    swapped = write_easy(tmp_path / "c.easy", 1.0, names=("C4", "C3"))
    files = {name: RecordedFile(path=str(tmp_path / f"{name}.easy")) for name in "abc"}
    with pytest.raises(FormatError, match=r"a\.easy has 2 channels.*not in both: C4, Pz"):
        build(RecordedSource(files=(files["a"], files["b"])))
    source = build(RecordedSource(files=(files["a"], files["c"])))
    pieces = [source.take(500, Heard()) for _ in range(2)]
    assert pieces[1] is not None
    assert np.array_equal(pieces[1].samples, swapped[:, ::-1])
    assert source.take(500, Heard()) is None
    with pytest.raises(UsageError, match=r"lasts 1\.0 s, its part begins at 3 s"):
        build(RecordedSource(files=(RecordedFile(path=str(tmp_path / "a.easy"), start=3.0),)))


def test_settings_choose_the_sender_by_its_type() -> None:
    """The tagged union reads as TOML gives it; nothing to play is refused."""
    recorded = {"sender": {"type": "recorded", "files": [{"path": "a.edf", "label": "neutral"}]}}
    settings = msgspec.convert(recorded, SourceSettings)
    assert isinstance(settings.sender, RecordedSource)
    assert msgspec.convert(msgspec.to_builtins(settings), SourceSettings) == settings
    with pytest.raises(msgspec.ValidationError, match="files is empty"):
        msgspec.convert({"sender": {"type": "recorded", "files": []}}, SourceSettings)


async def until(condition: Callable[[], object], seconds: float) -> None:
    """Wait until something holds."""
    for _ in range(round(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"not within {seconds} s")


@pytest.mark.real
def test_a_real_consumer_gets_the_first_sample(tmp_path: Path) -> None:
    """Over real LSL a recording arrives whole, with steady stamps; then Status says the end."""
    values = write_easy(tmp_path / "a.easy", 2.0, names=ENOBIO20)
    file = RecordedFile(path=str(tmp_path / "a.easy"))
    settings = SourceSettings(sender=RecordedSource(files=(file,)), source_id="rym-test-source")
    got: list[Samples] = []
    stamps: list[float] = []

    async def body() -> None:
        hub, clock = MemoryHub(), SystemClock()
        bus = hub.bus("simulator", clock, 1)
        status = hub.bus("session", clock, 1).subscribe(STATUS["simulator"], overload=ALL)
        serving = asyncio.create_task(serve(Shell(bus, clock, Lifeline()), settings))
        await asyncio.sleep(0.5)
        [info] = await asyncio.to_thread(
            pylsl.resolve_byprop, "source_id", "rym-test-source", 1, 5.0
        )
        inlet = pylsl.StreamInlet(info, max_buflen=10)
        await asyncio.to_thread(inlet.open_stream, 5.0)

        def pull() -> bool:
            chunk, times = inlet.pull_chunk(timeout=0.0)
            got.extend(np.asarray(row, np.float32)[None] for row in chunk)
            stamps.extend(times)
            return len(got) >= len(values)

        await until(pull, 8.0)
        details: list[str] = []

        def ended() -> bool:
            details.extend(message.content.detail for message in status.drain())
            return details[-1] == "recording ended"

        await until(ended, 2.0)
        assert details[0] == "recording"
        assert not serving.done()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        inlet.close_stream()

    asyncio.run(body())
    assert np.array_equal(np.concatenate(got), values)
    assert np.allclose(np.diff(stamps), 0.002, atol=1e-6)
    assert abs(stamps[-1] - time.monotonic()) < 3.0


@pytest.mark.real
def test_the_process_needs_a_broker_and_says_so() -> None:
    """`python -m stream.source` explains itself, and its errors are one sentence."""
    help_text = subprocess.run(
        [sys.executable, "-m", "stream.source", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "--broker" in help_text
    lines = json.dumps({"settings": {"sender": {"type": "recorded", "files": []}}}) + "\n"
    for arguments, given, word in (
        ([], "", "No broker is named"),
        (["--lifeline"], lines, "files is empty"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "stream.source", *arguments],
            check=False,
            cwd=ROOT,
            capture_output=True,
            text=True,
            input=given,
            env={k: v for k, v in os.environ.items() if not k.startswith("RYM_")},
        )
        assert done.returncode == 2
        assert word in done.stderr
        assert "Traceback" not in done.stderr


def test_a_table_s_columns_are_mapped_for_replay(tmp_path: Path) -> None:
    """Two maps of one table are two recordings."""
    table, one, two = tmp_path / "a.csv", tmp_path / "one.toml", tmp_path / "two.toml"
    table.write_text("x,y\n" + "".join(f"{k},{-k}\n" for k in range(40)))
    one.write_text('rate = 500\nchannels = ["x"]\n[names]\nx = "C3"')
    two.write_text('rate = 500\nchannels = ["y"]\n[names]\ny = "C3"')
    files = tuple(RecordedFile(path=str(table), columns=str(place)) for place in (one, two))
    source = build(RecordedSource(files=files))
    pieces = [source.take(40, Heard()), source.take(40, Heard())]
    assert [piece is not None and piece.samples[1, 0] for piece in pieces] == [1, -1]
