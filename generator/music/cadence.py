"""How a section ends: a short cadence that comes home from any bar line and rings out.

Every affect closes in its own way: the dark one by the harmonic minor's leading tone, the open one
over the subtonic, the bright one by a full close with the tune rising to the upper octave.
"""

from __future__ import annotations

from typing import NamedTuple

from rym.bank import Note
from rym.messages import Affect

from .arrangement import LEADS, LIGHTS, Sheet, played
from .composition import BEATS, Piece, seeded
from .theory import place, sounding_chord

RING_BARS = 2
"""Bars from the last chord on: it is held for one and a half of them."""
HELD = 6.0
"""Beats for which the last chord is held."""


class Close(NamedTuple):
    """One way to come home, in beats and degrees."""

    roots: tuple[tuple[float, int], ...]
    """Beat and root of each chord; the last is the centre."""
    tunes: dict[Affect, tuple[tuple[float, int], ...]]
    """Beat and degree of each tone; the last stands on the last chord."""


CLOSES = (
    Close(
        ((0, 3), (2, 4), (4, 0)),
        {
            "negative": ((0, 3), (2, 1), (4, 0)),
            "neutral": ((0, 3), (1, 4), (2, 1), (4, 0)),
            "positive": ((0, 5), (1, 7), (2, 6), (3, 8), (4, 7)),
        },
    ),
    Close(
        ((0, 5), (2, 3), (4, 4), (8, 0)),
        {
            "negative": ((0, 2), (2, 0), (4, 1), (8, 0)),
            "neutral": ((0, 4), (2, 3), (4, 4), (6, 1), (8, 0)),
            "positive": ((0, 7), (1, 9), (2, 7), (4, 8), (6, 6), (8, 7)),
        },
    ),
    Close(
        ((0, 0), (2, 3), (4, 4), (8, 0)),
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
    mode = piece.modes[affect]
    sheet = Sheet(piece.sections[section][0], 0, LIGHTS[affect], mode, piece.tonic)
    lead = next(i for i in LEADS if i not in avoid)
    figures_by = next((i for i in ("harp", "piano") if i not in avoid), lead)
    notes = [*_tune(sheet, way, affect, lead), *_chords(sheet, way, affect, figures_by)]
    kept = [note for note in notes if note.voice.split("/")[1] not in avoid]
    rng = seeded(piece.seed, 4, section, take)
    ordered = sorted(played(kept, piece, rng), key=lambda n: (n.beat, n.pitch, n.voice))
    return tuple(ordered), int(way.roots[-1][0]) // BEATS + RING_BARS


def _spans(points: tuple[tuple[float, int], ...]) -> list[tuple[float, float, int]]:
    """Return beat, length and value: each until the next one, the last for as long as it rings."""
    ends = [*(beat for beat, _ in points[1:]), points[-1][0] + HELD]
    return [(beat, end - beat, value) for (beat, value), end in zip(points, ends, strict=True)]


def _tune(sheet: Sheet, way: Close, affect: Affect, lead: str) -> list[Note]:
    light = sheet.light
    return [
        Note(
            beat,
            length,
            sheet.pitch(degree + 7 * light.octave),
            light.tune_velocity * (0.9 if beat == way.roots[-1][0] else 1.0),
            f"tune/{lead}",
        )
        for beat, length, degree in _spans(way.tunes[affect])
    ]


def _chords(sheet: Sheet, way: Close, affect: Affect, figures_by: str) -> list[Note]:
    light, notes = sheet.light, list[Note]()
    home = way.roots[-1][0]
    for beat, length, root in _spans(way.roots):
        sounding = _dominant(sheet, root, affect) if root == 4 else root
        leading = affect == "negative" and root == 4
        tones = _raised(sheet, sounding, light.pad, light.pad_lowest, leading=leading)
        notes += [
            Note(beat, length, place(p, light.pad_lowest), light.pad_velocity, "chord/pad")
            for p in tones
        ]
        low = sheet.above(sounding, (0,), light.bass_lowest)[0]
        notes.append(Note(beat, length, low, 0.44, "bass/bass"))
        ladder = _raised(sheet, sounding, light.ladder, light.ladder_lowest, leading=leading)
        # The last chord is spread upward slowly, the ones before it move in quarters.
        step = 0.5
        for k, pitch in enumerate(ladder[: None if beat == home else int(length / step)]):
            at = k * step
            notes.append(
                Note(beat + at, length - at, pitch, 0.3 - 0.01 * k, f"figure/{figures_by}")
            )
    return notes


def _dominant(sheet: Sheet, root: int, affect: Affect) -> int:
    """Return the chord before the last: the open light comes home over the subtonic."""
    if affect == "neutral":
        return sounding_chord(6, sheet.mode)
    return sounding_chord(root, sheet.mode)


def _raised(
    sheet: Sheet, root: int, steps: tuple[int, ...], lowest: int, *, leading: bool
) -> list[int]:
    """Return a chord's tones; the dark dominant has the harmonic minor's leading tone."""
    tones = sheet.above(root, steps, lowest)
    if not leading:
        return tones
    flat_seventh = sheet.pitch(6) % 12
    return [pitch + 1 if pitch % 12 == flat_seventh else pitch for pitch in tones]
