"""Slower and faster at the same pitch; fades that keep the level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.sound.stretch import crossfade, stretched

RATE = 48_000


def _beats(seconds: float, every: float, hz: float) -> np.ndarray:
    """Return plucked tones, array of shape (n_times, 2)."""
    t = np.arange(round(seconds * RATE)) / RATE
    since = t % every
    tone = np.exp(-since / 0.15) * np.minimum(1, since / 0.002) * np.sin(2 * np.pi * hz * t)
    return np.stack([tone, 0.8 * tone], axis=1)


def _attacks(sound: np.ndarray, every: float) -> np.ndarray:
    """Return where the level rises most, once per beat, in seconds."""
    power = np.convolve(np.mean(sound**2, axis=1), np.ones(480) / 480, "same")
    rise = np.diff(np.log(power + 1e-7)[::48])
    step = round(every * 1000)
    starts = range(step // 2, len(rise) - step, step)
    return np.array([(a + np.argmax(rise[a : a + step])) / 1000 for a in starts])


@settings(max_examples=6, deadline=None)
@given(ratio=st.floats(0.94, 1.06), hz=st.floats(110.0, 880.0))
def test_beats_move_and_pitch_stays(ratio, hz) -> None:
    """Length follows the ratio, beats lie within 16 ms of theirs, the pitch within 4 cents."""
    sound = _beats(3.0, 0.5, hz)
    out = stretched(sound, ratio, RATE)
    assert abs(len(out) - len(sound) * ratio) <= 0.002 * RATE
    found = _attacks(out, 0.5 * ratio)
    wished = 0.5 * ratio * np.arange(1, len(found) + 1)
    # The level is taken over 10 ms, so every rise is seen a little early.
    assert np.max(np.abs(found + 0.004 - wished)) <= 0.016
    spectrum = np.abs(np.fft.rfft(out[:, 0] * np.hanning(len(out)), 2**19))
    heard = np.argmax(spectrum) * RATE / 2**19
    assert abs(1200 * np.log2(heard / hz)) <= 4.0


@settings(max_examples=10, deadline=None)
@given(ratio=st.floats(0.9, 1.1), seconds=st.floats(0.05, 3.0), seed=st.integers(0, 9))
def test_any_sound_keeps_its_level(ratio, seconds, seed) -> None:
    """Noise, which is like itself nowhere, comes out as long as asked for and as loud."""
    sound = np.random.default_rng(seed).standard_normal((round(seconds * RATE), 2))
    out = stretched(sound, ratio, RATE)
    assert abs(len(out) - len(sound) * ratio) <= 0.002 * RATE + 1
    inside = out[: round(0.9 * len(out))]
    assert abs(20 * np.log10(np.std(inside) / np.std(sound))) < 1.0


def test_no_cut_can_be_measured() -> None:
    """Of two held tones that are stretched, nothing above them is heard that was not there."""
    t = np.arange(4 * RATE) / RATE
    tones = np.sin(2 * np.pi * 220.5 * t) + np.sin(2 * np.pi * 331.7 * t)
    out = stretched(np.stack([tones, tones], axis=1), 1.04, RATE)
    middle = out[RATE : 3 * RATE, 0] * np.blackman(2 * RATE)
    power = np.abs(np.fft.rfft(middle)) ** 2
    hz = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    assert 10 * np.log10(power[hz > 1000].sum() / power.sum()) < -55


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.5, 1.0])
def test_a_fade_keeps_the_level(rho) -> None:
    """However alike two sounds are, half-way between them it is as loud as before."""
    rng = np.random.default_rng(1)
    one, other = rng.standard_normal((2, 20_000, 2))
    into = rho * one + np.sqrt(1 - rho**2) * other
    faded = crossfade(one, into)
    assert abs(20 * np.log10(np.std(faded[9_000:11_000]) / np.std(one))) < 0.3
    assert np.allclose(faded[0], one[0], atol=1e-3)
    assert np.allclose(faded[-1], into[-1], atol=1e-3)
