"""Which of the twelve tones sound, moment by moment."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

TONES = 12
CENTRE_OCTAVE = 5.0
"""Octave above A0 (27.5 Hz) in which a tone counts most."""
OCTAVE_WIDTH = 2.0
"""Standard deviation of that weight, in octaves."""


@functools.lru_cache(maxsize=4)
def bank(rate: int, n_fft: int) -> npt.NDArray[np.float64]:
    """Return how much each frequency bin counts for each tone.

    Gaussians around every tone, one semitone of a bin's own width at least, each bin's weights of
    norm 1, octaves far from the middle weighed down: the bank of D. Ellis, *Chroma feature
    analysis and synthesis* (LabROSA, Columbia University, 2007), which MusicGen was trained with.

    Parameters
    ----------
    rate : int
        Frames per second.
    n_fft : int
        Length of the transform.

    Returns
    -------
    array of shape (12, n_fft // 2 + 1)
        From C on; not writeable.
    """
    tone: npt.NDArray[np.float64] = np.empty(n_fft)
    tone[1:] = TONES * np.log2(np.arange(1, n_fft) * (rate / n_fft / 27.5))
    # The bin at 0 Hz has no tone; one and a half octaves below the first, it hardly counts.
    tone[0] = tone[1] - 1.5 * TONES
    width = np.append(np.maximum(np.diff(tone), 1.0), 1.0)
    away = tone - np.arange(TONES)[:, None]
    away = (away + TONES / 2) % TONES - TONES / 2
    weight = np.exp(-0.5 * (2 * away / width) ** 2)
    weight /= np.linalg.norm(weight, axis=0)
    weight *= np.exp(-0.5 * ((tone / TONES - CENTRE_OCTAVE) / OCTAVE_WIDTH) ** 2)
    from_c = np.asarray(np.roll(weight, -3, axis=0)[:, : n_fft // 2 + 1])
    from_c.setflags(write=False)
    return from_c


def chromagram(
    mono: npt.NDArray[np.float64], rate: int, n_fft: int, hop: int
) -> npt.NDArray[np.float64]:
    """Return the power of each tone in each frame.

    Parameters
    ----------
    mono : array of shape (n_times,)
    rate : int
        Frames per second.
    n_fft : int
        Samples per frame, Hann window.
    hop : int
        Samples from frame to frame; frame k is centred on sample k · hop.

    Returns
    -------
    array of shape (n_times // hop + 1, 12)
        From C on.
    """
    missing = max(0, n_fft - len(mono))
    padded = np.pad(mono, (missing // 2, missing - missing // 2))
    padded = np.pad(padded, n_fft // 2, mode="reflect")
    window = signal.windows.hann(n_fft, sym=False)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    tones = np.empty((len(frames), TONES))
    for begin in range(0, len(frames), 64):
        block = fft.rfft(frames[begin : begin + 64] * window, axis=1)
        tones[begin : begin + 64] = (np.abs(block) ** 2) @ bank(rate, n_fft).T
    return np.asarray(tones / np.sum(window**2))
