"""What a person has written, made fit for tokenizers, screens and comparison.

Cleaned is only what nobody can see or hear: the mark at a file's beginning, zero-width characters,
marks of writing direction, soft hyphens and tag characters, which come along when text is pasted
and in which whole sentences can be hidden. The joiners stay, since Persian, Hindi and many emoji
are misspelt without them. Letters with accents are composed (Unicode NFC), so that the same word is
the same word whatever keyboard it was typed on. Control characters are not cleaned but refused:
where one stands, something else was meant to stand.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

JOINERS = "\u200c\u200d"
VISIBLE_FORMATS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
"""Signs of Arabic and Syriac that count as formats and are written nevertheless."""
FILLERS = "\u034f\u115f\u1160\u2800\u3164\uffa0"
"""Letters and marks without a shape."""
POINTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670\ufe00-\ufe0f]")
"""Accents, points, what only stretches an Arabic word, and what chooses a sign's shape."""
NEW_LINES = re.compile("\r\n?|[\u2028\u2029]")


class Cleaned(NamedTuple):
    """A text, and how much was taken out of it."""

    text: str
    n_invisible: int


def clean(text: str) -> Cleaned:
    """Return a text without what is invisible, its line ends alike, composed (NFC)."""
    lines = NEW_LINES.sub("\n", text)
    kept = "".join(character for character in lines if not _invisible(character))
    return Cleaned(unicodedata.normalize("NFC", kept), len(lines) - len(kept))


def _invisible(character: str) -> bool:
    if character in JOINERS or character in VISIBLE_FORMATS:
        return False
    return unicodedata.category(character) == "Cf" or character in FILLERS


def control(text: str) -> tuple[str, int] | None:
    """Return the first control character as `U+0007`, and the line it stands in, from 1.

    A tab and a line's end are none.
    """
    for index, character in enumerate(text):
        if unicodedata.category(character) == "Cc" and character not in "\n\t":
            return f"U+{ord(character):04X}", text.count("\n", 0, index) + 1
    return None


def wordless(text: str) -> bool:
    """Tell whether a text has neither a letter nor a digit nor a sign such as an emoji."""
    return not any(unicodedata.category(character)[0] in "LNS" for character in text)


def fold(text: str) -> str:
    """Return a text for comparison: without case, accents, width and what is invisible.

    Accents of Latin, Greek and Cyrillic letters go (U+0300 to U+036F), and the points of Hebrew and
    Arabic, which are mostly left out in writing. The vowel signs of other scripts stay, since
    without them other words would be the same word.
    """
    parts = unicodedata.normalize("NFKD", text.casefold())
    kept = (
        character
        for character in parts
        if not POINTS.match(character)
        and unicodedata.category(character) != "Cf"
        and character not in FILLERS
    )
    return unicodedata.normalize("NFC", "".join(kept)).casefold()
