"""What leak detectors look at is what is in the file."""

from __future__ import annotations

import numpy as np
from scipy import signal

from session.evaluation.data.facts import spectrum, trace

RATE = 256.0


def noise(n: int, n_channels: int = 2) -> np.ndarray:
    """Return white noise of 10 µV."""
    return np.random.default_rng(1).normal(0, 10, (n, n_channels)).astype(np.float32)


def test_the_spectrum_is_a_power_density() -> None:
    """White noise has 2 σ² / rate at all frequencies; scipy's Welch says the same."""
    samples = noise(60 * 256)
    f, power = spectrum(samples, RATE)
    assert (f[0], f[-1], f[1] - f[0]) == (1.0, 128.0, 0.5)
    assert abs(power[:-1].mean() / (2 * 100 / RATE) - 1) < 0.05
    theirs = signal.welch(samples, RATE, nperseg=512, detrend="linear", axis=0, average="median")[1]
    assert np.allclose(power[:-1], theirs[2:-1], rtol=0.05)


def test_a_clench_does_not_stand_for_the_whole_file() -> None:
    """Two seconds of strong muscle in a minute move the spectrum by little."""
    samples = noise(60 * 256)
    before = spectrum(samples, RATE)[1]
    samples[5000:5512] *= 30.0
    assert np.median(spectrum(samples, RATE)[1] / before) < 1.15


def test_no_piece_spans_a_gap_or_a_missing_value() -> None:
    """A step at a gap leaves no trace; pieces with holes count for the other channels only."""
    samples = noise(20 * 256)
    samples[2560:] += 5000.0
    samples[100, 0] = np.nan
    f, power = spectrum(samples, RATE, [2560])
    expected = 2 * 100 / RATE
    assert power[f < 5].mean() < 2 * expected
    assert np.isfinite(power).all()
    samples[:, 1] = np.nan
    power = spectrum(samples, RATE, [2560])[1]
    assert np.isfinite(power[:, 0]).all()
    assert np.isnan(power[:, 1]).all()
    assert np.isnan(spectrum(samples[:100], RATE)[1]).all()


def test_the_trace_keeps_what_makes_two_files_alike() -> None:
    """An offset of millivolts and fast noise go; what is slow stays where it was."""
    t = np.arange(20 * 256) / RATE
    slow = 20.0 * np.sin(2 * np.pi * 6.0 * t)
    samples = (slow + 18_000.0 + 15.0 * np.sin(2 * np.pi * 60.0 * t)).astype(np.float32)[:, None]
    small, rate = trace(samples, RATE)
    assert rate == 64.0
    assert small.dtype == np.float32
    assert np.allclose(small[192:-192, 0], slow[::4][192:-192], atol=0.5)
    empty, rate = trace(samples[:, :0], 500.0)
    assert (empty.shape, rate) == ((640, 0), 62.5)
