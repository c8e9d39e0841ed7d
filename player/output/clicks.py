"""Soft clicks at known frames, by which the delay of a device is measured (pure).

A click is a burst of 80 Hz: headphones and cables carry it, an amplifier of 250 samples per second
or more records it, and what follows a sound's level (a microphone, a trigger box) sees one step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..settings import BLOCK, RATE

PEAK = 0.1
"""Largest amplitude of full scale, 1: −20 dB."""
TONE_HZ = 80.0
RISE_S = 0.010
"""Seconds in which a click comes up from silence, and goes."""
HOLD_S = 0.040
"""Seconds between the two."""
LEAD_S = 3.0
"""Seconds of silence first, in which a sound server finds its pace."""
EVERY_S = (0.75, 1.05)
"""Shortest and longest distance of two clicks in seconds: uneven, so that nothing that repeats can
be taken for them, and far enough apart for a delay of half a second."""
GROWING = 3
"""Clicks that come first, louder by 6 dB each, and are not counted: nobody is startled."""


class Clicks(NamedTuple):
    """A track of clicks."""

    sound: npt.NDArray[np.float32]
    """Array of shape (n_frames, 2), a whole number of control blocks."""
    frames: npt.NDArray[np.float64]
    """Array of shape (n_clicks,): where each counted click has risen to half its level."""


def clicks(n: int, level_db: float = 0.0, seed: int = 1) -> Clicks:
    """Make a track of clicks.

    Parameters
    ----------
    n : int
        Clicks that count.
    level_db : float
        Overall level in dB, 0 at most.
    seed : int
        Decides the distances.
    """
    rng = np.random.default_rng([seed, 7])
    distances = rng.uniform(*EVERY_S, n + GROWING - 1)
    begins = np.round((LEAD_S + np.concatenate([[0.0], np.cumsum(distances)])) * RATE).astype(int)
    one = _burst()
    n_blocks = -(-(int(begins[-1]) + round(EVERY_S[1] * RATE)) // BLOCK)
    sound = np.zeros((n_blocks * BLOCK, 2), np.float32)
    gains = np.ones(len(begins))
    gains[:GROWING] = 0.5 ** np.arange(GROWING, 0, -1)
    loud = PEAK * 10.0 ** (min(0.0, level_db) / 20.0)
    for begin, gain in zip(begins, gains, strict=True):
        sound[begin : begin + len(one)] = (loud * gain * one)[:, None]
    return Clicks(sound, begins[GROWING:] + RISE_S / 2 * RATE)


def _burst() -> npt.NDArray[np.float64]:
    """Return one click of amplitude 1."""
    n_rise, n_hold = round(RISE_S * RATE), round(HOLD_S * RATE)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(n_rise) / n_rise)
    level = np.concatenate([rise, np.ones(n_hold), rise[::-1]])
    return np.asarray(level * np.sin(2 * np.pi * TONE_HZ * np.arange(len(level)) / RATE))
