"""Onsets in seconds become beats: the tempo that explains them best, then a grid.

People hum without a click. What is known of a tune is that most notes begin on a beat, fewer
between two, and few elsewhere; so a tempo is judged by how much better a comb of places explains
the onsets than chance would, and by how near it is to tempi at which people sing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SLOWEST, FASTEST = 45.0, 190.0
"""Tempi that are tried, in beats per minute."""
USUAL, SPREAD = 84.0, 0.45
"""Tempi at which people sing lie around here; the spread is in octaves."""
PRIOR = 2.0
"""Weight of the usual tempo against the onsets: it decides between halves and doubles only."""
FEWEST = 6
"""Onsets from which a tempo can be told."""
PHASES = 24
"""Places of the first beat that are tried, per beat."""
CHUNK_S = 10.0
PHASE_COST = 2.0
"""Nats that each further chunk's own phase must be worth; about the log of the places tried."""
TIMING_S = 0.035
"""How precisely people sing: standard deviation of an onset."""
STRAY = 0.05
"""Share of onsets that lie anywhere: scoops, breaths, faults of the tracker."""
BINARY = ((0.0, 0.66), (0.5, 0.26), (0.25, 0.03), (0.75, 0.05))
TERNARY = ((0.0, 0.66), (1 / 3, 0.12), (2 / 3, 0.22))
"""Places within a beat, and the share of a tune's notes that begin there."""
SETTLED = 0.08
"""Octaves by which the first chunk's tempo may differ from the whole song's."""
SWUNG = 2.0
"""By how much triplets must explain the onsets better to be taken, in nats."""
FOLLOW_PHASE, FOLLOW_PERIOD = 0.35, 0.06
"""Shares of each onset's deviation by which the beat follows a singer who speeds up or slows."""


class Pulse(NamedTuple):
    """A tempo, and where the beats are."""

    period: float
    """Seconds from beat to beat."""
    first: float
    """Seconds at which a beat falls."""
    ternary: bool
    score: float
    """Nats per onset by which the beats explain the onsets better than chance."""


def pulse(onsets: Array, near: float = USUAL, spread: float = SPREAD) -> Pulse:
    """Find the tempo of a row of onsets.

    Parameters
    ----------
    onsets : array of shape (n,)
        In seconds, rising.
    near : float
        The tempo that is expected, in beats per minute.
    spread : float
        How far from it the tempo may lie, in octaves (standard deviation).

    Returns
    -------
    Pulse
        Of halves and doubles the one nearest to what is expected.
    """
    n_tempi = int(np.ceil(np.log2(FASTEST / SLOWEST) / np.log2(1.004)))
    tempi = np.geomspace(SLOWEST, FASTEST, n_tempi)
    prior = -PRIOR * (np.log2(tempi / near) / spread) ** 2 / 2
    chunks = _chunks(onsets)
    found = [
        max(
            (p + _best_phase(chunks, 60 / bpm, places)[0], 60 / bpm)
            for bpm, p in zip(tempi.tolist(), prior.tolist(), strict=True)
        )
        for places in (BINARY, TERNARY)
    ]
    swung = found[1][0] > found[0][0] + SWUNG
    places = TERNARY if swung else BINARY
    period = found[swung][1]
    score, first = _best_phase(chunks, period, places)
    return Pulse(period, first, swung, score / len(onsets))


def _chunks(onsets: Array) -> list[Array]:
    """Return the onsets in stretches so short that a singer's tempo hardly changes in them."""
    begin, out = float(onsets[0]), []
    while begin <= onsets[-1]:
        out.append(onsets[(onsets >= begin) & (onsets < begin + CHUNK_S)])
        begin += CHUNK_S
    return [chunk for chunk in out if len(chunk)]


def _best_phase(
    chunks: list[Array], period: float, places: tuple[tuple[float, float], ...]
) -> tuple[float, float]:
    """Return the log likelihood ratio of one tempo, and the first chunk's beat.

    Each chunk has its own phase: over a whole song the beats of a singer who is a hundredth faster
    would come to lie between the others.
    """
    phases = np.arange(PHASES) / PHASES * period
    total, first = 0.0, 0.0
    for k, chunk in enumerate(chunks):
        fits = explained((chunk - phases[:, None]) / period, period, places).sum(axis=1)
        best = int(np.argmax(fits))
        total += float(fits[best]) - (PHASE_COST if k else 0.0)
        first = first if k else float(phases[best])
    return total, first


def explained(beats: Array, period: float, places: tuple[tuple[float, float], ...]) -> Array:
    """Return the log of how much likelier each onset is on these places than anywhere.

    Parameters
    ----------
    beats : array
        Onsets in beats.
    period : float
        Seconds per beat.
    places : tuple
        Place within the beat, share of the notes.

    Returns
    -------
    array
        Of the same shape, in nats.
    """
    width = TIMING_S / period
    density = np.zeros_like(beats)
    for place, share in places:
        away = (beats - place + 0.5) % 1 - 0.5
        density += share * np.exp(-0.5 * (away / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return np.asarray(np.log(STRAY + (1 - STRAY) * density))


def followed(onsets: Array, whole: Pulse) -> tuple[Array, Pulse]:
    """Return the onsets in beats, by a beat that follows the singer.

    A tempo that is a hundredth off is half a beat off after fifty: so each onset that lies near a
    place draws the beat toward itself. It begins with the tempo of the first seconds.

    Parameters
    ----------
    onsets : array of shape (n,)
        In seconds, rising.
    whole : Pulse
        Of all onsets.

    Returns
    -------
    beats : array of shape (n,)
        From the first beat on; not yet on a grid.
    pulse : Pulse
        With the mean period.
    """
    pulse = whole
    if len(early := _chunks(onsets)[0]) >= FEWEST and len(early) < len(onsets):
        begun = _pulse_near(early, whole)
        pulse = begun if abs(np.log2(begun.period / whole.period)) < 2 * SETTLED else whole
    places = np.array([place for place, _ in (TERNARY if pulse.ternary else BINARY)[:2]])
    places = np.concatenate([places, 1 - places[1:], [1.0]])
    period, at, beat = pulse.period, pulse.first, 0.0
    out = np.zeros(len(onsets))
    for k, onset in enumerate(onsets):
        out[k] = beat + (onset - at) / period
        nearest = np.floor(out[k]) + places
        away = out[k] - nearest[int(np.argmin(np.abs(out[k] - nearest)))]
        if abs(away) * period < 3 * TIMING_S:
            passed = max(1.0, out[k] - beat)
            beat, at = out[k], float(onset)
            beat -= FOLLOW_PHASE * away
            period *= 1 + FOLLOW_PERIOD * away / passed
            out[k] = beat
    passed = out[-1] - out[0]
    mean = float(onsets[-1] - onsets[0]) / passed if passed > 0 else whole.period
    return out, whole._replace(period=mean)


def _pulse_near(onsets: Array, whole: Pulse) -> Pulse:
    """Return the pulse of the first onsets, near the tempo of all and with the same parts."""
    found = pulse(onsets, 60 / whole.period, SETTLED)
    return found._replace(ternary=whole.ternary)


def quantised(beats: Array, period: float, ternary: bool) -> Array:
    """Move onsets to the grid: sixteenths or thirds of a beat, coarse places being likelier.

    Parameters
    ----------
    beats : array of shape (n,)
        Onsets in beats, rising.
    period : float
        Seconds per beat.
    ternary : bool
        Whether the beat has three parts.

    Returns
    -------
    array of shape (n,)
        On the grid; not falling.
    """
    places = TERNARY if ternary else BINARY
    width = TIMING_S / period
    whole = np.floor(beats)
    options = np.array([place for place, _ in places] + [1.0])
    shares = np.array([share for _, share in places] + [places[0][1]])
    cost = 0.5 * ((beats[:, None] - whole[:, None] - options) / width) ** 2 - np.log(shares)
    return np.asarray(np.maximum.accumulate(whole + options[np.argmin(cost, axis=1)]))


def downbeat(beats: Array, lengths: Array) -> int:
    """Return which beat of the first four begins a bar.

    Long notes begin on strong beats; where they tell nothing, the song begins with a bar.

    Parameters
    ----------
    beats, lengths : array of shape (n,)
        The tune on its grid, the first onset within the first four beats.
    """
    first = int(np.floor(beats[0]))
    scores = []
    for shift in range(4):
        place = (beats - shift) % 4
        strength = np.select([place == 0, place == 2, place % 1 == 0], [1.0, 0.5, 0.2], 0.0)
        scores.append(float(np.sum(strength * np.minimum(lengths, 4.0))))
    scores[first % 4] += 0.15 * float(np.sum(np.minimum(lengths, 4.0)))
    return int(np.argmax(scores))


def between(onsets: Array, beats: Array) -> Array:
    """Return onsets in beats of a row of beats, before its first and after its last one as well.

    Parameters
    ----------
    onsets : array of shape (n,)
        In seconds.
    beats : array of shape (n_beats,)
        At least two, in seconds, rising.
    """
    first, last = beats[1] - beats[0], beats[-1] - beats[-2]
    inside = np.interp(onsets, beats, np.arange(len(beats)))
    early = np.minimum(onsets - beats[0], 0.0) / first
    late = np.maximum(onsets - beats[-1], 0.0) / last
    return np.asarray(inside + early + late)
