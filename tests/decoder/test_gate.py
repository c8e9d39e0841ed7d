"""Temperature, smoothing, hysteresis and threshold."""

import numpy as np
import pytest

from decoder.gate import CLOSED, Gate, Smoother, fit_temperature, fit_threshold, smooth, soften


def noisy(rng, n, sharpness):
    """Return labels and probabilities that are right as often as they claim, then sharpened."""
    p = rng.dirichlet([1.0, 1.0, 1.0], n)
    label = np.array([rng.choice(3, p=row) for row in p])
    return soften(p, 1 / sharpness), label


def test_temperature_undoes_false_confidence():
    """Probabilities sharpened by 3 are given back by a temperature of about 3."""
    p, label = noisy(np.random.default_rng(0), 4000, 3.0)
    assert fit_temperature(p, label) == pytest.approx(3.0, rel=0.15)


def test_certain_errors_soften_and_never_sharpen():
    """Two answers in three wrong with certainty: the temperature goes to its upper end."""
    p = np.tile([0.0, 1e-9, 1.0 - 1e-9], (30, 1))
    assert fit_temperature(p, np.arange(30) % 3) == pytest.approx(20.0)


def test_softening_keeps_order_and_zeros():
    """A temperature changes neither the likeliest class nor an impossible one."""
    p = soften(np.array([0.0, 0.3, 0.7]), 5.0)
    assert p[0] == 0.0
    assert 0.5 < p[2] < 0.7
    assert p.sum() == pytest.approx(1.0)


def test_at_chance_the_gate_is_closed():
    """Confident answers that are right one time in three let nothing through."""
    rng = np.random.default_rng(1)
    p, label = rng.dirichlet([0.3, 0.3, 0.3], 2000), rng.integers(0, 3, 2000)
    assert fit_threshold(p, label, np.arange(2000) // 50, 0.6) == CLOSED


def test_the_gate_lets_through_what_is_right_often_enough():
    """The threshold is the lowest at which six in ten of the answers are right."""
    p, label = noisy(np.random.default_rng(2), 4000, 1.0)
    threshold = fit_threshold(p, label, np.arange(4000) // 50, 0.8)
    right, through = p.argmax(axis=1) == label, p.max(axis=1) >= threshold
    assert 0.5 < threshold < 0.9
    assert right[through].mean() == pytest.approx(0.8, abs=0.04)


def test_smoothing_of_rows_is_that_of_one_at_a_time():
    """Training smooths as live does, a break included."""
    rng = np.random.default_rng(3)
    p, follows = rng.dirichlet([1, 1, 1], 40), np.ones(40, dtype=bool)
    follows[[0, 25]] = False
    live, expected = Smoother(0.25, 0.75), []
    for i, row in enumerate(p):
        if i == 25:
            live = Smoother(0.25, 0.75)
        expected.append(live.step(row))
    np.testing.assert_array_equal(smooth(p, follows, 0.25, 0.75), expected)
    np.testing.assert_allclose(smooth(p, follows, 0.25, 0.0), p, atol=1e-15)


def test_a_step_reaches_63_percent_after_the_time_constant():
    """Three rows of 0.25 s at a time constant of 0.75 s."""
    smoother = Smoother(0.25, 0.75)
    smoother.step(np.array([1.0, 0.0, 0.0]))
    for _ in range(3):
        p = smoother.step(np.array([0.0, 0.0, 1.0]))
    assert p[2] == pytest.approx(1 - np.exp(-1))


def answers(gate, *rows):
    """Return the states that a gate gives to rows of probabilities."""
    return [gate.step(np.array(row)).state for row in rows]


def test_a_state_is_replaced_only_by_a_margin():
    """0.45 against 0.40 does not replace the present state, 0.55 against 0.30 does."""
    gate = Gate(0.3, 0.1)
    assert answers(gate, (0.2, 0.6, 0.2), (0.15, 0.40, 0.45), (0.15, 0.30, 0.55)) == [
        "neutral",
        "neutral",
        "positive",
    ]


def test_below_the_threshold_the_state_is_unknown():
    """A state enters at the threshold and leaves the margin below it."""
    gate = Gate(0.5, 0.1)
    rows = (0.45, 0.3, 0.25), (0.55, 0.25, 0.2), (0.42, 0.3, 0.28), (0.38, 0.32, 0.3)
    assert answers(gate, *rows) == ["unknown", "negative", "negative", "unknown"]
    assert gate.step(np.array([0.38, 0.32, 0.3])).reason == "not confident"


def test_a_closed_gate_lets_nothing_through():
    """Not even certainty, not even after certainty."""
    assert answers(Gate(CLOSED, 0.1), (0.0, 0.0, 1.0), (0.0, 0.0, 1.0)) == ["unknown", "unknown"]


def test_a_break_forgets_the_present_state():
    """After a reset the likeliest state counts at once."""
    gate = Gate(0.3, 0.1)
    answers(gate, (0.2, 0.6, 0.2))
    gate.reset()
    assert answers(gate, (0.15, 0.40, 0.45)) == ["positive"]
