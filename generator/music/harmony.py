"""Chords under a tune, in degrees: where a section's harmony goes, and what else may hold its tune.

Every chord has two roots. The open light takes any root of its mode. The bright and the dark one
have only chords of their own kind, all major or all minor: those on the centre, the fourth and the
fifth degree, whose kind is that of the mode. So what makes a mode is heard in every bar.
"""

from __future__ import annotations

import msgspec

from .theory import BEATS

PLAIN = (0, 3, 4)
"""Roots whose triads are all major in major and all minor in minor."""
PULL = {0: 1.0, 3: 0.0, 4: -0.75}
"""Beats of the tune that a chord may hold less than another and still be taken: without the centre
nobody could tell where home is, and with too many fifths it seems to be there."""


class Tone(msgspec.Struct, frozen=True, array_like=True):
    """One note of the tune before it has a mode."""

    beat: float
    length: float
    degree: int
    shift: int = 0
    """Semitones by which a tone of the person's song lies beside its degree; heard in neutral only,
    since in another mode the degree itself is what answers to it."""


class Chord(msgspec.Struct, frozen=True, array_like=True):
    """What sounds from a beat until the next chord."""

    beat: float
    root: int
    """Degree."""
    plain: int
    """Root in the lights that have chords of one kind only."""


Chords = tuple[Chord, ...]


def sounding(chords: Chords, beat: float) -> Chord:
    """Return the chord that sounds at a beat."""
    return next(chord for chord in reversed(chords) if chord.beat <= beat + 1e-9)


def holds(root: int, degree: int) -> bool:
    """Tell whether a degree is a tone of the triad on a root."""
    return (degree - root) % 7 in (0, 2, 4)


def held(root: int, tune: tuple[Tone, ...], begin: float, end: float) -> float:
    """Return for how many beats of a span the tune stands on tones of a triad.

    Tones that begin with the span weigh a little more, since chord and tone are struck together.
    """
    beats = 0.0
    for tone in tune:
        shared = min(tone.beat + tone.length, end) - max(tone.beat, begin)
        if shared > 0 and tone.shift == 0 and holds(root, tone.degree):
            beats += shared * (1.25 if tone.beat <= begin else 1.0)
    return beats


def spans(chords: Chords, bars: int) -> list[tuple[Chord, float]]:
    """Return each chord with the beat at which it ends."""
    ends = [*(chord.beat for chord in chords[1:]), float(bars * BEATS)]
    return list(zip(chords, ends, strict=True))


def plainly(roots: tuple[tuple[float, int], ...], tune: tuple[Tone, ...], bars: int) -> Chords:
    """Give each root the one that stands for it where chords are of one kind.

    It shares two tones with the chord that was asked for; of two, the one that holds more of the
    tune is taken.
    """
    plan = tuple(Chord(beat, root, root) for beat, root in roots)
    out = []
    for chord, end in spans(plan, bars):
        asked = {(chord.root + step) % 7 for step in (0, 2, 4)}
        near = [p for p in PLAIN if sum(holds(p, degree) for degree in asked) >= 2]
        begin = chord.beat
        best = max(near, key=lambda p: (p == chord.root, held(p, tune, begin, end) + PULL[p]))
        out.append(Chord(chord.beat, chord.root, best))
    return tuple(out)


def varied(chords: Chords, tune: tuple[Tone, ...], bars: int) -> Chords:
    """Put other chords under the same tune, from the second chord to the last but one.

    Each is the one that holds most of the tune. It is taken where it holds a third of what the old
    one held, and in every four bars at least once.
    """
    out = list(chords)
    found: list[tuple[float, int]] = []
    for index, (chord, end) in enumerate(spans(chords, bars)):
        if 0 < index < len(chords) - 1:
            other = _other(out, index, end, tune)
            ratio = held(other.plain, tune, chord.beat, end) / max(
                held(chord.plain, tune, chord.beat, end), 0.25
            )
            found.append((ratio, index))
            out[index] = other if ratio >= 1 / 3 else chord
    for first in range(0, bars * BEATS, 4 * BEATS):
        inside = [row for row in found if first <= chords[row[1]].beat < first + 4 * BEATS]
        if inside and all(out[index] == chords[index] for _, index in inside):
            index = max(inside)[1]
            out[index] = _other(out, index, spans(chords, bars)[index][1], tune)
    return tuple(out)


def _other(chords: list[Chord], index: int, end: float, tune: tuple[Tone, ...]) -> Chord:
    """Return the chord that may best stand for another one; itself where there is none.

    What has just been heard is not taken again, which would be a standstill, nor a fifth where
    there are some, which would turn the section toward it.
    """
    chord, before = chords[index], chords[index - 1].plain
    # The sixth degree's triad is often diminished; the fourth's stands for it (`sounding_chord`).
    same = {chord.plain, chord.root, 3 if chord.root == 5 else chord.root}
    full = sum(c.plain == 4 for c in chords) >= max(2, len(chords) // 4)
    others = [p for p in PLAIN if p not in same | ({4} if full else set())]
    fresh = [p for p in others if p == 0 or p != before] or others
    if not fresh:
        return chord
    best = max(fresh, key=lambda p: held(p, tune, chord.beat, end) + PULL[p])
    return Chord(chord.beat, best, best)
