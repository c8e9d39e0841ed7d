"""The cap and the week's allowance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.level.dose import CAP, OVER, Cap, equivalent, share
from player.settings import RATE
from rym.messages import Loudness


def second(level_dba):
    """Return a second of this A-weighted level below full scale."""
    return Loudness(frame=0, n_frames=RATE, lufs=-20.0, level_dba=level_dba, peak_dbtp=-6.0)


@pytest.mark.fault(52)
@pytest.mark.parametrize(("level", "hours"), [(80, 40), (83, 20), (86, 10), (89, 5), (77, 80)])
def test_three_db_more_are_allowed_for_half_the_time(level, hours):
    """H.870's rows: each uses up the whole allowance (3 dB are 0.2 % less than twice)."""
    assert share(level, 3600.0 * hours) == pytest.approx(1.0, rel=0.01)


@pytest.mark.fault(52)
@given(st.lists(st.floats(-60.0, -0.1), min_size=1, max_size=200))
def test_the_cap_speaks_exactly_when_30_seconds_were_too_loud(levels):
    """By the mean over the last 30 s since the level went down, silence before; that takes 1 s."""
    cap, kept, falls = Cap(100.0), [], False
    for level in levels:
        said = cap.take(second(level), -3.0)
        if falls:
            assert said is None
            falls = False
            continue
        kept = [*kept, 10 ** ((100.0 + level) / 10)][-OVER:]
        mean = sum(kept) / OVER
        if abs(mean / 10 ** (CAP / 10) - 1) < 1e-9:
            return
        assert (said is not None) == (mean > 10 ** (CAP / 10))
        if said is not None:
            assert said == pytest.approx(CAP - 10 * np.log10(max(kept)) - 3.0)
            kept, falls = [], True


@pytest.mark.fault(52)
def test_much_too_loud_is_found_at_once_and_a_little_within_30_seconds():
    """100 dB(A) in one second, 86 in 24 (as much as 30 of 85); 84.9 never."""
    for level, seconds, excess in ((-0.0, 1, 15.0), (-14.0, 24, 1.0)):
        cap = Cap(100.0)
        said = [cap.take(second(level), 0.0) for _ in range(seconds)]
        assert said[:-1] == [None] * (seconds - 1)
        assert said[-1] == pytest.approx(-excess, abs=0.01)
    cap = Cap(100.0)
    assert {cap.take(second(-15.1), 0.0) for _ in range(300)} == {None}


@pytest.mark.fault(52)
def test_without_a_calibration_nothing_is_claimed_and_nothing_done():
    """Not even full scale."""
    cap = Cap(None)
    assert {cap.take(second(0.0), 0.0) for _ in range(100)} == {None}


@pytest.mark.fault(52)
def test_what_goes_down_is_the_level_of_the_loudest_second():
    """99.7 dB(A) at −6 dB, then one of 82 at −60 dB that tips the mean: −6 dB counts."""
    cap = Cap(100.0)
    assert cap.take(second(-0.3), -6.0) is None
    assert cap.take(second(-18.0), -60.0) == pytest.approx(-6.0 - 14.7, abs=0.01)


def test_the_equivalent_level_is_that_of_the_energy():
    """Half the time 10 dB louder is 7.4 dB more than the quieter half; silence has none."""
    assert equivalent([second(-30.0), second(-20.0)], 100.0) == pytest.approx(77.4, abs=0.01)
    assert equivalent([second(-120.0)], 100.0) is None
    assert equivalent([], 100.0) is None
