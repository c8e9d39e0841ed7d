"""A real session on captured sound, of which parts are killed at random."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import soundfile

from benchmarks.safety.sound import Ear, server
from decoder import model as models
from decoder.rows import rows_from
from decoder.settings import DecoderSettings
from decoder.training import fit
from generator.making.build import build
from generator.memory import load as load_memory
from generator.settings import GeneratorSettings, NoPictures
from rym.errors import RymError
from rym.topics import NOW
from session.folder import Folder
from session.live.lines import read
from session.settings import CONFIGS
from session.simulate import live
from stream.files.xdf import read_stream

from .heard import Return, returns

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "rym.broker",
    "session.live.journal",
    "stream.source",
    "stream",
    "decoder",
    "player",
)
SUPERVISOR = "the supervisor"
RISE = 2.0
LONGEST_PAUSE = 3.0
"""Seconds at most between a part's return and the next kill."""
SETTINGS = f"""
[session]
bank = "{{bank}}"
model = "{{model}}"

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
seed = 28

[decoder]
drive = "always"

[player]
preset = "close"
dwell = 1.0
max_changes = 60
rise = {RISE}
sink = "portaudio"
device = "rym0"
"""


class Kill(msgspec.Struct):
    """One kill, as it is kept."""

    session: int
    part: str
    back: float | None = None
    """Seconds until the process was there again; null for the supervisor."""
    silent: float | None = None
    """Seconds from the supervisor's end to the last sound."""
    left: int = 0
    """Parts that outlived the supervisor by 45 s."""
    loudest: float | None = None
    """dB within 0.3 s behind any silence of this session, below its loudest; with its last kill."""
    readable: bool | None = None
    """Whether journal and recordings could be read afterwards; with its last kill."""


def prepare(folder: Path) -> None:
    """Build a bank and teach a model once, by a simulated person."""
    if (folder / "model").exists():
        return
    plain = GeneratorSettings(sections=2, pictures=NoPictures())
    build(load_memory(CONFIGS / "memory.example.toml"), folder / "bank", plain)
    settings = msgspec.convert({"training": {"candidate": "lda"}}, DecoderSettings)
    life = live(3, 2.0, {"rest": 10.0, "calibration": 120.0})
    spans = {"baseline": [(0.0, 10.0)], "learn": [(10.0, 130.0)]}
    rows = rows_from(life.windows, life.keys, settings, **spans)
    models.save(fit(rows, settings, 3)[0], folder / "model")


class Session:
    """A `rym demo`, its parts and what is heard of it."""

    def __init__(self, made: Path, out: Path, environment: dict[str, str]) -> None:
        self.out = out
        config = out / "kills.toml"
        config.write_text(SETTINGS.format(bank=made / "bank", model=made / "model"))
        words = ["demo", "--json", "--config", str(config), "--out", str(out)]
        self._said = (out / "said.txt").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "session", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
        )
        self.seen: set[psutil.Process] = set()
        self.ear = Ear(environment, "rym0")

    @property
    def folder(self) -> Folder:
        """The session's folder, once it is there."""
        return Folder(next(self.out.glob("sub-*/ses-*/*_run-1")))

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
        self.seen.update(found.values())
        return {name: part for name, part in found.items() if name in PARTS}

    def until_heard(self, seconds: float = 60.0) -> None:
        """Wait until every part is there and sound has been heard for a second."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sound, _ = self.ear.heard()
            lately = abs(sound[-48_000:])
            if len(self.parts()) == len(PARTS) and len(lately) and lately[::480].max() > 1e-2:
                return
            time.sleep(0.2)
        raise TimeoutError((self.out / "said.txt").read_text(errors="replace")[-2000:])

    def kill(self, name: str) -> float:
        """Kill a part; return the seconds until its process was there again."""
        part = self.parts()[name]
        part.kill()
        begin = time.monotonic()
        while time.monotonic() < begin + 20.0:
            new = self.parts().get(name)
            if new is not None and new != part:
                return time.monotonic() - begin
            time.sleep(0.01)
        return float("inf")

    def orphan(self) -> tuple[float, int]:
        """Kill the supervisor; return the seconds until silence, and how many parts stay."""
        parts = list(self.parts().values())
        self.process.kill()
        begin = time.monotonic()
        self.process.wait()
        while time.monotonic() < begin + 45.0 and any(map(_lives, parts)):
            time.sleep(0.2)
        sound, times = self.ear.heard()
        peaks = abs(sound).reshape(len(times), -1).max(axis=1)
        return float(times[peaks > 1e-3][-1] - begin), sum(map(_lives, parts))

    def readable(self) -> bool:
        """Return whether journal, EEG and sound can be read, but for a journal's torn last line."""
        journal = read(self.folder)
        try:
            for path in self.folder.xdf():
                for _ in read_stream(path).items():
                    pass
            for path in self.folder.heard():
                if path.stat().st_size:  # a player may be killed before its first sound
                    soundfile.read(path)
        except (RymError, soundfile.SoundFileError):
            return False
        return not journal.damaged and len(journal.of(NOW)) > 0

    def returns(self) -> list[Return]:
        """Return every time at which sound came back from silence."""
        sound, _ = self.ear.heard()
        return returns(sound[:, None])

    def close(self) -> None:
        """Kill what is left of it."""
        if self.process.poll() is None:
            self.parts()
            self.process.kill()
            self.process.wait()
        for part in self.seen:
            if part.is_running():
                part.kill()
        self.ear.close()
        self._said.close()


def _lives(process: psutil.Process) -> bool:
    return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE


@contextmanager
def session(made: Path, folder: Path) -> Iterator[Session]:
    """Run a session on a sound server of its own."""
    out = folder / "out"
    out.mkdir()
    with server(folder, 1) as environment:
        running = Session(made, out, environment)
        try:
            yield running
        finally:
            running.close()


def kills(number: int, n_kills: int, made: Path, folder: Path) -> list[Kill]:
    """Kill so many parts of one session, each at random; the last one is the supervisor.

    Parameters
    ----------
    number : int
        Which session it is; it is the seed, too.
    n_kills : int
        Kills in it.
    made : Path
        Folder with bank and model.
    folder : Path
        An empty one.
    """
    rng = random.Random(number)
    found: list[Kill] = []
    with session(made, folder) as running:
        running.until_heard()
        for _ in range(n_kills - 1):
            time.sleep(rng.uniform(0.0, LONGEST_PAUSE))
            part = rng.choice(PARTS)
            found.append(Kill(number, part, back=running.kill(part)))
        running.until_heard()
        silent, left = running.orphan()
        loudest = max((one.db for one in running.returns()), default=None)
        last = Kill(number, SUPERVISOR, silent=silent, left=left, loudest=loudest)
        last.readable = running.readable()
        return [*found, last]


def kept(path: Path) -> list[Kill]:
    """Return the kills of earlier runs."""
    if not path.exists():
        return []
    lines: list[Any] = [json.loads(line) for line in path.read_text().splitlines()]
    return msgspec.convert(lines, list[Kill])
