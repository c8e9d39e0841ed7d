"""A clip's own tempo."""

import numpy as np
import pytest
from scipy import signal

from generator.sound.timing import tempo_ratio, wander_ms

RATE = 48_000


def struck(bpm, rng, n_beats=32, per_beat=(0.0,), hurry=0.0):
    """Return damped tones on these places of every beat; `hurry` bends the tempo in the middle."""
    seconds = n_beats * 60.0 / bpm
    sound = np.zeros(round((seconds + 1.0) * RATE))
    for beat in range(n_beats):
        for place in per_beat:
            at = (beat + place) / n_beats
            at += hurry * np.sin(np.pi * at) / np.pi
            n, start = RATE // 2, round(at * seconds * RATE)
            tone = np.sin(2 * np.pi * rng.uniform(200, 800) * np.arange(n) / RATE)
            part = sound[start : start + n]
            part += (tone * np.exp(-8 * np.arange(n) / RATE))[: len(part)]
    return 0.2 * sound[: round(seconds * RATE), None] * np.ones(2)


@pytest.mark.parametrize("bpm", [66.0, 84.0])
@pytest.mark.parametrize("places", [(0.0,), (0.0, 0.5), (0.0, 0.25, 0.75)])
def test_a_tempo_is_told_to_within_a_thousandth(bpm, places):
    """Whatever the rhythm within the beat, and whatever was expected within a few per cent."""
    sound = struck(bpm, np.random.default_rng(1), per_beat=places)
    for expected in (bpm, bpm * 1.004, bpm * 0.97):
        ratio = tempo_ratio(sound, RATE, expected)
        assert ratio is not None
        assert abs(ratio * expected / bpm - 1.0) < 0.001


def test_noise_has_no_tempo():
    """Where nothing begins, no tempo stands out; a swell alone is none either."""
    rng = np.random.default_rng(2)
    noise = 0.1 * rng.standard_normal((20 * RATE, 2))
    swell = noise * signal.windows.hann(len(noise))[:, None]
    assert tempo_ratio(noise, RATE, 72.0) is None
    assert tempo_ratio(swell, RATE, 72.0) is None
    assert wander_ms(noise, RATE, 72.0) == 0.0


def test_a_clip_that_hurries_and_drags_wanders_though_it_is_in_time_on_the_whole():
    """Each half has its own tempo: the whole alone would not tell."""
    rng = np.random.default_rng(3)
    even, bent = struck(72.0, rng), struck(72.0, rng, hurry=0.03)
    assert wander_ms(even, RATE, 72.0) < 40.0
    assert wander_ms(bent, RATE, 72.0) > 100.0
