"""What will be made of a memory, in plain sentences for the operator; nothing of it is quoted."""

from __future__ import annotations

from ..memory import Memory
from ..music.arrangement import AVOIDABLE
from ..pictures.kinds import barred
from .avoiding import Avoided, named, translated
from .lexicon import lexicon
from .prompts import allowed, avoided

LANGUAGES = {"en": "English", "de": "German"}
CLIP_WORDS = 50
"""About how many words of a text the pictures' model takes in."""
SHOWN = {"positive": "pleasant", "negative": "unpleasant"}


def explain(memory: Memory) -> list[str]:
    """Say what a memory was understood as.

    Words of the avoid-list are told by their number, since they can be as private as the text.

    Parameters
    ----------
    memory : Memory
        Checked.

    Returns
    -------
    list of str
        Sentences, the most general ones first.
    """
    return [
        _text(memory),
        _language(memory),
        _tempo(memory),
        _key(memory),
        _song(memory),
        _sketch(memory),
        *_avoided_words(memory),
        *_left_out(memory),
        *_too_few(memory),
        _seed(memory),
    ]


def _text(memory: Memory) -> str:
    n_words = len(memory.text.split())
    told = f"The text has {_count(n_words, 'word')} and {_count(len(memory.text), 'character')}"
    if n_words <= CLIP_WORDS:
        return f"{told}: neither is made from it as it is."
    return (
        f"{told}: neither is made from it as it is, but a model for pictures takes in about the "
        f"first {CLIP_WORDS} words."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _language(memory: Memory) -> str:
    known = LANGUAGES.get(memory.language.partition("-")[0])
    words = "pleasant and unpleasant put English words before it, which the models know best"
    if known:
        return f"The text is in {known}: {words}."
    return (
        f"The text's language ({memory.language}) is not known here: {words}, and of an avoid-list "
        "in that language only the letters are compared."
    )


def _tempo(memory: Memory) -> str:
    if memory.tempo is not None:
        return f"The music goes at {memory.tempo:g} bpm, as asked."
    return "No tempo is asked for: it follows the song, or is drawn by the seed."


def _key(memory: Memory) -> str:
    if memory.key is not None:
        return f"The tonal centre is {memory.key}, as asked; the mode follows the affect."
    return "No key is asked for: it is heard from the song, or drawn by the seed."


def _song(memory: Memory) -> str:
    drawn, given = len(memory.melody), memory.song
    if drawn:
        rest = ", and the song's file is not listened to" if given else ""
        return f"The tune is the drawn melody of {_count(drawn, 'note')}{rest}."
    if given is None:
        return "There is no song: a tune is made up."
    kinds = {
        "auto": "is looked at to see what it is",
        "recording": "is taken as a recording",
        "hummed": "is taken as one voice that hums",
        "midi": "is taken as MIDI",
    }
    return f"The song's file {kinds[given.kind]}; ask the person whether its tune was understood."


def _sketch(memory: Memory) -> str:
    if memory.sketch is None:
        return "There is no sketch: the pictures' lines are made up."
    return "The pictures follow the sketch."


def _avoided_words(memory: Memory) -> list[str]:
    if not memory.avoid:
        return ["Nothing is to be avoided."]
    return [_avoided_word(number, word) for number, word in enumerate(memory.avoid, 1)]


def _avoided_word(number: int, word: str) -> str:
    own = Avoided((word,))
    played = sorted({AVOIDABLE[name] for name in named((word,), AVOIDABLE)})
    painted = sorted(barred((word,)))
    held = sum(own.blocks(phrase) for phrase in lexicon().phrases())
    told = [f"the procedural music plays no {name}" for name in played]
    told += [f"the painted pictures leave out {name}" for name in painted]
    if held:
        told.append(f"{_count(held, 'phrase')} of ours {'is' if held == 1 else 'are'} held back")
    what = f"Word {number} of the avoid-list"
    if told or translated(word):
        told = told or ["none of our phrases speaks of it"]
        return f"{what} is understood: {' and '.join(told)}, and no prompt names it."
    return (
        f"{what} is not in our lists: no prompt names it in its own letters, but the music and "
        "what else it may mean are not known; give it in English, too."
    )


def _left_out(memory: Memory) -> list[str]:
    bound = avoided(memory.avoid)
    n_places = len(bound.spans(memory.text))
    if not n_places:
        return []
    left, n_words = len(bound.without(memory.text).split()), len(memory.text.split())
    told = (
        f"The text itself names what is to be avoided ({n_places} ×): neither stays as it "
        f"is written, pleasant and unpleasant use {left} of its {_count(n_words, 'word')}. "
        "Change the text if that is not meant."
    )
    return [told]


def _too_few(memory: Memory) -> list[str]:
    """Warn where the avoid-list leaves less than one phrase per section or so."""
    few = []
    for affect in ("positive", "negative"):
        for sense in ("sound", "sight"):
            left = sum(len(row) for row in allowed(memory.avoid, affect, sense))
            if left < 12:
                what = "sound" if sense == "sound" else "pictures"
                few.append(
                    f"The avoid-list leaves {left} of our phrases for {SHOWN[affect]} {what}: "
                    "clips and pictures of different affects may come out alike."
                )
    return few


def _seed(memory: Memory) -> str:
    if memory.seed is None:
        return f"Draws follow the text (seed {memory.drawn_seed})."
    return f"Draws follow the seed {memory.seed}."
