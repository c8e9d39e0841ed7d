"""The soft tone: quiet, gentle, in the key."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from player.music.tone import LUFS, pitch, tone
from player.settings import RATE

KEYS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B", "F#")


@pytest.mark.parametrize("key", KEYS)
def test_it_is_soft_and_comes_and_goes_gently(key):
    """12 LU below the music; no step beyond that of a sine as loud; silent at both ends."""
    sound = tone(key).astype(np.float64)
    assert pyloudnorm.Meter(RATE).integrated_loudness(sound) == pytest.approx(LUFS, abs=0.5)
    assert np.abs(sound[:1, :]).max() == 0.0
    assert np.abs(sound[: RATE // 10]).max() < 0.1 * np.abs(sound).max()
    assert np.abs(sound[-RATE // 10 :]).max() < 0.01 * np.abs(sound).max()
    assert np.abs(np.diff(sound, axis=0)).max() < 0.04 * 2 * np.pi * 600 / RATE
    assert not tone(key).flags.writeable


@pytest.mark.parametrize("key", KEYS)
def test_its_pitch_is_the_keys(key):
    """The strongest line of the spectrum lies within a quarter tone of the tonic."""
    sound = tone(key)[:, 0] * np.hanning(len(tone(key)))
    hz = np.argmax(np.abs(np.fft.rfft(sound))) * RATE / len(sound)
    assert 69 + 12 * np.log2(hz / 440) == pytest.approx(pitch(key), abs=0.1)


def test_names_of_keys():
    """Sharps and flats are understood; what is none is D."""
    assert [pitch(key) % 12 for key in ("C", "C#", "Db", "B", "Cb", "E♭")] == [0, 1, 1, 11, 11, 3]
    assert {pitch(key) for key in ("", "H", "Dminor", "d")} == {pitch("D")}
    assert all(56 <= pitch(key) <= 67 for key in KEYS)
