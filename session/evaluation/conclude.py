"""From stored predictions and null scores to an `Evaluation` (pure).

Nothing is scored here that is not stored: whoever has `predictions/` and `nulls/` has every number.
Scores are a person's first, then the mean over people; rows of all people together count only in
the confusion matrix, the curves and the calibration error, which no single person fills.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from decoder.methods.method import Method
from decoder.scoring import metrics
from decoder.scoring.held_out import people_scores
from decoder.scoring.intervals import Estimate, over_people, over_units
from decoder.scoring.nulls import Null as Weighed
from decoder.scoring.nulls import best_of, comparable, weigh
from decoder.scoring.pairs import Said, accuracies, difference
from decoder.scoring.protocols import one_unit
from decoder.scoring.pseudosessions import n_pseudosessions, n_shifts
from decoder.scoring.splits import purge_of
from decoder.scoring.timing import flips_per_minute, seconds_to_right
from decoder.scoring.units import n_relabelings, smallest_p
from decoder.scoring.verdicts import Conclusion, Evidence, Rival, conclude
from decoder.table import Table

from .jobs import Laid
from .result import Curve, MethodResult, Nested, Null, PersonScore, ProtocolResult, Timing

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FILE = "file identity"
CUTS = ("within", "calibrate")
"""Protocols that cut the units of a state that has one."""


@dataclass(frozen=True, eq=False)
class Scored:
    """What one method gave under one protocol."""

    method: Method
    row: Ints
    """Rows with an answer, in order, shape (n,)."""
    p: Array
    """Their probabilities, shape (n, n_states)."""
    fold: Ints
    """Number of the split of each row."""
    draw: Ints
    """Numbers of the draws, shape (n_draws,)."""
    score: Array
    """Null scores of everybody, shape (n_draws, n_people)."""
    predictions: str
    """File, relative to `evaluation.json`."""
    nulls: str

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return rows, probabilities and folds, as they are stored."""
        return {"row": self.row, "p": self.p, "fold": self.fold}

    @property
    def said(self) -> Said:
        """Rows and probabilities."""
        return Said(self.row, self.p)

    @property
    def answer(self) -> Ints:
        """Likeliest state of every row, the first of several."""
        return metrics.answers_of(self.p)

    def balanced(self, table: Table) -> Array:
        """Return everybody's balanced accuracy, NaN without rows, shape (n_people,)."""
        return accuracies(table, self.said)


class Chances(NamedTuple):
    """How many ways there are to deal the labels of one protocol."""

    n: int
    smallest: float


def chances(laid: Laid) -> Chances:
    """Return how many relabelings a protocol has, and the smallest p that they allow.

    Sequences that could have been held, where labels are dealt so: the true one is one of them.
    """
    if laid.setup.null == "permuted units":
        return Chances(n_relabelings(laid.units), smallest_p(laid.units, own=laid.protocol.own))
    count = n_pseudosessions if laid.setup.null == "pseudosessions" else n_shifts
    n = count(laid.table, np.unique(laid.units.person))
    return Chances(n, 1 / n)


def least(found: Chances, n_drawn: int, *, complete: bool) -> float:
    """Return the smallest p that so many draws can give."""
    return found.smallest if complete else max(found.smallest, 1.0 / (1 + n_drawn))


def protocol_result(
    laid: Laid, scored: Sequence[Scored], nested: Nested | None, *, primary: bool
) -> ProtocolResult:
    """Return all methods under one protocol, with its verdict.

    Parameters
    ----------
    laid : Laid
        The protocol over the table.
    scored : sequence of Scored
        Every method's answers and null scores.
    nested : Nested or None
        The score to quote.
    primary : bool
        Whether the verdict of the evaluation rests on it.
    """
    table, protocol = laid.table, laid.protocol
    truths = [table.label[rows] for rows in _people_rows(table, scored[0].row)]
    said = verdict(laid, scored)
    return ProtocolResult(
        name=protocol.name,
        what=protocol.what,
        leaky=protocol.leaky,
        primary=primary,
        purge_s=0.0 if protocol.leaky else purge_of(table, laid.setup.rules()),
        n_folds=len(laid.splits),
        n_people=len(truths),
        n_units=len(laid.units),
        chance=float(np.mean([1.0 / len(np.unique(truth)) for truth in truths])),
        majority=float(np.mean([metrics.majority_f1(truth) for truth in truths])),
        stratified=float(np.mean([metrics.stratified_f1(truth) for truth in truths])),
        decoders=tuple(method_result(laid, one) for one in scored),
        nested=nested,
        verdict=said.verdict,
        why=said.why,
    )


def _people_rows(table: Table, rows: Ints) -> list[Ints]:
    """Return the rows of everybody who has some."""
    person = table.person[rows]
    return [rows[person == number] for number in np.unique(person)]


def method_result(laid: Laid, scored: Scored) -> MethodResult:
    """Return one method's scores."""
    table, row, p, answer = laid.table, scored.row, scored.p, scored.answer
    truth = table.label[row]
    balanced = scored.balanced(table)
    weighed = _weighed(laid, scored, balanced)
    estimate = estimate_of(table, scored.said, balanced)
    return MethodResult(
        name=scored.method.name,
        kind=scored.method.kind,
        what=scored.method.what,
        balanced_accuracy=float(np.nanmean(balanced)),
        interval=estimate.interval if (~np.isnan(balanced)).sum() > 2 else None,
        standard_error=estimate.standard_error,
        macro_f1=_mean(table, row, answer, metrics.macro_f1),
        kappa=_mean(table, row, answer, metrics.kappa),
        weighted_f1=_mean(table, row, answer, metrics.weighted_f1),
        brier=float(np.nanmean(people_scores(table, row, p, metrics.brier))),
        ece=metrics.ece(truth, p),
        null=_null(laid, weighed),
        people=_people(laid, scored, balanced, weighed),
        confusion=tuple(
            tuple(line) for line in metrics.confusion(truth, answer, table.n_states).tolist()
        ),
        calibration=_curve(metrics.calibration_curve(truth, p)),
        abstention=_curve(metrics.abstention_curve(truth, p)),
        timing=_timing(table, row, answer),
        audible=metrics.audible_balanced(truth, answer, table.audible[row]),
        predictions=scored.predictions,
        nulls=scored.nulls,
    )


def _mean(table: Table, row: Ints, answer: Ints, score: Callable[[Ints, Ints], float]) -> float:
    """Return the mean over people of a score of answers."""
    return float(
        np.mean([score(table.label[own], answer[np.isin(row, own)])
                 for own in _people_rows(table, row)])
    )  # fmt: skip


def _weighed(laid: Laid, scored: Scored, balanced: Array) -> Weighed | None:
    if not len(scored.score):
        return None
    found = weigh(balanced, scored.score, complete=_complete(laid, scored))
    # By luck it can be below: a network answers otherwise each time that it is fitted, and of few
    # sequences those that reach the score may be drawn too seldom.
    return found._replace(p=max(found.p, chances(laid).smallest))


def _complete(laid: Laid, scored: Scored) -> bool:
    return laid.draws.complete and len(scored.draw) == len(laid.draws)


def estimate_of(table: Table, said: Said, balanced: Array) -> Estimate:
    """Return the mean over people, or of one person, and how sure it is.

    Parameters
    ----------
    table : Table
        All rows.
    said : Said
        Answers.
    balanced : array of shape (n_people,)
        What `accuracies` makes of them.
    """
    known = balanced[~np.isnan(balanced)]
    if len(known) > 1:
        return over_people(known)
    truth = table.label[said.row]
    return over_units(metrics.right_of(truth, said.p), truth, table.unit[said.row])


def _null(laid: Laid, weighed: Weighed | None) -> Null:
    found = chances(laid)
    smallest = found.smallest
    if weighed is not None:
        smallest = least(found, weighed.n_drawn, complete=weighed.complete)
    return Null(
        kind="not run" if weighed is None else laid.setup.null,
        why="" if weighed is not None else _why_not_run(laid),
        n_drawn=0 if weighed is None else weighed.n_drawn,
        complete=weighed is not None and weighed.complete,
        n_relabelings=str(Decimal(found.n)),  # str() refuses more than 4300 digits
        smallest_p=smallest,
        null_95=None if weighed is None else weighed.null_95,
        p=None if weighed is None else weighed.p,
    )


def _why_not_run(laid: Laid) -> str:
    if laid.protocol.leaky:
        return "The answer was let in, so that there is nothing to be weighed."
    if laid.setup.nulls == "fast":
        return "Its network would be fitted anew for every draw: --nulls full does so."
    return f"It is drawn for {laid.setup.primary} alone: its network is fitted anew each time."


def _people(
    laid: Laid, scored: Scored, balanced: Array, weighed: Weighed | None
) -> tuple[PersonScore, ...]:
    table = laid.table
    found = []
    for rows in _people_rows(table, scored.row):
        person = int(table.person[rows[0]])
        answer = scored.answer[np.isin(scored.row, rows)]
        truth = table.label[rows]
        found.append(
            PersonScore(
                person=table.people[person],
                balanced_accuracy=float(balanced[person]),
                macro_f1=metrics.macro_f1(truth, answer),
                kappa=metrics.kappa(truth, answer),
                null_95=None if weighed is None else float(weighed.people_95[person]),
                n_rows=len(rows),
                n_units=len(np.unique(table.unit[rows])),
            )
        )
    return tuple(found)


def _curve(points: metrics.Points) -> Curve:
    return Curve(x=tuple(points.x.tolist()), y=tuple(points.y.tolist()), n=tuple(points.n.tolist()))


def _timing(table: Table, row: Ints, answer: Ints) -> Timing:
    seconds = seconds_to_right(table, row, answer)
    return Timing(
        flips_per_minute=flips_per_minute(table, row, answer),
        seconds_to_right=tuple(s if np.isfinite(s) else -1.0 for s in seconds),
    )


def verdict(laid: Laid, scored: Sequence[Scored]) -> Conclusion:
    """Return the verdict over one protocol, by the rules of `decoder.scoring.verdicts`."""
    table = laid.table
    balanced = {one.method.name: one.balanced(table) for one in scored}
    drawn = [one for one in scored if one.method.kind == "candidate" and len(one.draw)]
    means = [float(np.nanmean(balanced[one.method.name])) for one in drawn]
    best = drawn[int(np.argmax(means))] if drawn else None
    found = chances(laid)
    rivals = [] if best is None else [
        _rival(laid, best, one) for one in scored if one.method.kind == "control"
    ]  # fmt: skip
    weighed = None if best is None else _weighed(laid, best, balanced[best.method.name])
    p = None if best is None else float(_best_p(laid, drawn, balanced)[int(np.argmax(means))])
    n_draws = 0 if best is None else len(best.draw)
    exact = weighed is not None and weighed.complete
    return conclude(
        Evidence(
            leaky=laid.protocol.leaky,
            candidate="" if best is None else best.method.name,
            score=max(means, default=0.0),
            p=None if p is None else max(p, found.smallest),
            null_95=None if weighed is None else weighed.null_95,
            n_people=int((~np.isnan(next(iter(balanced.values())))).sum()),
            n_relabelings=found.n,
            smallest_p=least(found, n_draws, complete=exact),
            rivals=tuple(rivals),
            cut=laid.protocol.name in CUTS and bool(one_unit(table)),
        )
    )


def _best_p(laid: Laid, drawn: Sequence[Scored], balanced: dict[str, Array]) -> Array:
    """Return every candidate's p against the best of all, over the draws that all share."""
    common = drawn[0].draw
    for one in drawn[1:]:
        common = np.intersect1d(common, one.draw)
    observed = np.array([np.nanmean(balanced[one.method.name]) for one in drawn])
    complete = laid.draws.complete and len(common) == len(laid.draws)
    columns = []
    for one in drawn:
        scores = one.score[np.isin(one.draw, common)]
        like = comparable(balanced[one.method.name], scores, complete=complete)
        columns.append(like.mean(axis=1))
    # Which draws can be scored follows from their labels, not from the method.
    shared = min(len(column) for column in columns)
    null = np.stack([column[:shared] for column in columns], axis=1)
    return best_of(observed, null, complete=complete)


def _rival(laid: Laid, candidate: Scored, control: Scored) -> Rival:
    """Return a control beside the candidate, the difference paired."""
    table = laid.table
    by_design = control.method.name == FILE and file_decides(laid)
    found = difference(table, candidate.said, control.said)
    return Rival(control.method.name, found.mean, found.standard_error, by_design)


def file_decides(laid: Laid) -> bool:
    """Return whether state and file cannot be told apart, whatever is scored.

    So it is where a scored person has a state in one file only and every file holds one state:
    what differs may be the file. Across people that is no excuse if the files come in different
    orders in different people, since then nothing about a file goes with a state in all of them.
    """
    table, rows = laid.table, np.unique(np.concatenate([split.test for split in laid.splits]))
    orders = set()
    for own in _people_rows(table, rows):
        files, first = np.unique(table.recording[own], return_index=True)
        states = [np.unique(table.label[own[table.recording[own] == file]]) for file in files]
        if max(len(state) for state in states) > 1:
            return False
        names = [int(state[0]) for state in states]
        if min(names.count(state) for state in names) > 1:
            return False
        orders.add(tuple(names[i] for i in np.argsort(table.t[own[first]], kind="stable")))
    return laid.protocol.own or len(orders) == 1
