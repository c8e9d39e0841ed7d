"""A bank whose layers can be told apart in the sound alone, wherever in the music it is.

Each layer is a sum of sines of its own, all of them multiples of 8 Hz. Any 6000 frames (125 ms)
hold whole periods, so that their spectrum says how much of each layer is in them.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from rym.bank import SCHEMA, Bank, Clip, Correlation, Maker, save, sha256
from rym.messages import AFFECTS

RATE = 48_000
SPAN = 6000
"""Frames that hold whole periods of everything."""
BAR, BARS = 24_000, 4
LOW, STEP, TONES = 10, 4, 20
"""A layer's lowest tone, the step between its tones (both × 8 Hz), and how many there are."""
RMS = 0.05

Sound = np.ndarray[Any, np.dtype[np.float32]]


def bins(layer: int) -> Any:
    """Return the bins of a spectrum of `SPAN` frames in which a layer's tones lie."""
    return LOW + layer + STEP * np.arange(TONES)


def layer(number: int) -> Sound:
    """Return a layer of `RMS`, the same on both sides."""
    rng = np.random.default_rng(number)
    t = np.arange(BAR * BARS) / SPAN
    phases = rng.uniform(0.0, 2.0 * np.pi, TONES)
    tones = np.sin(2.0 * np.pi * bins(number)[:, None] * t + phases[:, None]).sum(axis=0)
    scaled = RMS * tones / np.sqrt(TONES / 2.0)
    return np.repeat(scaled[:, None], 2, axis=1).astype(np.float32)


def steepest(number: int) -> float:
    """Return a layer's largest step from one sample to the next."""
    return float(np.abs(np.diff(layer(number)[: 2 * SPAN, 0])).max())


def write(folder: Path) -> None:
    """Write the bank: two sections of one variant each."""
    (folder / "audio").mkdir(parents=True)
    clips = [_clip(folder, section, number) for section, number in product(range(2), range(3))]
    one = tuple(tuple(float(i == j) for j in range(3)) for i in range(3))
    correlations = [Correlation(section=k, variant=0, rho=(one,) * BARS) for k in range(2)]
    manifest = Bank(
        schema=SCHEMA,
        memory_sha256="",
        rate=RATE,
        affects=AFFECTS,
        target_lufs=-20.0,
        clips=tuple(clips),
        correlations=tuple(correlations),
    )
    save(manifest, folder)


def _clip(folder: Path, section: int, number: int) -> Clip:
    file = f"audio/{section}-{AFFECTS[number]}.flac"
    soundfile.write(folder / file, layer(number), RATE, subtype="PCM_24")
    return Clip(
        file=file,
        sha256=sha256(folder / file),
        affect=AFFECTS[number],
        section=section,
        variant=0,
        maker=Maker(backend="test"),
        prompt_sha256="",
        seed=0,
        bpm=480.0,
        bars=BARS,
        beats_per_bar=4,
        n_samples=BAR * BARS,
        downbeats=tuple(range(0, BAR * BARS, BAR)),
        key="D",
        mode="dorian",
        lufs=-20.0,
        true_peak_dbtp=-12.0,
        spectral_centroid_hz=400.0,
        rms_db=-26.0,
        loop_residual_db=-90.0,
        mode_score=0.0,
        beat_error=None,
        notes=(),
    )
