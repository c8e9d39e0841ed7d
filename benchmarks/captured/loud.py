"""Loudness, jumps and true peak of a fade on a bank of music, against the clips themselves."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
from pyloudnorm import Meter

from player.music.material import Material
from player.settings import BLOCK, RATE

Array = npt.NDArray[np.float64]

SHORT_TERM = 3 * RATE // BLOCK
"""Control blocks of a short-term window (EBU Tech 3341)."""


SOUNDS = 1e-4
"""Share of the power from which on a clip counts as heard."""


class Loud(NamedTuple):
    """What was found."""

    off_lu: Array
    """Short-term loudness less what the clips' own loudness lets expect, in LU, per block."""
    jump: float
    """Largest step from sample to sample, against the largest of the clips that are heard in the
    same second."""


def track(material: Material, n_frames: int) -> npt.NDArray[np.float32]:
    """Return every affect as it runs from the music's first frame, shape (3, n_frames, 2)."""
    out = np.zeros((3, n_frames, 2), np.float32)
    at, turn = 0, 0
    while at < n_frames:
        section, variant = material.turns[turn % len(material.turns)]
        for k, sound in enumerate(material.sections[section].sounds[variant]):
            if sound is not None:
                take = sound[: n_frames - at]
                out[k, at : at + len(take)] = take
        at += material.sections[section].n_frames
        turn += 1
    return out


def _power(sound: npt.NDArray[np.float32]) -> Array:
    """Return the K-weighted power of every control block (ITU-R BS.1770-4), channels summed."""
    weighted = sound.astype(np.float64)
    for stage in Meter(RATE)._filters.values():
        weighted = np.stack([stage.apply_filter(weighted[:, c]) for c in (0, 1)], axis=1)
    n = len(weighted) // BLOCK
    return np.asarray((weighted[: n * BLOCK] ** 2).reshape(n, BLOCK, 2).mean(axis=1).sum(axis=1))


def _short_term(power: Array) -> Array:
    total = np.concatenate([[0.0], np.cumsum(power)])
    mean = (total[SHORT_TERM:] - total[:-SHORT_TERM]) / SHORT_TERM
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(mean, 1e-12)))


def compare(sound: npt.NDArray[np.float32], clips: npt.NDArray[np.float32], gains: Array) -> Loud:
    """Compare a stretch of music with what it was made of.

    Parameters
    ----------
    sound : array of shape (n_frames, 2)
        As rendered or captured, at the bank's own level.
    clips : array of shape (3, n_frames, 2)
        Every affect alone, see `track`.
    gains : array of shape (n_blocks, 3)
        As declared; only their proportions count.
    """
    share = gains**2 / (gains**2).sum(axis=1, keepdims=True)
    powers = np.stack([_power(clip) for clip in clips], axis=1)
    n = min(len(powers), len(share))
    expected = _short_term((share[:n] * powers[:n]).sum(axis=1))
    found = _short_term(_power(sound)[:n])
    seconds = range(0, min(len(sound), clips.shape[1]) - RATE + 1, RATE)
    jump = 0.0
    for s in seconds:
        sounds = share[s // BLOCK : (s + RATE) // BLOCK].max(axis=0, initial=0.0) > SOUNDS
        own = max(map(_jump, clips[sounds, s : s + RATE]), default=np.inf)
        jump = max(jump, _jump(sound[s : s + RATE]) / own)
    return Loud(found - expected, jump)


def _jump(sound: npt.NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(sound, axis=0)).max())


def true_peak(sound: npt.NDArray[np.float32], folder: Path) -> float:
    """Return the true peak in dBTP, as ffmpeg's `ebur128` measures it."""
    path = folder / "peak.wav"
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    said = subprocess.run(
        ["ffmpeg", "-hide_banner", "-nostats", "-i", path, "-af", "ebur128=peak=true", "-f",
         "null", "-"],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    return float(re.findall(r"Peak:\s+(-?[\d.]+) dBFS", said)[-1])
