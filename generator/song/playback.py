"""The understood song alone, to be listened to: "Is this your song?"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from rym.errors import UsageError

from ..music.voices import TOUCHES, Blow, tone
from . import sound_file
from .understanding import recall
from .understood import Understood

HEARD = "song-heard.flac"
RATE = 48_000
LONGEST_S = 60.0
"""A minute tells whether it is the song."""
VELOCITY = 0.7
PEAK = 0.5
"""Of the file: 6 dB below full scale, since nobody has set a level yet."""
LEAD_S, RING_S = 0.2, 1.0
"""Silence before the first note, and room for the last one to end in."""


def play(understood: Understood) -> npt.NDArray[np.float64]:
    """Render the understood melody on a piano, as fast as it was understood.

    Parameters
    ----------
    understood : Understood
        What was understood of a song.

    Returns
    -------
    array of shape (n_times, 2)
        At 48 kHz; its first minute, from its first note on.
    """
    beat_s = 60 / understood.tempo
    first = understood.melody[0].beat
    notes = [n for n in understood.melody if (n.beat - first) * beat_s < LONGEST_S]
    end = max(note.beat + note.length - first for note in notes) * beat_s
    sound = np.zeros((round((LEAD_S + min(end, LONGEST_S) + RING_S) * RATE), 2))
    for note in notes:
        touch = round(VELOCITY * TOUCHES)
        blow = Blow("piano", note.pitch, touch, round(note.length * beat_s * RATE))
        struck = tone(blow, 1.0, RATE)
        start = round((LEAD_S + (note.beat - first) * beat_s) * RATE)
        room = sound[start : start + len(struck)]
        room += struck[: len(room)]
    n_fade = round(RING_S * RATE)
    sound[-n_fade:] *= np.linspace(1.0, 0.0, n_fade)[:, None]
    return sound * (PEAK / max(float(np.abs(sound).max()), 1e-9))


def heard(folder: Path) -> Path:
    """Write the understood song beside the memory, to be listened to.

    Parameters
    ----------
    folder : Path
        The memory's own, in which its song was understood.

    Returns
    -------
    Path
        Of the FLAC file, for its owner alone.

    Raises
    ------
    UsageError
        If no song was understood there, or nothing can be written.
    """
    song = recall(folder)
    if song is None:
        raise UsageError(
            "No song has been understood of this memory.",
            "Let it be understood first; the memory's [song] names its file.",
        )
    path = folder / HEARD
    sound_file.keep(sound_file.flac(play(song.understood), RATE), path)
    return path
