"""What a language model answered: tidied, and judged before it becomes a prompt."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ..drafts import Sense
from .avoiding import Avoided, tokens
from .cleaning import clean, control, fold, wordless
from .forms import inflected
from .lexicon import lexicon

MAX_WORDS = 60
MAX_LETTERS = 450
"""About 77 tokens, beyond which CLIP takes in nothing."""
REFUSAL = re.compile(
    r"\bI(?: a|['’])m (?:sorry|unable|not able|an AI)|\bI (?:can(?:no|['’])t|cannot|won['’]t)\b"
    r"|\bas an? (?:AI|language model|assistant)\b|\b(?:apologi[sz]e|unable to (?:help|assist))\b"
    r"|\bHere(?: is|['’]s) (?:the|a|your)\b",
    re.IGNORECASE,
)


def tidy(answer: str) -> str:
    """Return an answer as one line, without quotation marks around it."""
    text = " ".join(clean(answer).text.split())
    return text.strip("\"'`“”„«» ")


def fault(text: str, wanted: tuple[str, ...], sense: Sense, avoided: Avoided) -> str:
    """Return why an answer cannot be used, or nothing; the answer itself is not quoted.

    Parameters
    ----------
    text : str
        The answer, tidied.
    wanted : tuple of str
        Words that it was to use; at least one must be there, else it may have lost its affect.
    sense : {"sound", "sight"}
        What it is for.
    avoided : Avoided
        The person's avoid-list.
    """
    return next(_faults(text, wanted, sense, avoided), "")


def _faults(text: str, wanted: tuple[str, ...], sense: Sense, avoided: Avoided) -> Iterator[str]:
    if wordless(text):
        yield "it is empty"
    n_words = len(text.split())
    if n_words > MAX_WORDS or len(text) > MAX_LETTERS:
        yield f"it has {n_words} words and {len(text)} letters, {MAX_WORDS} and {MAX_LETTERS} fit"
    if control(text):
        yield "it holds control characters"
    if not _latin(text):
        yield "it is not in Latin letters"
    if REFUSAL.search(text):
        yield "it talks about itself instead"
    if avoided.mentioned(text):
        yield "it holds a word of the avoid-list"
    if _never(text, sense):
        yield "it holds a word that is not gentle, or shows somebody"
    if not any(fold(one) in fold(text) for one in wanted):
        yield "it uses none of the words asked for"


def _latin(text: str) -> bool:
    return all("LATIN" in unicodedata.name(letter, "") for letter in text if letter.isalpha())


def _never(text: str, sense: Sense) -> bool:
    never = lexicon().never
    words = {*never.anywhere, *(never.sight if sense == "sight" else ())}
    found = {token.word for token in tokens(text)} - {*never.other}
    return any(inflected(word, one) for word in words for one in found)
