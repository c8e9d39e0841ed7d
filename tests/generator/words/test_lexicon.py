"""The word lists are ours, gentle, and large enough to draw from."""

import itertools
import re

import pytest

from generator.words.cleaning import fold
from generator.words.lexicon import lexicon

FELT = ("positive", "negative")
SENSES = ("sound", "sight")


@pytest.mark.parametrize(("affect", "sense"), list(itertools.product(FELT, SENSES)))
def test_every_list_is_large_enough(affect, sense):
    """At least 40 phrases in both languages, in six categories of at least 8, none twice."""
    categories = lexicon().categories(affect, sense)
    assert len(categories) == 6
    assert min(map(len, categories.values())) >= 8
    phrases = list(itertools.chain(*categories.values()))
    assert len(phrases) >= 40
    assert len({p.english for p in phrases}) == len({p.german for p in phrases}) == len(phrases)


def test_siblings_have_the_same_categories():
    """What one affect says of the light, the other says of the light."""
    for sense in SENSES:
        assert list(lexicon().positive.__getattribute__(sense)) == list(
            lexicon().negative.__getattribute__(sense)
        )


def test_neutral_adds_nothing():
    """Neutral is the person's own text."""
    assert lexicon().categories("neutral", "sound") == {}


def test_no_phrase_serves_both_affects():
    """What is drawn for one affect is never drawn for the other."""
    sets = [
        {p.english for s in SENSES for row in lexicon().categories(a, s).values() for p in row}
        for a in FELT
    ]
    assert not sets[0] & sets[1]


def test_nothing_frightens_and_nobody_is_shown():
    """No phrase holds a word that an answer may not contain, nor parts of a body."""
    never = {*lexicon().never.anywhere, *lexicon().never.sight, "body", "heart", "skin", "breath"}
    german = {"tod", "tot", "blut", "angst", "gesicht", "hand", "mensch", "text", "schrift", "grab"}
    for phrase in lexicon().phrases():
        assert not never & set(re.findall(r"[a-z]+", fold(phrase.english))), phrase.english
        assert not german & set(re.findall(r"[a-z]+", fold(phrase.german))), phrase.german


def test_phrases_are_short_and_plain():
    """A phrase takes a few tokens, and holds no comma at which it could fall apart."""
    for phrase in lexicon().phrases():
        assert len(phrase.english.split()) <= 6
        assert re.fullmatch(r"[a-z -]+", phrase.english), phrase.english
        assert re.fullmatch(r"[A-Za-zäöüÄÖÜß -]+", phrase.german), phrase.german
