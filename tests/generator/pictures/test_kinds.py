"""Which places are painted: the words decide, the avoid-list forbids."""

from __future__ import annotations

import numpy as np
import pytest

from generator.pictures.kinds import NEEDS, WORDS, barred, kinds


def first(text: str, *avoid: str, seed: int = 0) -> str:
    """Return the first kind for these words."""
    return kinds(text, avoid, np.random.default_rng(seed))[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("We sat on the jetty of the lake.", "lake"),
        ("Am Ostseestrand, die Brandung und die Möwen", "sea"),
        ("Zitronenfalter über dem Stoppelfeld", "meadow"),
        ("walking through the woods, moss and mushrooms", "forest"),
        ("In Großmutters Küche roch es nach Brot.", "room"),
        ("Sterne in der Nacht, das Lagerfeuer", "night"),
        ("the roofs of the old town, a street café", "city"),
        ("Auf dem Gipfel lag Schnee.", "mountain"),
        ("roses in my grandparents' garden", "garden"),
    ],
)
def test_words_choose_the_place(text: str, kind: str, seed: int) -> None:
    """English and German words lead to their place, whatever the seed."""
    assert first(text, seed=seed) == kind


def test_without_words_the_seed_draws() -> None:
    """Words that name no place give places by the seed, more than one over seeds."""
    drawn = {first("ありがとう", seed=seed) for seed in range(20)}
    assert len(drawn) >= 4
    assert first("ありがとう", seed=3) == first("ありがとう", seed=3)


def test_every_kind_comes_once() -> None:
    """The scenes of a bank are different places."""
    order = kinds("a lake", (), np.random.default_rng(1))
    assert sorted(order) == sorted(WORDS) == sorted(NEEDS)


@pytest.mark.parametrize(
    ("word", "element", "gone"),
    [
        ("water", "water", {"lake", "sea"}),
        ("Wasser", "water", {"lake", "sea"}),
        ("darkness", "dark", {"night"}),
        ("rain", "rain", set()),
        ("Berge", "height", {"mountain"}),
        ("crowds", "people", {"city"}),
        ("Strasse", "people", {"city", "path"}),
        ("Kaelte", "snow", set()),
        ("Baeume", "tree", {"forest"}),
        ("the brook", "water", {"lake", "sea"}),
        ("streams", "water", {"lake", "sea"}),
        ("Mühlbach", "water", {"lake", "sea"}),
        ("Bodensee", "water", {"lake", "sea"}),
        ("swam", "water", {"lake", "sea"}),
        ("Dunkelheit", "dark", {"night", "city"}),
    ],
)
def test_what_is_to_be_avoided_is_barred(word: str, element: str, gone: set[str]) -> None:
    """An avoid-word keeps out its element and every place that cannot do without it."""
    assert element in barred((word,))
    order = kinds("a lake by the sea at night", (word,), np.random.default_rng(0))
    assert order
    assert not gone & set(order)


@pytest.mark.parametrize("word", ["Hügel", "Huegel", "HUEGEL", "Hu\u0308gel"])
def test_a_place_is_avoided_however_it_is_spelt(word: str) -> None:
    """Two dots, an e in their place, capitals, composed or not."""
    assert "hills" not in kinds("a lake", (word,), np.random.default_rng(0))
    assert first(f"Auf dem {word}") == "hills"


def test_the_sky_is_always_left() -> None:
    """With every word of every list barred, there still is a place."""
    every = tuple(word for words in WORDS.values() for word in words.split())
    assert kinds("a lake", every, np.random.default_rng(0)) == ("sky",)
