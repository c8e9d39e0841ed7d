"""What a person asked to be spared is found in every form, and other words are left alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.words.avoiding import Avoided, in_english, named, tokens, translated
from generator.words.forms import same
from generator.words.lexicon import lexicon

LETTERS = st.text(alphabet="abcdefghijklmnoprstuwäöüßéшдя", min_size=3, max_size=8)

LATIN = st.text(alphabet="abcdefghijklmnoprstuwäöüßé", min_size=3, max_size=8)


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("bell", "bells"), ("bells", "bell"), ("rain", "rainy"), ("rain", "raining"),
        ("rain", "rainfall"), ("run", "running"), ("memory", "memories"), ("cloudy", "cloudier"),
        ("cloud", "cloudy"), ("leaf", "leaves"), ("skies", "sky"), ("easy", "ease"),
        ("child", "children"), ("piano", "pianist"),
        ("sun", "sunset"), ("sun", "sunny"), ("sun", "sunlight"), ("sing", "sang"),
        ("thunder", "thunderstorm"), ("sad", "sadness"), ("fog", "foggy"), ("storm", "snowstorm"),
        ("shine", "shining"), ("lonely", "loneliness"), ("glass", "glasses"),
        ("gray", "grey"), ("grey", "grayish"), ("color", "colours"), ("colourful", "colorful"),
        ("harbour", "harbor"), ("spiders", "spiderweb"), ("dogs", "doghouse"),
        ("churches", "churchyard"), ("mother", "grandmother"), ("bread", "gingerbreads"),
        ("ice", "icy"), ("icy", "ice"), ("run", "ran"), ("drink", "drank"), ("fight", "fought"),
        ("shoot", "shot"), ("leave", "left"), ("loss", "lost"), ("lose", "loss"),
        ("break", "broken"), ("hang", "hung"), ("steal", "stolen"), ("son", "grandson"),
        ("war", "postwar"), ("oma", "uroma"), ("opa", "uropas"), ("pa", "grandpa"),
        ("man", "fisherman"), ("regen", "regentag"),
        ("regen", "sommerregen"), ("regen", "regens"), ("wald", "walder"),
        ("glocke", "kirchenglocken"), ("glocke", "glockchen"), ("kind", "kinder"),
        ("baum", "baeume"), ("haus", "hauser"), ("hund", "hunde"), ("einsam", "einsamkeit"),
        ("regnen", "geregnet"), ("dunkel", "dunkelheit"),
        ("дождь", "дождливыи"), ("снег", "снегопад"), ("بحر", "البحر"), ("雨", "大雨天"),
        ("비", "비가"), ("ים", "הים"), ("море", "морем"), ("θαλασσα", "θαλασσας"),
    ],
)  # fmt: skip
def test_forms_of_a_word(word, form):
    """Endings, changed vowels, compounds and articles make no other word."""
    assert same(word, form)


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("pa", "pad"), ("pad", "pa"), ("rain", "train"), ("rain", "brain"), ("harp", "sharp"),
        ("wind", "window"), ("ring", "spring"), ("ring", "shimmering"), ("art", "heart"),
        ("sea", "season"), ("war", "warm"), ("war", "warming"), ("ice", "nice"), ("son", "song"),
        ("song", "son"), ("lake", "lack"), ("hand", "handle"), ("see", "seele"), ("a", "as"),
        ("stern", "stirn"), ("bread", "breath"), ("fire", "firm"), ("bass", "base"),
        ("pa", "spa"), ("pa", "sepal"), ("ma", "drama"), ("or", "our"), ("hour", "hor"),
        ("son", "season"), ("glass", "glade"), ("four", "for"), ("man", "human"),
    ],
)  # fmt: skip
def test_other_words(word, other):
    """A word that merely contains the letters of another one is left alone."""
    assert same(word, other) == (other == word + "s")


@pytest.mark.parametrize(
    ("avoid", "text"),
    [
        ("Bells", "far BELLS ring"), ("warm bread", "the warm\n  bread"), ("sea gull", "a seagull"),
        ("seagull", "a sea-gull"), ("hand-clap", "hand claps"), ("St. Peter", "in St. Peter, late"),
        ("Oma's", "bei Oma’s Haus"), ("Straße", "die STRASSE"), ("Café", "cafe\u0301s"),
        ("rain", "soft ra\u200bin"), ("雨", "今日は雨です"), ("🔥", "a 🔥 burns"), ("fire", "ﬁre"),
        ("झील", "झील के किनारे"), ("दुःख", "बहुत दुःख था"), ("море", "на море"),
        ("море", "у моря"), ("Regen", "a rainy day"), ("dog", "der alte Hund"),
    ],
)  # fmt: skip
def test_mentioned(avoid, text):
    """Case, marks, line breaks, hyphens, invisible letters and the other language hide nothing."""
    assert Avoided((avoid,)).mentioned(text)


@pytest.mark.parametrize(
    ("avoid", "text"),
    [
        ("pa", "a soft pad"), ("warm bread", "it was warm, bread lay there"), ("rain", "the train"),
        ("old boats", "old red boats"), ("🔥", "🌧"), ("雨", "雪"), ("Regen", "the region"),
    ],
)  # fmt: skip
def test_not_mentioned(avoid, text):
    """What is avoided is words and phrases, not letters."""
    assert not Avoided((avoid,)).mentioned(text)


def test_spans_are_places_in_the_text_as_written():
    """They count characters of the text itself, also where folding makes more of them."""
    text = "ﬃ ẞß 🌧️ der Regen fällt"
    assert [text[a:b] for a, b in Avoided(("regen",)).spans(text)] == ["Regen"]
    assert [text[a:b] for a, b in Avoided(("🌧",)).spans(text)] == ["🌧"]


def test_sentences_that_mention_it_are_left_out():
    """The rest stays in order, with a mark where something is missing."""
    text = "We came late. A dog barked! The lake was still. Bread, and dogs."
    assert Avoided(("dog",)).without(text) == "We came late. … The lake was still."
    assert Avoided(("cat",)).without(text) == text


def test_abbreviation_does_not_hide_a_name():
    """A phrase that runs over what looks like a sentence's end takes both with it."""
    assert Avoided(("St. Peter",)).without("By St. Peter we met. It rained.") == "It rained."


def test_parts_of_a_single_sentence_are_left_out():
    """Where no sentence stays, its parts between commas are looked at."""
    text = "An afternoon at the lake, a dog barks, and warm boards"
    assert Avoided(("dog",)).without(text) == "An afternoon at the lake, … and warm boards"
    assert Avoided(("dog",)).without("a dog") == ""


@settings(deadline=None)
@given(LETTERS, st.lists(LETTERS, max_size=8), st.sampled_from([" ", ", ", ". ", "-", "\n"]))
def test_nothing_avoided_is_left(word, others, between):
    """Whatever surrounds it: what is left of a text never mentions the word."""
    avoided = Avoided((word,))
    text = between.join([*others, word.upper(), *others])
    assert avoided.mentioned(text)
    assert not avoided.mentioned(avoided.without(text))


@settings(deadline=None)
@given(LATIN, st.sampled_from(["", "s", "es", "en", "er", "ing"]))
def test_forms_are_found_from_both_sides(word, ending):
    """A word is found by its form as its form is by the word."""
    one, other = (tokens(form)[0].word for form in (word, word + ending))
    assert same(one, other)
    assert same(other, one)


@settings(deadline=None)
@given(st.text(), st.lists(st.text(max_size=12), max_size=3))
def test_any_text_can_be_searched(text, avoid):
    """No text and no list breaks the search, and every place lies within the text."""
    for start, end in Avoided(tuple(avoid)).spans(text):
        assert 0 <= start < end <= len(text)


def test_glossary_works_both_ways_and_on_forms():
    """What is avoided in one language is avoided in the other."""
    assert "rain" in translated("Regen")
    assert "Hund" in translated("dogs")
    assert {"piano"} <= set(translated("Klaviere"))
    assert translated("xyzzy") == ()
    assert in_english(("Regen", "dogs", "Regen")) == ("Regen", "rain", "dogs")


def test_strict_on_our_own_phrases():
    """Of our own phrases, letters are enough and German counts."""
    by_english = {phrase.english: phrase for phrase in lexicon().phrases()}
    assert Avoided(("bow",)).blocks(by_english["a rainbow"]) is False
    assert Avoided(("bows",)).blocks(by_english["a rainbow"]) is False
    assert Avoided(("inbow",)).blocks(by_english["a rainbow"])
    assert Avoided(("Regenbogen",)).blocks(by_english["a rainbow"])
    assert Avoided(("Nebel",)).blocks(by_english["in the foggy distance"])


@pytest.mark.parametrize(
    ("avoid", "found"),
    [("Klaviere", {"piano"}), ("GRAND PIANO", {"piano"}), ("Glocken", {"bell", "bells"}),
     ("string quartet", {"strings"}), ("sharp", set()), ("pa", set()), ("rain", set())],
)  # fmt: skip
def test_instruments_are_named_in_any_form(avoid, found):
    """German, plurals and phrases name an instrument; words that sound alike do not."""
    known = ("piano", "harp", "bell", "bells", "pad", "strings", "bass")
    assert named((avoid,), known) == found
