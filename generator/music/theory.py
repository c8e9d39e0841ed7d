"""Keys, modes and chords, all in scale degrees.

A degree counts from 0 (the tonal centre) and goes on below and above the octave: 7 is the centre an
octave higher, −1 the step below it. The same degrees in another mode are the same tune in another
light; that is how the three affects stay versions of one another.
"""

from __future__ import annotations

BEATS = 4
"""Beats per bar."""
KEYS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
SHARPS = {"C#": 1, "D#": 3, "F#": 6, "G#": 8, "A#": 10}

MODES: dict[str, tuple[int, ...]] = {
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "major": (0, 2, 4, 5, 7, 9, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}
"""Semitones above the tonal centre, from the darkest mode to the brightest."""


def pitch_class(key: str) -> int | None:
    """Return the key's semitones above C, or None for an unknown name."""
    return KEYS.index(key) if key in KEYS else SHARPS.get(key)


def semitones(degree: int, mode: str) -> int:
    """Return how many semitones a degree lies above the tonal centre (negative: below)."""
    octave, step = divmod(degree, 7)
    return 12 * octave + MODES[mode][step]


def nearest_degree(interval: int, mode: str) -> int:
    """Return the degree that lies nearest to `interval` semitones; of two, the lower."""
    guess = 7 * (interval // 12)
    return min(range(guess, guess + 8), key=lambda d: (abs(semitones(d, mode) - interval), d))


def sounding_chord(root: int, mode: str) -> int:
    """Return the chord that sounds for a triad on degree `root`.

    Each of these modes has one diminished triad, which no calm bar stands on: the triad a third
    below takes its place, keeping two of its three tones, so a melody made for one fits the other.
    """
    diminished = semitones(root + 4, mode) - semitones(root, mode) == 6
    return root - 2 if diminished else root


def place(pitch: int, lowest: int) -> int:
    """Move a pitch by octaves into the twelve semitones that begin at `lowest`."""
    return lowest + (pitch - lowest) % 12
