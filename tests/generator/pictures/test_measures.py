"""Means of a picture; painted strips hardly flash."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from generator.memory import Memory
from generator.pictures.measures import look
from generator.pictures.painter import Landscapes
from generator.settings import GeneratorSettings
from rym.flashes import flashes


@pytest.mark.parametrize("word", ["lake", "hills", "town"])
def test_painted_strips_hardly_flash(word: str) -> None:
    """A sweep through a painted scene brightens and darkens once."""
    settings = GeneratorSettings(width=256, height=144, frames=9)
    painter = Landscapes(Memory(text=word, seed=4), settings)
    assert flashes([painter.paint(0, 0, k) for k in range(9)]) <= 1


@given(arrays(np.uint8, (2, 3, 3)))
def test_means_are_those_of_the_standard_library(picture: np.ndarray) -> None:
    """Saturation and value are the means of colorsys, luminance that of WCAG's formula."""
    seen = look(picture)
    hsv = np.array([colorsys.rgb_to_hsv(*(p / 255)) for p in picture.reshape(-1, 3)])
    assert seen.saturation == pytest.approx(hsv[:, 1].mean(), abs=1e-5)
    assert seen.value == pytest.approx(hsv[:, 2].mean(), abs=1e-5)
    share = picture.reshape(-1, 3) / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    expected = (light @ [0.2126, 0.7152, 0.0722]).mean()
    assert seen.luminance == pytest.approx(expected, abs=1e-5)


@given(st.tuples(*[st.integers(0, 255)] * 3).filter(lambda c: max(c) - min(c) > 20))
def test_hue_of_one_colour(colour: tuple[int, int, int]) -> None:
    """The mean hue of a single colour is its own, within the 1.2° that the hexagon differs."""
    expected = 360 * colorsys.rgb_to_hsv(*(c / 255 for c in colour))[0]
    found = look(np.full((2, 2, 3), colour, np.uint8)).hue
    assert abs((found - expected + 180) % 360 - 180) < 1.2


def test_gray_has_no_hue() -> None:
    """Without any colour, hue and saturation are 0."""
    assert look(np.full((3, 4, 3), 90, np.uint8))[:2] == (0.0, 0.0)
