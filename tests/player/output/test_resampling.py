"""From 48 kHz to a device's rate: level, frequency and time stay."""

from __future__ import annotations

import numpy as np
import pytest

from player.output.resampling import Resampler
from player.settings import BLOCK, RATE

RATES = (44_100, 96_000)
SECONDS = 4


def resampled(x, rate, size=BLOCK):
    """Return what comes out in blocks of `size`, without the flush at the end."""
    one = Resampler(rate)
    return np.concatenate([one.process(x[k : k + size]) for k in range(0, len(x), size)])


def sine(hz, rate, n):
    """Return a stereo sine of amplitude 0.5."""
    return np.repeat(0.5 * np.sin(2 * np.pi * hz * np.arange(n) / rate)[:, None], 2, 1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hz", [100.0, 1000.0, 15_000.0])
def test_a_sine_stays_what_it_was_and_where_it_was(rate, hz):
    """Frame n belongs to n / rate: equal to the sine at the new rate, sample by sample."""
    out = resampled(sine(hz, RATE, SECONDS * RATE).astype(np.float32), rate)
    wanted = sine(hz, rate, len(out))
    middle = slice(rate // 10, len(out) - rate // 10)
    assert np.abs(out[middle] - wanted[middle]).max() < 2e-3


@pytest.mark.parametrize("rate", RATES)
def test_what_is_held_back_is_bounded_and_does_not_grow(rate):
    """No drift between frames that went in and came out: some ms stay inside, always the same."""
    one = Resampler(rate)
    block = np.zeros((BLOCK, 2), np.float32)
    held = []
    came = 0
    for k in range(6000):
        came += len(one.process(block))
        held.append((k + 1) * BLOCK / RATE - came / rate)
    assert min(held[10:]) >= 0.0
    assert max(held) < 0.03
    assert abs(np.mean(held[-500:]) - np.mean(held[500:1000])) < 1e-3


@pytest.mark.parametrize("rate", RATES)
def test_blocks_of_any_size_give_the_same(rate):
    """Chunks do not matter, and a second run gives the very same samples."""
    x = np.random.default_rng(3).normal(0, 0.1, (RATE, 2)).astype(np.float32)
    by_480, by_37 = resampled(x, rate), resampled(x, rate, 37 * 3)
    n = min(len(by_480), len(by_37))
    assert np.abs(by_480[:n] - by_37[:n]).max() < 1e-6
    assert np.array_equal(by_480, resampled(x, rate))
