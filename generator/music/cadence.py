"""How a section ends: a short cadence that comes home from any bar line and rings out.

Every affect closes in its own way: the dark one by the harmonic minor's leading tone, the open one
over the subtonic, the bright one by a full close with the tune rising to the upper octave.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from rym.bank import Note
from rym.messages import Affect

from .arrangement import Sheet, players
from .composition import Piece, seeded
from .harmony import Chord, Chords, spans
from .theory import BEATS, place
from .touch import played

RING_BARS = 2
"""Bars from the last chord on: it is held for one and a half of them."""
HELD = 6.0
"""Beats for which the last chord is held."""


class Close(NamedTuple):
    """One way to come home, in beats and degrees."""

    chords: Chords
    """The last is the centre; the open light has the subtonic before it."""
    tunes: dict[Affect, tuple[tuple[float, int], ...]]
    """Beat and degree of each tone; the last stands on the last chord."""


CLOSES = (
    Close(
        (Chord(0, 3, 3), Chord(2, 6, 4), Chord(4, 0, 0)),
        {
            "negative": ((0, 3), (2, 1), (4, 0)),
            "neutral": ((0, 3), (1, 4), (2, 1), (4, 0)),
            "positive": ((0, 5), (1, 7), (2, 6), (3, 8), (4, 7)),
        },
    ),
    Close(
        (Chord(0, 5, 0), Chord(2, 3, 3), Chord(4, 6, 4), Chord(8, 0, 0)),
        {
            "negative": ((0, 2), (2, 0), (4, 1), (8, 0)),
            "neutral": ((0, 4), (2, 3), (4, 4), (6, 1), (8, 0)),
            "positive": ((0, 7), (1, 9), (2, 7), (4, 8), (6, 6), (8, 7)),
        },
    ),
    Close(
        (Chord(0, 0, 0), Chord(2, 3, 3), Chord(4, 6, 4), Chord(8, 0, 0)),
        {
            "negative": ((0, 4), (2, 3), (4, 1), (8, 0)),
            "neutral": ((0, 4), (2, 5), (4, 4), (6, 3), (8, 4)),
            "positive": ((0, 4), (2, 5), (3, 7), (4, 8), (6, 6), (8, 7)),
        },
    ),
)
"""One per section, taken in turn."""


def close(
    piece: Piece, section: int, affect: Affect, avoid: frozenset[str] = frozenset(), take: int = 0
) -> tuple[tuple[Note, ...], int]:
    """Write out one section's ending.

    Parameters
    ----------
    piece : Piece
        What the affects share.
    section : int
        Which section's ending; neighbours end differently.
    affect : Affect
        In which light.
    avoid : frozenset of str
        Instruments that must not be heard.
    take : int
        Another number is another touch.

    Returns
    -------
    notes : tuple of Note
        Ordered by onset; beats count from the bar line at which the ending begins.
    bars : int
        Length with the bars in which the last chord rings; the same for every affect.
    """
    way = CLOSES[section % len(CLOSES)]
    home = way.chords[-1].beat
    sheet = Sheet.of(piece, section, 0, affect, take)
    bars = msgspec.structs.replace(sheet.section, chords=way.chords, tune=())
    sheet = sheet._replace(section=bars, beats=home + RING_BARS * BEATS)
    lead, shadow, breaker = players(sheet.character, avoid)
    tune = way.tunes[affect]
    notes = [*_tune(sheet, tune, f"tune/{lead}"), *_chords(sheet, f"figure/{breaker}")]
    if shadow:
        notes += _tune(sheet, tune, f"shadow/{shadow}")
    kept = [note for note in notes if note.voice.split("/")[1] not in avoid]
    rng = seeded(piece.seed, 4, section, take)
    return played(kept, piece, section, rng), int(home) // BEATS + RING_BARS


def _tune(sheet: Sheet, tune: tuple[tuple[float, int], ...], voice: str) -> list[Note]:
    ends = [*(beat for beat, _ in tune[1:]), tune[-1][0] + HELD]
    velocity = sheet.light.tune_velocity
    return [
        Note(beat, end - beat, sheet.sung(degree, beat), velocity, voice)
        for (beat, degree), end in zip(tune, ends, strict=True)
    ]


def _chords(sheet: Sheet, voice: str) -> list[Note]:
    """Hold and break each chord; the last is spread out and stays for `HELD`."""
    light, notes = sheet.light, list[Note]()
    home = sheet.section.chords[-1]
    for chord, until in spans(sheet.section.chords, round(sheet.beats / BEATS)):
        beat = chord.beat
        end = beat + HELD if chord is home else until
        pad = {place(p, light.pad_lowest) for p in sheet.above(beat, light.pad, light.pad_lowest)}
        notes += [Note(beat, end - beat, p, light.pad_velocity, "chord/pad") for p in sorted(pad)]
        low = sheet.above(beat, (0,), light.bass_lowest)[0]
        notes.append(Note(beat, end - beat, low, light.bass_velocity, "bass/bass"))
        ladder = sheet.above(beat, light.ladder, light.ladder_lowest)
        for k, pitch in enumerate(ladder if chord is home else ladder[: int(2 * (end - beat))]):
            at = beat + 0.5 * k
            notes.append(Note(at, end - at, pitch, light.figure_velocity - 0.01 * k, voice))
    return notes
