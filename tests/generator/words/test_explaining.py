"""What the operator is told about a memory is true, plain, and quotes nothing of it."""

import pytest

from generator.memory import MelodyNote, Memory, SongWish, load
from generator.music.arrangement import AVOIDABLE, avoided
from generator.words.explaining import explain
from generator.words.lexicon import lexicon
from generator.words.prompts import Templates
from tests.session.test_words import complaint

TEXT = "Mein See. Der Regen fiel. Wir lachten."
UNPLEASANT = tuple(
    phrase.english.split()[0] for phrases in lexicon().negative.sight.values() for phrase in phrases
)


def _told(**wishes):
    return "\n".join(explain(Memory(text=TEXT, **wishes)))


def test_example_is_explained(example):
    """Tempo, key, song, sketch and seed each have their sentence."""
    told = "\n".join(explain(load(example)))
    for words in ("72 bpm", "centre is D", "no song", "no sketch", "Nothing is to be", "seed 7"):
        assert words in told


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"language": "de-CH"}, "in German"),
        ({"language": "fr"}, "(fr) is not known"),
        ({}, "No tempo"),
        ({}, "No key"),
        ({"song": SongWish(file="/x/y.wav", kind="hummed")}, "one voice that hums"),
        ({"song": SongWish(file="/x/y.wav")}, "ask the person"),
        ({"melody": (MelodyNote(0, 1, 60), MelodyNote(1, 1, 62))}, "drawn melody of 2 notes."),
        (
            {"melody": (MelodyNote(0, 1, 60),), "song": SongWish(file="/x/y.wav")},
            "of 1 note, and the song's file is not listened to",
        ),
        ({"sketch": "/x/y.png"}, "follow the sketch"),
        ({"avoid": ("bells",)}, "Word 1 of the avoid-list is understood: the procedural music"),
        ({"avoid": ("x", "Hund")}, "Word 2 of the avoid-list is understood: none of our phrases"),
        ({"avoid": ("alte Klaviere",)}, "the procedural music plays no piano"),
        ({"avoid": ("Nebel",)}, "the painted pictures leave out mist"),
        ({"avoid": ("Nebel",)}, "Word 1 of the avoid-list is understood"),
        ({"avoid": ("xyzzy",)}, "Word 1 of the avoid-list is not in our lists"),
        ({"avoid": ("regen",)}, "(1 ×): neither stays as it is written"),
        ({"avoid": ("regen",)}, "pleasant and unpleasant use 5 of its 7 words"),
        ({"avoid": UNPLEASANT}, "leaves 0 of our phrases for unpleasant pictures"),
    ],
)  # fmt: skip
def test_each_wish_is_explained(wishes, words):
    """What was given is said in the sentence that is about it."""
    assert words in _told(**wishes)


def test_long_text_is_warned_of():
    """A text that the pictures' model cannot take in whole is said to be one."""
    told = explain(Memory(text="word " * 51))
    assert "51 words" in told[0]
    assert "first 50 words" in told[0]
    assert "first" not in explain(Memory(text="word " * 50))[0]


@pytest.mark.parametrize("name", sorted(AVOIDABLE))
def test_what_is_said_of_the_music_is_what_it_does(name):
    """An instrument that is said to be left out is one that the music leaves out."""
    told = _told(avoid=(name,))
    assert f"plays no {next(iter(avoided((name,))))}" in told


def test_number_of_phrases_is_counted():
    """As many phrases are said to be held back as are never drawn."""
    avoid = ("piano",)
    every = {phrase.english for phrase in lexicon().phrases()}
    drawn = {
        word
        for seed in range(200)
        for affect in ("positive", "negative")
        for sense in ("sound", "sight")
        for word in Templates(Memory(text="x", avoid=avoid), seed).words(affect, sense, 0)
    }
    assert f"{len(every - drawn)} phrases of ours are held back" in _told(avoid=avoid)


def test_nothing_is_quoted_and_the_words_are_kept_to():
    """No word of text, avoid-list or file names, and none that docs/words.md forbids."""
    told = explain(
        Memory(
            text=TEXT,
            avoid=("xyzzy", "Regen"),
            song=SongWish(file="/home/mother/song.wav"),
            sketch="/home/mother/lake.png",
        )
    )
    for word in ("See", "Regen", "fiel", "lachten", "xyzzy", "mother", "wav"):
        assert not any(word in sentence for sentence in told), word
    assert not any(complaint(sentence) for sentence in told)
