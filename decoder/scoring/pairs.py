"""How much better one method is than another, paired (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ..table import Table
from .held_out import people_scores
from .intervals import Estimate, over_people, over_units
from .metrics import balanced_right, right_of

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Name = TypeVar("Name", bound=str)
_LEAST = 0.01
"""Gain in balanced accuracy that is no reason for anything, however sure."""


class Said(NamedTuple):
    """What one method answered."""

    row: Ints
    """Rows of the table with an answer, each once, shape (n,)."""
    p: Array
    """Their probabilities, shape (n, n_states)."""


def accuracies(table: Table, said: Said) -> Array:
    """Return everybody's balanced accuracy, shape (n_people,), NaN without rows."""
    return people_scores(
        table,
        said.row,
        said.p,
        lambda truth, p: balanced_right(truth, right_of(truth, p)),
    )


def difference(table: Table, mine: Said, other: Said) -> Estimate:
    """Return by how much `mine` is better, in balanced accuracy.

    Over people, each with the own difference; with one person over the units that both answered.

    Parameters
    ----------
    table : Table
        All rows, with the true labels.
    mine, other : Said
        Answers of two methods.
    """
    gain = accuracies(table, mine) - accuracies(table, other)
    gain = gain[~np.isnan(gain)]
    if len(gain) > 1:
        return over_people(gain)
    shared, a, b = np.intersect1d(mine.row, other.row, return_indices=True)
    return within(table.label[shared], table.unit[shared], mine.p[a], other.p[b])


def within(truth: Ints, unit: Ints, mine: Array, other: Array) -> Estimate:
    """Return by how much one method is better on one person, counted in that person's units.

    Parameters
    ----------
    truth, unit : array of shape (n,)
        True states and exchangeable units of rows that both answered.
    mine, other : array of shape (n, n_states)
        Probabilities of two methods.
    """
    return over_units(right_of(truth, mine) - right_of(truth, other), truth, unit)


def score(table: Table, said: Said) -> Estimate:
    """Return how good one method is, in balanced accuracy, and how sure that is.

    Over people; with one person over the units that were answered.

    Parameters
    ----------
    table : Table
        All rows, with the true labels.
    said : Said
        Its answers.
    """
    found = accuracies(table, said)
    found = found[~np.isnan(found)]
    if len(found) > 1:
        return over_people(found)
    return score_within(table.label[said.row], table.unit[said.row], said.p)


def score_within(truth: Ints, unit: Ints, p: Array) -> Estimate:
    """Return how good one method is on one person, counted in that person's units.

    Parameters
    ----------
    truth, unit : array of shape (n,)
        True states and exchangeable units of the rows.
    p : array of shape (n, n_states)
        Probabilities.
    """
    return over_units(right_of(truth, p), truth, unit)


def preferred(
    default: Name, gains: Mapping[Name, Estimate], scores: Mapping[Name, Estimate]
) -> Name:
    """Return the default unless another is better by more than one standard error.

    Of candidates that cannot be told apart the default answers: the one that was built for this.
    The standard error is that of the paired difference, or that of the other's own score where that
    is smaller, which is the rule as first given (Breiman et al., Classification and Regression
    Trees, 1984, section 3.4.3). Near the ceiling the former alone would never replace a default: a
    difference that lies in one unit is exactly one of its standard errors.

    Parameters
    ----------
    default : str
        Its name.
    gains : mapping of str to Estimate
        By how much each other is better; where several surely are, the best of them is taken.
    scores : mapping of str to Estimate
        How good each other is.
    """
    better = {name: gain.mean for name, gain in gains.items() if _sure(gain, scores[name])}
    return max(better, key=lambda name: better[name], default=default)


def deciding(gain: Estimate, score: Estimate) -> float | None:
    """Return the standard error that a gain is held against; None where there is none.

    Parameters
    ----------
    gain, score : Estimate
        See `preferred`.
    """
    errors = [x.standard_error for x in (gain, score) if x.standard_error is not None]
    return min(errors, default=None)


def _sure(gain: Estimate, score: Estimate) -> bool:
    error = deciding(gain, score)
    return error is not None and gain.mean > max(error, _LEAST)
