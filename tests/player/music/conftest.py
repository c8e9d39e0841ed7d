"""Music that ends: the small bank's steady or constant layers, with endings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from player.music.material import Ending, Material

RATE = 48_000
BAR = 24_000


def ended(material: Material, seconds: float, rho: float = 0.0) -> Material:
    """Return the material with endings of some seconds.

    They are the sections' own layers, turned upside down and half as loud, repeated as often as
    needed: so it shows to the bit which of both is heard.
    """
    sections = []
    for section in material.sections:
        n = round(seconds * RATE)
        turns = -(-n // section.n_frames)
        sounds = []
        for sound in section.sounds[0]:
            assert sound is not None
            sounds.append(np.tile(np.float32(-0.5) * sound, (turns, 1))[:n])
        bars = tuple(range(0, n, BAR))
        pairs = ((rho, rho, rho),) * len(bars)
        sections.append(replace(section, ending=Ending(n, bars, tuple(sounds), pairs)))
    return replace(material, sections=tuple(sections))


@pytest.fixture(scope="session")
def ended_of(
    material_of: Callable[..., Material], flat_of: Callable[..., Material]
) -> Callable[..., Material]:
    """Make music with endings: `ended_of(seconds, rho, n_sections, flat)`."""

    @functools.cache
    def make(
        seconds: float, rho: float = 0.0, n_sections: int = 1, *, flat: bool = False
    ) -> Material:
        material = flat_of((rho,) * 4) if flat else material_of(rho, n_sections, 1)
        return ended(material, seconds, rho)

    return make


@pytest.fixture(scope="session")
def steady_of(material_of: Callable[..., Material]) -> Callable[[float], Material]:
    """Make one section of steady layers, once per correlation: `steady_of(rho)`."""
    return functools.cache(material_of)
