"""What the sections are like: figures, bass, who has the tune, how fast the harmony moves.

Figures are written as bars of sixteen places, one per sixteenth: a digit is a step of the affect's
ladder of chord tones, a point is nothing. Rows of one figure sound together.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from rym.messages import Affect

Harmony = Literal["slow", "steady", "moving"]


class Figure(msgspec.Struct, frozen=True, array_like=True):
    """How a chord is broken."""

    rows: tuple[str, ...]
    """Each as many bars as it takes, joined by `|`."""
    turn: str = ""
    """Played instead in the last bar of every four; empty: the rows go on."""


class Light(msgspec.Struct, frozen=True, kw_only=True):
    """What one affect does with any section: registers, voicings, touch."""

    octave: int
    """Octaves by which the tune is moved."""
    tune_velocity: float
    plain: bool
    """Whether all chords are of the mode's own kind (`harmony`)."""
    sparse: bool
    """Only the tones on the first and third beat are kept, and held until the next one."""
    passing: bool
    """Leaps of a third are filled."""
    pad: tuple[int, ...]
    """Voicing of the held chord, in degrees above its root."""
    pad_lowest: int
    """MIDI number at which the octave of the held chord begins."""
    pad_velocity: float
    ladder: tuple[int, ...]
    """Tones of the figures, in degrees above the chord's root."""
    ladder_lowest: int
    """MIDI number at which the octave of the ladder's lowest tone begins."""
    figure_velocity: float
    bass_lowest: int
    bass_velocity: float


class Texture(msgspec.Struct, frozen=True, kw_only=True):
    """One character in one light."""

    figures: tuple[Figure, ...]
    """One per variant, taken in turn."""
    bass: str
    """A bar; its digits count degrees above the chord's root."""
    bells: tuple[str, ...] = ()
    """A bar on the ladder's steps for every second bar, one per variant; empty: none."""
    doubled: tuple[tuple[int, float], ...] = ()
    """Voices that go with the longer tones of the tune: degrees from it, share of its velocity."""
    octave: int = 0
    """Octaves by which the tune is moved besides the light's own."""
    pad: bool = True
    answers: bool = False
    """Whether odd variants fill the tune's long tones with a second voice."""


class Character(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a section unlike its neighbours."""

    leads: tuple[str, ...]
    """Who plays the tune: the first that is not avoided."""
    shadows: tuple[str, ...]
    """Who strikes the tune's tones along with the first lead; may be empty."""
    breakers: tuple[str, ...]
    """Who plays the figures."""
    harmony: Harmony
    textures: dict[Affect, Texture]


LIGHTS: dict[Affect, Light] = {
    # Close minor thirds, low; the third is doubled in pad and figure.
    "negative": Light(
        octave=-1,
        plain=True,
        tune_velocity=0.44,
        sparse=True,
        passing=False,
        pad=(0, 2, 4),
        pad_lowest=48,
        pad_velocity=0.5,
        ladder=(0, 4, 7, 9, 11, 14),
        ladder_lowest=38,
        figure_velocity=0.31,
        bass_lowest=31,
        bass_velocity=0.48,
    ),
    # Open: fourths and fifths, no third but the tune's own. It is neither bright nor dark, and
    # what it fades from or to never finds the other third in it. Ninths instead of fourths were
    # tried: they lean to major.
    "neutral": Light(
        octave=0,
        plain=False,
        tune_velocity=0.52,
        sparse=False,
        passing=False,
        pad=(0, 3, 4),
        pad_lowest=53,
        pad_velocity=0.46,
        ladder=(0, 4, 7, 10, 11, 14),
        ladder_lowest=43,
        figure_velocity=0.3,
        bass_lowest=33,
        bass_velocity=0.44,
    ),
    # Full major chords, high and moving.
    "positive": Light(
        octave=1,
        plain=True,
        tune_velocity=0.46,
        sparse=False,
        passing=True,
        pad=(0, 2, 4),
        pad_lowest=60,
        pad_velocity=0.44,
        ladder=(0, 4, 7, 9, 11, 14, 16),
        ladder_lowest=48,
        figure_velocity=0.3,
        bass_lowest=38,
        bass_velocity=0.4,
    ),
}

SONG = Character(
    leads=("piano", "harp", "guitar", "bell", "flute", "pad"),
    shadows=(),
    breakers=("harp", "guitar", "piano"),
    harmony="steady",
    textures={
        "negative": Texture(
            figures=(
                Figure(("0...1...3.......|0...1...2.......",), "0.......1......."),
                Figure(
                    ("0.......3...1...|0...3.......1...",),
                    "0...1...........",
                ),
                Figure(
                    ("0...3.......2...|0.......1...3...",),
                    "0...............",
                ),
            ),
            bass="0...............",
        ),
        "neutral": Texture(
            figures=(
                Figure(("0...1...2.3.4...|0...1...2.4.3...",), "0...1...4.3.2.1."),
                Figure(("0.1.2...4...3...|0.1.2...3...4.2.",), "0.1.2.3.4...2..."),
                Figure(("0...2.1.4...3...|0...2.1.3...2.4.",), "0...2...4.3.1..."),
            ),
            bass="0.......0.......",
            answers=True,
        ),
        "positive": Texture(
            figures=(
                Figure(("0.1.2.3.4.5.4.3.|0.1.2.4.5.4.3.2.",), "0.1.2.3.4.5.6545"),
                Figure(("0.123...4.345...|0.124...5.432...",), "0.123.4.5.4.3.4."),
                Figure(("0.2.3.4.5.4.3.4.|0.2.4.3.5.6.5.4.",), "0.1.2.3.4.3.2345"),
            ),
            bass="0.......4...7...",
            bells=("......4.......5.", "..5.......4....."),
            doubled=((-7, 0.8),),
            answers=True,
        ),
    },
)
"""The tune at the piano over broken chords."""

FIELD = Character(
    leads=("flute", "piano", "harp", "guitar", "bell", "pad"),
    shadows=("piano", "harp", "guitar"),
    breakers=("guitar", "harp", "piano"),
    harmony="slow",
    textures={
        "negative": Texture(
            figures=(
                Figure(("0...............|....3...2.......",)),
                Figure(("0.......4...3...|........1.......",)),
                Figure(("0...2...........|....4.......3...",)),
            ),
            bass="0...............",
            octave=1,
        ),
        "neutral": Texture(
            figures=(
                Figure(("0.....2.....3...|0.....2.....4...",), "0.......3...2..."),
                Figure(("0.......4...3...|2.......4...5...",), "0...3...4......."),
                Figure(("0...4.....3.....|0...4.....2.....",), "0.....3........."),
            ),
            bass="0...............",
            answers=True,
        ),
        "positive": Texture(
            figures=(
                Figure(("0..2..3.4..3..2.|0..2..4.5..4..3.",), "0..2..3.4.5.6..."),
                Figure(("0.3.2.4.1.3.2.5.|0.4.3.5.1.4.3.6.",), "0.2.3.4.3.4.5.6."),
                Figure(("0..34..32..45..3|0..23..45..65..4",), "0..3..4.5..4..3."),
            ),
            bass="0.......7.......",
            bells=("....5.......6...", "......6.....5..."),
            doubled=((-7, 0.7),),
            answers=True,
        ),
    },
)
"""A flute far off, chords that stay, a guitar."""

DANCE = Character(
    leads=("harp", "guitar", "piano", "bell", "flute", "pad"),
    shadows=("guitar", "piano"),
    breakers=("piano", "guitar", "harp"),
    harmony="moving",
    textures={
        "negative": Texture(
            figures=(
                Figure(
                    ("0.0.....0.......", "........3.......|............3..."), "0.0............."
                ),
                Figure(
                    ("0.......0.0.....", "....3...........|....1........1.."), "0.........0....."
                ),
                Figure(
                    ("0...0.......0...", "........1...3...|........3......."), "0...0..........."
                ),
            ),
            bass="0.......0.......",
        ),
        "neutral": Texture(
            figures=(
                Figure(
                    ("0.......0.......", "....2.......2.3.", "....4.......4..."), "0...2...1...3..."
                ),
                Figure(
                    ("0.....0.1.......", "....3.......3...", "....4...2...4.2."), "0...1...2.3.4..."
                ),
                Figure(("0.......1.....1.", "..2...4...2...4."), "0.....2.....4..."),
            ),
            bass="0.....0.4.......",
            answers=True,
        ),
        "positive": Texture(
            figures=(
                Figure(
                    ("0...1...0...1...", "..3...3...3...3.", "..4...4...5...4."), "0.1.2.3.4.3.4.5."
                ),
                Figure(
                    ("0.....0.1.....1.", "....3.......3.4.", "..5.4.5...5.5.6."), "0.3.4.5.6.5.4.3."
                ),
                Figure(("0.2...0.2...0.2.", "....4.3.....4.5."), "0.2.3.4.5.4.5.65"),
            ),
            bass="0...4...7...4...",
            bells=("..............5.", "....6..........."),
            doubled=((-2, 0.75),),
            pad=False,
            answers=True,
        ),
    },
)
"""Rocking chords in two hands, a plucked tune, harmony that changes within the bar."""

HYMN = Character(
    leads=("piano", "harp", "guitar", "bell", "flute", "pad"),
    shadows=(),
    breakers=("piano", "harp", "guitar"),
    harmony="steady",
    textures={
        "negative": Texture(
            figures=(
                Figure(("0...............", "1.......2.......", "3.......3......."), ""),
                Figure(("0.......1.......", "3...........3...", "2.......2......."), ""),
                Figure(("0...............", "....3.......3...", "1.......1......."), ""),
            ),
            bass="0...............",
        ),
        "neutral": Texture(
            figures=(
                Figure(
                    ("0...............", "2...3...2...3...", "4.......4......."), "2...3...4......."
                ),
                Figure(
                    ("1.......1.......", "2.......3...2...", "4...4.......4..."), "2.......3...4..."
                ),
                Figure(
                    ("0.......1.......", "3...2...3...2...", "....4.......4..."), "1...2...3......."
                ),
            ),
            bass="0.......4.......",
            answers=True,
        ),
        "positive": Texture(
            figures=(
                Figure(
                    (
                        "0.......1.......",
                        "3...3...3...4...",
                        "4...4...5...5...",
                        "..5...6.....6.5.",
                    ),
                    "",
                ),
                Figure(
                    ("2...1...2...1...", "3...4...3...4...", "..5...5.6...5..."), "2.3.4.5.4.5.6..."
                ),
                Figure(("0...2...1...2...", "4...3...4...3...", "......5.5.6....."), ""),
            ),
            bass="0.......7...4...",
            bells=("5.......6.......", "....6.......5..."),
            doubled=((-2, 0.75), (-7, 0.6)),
            answers=True,
        ),
    },
)
"""Chords under every beat, the tune on top of them."""

CHARACTERS = (SONG, FIELD, HYMN, DANCE)
"""The dance comes last in this row since no piece begins with it."""
