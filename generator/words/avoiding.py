"""The avoid-list: where a text speaks of what a person asked to be spared."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from .cleaning import fold
from .forms import SPACELESS, same
from .lexicon import Phrase, lexicon

BETWEEN = re.compile(r"[\s\-‐-―_.'’·/]*\Z")
"""What may stand between the words of one phrase; after a comma another one begins."""
SENTENCE = re.compile(r".+?(?:[.!?…।؟]+[\"'”’»)\]]*(?=\s|\Z)|[。！？]|\n\s*\n|\Z)", re.DOTALL)
CLAUSE = re.compile(r".+?(?:[,;:–—،、，]|\Z)", re.DOTALL)
GAP = " … "
"""Stands where something was left out, so that nothing new is said across the gap."""


class Token(NamedTuple):
    """One word of a text, folded, and where it stood."""

    word: str
    start: int
    end: int


Span = tuple[int, int]


@functools.lru_cache(maxsize=2048)
def tokens(text: str) -> tuple[Token, ...]:
    """Cut a text into words: letters, their marks, digits, and what joins them invisibly."""
    found: list[Token] = []
    start = None
    for index, character in enumerate(text + " "):
        inside = index < len(text) and _inside(character)
        if inside and start is None:
            start = index
        elif not inside and start is not None:
            found.append(Token(fold(text[start:index]), start, index))
            start = None
    return tuple(token for token in found if token.word)


def _inside(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LMN" or category == "Cf"


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"


class Avoided:
    """An avoid-list that finds its words in every form.

    Parameters
    ----------
    words : tuple of str
        Words and phrases as the person gave them; what they mean in the other language of the
        glossary is avoided, too.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        every = dict.fromkeys(form for word in words for form in (word, *translated(word)))
        self._phrases = [row for word in every if (row := tuple(t.word for t in tokens(word)))]
        signs = (fold(word).strip() for word in every if not tokens(word))
        # A comma or a colon is nothing to be spared, and no prompt can do without either.
        self._signs = [sign for sign in signs if not all(map(_is_mark, sign))]
        self._signs += ["".join(row) for row in self._phrases if SPACELESS.search("".join(row))]

    def spans(self, text: str) -> list[Span]:
        """Return where a text speaks of it, as (first, behind the last) character."""
        words = tokens(text)
        different = {token.word for token in words}
        found = self._sign_spans(text)
        for phrase in self._phrases:
            first = _beginnings(phrase, different)
            found += [
                (token.start, words[index + length - 1].end)
                for index, token in enumerate(words)
                if token.word in first and (length := _matched(phrase, words, index, text))
            ]
        return found

    def _sign_spans(self, text: str) -> list[Span]:
        """Find what is no words between spaces: emoji, and scripts that know no spaces."""
        if not self._signs:
            return []
        folded, origin = "", []
        for index, character in enumerate(text):
            part = fold(character)
            folded += part
            origin += [index] * len(part)
        return [
            (origin[at.start()], origin[at.end() - 1] + 1)
            for sign in self._signs
            for at in re.finditer(re.escape(sign), folded)
        ]

    def mentioned(self, text: str) -> bool:
        """Tell whether a text speaks of any of it."""
        return bool(self.spans(text))

    def blocks(self, phrase: Phrase) -> bool:
        """Tell whether a phrase of the lexicon must not be used.

        Stricter than `mentioned`: a letter sequence of four or more is enough, for there are other
        phrases, and who avoids `rain` can do without `grainy`.
        """
        flat = fold(phrase.english)
        within = any(len(row) == 1 and len(row[0]) > 3 and row[0] in flat for row in self._phrases)
        return within or self.mentioned(phrase.english) or self.mentioned(phrase.german)

    def without(self, text: str) -> str:
        """Return what is left of a text once every sentence that speaks of it is left out.

        Where no sentence stays, every part between commas is looked at by itself.
        """
        spans = self.spans(text)
        if not spans:
            return text
        return _left(text, SENTENCE, spans) or _left(text, CLAUSE, spans)


def _beginnings(phrase: tuple[str, ...], words: set[str]) -> set[str]:
    """Return the words with which a phrase can begin, so that few places are looked at closely."""
    joined = "".join(phrase)
    heads = {phrase[0], joined}
    return {
        word for word in words if joined.startswith(word) or any(same(one, word) for one in heads)
    }


def _matched(phrase: tuple[str, ...], words: tuple[Token, ...], index: int, text: str) -> int:
    """Return how many words from `index` on are the phrase: 0 where they are not."""
    if _run(phrase, words, index, text):
        return len(phrase)
    joined = "".join(phrase)
    # A phrase may be written in one, and one word in two: seagull, sea gull.
    if len(phrase) > 1 and same(joined, words[index].word):
        return 1
    if len(phrase) == 1 and _near(words, index, 2, text):
        pair = words[index].word + words[index + 1].word
        if len(joined) > 3 and pair.startswith(joined) and len(pair) - len(joined) < 3:
            return 2
    return 0


def _run(phrase: tuple[str, ...], words: tuple[Token, ...], index: int, text: str) -> bool:
    if not _near(words, index, len(phrase), text):
        return False
    here = words[index : index + len(phrase)]
    return all(same(one, token.word) for one, token in zip(phrase, here, strict=True))


def _near(words: tuple[Token, ...], index: int, length: int, text: str) -> bool:
    """Tell whether so many words follow one another without a comma or the like between them."""
    if index + length > len(words):
        return False
    here = words[index : index + length]
    return all(BETWEEN.match(text[a.end : b.start]) for a, b in itertools.pairwise(here))


def _left(text: str, unit: re.Pattern[str], spans: list[Span]) -> str:
    """Return the units that no span touches, with a gap where one was left out."""
    kept: list[str] = []
    gap = False
    for part in unit.finditer(text):
        if any(part.start() < end and start < part.end() for start, end in spans):
            gap = True
            continue
        piece = part[0].strip()
        if piece:
            kept.append(GAP + piece if gap and kept else (" " if kept else "") + piece)
        gap = gap and not piece
    return "".join(kept).strip(" ,;:–—،、，")


@functools.cache
def translated(word: str) -> tuple[str, ...]:
    """Return what the glossary calls a word of an avoid-list in the other language.

    `Regentag` is not asked for: only the word itself and its forms are looked up.
    """
    own = [token.word for token in tokens(word)]
    if len(own) != 1:
        return ()
    found: list[str] = []
    for pair in lexicon().glossary.pairs:
        found += [pair.german] * _close(fold(pair.english), own[0])
        found += [pair.english] * _close(fold(pair.german), own[0])
    return tuple(dict.fromkeys(found))


def in_english(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of an avoid-list, each followed by what the glossary calls it in English."""
    english = {pair.english for pair in lexicon().glossary.pairs}
    rows = ((word, *(form for form in translated(word) if form in english)) for word in words)
    return tuple(dict.fromkeys(form for row in rows for form in row))


def _close(known: str, word: str) -> bool:
    """Tell whether a word is a known one or a form of it, compounds left out."""
    return known == word or (same(known, word) and abs(len(known) - len(word)) <= 2)


def named(words: tuple[str, ...], known: Iterable[str]) -> frozenset[str]:
    """Return which of some words, such as instruments, an avoid-list names.

    They may stand there in any form, in the glossary's other language, or within a phrase (`grand
    piano`).
    """
    parts = (token.word for word in words for token in tokens(word))
    bound = Avoided((*words, *parts))
    return frozenset(word for word in known if bound.mentioned(word))
