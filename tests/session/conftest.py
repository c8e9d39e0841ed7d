"""What tests of sessions share: a small one in one process, and the real command line.

In one process: the stages' own objects on a bus in memory.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
import soundfile

from decoder.decoder import Decoder
from decoder.model import load as load_model
from decoder.service import Desk, lessons_in
from decoder.settings import Candidate, DecoderSettings, TrainingSettings
from generator.making.build import build
from generator.memory import Memory
from generator.settings import GeneratorSettings, NoPictures
from player.engine import Engine
from player.kept import FIRST
from player.service import TOPIC_OF, load, named
from player.settings import BLOCK, RATE, PlayerSettings
from rym import messages as m
from rym.bank import SCHEMA, Bank, Clip, Correlation, Maker, save, sha256
from rym.bus import ALL, LATEST, Bus, MemoryHub
from rym.clock import ManualClock
from rym.messages import AFFECTS
from rym.topics import (
    APPLIED,
    CLOCK,
    COMMAND,
    LABEL,
    PHASE,
    QUALITY,
    STATUS,
    STOP,
    TOPICS,
    VALENCE,
    WINDOW,
)
from session.after import training
from session.folder import Folder, Record, environment, hash_bank, settings_hashes
from session.live.journal import Writer
from session.live.lines import to_line
from stream.checks import Declared, Signal
from stream.files.recorder import Recorder
from stream.items import Chunk
from stream.line import StreamLine
from stream.settings import StreamSettings

ROOT = Path(__file__).resolve().parents[2]
CHANNELS = ("Fz", "Cz", "Pz", "O1", "O2")
EEG_RATE = 200.0


def write_bank(folder: Path) -> None:
    """Write a bank of one section: three chords of one second."""
    (folder / "audio").mkdir(parents=True)
    t = np.arange(RATE) / RATE
    clips = []
    for i, affect in enumerate(AFFECTS):
        sound = 0.1 * np.sin(2 * np.pi * (220 + 110 * i) * t)
        file = f"audio/{affect}.flac"
        soundfile.write(folder / file, np.stack([sound, sound], axis=1), RATE, subtype="PCM_16")
        clips.append(
            Clip(
                file=file,
                sha256=sha256(folder / file),
                affect=affect,
                section=0,
                variant=0,
                maker=Maker(backend="test"),
                prompt_sha256="",
                seed=0,
                bpm=240.0,
                bars=1,
                beats_per_bar=4,
                n_samples=RATE,
                downbeats=(0,),
                key="D",
                mode="dorian",
                lufs=-20.0,
                true_peak_dbtp=-12.0,
                spectral_centroid_hz=1000.0,
                rms_db=-26.0,
                loop_residual_db=-90.0,
                mode_score=0.0,
                beat_error=None,
                notes=(),
            )
        )
    one = tuple(tuple(float(i == j) for j in range(3)) for i in range(3))
    rows = (Correlation(section=0, variant=0, rho=(one,)),)
    save(
        Bank(
            schema=SCHEMA, memory_sha256="", rate=RATE,
            affects=AFFECTS, target_lufs=-20.0, clips=tuple(clips),
            correlations=rows,
        ),
        folder,
    )  # fmt: skip


class Rehearsal:
    """A session step by step in manual time; every part can be started again at any moment.

    The parts are the shells' loops without their adapters, in the shells' order: what arrives is
    recorded, windowed, published; windows are decoded; the player takes in what has come and
    renders up to now.
    """

    def __init__(self, root: Path, *, seed: int = 1, candidate: Candidate = "lda") -> None:
        self.folder = Folder.create(root, "p", "a", "recall")
        write_bank(self.folder.bank)
        self.rng = np.random.default_rng(seed)
        self.clock = ManualClock(100.0)
        self.hub = MemoryHub()
        self.session = self.bus("session")
        self.log = self.session.subscribe(*TOPICS.values(), overload=ALL)
        self.lost: set[tuple[str, int]] = set()
        """(topic, number) of what the journal does not get."""
        self.state = 1
        self._epochs = 0
        self._writer = Writer(self.folder.journal, 10**8)
        self._n = 0
        tables = {
            "stream": StreamSettings(),
            "decoder": DecoderSettings(
                drive="always", training=TrainingSettings(candidate=candidate, edge=1.0)
            ),
            "player": PlayerSettings(bank=str(self.folder.bank), dwell=1.0),
        }
        self.tables = tables
        settings = {name: msgspec.to_builtins(table) for name, table in tables.items()}
        self.folder.write(
            Record(
                subject="p",
                session="a",
                task="recall",
                run=1,
                started=1.7e9,
                simulated=True,
                settings=settings,
                versions=environment(),
                seeds={"training": 3},
                bank=self.folder.relative(self.folder.bank),
                hashes={"bank": hash_bank(self.folder.bank)},
            )
        )
        hashes = settings_hashes(settings)
        self.say(self.bus("journal"), **{f"settings.{k}": v for k, v in hashes.items()})
        self.start_stream()
        self.start_decoder()
        self.start_player()

    def bus(self, service: str) -> Bus:
        """Return the bus of a new start of a service."""
        self._epochs = getattr(self, "_epochs", 0) + 1
        return self.hub.bus(service, self.clock, self._epochs)

    def say(self, bus: Bus, **facts: str | float) -> None:
        """Publish that a service is ready."""
        status = m.Status(
            service=bus.service, epoch=bus.epoch, life="ready", detail="", version="",
            facts=facts, drops={},
        )  # fmt: skip
        bus.publish(STATUS[bus.service], status)

    def start_stream(self) -> None:
        """Start the stream, with a recording of its own."""
        names = [p.name for p in self.folder.xdf()]
        path = self.folder.path / (f"eeg-{len(names) + 1:02d}.xdf" if names else "eeg.xdf")
        self._stream = self.bus("stream")
        self._line = StreamLine(self.tables["stream"], CHANNELS, EEG_RATE)
        declared = Declared("sim", "id", "uid", "host", EEG_RATE, len(CHANNELS), CHANNELS, ())
        signal = Signal(CHANNELS, EEG_RATE, "µV", 1.0)
        self._xdf = Recorder(path, declared, signal, self.clock)
        self._count = 0
        self.say(self._stream, recording=path.name)
        self._feed(m.ClockOffset(stream="uid", offset=-3.5, uncertainty=1e-4, from_sample=0))

    def start_decoder(self, lessons: Path | None = None) -> None:
        """Start the decoder, without a model, or again with what the one before had learned."""
        self._answers = self.bus("decoder")
        self._windows = self._answers.subscribe(WINDOW, overload=ALL)
        self._windows.drain()
        self.decoder = Decoder(self.tables["decoder"])
        if lessons is not None:
            self.decoder.load(load_model(self.folder.model))
            self.decoder.relearn(lessons_in(lessons))
        self._desk = Desk(self.decoder, self._answers)
        model = "" if self.decoder.model is None else self.decoder.model.id
        self.say(self._answers, model=model, lessons=str(lessons or ""))

    def start_player(self, *, stopped: bool = False) -> None:
        """Start the player where the music would be."""
        bus = self._player = self.bus("player")
        self._valence = bus.subscribe(VALENCE, overload=LATEST)
        self._valence.drain()
        self._asked = bus.subscribe(STOP, COMMAND, overload=ALL)
        self._asked.drain()
        place = round((self.clock.now() - 100.0) * RATE)
        name = self.folder.path.name
        before = getattr(self, "_engine", None)
        kept = FIRST if before is None else before.kept
        material = load(self.folder.bank, tell=lambda *_: None)
        self._engine = Engine(
            material,
            self.tables["player"],
            place=place,
            stopped=stopped,
            session=name,
            kept=kept,
        )
        self._began = self.clock.now()
        self._block = np.zeros((BLOCK, 2), dtype=np.float32)
        left_out = named(material.left_out)
        facts = {"place": place, "stopped": stopped, "session": name, "left_out": left_out}
        self.say(bus, kept=kept.line(), **facts)

    def phase(self, name: str, index: int) -> None:
        """Announce a phase that begins now."""
        phase = m.Phase(name=name, index=index, starts=self.clock.now(), ends=None, simulated=True)
        self.session.publish(PHASE, phase)

    def key(self, state: m.LabelState) -> None:
        """Press a key now, and feel what it says."""
        self.state = AFFECTS.index(state) if state in AFFECTS else 1
        self.session.publish(LABEL, m.Label(state=state, t=self.clock.now(), source="test"))

    def order(self, action: str, value: str, to: str = "player") -> None:
        """Send a command."""
        self.session.publish(COMMAND, m.Command(to=to, action=action, value=value))

    def run(self, seconds: float) -> None:
        """Let time pass, chunk by chunk of any size."""
        end = self.clock.now() + seconds
        while self.clock.now() < end - 1e-9:
            n = int(self.rng.integers(1, 60))
            n = max(1, min(n, round((end - self.clock.now()) * EEG_RATE)))
            self.clock.advance(n / EEG_RATE)
            self._feed(self._chunk(n))
            self._decode()
            self._play()
            self.write()

    def _chunk(self, n: int) -> Chunk:
        # Each state has its own alpha; the rest is noise of plausible size.
        t = (self._n + np.arange(n)) / EEG_RATE
        alpha = (2.0, 12.0, 30.0)[self.state] * np.sin(2 * np.pi * 10 * t)
        samples = self.rng.normal(0, 8, (n, len(CHANNELS))) + alpha[:, None] * np.arange(1, 6) / 5
        self._n += n
        stamps = self.clock.now() + 3.5 - (n - 1 - np.arange(n)) / EEG_RATE
        return Chunk(samples.astype(np.float32), stamps)

    def _feed(self, item: Chunk | m.ClockOffset) -> None:
        self._xdf.write(item)
        if isinstance(item, m.ClockOffset):
            self._stream.publish(CLOCK, item)
        for window, quality in self._line.feed(item):
            sent = self._stream.publish(WINDOW, window)
            self._stream.publish(QUALITY, quality, cause=(sent.id,))

    def _decode(self) -> None:
        for message in self._windows.drain():
            self._desk.take(message)

    @property
    def refused(self) -> str:
        """Why the decoder's last order was refused; empty if it was not."""
        return self._desk.refused

    def supervisor_gone(self) -> None:
        """Tell the player that nobody is there any more."""
        self._engine.supervisor_gone()
        self._tell()

    def take_in(self) -> None:
        """Let the player take in what has come, as it does between two blocks."""
        for message in [*self._asked.drain(), *self._valence.drain()]:
            if getattr(message.content, "to", "player") == "player":
                at = self._engine.apply(message.id, message.content)
                done = m.Applied(input=message.id, at=at)
                self._player.publish(APPLIED["player"], done, cause=(message.id,))

    def _play(self) -> None:
        while self._engine.frame < (self.clock.now() - self._began) * RATE:
            self.take_in()
            self._engine.render(self._block)
            self._tell()

    def _tell(self) -> None:
        for content, cause in self._engine.events():
            self._player.publish(TOPIC_OF[type(content)], content, cause=cause)

    def write(self) -> None:
        """Bring to the journal what has been said."""
        for message in self.log.drain():
            if (message.id.topic, message.id.seq) not in self.lost:
                self._writer.add(to_line(message))
        self._writer.flush()

    def train(self) -> training.Trained:
        """Fit a model to what there is so far, and have it loaded."""
        # A thread writes it, at its own pace, while time passes here much faster than that.
        while self._xdf._file._spool.waiting_since is not None:
            time.sleep(0.01)
        trained = training.train(self.folder, self.folder.model, self.clock)
        self.order("load-model", str(self.folder.model), "decoder")
        return trained

    def calibrate(self) -> None:
        """Rest, and nine states of six seconds with their keys."""
        self.phase("rest", 0)
        self.run(8)
        self.phase("calibration", 1)
        for state in ("neutral", "positive", "negative") * 3:
            self.key(state)
            self.run(6)
        self.phase("training", 2)
        self.run(1)

    def feed_back(self) -> None:
        """Feedback with three states."""
        self.phase("feedback", 3)
        for state in ("positive", "negative", "neutral"):
            self.key(state)
            self.run(7)

    def end(self) -> Folder:
        """Close the files."""
        self.write()
        self._xdf.close()
        self._writer.close()
        return self.folder


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Rehearsal]:
    """Return a function that begins a new session."""
    return lambda **chosen: Rehearsal(tmp_path_factory.mktemp("sessions"), **chosen)


@pytest.fixture(scope="session")
def whole_session(rehearsal: Callable[..., Rehearsal]) -> Folder:
    """Return a session with a model and commands, all parts alive to the end; do not change it."""
    session = rehearsal()
    session.calibrate()
    session.train()
    session.feed_back()
    session.order("set-level", "-6")
    session.run(2)
    session.session.publish(STOP, m.Stop(by="operator", t=session.clock.now()))
    session.run(2)
    return session.end()


@pytest.fixture
def session_copy(whole_session: Folder, tmp_path: Path) -> Folder:
    """Return a copy of the whole session in another place, to be changed."""
    root = tmp_path / "moved"
    shutil.copytree(whole_session.root, root)
    return Folder(root / whole_session.path.relative_to(whole_session.root))


def write_easy(
    path: Path,
    seconds: float = 20.0,
    *,
    names: tuple[str, ...] = ("Fz", "Cz", "Pz", "O1", "O2"),
    rate: int = 500,
    seed: int = 1,
) -> Path:
    """Write an .easy file of NIC with its .info: pink noise of 10 µV, alpha that comes and goes."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    t = np.arange(n) / rate
    spectrum = np.fft.rfft(rng.normal(size=(n, len(names))), axis=0)
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1)[:, None], n, axis=0)
    alpha = np.sin(2 * np.pi * 10 * t) * (1 + np.sin(2 * np.pi * 0.1 * t + seed))
    microvolts = 10 * pink / pink.std(axis=0) + alpha[:, None] * rng.uniform(1, 8, len(names))
    microvolts += rng.normal(0, 1, microvolts.shape)
    ms = 1_774_867_019_766 + np.round(1000 * t).astype(np.int64)
    columns = [np.round(1000 * microvolts).astype(np.int64), np.zeros(n, np.int64), ms]
    np.savetxt(path, np.column_stack(columns), fmt="%d", delimiter="\t")
    montage = "\n".join(f"\tChannel {i}: {name}" for i, name in enumerate(names, 1))
    path.with_suffix(".info").write_text(
        f"Number of EEG channels: {len(names)}\nEEG sampling rate: {rate} Samples/second\n"
        f"EEG units: nV\nEEG montage:\n{montage}\n"
    )
    return path


@pytest.fixture(scope="session")
def easy() -> Callable[..., Path]:
    """Return `write_easy`."""
    return write_easy


@pytest.fixture(scope="session")
def small_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bank of two bars; no test may change it."""
    out = tmp_path_factory.mktemp("small") / "bank"
    small = GeneratorSettings(sections=1, variants=1, bars=2, pictures=NoPictures())
    build(Memory(text="A lantern.", seed=11), out, small)
    return out


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """The one JSON object on its standard output."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@pytest.fixture(scope="session")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, str]]:
    """Return a function that gives an environment whose LSL streams nobody else sees."""

    def make() -> dict[str, str]:
        path = tmp_path_factory.mktemp("lsl") / "lsl.cfg"
        path.write_text(f"[lab]\nSessionID = rym-{uuid.uuid4().hex}\n[log]\nlevel = -2\n")
        return {**os.environ, "LSLAPICFG": str(path), "OMP_NUM_THREADS": "1"}

    return make


@pytest.fixture(scope="session")
def rym(apart: Callable[[], dict[str, str]]) -> Callable[..., Said]:
    """Return a function that runs the command line `rym` to its end, as a process.

    What it starts is ended with it, also where it takes too long.
    """

    def run(*words: object, within: float = 110.0, cwd: Path = ROOT, **env: str) -> Said:
        path = os.pathsep.join(filter(None, (env.pop("PYTHONPATH", ""), str(ROOT))))
        process = subprocess.Popen(
            [sys.executable, "-m", "session", *map(str, words)],
            cwd=cwd, env={**apart(), **env, "PYTHONPATH": path}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            out, err = process.communicate(timeout=within)
        finally:
            process.kill()  # the life lines of its parts end with it
            process.wait()
        return Said(process.returncode, out, err)

    return run
