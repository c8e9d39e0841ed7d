"""The procedural painter: same bytes for the same place, more light and colour along valence."""

from __future__ import annotations

import numpy as np
import pytest

from generator.memory import Memory
from generator.pictures.measures import look
from generator.pictures.painter import Landscapes, drift
from generator.settings import GeneratorSettings

SMALL = GeneratorSettings(width=160, height=90, frames=9)


def strip(seed: int, scene: int, take: int = 0, text: str = "A warm day.") -> list[np.ndarray]:
    """Return the frames of one small scene."""
    painter = Landscapes(Memory(text=text, seed=seed), SMALL)
    return [painter.paint(scene, take, frame) for frame in range(SMALL.frames)]


def test_a_frame_does_not_depend_on_what_was_painted_before() -> None:
    """Frames in any order, from one painter or two, have the same bytes."""
    memory = Memory(text="A warm day.", seed=5)
    one, other = Landscapes(memory, SMALL), Landscapes(memory, SMALL)
    first = one.paint(1, 0, 8)
    one.paint(0, 0, 0)
    assert np.array_equal(one.paint(1, 0, 8), first)
    other.paint(1, 0, 2)
    assert np.array_equal(other.paint(1, 0, 8), first)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("scene", [0, 1, 2])
def test_value_and_saturation_rise_along_valence(seed: int, scene: int) -> None:
    """From frame to frame, mean value and saturation rise, and no step of luminance stands out."""
    seen = [look(frame) for frame in strip(seed, scene)]
    assert (np.diff([one.value for one in seen]) > 0).all()
    assert (np.diff([one.saturation for one in seen]) > 0).all()
    steps = np.abs(np.diff([one.luminance for one in seen]))
    assert steps.max() < 0.07


def test_drift_is_slow() -> None:
    """No valence moves the picture by more than a sixth of its size in a minute."""
    speeds = np.array([drift(v) for v in np.linspace(-1, 1, 21)])
    assert np.abs(speeds).max() < 1 / 6
    assert (np.diff(speeds[:, 0]) > 0).all()
