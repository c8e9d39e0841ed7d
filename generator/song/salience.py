"""The voice that stands out of a mixture.

A tone is a fundamental with overtones, so what counts for a pitch is the sum over its harmonics
(harmonic summation; Hermes 1988, Salamon & Gómez 2012). The tune is the row of pitches that stands
out most, changes seldom, and lies where tunes lie.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LOWEST = 36
"""MIDI number of the spectrum's first bin (C2)."""
TUNES = range(48, 91)
"""MIDI numbers among which a tune is looked for."""
HARMONICS = 8
FADE = 0.8
"""What each further harmonic counts against the one before."""
COMPRESSION = 0.5
"""Exponent on the amplitude: a soft overtone says nearly as much as a loud one."""
MIDDLE, SPREAD = 70.0, 11.0
"""Where tunes lie, in MIDI numbers: over their accompaniment."""
EAGER = 3.0
"""Nats by which the most salient pitch of a frame is likelier than one without any salience."""
CHANGE = 2.2
"""What another pitch costs, in nats."""
LEAP = 0.08
"""What each semitone beyond a third costs on top, in nats."""
FAINT = 0.25
"""A frame whose voice has less than this share of its usual salience is a rest."""
EVEN, CLEAR = 0.38, 0.58
"""Share of the voice in its own and the next salience together: of a guess, and of a clear tune."""
AHEAD = 1.1
"""By how much a tone's salience must exceed that of its octaves for its octave to be sure."""


def tracked(spectrum: Array, per_semitone: int) -> tuple[Array, Array, Array, float]:
    """Follow the most salient voice.

    Parameters
    ----------
    spectrum : array of shape (n_bins, n_frames)
        Constant-Q amplitudes from C2 up, in tune.
    per_semitone : int
        Bins per semitone, the first one on C2.

    Returns
    -------
    pitch : array of shape (n_frames,)
        MIDI number, NaN in rests.
    sure : array of shape (n_frames,)
        0 to 1: how far it leads over what is no octave of it.
    level : array of shape (n_frames,)
        Of the voice alone, in dB, 0 being the loudest.
    octave : float
        Share of the frames in which the octave is sure.
    """
    heights = _salience(_peaks(spectrum), per_semitone)
    pitches = np.array(TUNES)
    rows = pitches - LOWEST
    prior = np.exp(-0.5 * ((pitches - MIDDLE) / SPREAD) ** 2)
    weighted = heights[rows] * (0.4 + 0.6 * prior)[:, None]
    path = _path(weighted)
    frames = np.arange(len(path))
    own = heights[rows[path], frames]
    usual = float(np.percentile(own, 80))
    there = ndimage.median_filter((own > FAINT * usual).astype(float), 5) > 0.5
    level = _level(spectrum, rows[path], per_semitone)
    octaves = np.maximum(heights[rows[path] - 12, frames], heights[rows[path] + 12, frames])
    certain = float(np.mean(own[there] > AHEAD * octaves[there])) if there.any() else 0.0
    pitch = np.where(there, pitches[path].astype(float), np.nan)
    return pitch, _lead(heights, rows, path), level, certain


def _peaks(spectrum: Array) -> Array:
    """Return the compressed spectrum where it is higher than beside."""
    low = np.asarray(spectrum, float) ** COMPRESSION
    highest = ndimage.maximum_filter1d(low, 3, axis=0)
    floor = ndimage.uniform_filter1d(low, 37, axis=0)
    return np.where(low == highest, np.maximum(low - 0.7 * floor, 0.0), 0.0)


def _salience(peaks: Array, per_semitone: int) -> Array:
    """Return the salience of every semitone, array of shape (n_semitones, n_frames)."""
    octave = 12 * per_semitone
    n_bins = len(peaks)
    wide = ndimage.maximum_filter1d(peaks, per_semitone, axis=0)
    total = np.zeros_like(wide)
    for harmonic in range(1, HARMONICS + 1):
        up = round(octave * np.log2(harmonic))
        if up < n_bins:
            total[: n_bins - up] += FADE ** (harmonic - 1) * wide[up:]
    # Without its own fundamental a pitch is the ghost of the tone an octave or a twelfth above.
    strongest = ndimage.maximum_filter1d(wide, 2 * octave + 1, axis=0, origin=-octave)
    grounded = wide / np.maximum(strongest, 1e-12)
    total *= 0.25 + 0.75 * np.minimum(1.0, 2 * grounded)
    return np.asarray(total[::per_semitone])


def _path(salience: Array) -> Ints:
    """Return the row of pitches that stands out most and changes seldom, by Viterbi."""
    n_pitches, n_frames = salience.shape
    scale = ndimage.maximum_filter1d(salience.max(axis=0), 45)
    gain = EAGER * salience / np.maximum(scale, 1e-12)
    apart = np.abs(np.subtract.outer(np.arange(n_pitches), np.arange(n_pitches)))
    cost = np.where(apart == 0, 0.0, CHANGE + LEAP * np.maximum(0, apart - 4))
    came = np.zeros((n_frames, n_pitches), np.int64)
    best = gain[:, 0].copy()
    for k in range(1, n_frames):
        reach = best[:, None] - cost
        came[k] = np.argmax(reach, axis=0)
        best = reach[came[k], np.arange(n_pitches)] + gain[:, k]
    path = np.zeros(n_frames, np.int64)
    path[-1] = int(np.argmax(best))
    for k in range(n_frames - 1, 0, -1):
        path[k - 1] = came[k, path[k]]
    return path


def _level(spectrum: Array, rows: Ints, per_semitone: int) -> Array:
    """Return the loudness of a voice's first harmonics, in dB."""
    frames, power = np.arange(len(rows)), np.zeros(len(rows))
    wide = ndimage.maximum_filter1d(np.asarray(spectrum, float), per_semitone, axis=0)
    for harmonic in (1, 2, 3):
        place = rows * per_semitone + round(12 * per_semitone * np.log2(harmonic))
        inside = place < len(spectrum)
        power[inside] += wide[place[inside], frames[inside]] ** 2
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12) / max(float(power.max()), 1e-12)))


def _lead(heights: Array, rows: Ints, path: Ints) -> Array:
    """Return how far the voice leads over every pitch that is no octave of it, 0 to 1."""
    frames = np.arange(len(path))
    own = heights[rows[path], frames]
    others = heights[rows].copy()
    for away in range(-36, 37, 12):
        for near in (-1, 0, 1):
            place = path + away + near
            inside = (place >= 0) & (place < len(rows))
            others[place[inside], frames[inside]] = 0.0
    lead = own / np.maximum(own + others.max(axis=0), 1e-12)
    return np.asarray(np.clip((lead - EVEN) / (CLEAR - EVEN), 0.0, 1.0))
