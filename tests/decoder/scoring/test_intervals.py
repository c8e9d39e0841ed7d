"""Intervals hold the mean as often as they say."""

import numpy as np
import pytest
from scipy import stats

from decoder.scoring.intervals import over_people, over_units, studentised


def test_the_interval_over_people_is_scipys():
    """The t interval of a mean, and its standard error."""
    values = np.array([0.5, 0.62, 0.58, 0.71, 0.49])
    found = over_people(values)
    assert found.standard_error == pytest.approx(stats.sem(values))
    expected = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    assert found.interval == pytest.approx(expected)
    assert found.interval == pytest.approx(
        tuple(stats.ttest_1samp(values, 0).confidence_interval())
    )


def test_one_person_gives_no_error_and_two_no_interval():
    """Below two nothing varies, below three an interval says nothing."""
    assert over_people(np.array([0.7])) == (0.7, None, None)
    two = over_people(np.array([0.6, 0.7]))
    assert two.standard_error is not None
    assert two.interval is None


@pytest.mark.parametrize("kind", ["even", "skewed"])
def test_intervals_cover_as_often_as_they_say(kind):
    """500 samples of 12: t and studentised within 0.92–0.98 (skewed: the studentised)."""
    rng = np.random.default_rng(4)
    draw = rng.normal if kind == "even" else rng.exponential
    mean = 0.0 if kind == "even" else 1.0
    n, t_covers, bootstrap_covers = 500, 0, 0
    for _ in range(n):
        values = draw(size=12)
        low, high = over_people(values).interval
        t_covers += low <= mean <= high
        low, high = studentised(values, rng, 1000)
        bootstrap_covers += low <= mean <= high
    if kind == "even":
        assert 0.92 <= t_covers / n <= 0.98
    assert 0.92 <= bootstrap_covers / n <= 0.98


def test_the_bootstrap_repeats_with_its_seed_and_needs_people_who_differ():
    """Same generator, same interval; nobody different, none."""
    values = np.array([0.5, 0.62, 0.58, 0.71])
    a, b = (studentised(values, np.random.default_rng(3)) for _ in range(2))
    assert a == b
    assert studentised(np.full(5, 0.6), np.random.default_rng(3)) is None
    assert studentised(values[:2], np.random.default_rng(3)) is None


def units(rng, n_units, n_rows):
    """Return rows of right answers that hang together within a unit, with states and units."""
    share = np.clip(rng.normal(0.65, 0.15, n_units), 0, 1)
    unit = np.repeat(np.arange(n_units), n_rows)
    return (rng.random(len(unit)) < share[unit]).astype(float), unit % 2, unit


def test_over_units_the_mean_is_balanced_accuracy():
    """Within a state over rows, then over states; units of different length."""
    right = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1])
    state = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    unit = np.array([0, 0, 0, 1, 2, 3, 3, 3, 3])
    found = over_units(right, state, unit)
    assert found.mean == pytest.approx((3 / 4 + 3 / 5) / 2)


def test_over_equal_units_the_error_is_that_of_two_samples():
    """Units of one length: Welch's standard error and interval of their shares, halved."""
    right, state, unit = units(np.random.default_rng(0), 12, 20)
    share = right.reshape(12, 20).mean(axis=1)
    found = over_units(right, state, unit)
    a, b = share[::2], share[1::2]
    assert found.standard_error == pytest.approx(np.hypot(stats.sem(a), stats.sem(b)) / 2)
    welch = stats.ttest_ind(a, -b, equal_var=False).confidence_interval()
    assert found.interval == pytest.approx((welch.low / 2, welch.high / 2))


def test_over_units_the_interval_covers():
    """800 people of 20 units: the true mean within 0.92–0.98 of the intervals."""
    rng = np.random.default_rng(5)
    true = np.clip(rng.normal(0.65, 0.15, 200_000), 0, 1).mean()
    found = [over_units(*units(rng, 20, 30)).interval for _ in range(800)]
    assert 0.92 <= np.mean([low <= true <= high for low, high in found]) <= 0.98


def test_a_state_with_one_unit_has_no_error():
    """Nothing says how another unit would have been; equal units have the error nought."""
    state = unit = np.array([0, 0, 1, 1])
    assert over_units(np.ones(4), state, unit) == (1.0, None, None)
    assert over_units(np.ones(4), state, np.arange(4)) == (1.0, 0.0, (1.0, 1.0))
