"""A bank of three known signals, by which gains can be read off what was captured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from player.settings import RATE
from rym.bank import SCHEMA, Bank, Clip, Correlation, Maker, save, sha256
from rym.messages import AFFECTS

Array = npt.NDArray[np.float64]

PERIOD = RATE // 2
"""Frames after which every signal begins again."""
BAR = RATE // 2
BARS = 16
SECTION = BARS * BAR
"""Frames of a section: 8 s."""
RHOS = (0.0, 0.5, 1.0)
"""Correlation of any two affects in each section."""
MARK = RATE
"""Frame of every section at which its marker begins."""
LEVEL = 0.05
"""Root mean square of every signal."""


def marker() -> Array:
    """Return 20 ms that sweep from 1 to 9 kHz: found to a fraction of a frame."""
    t = np.arange(RATE // 50) / RATE
    window = np.hanning(len(t))
    return np.asarray(0.2 * window * np.sin(2 * np.pi * (1000 * t + 200_000 * t**2)))


def signals(section: int, rho: float, n_frames: int = SECTION) -> Array:
    """Return the three signals of one section, shape (3, n_frames), without the marker.

    Each is a sum of 20 sines up to 8 kHz that no other has, besides a share that all have: any
    240 frames then tell the three apart, and level and correlation are the same in any half second.
    """
    rng = np.random.default_rng([section, 5])
    t = np.arange(PERIOD) / PERIOD

    def tone(low: int) -> Array:
        phases = rng.uniform(0, 2 * np.pi, 20)
        cycles = low + 200 * np.arange(20)
        waves = np.sin(2 * np.pi * cycles[:, None] * t + phases[:, None])
        return np.asarray(waves.sum(axis=0) / np.sqrt(10))

    common, own = tone(100), [tone(low) for low in (104, 108, 112)]
    one = [LEVEL * (np.sqrt(rho) * common + np.sqrt(1 - rho) * x) for x in own]
    return np.tile(np.stack(one), n_frames // PERIOD)


def write(folder: Path, rhos: Sequence[float] = RHOS, bar: int = BAR, n_bars: int = BARS) -> Path:
    """Write the bank and return its folder.

    Parameters
    ----------
    folder : Path
        Made here.
    rhos : sequence of float
        Correlation of any two affects in each section.
    bar : int
        Frames of a bar of four beats.
    n_bars : int
        Bars of a section, which make a multiple of `PERIOD` together.
    """
    (folder / "audio").mkdir(parents=True)
    clips, correlations = [], []
    mark, bars = marker(), range(0, n_bars * bar, bar)
    for section, rho in enumerate(rhos):
        for affect, sound in zip(AFFECTS, signals(section, rho, bars.stop), strict=True):
            sound[MARK : MARK + len(mark)] += mark
            file = f"audio/{section}-{affect}.flac"
            both = np.repeat(sound[:, None], 2, axis=1)
            soundfile.write(folder / file, both, RATE, subtype="PCM_24")
            clips.append(_clip(folder, file, affect, section, bars))
        r = tuple(tuple(1.0 if i == j else rho for j in range(3)) for i in range(3))
        correlations.append(Correlation(section=section, variant=0, rho=(r,) * n_bars))
    bank = Bank(
        schema=SCHEMA, memory_sha256="", rate=RATE, affects=AFFECTS, target_lufs=-20.0,
        clips=tuple(clips), correlations=tuple(correlations),
    )  # fmt: skip
    save(bank, folder)
    return folder


def _clip(folder: Path, file: str, affect: str, section: int, bars: range) -> Clip:
    return Clip(
        file=file, sha256=sha256(folder / file), affect=affect,  # type: ignore[arg-type]
        section=section, variant=0, maker=Maker(backend="test"), prompt_sha256="", seed=0,
        bpm=240.0 * RATE / bars.step, bars=len(bars), beats_per_bar=4, n_samples=bars.stop,
        downbeats=tuple(bars), key="D", mode="dorian", lufs=-23.0,
        true_peak_dbtp=-9.0, spectral_centroid_hz=4000.0, rms_db=-26.0, loop_residual_db=-90.0,
        mode_score=0.0, beat_error=None, notes=(),
    )  # fmt: skip
