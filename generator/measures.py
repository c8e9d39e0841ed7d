"""What the manifest says about a clip's sound."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from .mastering import Stereo, decibel

FRAME = 4096
"""Samples per frame of the spectrum."""
SEAM_S = 0.1
"""Seconds on either side of the seam over which looping is judged."""


def spectral_centroid(sound: Stereo, rate: int) -> float:
    """Return the centre of the mean magnitude spectrum, in Hz.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
    rate : int
        Frames per second.
    """
    n_frames = len(sound) // FRAME
    frames = sound[: n_frames * FRAME].mean(axis=1).reshape(n_frames, FRAME)
    magnitude = np.abs(fft.rfft(frames * signal.windows.hann(FRAME, sym=False), axis=1)).mean(
        axis=0
    )
    hz = fft.rfftfreq(FRAME, 1 / rate)
    return float(np.sum(hz * magnitude) / max(float(np.sum(magnitude)), 1e-30))


def rms_db(sound: Stereo) -> float:
    """Return the root mean square over both channels, in dB of full scale."""
    return decibel(float(np.sqrt(np.mean(sound**2))))


def loop_residual_db(
    looped: Stereo,
    performed: npt.NDArray[np.floating],
    offset: npt.NDArray[np.float64],
    gain: Stereo,
    rate: int,
) -> float:
    """Compare the loop at its seam with the same music rendered through.

    Parameters
    ----------
    looped : array of shape (n_samples, 2)
        One turn of the finished clip.
    performed : array of shape (n_times, 2)
        One turn from silence to the last of its ringing, before mastering.
    offset : array of shape (2,)
        DC that was taken out.
    gain : array of shape (n_samples, 1)
        Gain of the mastering.
    rate : int
        Frames per second.

    Returns
    -------
    float
        Level of the difference over ± 100 ms around the seam, against the music there, in dB.
    """
    n_samples, half = len(looped), min(round(SEAM_S * rate), len(looped) // 2)
    around = np.arange(-half, half)  # samples from the seam
    through = np.zeros((2 * half, 2))
    # Turns that began 0, 1, 2, … sections before the seam still ring there; one begins at it.
    for turn in range(-(-len(performed) // n_samples) + 1):
        at = around + turn * n_samples
        inside = (at >= 0) & (at < len(performed))
        through[inside] += performed[at[inside]]
    through = (through - offset) * gain[around % n_samples]
    difference = looped[around % n_samples] - through
    return decibel(float(np.sqrt(np.sum(difference**2) / max(float(np.sum(through**2)), 1e-30))))


def correlations(
    siblings: list[Stereo], downbeats: tuple[int, ...]
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Return how alike sibling clips are, bar by bar.

    Parameters
    ----------
    siblings : list of array of shape (n_samples, 2)
        One clip per affect.
    downbeats : tuple of int
        Sample index of every bar's first beat.

    Returns
    -------
    tuple of shape (n_bars, n_affects, n_affects)
        Correlation of the waveforms over both channels, −1…1; 0 with a silent bar.
    """
    edges = [*downbeats, len(siblings[0])]
    rho = []
    for begin, end in itertools.pairwise(edges):
        rows = np.stack([sound[begin:end].ravel() for sound in siblings])
        rho.append(_correlation(rows))
    return tuple(rho)


def _correlation(rows: npt.NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    rows = rows - rows.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 0)
    matrix = np.clip(unit @ unit.T, -1, 1)
    np.fill_diagonal(matrix, 1.0)
    return tuple(tuple(round(float(value), 6) for value in row) for row in matrix)
