"""Sound comes up after an interruption, and goes over where something was left out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from player.output.ramps import GAP, Rise, crossed
from player.settings import BLOCK

ONES = np.ones((BLOCK, 2), np.float32)


def test_without_an_interruption_a_block_passes_as_it_is():
    """No copy, no change."""
    assert Rise().apply(ONES) is ONES


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(0, 30))
def test_a_rise_begins_at_silence_and_never_jumps(blocks, again_after):
    """Also one that is begun again in the middle: from silence, as long as the longer one."""
    rise = Rise()
    rise.begin(blocks / 100)
    gains = np.concatenate([rise.apply(ONES)[:, 0] for _ in range(again_after + 1)])
    steepest = np.pi / 2 / (blocks * BLOCK)
    assert gains[0] == 0.0
    assert np.abs(np.diff(gains)).max() <= 1.01 * steepest
    left = again_after + 1 < blocks
    rise.begin()
    anew = np.concatenate([rise.apply(ONES)[:, 0] for _ in range(blocks + 1)])
    length = blocks * BLOCK if left else GAP
    assert anew[0] == 0.0
    assert np.abs(np.diff(anew)).max() <= 1.01 * np.pi / 2 / length
    assert anew[-1] == 1.0


def test_what_is_left_out_is_crossed_over():
    """From the one to the other without a step."""
    both = crossed(ONES, -ONES)[:, 0]
    assert both[0] == 1.0
    assert np.abs(np.diff(both)).max() < 2 * 1.01 * np.pi / 2 / BLOCK
    assert both[-1] < -0.99
