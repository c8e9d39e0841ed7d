"""The same loudness for every clip, peaks held back, nothing that would break the loop.

Everything here treats a clip as a circle: a filter or a limiter that starts anew at sample 0 would
leave a step at the seam.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy import ndimage, signal

from rym.errors import FormatError

Stereo = npt.NDArray[np.float64]

OVERSAMPLING = 4
ROUNDS = 6
TOLERANCE_LU = 0.05
LOOKAHEAD_S = 0.012
"""Half width of the limiter's smooth gain dip, in seconds."""


def loudness(sound: Stereo, rate: int) -> float:
    """Return the integrated loudness in LUFS (ITU-R BS.1770-4).

    Parameters
    ----------
    sound : array of shape (n_times, 2)
        At least 0.4 s.
    rate : int
        Frames per second.
    """
    return float(pyloudnorm.Meter(rate).integrated_loudness(sound))


def true_peak(sound: Stereo) -> float:
    """Return the peak of the 4× oversampled circle in dBTP (ITU-R BS.1770-4, annex 2).

    Parameters
    ----------
    sound : array of shape (n_times, 2)
        One turn of a loop.
    """
    up = _oversampled(sound)
    return decibel(max(float(up.max()), -float(up.min())))


def decibel(amplitude: float) -> float:
    """Return an amplitude in dB, −150 for silence."""
    return 20 * float(np.log10(max(amplitude, 10**-7.5)))


def _oversampled(sound: Stereo) -> Stereo:
    """Return the circle at four times its rate, array of shape (2, 4 · n_times)."""
    edge = 64
    circle = np.concatenate([sound[-edge:], sound, sound[:edge]]).T
    up = signal.resample_poly(np.ascontiguousarray(circle), OVERSAMPLING, 1, axis=1)
    return np.asarray(up[:, edge * OVERSAMPLING : -edge * OVERSAMPLING])


def master(sound: Stereo, rate: int, target_lufs: float, max_true_peak: float) -> Stereo:
    """Return the gain for every sample that brings a clip to its level.

    Most clips need one number; only where a peak would pass the ceiling does the gain dip there,
    and then level and peak are brought together in a few rounds.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
        One turn of a loop, without DC.
    rate : int
        Frames per second.
    target_lufs : float
        Wanted integrated loudness, in LUFS.
    max_true_peak : float
        Highest true peak allowed, in dBTP.

    Returns
    -------
    array of shape (n_times, 1)
        Linear gain, smooth across the seam; constant where no peak had to be held back.

    Raises
    ------
    FormatError
        If the clip is silent or not a number, or if level and peak cannot both be had.
    """
    level = loudness(sound, rate)
    if not np.isfinite(level):
        raise FormatError(
            f"A clip's loudness is {level} LUFS, wanted are {target_lufs:g}.",
            "Take words off the avoid-list: nothing audible is left.",
        )
    ceiling = 10 ** ((max_true_peak - 0.1) / 20)
    gain = np.full(len(sound), 10 ** ((target_lufs - level) / 20))
    # Between samples such a sound rises by far less than 3 dB; the finished clip is measured.
    if gain[0] * np.max(np.abs(sound)) < ceiling / 2**0.5:
        return gain[:, None]
    envelope = np.abs(_oversampled(sound)).max(axis=0).reshape(-1, OVERSAMPLING).max(axis=1)
    for _ in range(ROUNDS):
        gain *= _held_back(gain * envelope, ceiling, rate)
        error = target_lufs - loudness(sound * gain[:, None], rate)
        if abs(error) <= TOLERANCE_LU and np.max(gain * envelope) <= ceiling * 1.001:
            return gain[:, None]
        gain *= 10 ** (error / 20)
    raise FormatError(
        f"A clip cannot be {target_lufs:g} LUFS loud with peaks below {max_true_peak:g} dBTP.",
        "Lower target_lufs.",
    )


def _held_back(envelope: npt.NDArray[np.float64], ceiling: float, rate: int) -> Stereo:
    """Return the gain that keeps an envelope below the ceiling, dipping smoothly and in time."""
    if np.max(envelope) <= ceiling:
        return np.ones(len(envelope))
    half = round(LOOKAHEAD_S * rate)
    needed = np.minimum(1.0, ceiling / np.maximum(envelope, ceiling))
    lowest = ndimage.minimum_filter1d(needed, 2 * half + 1, mode="wrap")
    window = signal.windows.hann(2 * half + 1)
    return np.asarray(ndimage.convolve1d(lowest, window / window.sum(), mode="wrap"))
