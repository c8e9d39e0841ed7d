"""A split, and what keeps its two sides apart (pure).

Training rows nearer in time to a scored row of the same session than the *purge* (window +
receptive field + smoothing, computed) are left out, so that no sample is both learned from and
scored; `check` refuses a split that breaks this.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import SignalError

from ..table import Table

Ints = npt.NDArray[np.int64]

TINY = 1e-6
"""Seconds by which two times may differ through rounding alone."""
_NONE: Ints = np.zeros(0, dtype=np.int64)


class Split(NamedTuple):
    """One fit and what it is scored on."""

    name: str
    train: Ints
    """Usable rows to learn from, in order."""
    test: Ints
    """Usable rows to answer for, in order; all of one person."""
    person: int
    seen: Ints = _NONE
    """Leaky protocols: rows whose labels the *embedding* is fitted with; empty: `train`."""


class Rules(NamedTuple):
    """What the protocols may be told."""

    smoothing: float
    """Seconds over which answers are smoothed."""
    n_folds: int = 5
    """Folds of `within` and `random` at most."""
    minutes: float = 5.0
    """Minutes of own usable data that `calibrate` learns from."""
    delay: float = 0.0
    """Seconds after a row until its label is known (`prequential`)."""
    seed: int = 0
    """Deals units, or in `random` windows, into folds."""
    dealt: Literal["person", "session"] = "person"
    """Within what the labels were dealt: units are dealt into folds within the same."""


def purge_of(table: Table, rules: Rules) -> float:
    """Return the purge in seconds: window, receptive field and smoothing."""
    return table.field_seconds + rules.smoothing


def apart(table: Table, train: Ints, test: Ints, seconds: float) -> Ints:
    """Return the training rows that are at least so far from every scored row of their session.

    And, if they are to be apart at all, share no sample with one: see `Table.reach`.

    Parameters
    ----------
    table : Table
        All rows.
    train, test : array of shape (n,)
        Rows.
    seconds : float
        A row at exactly this distance is kept.
    """
    keep = _nearest(table.t, table.session, train, test) >= seconds - TINY
    if seconds > 0:
        # Where a recording lost samples, rows far apart in time may lie near in it.
        keep &= _nearest(table.first, table.recording, train, test) >= table.reach
    return train[keep]


def _nearest(
    at: npt.NDArray[np.float64] | Ints, axis: Ints, rows: Ints, others: Ints
) -> npt.NDArray[np.float64]:
    """Return each row's distance to the nearest other on the same axis; infinite if none."""
    gap = np.full(len(rows), np.inf)
    for name in np.intersect1d(axis[rows], axis[others]):
        here = axis[rows] == name
        there = np.sort(at[others[axis[others] == name]])
        mine = at[rows[here]]
        place = np.searchsorted(there, mine)
        after = np.abs(there[np.minimum(place, len(there) - 1)] - mine)
        before = np.abs(mine - there[np.maximum(place - 1, 0)])
        gap[here] = np.minimum(before, after)
    return gap


def check(table: Table, splits: Iterable[Split]) -> None:
    """Refuse splits in which a sample is learned from and scored, or a row is scored twice.

    Raises
    ------
    SignalError
        With the recording and by how much.
    """
    times = np.zeros(len(table), dtype=np.int64)
    for split in splits:
        gap = _nearest(table.first, table.recording, split.train, split.test)
        if (gap < table.reach).any():
            row = int(split.train[int(gap.argmin())])
            name = table.recordings[int(table.recording[row])]
            raise SignalError(
                f"In fold {split.name!r} rows of {name} that lie {gap.min():.0f} samples apart are "
                f"learned from and scored; an answer rests on {table.reach}.",
                "Times and sample numbers of the recording disagree, or the purge is too short.",
                fold=split.name,
            )
        times[split.test] += 1
    if times.max(initial=0) > 1:
        raise SignalError(
            f"{int((times > 1).sum())} rows are scored {times.max()} times, each may be once.",
            "The folds overlap: name people, sessions and units without repeating one.",
        )


def used(splits: Iterable[Split]) -> Ints:
    """Return all rows that are learned from or scored, in order."""
    parts = [part for split in splits for part in (split.train, split.test, split.seen)]
    return np.unique(np.concatenate([_NONE, *parts]))
