"""The limiter: no peak above the ceiling, at or between samples."""

from __future__ import annotations

import re
import subprocess
from shutil import which

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from player.level.limiter import CEILING, DELAY, Limiter
from player.level.peaks import Peaks
from player.settings import BLOCK, RATE


def limit(sound):
    """Return what the limiter gives out for whole blocks."""
    limiter = Limiter()
    out = np.empty_like(sound)
    for k in range(0, len(sound), BLOCK):
        limiter.process(sound[k : k + BLOCK], out[k : k + BLOCK])
    return out


def test_quiet_sound_passes_to_the_bit_after_the_declared_delay():
    """Below the ceiling nothing is done but waiting."""
    sound = np.random.default_rng(0).uniform(-0.35, 0.35, (20 * BLOCK, 2)).astype(np.float32)
    out = limit(sound)
    np.testing.assert_array_equal(out[DELAY:], sound[:-DELAY])
    assert not out[:DELAY].any()


def highest(sound):
    """Return the highest 4× oversampled value."""
    peaks = Peaks(BLOCK)
    return max(float(peaks.take(sound[k : k + BLOCK], 0.0)[0]) for k in range(0, len(sound), BLOCK))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 19), st.floats(0.1, 8.0)), max_size=8),
)
def test_nothing_leaves_above_the_ceiling(seed, loud):
    """Whatever comes, however sudden, two channels: no sample; between them 0.4 dB at most.

    Gains that move are not those with which the values between samples were foreseen.
    """
    rng = np.random.default_rng(seed)
    sound = rng.uniform(-0.5, 0.5, (20 * BLOCK, 2)).astype(np.float32)
    for block, gain in loud:
        begin = block * BLOCK + int(rng.integers(BLOCK))
        sound[begin : begin + int(rng.integers(1, 900)), int(rng.integers(2))] *= gain
    out = limit(sound)
    assert np.abs(out).max() <= CEILING * (1 + 1e-6)
    assert highest(out) <= CEILING * 10 ** (0.4 / 20)


def test_a_peak_turns_the_sound_down_smoothly_and_back():
    """A constant under a loud burst shows the gain: no step larger than a 5 ms line, full again."""
    sound = np.full((200 * BLOCK, 2), 0.5, dtype=np.float32)
    sound[50 * BLOCK + 100, 0] = 3.0
    gain = limit(sound)[DELAY:, 1] / np.float32(0.5)
    assert gain.min() < 0.3
    assert np.abs(np.diff(gain)).max() < 1.0 / 200
    np.testing.assert_array_equal(gain[-BLOCK:], np.float32(1.0))


def hard_sounds():
    """Yield names and three seconds each of what a meter of samples takes for quiet."""
    rng, t = np.random.default_rng(0), np.arange(3 * RATE) / RATE

    def bursts(hz):
        x = np.zeros(3 * RATE)
        for _ in range(20):
            begin, n = int(rng.integers(0, 3 * RATE - 5000)), int(rng.integers(50, 4000))
            phase = rng.uniform(0, 2 * np.pi)
            x[begin : begin + n] += np.sign(np.sin(2 * np.pi * hz * t[:n] + phase))
        return x

    yield "a quarter of the rate, 45°", np.sin(2 * np.pi * RATE / 4 * t + np.pi / 4)
    yield "a sixth of the rate, 60°", np.sin(2 * np.pi * RATE / 6 * t + np.pi / 3)
    yield "square", np.sign(np.sin(2 * np.pi * 1000 * t))
    yield "bursts of squares", bursts(700)
    yield "bursts of high squares", bursts(9000)
    yield "white noise", rng.normal(0, 0.3, 3 * RATE)


def by_ffmpeg(path, sound):
    """Return the true peak that ffmpeg finds, in dBTP."""
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    filters = "ebur128=peak=true:metadata=1,ametadata=print:file=-"
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-i", path, "-af", filters, "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return 20 * np.log10(max(map(float, re.findall(r"true_peaks_ch\d=([-0-9.]+)", said))))


@pytest.mark.fault(51)
@pytest.mark.skipif(which("ffmpeg") is None, reason="needs ffmpeg, the other meter")
def test_two_correlated_segments_together_stay_below_minus_1_dbtp(tmp_path):
    """Each as loud as a bank allows (−1 dBTP), summed in full correlation: by another meter."""
    found = {}
    for name, one in hard_sounds():
        single = np.stack([one, one], axis=1).astype(np.float32)
        single *= np.float32(10 ** (-1 / 20) / highest(single))
        assert by_ffmpeg(tmp_path / "in.wav", 2 * single) > 4.0
        found[name] = by_ffmpeg(tmp_path / "out.wav", limit(2 * single))
    assert {name: db for name, db in found.items() if db > -1.0} == {}
    assert max(found.values()) > -2.0  # it is held down, not muted
