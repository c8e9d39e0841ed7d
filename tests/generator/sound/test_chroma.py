"""Tones of the spectrum against two independent makers of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.sound.chroma import bank, chromagram

RATE = 32_000


@pytest.mark.parametrize(("rate", "n_fft"), [(32_000, 16_384), (48_000, 8_192)])
def test_the_bank_is_librosas(rate, n_fft) -> None:
    """Every weight is that of librosa's chroma bank."""
    filters = pytest.importorskip("librosa").filters
    theirs = filters.chroma(sr=rate, n_fft=n_fft, tuning=0.0, n_chroma=12)
    assert np.allclose(bank(rate, n_fft), theirs, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(pitch=st.integers(48, 84), level=st.floats(0.01, 0.9))
def test_a_tone_is_heard_as_itself(pitch, level) -> None:
    """A sine of any pitch and level is strongest in its own class, in every frame."""
    t = np.arange(RATE) / RATE
    sine = level * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t)
    found = chromagram(sine, RATE, 16_384, 4_096)
    assert found.shape == (8, 12)
    assert set(found.argmax(axis=1)) == {pitch % 12}


def test_a_sound_shorter_than_a_frame_still_has_one() -> None:
    """What is too short is padded on both sides."""
    found = chromagram(np.sin(np.arange(1000)), RATE, 16_384, 4_096)
    assert found.shape == (5, 12)
    assert np.all(np.isfinite(found))
