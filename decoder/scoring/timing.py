"""How answers behave in time: how often they turn, how soon they are right (pure)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..embedding import FIELD
from ..table import Table

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def _follows(table: Table, rows: Ints) -> Bools:
    """Return whether each of the rows follows the one before it without a hole."""
    follows = np.zeros(len(rows), dtype=bool)
    follows[1:] = (np.diff(rows) == 1) & (np.diff(table.run[rows]) == 0)
    return follows


def flips_per_minute(table: Table, rows: Ints, answer: Ints) -> float | None:
    """Return how often the answer changes from one row to the next.

    Parameters
    ----------
    table : Table
        All rows.
    rows : array of shape (n,)
        Rows with an answer, in order.
    answer : array of shape (n,)
        What was answered.

    Returns
    -------
    float or None
        Per minute of rows that follow one another; None without any.
    """
    follows = _follows(table, rows)
    minutes = follows.sum() * table.hop / table.rate / 60.0
    flips = (answer[1:] != answer[:-1])[follows[1:]].sum()
    return float(flips / minutes) if minutes > 0 else None


class _Stay(NamedTuple):
    """The rows of one true state from a change to the next."""

    state: int
    start: float
    """Time of the first labelled row in seconds, whether usable or not."""
    rows: Ints


def _stays(table: Table) -> list[_Stay]:
    """Return what follows every change of state within a session."""
    labelled = np.flatnonzero(table.label >= 0)
    session, label = table.session[labelled], table.label[labelled]
    turns = np.flatnonzero((np.diff(session) != 0) | (np.diff(label) != 0)) + 1
    found = []
    for part in np.split(labelled, turns)[1:]:
        before = labelled[np.searchsorted(labelled, part[0]) - 1]
        if table.session[before] == table.session[part[0]]:
            found.append(_Stay(int(table.label[part[0]]), float(table.t[part[0]]), part))
    return found


def seconds_to_right(table: Table, rows: Ints, answer: Ints) -> tuple[float, ...]:
    """Return how long after each change of the true state the answers are right.

    Parameters
    ----------
    table : Table
        All rows.
    rows : array of shape (n,)
        Rows with an answer, in order.
    answer : array of shape (n,)
        What was answered.

    Returns
    -------
    tuple of float
        Per change: seconds from the first row of the new state to the first of ten right answers
        that follow one another (a receptive field); infinite where none came before the next
        change. Changes after which nothing was answered are left out.
    """
    follows = _follows(table, rows)
    found = []
    for stay in _stays(table):
        own = np.flatnonzero(np.isin(rows, stay.rows))
        if len(own):
            first = _first_lasting(answer[own] == stay.state, follows[own])
            at = np.inf if first is None else table.t[rows[own[first]]] - stay.start
            found.append(float(at))
    return tuple(found)


def _first_lasting(right: Bools, follows: Bools) -> int | None:
    """Return where the first `FIELD` right answers that follow one another begin."""
    length = 0
    for i in range(len(right)):
        length = 0 if not right[i] else length + 1 if follows[i] else 1
        if length == FIELD:
            return i - FIELD + 1
    return None
