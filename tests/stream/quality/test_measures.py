"""What is measured in a window agrees with scipy's measures."""

import numpy as np
import pytest
from scipy.signal import periodogram
from scipy.stats import median_abs_deviation

from stream.quality.measures import Measures, Meter, robust_sd
from stream.settings import QualitySettings

SETTINGS = QualitySettings()
RATE = 500.0


def measured(raw: np.ndarray, clean: np.ndarray | None = None, rate: float = RATE) -> Measures:
    """Measure channels in rows."""
    return Meter(SETTINGS, rate, raw.shape[1]).measure(raw, raw if clean is None else clean)


@pytest.mark.parametrize("rate", [500.0, 256.0])
def test_band_powers_are_scipy_s(rate: float) -> None:
    """Muscle and alpha are what scipy's periodogram gives with the same window."""
    raw = np.random.default_rng(0).normal(size=(3, round(rate))) * 10 + 20_000
    n = raw.shape[1]
    frequency, density = periodogram(raw, rate, np.hanning(n + 2)[1:-1], detrend="constant")
    m = measured(raw, rate=rate)
    alpha = (frequency >= 8) & (frequency <= 12)
    assert m.alpha == pytest.approx(density[:, alpha].mean(axis=1))
    fast = (frequency >= 25) & (frequency <= min(95, 0.45 * rate))
    for mains in (50, 60):
        fast &= np.abs(frequency - mains) > 3
    assert m.muscle == pytest.approx(np.sqrt(density[:, fast].sum(axis=1)))


@pytest.mark.parametrize("hz", [50.0, 49.8, 60.0, 60.3])
@pytest.mark.parametrize("amplitude", [30.0, 200.0])
def test_the_amplitude_of_mains_is_measured(hz: float, amplitude: float) -> None:
    """Mains near its nominal frequency is measured to within 5 %, whatever the offset."""
    t = np.arange(500) / RATE
    raw = 15_000 + amplitude * np.sin(2 * np.pi * hz * t + [[0.4], [1.9]])
    assert measured(raw).mains == pytest.approx(np.full(2, amplitude), rel=0.05)


@pytest.mark.parametrize("n", [500, 501, 256])
def test_levels_are_scipy_s(n: int) -> None:
    """Both robust SDs are the scaled median absolute deviation."""
    signal = np.random.default_rng(0).normal(size=(4, n)) * [[0.1], [5], [50], [4000]]
    expected = median_abs_deviation(signal, axis=1, scale="normal")
    assert robust_sd(signal.T) == pytest.approx(expected, rel=1e-4)
    assert measured(signal).level == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("slope", [1000.0, -700.0])
def test_a_steady_slope_is_measured_and_a_step_is_not_one(slope: float) -> None:
    """Drift is the slope in µV/s; a jump in the middle, or one rise of four, has none."""
    t = np.arange(500) / RATE
    steps = np.stack([slope * t, np.where(t < 0.5, 0, slope), np.where(t < 0.9, 0, slope)])
    assert measured(steps).drift == pytest.approx([abs(slope), 0, 0], rel=1e-6)


@pytest.mark.parametrize("height", [500.0, -300.0])
def test_a_step_is_sharp_wherever_it_falls(height: float) -> None:
    """A step has its height at any sample but the edges; a slope and a blink have none."""
    t = np.arange(500)
    for at in range(80, 420, 7):
        raw = np.where(t < at, 0.0, height)[None]
        assert measured(raw).step == pytest.approx([abs(height)])
    slope = np.linspace(0, 20 * height, 500)[None]
    assert measured(slope).step == pytest.approx([0.0])
    blink = 400 * np.exp(-(((t - 250) / 40) ** 2))[None]
    assert measured(blink).step[0] < SETTINGS.pop_step


def test_channels_do_not_reach_one_another() -> None:
    """A channel measures alike, to the bit, alone and among others."""
    raw = np.random.default_rng(2).normal(size=(8, 500)) * 20
    together = measured(raw)
    for i in range(8):
        alone = measured(raw[i : i + 1].copy())
        for name in Measures._fields:
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[i]), name


@pytest.mark.parametrize("n", [1, 2, 5, 40, 125])
def test_short_windows_are_measured_without_a_word(n: int) -> None:
    """A window of a few samples gives finite numbers."""
    m = measured(np.random.default_rng(0).normal(size=(2, n)))
    assert all(np.isfinite(getattr(m, name)).all() for name in Measures._fields)
