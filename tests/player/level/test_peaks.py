"""Peaks between samples."""

from __future__ import annotations

import numpy as np
import pytest

from player.level.peaks import BOUND, LAG, PHASES, Peaks
from player.settings import BLOCK, RATE


def test_the_filter_is_that_of_the_standard():
    """Four phases of twelve taps, mirrored, each passing a constant within 0.3 dB."""
    assert PHASES.shape == (4, 12)
    np.testing.assert_array_equal(PHASES, PHASES[::-1, ::-1])
    assert np.abs(20 * np.log10(PHASES.sum(axis=1))).max() < 0.3
    assert pytest.approx(2.0228, abs=1e-4) == BOUND


def test_a_sine_is_measured_where_no_sample_is():
    """At a quarter of the rate and 45°, samples are 3 dB too low; the standard allows 0.6 dB."""
    t = np.arange(10 * BLOCK)
    sine = np.sin(np.pi / 2 * t + np.pi / 4)
    sound = np.stack([sine, 0 * sine], axis=1).astype(np.float32)
    peaks = Peaks(BLOCK)
    found = [float(peaks.take(sound[k : k + BLOCK], 0.0)[0]) for k in range(0, len(t), BLOCK)]
    assert 20 * np.log10(found[-1]) == pytest.approx(0.0, abs=0.6)
    assert np.abs(sound).max() == pytest.approx(0.7071, abs=1e-4)


def test_each_peak_is_counted_to_its_step_a_few_frames_later():
    """An impulse in frame 100 belongs to the step of frame 106, with 6 frames of lag."""
    block = np.zeros((BLOCK, 2), dtype=np.float32)
    block[100, 1] = -0.5
    found = Peaks(48).take(block, 0.0)
    assert LAG == 6
    assert np.flatnonzero(found == 0.5).tolist() == [(100 + LAG) // 48]


def test_what_cannot_be_too_high_is_not_looked_for():
    """Where no value can exceed what is asked for, the samples' peak is told; else the true one."""
    rng = np.random.default_rng(1)
    block = rng.uniform(-0.3, 0.3, (BLOCK, 2)).astype(np.float32)
    quick, close = Peaks(BLOCK), Peaks(BLOCK)
    for _ in range(2):
        told, true = float(quick.take(block, 0.61)[0]), float(close.take(block, 0.0)[0])
    assert told == np.abs(block).max()
    assert told < true <= 0.3 * BOUND
    assert RATE % BLOCK == 0
