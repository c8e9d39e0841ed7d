import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.sound.mastering import _held_back, loudness, master, true_peak
from rym.errors import FormatError

RATE = 48_000


def noise(seed: int, crest: float = 0.0) -> np.ndarray:
    """Return a second of noise, with peaks where wanted."""
    rng = np.random.default_rng(seed)
    sound = 0.05 * rng.standard_normal((RATE, 2))
    if crest:
        # Peaks at the very seam, where a limiter that is not a circle would leave a step.
        sound[[0, -1, RATE // 2]] = crest
    return sound


@given(seed=st.integers(0, 1000), crest=st.sampled_from([0.0, 2.0, 4.0]))
@settings(max_examples=12, deadline=None)
def test_level_and_peak_are_met_together(seed, crest):
    """Whatever the peaks, the clip comes out at its loudness and below its peak."""
    sound = noise(seed, crest)
    out = sound * master(sound, RATE, -20.0, -1.0)
    assert abs(loudness(out, RATE) + 20) <= 0.2
    assert true_peak(out) <= -1.0


def test_calm_clip_gets_one_gain():
    """Where no peak is too high nothing but the level changes."""
    assert np.ptp(master(noise(1), RATE, -20.0, -1.0)) == 0


def test_limiter_turns_with_the_loop():
    """Turning the clip along the loop turns the limiter's gain along with it, and no more."""
    envelope = np.abs(noise(2, crest=4.0)).max(axis=1)
    gain = _held_back(envelope, 0.5, RATE)
    assert gain.min() < 0.2
    assert np.max(gain * envelope) <= 0.5 + 1e-9
    turned = _held_back(np.roll(envelope, 12_345), 0.5, RATE)
    np.testing.assert_allclose(np.roll(gain, 12_345), turned, atol=1e-12)


def test_true_peak_sees_between_the_samples():
    """A sine at a quarter of the rate that is sampled beside its crests is measured at them."""
    t = np.arange(RATE)
    sine = np.sin(np.pi / 2 * t + np.pi / 4)[:, None] * np.ones(2)
    assert abs(true_peak(sine)) < 0.15
    assert np.max(np.abs(sine)) < 0.72


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_silence_and_nan_are_refused(value):
    """A clip without any level is never written."""
    with pytest.raises(FormatError):
        master(np.full((RATE, 2), value), RATE, -20.0, -1.0)
