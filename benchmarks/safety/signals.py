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

from rym.bank import SCHEMA, Bank, Clip, Correlation, Kind, Maker, save, sha256
from rym.messages import AFFECTS

RATE = 48_000
SPAN = 6000
"""Frames that hold whole periods of everything."""
BAR, BARS = 24_000, 4
ENDING = 16
"""Bars of a section's ending: it goes on for two, and has rung out after fourteen more."""
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


def ending(number: int) -> Sound:
    """Return a layer's ending: the same tones, which ring out."""
    sound = np.tile(layer(number), (ENDING // BARS, 1))
    share = np.clip((np.arange(len(sound)) / BAR - 2) / (ENDING - 2), 0.0, 1.0)
    ringing = (1.0 + np.cos(np.pi * share)) / 2.0
    return (sound * ringing[:, None]).astype(np.float32)


def write(folder: Path, *, endings: bool = True) -> None:
    """Write a bank of two sections of one variant each, with endings or without."""
    (folder / "audio").mkdir(parents=True)
    kinds: tuple[Kind, ...] = ("loop", "ending") if endings else ("loop",)
    clips = [_clip(folder, *one) for one in product(range(2), range(3), kinds)]
    one = tuple(tuple(float(i == j) for j in range(3)) for i in range(3))
    correlations = [
        Correlation(section=k, variant=0, kind=kind, rho=(one,) * _bars(kind))
        for k, kind in product(range(2), kinds)
    ]
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


def _bars(kind: Kind) -> int:
    return BARS if kind == "loop" else ENDING


def _clip(folder: Path, section: int, number: int, kind: Kind) -> Clip:
    file = f"audio/{section}-{AFFECTS[number]}-{kind}.flac"
    sound = layer(number) if kind == "loop" else ending(number)
    soundfile.write(folder / file, sound, RATE, subtype="PCM_24")
    return Clip(
        file=file,
        sha256=sha256(folder / file),
        affect=AFFECTS[number],
        section=section,
        variant=0,
        kind=kind,
        maker=Maker(backend="test"),
        prompt_sha256="",
        seed=0,
        bpm=480.0,
        bars=_bars(kind),
        beats_per_bar=4,
        n_samples=len(sound),
        downbeats=tuple(range(0, len(sound), BAR)),
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
