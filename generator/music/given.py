"""The person's song: its centre, its bars, its tones as degrees, chords that hold it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..memory import MelodyNote
from .harmony import Chords, Tone, held, plainly, sounding
from .theory import BEATS, nearest_degree, semitones

Melody = tuple[MelodyNote, ...]
ROOTS = (0, 3, 4, 5, 1)
"""Chords that may carry a song, the likelier first."""
MODES_OF_SONGS = {False: ("mixolydian", "major"), True: ("dorian", "minor")}
"""What a song may be heard in, by whether its third is minor; of two that fit, the first."""


def centre(melody: Melody, centres: Iterable[int]) -> tuple[int, bool]:
    """Guess which pitch class is the song's tonal centre, and whether it is minor.

    Counted is how long the song stays on the scale, with a premium on the centre, the fifth and
    the third, and one for ending on the centre: enough for a sung tune, and wrong guesses still
    give a scale that holds the notes.
    """
    best, found = -1.0, (0, False)
    for tonic in centres:
        for mode in ("major", "minor"):
            score = 2.0 if melody[-1].pitch % 12 == tonic else 0.0
            for note in melody:
                interval = (note.pitch - tonic) % 12
                if interval == semitones(nearest_degree(interval, mode), mode) % 12:
                    stable = interval in (0, 7, semitones(2, mode))
                    score += note.length * (1.5 if stable else 1.0)
            if score > best:
                best, found = score, (tonic, mode == "minor")
    return found


def own_mode(melody: Melody, tonic: int, *, minor: bool) -> str:
    """Return the mode with a major or minor third that holds most of the song's time."""

    def held(mode: str) -> float:
        scale = {semitones(degree, mode) for degree in range(7)}
        return sum(note.length for note in melody if (note.pitch - tonic) % 12 in scale)

    return max(MODES_OF_SONGS[minor], key=held)


def barred(melody: Melody) -> Melody:
    """Put the song's bars on bars of four beats.

    Where its long tones begin is taken for its strong beats (longer tones are heard as accents:
    Povel & Essens 1985, Music Perception 2, 411). A pick-up is moved before the bar line. In bars
    of three, the last tone of every bar is held for a beat longer: a waltz becomes a slow tune, its
    tones and bars stay. Both are done on clear evidence only.

    Returns
    -------
    tuple of MelodyNote
        The first bar line is at beat 0.
    """
    three, phase3 = _strength(melody, 3)
    four, phase4 = _strength(melody, BEATS)
    if three > 1.25 * four:
        return _widened(_moved(melody, -phase3 % 3, 3))
    return _moved(melody, -phase4 % BEATS, BEATS)


def _strength(melody: Melody, beats: int) -> tuple[float, int]:
    """Return how much of the tones' length begins on the best first beat, against even shares."""
    shares = np.zeros(beats)
    for note in melody:
        on = note.beat % beats
        if abs(on - round(on)) < 0.1:
            shares[round(on) % beats] += min(note.length, beats) ** 1.5
    total = float(shares.sum()) + 1e-9
    clear = float(shares.max()) / total
    # What was written down knows its bars: another first beat must be much stronger.
    shares[0] *= 3
    best = int(np.argmax(shares))
    return beats * clear, best


def _moved(melody: Melody, beats: int, bar: int) -> Melody:
    """Return the song later by some beats, or earlier by whole bars where it begins with rests."""
    rest = (melody[0].beat + beats) // bar * bar
    return tuple(MelodyNote(n.beat + beats - rest, n.length, n.pitch) for n in melody)


def _widened(melody: Melody) -> Melody:
    """Return bars of three as bars of four."""

    def at(beat: float) -> float:
        bar, inside = divmod(beat, 3)
        # The second half of the third beat waits for the second half of the fourth.
        return bar * BEATS + (inside if inside <= 2 else 2 + 2 * (inside - 2))

    return tuple(
        MelodyNote(at(n.beat), at(n.beat + n.length) - at(n.beat), n.pitch) for n in melody
    )


def in_degrees(melody: Melody, tonic: int, mode: str) -> tuple[Tone, ...]:
    """Return the melody in degrees, moved by octaves so that its middle lies in the tune's range.

    Tones outside the mode keep their distance from a degree. Those more than an octave beside the
    tune's range come back toward it.

    Parameters
    ----------
    melody : tuple of MelodyNote
    tonic : int
        Pitch class of the centre.
    mode : str
        The song's own (`own_mode`).
    """
    middle = float(np.median([note.pitch for note in melody]))
    base = tonic + 12 * round((middle - 4 - tonic) / 12)
    tones = []
    for note in melody:
        degree = _degree(note.pitch - base, mode)
        shift = note.pitch - base - semitones(degree, mode)
        tones.append(Tone(note.beat, note.length, _hemmed(degree), shift))
    return tuple(tones)


def _degree(interval: int, mode: str) -> int:
    """Return a tone's degree: in its mode, else in a related one, else the nearest below."""
    related = ("minor", "dorian") if mode in MODES_OF_SONGS[True] else ("mixolydian", "major")
    for name in (mode, *related, "lydian"):
        degree = nearest_degree(interval, name)
        if semitones(degree, name) == interval:
            return degree
    return nearest_degree(interval, mode)


def _hemmed(degree: int) -> int:
    if degree < -7:
        return -7 + degree % 7
    return 7 + degree % 7 if degree > 14 else degree


def excerpt(song: tuple[Tone, ...], section: int, bars: int) -> tuple[Tone, ...]:
    """Return the section's bars of the song.

    A song that is longer than a section goes on through the sections and begins again where it
    ends; a shorter one begins anew with every section.
    """
    last = song[-1]
    song_beats = BEATS * max(1, int(np.ceil((last.beat + last.length) / BEATS - 1e-9)))
    section = section if song_beats > bars * BEATS else 0
    begin, end = section * bars * BEATS, (section + 1) * bars * BEATS
    out: list[Tone] = []
    for turn in range(begin // song_beats, (end - 1) // song_beats + 1):
        for tone in song:
            beat = turn * song_beats + tone.beat
            if begin <= beat < end:
                length = min(tone.length, end - beat)
                out.append(Tone(beat - begin, length, tone.degree, tone.shift))
    return tuple(out)


def harmonised(planned: Chords, tune: tuple[Tone, ...], bars: int) -> Chords:
    """Choose a chord for every half bar that holds what the song does there.

    The cheapest way through all half bars (Viterbi): a planned chord has a premium, a change in
    the middle of a bar must pay for itself.

    Parameters
    ----------
    planned : tuple of Chord
        What the section would have without a song.
    tune : tuple of Tone
        The section's bars of the song.
    bars : int
        Their number.
    """
    gain = np.array([[held(root, tune, 2.0 * half, 2.0 * half + 2.0)
                      + 0.6 * (sounding(planned, 2.0 * half).root == root)
                      for root in ROOTS] for half in range(2 * bars)])  # fmt: skip
    best, came = gain[0], []
    for half in range(1, 2 * bars):
        change = 0.25 if half % 2 == 0 else 1.5
        # From row to column. Changes within a bar are restless, those at the bar line hardly.
        ways = best[:, None] - change * (1 - np.eye(len(ROOTS)))
        came.append(np.argmax(ways, axis=0))
        best = ways.max(axis=0) + gain[half]
    row = [int(np.argmax(best))]
    for step in reversed(came):
        row.append(int(step[row[-1]]))
    roots = [ROOTS[k] for k in reversed(row)]
    chosen = tuple(
        (half * 2.0, root)
        for half, root in enumerate(roots)
        if half % 2 == 0 or root != roots[half - 1]
    )
    return plainly(chosen, tune, bars)
