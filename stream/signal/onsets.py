"""When a sound arrives in a channel of the EEG stream, finer than a sample (pure).

The channel may hold the sound itself, its level, or a trigger box's step: all three have a rising
edge, whose middle is the time that counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import SignalError

Array = npt.NDArray[np.float64]

WITHIN = (-0.1, 0.6)
"""Seconds around the time at which a sound is due in which it is looked for."""
TONE_HZ = 80.0
"""Tone of the sounds, where the channel holds the sound itself (`player.clicks`)."""
SMOOTH_S = 0.03
"""Seconds of the Hann window in which the size of level and tone is taken. On made clicks in 250 to
1000 samples per second it errs by 0.8 ms at most; an even average of the same length by 1.4 ms."""
ABOVE_NOISE = 8.0
"""Robust SDs by which a sound must stand out of its surroundings."""
FURTHEST_S = 0.01
"""Distance in seconds from the median from which an arrival is something else."""
FEWEST = 0.6
"""Share of the sounds that must be found."""
WIDEST_S = 0.005
"""Robust SD of the delays in seconds from which they are no one delay."""


class Delay(NamedTuple):
    """How much later than declared sounds arrive."""

    seconds: float
    """Median."""
    spread: float
    """Robust SD of one arrival, in seconds."""
    found: int
    expected: int


def arrivals(times: Array, signal: Array, due: Array) -> Array:
    """Return when each sound's rising edge has reached half of its height.

    Parameters
    ----------
    times : array of shape (n_times,)
        Rig time of each sample in seconds, rising.
    signal : array of shape (n_times,)
        The channel; unit and offset do not matter.
    due : array of shape (n_sounds,)
        Rig time at which each sound should arrive, in seconds.

    Returns
    -------
    array of shape (n_sounds,)
        Rig time in seconds, nan where there is no sound.
    """
    return np.array([_arrival(times, signal, float(t)) for t in due], np.float64)


def _arrival(times: Array, signal: Array, due: float) -> float:
    first, last = np.searchsorted(times, (due + WITHIN[0], due + WITHIN[1]))
    part, t = signal[first:last], times[first:last]
    if len(part) < 3 or t[-1] - t[0] < 0.9 * (WITHIN[1] - WITHIN[0]) or not np.isfinite(part).all():
        return float("nan")
    size = _size(part - np.median(part), t)
    quiet = float(np.median(size))
    noise = 1.4826 * float(np.median(np.abs(size - quiet)))
    height = float(size.max()) - quiet
    if height <= max(ABOVE_NOISE * noise, 1e-9 * (1.0 + float(np.abs(part).max()))):
        return float("nan")
    half = quiet + height / 2
    at = int(np.argmax(size >= half))
    if at == 0:
        return float("nan")
    share = (half - size[at - 1]) / (size[at] - size[at - 1])
    return float(t[at - 1] + share * (t[at] - t[at - 1]))


def _size(part: Array, t: Array) -> Array:
    """Return how much there is at each time: of the tone, or of the level where that is more.

    The plain size of the samples will not do: at 256 samples per second a tone has no sample
    near its peaks for many ms.
    """
    # An odd number of samples, so that the average lies on a sample, and not between two.
    n = 2 * int(SMOOTH_S / 2 * len(t) / (t[-1] - t[0])) + 1
    mean = np.hanning(n + 2)[1:-1]
    mean /= mean.sum()
    level = np.abs(np.convolve(part, mean, "same"))
    turned = part * np.exp(-2j * np.pi * TONE_HZ * (t - t[0]))
    tone = 2 * np.abs(np.convolve(turned, mean, "same"))
    return np.asarray(tone if tone.max() > level.max() else level)


def delay(times: Array, signal: Array, due: Array) -> Delay:
    """Return by how much the sounds come later than they are due.

    Parameters
    ----------
    times, signal, due
        See `arrivals`.

    Raises
    ------
    SignalError
        If too few of the sounds are found, or their delays differ too much.
    """
    late = arrivals(times, signal, due) - due
    late = late[np.isfinite(late)]
    middle = float(np.median(late)) if len(late) else 0.0
    near = late[np.abs(late - middle) <= FURTHEST_S]
    if len(near) < FEWEST * len(due):
        raise SignalError(
            f"{len(near)} of {len(due)} clicks were found at one delay, "
            f"at least {FEWEST:.0%} are needed.",
            "Lead the sound into that channel (a cable, or a microphone at the ear), raise its "
            "level, or name another channel with --channel.",
            found=len(near),
            expected=len(due),
        )
    spread = 1.4826 * float(np.median(np.abs(near - np.median(near))))
    if spread > WIDEST_S:
        raise SignalError(
            f"The {len(near)} clicks arrive {1e3 * spread:.1f} ms apart from one another (SD), "
            f"at most {1e3 * WIDEST_S:g} ms are one delay.",
            "Use a cable instead of a wireless device, close what else plays sound, and repeat.",
            spread=spread,
        )
    return Delay(float(np.median(near)), spread, len(near), len(due))
