"""Level ramps and the limiter."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from player.level.limiter import CEILING, DELAY, SILENCE_DB, Level, Limiter
from player.settings import BLOCK, RATE


def limit(sound):
    """Return what the limiter gives out for whole blocks."""
    limiter = Limiter()
    out = np.empty_like(sound)
    for k in range(0, len(sound), BLOCK):
        limiter.process(sound[k : k + BLOCK], out[k : k + BLOCK])
    return out


def test_quiet_sound_passes_to_the_bit_after_the_declared_delay():
    """Below the ceiling nothing is done but waiting."""
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (20 * BLOCK, 2)).astype(np.float32)
    out = limit(sound)
    np.testing.assert_array_equal(out[DELAY:], sound[:-DELAY])
    assert not out[:DELAY].any()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 19), st.floats(0.1, 8.0)), max_size=8),
)
def test_no_sample_leaves_above_the_ceiling(seed, loud):
    """Whatever comes, however sudden, two channels."""
    rng = np.random.default_rng(seed)
    sound = rng.uniform(-0.5, 0.5, (20 * BLOCK, 2)).astype(np.float32)
    for block, gain in loud:
        begin = block * BLOCK + int(rng.integers(BLOCK))
        sound[begin : begin + int(rng.integers(1, 900)), int(rng.integers(2))] *= gain
    assert np.abs(limit(sound)).max() <= CEILING * (1 + 1e-6)


def test_a_peak_turns_the_sound_down_smoothly_and_back():
    """A constant under a loud burst shows the gain: no step larger than a 5 ms line, full again."""
    sound = np.full((200 * BLOCK, 2), 0.5, dtype=np.float32)
    sound[50 * BLOCK + 100, 0] = 3.0
    gain = limit(sound)[DELAY:, 1] / np.float32(0.5)
    assert gain.min() < 0.3
    assert np.abs(np.diff(gain)).max() < 1.0 / 200
    np.testing.assert_array_equal(gain[-BLOCK:], np.float32(1.0))


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
    assert level.db(30 * BLOCK) == SILENCE_DB


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
