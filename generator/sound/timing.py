"""Whether a clip keeps its own time; pure.

Judged by its onsets alone, so that clips made elsewhere are judged like our own.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

from .mastering import Stereo
from .measures import HOP_S, onsets

SEARCHED = 0.08
"""Relative change of tempo within which the onsets' own is looked for."""
STANDS_OUT = 6.0
"""How many times the usual strength the found tempo must have."""


def tempo_ratio(sound: Stereo, rate: int, bpm: float) -> float | None:
    """Return the onsets' own tempo against the one that it should be.

    The strength of the onset envelope's spectrum at the beat, its double and its fourfold, summed:
    over eight bars it tells a tempo to within 0.05 %. Autocorrelation was rejected: it takes a
    period of one and a half beats for the beat where few notes sound.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
    rate : int
        Frames per second.
    bpm : float
        As it should be, in beats per minute.

    Returns
    -------
    float or None
        1 where both are one; None where no tempo stands out within ± 8 %.
    """
    envelope = onsets(sound, rate)
    per_second = rate / round(HOP_S * rate)
    rising = envelope - envelope.mean()
    ratios = np.linspace(1.0 - SEARCHED, 1.0 + SEARCHED, 1601)
    strength = np.zeros(len(ratios))
    for harmonic in (1, 2, 4):
        hz = harmonic * bpm / 60.0 * ratios[[0, -1]]
        found = signal.zoom_fft(rising, hz, len(ratios), fs=per_second, endpoint=True)
        strength += np.abs(found) ** 2
    best = int(np.argmax(strength))
    if best in (0, len(ratios) - 1):
        return None
    if strength[best] < STANDS_OUT * float(np.median(strength)):
        return None
    return float(ratios[best])


def wander_ms(sound: Stereo, rate: int, bpm: float) -> float:
    """Return by how much a clip's beat comes to be off within half of its length.

    Each half is asked for its own tempo, and the whole: a clip that hurries and then drags is in
    time on the whole.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
    rate : int
        Frames per second.
    bpm : float
        As it should be, in beats per minute.

    Returns
    -------
    float
        The largest, in milliseconds; 0 where no tempo stands out.
    """
    half = len(sound) // 2
    off = [0.0]
    for part in (sound, sound[:half], sound[half:]):
        ratio = tempo_ratio(part, rate, bpm)
        if ratio is not None:
            off.append(abs(ratio - 1.0) * half / rate * 1000.0)
    return max(off)
