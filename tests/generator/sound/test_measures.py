import numpy as np

from generator.music.render import fold
from generator.sound.measures import correlations, loop_residual_db, rms_db, spectral_centroid

RATE = 48_000


def sine(hz: float, seconds: float = 1.0) -> np.ndarray:
    """Return a full-scale sine on both channels."""
    t = np.arange(round(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * hz * t)[:, None] * np.ones(2)


def test_centroid_of_a_sine_is_its_frequency():
    """One line has its centre on itself."""
    assert abs(spectral_centroid(sine(1500.0), RATE) - 1500) < 15


def test_rms_of_a_sine():
    """A full-scale sine has −3 dB; silence has a floor that JSON can hold."""
    assert abs(rms_db(sine(100.0)) + 3.01) < 0.01
    assert rms_db(np.zeros((100, 2))) == -150


def test_loop_residual_tells_a_seamless_loop_from_a_cut_one():
    """Tail over head is at the floor of the numbers; the same music cut at the bar line is not."""
    rng = np.random.default_rng(3)
    once = rng.standard_normal((3 * RATE, 2)) * np.linspace(1, 0, 3 * RATE)[:, None]
    zero, one = np.zeros(2), np.ones((RATE, 1))
    assert loop_residual_db(fold(once, RATE), once, zero, one, RATE) < -100
    assert loop_residual_db(once[:RATE], once, zero, one, RATE) > -20


def test_correlations_agree_with_numpy():
    """Bar by bar the matrix is numpy's own; a silent bar has nothing in common with any."""
    rng = np.random.default_rng(4)
    base = rng.standard_normal((2000, 2))
    siblings = [base, 0.5 * base + rng.standard_normal((2000, 2)), rng.standard_normal((2000, 2))]
    siblings[2][:1000] = 0
    rho = np.array(correlations(siblings, (0, 1000)))
    assert rho.shape == (2, 3, 3)
    expected = np.corrcoef([sound[1000:].ravel() for sound in siblings])
    np.testing.assert_allclose(rho[1], expected, atol=1e-5)
    assert rho[0, 0, 2] == 0
    assert rho[0, 2, 2] == 1
