"""Our ADWIN against river's, value by value."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import ADWIN

from decoder.memory.adwin import Adwin
from rym.errors import SignalError, UsageError

PARTS = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0.001, 0.4), st.integers(5, 300)), min_size=1, max_size=4
)


SETTINGS = st.fixed_dictionaries(
    {
        "delta": st.sampled_from([0.002, 0.05, 0.3]),
        "clock": st.sampled_from([1, 4, 32]),
        "max_buckets": st.sampled_from([2, 3, 5]),
        "min_length": st.sampled_from([1, 5, 20]),
        "grace": st.sampled_from([0, 10, 50]),
    }
)


@given(parts=PARTS, seed=st.integers(0, 10**6), given=SETTINGS)
@settings(deadline=None, max_examples=60)
def test_it_is_river_s(parts, seed, given):
    """The same detections, the same window and mean after every value, over any settings."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(mean, sd, n) for mean, sd, n in parts]).tolist()
    ours = Adwin(**given)
    peer = ADWIN(
        delta=given["delta"],
        clock=given["clock"],
        max_buckets=given["max_buckets"],
        min_window_length=given["min_length"],
        grace_period=given["grace"],
    )
    for value in values:
        peer.update(value)
        assert ours.update(value) == peer.drift_detected == ours.drifted
        assert ours.width == peer.width
        assert ours.mean == pytest.approx(peer.estimation, abs=1e-9)


@pytest.mark.parametrize(("shift", "found"), [(0.0, False), (0.5, True)])
def test_a_change_is_found_and_none_is_not(shift, found):
    """Half a unit after 400 values; the window then holds what came after only."""
    rng = np.random.default_rng(0)
    adwin = Adwin()
    values = rng.uniform(0, 0.5, 800) + shift * (np.arange(800) >= 400)
    at = [i for i, value in enumerate(values) if adwin.update(value)]
    assert bool(at) == found
    if found:
        assert 400 <= at[0] < 450
        assert adwin.mean == pytest.approx(0.75, abs=0.05)


def test_a_window_of_eight_hours_stays_small():
    """Sums of powers of two: a few hundred numbers for 11 520 values."""
    rng = np.random.default_rng(1)
    adwin = Adwin()
    for value in rng.uniform(0, 1, 11_520).tolist():
        adwin.update(value)
    assert adwin.width == 11_520
    assert sum(len(row) for row in adwin._rows) < 80


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_number_is_refused_and_leaves_the_window_alone(value):
    """With the value in the sentence."""
    adwin = Adwin()
    adwin.update(0.5)
    with pytest.raises(SignalError, match=str(value)):
        adwin.update(value)
    assert (adwin.width, adwin.mean) == (1, 0.5)


@pytest.mark.parametrize(
    "wrong", [{"delta": 0.0}, {"delta": 1.0}, {"clock": 0}, {"min_length": 0}, {"grace": -1}]
)
def test_settings_out_of_range_are_refused(wrong):
    """Before the first value."""
    with pytest.raises(UsageError, match="ADWIN cannot work"):
        Adwin(**wrong)
