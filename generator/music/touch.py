"""The hand that plays what is written: accents, small delays, arcs."""

from __future__ import annotations

import numpy as np

from rym.bank import Note

from .composition import Piece

PLACES = 16
"""Places of a figure in a bar."""
ACCENTS = (1.0, 0.72, 0.82, 0.72, 0.88, 0.72, 0.82, 0.72,
           0.94, 0.72, 0.82, 0.72, 0.88, 0.72, 0.82, 0.72)  # fmt: skip
"""Weight of each place in a bar; what all affects stress is where they line up."""


def played(
    notes: list[Note], piece: Piece, section: int, rng: np.random.Generator
) -> tuple[Note, ...]:
    """Give the notes a hand: at most 8 ms late, louder toward the middle of each phrase and piece.

    Parameters
    ----------
    notes : list of Note
        As written.
    piece : Piece
        For its tempo and number of sections.
    section : int
        Later sections are played with more weight, the last one goes back a little.
    rng : numpy Generator
        Of this clip.

    Returns
    -------
    tuple of Note
        Ordered by onset.
    """
    late = rng.uniform(0.0, 0.008, len(notes)) * piece.bpm / 60
    touch = rng.uniform(0.95, 1.05, len(notes))
    place_in_piece = (section + 0.5) / max(2, len(piece.sections))
    arc = 0.95 + 0.1 * np.sin(np.pi * min(1.0, 0.8 * place_in_piece))
    out: list[Note] = []
    for note, delay, factor in zip(notes, late, touch, strict=True):
        slow = note.voice.endswith("/pad")
        phrase = 0.92 + 0.12 * np.sin(np.pi * (note.beat % 16) / 16)
        beat = note.beat if slow else note.beat + float(delay)
        velocity = round(float(np.clip(note.velocity * arc * phrase * factor, 0.05, 1.0)), 3)
        out.append(Note(round(beat, 5), float(note.length), note.pitch, velocity, note.voice))
    return tuple(sorted(out, key=lambda n: (n.beat, n.pitch, n.voice)))
