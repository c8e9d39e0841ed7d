"""A piece in one affect's light: notes with pitches, voices, velocities.

Every affect plays the same bars, the same chords and the same tune's degrees on one grid of
sixteenths. They differ in mode, register, density, voicing, rhythm and touch.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from rym.bank import Note
from rym.errors import UsageError
from rym.messages import Affect

from ..words.avoiding import named
from .characters import CHARACTERS, LIGHTS, Character, Figure, Light, Texture
from .composition import Piece, Section, seeded
from .harmony import Tone, sounding, spans
from .theory import BEATS, place, semitones, sounding_chord
from .touch import ACCENTS, PLACES, played

BELLS_LOWEST = 79
"""MIDI number at which the bells' octave begins."""
AVOIDABLE: dict[str, str] = {
    "piano": "piano",
    "harp": "harp",
    "guitar": "guitar",
    "flute": "flute",
    "bell": "bell",
    "bells": "bell",
    "bass": "bass",
    "pad": "pad",
    "strings": "pad",
}
"""Words for what this backend plays; other forms of them, and German, are understood, too."""
LEADS = frozenset.intersection(*(frozenset(c.leads) for c in CHARACTERS))
"""Who can play the tune."""


def avoided(words: tuple[str, ...]) -> frozenset[str]:
    """Return the instruments that the words name; other words concern other backends.

    Raises
    ------
    UsageError
        If no instrument is left that can play the tune.
    """
    found = frozenset(AVOIDABLE[word] for word in named(words, AVOIDABLE))
    if found.issuperset(LEADS):
        raise UsageError(
            f"avoid names {', '.join(sorted(LEADS))}: nothing is left to play the tune.",
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
        Instruments that must not be heard (values of `AVOIDABLE`).
    take : int
        Another number is another hearing of the same bars: another figure, another touch.

    Returns
    -------
    tuple of Note
        Ordered by onset; `voice` is `part/instrument`, such as `tune/piano`.
    """
    sheet = Sheet.of(piece, section, variant, affect, take)
    lead, shadow, breaker = players(sheet.character, avoid)
    notes = [
        *_tune(sheet, lead, shadow),
        *_figures(sheet, f"figure/{breaker}"),
        *_pad(sheet),
        *_bass(sheet),
        *_bells(sheet),
        *_answers(sheet, f"answer/{_other(lead, breaker, avoid)}"),
    ]
    kept = [note for note in _apart(notes) if note.voice.split("/")[1] not in avoid]
    rng = seeded(piece.seed, 3, section, variant, take)
    return played(kept, piece, section, rng)


def _apart(notes: list[Note]) -> list[Note]:
    """Leave out what would strike a tone that the tune is holding."""
    sung = [note for note in notes if note.voice.startswith("tune/")]
    return [
        note
        for note in notes
        if not note.voice.startswith(("figure/", "answer/"))
        or not any(
            note.pitch == tone.pitch and tone.beat <= note.beat < tone.beat + tone.length
            for tone in sung
        )
    ]


def players(character: Character, avoid: frozenset[str]) -> tuple[str, str | None, str]:
    """Return who plays the tune, who strikes it along (if anybody), who plays the figures."""
    lead = next(i for i in character.leads if i not in avoid)
    # Somebody else's onset is needed beside a breath, not beside a hammer.
    shadow = None
    if lead == character.leads[0]:
        shadow = next((i for i in character.shadows if i not in avoid), None)
    return lead, shadow, next((i for i in character.breakers if i not in avoid), lead)


def _other(lead: str, breaker: str, avoid: frozenset[str]) -> str:
    """Return who answers the tune: somebody who is not busy, where there is anybody."""
    for instrument in ("flute", "bell", "harp", "guitar"):
        if instrument not in {lead, breaker} | avoid:
            return instrument
    return lead


class Sheet(NamedTuple):
    """What every part reads from."""

    section: Section
    hearing: int
    """Variant and take: which of the figures is played."""
    answered: bool
    light: Light
    texture: Texture
    mode: str
    own: bool
    """Whether the tune keeps tones of the person's song that lie beside the mode."""
    tonic: int
    """MIDI number of the tune's tonal centre in the neutral register."""
    beats: float
    """Length of the section."""

    @classmethod
    def of(cls, piece: Piece, section: int, variant: int, affect: Affect, take: int) -> Sheet:
        """Return one clip's sheet."""
        bars = piece.sections[section][variant]
        return cls(
            section=bars,
            hearing=variant + take,
            answered=(variant + take) % 2 == 1,
            light=LIGHTS[affect],
            texture=CHARACTERS[bars.character].textures[affect],
            mode=piece.modes[affect],
            own=affect == "neutral",
            tonic=piece.tonic,
            beats=float(piece.bars * BEATS),
        )

    @property
    def character(self) -> Character:
        """The section's character."""
        return CHARACTERS[self.section.character]

    def pitch(self, degree: int) -> int:
        """Return the MIDI number of a degree in the neutral register."""
        return self.tonic + semitones(degree, self.mode)

    def sung(self, degree: int, beat: float, shift: int = 0) -> int:
        """Return the MIDI number of a degree of the tune in this section's register."""
        octave = self.light.octave + self.texture.octave
        beside = shift if self.own else self.leading(degree, beat)
        return self.pitch(degree + 7 * octave) + beside

    def root_at(self, beat: float) -> int:
        """Return the root that sounds at a beat."""
        chord = sounding(self.section.chords, beat)
        return chord.plain if self.light.plain else sounding_chord(chord.root, self.mode)

    def above(self, beat: float, steps: tuple[int, ...], lowest: int) -> list[int]:
        """Return tones of the chord that sounds at a beat, its root in the octave from `lowest`."""
        root = self.root_at(beat)
        base = place(self.pitch(root), lowest) - self.pitch(root)
        degrees = [root + self._beside(root, step, beat) for step in steps]
        return [base + self.pitch(degree) + self.leading(degree, beat) for degree in degrees]

    def _beside(self, root: int, step: int, beat: float) -> int:
        """Return a step of a chord; what stands for its third leaves room for the tune.

        A fourth, unless it is augmented or a semitone above a third on which the tune stands: then
        the second, or the root where that is a semitone, too.
        """
        if step % 7 != 3:
            return step
        fourth = self.pitch(root + 3) - self.pitch(root)
        near = self.pitch(root + 3) - self.pitch(root + 2) == 1
        end = next((start + n for start, n in self.chords() if start <= beat < start + n), beat)
        sung = any(
            (tone.degree - root) % 7 == 2 and beat < tone.beat + tone.length and tone.beat < end
            for tone in self.section.tune
        )
        if fourth == 5 and not (near and sung):
            return step
        return step - 2 if self.pitch(root + 1) - self.pitch(root) == 2 else step - 3

    def leading(self, degree: int, beat: float) -> int:
        """Return by how many semitones a degree is raised at a beat.

        Minor has its leading tone where the fifth degree's chord goes home, or closes the section.
        """
        if not (self.mode == "minor" and self.light.plain and degree % 7 == 6):
            return 0
        later = [chord for chord in self.section.chords if chord.beat > beat + 1e-9]
        return int(self.root_at(beat) == 4 and (not later or later[0].plain == 0))

    def chords(self) -> list[tuple[float, float]]:
        """Return beat and length of every chord."""
        return [
            (chord.beat, end - chord.beat)
            for chord, end in spans(self.section.chords, round(self.beats / BEATS))
        ]


def _tune(sheet: Sheet, lead: str, shadow: str | None) -> list[Note]:
    light, voice = sheet.light, f"tune/{lead}"
    tones = _sparse(sheet) if light.sparse else list(sheet.section.tune)
    followers = [*tones[1:], *tones[:1]]
    notes: list[Note] = []
    for tone, following in zip(tones, followers, strict=True):
        length, velocity = tone.length, light.tune_velocity
        velocity *= 0.6 + 0.4 * ACCENTS[round(tone.beat % BEATS * 4) % PLACES]
        leap = following.degree - tone.degree
        if light.passing and abs(leap) == 2 and length >= 1:
            length -= 0.5
            between = sheet.sung(tone.degree + leap // 2, tone.beat + length)
            notes.append(Note(tone.beat + length, 0.5, between, 0.8 * velocity, voice))
        if tone.length >= 1:
            notes += [
                Note(
                    tone.beat,
                    length,
                    sheet.sung(tone.degree + interval, tone.beat),
                    share * velocity,
                    voice,
                )
                for interval, share in sheet.texture.doubled
            ]
        pitch = sheet.sung(tone.degree, tone.beat, tone.shift)
        notes.append(Note(tone.beat, length, pitch, velocity, voice))
        if shadow:
            notes.append(Note(tone.beat, length, pitch, 0.75 * velocity, f"shadow/{shadow}"))
    return notes


def _sparse(sheet: Sheet) -> list[Tone]:
    """Return the tones on strong beats, each held until the next one, a bar at most."""
    tune = sheet.section.tune
    strong = [t for t in tune if t.beat % 2 == 0] or list(tune[:1])
    ends = [*(t.beat for t in strong), sheet.beats][1:]
    return [
        Tone(t.beat, min(end - t.beat, BEATS), t.degree)
        for t, end in zip(strong, ends, strict=True)
    ]


def _figures(sheet: Sheet, voice: str) -> list[Note]:
    """Break each chord; every tone rings on until the next one, as under a pedal."""
    light, figures = sheet.light, sheet.texture.figures
    figure = figures[sheet.hearing % len(figures)]
    notes: list[Note] = []
    for start, length in sheet.chords():
        ladder = sheet.above(start, light.ladder, light.ladder_lowest)
        # The tune stays on top; where it lies low and dark, an octave is left above it.
        ceiling = sheet.sung(0, start) + (12 if light.sparse else 2)
        ladder = [pitch - 12 * max(0, -((ceiling - pitch) // 12)) for pitch in ladder]
        for beat, step in _places(figure, start, length):
            # A chord that stays is struck anew with every bar.
            end = min(start + length, (beat // BEATS + 1) * BEATS)
            velocity = light.figure_velocity * ACCENTS[round(beat % BEATS * 4)]
            notes.append(Note(beat, end - beat, ladder[step], velocity, voice))
    return notes


def _places(figure: Figure, start: float, length: float) -> list[tuple[float, int]]:
    """Return beat and step of all that a figure has within some beats."""
    found = []
    for at in range(round(start * 4), round((start + length) * 4)):
        bar, inside = divmod(at, PLACES)
        rows = (figure.turn,) if figure.turn and bar % 4 == 3 else figure.rows
        for row in rows:
            bars = row.split("|")
            step = bars[bar % len(bars)][inside]
            if step != ".":
                found.append((at / 4, int(step)))
    return found


def _pad(sheet: Sheet) -> list[Note]:
    """Hold each chord within one fixed octave: its tones move by steps, shared ones stay."""
    if not sheet.texture.pad:
        return []
    light = sheet.light
    held: dict[int, Note] = {}
    notes: list[Note] = []
    for beat, length in sheet.chords():
        tones = sheet.above(beat, light.pad, light.pad_lowest)
        pitches = {place(tone, light.pad_lowest) for tone in tones}
        notes += [held.pop(pitch) for pitch in sorted(held) if pitch not in pitches]
        for pitch in sorted(pitches):
            before = held.get(pitch, Note(beat, 0.0, pitch, light.pad_velocity, "chord/pad"))
            held[pitch] = msgspec.structs.replace(before, length=before.length + length)
    return notes + [held[pitch] for pitch in sorted(held)]


def _bass(sheet: Sheet) -> list[Note]:
    light, figure = sheet.light, Figure((sheet.texture.bass,))
    notes: list[Note] = []
    for start, length in sheet.chords():
        places = _places(figure, start, length)
        if not places or places[0][0] != start:
            places = [(start, 0), *places]
        ends = [*(beat for beat, _ in places[1:]), start + length]
        for (beat, step), end in zip(places, ends, strict=True):
            pitch = sheet.above(start, (step,), light.bass_lowest)[0]
            velocity = light.bass_velocity * ACCENTS[round(beat % BEATS * 4)]
            notes.append(Note(beat, end - beat, pitch, velocity, "bass/bass"))
    return notes


def _bells(sheet: Sheet) -> list[Note]:
    light, bells = sheet.light, sheet.texture.bells
    if not bells:
        return []
    figure = Figure((bells[sheet.hearing % len(bells)],))
    notes: list[Note] = []
    for start, length in sheet.chords():
        ladder = sheet.above(start, light.ladder, light.ladder_lowest)
        for beat, step in _places(figure, start, length):
            # Every second bar only: a bell that always rings is soon a nuisance.
            if beat // BEATS % 2 == 1:
                pitch = place(ladder[step], BELLS_LOWEST)
                notes.append(Note(beat, 2.0, pitch, 0.2, "sparkle/bell"))
    return notes


def _answers(sheet: Sheet, voice: str) -> list[Note]:
    """Fill the tune's long tones with a second voice: two chord tones, up or down in turn."""
    if not (sheet.texture.answers and sheet.answered):
        return []
    notes: list[Note] = []
    long = [tone for tone in sheet.section.tune if tone.length >= 2 and tone.beat % 1 == 0]
    for count, tone in enumerate(long):
        beat = tone.beat + 1
        below = sheet.sung(0, beat) - 12
        chord = sheet.above(beat, sheet.light.pad, below)
        tones = sorted(place(pitch, below) for pitch in chord)
        chosen = tones[-2:] if count % 2 == 0 else tones[-2:][::-1]
        for k, pitch in enumerate(chosen):
            at = beat + 0.5 * k
            if at + 0.5 <= sheet.beats:
                notes.append(Note(at, 1.0 - 0.5 * k, pitch, 0.24, voice))
    return notes
