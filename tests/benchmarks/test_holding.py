"""An interruption is a silence after the first sound and before the last one."""

from __future__ import annotations

import io

import numpy as np
import pytest

from benchmarks.captured.holding import Listener
from player.settings import RATE


@pytest.mark.parametrize("lead", [0, RATE // 3, 3 * RATE // 2])
def test_silences_within_the_sound_are_found_with_their_seconds(lead):
    """Neither what comes before the sound nor a zero crossing counts; the last one is the end."""
    sound = np.full(3 * RATE, 0.1, np.float32)
    sound[RATE // 2 : RATE // 2 + 480] = 0.0
    sound[RATE - 100 : RATE + 100] = 0.0
    sound[2 * RATE : 2 * RATE + 20] = 0.0
    sound = np.concatenate([np.zeros(lead, np.float32), sound, np.zeros(700, np.float32)])
    listener = Listener(io.BytesIO(sound.tobytes()))
    listener.run()
    found = [(round(at * RATE), frames) for at, frames in listener.silences]
    assert found == [(RATE // 2, 480), (RATE - 100, 200), (3 * RATE, 700)]
