"""Sessions that could have been: label sequences drawn anew along the time axis (pure).

In a session of held keys an episode is a stretch of the time axis itself. To deal labels over its
stretches would keep every boundary where it was and put episodes of one state side by side, which
keys never do. A *pseudosession* (Harris 2020, bioRxiv 2020.11.29.402719) is a sequence that the
same person could have made: the same episodes with their durations in another order, states that
never followed themselves still not doing so.

A circular shift of the labels keeps even the order. On signals that drift it gives false positives
in up to every case (Harris 2020); it is offered as an extra only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import comb, factorial, prod

import numpy as np
import numpy.typing as npt

from ..embedding import FIELD
from ..table import Table

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

STEPS = 20
"""Moves per episode until an order no longer depends on the one that it started from."""


def pseudosession(table: Table, rng: np.random.Generator, margin: float = 1.0) -> Table:
    """Return the table with every session's episodes in another order.

    Parameters
    ----------
    table : Table
        All rows; a unit is an episode, a stretch of its session's labelled rows.
    rng : numpy.random.Generator
        Draws the orders.
    margin : float
        Seconds on either side of a change of state that are not learned from, as where the rows
        were made.

    Returns
    -------
    Table
        With other labels, units and usable rows. Labelled rows stay labelled and unlabelled ones
        stay so; the number of labelled rows of every unit is as before.
    """
    label, unit = table.label.copy(), table.unit.copy()
    for rows in _sessions(table):
        names, first = np.unique(table.unit[rows], return_index=True)
        order = np.argsort(first)
        names, states = names[order], table.label[rows[first[order]]]
        lengths = np.array([np.count_nonzero(table.unit[rows] == name) for name in names])
        new = _reordered(states, rng)
        unit[rows] = np.repeat(names[new], lengths[new])
        label[rows] = np.repeat(states[new], lengths[new])
    return _laid(table, label, unit, margin)


def shifted(table: Table, rng: np.random.Generator, margin: float = 1.0) -> Table:
    """Return the table with every session's labels moved along in a circle.

    Parameters
    ----------
    table : Table
        All rows.
    rng : numpy.random.Generator
        Draws by how many rows, from none to all.
    margin : float
        As for `pseudosession`.
    """
    label, unit = table.label.copy(), table.unit.copy()
    for rows in _sessions(table):
        by = int(rng.integers(len(rows)))
        label[rows], unit[rows] = np.roll(label[rows], by), np.roll(unit[rows], by)
    return _laid(table, label, unit, margin)


def n_pseudosessions(table: Table, people: Ints) -> int:
    """Return how many different sequences some people could have held, as an exact whole number.

    Episodes of one state and one number of labelled rows are alike, so that to swap them changes no
    label.

    Parameters
    ----------
    table : Table
        All rows; a unit is an episode.
    people : array of int
        Whose sessions count.
    """
    found = 1
    for rows in _sessions(table):
        if table.person[rows[0]] not in people:
            continue
        unit = table.unit[rows]
        _, first, lengths = np.unique(unit, return_index=True, return_counts=True)
        order = np.argsort(first)
        states, lengths = table.label[rows[first[order]]], lengths[order]
        counts = [int((states == state).sum()) for state in np.unique(states)]
        again = bool((np.diff(states) == 0).any())
        found *= multinomial(counts) if again else taking_turns(counts)
        for state in np.unique(states):
            found *= multinomial(Counter(lengths[states == state].tolist()).values())
    return found


def n_shifts(table: Table, people: Ints) -> int:
    """Return in how many ways the labels of some people's sessions can be moved along."""
    return prod(len(rows) for rows in _sessions(table) if table.person[rows[0]] in people)


def multinomial(counts: Iterable[int]) -> int:
    """Return how many different orders there are of things that come so often each."""
    n = list(counts)
    return factorial(sum(n)) // prod(map(factorial, n))


def taking_turns(counts: Iterable[int]) -> int:
    """Return how many of them put nothing beside its like.

    By inclusion and exclusion: n of one kind cut into k blocks, in C(n − 1, k − 1) ways and with
    the sign of n − k, the blocks of all kinds then in any order (Eifler, Reid & Roselle 1971).
    """
    ways = {0: 1}  # by the number of blocks so far
    for n in counts:
        more: dict[int, int] = {}
        for blocks, way in ways.items():
            for k in range(1, n + 1):
                cut = (-1) ** (n - k) * comb(n - 1, k - 1) * comb(blocks + k, k)
                more[blocks + k] = more.get(blocks + k, 0) + way * cut
        ways = more
    return sum(ways.values())


def _sessions(table: Table) -> list[Ints]:
    """Return the labelled rows of every session."""
    rows = np.flatnonzero(table.unit >= 0)
    return [rows[table.session[rows] == session] for session in np.unique(table.session[rows])]


def _reordered(states: Ints, rng: np.random.Generator) -> Ints:
    """Return another order of episodes; no state follows itself unless one did before.

    A walk over permitted orders: swap two episodes, or turn a stretch around. Both moves lead back
    as easily as there, so that all orders that can be reached are equally likely. (To draw orders
    until one is permitted takes 10⁵ draws for twenty episodes of two states.)
    """
    n = len(states)
    if (np.diff(states) == 0).any():
        return rng.permutation(n)
    order = np.arange(n)
    for _ in range(STEPS * n):
        i, j = np.sort(rng.integers(n, size=2))
        moved = order.copy()
        if rng.random() < 0.5:
            moved[i : j + 1] = order[i : j + 1][::-1]
        else:
            moved[[i, j]] = order[[j, i]]
        if (np.diff(states[moved]) != 0).all():
            order = moved
    for state in np.unique(states):  # durations are dealt anew within each state
        places = np.flatnonzero(states[order] == state)
        order[places] = rng.permutation(order[places])
    return order


def _laid(table: Table, label: Ints, unit: Ints, margin: float) -> Table:
    """Return the table with new labels, its rows usable where their new episode lets them be."""
    ready = _steady(table, table.unit, margin)
    lost = ready & ~table.usable  # for reasons of its own: an edge, an artifact
    usable = _steady(table, unit, margin) & ~lost & (unit >= 0)
    return replace(table, label=label, unit=unit, usable=usable)


def _steady(table: Table, unit: Ints, margin: float) -> Bools:
    """Return rows whose ten windows lie in one run and one unit, the margin away from its ends."""
    ahead = math.ceil(margin * table.rate / table.hop)
    back = max(FIELD - 1 + math.ceil(table.n_times / table.hop), ahead)
    n, place = len(unit), np.arange(len(unit))
    joined = np.zeros(n, dtype=bool)
    joined[1:] = table.run[1:] == table.run[:-1]
    turns = np.zeros(n, dtype=np.int64)
    turns[1:] = (unit[1:] != unit[:-1]) & joined[1:]
    until = np.concatenate([[0], np.cumsum(turns)])  # turns among the rows before each
    begin = np.maximum(place - back + 1, 0)
    end = np.minimum(place + ahead + 1, n)
    start = np.maximum.accumulate(np.where(joined, 0, place))  # of each row's run
    stop = np.searchsorted(start, start, side="right")
    quiet = until[np.minimum(end, stop)] == until[np.maximum(begin, start)]
    out: Bools = quiet & (place - start >= FIELD - 1)
    return out
