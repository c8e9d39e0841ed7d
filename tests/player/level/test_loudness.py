"""Loudness, A-weighted level and peak of each second."""

from __future__ import annotations

import time

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.level.limiter import DELAY
from player.level.loudness import Meter, a_weights, loudness
from player.settings import BLOCK, RATE

A_TABLE = {
    31.62: -39.4, 63.1: -26.2, 125.9: -16.1, 251.2: -8.6, 501.2: -3.2, 1000.0: 0.0,
    1995.3: 1.2, 3981.1: 1.0, 7943.3: -1.1, 12589.3: -4.3, 15848.9: -6.6,
}  # fmt: skip
"""dB by exact frequency in Hz, from IEC 61672-1:2013, Table 3."""


def pink(rng, seconds, power=0.01):
    """Return noise whose power falls by 3 dB an octave, two channels that differ."""
    n = seconds * RATE
    hz = np.fft.rfftfreq(n, 1 / RATE)
    fall = np.where(hz > 30.0, 1.0 / np.sqrt(np.maximum(hz, 1.0)), 0.0)
    spectra = fall * np.exp(2j * np.pi * rng.random((2, len(hz))))
    sound = np.fft.irfft(spectra, n, axis=1).T
    return (sound * np.sqrt(power) / sound.std()).astype(np.float32)


@pytest.mark.parametrize("hz", A_TABLE)
def test_the_a_weighting_is_that_of_the_standards_table(hz):
    """To the tenth of a dB in which the table is given."""
    assert 10 * np.log10(a_weights(np.array(hz))) == pytest.approx(A_TABLE[hz], abs=0.06)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 0.02))
def test_it_agrees_with_another_meter_on_steady_sound(seed, power):
    """By pyloudnorm, whose gate lets all of it in: within 0.1 LU."""
    sound = pink(np.random.default_rng(seed), 4, power)
    other = pyloudnorm.Meter(RATE).integrated_loudness(sound.astype(float))
    assert loudness(sound).lufs == pytest.approx(other, abs=0.1)


def test_a_sine_of_full_scale_is_the_measure_of_everything():
    """997 Hz: 0 dB(A), −3.01 LUFS in one channel, 0 dBTP; the other channel is silent."""
    t = np.arange(RATE)
    sine = np.stack([np.sin(2 * np.pi * 997 * t / RATE), 0 * t], axis=1).astype(np.float32)
    said = loudness(sine)
    assert said.level_dba == pytest.approx(0.0, abs=0.02)
    assert said.lufs == pytest.approx(-3.01, abs=0.03)
    assert said.peak_dbtp == pytest.approx(0.0, abs=0.1)


def test_the_louder_ear_counts():
    """Two ears hear what the louder one hears; loudness adds both."""
    sound = pink(np.random.default_rng(3), 2)
    one = sound.copy()
    one[:, 1] = 0.0
    both = np.repeat(sound[:, :1], 2, axis=1)
    assert loudness(one).level_dba == pytest.approx(loudness(both).level_dba, abs=0.01)
    assert loudness(both).lufs - loudness(one).lufs == pytest.approx(3.01, abs=0.01)


def test_seconds_follow_one_another_without_a_gap():
    """The first is shorter by what the limiter holds back; silence is −120; each stands alone."""
    meter = Meter(skip=DELAY)
    quiet, loud = np.zeros((BLOCK, 2), np.float32), np.full((BLOCK, 2), 0.25, np.float32)
    loud[::2] *= -1
    said = [meter.take(loud if 100 <= k < 200 else quiet) for k in range(300)]
    seconds = [one for one in said if one is not None]
    assert [k for k, one in enumerate(said) if one] == [99, 199, 299]
    assert [(s.frame, s.n_frames) for s in seconds] == [
        (0, RATE - DELAY), (RATE - DELAY, RATE), (2 * RATE - DELAY, RATE),
    ]  # fmt: skip
    assert [s.lufs == s.level_dba == -120.0 for s in seconds] == [True, False, True]
    assert seconds[1].peak_dbtp >= -12.05


def test_the_peak_is_the_highest_between_samples():
    """A quarter of the rate at 45° in one block of a quiet second is not missed."""
    sound = pink(np.random.default_rng(5), 1, 1e-4)
    t = np.arange(BLOCK)
    sound[50 * BLOCK : 51 * BLOCK, 1] = 0.8 * np.sin(np.pi / 2 * t + np.pi / 4)
    assert loudness(sound).peak_dbtp == pytest.approx(20 * np.log10(0.8), abs=0.6)
    assert 20 * np.log10(np.abs(sound).max()) < -4.5


def test_less_than_a_second_has_no_loudness():
    """Told, not guessed."""
    with pytest.raises(ValueError, match="480 frames"):
        loudness(np.zeros((BLOCK, 2), np.float32))


def test_a_second_of_sound_costs_few_milliseconds():
    """Of processor time, at most 10 (3 measured, on a machine with other work)."""
    sound, meter = pink(np.random.default_rng(0), 5), Meter()
    begin = time.process_time()
    for k in range(0, len(sound), BLOCK):
        meter.take(sound[k : k + BLOCK])
    assert (time.process_time() - begin) / 5 < 0.010
