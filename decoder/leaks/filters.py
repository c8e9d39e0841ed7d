"""Files that went through different filters (pure).

A low-pass, a notch or a high-pass that one file has and another lacks changes band power by more
than any state does. Numbers of each file's mean spectrum, the median over its channels, say what it
went through:

- *roll-off*: lowest frequency from which on the spectrum stays 20 dB below its own 20–40 Hz, if it
  falls there as a filter does (12 dB from 0.8 to 1.25 of it) and not as muscle does;
- *notch*: how far the lowest value within 2 Hz of a mains frequency lies below what is 4–8 Hz
  beside it (the lowest and not the middle one, since hum comes back into a notch);
- *low end*: how far 1–1.5 Hz lie above 3–5 Hz; a high-pass above 1 Hz turns it.

Two files differ if one number does by more than people, states and electrodes make it. Measured on
30 files of five data sets, the largest difference between files of one setting and the smallest one
between files that were filtered differently: roll-off 0.08 and 0.45 octaves, notch 8 and 20 dB. The
low end varies by 6 dB within people (eyes); no file measured is high-passed above 1 Hz.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .found import Found, listed

Array = npt.NDArray[np.float64]

NAME = "filter settings"
FALL = 20.0
"""dB below 20–40 Hz at which the roll-off is taken."""
STEEP = 12.0
"""dB from 0.8 to 1.25 of the roll-off that a filter falls at least."""
SMOOTH = 4
"""Neighbours on either side whose median stands for a value: mains are narrower."""
OCTAVES = 0.2
"""Difference of roll-offs that counts."""
NOTCH_DB = 12.0
"""Difference of notches that counts."""
LOW_DB = 10.0
"""Difference of low ends that counts."""


class Spectrum(NamedTuple):
    """One file's mean spectrum."""

    name: str
    person: str
    state: str
    """Of the whole file; empty where it holds several."""
    frequencies: Array
    """Hz in equal steps, shape (n_frequencies,)."""
    power: Array
    """Density, shape (n_frequencies, n_channels); NaN where unknown."""
    declared: str = ""
    """What the file itself says of filters; empty where it is mute."""


class Shape(NamedTuple):
    """What a spectrum says of filters; NaN where it does not say."""

    roll_off: float
    """Hz; the highest frequency where it does not fall."""
    notch_50: float
    """dB; 0 or less: none."""
    notch_60: float
    low_end: float
    """dB."""


def shape_of(spectrum: Spectrum) -> Shape:
    """Return what a file's spectrum says of its filters.

    Parameters
    ----------
    spectrum : Spectrum
        Of one file.
    """
    f = spectrum.frequencies
    known = np.isfinite(spectrum.power).all(axis=0) & (spectrum.power > 0).any(axis=0)
    if not known.any():
        return Shape(np.nan, np.nan, np.nan, np.nan)
    tiny = np.finfo(np.float64).tiny
    level = 10.0 * np.log10(np.median(np.maximum(spectrum.power[:, known], tiny), axis=1))
    low = _level(f, level, 1.0, 1.5) - _level(f, level, 3.0, 5.0)
    return Shape(_roll_off(f, level), _notch(f, level, 50.0), _notch(f, level, 60.0), low)


def _level(f: Array, level: Array, low: float, high: float) -> float:
    chosen = (f >= low) & (f <= high)
    return float(np.median(level[chosen])) if chosen.any() else np.nan


def _notch(f: Array, level: Array, mains: float) -> float:
    away = np.abs(f - mains)
    beside = (away >= 4.0) & (away <= 8.0) & (f[-1] >= mains + 4.0)
    return float(np.median(level[beside]) - level[away <= 2.0].min()) if beside.any() else np.nan


def _roll_off(f: Array, level: Array) -> float:
    padded = np.pad(level, SMOOTH, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * SMOOTH + 1)
    smooth = np.median(windows, axis=1)
    above = np.flatnonzero((smooth > _level(f, level, 20.0, 40.0) - FALL) & (f > 20.0))
    if not len(above) or above[-1] == len(f) - 1:
        return float(f[-1])
    at = f[above[-1]]
    fall = np.interp(0.8 * at, f, smooth) - np.interp(1.25 * at, f, smooth)
    return float(at if fall >= STEEP else f[-1])


def differ(a: Shape, b: Shape) -> bool:
    """Return whether two files went through different filters."""
    return bool(
        abs(np.log2(a.roll_off / b.roll_off)) > OCTAVES
        or abs(max(a.notch_50, 0.0) - max(b.notch_50, 0.0)) > NOTCH_DB
        or abs(max(a.notch_60, 0.0) - max(b.notch_60, 0.0)) > NOTCH_DB
        or abs(a.low_end - b.low_end) > LOW_DB
    )


def groups_of(shapes: Sequence[Shape]) -> list[int]:
    """Return a group for every file, 0…: files of one group are linked by files alike.

    Parameters
    ----------
    shapes : sequence of Shape
        Of the files.
    """
    group = list(range(len(shapes)))
    for i, a in enumerate(shapes):
        for j, b in enumerate(shapes[:i]):
            if group[i] != group[j] and not differ(a, b):
                old = group[i]
                group = [group[j] if g == old else g for g in group]
    names = list(dict.fromkeys(group))
    return [names.index(g) for g in group]


def goes_with_state(spectra: Sequence[Spectrum], group: Sequence[int]) -> tuple[list[str], int]:
    """Return the people whose states differ in their filters, and in how many states can be told.

    Parameters
    ----------
    spectra : sequence of Spectrum
        All files.
    group : sequence of int
        Their groups.

    Returns
    -------
    people : list of str
        Whose files of two states share no group.
    n_people : int
        People with files of two states.
    """
    used: dict[str, dict[str, set[int]]] = {}
    for one, g in zip(spectra, group, strict=True):
        if one.state:
            used.setdefault(one.person, {}).setdefault(one.state, set()).add(g)
    several = {person: list(states.values()) for person, states in used.items() if len(states) > 1}
    people = [
        person
        for person, sets in several.items()
        if any(not a & b for i, a in enumerate(sets) for b in sets[:i])
    ]
    return people, len(several)


def filters(spectra: Sequence[Spectrum]) -> Found:
    """Tell which files went through different filters, and whether that goes with the state.

    Parameters
    ----------
    spectra : sequence of Spectrum
        All files.

    Returns
    -------
    Found
        `score`: groups of files; `critical`: 1.
    """
    shapes = [shape_of(one) for one in spectra]
    known = [i for i, shape in enumerate(shapes) if not np.isnan(shape.roll_off)]
    if len(known) < 2:
        return Found(
            NAME,
            None,
            None,
            1.0,
            f"{len(known)} of {len(spectra)} files have a spectrum, two are needed.",
            "Whether files were filtered differently is not known.",
        )
    spectra, shapes = [spectra[i] for i in known], [shapes[i] for i in known]
    group = groups_of(shapes)
    n_groups = max(group) + 1
    details = tuple(_told(spectra, shapes, group, g) for g in range(n_groups))
    if n_groups == 1:
        return Found(
            NAME,
            False,
            1.0,
            1.0,
            f"The spectra of {len(spectra)} files differ by no filter: roll-off within "
            f"{OCTAVES:g} octaves, notches within {NOTCH_DB:g} dB, low ends within {LOW_DB:g} dB.",
            "No score can rest on filter settings.",
            details,
        )
    people, n_people = goes_with_state(spectra, group)
    meaning = _meaning(people, n_people)
    return Found(
        NAME,
        True,
        float(n_groups),
        1.0,
        f"{len(spectra)} files went through filters of {n_groups} kinds; in {len(people)} of "
        f"{n_people} people with several states the kind goes with the state.",
        meaning,
        details,
    )


def _meaning(people: list[str], n_people: int) -> str:
    if people:
        return (
            f"States of {listed(people)} can be told apart by the filter alone: filter all files "
            "alike from the raw recordings, or leave these people out."
        )
    if not n_people:
        return (
            "Files are filtered differently: people and files can be told apart by it; whether "
            "states can is not known where a file holds several."
        )
    return (
        "Files are filtered differently, people or files can be told apart by it but not states: "
        "what is learned from one person fits another less well."
    )


def _told(spectra: Sequence[Spectrum], shapes: list[Shape], group: list[int], number: int) -> str:
    """Return one sentence on a group: who, measured, declared."""
    own = [i for i, g in enumerate(group) if g == number]
    middle = Shape(*(float(np.nanmedian([shapes[i][k] for i in own])) for k in range(4)))
    end = float(np.nanmax([spectra[i].frequencies[-1] for i in own]))
    parts = [
        f"low-pass near {middle.roll_off:.0f} Hz" if middle.roll_off < end else "no low-pass seen"
    ]
    for mains, depth in ((50, middle.notch_50), (60, middle.notch_60)):
        if depth > NOTCH_DB / 2:
            parts.append(f"notch of {depth:.0f} dB at {mains} Hz")
    said = sorted({spectra[i].declared for i in own} - {""})
    mute = sum(not spectra[i].declared for i in own)
    declared = f"; declared: {' | '.join(said)}" if said else "; nothing declared"
    if said and mute:
        declared += f", nothing in {mute}"
    return f"{listed([spectra[i].name for i in own])}: {', '.join(parts)}{declared}"
