"""A tune where the person gave none, and ornaments for any tune."""

from __future__ import annotations

import numpy as np

from .harmony import Chords, Tone, sounding
from .theory import BEATS

LOW, HIGH = -2, 7
"""Range of a made-up tune in degrees."""

RHYTHMS = (
    (2.0, 1.0, 1.0),
    (1.0, 1.0, 2.0),
    (3.0, 1.0),
    (1.5, 0.5, 2.0),
    (1.0, 0.5, 0.5, 2.0),
    (1.5, 1.5, 1.0),
    (0.5, 0.5, 1.0, 1.0, 1.0),
)
CALM = ((2.0, 2.0), (3.0, 1.0), (2.0, 1.0, 1.0), (1.5, 0.5, 2.0))
ENDINGS = ((3.0,), (2.0, 2.0), (4.0,))
STEPS = (-2, -1, -1, -1, 1, 1, 1, 2)


def made_up(chords: Chords, bars: int, *, calm: bool, rng: np.random.Generator) -> tuple[Tone, ...]:
    """Make a tune in two-bar phrases of the form a a′ b a″.

    A phrase is a rhythm and a contour; coming back over other chords it keeps both and only leans
    on the tones of the chord below, which is what makes it a tune and not a row of notes.

    Parameters
    ----------
    chords : tuple of Chord
        Of the whole section.
    bars : int
        Length.
    calm : bool
        Whether to keep to long tones.
    rng : numpy Generator
    """
    ideas = [_idea(calm, rng), _idea(calm, rng)]
    tune: list[Tone] = []
    at = int(rng.integers(0, 5))
    for phrase in range((bars + 1) // 2):
        rhythm, contour = ideas[phrase % 4 == 2]
        start, beat = at, phrase * 2.0 * BEATS
        for length, offset in zip(rhythm, contour, strict=True):
            if beat < bars * BEATS:
                degree = _reflect(start + offset)
                if beat % 2 == 0:
                    standing = tune[-1].degree if tune and offset else None
                    degree = _nearest_tone(degree, sounding(chords, beat).root, standing)
                tune.append(Tone(beat, length, degree))
            beat += length
        at = _reflect(at + int(rng.integers(-1, 2)))
    return tuple(tune)


def _idea(calm: bool, rng: np.random.Generator) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Draw a rhythm of two bars and a contour in degrees, beginning at 0."""
    firsts = CALM if calm else RHYTHMS
    rhythm = firsts[rng.integers(len(firsts))] + ENDINGS[rng.integers(len(ENDINGS))]
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


def ornamented(tune: tuple[Tone, ...], bars: int, rng: np.random.Generator) -> tuple[Tone, ...]:
    """Return the tune with some long notes handing over to the next one by a step."""
    out: list[Tone] = []
    for index, tone in enumerate(tune):
        follows = tune[(index + 1) % len(tune)].degree
        if tone.length < 2 or tone.beat + tone.length >= bars * BEATS or rng.random() < 0.35:
            out.append(tone)
            continue
        toward = int(np.sign(follows - tone.degree)) or int(rng.choice((-1, 1)))
        out.append(Tone(tone.beat, tone.length - 1, tone.degree, tone.shift))
        out.append(Tone(tone.beat + tone.length - 1, 1.0, tone.degree + toward))
    return tuple(out)
