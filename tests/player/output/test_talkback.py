"""The operator's voice: only over music that is down, bounded, and without a click."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from player.level.limiter import CEILING
from player.output.talkback import FADE, MOST, VOICE, WAIT, Microphone, Voice
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
    assert np.abs(heard[WAIT + FADE + BLOCK : 50 * BLOCK]).max() > 0.35
    assert not heard[50 * BLOCK + FADE + BLOCK :].any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=60), st.floats(0.0, 1.0), st.floats(0.0, 20.0))
def test_voice_and_ducked_music_stay_below_the_ceiling(orders, level, loud):
    """However loud one speaks, and however the key is pressed."""
    heard = spoken(orders, level, loud)
    assert np.abs(heard).max() <= VOICE * level * CEILING * 1.001
    assert VOICE * CEILING + DUCKED * CEILING < CEILING


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=60))
def test_a_voice_makes_no_click(orders):
    """No larger step than the voice itself and its fade have."""
    steps = np.abs(np.diff(spoken(orders)))
    voice, fade = 0.5 * 2 * np.pi * 200 / RATE, 0.5 * np.pi / 2 / FADE
    assert steps.max(initial=0.0) <= VOICE * 1.1 * (voice + fade)


def test_a_voice_is_no_louder_than_the_participant_wants_the_music():
    """Its gain follows the level that was set."""
    whole, half = spoken([True] * 40), spoken([True] * 40, level=0.5)
    assert np.abs(half).max() == np.float32(0.5) * np.abs(whole).max()


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
