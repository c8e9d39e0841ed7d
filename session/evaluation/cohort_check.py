"""What an evaluation says of a simulated cohort: score, interval, verdict (pure).

The parts are those that `rym evaluate` puts together: protocol `within`, one shrinkage LDA, all
controls that can be fitted, permuted units, t over people, `verdicts.conclude`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from decoder.methods.catalog import of
from decoder.methods.controls import CONTROLS
from decoder.methods.method import Method
from decoder.scoring.held_out import held_out, people_scores, seed_of
from decoder.scoring.intervals import Estimate, over_people
from decoder.scoring.metrics import answers_of, balanced_accuracy
from decoder.scoring.nulls import TINY, draws_of, weigh
from decoder.scoring.protocols import one_unit, protocol
from decoder.scoring.splits import Rules, used
from decoder.scoring.units import n_relabelings, smallest_p, units_of
from decoder.scoring.verdicts import LEVEL, Evidence, Rival, conclude
from decoder.settings import DecoderSettings
from decoder.table import Table

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CANDIDATE = "lda"


class Told(NamedTuple):
    """What is said of one cohort."""

    score: Estimate
    """Of the candidate, over people."""
    p: float
    above: bool
    """Whether chance reaches the score in at most 5 of 100 cases."""
    verdict: str
    confounds: tuple[str, ...]
    controls: dict[str, float]
    """Mean score of every control."""


def people_of(table: Table, method: Method, seed: int) -> Array:
    """Return everybody's held-out balanced accuracy within person, shape (n_people,)."""
    splits = protocol("within").splits(table, rules(seed))
    answer = answers_of(held_out(table, splits, method.fit, seed))
    rows = np.flatnonzero(answer >= 0)
    return people_scores(table, rows, answer[rows].astype(np.float64), _score)


def _score(truth: Ints, said: Array) -> float:
    return balanced_accuracy(truth, said.astype(np.int64))


def rules(seed: int) -> Rules:
    """Return what the protocol is told."""
    return Rules(smoothing=DecoderSettings().smoothing, seed=seed)


def estimate(table: Table, seed: int) -> Estimate:
    """Return the candidate's mean score over people, with its interval; no null is drawn."""
    return over_people(people_of(table, of(CANDIDATE), seed))


def told(table: Table, seed: int, n_draws: int) -> Told:
    """Return score, p and verdict.

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
    candidate = people_of(table, of(CANDIDATE), seed)
    null = _null(table, seed, n_draws, candidate)
    weight = weigh(candidate, null, complete=False)
    controls = {
        name: people_of(table, method, seed)
        for name, method in CONTROLS.items()
        if not method.why_not(table)
    }
    units = units_of(table, used(protocol("within").splits(table, rules(seed))))
    evidence = Evidence(
        leaky=False,
        candidate=CANDIDATE,
        score=float(candidate.mean()),
        p=weight.p,
        null_95=weight.null_95,
        n_people=len(candidate),
        n_relabelings=n_relabelings(units),
        smallest_p=max(smallest_p(units, own=True), 1 / (1 + n_draws)),
        rivals=tuple(_rival(name, candidate - scores) for name, scores in controls.items()),
        cut=bool(one_unit(table)),
    )
    said = conclude(evidence)
    return Told(
        score=over_people(candidate),
        p=weight.p,
        above=weight.p <= LEVEL,
        verdict=said.verdict,
        confounds=said.confounds,
        controls={name: float(scores.mean()) for name, scores in controls.items()},
    )


def _rival(name: str, difference: Array) -> Rival:
    found = over_people(difference)
    return Rival(name, found.mean, found.standard_error)


def _null(table: Table, seed: int, n_draws: int, observed: Array) -> Array:
    """Return null scores, shape (n_drawn, n_people), as many as decide.

    p ≤ 0.05 asks that no more than 0.05 (1 + n_draws) − 1 draws reach the score. One more ends it:
    p of those drawn is then above 0.05, too.
    """
    units = units_of(table, used(protocol("within").splits(table, rules(seed))))
    dealt = draws_of(table, units, "permuted units", n_draws, seed=seed_of(seed, "null"))
    may_reach = int(LEVEL * (1 + n_draws) + TINY) - 1
    found: list[Array] = []
    reached = 0
    for i in range(len(dealt)):
        found.append(people_of(dealt[i], of(CANDIDATE), seed))
        reached += bool(found[-1].mean() >= observed.mean() - TINY)
        if reached > may_reach:
            break
    return np.array(found)
