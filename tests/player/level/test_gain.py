"""Level ramps."""

from __future__ import annotations

import numpy as np
import pytest

from player.level.gain import SILENCE_DB, Level, decibels
from player.settings import BLOCK, RATE


def test_a_level_ramp_is_exact_at_both_ends_and_never_jumps():
    """From silence to 1 in 0.1 s, and to silence from the middle of it, to the frame."""
    level = Level()
    level.move(0, 1.0, 0.1)
    ones = []
    for k in range(30):
        if k == 5:
            level.move(5 * BLOCK, 0.0, 0.2)
        block = np.ones((BLOCK, 2), dtype=np.float32)
        level.apply(block, k * BLOCK)
        ones.append(block)
    curve = np.concatenate(ones)[:, 0]
    assert curve[0] == 0.0
    assert curve[5 * BLOCK] == np.float32(0.5)
    assert np.abs(np.diff(curve)).max() < 1 / 1000
    assert curve[5 * BLOCK + round(0.2 * RATE) - 1] > 0.0
    assert not curve[5 * BLOCK + round(0.2 * RATE) :].any()
    assert decibels(level.at(30 * BLOCK)) == SILENCE_DB


def test_a_slower_silence_does_not_put_off_a_quicker_one():
    """Stop, then the supervisor's end: the stop's ramp holds; the other order is quickened."""
    level = Level()
    level.move(0, 1.0, 0.5)
    level.move(RATE, 0.0, 0.2)
    level.move(RATE + BLOCK, 0.0, 10.0)
    assert level.end == RATE + round(0.2 * RATE)
    level = Level()
    level.move(0, 1.0, 0.5)
    level.move(RATE, 0.0, 10.0)
    level.move(2 * RATE, 0.0, 0.2)
    assert level.end == 2 * RATE + round(0.2 * RATE)


@pytest.mark.fault(51)
@pytest.mark.parametrize("seconds", [0.5, 4.0])
def test_a_start_comes_from_silence_and_rises_slowly_where_it_can_be_heard(seconds):
    """Nothing at first, never a step down, from −20 dB on at most 82 dB/s over its length."""
    level = Level()
    level.move(0, 1.0, seconds)
    at = np.arange(0, round(seconds * RATE), BLOCK)
    curve = np.array([level.at(int(frame)) for frame in at])
    assert curve[0] == 0.0
    assert (np.diff(curve) > 0.0).all()
    db = 20 * np.log10(curve[1:])
    slope = np.diff(db) * RATE / BLOCK
    assert slope[db[:-1] > -20.0].max() <= 82.0 / seconds
    assert slope[db[:-1] > -60.0].max() <= 862.0 / seconds
