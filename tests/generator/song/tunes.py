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


def classes(notes: list[Placed]) -> list[int]:
    """Return the pitch classes in order."""
    return [note[2] % 12 for note in notes]


RATE = 22_050


def sung(notes: list[Placed], bpm: float, seed: int = 0, **how: object) -> np.ndarray:
    """Return a tune as sound at 22 050 Hz, peak about 0.5.

    `voice`: "hum" (sawtooth through a soft filter, slides, a breath between notes), "sine" (with
    vibrato) or "pluck". `cents` off A4 = 440 Hz; `jitter` of the onsets in seconds; `snr` in dB;
    `drift`: share by which it gets faster until the end.
    """
    voice, cents = how.get("voice", "hum"), how.get("cents", 0.0)
    rng = np.random.default_rng(seed)
    end = max(beat + length for beat, length, _ in notes)
    drift = how.get("drift", 0.0)

    def at(beat: float) -> float:
        return 0.4 + beat * 60 / bpm * (1 - drift * beat / end / 2)

    sound = np.zeros(round((at(end) + 0.8) * RATE))
    for beat, length, pitch in notes:
        start = max(0.05, at(beat) + how.get("jitter", 0.01) * rng.standard_normal())
        n = round((at(beat + length) - at(beat)) * RATE)
        tone = VOICES[voice](440 * 2 ** ((pitch - 69 + cents / 100) / 12), n, rng)
        begin = round(start * RATE)
        piece = sound[begin : begin + len(tone)]
        piece += tone[: len(piece)]
    noise = rng.standard_normal(len(sound))
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-how.get("snr", 20.0) / 20)
    sound += noise * level
    return 0.5 * sound / np.abs(sound).max()


def _sine(hz: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a whistled tone with vibrato, set off a little from the next."""
    n -= round(0.02 * RATE)
    t = np.arange(n) / RATE
    cents = 40 * np.sin(2 * np.pi * 5.5 * t + rng.uniform(0, 6)) * np.clip(t / 0.2, 0, 1)
    phase = 2 * np.pi * np.cumsum(hz * 2 ** (cents / 1200)) / RATE
    return np.sin(phase) * _swell(n, 0.03, 0.05)


def _hum(hz: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a sawtooth that slides into its note from a semitone or two beside it."""
    t = np.arange(n) / RATE
    slide = rng.uniform(-2, 2) * np.exp(-t / 0.025)
    wander = np.interp(
        t,
        np.arange(0, t[-1] + 0.3, 0.25),
        0.12
        * rng.standard_normal(int(t[-1] / 0.25 + 2.2) + 1)[: len(np.arange(0, t[-1] + 0.3, 0.25))],
    )
    phase = 2 * np.pi * np.cumsum(hz * 2 ** ((slide + wander) / 12)) / RATE
    saw = sum(np.sin(k * phase) / k**1.5 for k in range(1, 12) if k * hz < 9000)
    return saw * _swell(n, 0.04, 0.07)


def _pluck(hz: float, n: int, rng: np.random.Generator) -> np.ndarray:
    n += round(0.15 * RATE)
    t = np.arange(n) / RATE
    tone = sum(
        np.sin(2 * np.pi * k * hz * t) * np.exp(-t * (2.0 + 0.8 * k)) / k
        for k in range(1, 9)
        if k * hz < 9000
    )
    return tone * _swell(n, 0.004, 0.15)


VOICES = {"sine": _sine, "hum": _hum, "pluck": _pluck}


def _swell(n: int, attack: float, release: float) -> np.ndarray:
    t = np.arange(n) / RATE
    return np.clip(t / attack, 0, 1) * np.clip((n / RATE - t) / release, 0, 1)


def over_chords(notes: list[Placed], bpm: float, db: float = 6.0, **how: object) -> np.ndarray:
    """Return the tune, louder by `db` than plucked chords under it."""
    tune = sung(notes, bpm, snr=200.0, **how)
    below = np.zeros(len(tune))
    for beat, length, pitch in chords(notes):
        for k in range(int(length)):
            tone = _pluck(440 * 2 ** ((pitch - 69) / 12), round(60 / bpm * RATE), None)
            begin = round((0.4 + (beat + k) * 60 / bpm) * RATE)
            piece = below[begin : begin + len(tone)]
            piece += tone[: len(piece)]
    below *= np.sqrt(np.mean(tune**2) / np.mean(below**2)) * 10 ** (-db / 20)
    mixed = tune + below
    return 0.5 * mixed / np.abs(mixed).max()


def aligned(wanted: list[int], found: list[int]) -> list[tuple[int, int]]:
    """Return the places of a longest common subsequence in both."""
    n, m = len(wanted), len(found)
    longest = np.zeros((n + 1, m + 1), int)
    for i in range(n):
        for j in range(m):
            same = wanted[i] == found[j]
            longest[i + 1, j + 1] = (
                longest[i, j] + 1 if same else max(longest[i, j + 1], longest[i + 1, j])
            )
    pairs, i, j = [], n, m
    while i and j:
        if wanted[i - 1] == found[j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif longest[i - 1, j] >= longest[i, j - 1]:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]
