"""Simulated sessions on a fast clock: repeatable, blind to feedback keys, summed up honestly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from session import simulate
from session.simulate import Outcome, live, run_one, summarize


def _outcome(score: float, verdict: str = "guessing") -> Outcome:
    return Outcome(score, score - 0.1, score, verdict, "lda", 2.4, 10)


def test_a_life_does_not_depend_on_how_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 250 and of 37 samples give the same windows, keys and feelings to the bit."""
    phases = {"rest": 3.0, "calibration": 20.0}
    one = live(3, 1.0, phases)
    monkeypatch.setattr(simulate, "CHUNK", 37)
    two = live(3, 1.0, phases)
    assert (one.keys, one.felt) == (two.keys, two.felt)
    assert len(one.windows) == len(two.windows) > 80
    for left, right in zip(one.windows, two.windows, strict=True):
        np.testing.assert_array_equal(left.samples, right.samples)
        assert left.t_first == right.t_first


def test_a_person_is_decoded_above_chance_only_if_there_is_something_to_decode() -> None:
    """Means over four persons: far above 1/3 at strength 1, near it at 0; so the verdicts."""
    strong = summarize([run_one(seed, 1.0, 150.0, 60.0, "lda") for seed in range(1, 5)])
    absent = summarize([run_one(seed, 0.0, 150.0, 60.0, "lda") for seed in range(1, 5)])
    assert strong["balanced_accuracy"] > 0.7
    assert abs(absent["balanced_accuracy"] - 1 / 3) < 0.2
    assert strong["verdicts"]["follows"] > absent["verdicts"]["follows"] == 0


def test_keys_of_the_feedback_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other keys in feedback change nothing in what was decoded."""
    honest = run_one(2, 1.0, 90.0, 30.0)
    whole = simulate.live

    def lying(seed: int, strength: float, phases: dict[str, float]) -> simulate.Life:
        life = whole(seed, strength, phases)
        keys = [(t, "neutral" if t > 110.0 else state) for t, state in life.keys]
        return life._replace(keys=keys)

    monkeypatch.setattr(simulate, "live", lying)
    assert run_one(2, 1.0, 90.0, 30.0) == honest


def test_the_interval_is_students() -> None:
    """Mean, standard error and interval agree with scipy's; verdicts are counted."""
    scores = [0.9, 0.7, 0.8, 0.75, 0.5]
    result = summarize([_outcome(s, "follows" if s > 0.7 else "guessing") for s in scores])
    low, high = stats.t.interval(0.95, 4, loc=np.mean(scores), scale=stats.sem(scores))
    assert result["interval"] == pytest.approx([low, high])
    assert result["standard_error"] == pytest.approx(stats.sem(scores))
    assert result["verdicts"] == {"follows": 3, "unclear": 0, "guessing": 2}
