"""MIDI files: which voice is the tune, and its notes in beats (adapter of mido).

A file's words (track names, lyrics, its copyright) are looked at to find the tune and are kept
nowhere.
"""

from __future__ import annotations

import io
import re
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from rym.errors import FormatError

from ..music.theory import KEYS, SHARPS
from . import melody, rhythm, tonality
from .notes import Sung
from .understood import Tone, Understood, folded, missing, tidy

Array = npt.NDArray[np.float64]

MAX_BYTES = 1_000_000
"""Larger files are no songs; reading one would take minutes."""
DRUMS = 9
"""The channel of the drums (General MIDI)."""
BASSES = range(32, 40)
NOISES = range(112, 128)
"""Programs that play no tune (General MIDI)."""
TUNE = re.compile(r"melod|vocal|voice|lead|sing|song|solo|tune|gesang|stimme|canto|chant", re.I)
OTHER = re.compile(r"bass|drum|perc|pad|chord|comp|backing|beat", re.I)
TOGETHER = 0.1
"""Onsets within this many beats are one chord."""
OVERLAP = 0.5
"""A lower note that begins while a higher one goes on for more than this share of it belongs to
the accompaniment; one that begins under the end of the note before it is played legato."""
BELOW, NEAR = 12, 4
"""Notes this many semitones below the tune within so many beats are accompaniment that is heard
through its rests."""
GRID = (0.0, 0.25, 1 / 3, 0.5, 2 / 3, 0.75, 1.0)
METRES = (rhythm.BINARY, rhythm.TERNARY)
FEWEST = 8
"""Notes from which it can be told whether they were played to the file's beat."""
LOOSE = 0.02
"""Beats by which notes lie beside the grid, on average, where nobody put them on it."""
DEFAULT_TEMPO = 500_000
"""Microseconds per beat where a file says nothing."""


class Struck(NamedTuple):
    """One note of a file, in ticks."""

    start: int
    end: int
    pitch: int


class Voice(NamedTuple):
    """All notes of one channel of one track, in order of their onsets."""

    track: int
    channel: int
    name: str
    program: int
    notes: list[Struck]


class Score(NamedTuple):
    """What a file holds."""

    ticks: int
    """Ticks per beat."""
    apart: bool
    """Each track is a piece of its own (format 2)."""
    voices: list[Voice]
    tempi: list[tuple[int, int, int]]
    """Track, tick, microseconds per beat."""
    key: str | None
    beats: int | None
    """Beats per bar, counted in quarter notes; None where it is not said or no whole number."""


def understand(data: bytes) -> Understood:
    """Find the tune in a MIDI file.

    Parameters
    ----------
    data : bytes
        The file's content.

    Returns
    -------
    Understood
        One voice in beats.

    Raises
    ------
    UsageError
        If mido is not installed.
    FormatError
        If it is no MIDI file, damaged, too large, or has no tune.
    """
    score = read(data)
    voice, sure = _tune(score)
    line = _skyline(voice.notes, score.ticks)
    played = [_in_beats(note, score.ticks) for note in line]
    tempo, remarks = _tempo(score, voice, line)
    if sung := _played_freely(played, line, _clock(score, voice)):
        remarks.append("The song was played without the file's beat; its own beat was looked for.")
        found = melody.timed(sung, "midi", remarks)
        return msgspec.structs.replace(found, confidence=round(sure * found.confidence, 3))
    tones = _on_grid(played)
    factor = folded(tempo)
    bar = factor * (score.beats or 4)
    notes = tidy([Tone(t.beat * factor, t.length * factor, t.pitch) for t in tones], bar)
    if not notes:
        raise FormatError(
            f"There is no tune in the song's MIDI file: at {tempo:.0f} bpm every one of its "
            f"{len(line)} notes is too short.",
            "Export it again at the tempo at which it is sung.",
        )
    if score.beats not in (None, 2, 4):
        remarks.append(
            f"The song counts {score.beats} beats to a bar, the bank 4: its accents will shift."
        )
    return Understood(
        melody=notes,
        tempo=round(tempo * factor, 3),
        key=_key(score, tones),
        kind="midi",
        confidence=round(sure, 3),
        remarks=tuple(remarks),
    )


def read(data: bytes) -> Score:
    """Read a file's notes, tempi and metre.

    Raises
    ------
    UsageError
        If mido is not installed.
    FormatError
        If it is no MIDI file, damaged, too large, or without notes.
    """
    remedy = "Export the song again as a standard MIDI file."
    if not data.startswith(b"MThd"):
        raise FormatError("The song is not a MIDI file: it does not begin with MThd.", remedy)
    if len(data) > MAX_BYTES:
        raise FormatError(
            f"The song's MIDI file has {len(data)} bytes, at most {MAX_BYTES} are taken.",
            "Export the tune's own track.",
        )
    try:
        import mido  # noqa: PLC0415 - of the extra
    except ImportError:
        raise missing("mido") from None
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
        score = _score(file)
    except Exception as error:
        # A parser may fail by any exception on bytes from elsewhere; what it says may quote them.
        raise FormatError(
            f"The song's MIDI file is damaged or cut off ({type(error).__name__}).", remedy
        ) from None
    if score.ticks <= 0:
        raise FormatError(
            "The song's MIDI file counts in frames of film, not in beats.",
            "Export it with ticks per beat.",
        )
    if not any(voice.notes for voice in score.voices):
        raise FormatError("The song's MIDI file has no notes but drums.", remedy)
    return score


def _score(file: Any) -> Score:
    voices: list[Voice] = []
    tempi: list[tuple[int, int, int]] = []
    key, beats = None, None
    for index, track in enumerate(file.tracks):
        tick, name = 0, ""
        programs: dict[int, int] = {}
        events: dict[int, list[tuple[int, int, bool]]] = {}
        for message in track:
            tick += message.time
            match message.type:
                case "note_on" | "note_off" if message.channel != DRUMS:
                    on = message.type == "note_on" and message.velocity > 0
                    events.setdefault(message.channel, []).append((tick, message.note, on))
                case "program_change":
                    programs.setdefault(message.channel, message.program)
                case "set_tempo" if message.tempo > 0:
                    tempi.append((index, tick, message.tempo))
                case "track_name":
                    name = message.name
                case "key_signature" if key is None:
                    key = _centre(message.key)
                case "time_signature" if beats is None:
                    beats = _quarters(message.numerator, message.denominator)
        for channel, found in sorted(events.items()):
            notes = _paired(found, tick)
            if notes:
                voices.append(Voice(index, channel, name, programs.get(channel, 0), notes))
    return Score(file.ticks_per_beat, file.type == 2, voices, tempi, key, beats)


def _paired(events: list[tuple[int, int, bool]], end: int) -> list[Struck]:
    """Return the notes of one channel.

    A key struck again ends its note; the first note's own end, which then comes later, ends
    nothing. A note that is never ended lasts to the end.
    """
    open_since: dict[int, int] = {}
    down: dict[int, int] = {}
    notes: list[Struck] = []
    for tick, pitch, on in events:
        down[pitch] = max(0, down.get(pitch, 0) + (1 if on else -1))
        if not on and down[pitch]:
            continue
        since = open_since.pop(pitch, None)
        if since is not None and tick > since:
            notes.append(Struck(since, tick, pitch))
        if on:
            open_since[pitch] = tick
    notes += [Struck(since, end, pitch) for pitch, since in open_since.items() if end > since]
    return sorted(notes)


def _centre(name: str) -> str | None:
    """Return the tonal centre of a key's name such as `F#m`."""
    tonic = name.removesuffix("m")
    known = {"Cb": "B", **{sharp: KEYS[place] for sharp, place in SHARPS.items()}}
    return tonic if tonic in KEYS else known.get(tonic)


def _quarters(numerator: int, denominator: int) -> int | None:
    beats = 4 * numerator / denominator
    return int(beats) if beats.is_integer() and beats > 0 else None


def _tune(score: Score) -> tuple[Voice, float]:
    """Return the voice that is most like a tune, and how sure that is."""
    total = max(voice.notes[-1].end for voice in score.voices) or 1
    scores = [_likeness(voice, score.ticks, total) for voice in score.voices]
    best = int(np.argmax(scores))
    others = [s for place, s in enumerate(scores) if place != best]
    ahead = scores[best] - max(others) if others else 1.0
    alone = _alone(score.voices[best], score.ticks)
    return score.voices[best], float(np.clip(0.5 + ahead / 2, 0.5, 1.0) * (0.5 + 0.5 * alone))


def _likeness(voice: Voice, ticks: int, total: int) -> float:
    """Score how much a voice is like a tune: alone, high, moving, there most of the time."""
    lengths = np.array([note.end - note.start for note in voice.notes], float)
    pitches = np.array([note.pitch for note in voice.notes], float)
    height = float(np.clip((np.average(pitches, weights=lengths) - 60) / 24, -1, 1))
    covered = min(1.0, float(lengths.sum()) / total)
    moving = min(1.0, len(set(pitches)) / 5)
    score = _alone(voice, ticks) + 0.8 * height + 0.6 * covered + 0.6 * moving
    score += 2.0 * bool(TUNE.search(voice.name)) - 1.0 * bool(OTHER.search(voice.name))
    return score - 1.0 * (voice.program in BASSES) - 2.0 * (voice.program in NOISES)


def _alone(voice: Voice, ticks: int) -> float:
    """Return the share of a voice's notes that one voice could play."""
    return len(_skyline(voice.notes, ticks)) / len(voice.notes)


def _skyline(notes: list[Struck], ticks: int) -> list[Struck]:
    """Return the highest voice: of notes struck together the top one, none over another.

    The skyline of Uitdenbogerd & Zobel (1998), but a note is cut by what follows only where that
    is no accompaniment under it.
    """
    line: list[Struck] = []
    for note in notes:
        if not line:
            line.append(note)
            continue
        last = line[-1]
        if note.start - last.start <= TOGETHER * ticks:
            if note.pitch > last.pitch:
                line[-1] = Struck(last.start, note.end, note.pitch)
            continue
        under = last.end - note.start
        if note.pitch < last.pitch and under > OVERLAP * (note.end - note.start):
            continue
        if under > 0:
            line[-1] = Struck(last.start, note.start, last.pitch)
        line.append(note)
    return _without_accompaniment(line, ticks) if len(line) < 0.9 * len(notes) else line


def _without_accompaniment(line: list[Struck], ticks: int) -> list[Struck]:
    """Leave out what lies far below the notes around it."""
    starts = np.array([note.start for note in line])
    pitches = np.array([note.pitch for note in line])
    first = np.searchsorted(starts, starts - NEAR * ticks)
    last = np.searchsorted(starts, starts + NEAR * ticks, "right")
    return [
        note
        for note, low, high in zip(line, first, last, strict=True)
        if note.pitch > pitches[low:high].max() - BELOW
    ]


def _in_beats(note: Struck, ticks: int) -> Tone:
    return Tone(note.start / ticks, (note.end - note.start) / ticks, note.pitch)


def _on_grid(tones: list[Tone]) -> list[Tone]:
    """Move onsets to the nearest sixteenth or triplet; of two on one place the longer stays."""
    out: list[Tone] = []
    for tone in tones:
        start, end = _nearest(tone.beat), _nearest(tone.beat + tone.length)
        moved = Tone(start, max(end - start, 0.25), tone.pitch)
        if out and out[-1].beat >= start - 1e-6:
            if moved.length > out[-1].length:
                out[-1] = moved
            continue
        out.append(moved)
    return out


def _nearest(beat: float) -> float:
    whole = float(np.floor(beat))
    return whole + min(GRID, key=lambda place: abs(beat - whole - place))


def _clock(score: Score, voice: Voice) -> tuple[Array, Array, Array]:
    """Return a voice's tempo map: ticks, their seconds, and the seconds per tick from there."""
    own = (row[1:] for row in score.tempi if not score.apart or row[0] == voice.track)
    changes = dict([(0, DEFAULT_TEMPO), *sorted(own, key=lambda row: row[0])])
    ticks, tempi = np.array(list(changes), float), np.array(list(changes.values()), float)
    passed = np.diff(ticks) * tempi[:-1] / score.ticks / 1e6
    return ticks, np.concatenate([[0.0], np.cumsum(passed)]), tempi / score.ticks / 1e6


def _seconds(tick: int, clock: tuple[Array, Array, Array]) -> float:
    ticks, seconds, pace = clock
    last = int(np.searchsorted(ticks, tick, "right")) - 1
    return float(seconds[last] + (tick - ticks[last]) * pace[last])


def _tempo(score: Score, voice: Voice, line: list[Struck]) -> tuple[float, list[str]]:
    """Return the tune's mean tempo in beats per minute, and what is to be said of it."""
    clock = _clock(score, voice)
    begin, end = line[0].start, line[-1].end
    beats = (end - begin) / score.ticks
    mean = 60 * beats / (_seconds(end, clock) - _seconds(begin, clock))
    ticks, _, pace = clock
    first = int(np.searchsorted(ticks, begin, "right")) - 1
    seen = 60 / (pace[first : int(np.searchsorted(ticks, end))] * score.ticks)
    low, high = float(seen.min()), float(seen.max())
    if high <= 1.05 * low:
        return mean, []
    return mean, [
        f"The song's tempo goes from {low:.0f} to {high:.0f} bpm; its mean, {mean:.0f}, is taken."
    ]


def _played_freely(
    played: list[Tone], line: list[Struck], clock: tuple[Array, Array, Array]
) -> list[Sung]:
    """Return the notes in seconds if the file's beats tell little of them, else none.

    Programs that record a keyboard write a tempo that nobody played to.
    """
    beats = np.array([tone.beat for tone in played])
    away = np.mean([abs(beat - _nearest(beat)) for beat in beats.tolist()])
    if len(line) < FEWEST or away < LOOSE:
        return []
    starts = np.array([_seconds(note.start, clock) for note in line])
    period = (starts[-1] - starts[0]) / (beats[-1] - beats[0])
    written = max(float(np.mean(rhythm.explained(beats, period, places))) for places in METRES)
    if written > rhythm.pulse(starts).score - 0.3:
        return []
    ends = [_seconds(note.end, clock) for note in line]
    return [
        Sung(start, end, note.pitch, 1.0)
        for start, end, note in zip(starts.tolist(), ends, line, strict=True)
    ]


def _key(score: Score, tones: list[Tone]) -> str | None:
    """Return the tonal centre; C is what programs write that know no key, so it counts for none."""
    if score.key is not None and score.key != "C":
        return score.key
    return tonality.centre([t.pitch for t in tones], [t.length for t in tones])
