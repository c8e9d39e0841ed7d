"""Where a loop begins anew."""

import numpy as np
import pytest

from generator.sound.seams import seam_fault

RATE = 48_000


@pytest.fixture
def loop():
    """Return a loop without a seam: tones that go round in whole turns, with notes of their own."""
    n = 8 * RATE
    t = np.arange(n) / RATE
    sound = sum(np.sin(2 * np.pi * k * 27.5 * t + k) / k for k in range(3, 20))
    swell = 1.2 + 0.3 * np.sin(2 * np.pi * t)
    return 0.05 * (sound * swell)[:, None] * np.array([1.0, 0.8])


def test_a_loop_that_goes_round_has_no_fault(loop):
    """Neither where it begins nor turned by any amount."""
    for turn in (0, 1, 12_345, 200_000):
        assert seam_fault(np.roll(loop, turn, axis=0), RATE) == ""


@pytest.mark.parametrize("cut", [1000, 3333, 50_001])
def test_a_cut_clicks(loop, cut):
    """What was cut out leaves a step."""
    assert "clicks" in seam_fault(loop[:-cut], RATE)


@pytest.mark.parametrize(("seconds", "says"), [(0.01, "seam"), (0.05, "gap"), (0.2, "gap")])
def test_fading_out_and_in_is_heard(loop, seconds, says):
    """A loop that hides its step behind silence is heard to stop; a short fade is a kink, too."""
    n = round(seconds * RATE)
    fade = np.ones(len(loop))
    fade[:n], fade[-n:] = np.linspace(0, 1, n), np.linspace(1, 0, n)
    assert says in seam_fault(loop * fade[:, None], RATE)


def test_a_note_that_begins_at_the_seam_is_no_click(loop):
    """A soft attack on the first beat, as any clip has, is music."""
    n = RATE
    attack = np.minimum(1.0, np.arange(n) / (0.008 * RATE)) * np.exp(-5 * np.arange(n) / RATE)
    note = 0.2 * attack * np.sin(2 * np.pi * 440 * np.arange(n) / RATE)
    played = loop.copy()
    for beat in range(8):
        at = (np.arange(n) + beat * RATE) % len(played)
        played[at] += note[:, None]
    assert seam_fault(played, RATE) == ""
