"""Which places a memory's words speak of, and what its avoid-list keeps out of the pictures."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

import numpy as np

from ..words import avoiding
from ..words.cleaning import fold

WORDS: Mapping[str, str] = {
    "lake": "lake pond jetty reed boathouse swan rowing canoe see seen badesee bergsee weiher"
    " teich steg schilf bootshaus ruderboot schwan ufer lac étang lago",
    "sea": "sea ocean beach coast dune tide harbour harbor seagull shell surf island lighthouse"
    " meer ozean strand küste düne ebbe flut hafen möwe muschel brandung insel leuchtturm"
    " mer plage mare playa",
    "hills": "hill valley vineyard ridge horizon hügel tal weinberg anhöhe aussicht colline"
    " collina",
    "mountain": "mountain alp peak summit glacier snow ski hut hike climb berg alm gipfel gletscher"
    " schnee hütte wandern wanderung klettern montagne montagna",
    "meadow": "meadow field flower butterfly picnic hay grass summer bee poppy cow sheep wiese feld"
    " blume schmetterling falter heu gras sommer biene mohn kuh kühe schaf stoppelfeld prairie",
    "path": "path road walk lane journey bicycle bike cycling train travel farewell weg straße"
    " pfad spaziergang reise fahrrad allee zug abschied chemin sentiero camino",
    "forest": "forest wood woods tree moss mushroom deer fir pine oak fern wald baum bäume moos"
    " pilz reh tanne kiefer eiche farn lichtung forêt bosco bosque",
    "garden": "garden rose orchard apple terrace greenhouse bench hedge blossom garten rosen obst"
    " apfel äpfel terrasse gewächshaus hecke blüte beet jardin giardino",
    "city": "city town street café cafe bridge market square tram concert theatre museum stadt"
    " gasse brücke markt platz straßenbahn konzert theater kino ville città ciudad",
    "room": "room window kitchen home house grandmother grandfather table bread tea fireplace bed"
    " piano school attic curtain zimmer fenster küche zuhause haus oma opa großmutter großvater"
    " tisch brot tee kamin bett klavier schule dachboden vorhang maison casa",
    "night": "night star moon evening midnight firefly campfire tent nacht stern mond abend"
    " mitternacht glühwürmchen lagerfeuer zelt nuit notte noche",
    "sky": "sky cloud balloon kite bird flight flying himmel wolke ballon drachen vogel vögel flug"
    " ciel cielo",
}
"""Kind of scene and words that ask for it, lower case; a word of the text may go on after them."""

ELEMENTS: Mapping[str, str] = {
    "water": "water lake sea river pond ocean brook stream creek drown swim flood wasser see -see"
    " fluss meer teich ozean bach -bach ertrinken schwimmen flut",
    "rain": "rain storm thunder drizzle shower regen sturm gewitter donner niesel schauer",
    "snow": "snow ice winter frost schnee eis kälte",
    "dark": "dark night black gloom shadow dunkel nacht schwarz finster düster schatten",
    "mist": "mist fog haze smoke nebel dunst rauch",
    "cloud": "cloud overcast wolke bewölkt",
    "sun": "sun heat glare sonne hitze",
    "tree": "tree forest wood baum bäume wald",
    "flower": "flower blossom bloom rose pollen blume blüte",
    "grass": "grass meadow reed gras wiese schilf",
    "height": "height mountain cliff fall berg höhe klippe abgrund",
    "people": "city town crowd street stadt menge straße",
    "inside": "room house home window inside zimmer haus zuhause fenster drinnen",
    "lamp": "lamp lantern candle fire lampe laterne kerze feuer",
}
"""What can be left out of a scene, and the avoid-words that say so; `-see` is a word's end."""

NEEDS: Mapping[str, frozenset[str]] = {
    "lake": frozenset({"water"}),
    "sea": frozenset({"water"}),
    "hills": frozenset(),
    "mountain": frozenset({"height"}),
    "meadow": frozenset({"grass"}),
    "path": frozenset(),
    "forest": frozenset({"tree"}),
    "garden": frozenset({"flower"}),
    "city": frozenset({"people", "lamp", "dark"}),
    "room": frozenset({"inside"}),
    "night": frozenset({"dark"}),
    "sky": frozenset(),
}
"""What a kind of scene cannot do without; a city is painted at dusk."""


def barred(avoid: Iterable[str]) -> frozenset[str]:
    """Return the elements that an avoid-list keeps out of every picture, in whatever form."""
    avoid = tuple(avoid)
    tokens = [token for word in avoid for token in _tokens(word)]
    bound = avoiding.Avoided(avoid)
    return frozenset(
        name
        for name, words in ELEMENTS.items()
        if _hits(tokens, words) or bound.mentioned(words.replace("-", "").replace(" ", ", "))
    )


def kinds(text: str, avoid: Iterable[str], rng: np.random.Generator) -> tuple[str, ...]:
    """Return all kinds of scene that may be painted, those that the words ask for first.

    Parameters
    ----------
    text : str
        The person's words, in any language; lists are English and German, with a few others.
    avoid : iterable of str
        Words for what must not be seen.
    rng : numpy.random.Generator
        Draws the order of those that are equally fitting.

    Returns
    -------
    tuple of str
        At least one: the sky, where everything else is barred.
    """
    avoid = tuple(avoid)
    out = barred(avoid)
    tokens, against = _tokens(text), [token for word in avoid for token in _tokens(word)]
    order = [str(name) for name in rng.permutation(sorted(WORDS))]
    free = [name for name in order if not NEEDS[name] & out and not _hits(against, WORDS[name])]
    # `sorted` keeps the drawn order among equals.
    return tuple(sorted(free, key=lambda name: -_hits(tokens, WORDS[name]))) or ("sky",)


def _tokens(text: str) -> list[str]:
    return [token.word for token in avoiding.tokens(text)]


def _hits(tokens: list[str], words: str) -> int:
    known = _folded(words)
    return sum(any(_means(form, word) for form in _forms(t) for word in known) for t in tokens)


@functools.cache
def _folded(words: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fold(word) for word in words.split()))


def _forms(token: str) -> tuple[str, ...]:
    """Return a word and, where `ae` may stand for a letter with two dots, that word folded."""
    return token, token.replace("ae", "a").replace("oe", "o").replace("ue", "u")


def _means(token: str, word: str) -> bool:
    # Endings go on after a word ("hills", "Wiesenblumen"); German also joins words in front of it
    # ("Stoppelfeld"). Short ones would be found in too many others ("see" in "seek").
    if word.startswith("-"):
        return token.endswith(word[1:])
    if len(word) <= 3:
        return token in (word, word + "s", word + "n", word + "e", word + "en", word + "es")
    return token.startswith(word) or (len(word) >= 5 and token.endswith(word))
