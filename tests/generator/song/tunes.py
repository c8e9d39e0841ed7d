"""Tunes that belong to nobody, as notes, and what they sound like when sung or played."""

from __future__ import annotations

import io

import mido
import numpy as np

# Rows of (beats, MIDI number); 0 is a rest. All from before 1900, written from memory of the tune.
TUNES = {
    "frere jacques": [
        (1, 60), (1, 62), (1, 64), (1, 60), (1, 60), (1, 62), (1, 64), (1, 60),
        (1, 64), (1, 65), (2, 67), (1, 64), (1, 65), (2, 67),
        (0.5, 67), (0.5, 69), (0.5, 67), (0.5, 65), (1, 64), (1, 60),
        (0.5, 67), (0.5, 69), (0.5, 67), (0.5, 65), (1, 64), (1, 60),
    ],
    "ode to joy": [
        (1, 66), (1, 66), (1, 67), (1, 69), (1, 69), (1, 67), (1, 66), (1, 64),
        (1, 62), (1, 62), (1, 64), (1, 66), (1.5, 66), (0.5, 64), (2, 64),
        (1, 66), (1, 66), (1, 67), (1, 69), (1, 69), (1, 67), (1, 66), (1, 64),
        (1, 62), (1, 62), (1, 64), (1, 66), (1.5, 64), (0.5, 62), (2, 62),
    ],
    "twinkle": [
        (1, 60), (1, 60), (1, 67), (1, 67), (1, 69), (1, 69), (2, 67),
        (1, 65), (1, 65), (1, 64), (1, 64), (1, 62), (1, 62), (2, 60),
        (1, 67), (1, 67), (1, 65), (1, 65), (1, 64), (1, 64), (2, 62),
    ],
    "greensleeves": [
        (1, 57), (2, 60), (1, 62), (1.5, 64), (0.5, 65), (1, 64), (2, 62), (1, 59),
        (1.5, 55), (0.5, 57), (1, 59), (2, 60), (1, 57), (1.5, 57), (0.5, 56), (1, 57),
        (2, 59), (1, 56), (2, 52),
    ],
    "au clair de la lune": [
        (1, 67), (1, 67), (1, 67), (1, 69), (2, 71), (2, 69), (1, 67), (1, 71), (1, 69), (1, 69),
        (2, 67), (2, 0),
        (1, 69), (1, 69), (1, 69), (1, 69), (2, 64), (2, 64), (1, 69), (1, 67), (1, 66), (1, 64),
        (3, 62),
    ],
    "amazing grace": [
        (1, 62), (2, 67), (0.5, 71), (0.5, 67), (2, 71), (1, 69), (2, 67), (1, 64), (2, 62),
        (1, 62), (2, 67), (0.5, 71), (0.5, 67), (2, 71), (1, 69), (4, 74),
    ],
    "good king": [
        (1, 67), (1, 67), (1, 67), (1, 69), (1, 67), (1, 67), (2, 62),
        (1, 64), (1, 62), (1, 64), (1, 66), (2, 67), (2, 67),
        (1, 67), (1, 67), (1, 67), (1, 69), (1, 67), (1, 67), (2, 62),
    ],
    "yankee doodle": [
        (0.5, 67), (0.5, 67), (0.5, 69), (0.5, 71), (0.5, 67), (0.5, 71), (1, 69),
        (0.5, 67), (0.5, 67), (0.5, 69), (0.5, 71), (1, 67), (1, 66),
        (0.5, 67), (0.5, 67), (0.5, 69), (0.5, 71), (0.5, 72), (0.5, 71), (0.5, 69), (0.5, 67),
        (0.5, 66), (0.5, 62), (0.5, 64), (0.5, 66), (1, 67), (1, 67),
    ],
}  # fmt: skip

Placed = tuple[float, float, int]
"""Beat, length, pitch."""


def placed(name: str) -> list[Placed]:
    """Return a tune's notes with their onsets in beats, rests left out."""
    out, beat = [], 0.0
    for length, pitch in TUNES[name]:
        if pitch:
            out.append((beat, float(length), pitch))
        beat += length
    return out


def track(
    notes: list[Placed], channel: int = 0, ticks: int = 480, **head: object
) -> mido.MidiTrack:
    """Return a MIDI track that plays the notes, with what its head says."""
    made = mido.MidiTrack()
    if "name" in head:
        made.append(mido.MetaMessage("track_name", name=head["name"]))
    if "bpm" in head:
        made.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(head["bpm"])))
    if "key" in head:
        made.append(mido.MetaMessage("key_signature", key=head["key"]))
    if "beats" in head:
        made.append(mido.MetaMessage("time_signature", numerator=head["beats"]))
    if "program" in head:
        made.append(mido.Message("program_change", channel=channel, program=head["program"]))
    events = []
    for beat, length, pitch in notes:
        events.append((round(beat * ticks), 1, "note_on", pitch))
        events.append((round((beat + length) * ticks), 0, "note_off", pitch))
    now = 0
    for tick, _, kind, pitch in sorted(events):
        made.append(mido.Message(kind, channel=channel, note=pitch, velocity=80, time=tick - now))
        now = tick
    return made


def midi(*tracks: mido.MidiTrack, kind: int = 1, ticks: int = 480) -> bytes:
    """Return the bytes of a MIDI file."""
    file, out = mido.MidiFile(type=kind, ticks_per_beat=ticks), io.BytesIO()
    file.tracks.extend(tracks)
    file.save(file=out)
    return out.getvalue()


def chords(notes: list[Placed]) -> list[Placed]:
    """Return a triad and a bass per bar of four beats that holds what is sung in it."""
    triads = [(0, 4, 7), (5, 9, 0), (7, 11, 2), (9, 0, 4), (2, 5, 9), (4, 7, 11)]
    scale = _scale(notes)
    out = []
    for bar in range(int(np.ceil((notes[-1][0] + notes[-1][1]) / 4))):
        sung = [n for n in notes if 4 * bar <= n[0] < 4 * bar + 4]

        def fit(triad: tuple[int, ...], sung: list[Placed] = sung) -> float:
            return sum(n[1] for n in sung if (n[2] - scale) % 12 in triad)

        best = max(triads, key=fit)
        out += [(4.0 * bar, 4.0, 48 + (scale + step) % 12) for step in best]
        out.append((4.0 * bar, 4.0, 36 + (scale + best[0]) % 12))
    return out


def _scale(notes: list[Placed]) -> int:
    """Return the centre of the major scale that holds most of the notes."""
    steps = (0, 2, 4, 5, 7, 9, 11)
    last = notes[-1][2] % 12
    held = [sum(n[1] for n in notes if (n[2] - k) % 12 in steps) + (k == last) for k in range(12)]
    return int(np.argmax(held))


def in_order(wanted: list[int], found: list[int]) -> float:
    """Return the share of `wanted` that is in `found` in order: longest common subsequence."""
    row = np.zeros(len(found) + 1, int)
    for value in wanted:
        before = row.copy()
        for k, other in enumerate(found):
            row[k + 1] = before[k] + 1 if value == other else max(row[k], before[k + 1])
    return float(row[-1]) / len(wanted)


def classes(notes: list[Placed]) -> list[int]:
    """Return the pitch classes in order."""
    return [note[2] % 12 for note in notes]
