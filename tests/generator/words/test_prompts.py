"""Prompts: neutral is the person's own text, the others bear their affect, none what is avoided."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from generator import settings
from generator.memory import Memory
from generator.words.avoiding import Avoided
from generator.words.choosing import prompter
from generator.words.lexicon import lexicon
from generator.words.prompts import FRAMES, N_WORDS, Templates, negative_prompt
from generator.words.rewriting import Rewritten
from rym.clock import ManualClock
from rym.errors import UsageError

TEXT = "Late light on the lake.\n The dog slept; a bell rang far away!  We had warm bread. \n"
FELT = ("positive", "negative")
SENSES = ("sound", "sight")
EVERY = list(itertools.product(FELT, SENSES))


def _all(templates, n=3):
    return [templates.prompt(a, s, i) for a, s in EVERY for i in range(n)]


@pytest.mark.parametrize("text", [TEXT, "  \tlast\r\n", "{words} %s {0}", "雨", "dog"])
@pytest.mark.parametrize("sense", SENSES)
def test_neutral_is_the_text_itself(text, sense):
    """Byte for byte, even where it holds what is avoided."""
    templates = Templates(Memory(text=text, avoid=("dog", "rain")), 1)
    assert templates.prompt("neutral", sense, 5) == text


@pytest.mark.parametrize(("affect", "sense"), EVERY)
def test_affect_comes_before_the_text(affect, sense):
    """Four phrases of that affect, of four categories, stand first, so that none is cut off."""
    prompt = Templates(Memory(text=TEXT), 1).prompt(affect, sense, 0)
    drawn = prompt.partition(" Late light")[0].rstrip(":").split(", ")[:N_WORDS]
    categories = lexicon().categories(affect, sense)
    homes = [name for name, row in categories.items() for p in row if p.english in drawn]
    assert len(drawn) == N_WORDS
    assert len(set(homes)) == N_WORDS
    assert prompt.endswith(" ".join(TEXT.split()))
    assert len(prompt.partition(" Late light")[0].split()) <= 30


def test_siblings_speak_of_the_same_categories():
    """What differs between pleasant and unpleasant is the affect, not the subject."""
    templates = Templates(Memory(text=TEXT), 4)

    def homes(affect, sense, index):
        categories = lexicon().categories(affect, sense)
        words = templates.words(affect, sense, index)
        return [name for w in words for name, row in categories.items()
                if w in {p.english for p in row}]  # fmt: skip

    for sense, index in itertools.product(SENSES, range(6)):
        assert homes("positive", sense, index) == homes("negative", sense, index)


def test_text_may_hold_any_signs():
    """Braces and percent signs of the text are not taken for places to fill in."""
    assert Templates(Memory(text="a {words} b {0} %s"), 1).prompt(
        "positive", "sound", 0
    ).endswith("a {words} b {0} %s")  # fmt: skip


@pytest.mark.parametrize(("affect", "sense"), EVERY)
def test_other_numbers_draw_other_words(affect, sense):
    """Eight sections or scenes share no phrase."""
    templates = Templates(Memory(text=TEXT), 3)
    drawn = [set(templates.words(affect, sense, index)) for index in range(8)]
    assert all(len(words) == N_WORDS for words in drawn)
    assert sum(map(len, drawn)) == len(set().union(*drawn))


def test_draws_follow_the_seed_alone():
    """The same seed gives the same prompts in whatever order, another seed gives others."""
    memory = Memory(text=TEXT, avoid=("dog",))
    first = _all(Templates(memory, 9))
    again = Templates(memory, 9)
    again.prompt("negative", "sight", 7)
    assert _all(again) == first
    assert _all(Templates(memory, 10)) != first


AVOIDED = {
    "Regen": r"rain|Regen",
    "bells": r"bell|Glocke",
    "PIANO": r"piano",
    "dog": r"\bdog|Hund",
    "warm bread": r"warm\s+bread",
    "pa": r"\bpas?\b",
    "light": r"light",
    "Cello": r"cello",
    "grau": r"\bgr[ea]y|grau",
    "Nebel": r"fog|nebel",
    "lonely": r"lonel",
    "a": r"\ba\b",
    "雨": r"雨",
    "🌧": "🌧",
    "море": "мор[еюя]",
}
"""Word of an avoid-list, and what must then be found nowhere: written down, not computed."""


FULL = (
    "The lake lay still. Es gab Regentropfen und Glockenklang. Rainy bells, a piano, two dogs; the "
    "warm\nbread. My pa laughed. Light fell, ein Cello, grauer Nebel. Lonely 雨天 🌧️ у моря. "
    "Still was the lake."
)


@pytest.mark.parametrize("avoid", AVOIDED)
def test_an_avoided_word_is_in_no_prompt(avoid):
    """Whatever form it takes in the text and in our lists."""
    pattern = re.compile(AVOIDED[avoid], re.IGNORECASE)
    assert pattern.search(FULL)
    for seed in range(60):
        prompts = _all(Templates(Memory(text=FULL, avoid=(avoid,)), seed))
        assert not [prompt for prompt in prompts if pattern.search(prompt)]


def test_avoided_words_are_in_no_prompt_over_1000_seeds():
    """All of them together, and what is left of the text is still there."""
    memory = Memory(text=FULL, avoid=tuple(AVOIDED))
    pattern = re.compile("|".join(AVOIDED.values()), re.IGNORECASE)
    for seed in range(1000):
        prompts = _all(Templates(memory, seed), n=1)
        assert not [prompt for prompt in prompts if pattern.search(prompt)]
        assert all("The lake lay still." in prompt for prompt in prompts)


def test_what_sounds_alike_is_still_drawn():
    """An avoided `pa` does not cost the pads, nor `art` what holds its letters."""
    memory = Memory(text="x", avoid=("pa", "art", "he"))
    drawn = {w for s in range(300) for w in Templates(memory, s).words("positive", "sound", 0)}
    assert "a glowing pad of strings" in drawn


@examples(max_examples=40, deadline=None)
@given(
    st.sampled_from([p.english for p in lexicon().phrases()]),
    st.sampled_from(EVERY),
    st.integers(0, 2**32 - 1),
    st.integers(0, 20),
    st.booleans(),
)
def test_our_own_words_can_be_avoided(phrase, where, seed, index, whole):
    """Each phrase, or any word of it, and nothing that our frames add mentions it."""
    avoid = phrase if whole else phrase.split()[index % len(phrase.split())]
    memory = Memory(text="An afternoon by the lake. The boards were old.", avoid=(avoid,))
    prompt = Templates(memory, seed).prompt(*where, index)
    assert not Avoided((avoid,)).mentioned(prompt)
    assert prompt


@examples(max_examples=40, deadline=None)
@given(st.text(min_size=1), st.lists(st.text(min_size=1, max_size=6), max_size=3))
def test_any_text_gives_prompts_that_mention_nothing(text, avoid):
    """Whatever was written: a prompt without what is avoided, or a sentence that says why not."""
    memory = Memory(text=text, avoid=tuple(avoid))
    bound = Avoided(memory.avoid)
    for affect, sense in EVERY:
        prompt = Templates(memory, 1).prompt(affect, sense, 0)
        assert not bound.mentioned(prompt)


@pytest.mark.parametrize("mark", [":", ",", "…", "：", " , "])
def test_punctuation_alone_is_nothing_to_be_spared(mark):
    """An entry that was left with a colon or a comma costs no prompt; an emoji is avoided."""
    memory = Memory(text="A lake. A dog.", avoid=(mark, "dog"))
    for affect, sense in EVERY:
        prompt = Templates(memory, 1).prompt(affect, sense, 0)
        assert "lake" in prompt
        assert "dog" not in prompt
    assert Avoided((mark, "🕷")).mentioned("look: 🕷")


@pytest.mark.parametrize("word", ["calm", "piece", "instrumental", "landscape", "quiet painting"])
def test_words_of_the_frames_can_be_avoided(word):
    """A frame that holds an avoided word is not used, and a plain one is left for all."""
    templates = [Templates(Memory(text="x", avoid=(word,)), seed) for seed in range(30)]
    assert not any(word in prompt for one in templates for prompt in _all(one))
    assert all(frames[0] == "{words}: {text}" for frames in FRAMES.values())


def test_text_that_is_all_avoided_leaves_the_words():
    """And a list that holds back all words leaves the text."""
    assert ":" not in Templates(Memory(text="a dog", avoid=("dog",)), 1).prompt(
        "positive", "sound", 0
    )
    every = tuple(dict.fromkeys(w for p in lexicon().phrases() for w in p.english.split()))
    templates = Templates(Memory(text="xyzzy, xyzzy", avoid=every), 1)
    assert templates.prompt("positive", "sound", 0) == "xyzzy, xyzzy"
    with pytest.raises(UsageError, match=rf"{len(every) + 1} words leaves nothing"):
        Templates(Memory(text="xyzzy", avoid=(*every, "xyzzy")), 1).prompt("positive", "sound", 0)


def test_negative_prompt_names_nobody_and_what_is_avoided():
    """People and writing are kept out, the avoid-list in English too, before matters of looks."""
    words = negative_prompt(Memory(text=TEXT, avoid=("Regen", "old boats")), "positive").split(", ")
    assert {"faces", "hands", "text", "people", "Regen", "rain", "old boats"} <= set(words)
    assert words.index("old boats") < words.index("watermark")
    assert "violence" not in words
    assert "violence" in negative_prompt(Memory(text=TEXT), "negative")
    assert "dog" not in negative_prompt(Memory(text=TEXT), "negative")


def test_settings_choose_the_prompter(tmp_path):
    """Templates by default; a language model only with consent and a place to keep its answers."""
    memory = Memory(text=TEXT, seed=3)
    drawn = prompter(settings.Templates(), memory, None)
    assert _all(drawn) == _all(Templates(memory, 3))
    model = settings.LanguageModel(api="local", model=str(tmp_path), consented=True)
    assert isinstance(prompter(model, memory, tmp_path, ManualClock()), Rewritten)
    with pytest.raises(UsageError, match="not kept"):
        prompter(model, memory, None)
