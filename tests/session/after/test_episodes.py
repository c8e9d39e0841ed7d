"""Phases, steps and scores."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym import messages as m
from session.after.episodes import Span, Steps, score, spans, typical

FEEDBACK = (Span(name="feedback", index=0, start=0.0, end=1000.0, cut=False),)
SURE = {"negative": (0.8, 0.1, 0.1), "neutral": (0.1, 0.8, 0.1), "positive": (0.1, 0.1, 0.8)}


def valence(t: float, state: str | None) -> m.Valence:
    """Return a decoded window that is sure of `state`, or has no probabilities."""
    return m.Valence(
        t=t,
        state="unknown",
        valence=None,
        probabilities=SURE[state] if state else None,
        confidence=0.8,
        reason="verdict: guessing",
        model="",
    )


def test_a_phase_lasts_until_the_next_and_the_last_until_the_journal_ends(talk: Any) -> None:
    """Ends come from what happened, not from the plan; an early end shows."""
    talk.phase("rest", 0, 10.0, 30.0)
    talk.phase("calibration", 1, 30.0, 100.0)
    talk.phase("rest", 0, 10.0, 30.0)
    found = spans(talk.log["session/phase"], 60.0)
    assert [(s.name, s.start, s.end, s.cut) for s in found] == [
        ("rest", 10.0, 30.0, False),
        ("calibration", 30.0, 60.0, True),
    ]


def test_the_phase_ended_ends_the_one_before_and_is_none_itself(talk: Any) -> None:
    """What is said after the end belongs to no phase."""
    talk.phase("feedback", 0, 10.0, 30.0)
    talk.phase("ended", 1, 30.0)
    assert [(s.name, s.end) for s in spans(talk.log["session/phase"], 45.0)] == [("feedback", 30.0)]


def test_steps_hold_until_the_next_and_merge_repeats() -> None:
    """A repeated state is one stretch; before the first there is none."""
    steps = Steps.of([(5.0, "b"), (1.0, "a"), (3.0, "a"), (9.0, "none")])
    assert steps.times == (1.0, 5.0, 9.0)
    assert [steps.at(t) for t in (0.5, 1.0, 4.9, 5.0, 99.0)] == [None, "a", "a", "b", "none"]
    assert steps.episodes(0.0, 20.0) == [(1.0, 5.0, "a"), (5.0, 9.0, "b")]
    assert steps.changes(0.0, 20.0) == [(5.0, "b")]
    assert steps.episodes(0.0, 5.5) == [(1.0, 5.0, "a")]


def test_a_typical_state_is_the_median_of_those_in_feedback() -> None:
    """Cut at its phase's borders; stretches without a report and other phases do not count."""
    steps = Steps.of([(0.0, "neutral"), (10.0, "positive"), (14.0, "none"), (50.0, "negative")])
    parts = (
        Span(name="calibration", index=0, start=0.0, end=8.0, cut=False),
        Span(name="feedback", index=1, start=8.0, end=59.0, cut=False),
    )
    assert typical(steps, parts) == 4.0  # of 2, 4 and 9 s
    assert typical(steps, parts, "rest") is None


@given(
    st.lists(st.tuples(st.floats(0, 100), st.sampled_from(m.AFFECTS)), max_size=20),
    st.floats(0, 100),
)
def test_pieces_agree_with_at(pairs: list[tuple[float, str]], t: float) -> None:
    """Wherever one looks, the piece that holds the time and `at` say the same."""
    steps = Steps.of(pairs)
    inside = [s for a, b, s in steps.pieces(-1.0, 101.0) if a <= t < b]
    assert inside == ([steps.at(t)] if steps.at(t) else [])


def test_a_decoder_that_lags_is_right_at_its_delay_only() -> None:
    """With states of 10 s and a lag of 2 s: all right at 2 s, 0.8 without delay."""
    states = ["negative", "positive", "neutral"] * 4
    steps = Steps.of((10.0 * i, s) for i, s in enumerate(states))
    part = (Span(name="feedback", index=0, start=0.0, end=120.0, cut=False),)
    decoded = [valence(t, steps.at(t - 2.0)) for t in (k / 4 + 0.125 for k in range(480))]
    late = score("truth", decoded, steps, part, 2.0, declared=True)
    prompt = score("truth", decoded, steps, part, 0.0, declared=False)
    assert late.balanced_accuracy == 1.0
    assert (late.n_states, late.n_windows) == (12, 472)
    # Of the first state, the first 2 s have no decoded state at all.
    assert prompt.balanced_accuracy == pytest.approx((32 * 4 / (40 * 4 - 8) + 0.8 + 0.8) / 3)
    assert prompt.chance == pytest.approx(1 / 3)
    # 12 guesses among three: 0 to 7 right ones are what 95 of 100 runs give.
    assert (late.chance_low, late.chance_high) == (pytest.approx(1 / 12), pytest.approx(7 / 12))


def test_balanced_accuracy_weighs_classes_not_windows() -> None:
    """A decoder that always says the frequent class is at chance."""
    steps = Steps.of([(0.0, "negative"), (90.0, "positive")])
    part = (Span(name="feedback", index=0, start=0.0, end=100.0, cut=False),)
    decoded = [valence(t + 0.5, "negative") for t in range(100)]
    found = score("keys", decoded, steps, part, 0.0, declared=False)
    assert (found.balanced_accuracy, found.chance, found.n_states) == (0.5, 0.5, 2)


def test_windows_without_probabilities_or_reference_are_left_out() -> None:
    """No embedding, no key, or a reference before the phase: not compared."""
    steps = Steps.of([(0.0, "negative"), (10.0, "none"), (20.0, "positive")])
    part = (Span(name="feedback", index=0, start=5.0, end=30.0, cut=False),)
    decoded = [valence(t, "negative") for t in (4.0, 5.5, 12.0, 25.0)] + [valence(26.0, None)]
    found = score("keys", decoded, steps, part, 1.0, declared=True)
    assert found.n_windows == 1
    assert found.n_states == 1


def test_nothing_to_compare_gives_nulls() -> None:
    """An empty comparison is no zero."""
    found = score("keys", [], Steps(), FEEDBACK, 1.0, declared=True)
    assert found.balanced_accuracy is None
    assert found.chance_high is None
    assert found.n_states == 0
