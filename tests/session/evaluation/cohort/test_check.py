"""The interval and the verdict keep their word: a small part of `make cohort-full`, pinned."""

from __future__ import annotations

import numpy as np
import pytest

from session.evaluation.cohort.check import estimate, told
from session.evaluation.cohort.people import Cohort, draw, strength_for

STATE = strength_for(0.8)


@pytest.mark.long
def test_the_interval_covers_the_true_mean() -> None:
    """Over people, 95 % of intervals hold the mean of other cohorts; over rows, hardly any would.

    Of 100, 88 or fewer hold it with a probability of 0.004.
    """
    cohort = Cohort(people=4, episodes=6, strength=STATE)
    found = [estimate(draw(cohort, seed), seed) for seed in range(160)]
    truth = np.mean([one.mean for one in found[100:]])
    held = [one.interval[0] <= truth <= one.interval[1] for one in found[:100] if one.interval]
    assert len(held) == 100
    assert sum(held) > 88


@pytest.mark.long
def test_nothing_is_seldom_found() -> None:
    """Without a state, five in a hundred cohorts pass for more than chance.

    Of 24, four or more do with a probability of 0.03.
    """
    cohort = Cohort(people=3, episodes=6)
    found = [told(draw(cohort, seed), seed, 19) for seed in range(24)]
    assert sum(one.above for one in found) <= 3
    assert all(one.verdict in {"guessing", "unclear"} for one in found if not one.above)
    assert {one.n_drawn for one in found if one.above} <= {19}


def test_a_state_is_found() -> None:
    """What an ideal observer tells with 0.8 is told from chance."""
    one = told(draw(Cohort(people=6, strength=STATE), 1), 1, 19)
    assert one.above
    assert one.score.mean > 0.4


@pytest.mark.long
@pytest.mark.parametrize(
    ("cohort", "name"),
    [
        (Cohort(people=6, motor=1.0), "motor"),
        (Cohort(people=6, auditory=1.0), "audible clip"),
        (Cohort(people=6, leak=1.0), "audible clip"),
    ],
)
def test_a_confound_is_named(cohort: Cohort, name: str) -> None:
    """Where nothing but the hand, the response to sound or a leak shows, the verdict says so."""
    one = told(draw(cohort, 2), 2, 19)
    assert one.verdict == f"confounded by {name}"
    assert one.controls[name] > one.score.mean - 0.05
