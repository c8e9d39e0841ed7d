"""A memory becomes a piece: chords and tune in scale degrees, shared by all affects.

Nothing here has a mode yet. A section is a handful of bars of one character, with chords and one
tune over them; a variant is the same section with an ornamented tune. `arrangement` gives each
affect its light.
"""

from __future__ import annotations

import msgspec
import numpy as np

from rym.messages import Affect

from ..memory import Memory
from ..settings import GeneratorSettings
from . import given
from .characters import CHARACTERS, Harmony
from .harmony import Chords, Tone, plainly, varied
from .theory import BEATS, KEYS, pitch_class
from .tune import made_up, ornamented

__all__ = ["BEATS", "HALF_CADENCE", "Piece", "Section", "compose", "seeded"]

LOWEST_TONIC = 57
"""The tune's tonal centre lies within the octave that begins at this MIDI number (A3)."""
HALF_CADENCE = 4
"""The chord of every section's last bar. It is the same everywhere, so any section can follow any
other: the sound that still rings from the last bar fits the bar that comes next."""

OPENINGS = ((0, 5, 3, 4), (0, 3, 5, 4), (0, 4, 5, 3), (0, 3, 0, 4), (0, 1, 3, 4), (0, 4, 3, 0))
ANSWERS = ((5, 3, 0, 4), (3, 4, 0, 5), (5, 4, 3, 4), (3, 0, 3, 4), (3, 0, 1, 4), (0, 3, 0, 4))

SLOW = ((0, 3, 0, 4), (0, 5, 0, 4), (0, 1, 0, 4), (5, 3, 0, 4))
"""Four of these chords are a whole section, so the centre is among them twice."""


class Section(msgspec.Struct, frozen=True):
    """One variant of one section."""

    character: int
    """Place in `CHARACTERS`."""
    chords: Chords
    tune: tuple[Tone, ...]


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """All that the three affects share."""

    key: str
    tonic: int
    """MIDI number of the tune's tonal centre in the neutral register."""
    bpm: float
    bars: int
    seed: int
    modes: dict[Affect, str]
    sections: tuple[tuple[Section, ...], ...]
    """Indexed by section, then by variant."""


def seeded(seed: int, *path: int) -> np.random.Generator:
    """Return the random generator of one place in the piece; others do not shift it."""
    return np.random.default_rng([seed, *path])


def compose(memory: Memory, settings: GeneratorSettings) -> Piece:
    """Make the piece of a memory.

    Parameters
    ----------
    memory : Memory
        Checked; its seed decides all that is drawn.
    settings : GeneratorSettings
        Number of sections, variants and bars.

    Returns
    -------
    Piece
        The same for the same memory and settings.
    """
    seed = memory.drawn_seed
    rng = seeded(seed)
    drawn_bpm, drawn_centre = float(rng.integers(33, 40) * 2), int(rng.integers(12))
    wished = pitch_class(memory.key) if memory.key else None
    song: tuple[Tone, ...] = ()
    neutral = "dorian"
    centre = drawn_centre if wished is None else wished
    if memory.melody:
        known = range(12) if wished is None else (wished,)
        centre, minor = given.centre(memory.melody, known)
        neutral = given.own_mode(memory.melody, centre, minor=minor)
        song = given.in_degrees(given.barred(memory.melody), centre, neutral)
    characters = _characters(settings.sections, rng)
    return Piece(
        key=memory.key or KEYS[centre],
        tonic=LOWEST_TONIC + (centre - LOWEST_TONIC) % 12,
        bpm=memory.tempo or drawn_bpm,
        bars=settings.bars,
        seed=seed,
        modes={"negative": "minor", "neutral": neutral, "positive": "major"},
        sections=tuple(
            _variants(song, section, character, seed, settings)
            for section, character in enumerate(characters)
        ),
    )


def _characters(sections: int, rng: np.random.Generator) -> list[int]:
    """Draw who follows whom: all different until all were there, the last one never the first."""
    n = len(CHARACTERS)
    order = [int(k) for k in rng.permutation(n)]
    if order[0] == n - 1:
        order = [*order[1:], order[0]]
    return [order[section % n] for section in range(sections)]


def _variants(
    song: tuple[Tone, ...], section: int, character: int, seed: int, settings: GeneratorSettings
) -> tuple[Section, ...]:
    rng, bars = seeded(seed, 1, section), settings.bars
    harmony = CHARACTERS[character].harmony
    phrases = seeded(seed, 5)
    openings, answers = phrases.permutation(len(OPENINGS)), phrases.permutation(len(ANSWERS))
    roots = _progression(
        OPENINGS[openings[section % len(openings)]],
        ANSWERS[answers[section % len(answers)]],
        (section, bars),
        harmony,
    )
    plan = plainly(roots, (), bars)
    if song:
        tune = given.excerpt(song, section, bars)
        chords = given.harmonised(plan, tune, bars)
    else:
        tune = made_up(plan, bars, calm=harmony == "slow", rng=rng)
        chords = plainly(roots, tune, bars)
    variants = [Section(character, chords, tune)]
    for variant in range(1, settings.variants):
        other = ornamented(tune, bars, seeded(seed, 2, section, variant))
        variants.append(Section(character, varied(chords, tune, bars), other))
    return tuple(variants)


def _progression(
    opening: tuple[int, ...], answer: tuple[int, ...], place: tuple[int, int], harmony: Harmony
) -> tuple[tuple[float, int], ...]:
    """Lay the chords out: some sections open on the centre, some away from it.

    Slow harmony takes two bars for a chord; moving harmony comes to the end of each phrase of four
    bars by two chords in a bar.
    """
    section, bars = place
    order = (opening, answer) if section % 2 == 0 else (answer, opening)
    slow = SLOW[OPENINGS.index(opening) % len(SLOW)]
    chords: list[tuple[float, int]] = []
    for bar in range(bars - 1):
        phrase = order[bar // 4 % 2]
        root = slow[bar // 2 % 4] if harmony == "slow" else phrase[bar % 4]
        chords.append((float(bar * BEATS), root))
        if harmony == "moving" and bar % 2 == 1:
            chords.append((bar * BEATS + 2.0, _between(root, phrase[(bar + 1) % 4])))
    return (*chords, ((bars - 1.0) * BEATS, HALF_CADENCE))


def _between(root: int, to: int) -> int:
    """Return a chord that leads to another: a fifth above it, or the fourth degree."""
    above = (to + 4) % 7
    return above if above not in {root, to} and above in {0, 1, 3, 4, 5} else 3
