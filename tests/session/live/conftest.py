"""Whole sessions as real processes, whose parts are killed; and ears to hear what they gave out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import psutil
import pytest
import soundfile

from decoder import model as models
from decoder.rows import rows_from
from decoder.settings import DecoderSettings
from decoder.training import fit
from generator.making.build import build
from generator.memory import load as load_memory
from generator.settings import GeneratorSettings, NoPictures
from rym import bank as bank_format
from rym.messages import AFFECTS
from rym.topics import NOW
from session.folder import Folder
from session.live.lines import Journal, read
from session.settings import CONFIGS
from session.simulate import live
from stream.files.reading import read as read_recording
from stream.line import StreamLine
from stream.settings import StreamSettings
from tests.brokers import BrokerProcess, embedded_broker

ROOT = Path(__file__).resolve().parents[3]
RATE = 48_000
STEP = 480
"""Frames over which gains are recovered: 10 ms."""

SETTINGS = """
[session]
bank = "{bank}"
model = "{model}"

[[session.phases]]
name = "rest"
seconds = 2

[[session.phases]]
name = "feedback"
seconds = 0

[source.sender]
type = "simulated"
strength = 2.0
coupling = 0.0
# Feels anything but neutral for the first 36 s.
seed = 28

[decoder]
drive = "always"

[player]
preset = "close"
dwell = 1.0
max_changes = 60
rise = 0.5
"""


class Killed(NamedTuple):
    """One part that was killed."""

    t: float
    """Rig time of the kill, in seconds."""
    back: float
    """Seconds until its process was there again."""


class Session:
    """A `rym demo` with everything that it started; nothing of it outlives `close`."""

    def __init__(self, out: Path, config: Path, *options: str, **popen: object) -> None:
        self.out = out
        self.seen: set[psutil.Process] = set()
        words = ["demo", "--json", "--config", str(config), "--out", str(out), *options]
        self._said = (out / "said.txt").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "session", *words],
            cwd=ROOT, stdout=self._said, stderr=self._said, **popen,
        )  # fmt: skip

    @property
    def folder(self) -> Folder:
        """The session's folder, once it is there."""
        return Folder(next(self.out.glob("sub-*/ses-*/*_run-1")))

    @property
    def journal(self) -> Journal:
        """What the journal holds by now."""
        return read(self.folder)

    def parts(self) -> dict[str, psutil.Process]:
        """Return the parts that run, by the module that each runs."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                words = child.cmdline()
            except psutil.Error:
                continue
            if "-m" in words:
                found[words[words.index("-m") + 1]] = child
        found.pop("session", None)  # between fork and exec a child looks like its parent
        self.seen.update(found.values())
        return found

    def kill(self, module: str, away: float = 0.0) -> Killed:
        """Kill a part, and again whenever it is back, until it was away for `away` seconds."""
        part = self.parts()[module]
        part.kill()
        t, back = time.monotonic(), 0.0
        while not back or time.monotonic() < t + away:
            new = self.parts().get(module)
            if new is not None and new != part:
                back = back or time.monotonic() - t
                if time.monotonic() < t + away:
                    part = new
                    part.kill()
            assert time.monotonic() < t + away + 10, f"{module} did not come back"
            time.sleep(0.01)
        return Killed(t, back)

    def until(self, true: Callable[[Journal], bool], seconds: float = 30.0) -> None:
        """Wait until the journal says so."""
        end = time.monotonic() + seconds
        while not (any(self.out.glob("sub-*/*/*/journal.jsonl")) and true(self.journal)):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, f"not within {seconds} s: {self.said}"
            time.sleep(0.2)

    def until_coloured(self, since: float = 0.0) -> None:
        """Wait until a feeling other than neutral is decoded and heard, at a rig time or later."""

        def coloured(journal: Journal) -> bool:
            if not journal.of(NOW):
                return False
            newest = journal.of(NOW)[-1]
            now = newest.content
            return (
                newest.meta.mono > since
                and (now.safety, now.fade, now.level_db) == ("RUN", None, 0.0)
                and now.audible == now.decided != "neutral"
            )

        self.until(coloured, 60.0)

    @property
    def said(self) -> str:
        """What it wrote to the terminal."""
        return (self.out / "said.txt").read_text(errors="replace")

    def close(self) -> None:
        """Kill what is left of it."""
        if self.process.poll() is None:
            self.parts()
            self.process.kill()
            self.process.wait()
        for part in self.seen:
            if part.is_running():
                part.kill()
        self._said.close()


def gone(process: psutil.Process) -> bool:
    """Return whether a process has ended, reaped or not."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def build_and_teach(folder: Path, candidate: str = "lda") -> None:
    """Build a bank, and teach a model by a simulated person."""
    settings = GeneratorSettings(sections=2, pictures=NoPictures())
    build(load_memory(CONFIGS / "memory.example.toml"), folder / "bank", settings)
    settings = msgspec.convert({"training": {"candidate": candidate}}, DecoderSettings)
    life = live(3, 2.0, {"rest": 10.0, "calibration": 120.0})
    rows = rows_from(
        life.windows, life.keys, settings, baseline=[(0.0, 10.0)], learn=[(10.0, 130.0)]
    )
    models.save(fit(rows, settings, 3)[0], folder / "model")


@pytest.fixture(scope="session")
def made(once: Callable[..., Path]) -> Path:
    """Return a folder with a whole bank and a model; no test may change it."""
    return once("session", build_and_teach)


@pytest.fixture(scope="session")
def make() -> Callable[..., None]:
    """Return `build_and_teach`."""
    return build_and_teach


@pytest.fixture(scope="session")
def short() -> Callable[[Path], str]:
    """Return a function that gives the settings of a short session with what a folder holds."""
    return lambda made: SETTINGS.format(bank=made / "bank", model=made / "model")


@pytest.fixture(scope="session")
def config(
    made: Path, short: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return settings of a short session, with a bank and a model made beforehand."""
    path = tmp_path_factory.mktemp("settings") / "short.toml"
    path.write_text(short(made))
    return path


@pytest.fixture(scope="session")
def teach(easy: Callable[..., Path]) -> Callable[..., None]:
    """Return a function that saves a model of what 90 s, ten by ten, are called.

    The recording is made as `made` says and stays beside the model; what else is given are settings
    of the training.
    """

    def save(out: Path, made: dict[str, Any], **training: object) -> None:
        found = read_recording(easy(out.with_name(f"{out.name}-learned.easy"), 90.0, **made))
        line = StreamLine(StreamSettings(), found.channels, found.rate)
        stamps = 100.0 + np.arange(len(found.samples)) / found.rate
        windows = [window for window, _ in line.push(found.samples, stamps)]
        quick = {"candidate": "lda", "margin": 0.0, "edge": 0.0, "folds": 2, **training}
        settings = msgspec.convert({"training": quick}, DecoderSettings)
        keys = [(100.0 + 10.0 * i, AFFECTS[i % 3]) for i in range(9)]
        models.save(fit(rows_from(windows, keys, settings), settings, 1)[0], out)

    return save


@pytest.fixture(scope="module")
def start(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable]:
    """Return a function that starts a session; all of them are gone in the end."""
    begun: list[Session] = []

    def begin(*options: str, settings: Path | None = None, **popen: object) -> Session:
        path = settings or request.getfixturevalue("config")
        begun.append(Session(tmp_path_factory.mktemp("out"), path, *options, **popen))
        return begun[-1]

    yield begin
    for session in begun:
        session.close()


class Heard:
    """What one start of the player gave out: the gains of its layers, from the sound itself.

    A stretch of 10 ms is laid beside the three clips at the place that the newest Played before it
    names; least squares gives how much of each is in it, and what of it is in none.
    """

    def __init__(self, session: Session, number: int = 1) -> None:
        bank = Path(session.folder.read().settings["player"]["bank"])
        path = session.folder.heard()[number - 1]
        self.sound = soundfile.read(path, dtype="float64")[0]
        manifest = bank_format.load(bank)
        self._clips = {
            (clip.section, clip.variant, clip.affect): soundfile.read(
                bank / clip.file, dtype="float64"
            )[0]
            for clip in manifest.loops
        }
        played = session.journal.of(NOW)
        epoch = sorted({x.id.epoch for x in played})[number - 1]
        self.played = [x for x in played if x.id.epoch == epoch]
        self.frames = np.array([x.content.frame for x in self.played])
        self.audible_at = np.array([x.meta.audible_at for x in self.played])
        self.first = np.arange(STEP, len(self.sound) - STEP, STEP)
        rows = [self._row(frame) for frame in self.first]
        self.gains = np.array([row[0] for row in rows])
        """Of (negative, neutral, positive), one row per stretch."""
        self.rest = np.array([row[1] for row in rows])
        """Share of a stretch's RMS that is in no clip."""
        self.jump = np.array([row[2] for row in rows])
        """Largest step from sample to sample, over the largest that the clips' own steps allow."""

    def _row(self, frame: int) -> tuple[np.ndarray, float, float]:
        now = self.played[np.searchsorted(self.frames, frame, "right") - 1].content
        at = now.position + frame - now.frame
        place = [(now.section, now.variant, affect) for affect in AFFECTS]
        if at < STEP or at + STEP > len(self._clips[place[0]]):
            # Within 10 ms of a section's border two sections sound at once.
            return np.full(3, np.nan), np.nan, np.nan
        layers = [self._clips[name][at - 1 : at + STEP] for name in place]
        mixed = self.sound[frame - 1 : frame + STEP]
        a, y = np.stack([layer.ravel() for layer in layers], axis=1), mixed.ravel()
        gains = np.linalg.lstsq(a, y, rcond=None)[0]
        rest = np.linalg.norm(y - a @ gains) / max(np.linalg.norm(y), 1e-9)
        steps = [np.abs(np.diff(layer, axis=0)).max() for layer in layers]
        jump = np.abs(np.diff(mixed, axis=0)).max() / max(np.abs(gains) @ steps, 1e-4)
        return gains, float(rest), float(jump)

    def rig(self, frame: float) -> float:
        """Return the rig time at which a frame leaves the device, in seconds."""
        near = int(np.abs(self.frames - frame).argmin())
        return float(self.audible_at[near] + (frame - self.frames[near]) / RATE)

    def between(self, begin: float, end: float) -> np.ndarray:
        """Return the gains of the stretches within two frames, borders of sections left out."""
        rows = self.gains[(self.first >= begin) & (self.first + STEP <= end)]
        return rows[~np.isnan(rows[:, 0])]


@pytest.fixture(scope="session")
def hear() -> type[Heard]:
    """Return the class that hears what a session's player gave out."""
    return Heard


class Ear:
    """Listens to a sound server's null sink, and knows when each frame had arrived here."""

    def __init__(self, environment: dict[str, str]) -> None:
        words = ["parec", "-d", "rym.monitor", f"--rate={RATE}", "--channels=2"]
        self._parec = subprocess.Popen(
            [*words, "--format=float32le", "--raw", "--latency-msec=20"],
            stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        self._blocks: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self._parec.stdout is not None
        while block := os.read(self._parec.stdout.fileno(), 8 * STEP):
            self._blocks.append((time.monotonic(), block))

    def level(self) -> tuple[np.ndarray, np.ndarray]:
        """Return when each 10 ms had arrived, and the largest sample in it."""
        blocks = list(self._blocks)
        raw = b"".join(block for _, block in blocks)
        ends = np.cumsum([len(block) for _, block in blocks])
        n = len(raw) // (8 * STEP)
        peaks = np.abs(np.frombuffer(raw[: n * 8 * STEP], "<f4").reshape(n, 2 * STEP)).max(axis=1)
        which = np.searchsorted(ends, (np.arange(n) + 1) * 8 * STEP)
        return np.array([blocks[k][0] for k in which]), peaks

    def sound(self) -> np.ndarray:
        """Return everything so far, shape (n_times, 2)."""
        raw = b"".join(block for _, block in list(self._blocks))
        return np.frombuffer(raw[: len(raw) // 8 * 8], "<f4").reshape(-1, 2)

    def close(self) -> None:
        """Stop listening."""
        self._parec.send_signal(signal.SIGTERM)
        self._parec.wait(10)
        self._thread.join(10)


@pytest.fixture
def ear(sound_server: dict[str, str]) -> Iterator[Ear]:
    """Listen to the sound server."""
    ear = Ear(sound_server)
    yield ear
    ear.close()


@pytest.fixture(scope="session")
def is_gone() -> Callable[[psutil.Process], bool]:
    """Return the function that tells whether a process has ended."""
    return gone


@pytest.fixture
def broker() -> Iterator[BrokerProcess]:
    """Return an outside broker that runs, and that no supervisor brings back."""
    broker = embedded_broker()
    broker.start()
    yield broker
    broker.kill()
