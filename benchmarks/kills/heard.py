"""Whether sound that was captured ever came back as a blast (pure)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

RATE = 48_000
STEP = 480
SPAN = 5
"""Steps of 10 ms over which loudness is taken."""
SILENT = 1e-5
"""RMS of silence, 74 dB below the music: so a rise is seen from its beginning."""
LASTS = 30
"""Steps of silence from which on a silence is one; what is shorter is a gap in the device."""
SOON = 30
"""Steps behind a silence in which sound may only begin to come."""
SPARE_DB = 3.0
"""dB over the ramp: the music itself is louder here and softer there."""

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Return(NamedTuple):
    """Sound that came back from silence."""

    at: float
    """Seconds from the beginning of what was captured."""
    silence: float
    """Seconds of silence before."""
    db: float
    """Loudest 50 ms within 0.3 s, in dB below the loudest of all."""


def loudness(sound: Floats) -> Floats:
    """Return the RMS of the 50 ms that end with each 10 ms.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
        At 48 kHz.

    Returns
    -------
    array of shape (n_steps,)
        Linear, full scale is 1.
    """
    n = len(sound) // STEP
    power = (sound[: n * STEP].reshape(n, -1).astype(np.float64) ** 2).mean(axis=1)
    summed = np.cumsum(np.concatenate([np.zeros(SPAN), power]))
    before = np.concatenate([[0.0], summed])[:n]
    mean: Floats = np.sqrt(np.maximum(summed[SPAN:] - before, 0.0) / SPAN)
    return mean


def returns(sound: Floats) -> list[Return]:
    """Return every time at which sound came back from a silence of 0.3 s or more."""
    rms = loudness(sound)
    most = float(rms.max(initial=1e-9))
    found, quiet = [], 0
    for k, value in enumerate(rms):
        if value < SILENT:
            quiet += 1
            continue
        if quiet >= LASTS:
            soon = float(rms[k : k + SOON].max())
            found.append(
                Return(k * STEP / RATE, quiet * STEP / RATE, 20.0 * math.log10(soon / most))
            )
        quiet = 0
    return found


def allowed_db(rise: float) -> float:
    """Return the most that may be heard 0.3 s after a silence, in dB below the loudest.

    Parameters
    ----------
    rise : float
        Seconds in which the player lets sound come up, on a raised cosine.
    """
    share = min(1.0, SOON * STEP / RATE / rise)
    return 20.0 * math.log10((1.0 - math.cos(math.pi * share)) / 2.0) + SPARE_DB
