"""What is asked of an evaluation, over cohorts whose truth is known (pure). SIMULATED."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from decoder.scoring.held_out import seed_of
from session.evaluation.cohort.check import estimate, told
from session.evaluation.cohort.people import Cohort, draw, strength_for
from session.evaluation.jobs import N_DRAWS

IDEAL = 0.8
"""Accuracy of the ideal observer where there is something to be found."""
FEW_DRAWS = 19
"""Draws of a null where something is to be found: exact at 5 % as well, in a tenth of the time."""
COVERED = (0.92, 0.98)
FALSE = 0.08
"""Share of cohorts without a state that may pass for more than chance: 32 of 400."""
FOUND = 0.95

Kind = Literal["truth", "interval", "chance", "found", "named"]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A question, and the cohorts that answer it."""

    name: str
    kind: Kind
    cohort: Cohort
    n: int
    """Cohorts."""
    confound: str = ""
    """Name of the control that has to be named."""


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of one cohort."""

    case: str
    number: int
    mean: float
    low: float
    high: float
    above: bool = False
    verdict: str = ""
    seconds: float = 0.0
    """Of one core."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a case comes to."""

    name: str
    asked: str
    share: float
    n: int
    kept: bool
    score: float
    """Mean over cohorts."""
    verdicts: dict[str, int]
    seconds: float
    """Mean of one cohort."""


def cases(n: int, n_each: int, n_truth: int) -> list[Case]:
    """Return all questions.

    Parameters
    ----------
    n : int
        Cohorts for the interval and for chance.
    n_each : int
        Cohorts for each thing that has to be found or named.
    n_truth : int
        Other cohorts, of which the true mean is taken.
    """
    state, nothing = Cohort(strength=strength_for(IDEAL)), Cohort()
    return [
        Case(name="truth, ideal observer 0.8", kind="truth", cohort=state, n=n_truth),
        Case(name="truth, no state", kind="truth", cohort=nothing, n=n_truth),
        Case(name="interval, ideal observer 0.8", kind="interval", cohort=state, n=n),
        Case(name="interval, no state", kind="interval", cohort=nothing, n=n),
        Case(name="no state", kind="chance", cohort=nothing, n=n),
        Case(name="ideal observer 0.8", kind="found", cohort=state, n=n_each),
        _named("hand only", Cohort(motor=1.0), n_each, "motor"),
        _named("response to sound only", Cohort(auditory=1.0), n_each, "audible clip"),
        _named("headphone leak only", Cohort(leak=1.0), n_each, "audible clip"),
    ]


def _named(name: str, cohort: Cohort, n: int, confound: str) -> Case:
    return Case(name=name, kind="named", cohort=cohort, n=n, confound=confound)


def perform(case: Case, number: int) -> Drawn:
    """Draw cohort `number` of a case and say what an evaluation says of it."""
    seed, began = seed_of(0, "cohort", case.name, str(number)), time.process_time()
    table = draw(case.cohort, seed)
    if case.kind in ("truth", "interval"):
        score, above, verdict = estimate(table, number), False, ""
    else:
        n_draws = N_DRAWS if case.kind == "chance" else FEW_DRAWS
        score, above, verdict, *_ = told(table, number, n_draws)
    low, high = score.interval or (score.mean, score.mean)
    return Drawn(
        case=case.name,
        number=number,
        mean=score.mean,
        low=low,
        high=high,
        above=above,
        verdict=verdict,
        seconds=time.process_time() - began,
    )


def answers(asked: Sequence[Case], drawn: Sequence[Drawn]) -> list[Answer]:
    """Return what every case comes to; those for the true mean answer nothing by themselves."""
    of = {case.name: [one for one in drawn if one.case == case.name] for case in asked}
    truth = {
        case.cohort: float(np.mean([one.mean for one in of[case.name]]))
        for case in asked
        if case.kind == "truth" and of[case.name]
    }
    return [
        _answer(case, of[case.name], truth.get(case.cohort, float("nan")))
        for case in asked
        if case.kind != "truth" and of[case.name]
    ]


def _answer(case: Case, drawn: Sequence[Drawn], truth: float) -> Answer:
    if case.kind == "interval":
        yes = [one.low <= truth <= one.high for one in drawn]
        asked = f"95 % interval covers the true mean {truth:.3f}: {COVERED[0]} to {COVERED[1]}"
    elif case.kind == "chance":
        yes = [one.above for one in drawn]
        asked = f"above chance: at most {FALSE}"
    elif case.kind == "found":
        yes = [one.above for one in drawn]
        asked = f"above chance: at least {FOUND}"
    else:
        yes = [one.verdict == f"confounded by {case.confound}" for one in drawn]
        asked = f"confounded by {case.confound}: at least {FOUND}"
    share = float(np.mean(yes))
    verdicts = [one.verdict for one in drawn if one.verdict]
    return Answer(
        name=case.name,
        asked=asked,
        share=share,
        n=len(drawn),
        kept=_kept(case.kind, share),
        score=float(np.mean([one.mean for one in drawn])),
        verdicts={name: verdicts.count(name) for name in sorted(set(verdicts))},
        seconds=float(np.mean([one.seconds for one in drawn])),
    )


def _kept(kind: Kind, share: float) -> bool:
    if kind == "interval":
        return COVERED[0] <= share <= COVERED[1]
    return share <= FALSE if kind == "chance" else share >= FOUND
