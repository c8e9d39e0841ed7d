"""A language model's answer is judged before it becomes a prompt."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.words.answers import MAX_WORDS, fault, tidy
from generator.words.avoiding import Avoided
from generator.words.lexicon import lexicon

WANTED = ("gloomy", "low cello")
GOOD = "Gloomy light on the surface of the lake, a low cello, reeds in the wind"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ('  "A lake."\n', "A lake."),
        ("“A lake”", "A lake"),
        ("A\n\n lake\t here", "A lake here"),
        ("a\u200b lake", "a lake"),
        ("```a lake```", "a lake"),
    ],
)
def test_tidy(answer, text):
    """One line, no quotation marks around it, nothing invisible in it."""
    assert tidy(answer) == text


@pytest.mark.parametrize("sense", ["sound", "sight"])
def test_a_good_answer_has_no_fault(sense):
    """Gentle, English, about the memory, with a word that was asked for."""
    assert fault(GOOD, WANTED, sense, Avoided(("dog",))) == ""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "empty"),
        ("...", "empty"),
        ("gloomy " * (MAX_WORDS + 1), "61 words"),
        ("gloomy " + "x" * 450, "457 letters"),
        ("gloomy \x1b[31m lake", "control"),
        ("gloomy озеро", "Latin"),
        ("gloomy 湖", "Latin"),
        ("I'm sorry, I cannot write about gloomy lakes.", "itself"),
        ("As an AI language model, a gloomy lake", "itself"),
        ("Here is the prompt: a gloomy lake", "itself"),
        ("I can’t help with gloomy things", "itself"),
        ("a gloomy lake, dogs bark", "avoid-list"),
        ("a gloomy lake, der Hund", "avoid-list"),
        ("a gloomy lake, a scream", "not gentle"),
        ("a gloomy lake of BLOOD", "not gentle"),
        ("a gloomy lake that frightens, frightening", "not gentle"),
        ("a bright lake", "none of the words"),
    ],
)
@pytest.mark.parametrize("sense", ["sound", "sight"])
def test_faults(answer, why, sense):
    """Each kind of answer that must not become a prompt is told by its kind, and not quoted."""
    told = fault(answer, WANTED, sense, Avoided(("dog",)))
    assert why in told
    assert "lake" not in told


@pytest.mark.parametrize(
    "answer",
    ["gloomy, an old man", "gloomy, her face", "gloomy, with text"]
    + [
        f"gloomy, {one}"
        for one in ("my mother", "fathers", "a grandmother", "the family", "families")
    ]
    + [f"gloomy, {one}" for one in ("a couple", "friends", "kids", "ladies", "two fishermen")]
    + [f"gloomy, {one}" for one in ("handwriting", "babies", "wives", "neighbors")],
)
def test_nobody_is_made_up_in_pictures(answer):
    """A person or writing in a picture's prompt is refused; music may speak of somebody."""
    assert "shows somebody" in fault(answer, WANTED, "sight", Avoided(()))
    assert fault(answer, WANTED, "sound", Avoided(())) == ""


def test_our_own_phrases_may_be_used():
    """No phrase that a model is asked to begin with is held against it."""
    for affect in ("positive", "negative"):
        for sense in ("sound", "sight"):
            for phrases in lexicon().categories(affect, sense).values():
                for phrase in phrases:
                    assert fault(phrase.english, (phrase.english,), sense, Avoided(())) == ""


@settings(deadline=None)
@given(st.text())
def test_what_passes_is_safe(text):
    """Whatever is answered: what passes is short, plain, Latin and holds a word asked for."""
    said = tidy(text + " gloomy dog"[: len(text) % 12])
    if fault(said, WANTED, "sight", Avoided(("dog",))):
        return
    assert "gloomy" in said.casefold()
    assert "dog" not in said.casefold().split()
    assert len(said) <= 450
    assert "\n" not in said
