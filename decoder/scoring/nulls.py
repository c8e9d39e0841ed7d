"""What scores are worth nothing: the same procedure on the same data with other labels (pure).

A null draw is a table with labels dealt anew, and everything that follows from labels (folds, fits,
choices) is done again on it. The true labels' score is then one of many that were equally likely,
and p is the share of them that reach it. p never is zero: of all relabelings the true one is one,
and drawn ones are counted with it, (1 + reached) / (1 + drawn) (Phipson & Smyth 2010).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..table import Table
from .pseudosessions import pseudosession, shifted
from .units import Units, relabeled, relabelings

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

Kind = Literal["permuted units", "pseudosessions", "circular shift"]
Score = Callable[[Table], Array]
"""A table in, a score of every person out, shape (n_people,), NaN for those who have none."""

TINY = 1e-12
"""Scores that differ by less are equal: the same counts added up in another order."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Tables with labels dealt anew, each from its own number, in whatever order they are asked."""

    table: Table
    units: Units
    kind: Kind
    labels: Ints
    """Permuted units: their labels, shape (n, n_units); else of shape (n, 0)."""
    complete: bool
    """Whether these are all relabelings, the true one among them."""
    seed: int
    margin: float

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> Table:
        """Return draw number i."""
        if self.kind == "permuted units":
            return relabeled(self.table, self.units, self.labels[i])
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(i,)))
        draw = pseudosession if self.kind == "pseudosessions" else shifted
        return draw(self.table, rng, self.margin)


def draws_of(
    table: Table, units: Units, kind: Kind, n_draws: int, *, seed: int, margin: float = 1.0
) -> Draws:
    """Return the tables of a null.

    Parameters
    ----------
    table : Table
        With the true labels.
    units : Units
        What labels are dealt over.
    kind : {"permuted units", "pseudosessions", "circular shift"}
        How. Permuted units are enumerated where there are fewer than `units.ENUMERATED`.
    n_draws : int
        How many to draw otherwise.
    seed : int
        0 or more.
    margin : float
        See `pseudosessions.pseudosession`.
    """
    if kind == "permuted units":
        dealt = relabelings(units, n_draws, np.random.default_rng(seed))
        return Draws(table, units, kind, dealt.labels, dealt.complete, seed, margin)
    nothing = np.zeros((n_draws, 0), dtype=np.int64)
    return Draws(table, units, kind, nothing, False, seed, margin)


def scores_of(draws: Draws, score: Score) -> Array:
    """Return the null scores of everybody, shape (n_draws, n_people)."""
    return np.array([score(draws[i]) for i in range(len(draws))])


class Null(NamedTuple):
    """A score against its null."""

    p: float
    """Share of equally likely labels whose mean score over people reaches the true one."""
    null_95: float
    """95 % of the null's mean scores over people lie at or below."""
    people_p: Array
    """Shape (n_people,); NaN for people without a score."""
    people_95: Array
    """Shape (n_people,)."""
    n_drawn: int
    complete: bool


def weigh(observed: Array, null: Array, *, complete: bool) -> Null:
    """Return what a score is worth.

    Parameters
    ----------
    observed : array of shape (n_people,)
        True labels' scores; NaN for people who have none.
    null : array of shape (n_draws, n_people)
        Null scores. Where somebody has none, the draw counts as one that reached the score.
    complete : bool
        Whether the draws are all relabelings, the true one among them.
    """
    scored = ~np.isnan(observed)
    null = np.where(np.isnan(null), np.inf, null)
    means = null[:, scored].mean(axis=1)
    people_p, people_95 = np.full(len(observed), np.nan), np.full(len(observed), np.nan)
    for person in np.flatnonzero(scored):
        people_p[person] = _p(float(observed[person]), null[:, person], complete)
        people_95[person] = _upper(null[:, person])
    return Null(
        p=_p(float(observed[scored].mean()), means, complete),
        null_95=_upper(means),
        people_p=people_p,
        people_95=people_95,
        n_drawn=len(null),
        complete=complete,
    )


def _p(observed: float, null: Array, complete: bool) -> float:
    reached = int((null >= observed - TINY).sum())
    return reached / len(null) if complete else (1 + reached) / (1 + len(null))


def _upper(null: Array) -> float:
    return float(np.quantile(null, 0.95, method="inverted_cdf"))


def best_of(observed: Array, null: Array, *, complete: bool) -> Array:
    """Return p of several candidates, each against the best that chance gives any of them.

    The best of four candidates is above the 5 % line of its own null in up to a fifth of all cases
    of pure noise. Against the largest null score of each draw it is in a twentieth (single-step
    maxT, Westfall & Young 1993), and since candidates resemble one another this costs less than
    Bonferroni's correction.

    Parameters
    ----------
    observed : array of shape (n_candidates,)
        Mean scores over people.
    null : array of shape (n_draws, n_candidates)
        Null scores; the same draws for all candidates.
    complete : bool
        Whether the draws are all relabelings.
    """
    largest = null.max(axis=1)
    return np.array([_p(float(score), largest, complete) for score in observed])
