"""What was understood of a song: one voice in beats, as the bank can play it."""

from __future__ import annotations

import itertools
from typing import Literal, NamedTuple

import msgspec

from rym.errors import UsageError

from ..memory import MAX_NOTES, TEMPO, MelodyNote

Kind = Literal["recording", "hummed", "midi"]

BAR = 4
"""Beats of the bank's bar."""
LONGEST_REST = 8.0
"""Rests of an interlude are cut to less than this many beats: a section would stand silent."""
SHORTEST = 0.0625
LONGEST = 64.0
LAST_BEAT = 4096.0
"""The limits of a memory's melody."""


class Tone(NamedTuple):
    """One note in beats, before it has its place in a memory."""

    beat: float
    length: float
    pitch: int


class Understood(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The song as one voice."""

    melody: tuple[MelodyNote, ...]
    tempo: float
    """Beats per minute of `melody`, halved or doubled until it is as near to the bank's tempi as
    it can be."""
    key: str | None
    """Tonal centre, None where the notes leave it open."""
    kind: Kind
    confidence: float
    """0 to 1: how much of the notes is sure."""
    remarks: tuple[str, ...] = ()
    """What the operator should know; nothing of the song's words or name is in them."""

    def __repr__(self) -> str:
        return f"Understood({self.kind}, {len(self.melody)} notes)"


def missing(library: str) -> UsageError:
    """Return the error for a library of the extra `song` that is not installed."""
    return UsageError(
        f"Songs are understood by {library}, which is not installed.",
        "Install it: `pip install 'rym[song]'`, from the clone `pip install -e '.[song]'`; "
        "or leave the song out, then one is made up.",
    )


def folded(tempo: float) -> float:
    """Return the factor, a power of two, that brings a tempo nearest to the bank's tempi.

    The bank's range is less than an octave wide, so what comes nearest by halving and doubling may
    still lie beside it; distances are those of the logarithm.
    """
    middle, factor = (TEMPO[0] * TEMPO[1]) ** 0.5, 1.0
    while tempo * factor >= middle * 2**0.5:
        factor /= 2
    while tempo * factor < middle / 2**0.5:
        factor *= 2
    return factor


def playable(tempo: float) -> float:
    """Return the tempo at which the bank plays a song of this tempo."""
    low, high = TEMPO
    return round(min(high, max(low, tempo)), 2)


def tidy(tones: list[Tone], bar: float = BAR) -> tuple[MelodyNote, ...]:
    """Return the voice as a memory holds it: one note after the other, from the first bar on.

    Parameters
    ----------
    tones : list of Tone
        In order of their onsets; beat 0 is the beginning of a bar.
    bar : float
        Length of the song's own bar, in beats.

    Returns
    -------
    tuple of MelodyNote
        Empty bars before it are left out, the first full bar begins a bar of the bank, long rests
        are cut by whole bars, overlaps ended, pitches moved by octaves into a piano's range.
    """
    if not tones:
        return ()
    out: list[MelodyNote] = []
    pick_up = round(-tones[0].beat % bar, 6) % bar
    cut = tones[0].beat - (BAR - pick_up) % BAR
    heard = tones[0].beat
    for tone, after in itertools.pairwise([*tones, None]):
        assert tone is not None
        rest = tone.beat - heard
        if rest >= LONGEST_REST:
            cut += BAR * ((rest - LONGEST_REST) // BAR + 1)
        room = LONGEST if after is None else after.beat - tone.beat
        length = min(tone.length, room, LONGEST)
        heard = tone.beat + length
        beat = tone.beat - cut
        if length < SHORTEST - 1e-9:
            continue
        if beat + length > LAST_BEAT or len(out) == MAX_NOTES:
            break
        out.append(MelodyNote(_plain(beat), _plain(length), _on_a_piano(tone.pitch)))
    return tuple(out)


def _plain(beats: float) -> float:
    """Return beats as a file keeps them, not as numpy's own number."""
    return round(float(beats), 4)


def _on_a_piano(pitch: int) -> int:
    while pitch < 21:
        pitch += 12
    while pitch > 108:
        pitch -= 12
    return pitch
