"""A small bank with all that a bank may hold: loops, endings, a scene."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from PIL import Image

from rym import bank
from rym.bank import SCHEMA, Bank, Clip, Correlation, Frame, Kind, Maker, Scene
from rym.messages import AFFECTS, Affect
from session.bank.approvals import approve

RATE = 48_000
MAKER = Maker(backend="test", licence="none")


def _clip(folder: Path, affect: Affect, variant: int, kind: Kind) -> Clip:
    """Write two seconds of a chord, higher and brighter from negative to positive."""
    at = AFFECTS.index(affect)
    t = np.arange(2 * RATE) / RATE
    wave = 0.1 * np.sin(2 * np.pi * (220 + 110 * at + 10 * variant) * t)
    if kind == "ending":
        wave *= np.exp(-2 * t)
    file = f"audio/s0-{'end' if kind == 'ending' else f'v{variant}'}-{affect}.flac"
    soundfile.write(folder / file, np.stack([wave, wave], axis=1), RATE, subtype="PCM_24")
    return Clip(
        file=file, sha256=bank.sha256(folder / file), affect=affect, section=0, variant=variant,
        kind=kind, maker=MAKER, prompt_sha256="", seed=7, bpm=120.0, bars=1, beats_per_bar=4,
        n_samples=len(t), downbeats=(0,), key="D", mode=("minor", "dorian", "major")[at],
        lufs=-20.0 + 0.1 * at, true_peak_dbtp=-12.0, spectral_centroid_hz=900.0 + 300.0 * at,
        rms_db=-23.0, mode_score=0.2 * (at - 1), beat_error=None if at else 0.004,
        loop_residual_db=None if kind == "ending" else -90.0, notes=(),
    )  # fmt: skip


def _scene(folder: Path, n: int) -> Scene:
    """Write a strip of even colours, from a dull one to a bright one."""
    frames = []
    for k in range(n):
        at = k / (n - 1)
        colour = tuple(round(255 * x) for x in (0.2 + 0.5 * at, 0.3 + 0.4 * at, 0.5 + 0.3 * at))
        file = f"images/scene-0-f{k:02d}.webp"
        picture = np.empty((36, 64, 3), dtype=np.uint8)
        picture[:] = colour
        picture[20:, :] //= 2
        Image.fromarray(picture).save(folder / file, lossless=True)
        frames.append(
            Frame(
                file=file, sha256=bank.sha256(folder / file), valence=2 * at - 1, hue=210.0,
                saturation=0.2 + 0.3 * at, value=0.5 + 0.3 * at, luminance=0.1 + 0.4 * at,
            )
        )  # fmt: skip
    return Scene(
        name="scene-0", maker=MAKER, prompt_sha256="", seed=7, width=64, height=36, flashes=0,
        frames=tuple(frames),
    )  # fmt: skip


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bank that no test changes: six loops, three endings, one scene."""
    folder = tmp_path_factory.mktemp("audition") / "bank"
    (folder / "audio").mkdir(parents=True)
    (folder / "images").mkdir()
    places: list[tuple[int, Kind]] = [(0, "loop"), (1, "loop"), (0, "ending")]
    clips = [_clip(folder, a, v, k) for (v, k), a in itertools.product(places, AFFECTS)]
    one = tuple(tuple(1.0 if i == j else 0.2 for j in range(3)) for i in range(3))
    rows = [Correlation(section=0, variant=v, kind=k, rho=(one,)) for v, k in places]
    bank.save(
        Bank(
            schema=SCHEMA, subject="p07", memory_sha256="ab" * 32, rate=RATE, affects=AFFECTS,
            target_lufs=-20.0, clips=tuple(clips), correlations=tuple(rows),
            scenes=(_scene(folder, 5),),
        ),
        folder,
    )  # fmt: skip
    return folder


@pytest.fixture
def folder(made_once: Path, tmp_path: Path) -> Path:
    """Return a copy of the bank where a participant's lies: `people/p07/bank`."""
    return Path(shutil.copytree(made_once, tmp_path / "root" / "people" / "p07" / "bank"))


@pytest.fixture
def approved(folder: Path) -> Path:
    """Return the bank with everything approved by both."""
    for by in bank.ROLES:
        approve(folder, "all", by)
    return folder


@pytest.fixture
def remake() -> Callable[[Path, str], None]:
    """Return a function that makes a clip anew under its name, as a build would."""

    def make(folder: Path, file: str) -> None:
        sound, rate = soundfile.read(folder / file)
        soundfile.write(folder / file, 0.9 * sound, rate, subtype="PCM_24")
        now = bank.read(folder)
        clips = tuple(
            msgspec.structs.replace(clip, sha256=bank.sha256(folder / file), take=clip.take + 1)
            if clip.file == file else clip
            for clip in now.clips
        )  # fmt: skip
        bank.save(msgspec.structs.replace(now, clips=clips), folder)

    return make
