"""Whether a loop can be heard to begin anew; pure.

This looks at the finished sound alone, so that clips made elsewhere are judged like our own.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

from .mastering import Stereo

CLICK = 1.2
"""How much larger the step at the seam may be than the largest one within the seconds around."""
GAP = 0.25
"""How much of the softest moment around the level at the seam must be."""
AROUND_S = 2.5
"""Seconds on either side of the seam with which it is compared."""
_MOMENT_S = 0.005
_HISS = 6_000.0
"""Hz above which music of these instruments is soft and a click is not."""


def seam_fault(sound: Stereo, rate: int) -> str:
    """Return what is wrong where a loop goes from its end to its beginning; empty where nothing is.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
        One turn.
    rate : int
        Frames per second.

    Returns
    -------
    str
        With the figure and its limit.
    """
    half = min(round(AROUND_S * rate), len(sound) // 2)
    around = np.concatenate([sound[-half:], sound[:half]])
    click = _click(around, half, rate)
    if click > CLICK:
        return f"the seam clicks: its step is {click:.1f} times the largest around it ({CLICK:g})"
    gap = _gap(around, half, rate)
    if gap < GAP:
        return f"the seam has a gap: its level is {gap:.2f} of the softest around it ({GAP:g})"
    return ""


def _click(around: Stereo, seam: int, rate: int) -> float:
    """Return the seam's step against the largest elsewhere, in the treble, where steps live."""
    highpass = signal.butter(4, _HISS, "highpass", fs=rate, output="sos")
    treble = np.abs(signal.sosfiltfilt(highpass, around, axis=0)).max(axis=1)
    near = round(0.002 * rate)
    edge = round(0.02 * rate)  # the filter's own beginning and end
    at_seam = treble[seam - near : seam + near].max()
    apart = np.concatenate([treble[edge : seam - 4 * near], treble[seam + 4 * near : -edge]])
    floor = 1e-4 * float(np.abs(around).max())
    return float(at_seam / max(float(apart.max()), floor, 1e-12))


def _gap(around: Stereo, seam: int, rate: int) -> float:
    """Return the seam's level against the softest moment elsewhere."""
    n = round(_MOMENT_S * rate)
    power = signal.oaconvolve((around**2).sum(axis=1), np.full(n, 1.0 / n), mode="valid")
    level = np.sqrt(np.maximum(power, 0.0))
    at_seam = level[seam - n - n // 2 : seam + n // 2].min()
    apart = np.concatenate([level[: seam - 4 * n], level[seam + 3 * n :]])
    return float(at_seam / max(float(apart.min()), 1e-9))
