"""Prompts from a memory: its own text for neutral, words of an affect before it for the others.

The drawn words are English whatever the person's language is: MusicGen's T5 and the CLIP of Stable
Diffusion were trained on English, and a word that the model hardly knows would not move the music
away from neutral. The person's text stands behind them in its own language. It stands behind, since
CLIP takes in 77 tokens and no more: of a long text, its end is cut off and not the affect.
"""

from __future__ import annotations

import functools

import numpy as np

from rym.errors import UsageError
from rym.messages import AFFECTS, Affect

from ..drafts import Sense
from ..memory import Memory
from .avoiding import Avoided, in_english
from .lexicon import lexicon

N_WORDS = 4
"""Phrases per prompt, each of another category: about 20 tokens."""
FRAMES: dict[Sense, tuple[str, ...]] = {
    "sound": (
        "{words}: {text}",
        "{words}, instrumental: {text}",
        "{words}, a calm instrumental piece: {text}",
    ),
    "sight": (
        "{words}: {text}",
        "{words}, a landscape: {text}",
        "{words}, a quiet painting: {text}",
    ),
}
"""Between two parts stands a comma or a colon, never a space alone: no phrase of an avoid-list can
come about where they meet."""

UNSEEN = ("faces", "face", "people", "person", "hands", "fingers", "text", "letters")
UNSEEN_TOO = ("watermark", "signature", "logo", "frame", "blurry", "deformed")
HARSH = ("frightening", "violence", "injury", "weapon")
"""Bounds what `gloomy` may be taken for."""

Choice = tuple[tuple[str, ...], ...]
"""Phrases that may be used, by category."""


class Templates:
    """Prompts by word list and template.

    Parameters
    ----------
    memory : Memory
        Whose text and avoid-list count.
    seed : int
        Decides all draws.
    """

    def __init__(self, memory: Memory, seed: int) -> None:
        self._memory = memory
        self._seed = seed
        self._avoided = avoided(memory.avoid)
        self._rest = usable(memory.text, memory.avoid)

    def prompt(self, affect: Affect, sense: Sense, index: int) -> str:
        """Return a prompt; of neutral the person's own text, untouched.

        Parameters
        ----------
        affect : Affect
            Whose words are drawn.
        sense : {"sound", "sight"}
            For what.
        index : int
            Number of the section or scene: neighbours draw other words.

        Raises
        ------
        UsageError
            If the avoid-list leaves neither a word nor a sentence.
        """
        if affect == "neutral":
            return self._memory.text
        words = ", ".join(self.words(affect, sense, index))
        if not words and not self._rest:
            raise UsageError(
                f"The avoid-list of {len(self._memory.avoid)} words leaves nothing of the text and "
                f"no word for {sense}.",
                "Shorten the avoid-list.",
            )
        if not words or not self._rest:
            return words or self._rest
        return self._frame(sense, index).format(words=words, text=self._rest)

    def words(self, affect: Affect, sense: Sense, index: int) -> tuple[str, ...]:
        """Return the phrases drawn for a prompt, each of another category.

        Siblings draw from the same categories, so that they differ in the affect alone.
        """
        choice = allowed(self._memory.avoid, affect, sense)
        order = self._rng(sense).permutation(len(choice))
        drawn: list[str] = []
        for turn in range(len(order)):
            category = int(order[(index + turn) % len(order)])
            if choice[category] and len(drawn) < N_WORDS:
                deal = self._rng(sense, affect, category).permutation(len(choice[category]))
                drawn.append(choice[category][int(deal[index % len(deal)])])
        return tuple(drawn)

    def _frame(self, sense: Sense, index: int) -> str:
        frames = sayable(self._memory.avoid, sense)
        return frames[int(self._rng(sense).integers(len(frames)) + index) % len(frames)]

    def _rng(
        self, sense: Sense, affect: Affect = "neutral", category: int = 0
    ) -> np.random.Generator:
        where = (("sound", "sight").index(sense), AFFECTS.index(affect), category)
        return np.random.default_rng((self._seed, *where))


@functools.lru_cache(maxsize=64)
def avoided(words: tuple[str, ...]) -> Avoided:
    """Return an avoid-list, prepared once."""
    return Avoided(words)


@functools.lru_cache(maxsize=64)
def usable(text: str, avoid: tuple[str, ...]) -> str:
    """Return, in one line, what an avoid-list leaves of a text."""
    return " ".join(avoided(avoid).without(text).split())


@functools.lru_cache(maxsize=64)
def sayable(avoid: tuple[str, ...], sense: Sense) -> tuple[str, ...]:
    """Return the frames that an avoid-list leaves; the first one says nothing by itself."""
    bare = {frame: frame.format(words="", text="") for frame in FRAMES[sense]}
    return tuple(frame for frame, said in bare.items() if not avoided(avoid).mentioned(said))


@functools.lru_cache(maxsize=64)
def allowed(avoid: tuple[str, ...], affect: Affect, sense: Sense) -> Choice:
    """Return the phrases of an affect that an avoid-list leaves, in English, by category."""
    bound = avoided(avoid)
    return tuple(
        tuple(phrase.english for phrase in phrases if not bound.blocks(phrase))
        for phrases in lexicon().categories(affect, sense).values()
    )


def negative_prompt(memory: Memory, affect: Affect) -> str:
    """Return what must not be seen: nobody, no writing, and the avoid-list.

    Parameters
    ----------
    memory : Memory
        Whose avoid-list counts; it stands before what is only a matter of looks, since CLIP takes
        in 77 tokens and no more.
    affect : Affect
        Negative pictures are kept from more than gloom, too.
    """
    harsh = HARSH if affect == "negative" else ()
    return ", ".join(dict.fromkeys((*UNSEEN, *harsh, *in_english(memory.avoid), *UNSEEN_TOO)))
