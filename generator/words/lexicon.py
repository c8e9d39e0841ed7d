"""The word lists, as they stand in `lexicon.toml`: all that RYM says in a prompt by itself."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Literal

import msgspec

from rym.messages import Affect

FILE = "lexicon.toml"
Felt = Literal["positive", "negative"]


class Phrase(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The same in English, which goes into prompts, and in German, for avoid-lists."""

    english: str
    german: str


Categories = dict[str, tuple[Phrase, ...]]


class Senses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One affect's words by category."""

    sound: Categories
    sight: Categories


class Glossary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Single words in both languages."""

    pairs: tuple[Phrase, ...]


class Never(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that no answer of a language model may contain, in English."""

    anywhere: tuple[str, ...]
    sight: tuple[str, ...]
    """Nor those, where it is about pictures: nobody is to be made up, and nothing written."""
    other: tuple[str, ...]
    """What looks like a form of one of those and is another word."""


class Lexicon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All words, with the version that a change of them raises."""

    version: int
    positive: Senses
    negative: Senses
    glossary: Glossary
    never: Never

    def categories(self, affect: Affect, sense: Literal["sound", "sight"]) -> Categories:
        """Return an affect's words by category; none of neutral, which adds nothing."""
        match affect:
            case "positive":
                senses = self.positive
            case "negative":
                senses = self.negative
            case "neutral":
                return {}
        return senses.sound if sense == "sound" else senses.sight

    def phrases(self) -> tuple[Phrase, ...]:
        """Return every phrase of every affect, sense and category."""
        return tuple(
            phrase
            for senses in (self.positive, self.negative)
            for categories in (senses.sound, senses.sight)
            for phrases in categories.values()
            for phrase in phrases
        )


@functools.cache
def lexicon() -> Lexicon:
    """Return the word lists of this version."""
    data = resources.files(__package__).joinpath(FILE).read_bytes()
    return msgspec.toml.decode(data, type=Lexicon)
