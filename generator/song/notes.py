"""Pitch, frame by frame, becomes notes in seconds.

A voice slides, trembles and drifts. A note is where it stays: the row of semitones that lies near
the pitch and changes seldom (Viterbi), on a tuning that follows the singer.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .pitch import Track

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LOW, HIGH = 33, 98
"""MIDI numbers among which notes are looked for."""
WIDTH = 0.35
"""Standard deviation of a held pitch about its semitone."""
WORST = 4.0
"""No frame counts more than this against a note, in nats: one fault of the tracker is no note."""
CHANGE, BEGIN = 9.0, 5.0
"""What it costs, in nats, to go to another note, and to begin or end one."""
UNVOICED, VOICED = 0.8, 1.6
"""What a frame without pitch costs in a note, and one with pitch in a rest, in nats."""
SMOOTH_S = 0.09
"""A tremble of the voice is averaged over this long; a sixteenth at 120 bpm lasts longer."""
TUNING_S = 4.0
"""Tuning is averaged over about this long: people drift while they hum."""
QUIET_DB = -38.0
"""What is softer than this under the loudest is breath and room."""
DIP_DB = 4.5
"""A note that dips by this much and comes back was sung again."""
BEFORE_S, AFTER_S = 0.4, 0.16
"""Within these the note was louder before, and is again: a plucked one dies away slowly."""
SHORTEST_S = 0.08
"""What is shorter is a slide or a fault, no note."""
FLICKER_S = 0.15
"""A leap of an octave and back within this time is a fault of the tracker."""


class Sung(NamedTuple):
    """One note in seconds."""

    start: float
    end: float
    pitch: int
    sure: float
    """0 to 1: how much of it lies on its pitch."""


def notes(track: Track) -> list[Sung]:
    """Return the notes of a voice, in order, one at a time.

    Parameters
    ----------
    track : Track
        Pitch and level, frame by frame.
    """
    pitch = np.where(track.level < QUIET_DB, np.nan, track.pitch)
    if np.sum(~np.isnan(pitch)) * track.seconds < SHORTEST_S:
        return []
    pitch = _smoothed(_without_flicker(pitch, track.seconds), track.seconds)
    pitch = pitch - tuning(pitch, track)
    states, dips = _held(pitch), _dips(track)
    out: list[Sung] = []
    for first, last in _runs(states):
        for start, end in itertools.pairwise(_borders(dips, first, last, track.seconds)):
            out += _note(pitch, track, slice(start, end), int(states[first]))
    return out


def tuning(pitch: Array, track: Track) -> Array:
    """Return by how much of a semitone the voice lies above A4 = 440 Hz, frame by frame.

    The mean direction of the pitch on a circle of one semitone, near each frame.
    """
    moving = np.abs(np.gradient(np.nan_to_num(pitch, nan=0.0))) / track.seconds
    weight = np.where(np.isnan(pitch) | (moving > 8.0), 0.0, 0.2 + track.sure[: len(pitch)])
    turn = weight * np.exp(2j * np.pi * np.nan_to_num(pitch))
    width = TUNING_S / track.seconds
    local = ndimage.gaussian_filter1d(turn.real, width, mode="constant") + 1j * (
        ndimage.gaussian_filter1d(turn.imag, width, mode="constant")
    )
    # A little of the whole holds what has no note near it.
    local = local + 0.1 * turn.mean()
    return np.asarray(np.unwrap(np.angle(local)) / (2 * np.pi))


def _without_flicker(pitch: Array, seconds: float) -> Array:
    """Return the pitch with short leaps of an octave mended."""
    n = 2 * round(FLICKER_S / seconds) + 1
    filled = np.where(np.isnan(pitch), -1.0, pitch)
    around = ndimage.median_filter(filled, n, mode="nearest")
    leaps = np.round((pitch - around) / 12)
    octave = (around > 0) & (np.abs(leaps) >= 1) & (np.abs(pitch - around - 12 * leaps) < 1.0)
    return np.asarray(np.where(octave, pitch - 12 * leaps, pitch))


def _smoothed(pitch: Array, seconds: float) -> Array:
    """Return the pitch averaged over a tremble, not across rests."""
    there = ~np.isnan(pitch)
    n = 2 * round(SMOOTH_S / seconds / 2) + 1
    window = np.hanning(n + 2)[1:-1]
    total = np.convolve(np.where(there, pitch, 0.0), window, "same")
    count = np.convolve(there.astype(float), window, "same")
    return np.asarray(np.where(there, total / np.maximum(count, 1e-9), np.nan))


def _held(pitch: Array) -> Ints:
    """Return the note that is held at each frame, −1 for none, by Viterbi."""
    semitones = np.arange(LOW, HIGH + 1)
    there = ~np.isnan(pitch)
    away = np.nan_to_num(pitch)[:, None] - semitones
    cost = np.where(there[:, None], np.minimum(0.5 * (away / WIDTH) ** 2, WORST), UNVOICED)
    rest = np.where(there, VOICED, 0.0)
    return _path(np.concatenate([rest[:, None], cost], axis=1)) + LOW - 1


def _path(cost: Array) -> Ints:
    """Return the cheapest row of states, −LOW for the rest, which is state 0."""
    n_frames, n_states = cost.shape
    came = np.zeros((n_frames, n_states), np.int64)
    stay, sofar = np.arange(n_states), cost[0].copy()
    for k in range(1, n_frames):
        best = int(np.argmin(sofar[1:])) + 1
        change = np.full(n_states, sofar[best] + CHANGE)
        change[1:] = np.minimum(change[1:], sofar[0] + BEGIN)
        source = np.where(sofar[0] + BEGIN < sofar[best] + CHANGE, 0, best)
        origin = np.full(n_states, source)
        origin[0], change[0] = best, sofar[best] + BEGIN
        moved = change < sofar
        came[k] = np.where(moved, origin, stay)
        sofar = np.where(moved, change, sofar) + cost[k]
    path = np.zeros(n_frames, np.int64)
    path[-1] = int(np.argmin(sofar))
    for k in range(n_frames - 1, 0, -1):
        path[k - 1] = came[k, path[k]]
    return np.where(path == 0, -LOW, path)


def _runs(states: Ints) -> list[tuple[int, int]]:
    """Return first and last + 1 of each stretch with one note."""
    edges = np.flatnonzero(np.diff(states)) + 1
    borders = [0, *edges.tolist(), len(states)]
    return [(a, b) for a, b in itertools.pairwise(borders) if states[a] >= LOW]


def _dips(track: Track) -> Ints:
    """Return the frames at which the level is lowest between two places that are louder."""
    level = ndimage.gaussian_filter1d(track.level, 0.012 / track.seconds)
    before = _highest(level, round(BEFORE_S / track.seconds))
    after = _highest(level[::-1], round(AFTER_S / track.seconds))[::-1]
    depth = np.minimum(before, after) - level
    lowest = level == ndimage.minimum_filter1d(level, round(SHORTEST_S / track.seconds))
    return np.flatnonzero(lowest & (depth > DIP_DB))


def _highest(level: Array, n: int) -> Array:
    """Return the highest of each value and the n before it."""
    padded = np.concatenate([np.full(n, level[0]), level])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, n + 1).max(axis=1))


def _borders(dips: Ints, first: int, last: int, seconds: float) -> list[int]:
    """Return where one held pitch begins, was sung again, and ends."""
    shortest = SHORTEST_S / seconds
    borders = [first]
    for dip in dips[(dips > first) & (dips < last)].tolist():
        if dip - borders[-1] >= shortest and last - dip >= shortest:
            borders.append(dip)
    return [*borders, last]


def _note(pitch: Array, track: Track, frames: slice, semitone: int) -> list[Sung]:
    """Return the note, or none where there is too little of it."""
    held = pitch[frames]
    there = ~np.isnan(held)
    if there.sum() * track.seconds < SHORTEST_S:
        return []
    on = float(np.mean(np.abs(held[there] - semitone) < 0.4))
    sure = on * float(np.mean(track.sure[frames][there]))
    return [Sung(frames.start * track.seconds, frames.stop * track.seconds, semitone, sure)]
