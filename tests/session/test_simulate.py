"""Simulated sessions on a fast clock: repeatable, blind to feedback keys, summed up honestly."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from session.simulate import Outcome, live, run_one, summarize
from session.simulated import life
from session.simulated.life import Plan
from session.simulated.measures import Answered, Measured

SHORT = Plan(2, calibration=80.0, feedback=30.0)


def _outcome(score: float, verdict: str = "guessing") -> Outcome:
    measured = Measured(
        balanced_accuracy=score, undelayed=score - 0.1, quarters=(score,) * 4, n_states=10,
        to_right=(2.0,), unknown=0.1, lessons=0, drifts={}, delay=2.4,
    )  # fmt: skip
    answers = Answered(seconds=(score, 10 * score), already=1, never=2)
    return Outcome(
        decoder="lda", verdict=verdict, keys=score, measured=measured, heard={}, answered=answers
    )


def test_a_life_does_not_depend_on_how_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 125 and of 37 samples give the same windows, keys and feelings to the bit."""
    phases = {"rest": 3.0, "calibration": 20.0}
    one = live(3, 1.0, phases)
    monkeypatch.setattr(life, "HOP", 37)
    two = live(3, 1.0, phases)
    assert (one.keys, one.felt) == (two.keys, two.felt)
    assert len(one.windows) == len(two.windows) > 80
    for left, right in zip(one.windows, two.windows, strict=True):
        np.testing.assert_array_equal(left.samples, right.samples)
        assert left.t_first == right.t_first


@pytest.mark.long
def test_a_person_is_decoded_above_chance_only_if_there_is_something_to_decode() -> None:
    """Means over two persons: far above 1/3 at strength 1, near it at 0; so the verdicts."""

    def told(strength: float) -> dict[str, Any]:
        plans = [Plan(s, strength, calibration=110.0, feedback=30.0) for s in (1, 3)]
        return summarize([run_one(plan, "lda") for plan in plans])

    strong, absent = told(1.0), told(0.0)
    assert strong["balanced_accuracy"] > 0.65
    assert abs(absent["balanced_accuracy"] - 1 / 3) < 0.25
    assert absent["verdicts"]["follows"] == 0
    assert strong["verdicts"]["guessing"] < 2


@pytest.mark.long
def test_keys_of_the_feedback_are_not_used_unless_they_are_learned_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other keys in feedback change nothing in what was decoded; one seed is one session."""
    honest = run_one(SHORT, "cebra-knn")
    assert honest.measured.lessons == 0
    lived = life.Body.live

    def lying(body: life.Body, n: int, phase: str, audible: Any) -> Any:
        windows = lived(body, n, phase, audible)
        if phase == "feedback":
            body.keys[:] = [(t, "neutral" if t > SHORT.turn else s) for t, s in body.keys]
        return windows

    monkeypatch.setattr(life.Body, "live", lying)
    assert run_one(SHORT, "cebra-knn") == honest


def test_the_interval_is_students() -> None:
    """Mean, standard error and interval agree with scipy's; verdicts are counted."""
    scores = [0.9, 0.7, 0.8, 0.75, 0.5]
    result = summarize([_outcome(s, "follows" if s > 0.7 else "guessing") for s in scores])
    low, high = stats.t.interval(0.95, 4, loc=np.mean(scores), scale=stats.sem(scores))
    assert result["interval"] == pytest.approx([low, high])
    assert result["standard_error"] == pytest.approx(stats.sem(scores))
    assert result["verdicts"] == {"follows": 3, "unclear": 0, "guessing": 2}
    two = summarize([_outcome(0.5), _outcome(0.7)])
    assert two["interval"] is None
    assert "no 95 % interval" in two["in_words"]
    assert msgspec.json.encode(result)


def test_felt_to_heard_is_summed_up_over_changes_and_over_persons() -> None:
    """The median of all changes, the mean of the persons' medians; what was not answered beside."""
    scores = [0.4, 0.6, 0.8]
    found = summarize([_outcome(s) for s in scores])["felt_to_heard"]
    assert (found["n"], found["never"], found["already"]) == (6, 6, 3)
    assert found["p50"] == pytest.approx((0.8 + 4.0) / 2)
    assert found["median_of_a_person"] == pytest.approx(5.5 * 0.6)
    low, high = stats.t.interval(0.95, 2, loc=3.3, scale=stats.sem([5.5 * s for s in scores]))
    assert found["interval"] == pytest.approx([low, high])
    assert "6 changes were not answered" in found["in_words"]
