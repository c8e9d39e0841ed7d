"""One-window log band power: against scipy, and what must not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from decoder.features import BANDS, Standardizer, masked_row, row
from rym.errors import SignalError


@pytest.fixture
def window():
    """Return one second of noise, 3 channels at 500 Hz, in µV."""
    return np.random.default_rng(0).standard_normal((500, 3)) * 20.0


def test_equals_scipys_periodogram(window):
    """Log of the mean density per band, after linear detrend and Hann, as scipy computes it."""
    f, density = signal.periodogram(window, 500, "hann", detrend="linear", axis=0)
    expected = [
        np.log(density[(f >= band.low) & (f < band.high), channel].mean())
        for channel in range(3)
        for band in BANDS["default"]
    ]
    np.testing.assert_allclose(row(window, 500.0), expected, rtol=1e-9)


def test_the_electrodes_offset_does_not_matter(window):
    """−18 mV of DC and a drift of 1 mV/s leave the row as it is."""
    drift = np.linspace(0.0, 1000.0, 500)[:, None]
    np.testing.assert_allclose(
        row(window - 18000.0 + drift, 500.0), row(window, 500.0), rtol=0, atol=1e-8
    )


@given(st.integers(0, 2), st.integers(0, 3))
def test_a_channels_features_do_not_depend_on_layout_or_neighbours(channel, shift):
    """The same samples give the same features to the bit, alone, strided or elsewhere in memory."""
    window = np.random.default_rng(1).standard_normal((500, 3)).astype(np.float32)
    raw = np.zeros(500 * 3 + shift, dtype=np.float32)
    moved = raw[shift:].reshape(3, 500).T
    moved[:] = window
    expected = row(window, 500.0)
    np.testing.assert_array_equal(row(moved, 500.0), expected)
    alone = row(window[:, [channel]], 500.0)
    np.testing.assert_array_equal(alone, expected[channel * 5 : channel * 5 + 5])


def test_a_10_hz_tone_raises_alpha_only(window):
    """A tone of 10 Hz moves the third band of every channel and no other."""
    tone = 100.0 * np.cos(2 * np.pi * 10.0 * (np.arange(500) - 249.5) / 500)[:, None]
    rise = (row(window + tone, 500.0) - row(window, 500.0)).reshape(3, 5)
    assert (rise[:, 2] > 3.0).all()
    assert (np.abs(np.delete(rise, 2, axis=1)) < 1.0).all()


def test_a_flat_channel_gives_a_finite_row():
    """All-constant samples have no power, but a logarithm."""
    assert np.isfinite(row(np.full((500, 2), -18000.0), 500.0)).all()


def test_without_gamma_there_are_four_bands(window):
    """The preset `no-gamma` leaves out the fifth column of every channel."""
    full = row(window, 500.0).reshape(3, 5)
    np.testing.assert_array_equal(row(window, 500.0, BANDS["no-gamma"]).reshape(3, 4), full[:, :4])


def test_the_order_of_bands_is_that_of_the_columns(window):
    """A model may name its bands in any order: the same columns, moved, to the bit."""
    full = row(window, 500.0).reshape(3, 5)
    backwards = row(window, 500.0, BANDS["default"][::-1]).reshape(3, 5)
    np.testing.assert_array_equal(backwards[:, ::-1], full)


def test_a_rate_too_low_is_refused_with_the_remedy():
    """At 64 Hz there is no 30–45 Hz band."""
    with pytest.raises(SignalError, match=r"gamma.*64 Hz.*no-gamma"):
        row(np.zeros((64, 1)), 64.0)


def test_bad_channels_are_masked_by_name(window):
    """The columns of a bad channel are NaN; a bad channel that is not asked for does not matter."""
    values = masked_row(window, 500.0, BANDS["default"], ("A", "B", "C"), ("B", "Z"))
    assert np.isnan(values).tolist() == [False] * 5 + [True] * 5 + [False] * 5


def test_z_score_is_robust_and_bounded():
    """One wild row in twenty moves neither middle nor spread much; results are clipped."""
    rows = np.random.default_rng(2).standard_normal((400, 2))
    rows[::20] = 1e6
    zscore = Standardizer.fit(rows, clip=5.0)
    assert np.abs(zscore.center).max() < 0.2
    assert np.abs(zscore.scale - 1.0).max() < 0.25
    assert zscore(np.array([[1e9, -1e9]])).tolist() == [[5.0, -5.0]]


def test_z_score_turns_the_unknown_into_the_baselines_middle():
    """NaN, a feature never seen and a feature that never varies all become 0."""
    rows = np.random.default_rng(3).standard_normal((50, 3))
    rows[:, 1], rows[:, 2] = np.nan, 7.0
    zscore = Standardizer.fit(rows, clip=5.0)
    assert zscore(np.array([np.nan, 3.0, 9.0])).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("n_rows", [1, 20, 117])
@pytest.mark.parametrize("unknown", [False, True])
def test_z_score_rests_on_medians_of_what_is_known(n_rows, unknown):
    """Middle and spread are numpy's medians to the last bit, with and without unknown values."""
    rows = np.random.default_rng(n_rows).standard_normal((n_rows, 4))
    if unknown:
        rows[: n_rows // 2, 1] = np.nan
    zscore = Standardizer.fit(rows, clip=5.0)
    center = np.nanmedian(rows, axis=0)
    np.testing.assert_array_equal(zscore.center, center)
    spread = 1.4826 * np.nanmedian(np.abs(rows - center), axis=0)
    np.testing.assert_array_equal(zscore.scale, np.where(spread > 1e-6, spread, np.inf))
