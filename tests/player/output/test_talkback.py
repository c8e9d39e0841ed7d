"""The operator's voice: only over music that is down, bounded, and without a click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.level.limiter import CEILING
from player.level.loudness import loudness
from player.output.talkback import FADE, LOUD, MOST, PEAK, WAIT, Microphone, Voice
from player.settings import BLOCK, RATE

DUCKED = 0.1
"""Music at 20 dB less."""
SILENCE = np.zeros((BLOCK, 2), np.float32)


def said(k, loud=0.5):
    """Return block k of a voice of 200 Hz."""
    t = (np.arange(BLOCK) + k * BLOCK) / RATE
    return (loud * np.sin(2 * np.pi * 200 * t)).astype(np.float32)


def spoken(orders, level=1.0, loud=0.5):
    """Return the voice over silence, for a row of on and off, a block each."""
    voice = Voice()
    blocks = [voice.over(SILENCE, said(k, loud), on=on, level=level) for k, on in enumerate(orders)]
    return np.concatenate(blocks)[:, 0]


def test_a_voice_comes_once_the_music_is_down_and_goes_within_50_ms():
    """Silence while the music falls, then a fade; after the end nothing, soon."""
    heard = spoken([True] * 50 + [False] * 20)
    assert not heard[: WAIT - BLOCK].any()
    assert np.abs(heard[WAIT + FADE + BLOCK : 50 * BLOCK]).max() > 0.1
    assert not heard[50 * BLOCK + FADE + BLOCK :].any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=60), st.floats(0.0, 1.0), st.floats(0.0, 20.0))
def test_voice_and_ducked_music_stay_below_the_ceiling(orders, level, loud):
    """However loud one speaks, and however the key is pressed."""
    heard = spoken(orders, level, loud)
    assert np.abs(heard).max() <= PEAK * level * 1.001
    assert PEAK + DUCKED * CEILING < CEILING


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=60))
def test_a_voice_makes_no_click(orders):
    """No larger step than the voice itself and its fade have."""
    steps = np.abs(np.diff(spoken(orders)))
    voice, fade = 0.5 * 2 * np.pi * 200 / RATE, 0.5 * np.pi / 2 / FADE
    assert steps.max(initial=0.0) <= PEAK / 0.5 * 1.1 * (voice + fade)


def test_a_voice_is_no_louder_than_the_participant_wants_the_music():
    """Its gain follows the level that was set."""
    whole, half = spoken([True] * 40), spoken([True] * 40, level=0.5)
    assert np.abs(half).max() == np.float32(0.5) * np.abs(whole).max()


def noise(loud):
    """Return five seconds of white noise."""
    drawn = np.random.default_rng(1).standard_normal(5 * RATE)
    return (loud * drawn).astype(np.float32)


def syllables(loud):
    """Return five seconds of a buzz of 150 Hz that comes and goes four times a second."""
    t = np.arange(5 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 30))
    return (loud * buzz * np.maximum(0.0, np.sin(2 * np.pi * 4 * t))).astype(np.float32)


@pytest.mark.parametrize("sound", [noise, syllables])
@pytest.mark.parametrize("loud", [0.1, 0.5, 3.0])
def test_a_voice_is_about_as_loud_as_the_clips_and_not_louder(sound, loud):
    """From the first second on at most −20 LUFS (+1), whatever the microphone gives; not 5 less."""
    voice, blocks = Voice(), sound(loud).reshape(-1, BLOCK)
    heard = np.concatenate([voice.over(SILENCE, x, on=True, level=1.0) for x in blocks])
    said = [loudness(heard[k * RATE : (k + 1) * RATE]).lufs for k in range(5)]
    assert max(said) <= LOUD + 1.0
    assert min(said[1:]) >= LOUD - 5.0


def test_a_soft_voice_is_left_as_it_is():
    """The gain only goes down: a room's noise is not brought up between the words."""
    heard = spoken([True] * 100, loud=0.01)
    assert np.abs(heard).max() == pytest.approx(0.01, rel=1e-3)


class Ring:
    """A microphone's ring."""

    def __init__(self) -> None:
        self.samples = np.zeros(0, np.float32)

    @property
    def read_available(self) -> int:
        """Return what waits."""
        return len(self.samples)

    def read(self, n):
        """Return the oldest n as bytes."""
        out, self.samples = self.samples[:n], self.samples[n:]
        return out.tobytes()


class Tape:
    """A recorder's stream."""

    active = True

    def __init__(self) -> None:
        self.actions = {1}
        self.begun = 0

    def record_ringbuffer(self, _ring) -> int:
        """Begin."""
        self.begun += 1
        self.actions = {1}
        return 1


def test_a_microphone_is_read_in_order_and_never_far_behind():
    """What waits for longer than a tenth of a second was said to the past."""
    ring = Ring()
    microphone = Microphone(Tape(), ring, RATE)
    assert microphone.read() is None
    ring.samples = np.arange(5 * BLOCK, dtype=np.float32)
    assert microphone.read()[0] == 0.0
    assert microphone.read()[0] == BLOCK
    ring.samples = np.arange(RATE, dtype=np.float32)
    late = RATE - microphone.read()[0]
    assert late <= MOST * RATE
    microphone.forget()
    assert microphone.read() is None


def test_a_microphone_that_gives_nothing_is_lost_and_a_full_ring_is_not():
    """A stream that ended, or nothing new for a second; one that was full is begun again."""
    tape, ring = Tape(), Ring()
    microphone = Microphone(tape, ring, RATE)
    assert not microphone.lost(10.0)
    ring.samples = np.zeros(BLOCK, np.float32)
    assert not microphone.lost(10.9)
    assert not microphone.lost(11.5)
    assert microphone.lost(12.0)
    tape.actions = set()
    ring.samples = np.zeros(2 * BLOCK, np.float32)
    assert not microphone.lost(12.1)
    assert tape.begun == 2
    tape.active = False
    assert microphone.lost(12.1)


def test_what_is_no_number_is_not_said():
    """A driver's NaN neither reaches the ear nor stays in the gain that follows the voice."""
    ring = Ring()
    microphone, voice = Microphone(Tape(), ring, RATE), Voice()
    music = np.zeros((BLOCK, 2), np.float32)
    heard = []
    for k in range(40):
        ring.samples = np.full(2 * BLOCK, np.nan if k == 5 else 0.5, np.float32)
        ring.samples[0] = np.inf if k == 7 else 0.5
        heard.append(voice.over(music, microphone.read(), on=True, level=1.0))
    assert np.isfinite(heard).all()
    assert np.abs(heard[-1]).max() > 0.05
