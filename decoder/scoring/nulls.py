"""What scores are worth nothing: the same procedure on the same data with other labels (pure).

A null draw is a table with labels dealt anew, and everything that follows from labels (folds, fits,
choices) is done again on it. The true labels' score is then one of many that were equally likely,
and p is the share of them that reach it. p never is zero: of all relabelings the true one is one,
and drawn ones are counted with it, (1 + reached) / (1 + drawn) (Phipson & Smyth 2010).
"""

from __future__ import annotations

import math
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
        Null scores, NaN where a draw leaves nothing of somebody to score, see `comparable`.
    complete : bool
        Whether the draws are all relabelings, the true one among them.
    """
    scored = ~np.isnan(observed)
    kept = comparable(observed, null, complete=complete)
    means = kept.mean(axis=1)
    people_p, people_95 = np.full(len(observed), np.nan), np.full(len(observed), np.nan)
    for person in np.flatnonzero(scored):
        own = null[~np.isnan(null[:, person]), person]
        people_p[person] = _p(float(observed[person]), own, complete)
        people_95[person] = _upper(own)
    return Null(
        p=_p(float(observed[scored].mean()), means, complete),
        null_95=_upper(means),
        people_p=people_p,
        people_95=people_95,
        n_drawn=len(kept),
        complete=complete,
    )


def comparable(observed: Array, null: Array, *, complete: bool) -> Array:
    """Return null scores of everybody who has a score, from draws that could be scored.

    What can be scored may depend on the labels: `calibrate` scores nobody whose first minutes hold
    one state. Given that somebody is scored, all labels that let this person be scored are equally
    likely, and the score is one of theirs. (To count the other draws as ones that reach the score
    let no score of eight people be significant: some draw of somebody always lacks.)

    Parameters
    ----------
    observed : array of shape (n_people,)
        True labels' scores; NaN for people who have none.
    null : array of shape (n_draws, n_people)
        Null scores.
    complete : bool
        Whether the draws are all relabelings.

    Returns
    -------
    array of shape (n, n_scored)
        Of all relabelings, those that score all of these people. Of drawn ones, everybody's first n
        scores, wherever somebody lacks one: people's labels are dealt without regard to one
        another, and nobody is learned from for another where draws leave people out.
    """
    own = null[:, ~np.isnan(observed)]
    there = ~np.isnan(own)
    if complete:
        return np.asarray(own[there.all(axis=1)])
    n = int(there.sum(axis=0).min(initial=len(own)))
    first = [column[known][:n] for column, known in zip(own.T, there.T, strict=True)]
    return np.stack(first, axis=1) if first else own


def _p(observed: float, null: Array, complete: bool) -> float:
    reached = int((null >= observed - TINY).sum())
    return reached / len(null) if complete else (1 + reached) / (1 + len(null))


def _upper(null: Array) -> float:
    if not len(null):
        return math.inf
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
        Means over people of `comparable`; the same draws for all candidates.
    complete : bool
        Whether the draws are all relabelings.
    """
    largest = null.max(axis=1)
    return np.array([_p(float(score), largest, complete) for score in observed])
