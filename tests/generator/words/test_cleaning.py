"""What nobody sees goes, what was written stays, and what is compared is compared alike."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.words.cleaning import clean, control, fold, wordless


@settings(deadline=None)
@given(st.text())
def test_cleaning_twice_is_cleaning_once(text):
    """Nothing is left for a second cleaning, and the result is composed."""
    once = clean(text).text
    assert clean(once) == (once, 0)
    assert once == unicodedata.normalize("NFC", once)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "Zs"), max_codepoint=0x2FF)))
def test_plain_writing_is_left_alone(text):
    """Letters, digits, punctuation and spaces stay as they are but for their composition."""
    plain = text.replace("\u00ad", "")
    assert clean(plain).text == unicodedata.normalize("NFC", plain)


@pytest.mark.parametrize("invisible", ["\u200b", "\u200e", "\u202e", "\u2066", "\u00ad", "\ufeff",
                                       "\u2060", "\U000e0041", "\u3164", "\u034f"])  # fmt: skip
def test_invisible_characters_go(invisible):
    """Zero width, direction, hyphenation, tags and fillers are taken out and counted."""
    assert clean(f"a{invisible}b{invisible}") == ("ab", 2)


@pytest.mark.parametrize("text", ["می‌خواهم", "👩‍🚀", "क्‍ष", "\u0600١٢"])
def test_joiners_and_written_formats_stay(text):
    """Without them Persian, Hindi and emoji would be misspelt."""
    assert clean(text) == (text, 0)


def test_line_ends_are_made_alike():
    """Windows', old Mac's and Unicode's own line ends become one."""
    assert clean("a\r\nb\rc\u2028d\u2029e").text == "a\nb\nc\nd\ne"


def test_control_character_is_named_with_its_line():
    """Tabs and line ends are none; of others, code and line are told."""
    assert control("a\tb\nc\x1b") == ("U+001B", 2)
    assert control("a\tb\nc\n") is None
    assert control("\x85") == ("U+0085", 1)


@pytest.mark.parametrize("text", ["", " \n", "… - !", "\u0301"])
def test_wordless(text):
    """Space, punctuation and lone accents are no words."""
    assert wordless(text)


@pytest.mark.parametrize("text", ["a", "7", "雨", "🌧", "ш"])
def test_not_wordless(text):
    """A letter of any script, a digit or an emoji is a word."""
    assert not wordless(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("Café", "cafe\u0301"), ("Ｒain", "rain"), ("Ёлка", "елка"),
     ("ra\u200bin", "rain"), ("🌧\ufe0f", "🌧"), ("ﬁre", "FIRE"),
     ("بَحْر", "بحر"), ("شَمْـــس", "شمس"), ("שָׁלוֹם", "שלום"), ("ΘΆΛΑΣΣΑΣ", "θαλασσας")],
)  # fmt: skip
def test_folded_alike(one, other):
    """Case, accents, width, ligatures and what is invisible make no other word."""
    assert fold(one) == fold(other)


def test_vowel_signs_are_not_accents():
    """In Devanagari they make other words."""
    assert fold("कल") != fold("कला")


@settings(deadline=None)
@given(st.text())
def test_folding_twice_is_folding_once(text):
    """A folded word can be compared with a folded word."""
    assert fold(fold(text)) == fold(text)
