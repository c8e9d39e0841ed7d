"""What an evaluation says of a simulated cohort: score, interval, verdict (pure).

By the very functions that `rym evaluate` calls: `work` scores, `conclude.verdict` concludes.
Protocol `within`, one candidate (shrinkage LDA), all controls that can be fitted, permuted units.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from decoder.methods.catalog import of
from decoder.methods.controls import CONTROLS
from decoder.methods.method import Method
from decoder.scoring.intervals import Estimate, over_people
from decoder.scoring.nulls import TINY
from decoder.scoring.protocols import protocol
from decoder.scoring.verdicts import LEVEL
from decoder.settings import SMOOTHING
from decoder.table import Table

from ..conclude import Scored, verdict
from ..jobs import Laid, Setup
from ..work import answers, null_scores

Array = npt.NDArray[np.float64]

CANDIDATE = of("lda")


class Told(NamedTuple):
    """What is said of one cohort."""

    score: Estimate
    """Of the candidate, over people."""
    above: bool
    """Whether chance reaches the score in at most 5 of 100 cases."""
    verdict: str
    confounds: tuple[str, ...]
    """Controls within one standard error."""
    controls: dict[str, float]
    """Mean score of every control."""
    n_drawn: int
    """Draws of the null."""


def laid_out(table: Table, seed: int, n_draws: int = 0) -> Laid:
    """Return the protocol over a cohort's table."""
    setup = Setup(
        smoothing=SMOOTHING,
        delay=0.0,
        dealt="session",
        null="permuted units",
        seed=seed,
        n_draws=n_draws,
    )
    return Laid(table, protocol("within"), setup)


def estimate(table: Table, seed: int) -> Estimate:
    """Return the candidate's mean score over people, with its interval; no null is drawn."""
    return over_people(_scored(laid_out(table, seed), CANDIDATE).balanced(table))


def told(table: Table, seed: int, n_draws: int) -> Told:
    """Return score and verdict.

    Parameters
    ----------
    table : Table
        Of a cohort.
    seed : int
        Of the evaluation.
    n_draws : int
        Draws of the null at most. No more are drawn than decide whether p exceeds 0.05: once so
        many reach the score that it does whatever the others give, the answer stands.
    """
    laid = laid_out(table, seed, n_draws)
    candidate = _scored(laid, CANDIDATE)
    own = candidate.balanced(table)
    null = _null(laid, float(own.mean()))
    controls = [_scored(laid, one) for one in CONTROLS.values() if not one.why_not(table)]
    said = verdict(laid, [_with_null(candidate, null), *controls])
    reached = int((null.mean(axis=1) >= own.mean() - TINY).sum())
    return Told(
        score=over_people(own),
        above=(1 + reached) / (1 + len(null)) <= LEVEL,
        verdict=said.verdict,
        confounds=said.confounds,
        controls={one.method.name: float(one.balanced(table).mean()) for one in controls},
        n_drawn=len(null),
    )


def _scored(laid: Laid, method: Method) -> Scored:
    """Return a method's held-out answers, without a null."""
    found = answers(laid, method, tuple(range(len(laid.splits))))
    order = np.argsort(found["row"])
    return Scored(
        method=method,
        row=found["row"][order].astype(np.int64),
        p=found["p"][order].astype(np.float64),
        fold=found["fold"][order].astype(np.int64),
        draw=np.zeros(0, dtype=np.int64),
        score=np.zeros((0, len(laid.table.people))),
        predictions="",
        nulls="",
    )


def _with_null(scored: Scored, null: Array) -> Scored:
    return replace(scored, draw=np.arange(len(null)), score=null)


def _null(laid: Laid, observed: float) -> Array:
    """Return null scores, shape (n_drawn, n_people), as many as decide.

    p ≤ 0.05 asks that no more than 0.05 (1 + n_draws) − 1 draws reach the score. One more ends it:
    p of those drawn is then above 0.05, too (Besag & Clifford 1991).
    """
    may_reach = int(LEVEL * (1 + laid.setup.n_draws) + TINY) - 1
    found: list[Array] = []
    reached = 0
    for i in range(len(laid.draws)):
        found.append(null_scores(laid, CANDIDATE, (i,))[0])
        reached += bool(found[-1].mean() >= observed - TINY)
        if reached > may_reach:
            break
    return np.array(found)
