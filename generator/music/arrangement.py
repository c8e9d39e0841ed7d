"""A piece in one affect's light: notes with pitches, voices, velocities.

Every affect plays the same bars, the same chords and the same tune's degrees on one grid of
sixteenths. They differ in mode, register, density, voicing, rhythm and touch.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from rym.bank import Note
from rym.errors import UsageError
from rym.messages import Affect

from .composition import BEATS, Piece, Section, Tone, seeded
from .theory import ninth, place, semitones, sounding_chord

NINTH = 99
"""Stands in a voicing for the chord's colour tone, whose degree depends on the mode."""

BELLS_LOWEST = 79
"""MIDI number at which the bells' octave begins."""

Figure = tuple[tuple[float, int, float], ...]
"""Beat within the bar, step of the ladder, velocity."""


class Light(msgspec.Struct, frozen=True, kw_only=True):
    """What one affect does with a section."""

    octave: int
    """Octaves by which the tune is moved."""
    tune_velocity: float
    sparse: bool
    """Only the tones on the first and third beat are kept, and held until the next one."""
    passing: bool
    """Leaps of a third are filled, and long tones lean on a soft octave below."""
    pad: tuple[int, ...]
    """Voicing of the held chord, in degrees above its root."""
    pad_lowest: int
    """MIDI number at which the octave of the held chord begins."""
    pad_velocity: float
    ladder: tuple[int, ...]
    """Tones of the figures, in degrees above the chord's root."""
    ladder_lowest: int
    """MIDI number at which the octave of the ladder's lowest tone begins."""
    figures: tuple[Figure, ...]
    """One per variant, taken in turn."""
    bass: Figure
    """As a figure; its steps count degrees above the chord's root."""
    bass_lowest: int
    sparkle: tuple[Figure, ...]
    """Bells on tones of the ladder, one figure per variant; empty: none."""


LIGHTS: dict[Affect, Light] = {
    "negative": Light(
        octave=-1,
        tune_velocity=0.42,
        sparse=True,
        passing=False,
        pad=(0, 2, 4),
        pad_lowest=47,
        pad_velocity=0.5,
        ladder=(0, 4, 7, 9),
        ladder_lowest=40,
        figures=(
            ((0, 0, 0.31), (1, 1, 0.26), (2, 3, 0.28)),
            ((0, 0, 0.31), (2, 1, 0.26), (3, 2, 0.26)),
        ),
        bass=((0, 0, 0.5),),
        bass_lowest=31,
        sparkle=(),
    ),
    "neutral": Light(
        octave=0,
        tune_velocity=0.5,
        sparse=False,
        passing=False,
        pad=(0, 4, NINTH),
        pad_lowest=53,
        pad_velocity=0.5,
        ladder=(0, 4, 7, NINTH, 9),
        ladder_lowest=43,
        figures=(
            ((0, 0, 0.31), (1, 1, 0.27), (2, 2, 0.3), (2.5, 3, 0.25), (3, 4, 0.27)),
            ((0, 0, 0.31), (0.5, 1, 0.25), (1, 2, 0.28), (2, 4, 0.29), (3, 3, 0.26)),
        ),
        bass=((0, 0, 0.46), (2, 0, 0.34)),
        bass_lowest=33,
        sparkle=(),
    ),
    "positive": Light(
        octave=1,
        tune_velocity=0.45,
        sparse=False,
        passing=True,
        pad=(0, 2, 4, NINTH),
        pad_lowest=60,
        pad_velocity=0.44,
        ladder=(0, 4, 7, NINTH, 9, 11, 14),
        ladder_lowest=50,
        figures=(
            (
                *((0, 0, 0.31), (0.5, 1, 0.27), (1, 2, 0.3), (1.5, 4, 0.27), (2, 5, 0.3)),
                *((2.5, 4, 0.26), (3, 3, 0.28), (3.25, 4, 0.23), (3.5, 5, 0.25)),
            ),
            (
                *((0, 0, 0.31), (0.5, 2, 0.27), (1, 4, 0.3), (1.5, 5, 0.26), (1.75, 6, 0.22)),
                *((2, 5, 0.29), (2.5, 4, 0.26), (3, 2, 0.27), (3.5, 3, 0.25)),
            ),
        ),
        bass=((0, 0, 0.42), (2, 4, 0.32), (3, 7, 0.26)),
        bass_lowest=38,
        sparkle=(
            ((1.5, 4, 0.22), (3.5, 5, 0.18)),
            ((0.5, 5, 0.2), (2.5, 4, 0.2)),
        ),
    ),
}

LEADS = ("piano", "harp", "bell", "pad")
"""Who plays the tune: the first that is not avoided."""

AVOIDABLE: dict[str, str] = {
    "piano": "piano",
    "harp": "harp",
    "bell": "bell",
    "bells": "bell",
    "bass": "bass",
    "pad": "pad",
    "strings": "pad",
}
"""Words of an avoid-list that name something which this backend plays."""


def avoided(words: tuple[str, ...]) -> frozenset[str]:
    """Return the instruments that the words name; other words concern other backends.

    Raises
    ------
    UsageError
        If no instrument is left that can play the tune.
    """
    named = {AVOIDABLE.get(word.strip().casefold()) for word in words}
    found = frozenset(instrument for instrument in named if instrument)
    if found.issuperset(LEADS):
        raise UsageError(
            f"avoid names {', '.join(LEADS)}: nothing is left to play the tune.",
            "Leave one of them.",
        )
    return found


def arrange(
    piece: Piece,
    section: int,
    variant: int,
    affect: Affect,
    avoid: frozenset[str] = frozenset(),
    *,
    take: int = 0,
) -> tuple[Note, ...]:
    """Write out one clip's notes.

    Parameters
    ----------
    piece : Piece
        What the affects share.
    section, variant : int
        Which bars.
    affect : Affect
        In which light.
    avoid : frozenset of str
        Instruments that must not be heard (`piano`, `harp`, `bell`, `bass`, `pad`).
    take : int
        Another number is another hearing of the same bars: another figure, another touch.

    Returns
    -------
    tuple of Note
        Ordered by onset; `voice` is `part/instrument`, such as `tune/piano`.
    """
    light = LIGHTS[affect]
    sheet = Sheet(
        piece.sections[section][variant], variant + take, light, piece.modes[affect], piece.tonic
    )
    lead = next(i for i in LEADS if i not in avoid)
    figures_by = next((i for i in ("harp", "piano") if i not in avoid), lead)
    notes = [
        *_tune(sheet, f"tune/{lead}"),
        *_figures(sheet, f"figure/{figures_by}"),
        *_pad(sheet),
        *_bass(sheet),
        *_sparkle(sheet),
    ]
    kept = [note for note in notes if note.voice.split("/")[1] not in avoid]
    rng = seeded(piece.seed, 3, section, variant, take)
    return tuple(sorted(played(kept, piece, rng), key=lambda n: (n.beat, n.pitch, n.voice)))


class Sheet(NamedTuple):
    """What every part reads from."""

    section: Section
    variant: int
    light: Light
    mode: str
    tonic: int
    """MIDI number of the tune's tonal centre in the neutral register."""

    def pitch(self, degree: int) -> int:
        """Return the MIDI number of a degree in the neutral register."""
        return self.tonic + semitones(degree, self.mode)

    def above(self, root: int, steps: tuple[int, ...], lowest: int) -> list[int]:
        """Return a chord's tones, its root in the octave that begins at `lowest`."""
        base = place(self.pitch(root), lowest) - self.pitch(root)
        return [base + self.pitch(root + self._step(step, root)) for step in steps]

    def _step(self, step: int, root: int) -> int:
        return ninth(root, self.mode) if step == NINTH else step

    def chords(self) -> list[tuple[float, int]]:
        """Return each bar's first beat and the root of the chord that sounds there."""
        return [
            (float(bar * BEATS), sounding_chord(chord, self.mode))
            for bar, chord in enumerate(self.section.chords)
        ]


def _tune(sheet: Sheet, voice: str) -> list[Note]:
    light = sheet.light
    tones = _sparse(sheet.section) if light.sparse else list(sheet.section.tune)
    followers = [*tones[1:], *tones[:1]]
    notes: list[Note] = []
    for tone, following in zip(tones, followers, strict=True):
        length, velocity = tone.length, light.tune_velocity
        pitch = sheet.pitch(tone.degree + 7 * light.octave)
        leap = following.degree - tone.degree
        if light.passing and abs(leap) == 2 and length >= 1:
            length -= 0.5
            between = sheet.pitch(tone.degree + leap // 2 + 7 * light.octave)
            notes.append(Note(tone.beat + length, 0.5, between, 0.8 * velocity, voice))
        if light.passing and tone.length >= 1:
            notes.append(Note(tone.beat, length, pitch - 12, 0.8 * velocity, voice))
        notes.append(Note(tone.beat, length, pitch, velocity, voice))
    return notes


def _sparse(section: Section) -> list[Tone]:
    """Return the tones on strong beats, each held until the next one, a bar at most."""
    strong = [t for t in section.tune if t.beat % 2 == 0] or section.tune[:1]
    ends = [*(t.beat for t in strong), float(len(section.chords) * BEATS)][1:]
    return [
        Tone(t.beat, min(end - t.beat, BEATS), t.degree)
        for t, end in zip(strong, ends, strict=True)
    ]


def _figures(sheet: Sheet, voice: str) -> list[Note]:
    """Break each bar's chord; every tone rings on to the bar's end, as under a pedal."""
    light = sheet.light
    figure = light.figures[sheet.variant % len(light.figures)]
    notes: list[Note] = []
    for bar, root in sheet.chords():
        ladder = sheet.above(root, light.ladder, light.ladder_lowest)
        for beat, step, velocity in figure:
            notes.append(Note(bar + beat, BEATS - beat, ladder[step], velocity, voice))
    return notes


def _pad(sheet: Sheet) -> list[Note]:
    """Hold each chord within one fixed octave: its tones move by steps, shared ones stay."""
    light = sheet.light
    held: dict[int, Note] = {}
    notes: list[Note] = []
    for bar, root in sheet.chords():
        tones = sheet.above(root, light.pad, light.pad_lowest)
        pitches = {place(tone, light.pad_lowest) for tone in tones}
        notes += [held.pop(pitch) for pitch in sorted(held) if pitch not in pitches]
        for pitch in sorted(pitches):
            before = held.get(pitch, Note(bar, 0.0, pitch, light.pad_velocity, "chord/pad"))
            held[pitch] = msgspec.structs.replace(before, length=before.length + BEATS)
    return notes + [held[pitch] for pitch in sorted(held)]


def _bass(sheet: Sheet) -> list[Note]:
    light = sheet.light
    beats, steps, velocities = zip(*light.bass, strict=True)
    ends = (*beats[1:], BEATS)
    notes: list[Note] = []
    for bar, root in sheet.chords():
        pitches = sheet.above(root, steps, light.bass_lowest)
        for beat, end, pitch, velocity in zip(beats, ends, pitches, velocities, strict=True):
            notes.append(Note(bar + beat, end - beat, pitch, velocity, "bass/bass"))
    return notes


def _sparkle(sheet: Sheet) -> list[Note]:
    light = sheet.light
    if not light.sparkle:
        return []
    figure = light.sparkle[sheet.variant % len(light.sparkle)]
    notes: list[Note] = []
    # Every second bar only: a bell that always rings is soon a nuisance.
    for bar, root in sheet.chords()[1::2]:
        ladder = sheet.above(root, light.ladder, light.ladder_lowest)
        for beat, step, velocity in figure:
            pitch = place(ladder[step], BELLS_LOWEST)
            notes.append(Note(bar + beat, 2.0, pitch, velocity, "sparkle/bell"))
    return notes


def played(notes: list[Note], piece: Piece, rng: np.random.Generator) -> list[Note]:
    """Give the notes a hand: at most 8 ms late, a breath louder in the middle of a phrase."""
    late = rng.uniform(0.0, 0.008, len(notes)) * piece.bpm / 60
    touch = rng.uniform(0.95, 1.05, len(notes))
    out: list[Note] = []
    for note, delay, factor in zip(notes, late, touch, strict=True):
        slow = note.voice.endswith("/pad")
        phrase = 0.92 + 0.12 * np.sin(np.pi * (note.beat % 16) / 16)
        beat = note.beat if slow else note.beat + float(delay)
        velocity = round(float(np.clip(note.velocity * phrase * factor, 0.05, 1.0)), 3)
        out.append(Note(round(beat, 5), float(note.length), note.pitch, velocity, note.voice))
    return out
