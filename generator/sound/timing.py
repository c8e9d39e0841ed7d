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
LAG_MS, SLOW_LAG_MS = 25.0, 60.0
"""Milliseconds by which siblings' onsets may be apart; the second where a slow attack is
declared."""
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


def lag_ms(one: Stereo, other: Stereo, rate: int, bpm: float) -> float:
    """Return how far the onsets of two clips of the same bars are apart.

    Parameters
    ----------
    one, other : array of shape (n_times, 2)
        Of equal length.
    rate : int
        Frames per second.
    bpm : float
        Of both, in beats per minute.

    Returns
    -------
    float
        The shift within ± half a beat at which both onset envelopes agree best, in milliseconds,
        without its sign; 0 where either has no onsets.
    """
    envelopes = [onsets(sound, rate) for sound in (one, other)]
    if min(float(envelope.std()) for envelope in envelopes) == 0.0:
        return 0.0
    spectra = [np.fft.rfft(envelope - envelope.mean()) for envelope in envelopes]
    alike = np.fft.irfft(spectra[0] * np.conj(spectra[1]), len(envelopes[0]))
    half = round(30.0 / bpm / HOP_S)
    near = np.concatenate([alike[-half:], alike[: half + 1]])
    return abs(int(np.argmax(near)) - half) * round(HOP_S * rate) / rate * 1000.0
