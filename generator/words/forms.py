"""Whether two words are forms of one word, by rules of our own; rather once too often.

What is compared has been folded (`cleaning.fold`). A word that is held back in vain costs variety;
a word that slips through breaks a promise. So the rules know endings, vowels that change and
compounds of English and German, and in other scripts that a word is contained in another.
"""

from __future__ import annotations

import functools
import re

ENDINGS = frozenset(
    {"", "s", "es", "e", "en", "n", "er", "ern", "em", "ed", "ing", "y", "ly", "est", "ers", "ies"}
    | {"ied", "ier", "iest", "ily", "iness", "ness", "ings", "ves", "fe", "f", "ig", "ige", "iger"}
    | {"igen", "iges", "lich", "liche", "lichen", "chen", "lein", "ung", "ungen", "t", "te", "ten"}
    | {"st", "end", "ende", "enden", "isch", "ische", "ischen", "in", "innen", "nis"}
)
"""What may follow a stem; of both languages, since prompts mix them."""
CHANGES = frozenset(
    pair
    for one, other in (("y", "ies"), ("y", "ied"), ("f", "ves"), ("fe", "ves"))
    for pair in ((one, other), (other, one))
)
"""What changes at the end of short words: sky, skies; leaf, leaves."""
PLAYERS = frozenset(("ist", "ists", "isten", "istin", "istinnen", "ic", "issimo"))
"""What takes the place of a last vowel: piano, pianist."""
IRREGULAR = tuple(
    frozenset(row.split())
    for row in (
        "child children",
        "man men",
        "woman women",
        "foot feet",
        "tooth teeth",
        "mouse mice",
        "goose geese",
        "person people persons",
        "sing sang sung song singing songs singer",
        "ring rang rung",
        "swim swam swum",
        "fall fell fallen",
        "weep wept",
        "cry cried cries",
        "freeze froze frozen",
        "shine shone",
        "speak spoke spoken speech",
        "sink sank sunk sunken",
        "fly flew flown flight flies",
        "blow blew blown",
        "die died dying dead death",
        "ice icy icier iciest icily",
        "run ran",
        "drink drank drunk",
        "fight fought",
        "shoot shot",
        "leave left",
        "lose lost loss losses loser losing",
        "break broke broken",
        "hang hung",
        "steal stole stolen",
        "bite bit bitten",
        "bleed bled blood",
        "choke choking",
        "drive drove driven",
        "eat ate eaten",
        "hide hid hidden",
        "hold held",
        "lie lay lain lying",
        "sleep slept asleep",
        "strike struck stricken",
        "swear swore sworn",
        "tear tore torn",
        "throw threw thrown",
        "wake woke woken awake",
        "wear wore worn",
        "ski skiing",
        "singen sang sange gesungen gesang lied lieder",
        "sterben starb gestorben tod tot",
        "fliegen flog geflogen flug",
        "schwimmen schwamm geschwommen",
        "sprechen sprach gesprochen spricht",
        "rufen rief gerufen",
        "weinen geweint",
        "schreien schrie geschrien schrei",
    )
)
SHORT_PARTS = frozenset(("set", "day", "ray", "dew", "bed", "top", "tan", "bow", "tag", "hut"))
"""What makes a compound with a word of three letters although it has only three itself."""
BEFORE = frozenset(
    {"grand", "great", "step", "god", "post", "pre", "anti", "non", "under", "over", "out", "mid"}
    | {"snow", "fire", "police", "fisher", "milk", "watch", "guard", "sheep", "bull", "hand"}
    | {"shot", "ur", "urur", "stief", "gross", "schwieger", "halb", "ost", "nord", "frei"}
)
"""What makes a compound when it stands before a word of two or three letters.

Anything else before so few letters is mostly no part: `pa` in `spa`, `ice` in `nice`.
"""
SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u303f\u3040-\u30ff\u3400-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no space between words, or (Korean) join particles to them."""
OUR = re.compile("(?<=[a-z]{2})our")
"""As in colour and harbour, not as in hour and four."""
VOWEL = re.compile("[aeiouy]")
_LATIN = re.compile(r"[a-z0-9]+\Z")


@functools.lru_cache(maxsize=65_536)
def same(avoided: str, word: str) -> bool:
    """Tell whether `word` is a form or a compound of `avoided`; both folded, both one word."""
    if avoided == word:
        return True
    if SPACELESS.search(avoided):
        return avoided in word
    if not (_LATIN.match(avoided) and _LATIN.match(word)):
        return _same_elsewhere(avoided, word)
    if any(word in row for row in _irregular().get(avoided, ())):
        return True
    return any(
        _inflected(one, other) or _within(one, other)
        for one in _spellings(avoided)
        for other in _spellings(word)
        if one[:2] == other[:2] or one[:3] in other
    )


@functools.lru_cache(maxsize=65_536)
def inflected(one: str, other: str) -> bool:
    """Tell whether two words, both folded and Latin, are forms of one; compounds are left out."""
    if one == other or any(other in row for row in _irregular().get(one, ())):
        return True
    return any(_inflected(a, b) for a in _spellings(one) for b in _spellings(other))


@functools.cache
def _irregular() -> dict[str, list[frozenset[str]]]:
    """Return the rows in which a word stands."""
    return {word: [row for row in IRREGULAR if word in row] for row in IRREGULAR for word in row}


@functools.lru_cache(maxsize=65_536)
def _spellings(word: str) -> frozenset[str]:
    """Return a word, also as `ae`, `oe`, `ue` for letters with two dots, and as in America."""
    dotted = word.replace("ae", "a").replace("oe", "o").replace("ue", "u")
    return frozenset((word, dotted, OUR.sub("or", word).replace("grey", "gray")))


def _inflected(avoided: str, word: str) -> bool:
    """Tell whether both are one stem with two endings."""
    if len(avoided) < 3:
        return word in (avoided + "s", avoided + "es")
    if word.startswith("ge") and _stemmed(avoided, word[2:]):
        return True
    return _stemmed(avoided, word)


def _stemmed(avoided: str, word: str) -> bool:
    shared = _shared(avoided, word)
    if shared >= 2 and (avoided[shared:], word[shared:]) in CHANGES:
        return True
    for length in range(shared, max(3, shared - 3) - 1, -1):
        rest, other = avoided[length:], word[length:]
        # A last consonant is doubled before an ending: run, running.
        doubled = other[1:] if other[:1] == word[length - 1] else other
        # Stems of three letters with an ending each are too often two words (bass, base); but a
        # last vowel may give way to an ending (ease, easy).
        told = length > 3 or not rest or not other or rest in ("e", "y")
        if told and rest in ENDINGS and (other in ENDINGS or doubled in ENDINGS):
            return True
        if rest in ("a", "e", "i", "o", "y") and length >= 4 and other in PLAYERS:
            return True
    return False


def _shared(one: str, other: str) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length


def _within(avoided: str, word: str) -> bool:
    """Tell whether `word` holds `avoided`, alone or in the singular, as a part."""
    # Five letters and more hardly ever come together by chance.
    if len(avoided) >= 5 and avoided in word:
        return True
    return any(_compound(one, word) or _prefixed(one, word) for one in _singulars(avoided))


def _singulars(word: str) -> tuple[str, ...]:
    """Return a word and what it may be the plural of."""
    if len(word) < 4 or not word.endswith("s") or word.endswith("ss"):
        return (word,)
    shorter = (word[:-1], word[:-2]) if len(word) > 4 and word.endswith("es") else (word[:-1],)
    return (word, *shorter)


def _prefixed(avoided: str, word: str) -> bool:
    """Tell whether a short `avoided` stands behind one of the parts that go before such words."""
    return 2 <= len(avoided) <= 3 and any(
        word.endswith(end) and word.removesuffix(end) in BEFORE
        for end in (avoided, avoided + "s", avoided + "es", avoided + "n")
    )


def _compound(avoided: str, word: str) -> bool:
    """Tell whether `word` is put together from `avoided` and another word."""
    if len(avoided) < 3 or len(word) <= len(avoided) + 2:
        return False
    stem = avoided[:-1] if len(avoided) > 4 and avoided[-1] in "en" else avoided
    if len(avoided) == 3:
        rest = word.removeprefix(avoided)
        return rest != word and (rest in SHORT_PARTS or _part(_bare(rest), 4))
    if word.startswith(stem) and _part(word[len(stem) :], 3):
        return True
    # A word that is hardly more than an ending (`ring`) would be found behind every verb.
    # The last part of a compound may bear an ending itself; its stem is looked for before that.
    return len(_bare(avoided)) >= 3 and any(
        word.endswith(stem + ending) and _part(word[: -len(stem + ending)], 3)
        for ending in ("", "s", "e", "en", "n", "er", "es", "y", "ig", "ed")
    )


def _bare(word: str) -> str:
    """Return a word without the ending that makes a form of a verb or an adjective of it."""
    for ending in ("ing", "ings", "est", "ed", "er", "en"):
        if word.endswith(ending):
            return word.removesuffix(ending)
    return word


def _part(word: str, least: int) -> bool:
    return len(word) >= least and VOWEL.search(word) is not None


def _same_elsewhere(avoided: str, word: str) -> bool:
    """Compare words of other alphabets: prefixes, articles and endings may surround the stem."""
    if len(avoided) < 3:
        return len(avoided) == 2 and avoided in word and len(word) <= 4
    return (avoided[:-1] if len(avoided) >= 4 else avoided) in word
