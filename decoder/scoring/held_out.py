"""Held-out answers: one fit per split, each with a seed of its own (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from ..methods.method import Fit
from ..table import Table
from .splits import Split

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def seed_of(seed: int, *names: str) -> int:
    """Return a seed that follows from names, so that the order of jobs does not matter.

    Parameters
    ----------
    seed : int
        Of the evaluation.
    *names : str
        Protocol, method, fold, number of the draw.
    """
    spell = [byte for name in names for byte in (*name.encode(), 256)]
    return int(np.random.SeedSequence([seed, *spell]).generate_state(1)[0])


def held_out(table: Table, splits: Iterable[Split], fit: Fit, seed: int) -> Array:
    """Return the answers for all scored rows.

    Parameters
    ----------
    table : Table
        All rows; its labels are what is learned.
    splits : iterable of Split
        Of an honest protocol: what `Split.seen` asks for is not done here.
    fit : callable
        See `methods.method.Fit`.
    seed : int
        Each split's own seed follows from it and the split's name.

    Returns
    -------
    array of shape (n_rows, n_states)
        NaN for rows that no split scores.
    """
    p = np.full((len(table), table.n_states), np.nan)
    for split in splits:
        labels = table.label[split.train]
        p[split.test] = fit(table, split.train, labels, seed_of(seed, split.name))(split.test)
    return p


def people_scores(
    table: Table, rows: Ints, values: Array, score: Callable[[Ints, Array], float]
) -> Array:
    """Return a score of every person from the rows that were scored.

    Parameters
    ----------
    table : Table
        All rows.
    rows : array of shape (n,)
        Rows with an answer.
    values : array of shape (n,) or (n, n_states)
        Answers or probabilities.
    score : callable
        True states and values of one person in, score out.

    Returns
    -------
    array of shape (n_people,)
        NaN for people without a row.
    """
    found = np.full(len(table.people), np.nan)
    for person in np.unique(table.person[rows]):
        own = table.person[rows] == person
        found[person] = score(table.label[rows[own]], values[own])
    return found
