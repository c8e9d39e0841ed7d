"""A memory becomes a piece: chords and tune in scale degrees, shared by all affects.

Nothing here has a mode yet. A section is a handful of bars with one chord each and one tune over
them; a variant is the same section with an ornamented tune. `arrangement` gives each affect its
light.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from rym.messages import Affect

from ..memory import MelodyNote, Memory
from ..settings import GeneratorSettings
from .theory import KEYS, nearest_degree, pitch_class, semitones

BEATS = 4
"""Beats per bar."""
LOWEST_TONIC = 57
"""The tune's tonal centre lies within the octave that begins at this MIDI number (A3)."""
LOW, HIGH = -2, 7
"""Range of a made-up tune in degrees."""
HALF_CADENCE = 4
"""The chord of every section's last bar. It is the same everywhere, so any section can follow any
other: the sound that still rings from the last bar fits the bar that comes next."""

OPENINGS = ((0, 5, 3, 4), (0, 3, 5, 4), (0, 4, 5, 3), (0, 3, 0, 4))
ANSWERS = ((5, 3, 0, 4), (3, 4, 0, 5), (5, 4, 3, 4), (3, 0, 3, 4))
RHYTHMS = ((2.0, 1.0, 1.0), (1.0, 1.0, 2.0), (3.0, 1.0), (1.5, 0.5, 2.0), (1.0, 0.5, 0.5, 2.0))
ENDINGS = ((3.0,), (2.0, 2.0), (4.0,))
STEPS = (-2, -1, -1, -1, 1, 1, 1, 2)


class Tone(msgspec.Struct, frozen=True, array_like=True):
    """One note of the tune before it has a mode."""

    beat: float
    length: float
    degree: int


class Section(msgspec.Struct, frozen=True):
    """One variant of one section."""

    chords: tuple[int, ...]
    """Root of each bar's chord, as a degree."""
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
    drawn_minor = bool(rng.random() < 0.4)
    if memory.melody:
        centre, minor = _centre(memory.melody, range(12) if wished is None else (wished,))
    else:
        centre, minor = drawn_centre if wished is None else wished, drawn_minor
    tonic = LOWEST_TONIC + (centre - LOWEST_TONIC) % 12
    modes: dict[Affect, str] = {
        "negative": "minor",
        "neutral": "dorian" if minor else "mixolydian",
        "positive": "lydian" if rng.random() < 0.2 else "major",
    }
    song = _song(memory.melody, centre, "minor" if minor else "major")
    return Piece(
        key=memory.key or KEYS[centre],
        tonic=tonic,
        bpm=memory.tempo or drawn_bpm,
        bars=settings.bars,
        seed=seed,
        modes=modes,
        sections=tuple(
            _variants(song, section, seed, settings) for section in range(settings.sections)
        ),
    )


def _variants(
    song: tuple[Tone, ...], section: int, seed: int, settings: GeneratorSettings
) -> tuple[Section, ...]:
    rng = seeded(seed, 1, section)
    chords = _progression(section, settings.bars, rng)
    if song:
        tune = _excerpt(song, section, settings.bars)
        chords = _harmonised(chords, tune)
    else:
        tune = _tune(chords, rng)
    variants = [Section(chords, tune)]
    for variant in range(1, settings.variants):
        ornamented = _ornamented(tune, settings.bars, seeded(seed, 2, section, variant))
        variants.append(Section(chords, ornamented))
    return tuple(variants)


def _progression(section: int, bars: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Draw the chords: the first section opens on the centre, later ones away from it."""
    first, second = (OPENINGS, ANSWERS) if section % 2 == 0 else (ANSWERS, OPENINGS)
    phrases = [first[rng.integers(len(first))], second[rng.integers(len(second))]]
    chords = [phrases[bar // 4 % 2][bar % 4] for bar in range(bars)]
    return (*chords[:-1], HALF_CADENCE)


def _tune(chords: tuple[int, ...], rng: np.random.Generator) -> tuple[Tone, ...]:
    """Make a tune in two-bar phrases of the form a a′ b a″.

    A phrase is a rhythm and a contour; coming back over other chords it keeps both and only leans
    on the tones of the chord below, which is what makes it a tune and not a row of notes.
    """
    ideas = [_idea(rng), _idea(rng)]
    tune: list[Tone] = []
    at = int(rng.integers(0, 5))
    for phrase in range((len(chords) + 1) // 2):
        rhythm, contour = ideas[phrase % 4 == 2]
        start, beat = at, 0.0
        for length, offset in zip(rhythm, contour, strict=True):
            bar = phrase * 2 + int(beat // BEATS)
            if bar < len(chords):
                degree = _reflect(start + offset)
                if beat % 2 == 0:
                    standing = tune[-1].degree if tune and offset else None
                    degree = _nearest_tone(degree, chords[bar], standing)
                tune.append(Tone(phrase * 2 * BEATS + beat, length, degree))
            beat += length
        at = _reflect(at + int(rng.integers(-1, 2)))
    return tuple(tune)


def _idea(rng: np.random.Generator) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Draw a rhythm of two bars and a contour in degrees, beginning at 0."""
    rhythm = RHYTHMS[rng.integers(len(RHYTHMS))] + ENDINGS[rng.integers(len(ENDINGS))]
    steps = rng.choice(STEPS, size=len(rhythm) - 1)
    # A contour that runs away in one direction is turned back toward its beginning.
    contour = [0]
    for step in steps:
        to = contour[-1] + int(step)
        contour.append(to if abs(to) <= 4 else contour[-1] - int(step))
    return rhythm, tuple(contour)


def _reflect(degree: int) -> int:
    if degree > HIGH:
        return 2 * HIGH - degree
    return 2 * LOW - degree if degree < LOW else degree


def _nearest_tone(degree: int, root: int, standing: int | None) -> int:
    """Return the tone of the triad on `root` nearest to `degree`, within the tune's range.

    A contour that moves must not come to stand still, so the tone before it is not taken again.
    """
    tones = [d for d in range(LOW, HIGH + 1) if (d - root) % 7 in (0, 2, 4) and d != standing]
    return min(tones, key=lambda d: (abs(d - degree), d))


def _ornamented(tune: tuple[Tone, ...], bars: int, rng: np.random.Generator) -> tuple[Tone, ...]:
    """Return the tune with some long notes handing over to the next one by a step."""
    out: list[Tone] = []
    for index, tone in enumerate(tune):
        follows = tune[(index + 1) % len(tune)].degree
        if tone.length < 2 or tone.beat + tone.length >= bars * BEATS or rng.random() < 0.35:
            out.append(tone)
            continue
        toward = int(np.sign(follows - tone.degree)) or int(rng.choice((-1, 1)))
        out.append(Tone(tone.beat, tone.length - 1, tone.degree))
        out.append(Tone(tone.beat + tone.length - 1, 1.0, tone.degree + toward))
    return tuple(out)


def _centre(melody: tuple[MelodyNote, ...], centres: Iterable[int]) -> tuple[int, bool]:
    """Guess which pitch class is the song's tonal centre, and whether it is minor.

    Counted is how long the song stays on the scale, with a premium on the centre, the fifth and
    the third, and one for ending on the centre: enough for a sung tune, and wrong guesses still
    give a scale that holds the notes.
    """
    best, found = -1.0, (0, False)
    for centre in centres:
        for mode in ("major", "minor"):
            score = 2.0 if melody[-1].pitch % 12 == centre else 0.0
            for note in melody:
                interval = (note.pitch - centre) % 12
                if interval == semitones(nearest_degree(interval, mode), mode) % 12:
                    stable = interval in (0, 7, semitones(2, mode))
                    score += note.length * (1.5 if stable else 1.0)
            if score > best:
                best, found = score, (centre, mode == "minor")
    return found


def _song(melody: tuple[MelodyNote, ...], centre: int, mode: str) -> tuple[Tone, ...]:
    """Return the melody in degrees, moved by octaves so that its middle lies in the tune's range.

    Notes outside the scale go to the nearest degree: in another mode they would have no place.
    Those more than an octave beside the tune's range come back toward it.
    """
    if not melody:
        return ()
    middle = float(np.median([note.pitch for note in melody]))
    tonic = centre + 12 * round((middle - 4 - centre) / 12)
    return tuple(
        Tone(note.beat, note.length, _hemmed(nearest_degree(note.pitch - tonic, mode)))
        for note in melody
    )


def _hemmed(degree: int) -> int:
    if degree < -7:
        return -7 + degree % 7
    return 7 + degree % 7 if degree > 14 else degree


def _excerpt(song: tuple[Tone, ...], section: int, bars: int) -> tuple[Tone, ...]:
    """Return the section's bars of the song, which begins again where it ends."""
    last = song[-1]
    song_beats = BEATS * max(1, int(np.ceil((last.beat + last.length) / BEATS - 1e-9)))
    begin, end = section * bars * BEATS, (section + 1) * bars * BEATS
    out: list[Tone] = []
    for turn in range(begin // song_beats, (end - 1) // song_beats + 1):
        for tone in song:
            beat = turn * song_beats + tone.beat
            if begin <= beat < end:
                length = min(tone.length, end - beat)
                out.append(Tone(beat - begin, length, tone.degree))
    return tuple(out)


def _harmonised(chords: tuple[int, ...], tune: tuple[Tone, ...]) -> tuple[int, ...]:
    """Keep each planned chord unless another one holds clearly more of the bar's tune."""
    out: list[int] = []
    for bar, planned in enumerate(chords):
        held = [t for t in tune if bar * BEATS <= t.beat < (bar + 1) * BEATS]

        def fit(root: int, held: list[Tone] = held, planned: int = planned) -> float:
            inside = sum(t.length for t in held if (t.degree - root) % 7 in (0, 2, 4))
            return inside + (1.0 if root == planned else 0.0)

        out.append(max((planned, 0, 3, 4, 5, 1), key=fit))
    return (*out[:-1], HALF_CADENCE)
