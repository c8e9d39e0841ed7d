"""How fast one picture may turn into another, from the pictures themselves."""

from __future__ import annotations

import numpy as np

from player.pictures.gallery import (
    CALM,
    CATCHING_UP,
    DISSOLVE,
    SMALL,
    Shade,
    Strip,
    apart,
    hang,
    thin,
)
from player.pictures.page import SCRIPT
from rym.flashes import flashes, flashes_swept


def strip(name: str, *greys: int) -> Strip:
    """Return a strip of even greys."""
    valences = np.linspace(-1, 1, len(greys)) if len(greys) > 1 else [-1.0]
    shades = tuple(Shade(float(valence), "") for valence in valences)
    small = tuple(np.full((9, 16, 3), grey, np.uint8) for grey in greys)
    return Strip(name, shades, (1.0,) * (len(greys) - 1), small)


def test_two_scenes_are_as_far_apart_whichever_is_first() -> None:
    """One picture beside many: the many count, each of them, though the one is like the first."""
    one, many = strip("one", 10), strip("many", 10, 60, 250)
    assert apart(one, many) == apart(many, one) > 5
    assert hang(["one", "many"], {"one": one, "many": many}, {}, (16, 9)).facts("")["apart"] == [
        [0.0, apart(one, many)],
        [apart(one, many), 0.0],
    ]


def test_the_page_has_its_paces_from_here() -> None:
    """They are told to it and stand nowhere in its script."""
    facts = hang([], {}, {}, (16, 9)).facts("")
    assert (facts["dissolve"], facts["catchingUp"], facts["calm"]) == (DISSOLVE, CATCHING_UP, CALM)
    for name in ("dissolve", "catchingUp", "enough", "calm", "quiet", "fastest"):
        assert f"facts.{name}" in SCRIPT
        assert name in facts


def test_of_a_picture_only_what_counts_is_kept() -> None:
    """201 whole pictures of a wide strip would take five gigabytes; no flash hides in that."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (6, 9, 16, 3)).astype(np.uint8)
    wide = coarse.repeat(80, axis=1).repeat(80, axis=2)
    thinned = [thin(picture) for picture in wide]
    for one in thinned:
        assert one.small.base is None
        assert one.small.shape[1] <= 2 * SMALL
        assert one.small.nbytes + one.light.nbytes < wide[0].nbytes / 10
    assert flashes_swept([one.light for one in thinned]) == flashes(list(wide)) > 3
