"""A song as sound becomes one voice in beats."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rym.errors import FormatError

from . import notes, pitch, rhythm, tonality
from .notes import Sung
from .sound_file import RATE, Mono
from .understood import Kind, Tone, Understood, folded, tidy

Array = npt.NDArray[np.float64]

FEWEST = 4
"""Fewer notes are no tune."""
SOLO = 0.88
"""Share of a sound's energy near the harmonics of one pitch from which it is one voice alone."""
LISTEN_S = 10.0
"""How much of a sound is listened to before it is called hummed or a recording."""
LEGATO = 0.3
"""Gaps shorter than this share of the way to the next note, or than a grid step, are no rests."""
SURE_OCTAVE = 0.25
"""Below it only the names of a recording's tones are sure, not their octaves."""
UNSURE = 0.5
"""Below this confidence the operator is told that notes may be wrong."""


def hummed(samples: Mono) -> Understood:
    """Understand one voice: hummed, sung, whistled, or one instrument.

    Parameters
    ----------
    samples : array of shape (n_times,)
        At `RATE`, peak 1.

    Raises
    ------
    FormatError
        If there is no tune in it.
    UsageError
        If librosa is not installed.
    """
    sung = notes.notes(pitch.one_voice(samples))
    _enough(sung, "Hum it again, each note with a new “da”, near the microphone.")
    return timed(sung, "hummed", [])


def timed(sung: list[Sung], kind: Kind, remarks: list[str]) -> Understood:
    """Find the beat of notes that are known in seconds.

    Parameters
    ----------
    sung : list of Sung
        In order, at least one.
    kind : {"hummed", "recording", "midi"}
        Where they come from.
    remarks : list of str
        What is known already.
    """
    starts = np.array([note.start for note in sung])
    beats, found = rhythm.followed(starts, rhythm.pulse(starts))
    return _understood(sung, beats, found, kind, remarks)


def recording(samples: Mono) -> Understood:
    """Understand the tune of a mixture: the voice that stands out.

    Parameters
    ----------
    samples : array of shape (n_times,)
        At `RATE`, peak 1.

    Raises
    ------
    FormatError
        If there is no tune in it.
    UsageError
        If librosa is not installed.
    """
    track, octave = pitch.loudest_voice(samples)
    sung = notes.notes(track)
    _enough(sung, "Hum the tune instead; that is understood better.")
    remarks = []
    if octave < SURE_OCTAVE:
        sung = _nearest_octaves(sung)
        remarks.append(
            "Only the names of the song's tones are sure, not their octaves: each lies as near to "
            "the one before as it can."
        )
    starts = np.array([note.start for note in sung])
    beats, found = _beaten(samples, starts)
    return _understood(sung, beats, found, "recording", remarks)


def is_solo(samples: Mono) -> bool:
    """Tell whether a sound is one voice alone, from its first seconds.

    Parameters
    ----------
    samples : array of shape (n_times,)
        At `RATE`.
    """
    return pitch.solo_share(samples[: round(LISTEN_S * RATE)]) > SOLO


def _enough(sung: list[Sung], remedy: str) -> None:
    if len({note.pitch for note in sung}) < 2 or len(sung) < FEWEST:
        raise FormatError(
            f"No tune was found in the song: {len(sung)} notes, at least {FEWEST} are needed, of "
            "two pitches.",
            remedy,
        )


def _nearest_octaves(sung: list[Sung]) -> list[Sung]:
    """Move each note by octaves as near as it comes to the one before, about the middle."""
    middle = float(np.median([note.pitch for note in sung]))
    out: list[Sung] = []
    for note in sung:
        near = 0.7 * out[-1].pitch + 0.3 * middle if out else middle
        out.append(note._replace(pitch=note.pitch + 12 * round((near - note.pitch) / 12)))
    return out


def _beaten(samples: Mono, starts: Array) -> tuple[Array, rhythm.Pulse]:
    """Return a recording's notes in beats, and its pulse.

    Beats are heard from everything that sounds; where the tune's own onsets fit another pulse
    clearly better, that one is taken.
    """
    own = rhythm.pulse(starts)
    times = pitch.beats(pitch.onsets(samples), 60 / own.period)
    if len(times) < 4:
        return rhythm.followed(starts, own)
    period = float(np.median(np.diff(times)))
    beats = rhythm.between(starts, times)
    score = float(np.mean(rhythm.explained(beats, period, rhythm.BINARY)))
    if score < own.score - 0.2:
        return rhythm.followed(starts, own)
    return beats, rhythm.Pulse(period, float(times[0]), False, score)


def _understood(
    sung: list[Sung], beats: Array, found: rhythm.Pulse, kind: Kind, remarks: list[str]
) -> Understood:
    """Put notes on their grid."""
    on_grid = rhythm.quantised(beats, found.period, found.ternary)
    on_grid = on_grid - np.floor(on_grid[0])
    tones = _tones(sung, on_grid, found)
    starts = np.array([tone.beat for tone in tones])
    lengths = np.array([tone.length for tone in tones])
    shift = rhythm.downbeat(starts, lengths)
    factor = folded(60 / found.period)
    placed = [Tone((t.beat - shift) * factor, t.length * factor, t.pitch) for t in tones]
    sure = _confidence(sung, found)
    if sure < UNSURE:
        remarks.append("The song is understood with doubt: listen to what was understood.")
    return Understood(
        melody=tidy(placed, 4 * factor),
        tempo=round(float(60 / found.period * factor), 2),
        key=tonality.centre([t.pitch for t in tones], [t.length for t in tones]),
        kind=kind,
        confidence=round(sure, 3),
        remarks=tuple(remarks),
    )


def _tones(sung: list[Sung], beats: Array, found: rhythm.Pulse) -> list[Tone]:
    """Return the notes with lengths on the grid; of two on one place the longer stays."""
    step = 1 / 3 if found.ternary else 0.25
    after = [*beats[1:].tolist(), float(beats[-1]) + 64.0]
    out: list[Tone] = []
    for note, beat, following in zip(sung, beats.tolist(), after, strict=True):
        held = (note.end - note.start) / found.period
        room = following - beat
        length = max(step, step * round(held / step))
        if room - held < max(step, LEGATO * room):
            length = room
        tone = Tone(beat, min(length, room) or step, note.pitch)
        if out and out[-1].beat >= beat - 1e-6:
            if held > out[-1].length:
                out[-1] = tone
            continue
        out.append(tone)
    return out


def _confidence(sung: list[Sung], found: rhythm.Pulse) -> float:
    """Return how sure the notes are: by their pitch, and by how well they lie on a beat."""
    lengths = [note.end - note.start for note in sung]
    steady = float(np.average([note.sure for note in sung], weights=lengths))
    timed = float(np.clip(found.score / 0.8, 0.0, 1.0))
    return steady * (0.6 + 0.4 * timed)
