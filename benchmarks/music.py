"""The procedural music over many seeds, as tools that are not ours hear it.

    python benchmarks/music.py --first 100 --seeds 20     # about 10 minutes on one core
    python benchmarks/music.py --figures docs/bank       # spectrograms and notes

Each row: a measure, its mean over what was measured, and the share of it that holds what it should.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

# A script's own folder comes first on the path, where packages of the same name would be hidden.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np

from benchmarks import ears
from generator.drafts import Draft, Place
from generator.memory import MelodyNote, Memory
from generator.music.musician import Composer
from generator.music.theory import semitones
from generator.settings import GeneratorSettings
from generator.sound import mastering, measures, timing
from rym.messages import AFFECTS

SETTINGS = GeneratorSettings()
RATE = SETTINGS.rate
PLACES = list(itertools.product(range(SETTINGS.sections), range(SETTINGS.variants)))

SONGS = {
    "a pick-up, long tones, in Gb": [
        *((0, 1, 61), (1, 2, 66), (3, 1, 68), (4, 1, 70), (5, 3, 66), (8, 1, 63)),
        *((9, 2, 68), (11, 1, 70), (12, 1, 71), (13, 3, 68), (16, 1, 66), (17, 3, 66)),
    ],
    "a waltz": [
        *((0, 2, 62), (2, 1, 66), (3, 2, 69), (5, 1, 67), (6, 2, 66), (8, 1, 64), (9, 3, 62)),
        *(
            (12, 2, 64),
            (14, 1, 66),
            (15, 2, 67),
            (17, 1, 69),
            (18, 2, 66),
            (20, 1, 64),
            (21, 3, 62),
        ),
    ],
    "triplets, chromatic tones, two octaves, in E minor": [
        *((0, 1, 52), (1, 1 / 3, 59), (4 / 3, 1 / 3, 60), (5 / 3, 1 / 3, 59), (2, 2, 64)),
        *((4, 1, 63), (5, 1, 64), (6, 2, 67), (8, 1.5, 76), (9.5, 0.5, 75), (10, 2, 71)),
        *((12, 1, 66), (13, 1, 65), (14, 2, 64)),
    ],
}


class Clip(NamedTuple):
    """One clip, at its loudness, and as heard."""

    draft: Draft
    sound: ears.Array
    heard: ears.Heard


Found = dict[str, list[tuple[float, bool]]]
"""Per measure: each value, and whether it holds."""


def clip(composer: Composer, place: Place) -> Clip:
    """Make one clip and listen to it."""
    draft = composer.play(place, 0)
    sound = draft.sound * 10 ** ((-20 - mastering.loudness(draft.sound, RATE)) / 20)
    return Clip(draft, sound, ears.hear(sound, RATE))


def rises(values: list[float]) -> bool:
    """Tell whether each is above the one before."""
    return all(a < b for a, b in itertools.pairwise(values))


def piece(seed: int, found: Found) -> None:
    """Measure all loops of one seed."""
    composer = Composer(Memory(text="x", seed=seed), SETTINGS)
    start = time.perf_counter()
    drafts = {(s, v, a): clip(composer, Place(s, v, a)) for s, v in PLACES for a in AFFECTS}
    found["seconds per clip, listening included"].append(
        ((time.perf_counter() - start) / len(drafts), True)
    )
    _affects(drafts, found)
    _time(drafts, composer.piece.bpm, found)
    _variety(drafts, composer.piece.bpm, found)
    _balance(drafts, found)
    for section, variant in PLACES:
        tune = pitch_classes(composer, section)
        _tune(tune, drafts[section, variant, "neutral"].heard, found, "the tune")
    _endings(composer, seed % SETTINGS.sections, found)


def pitch_classes(composer: Composer, section: int) -> list[int]:
    """Return a section's tune as pitch classes."""
    made = composer.piece
    return [
        (made.tonic + semitones(tone.degree, made.modes["neutral"]) + tone.shift) % 12
        for tone in made.sections[section][0].tune
    ]


def _affects(drafts: dict[Any, Clip], found: Found) -> None:
    """Mode and brightness from negative over neutral to positive."""
    hearings = {
        "mode, Krumhansl": lambda c: ears.mode(c.heard, "krumhansl"),
        "mode, Temperley": lambda c: ears.mode(c.heard, "temperley"),
        "mode, our own": lambda c: measures.mode_score(c.sound, RATE),
        "centroid, librosa": lambda c: ears.centroid(c.heard),
        "centroid, our own": lambda c: measures.spectral_centroid(c.sound, RATE),
    }
    for name, hearing in hearings.items():
        values = {key: hearing(one) for key, one in drafts.items()}
        for section, variant in PLACES:
            row = [values[section, variant, affect] for affect in AFFECTS]
            found[f"{name}: rises, clip by clip"].append((row[2] - row[0], rises(row)))
        for section in range(SETTINGS.sections):
            row = [
                float(np.mean([values[section, v, affect] for v in range(SETTINGS.variants)]))
                for affect in AFFECTS
            ]
            found[f"{name}: rises, section by section"].append((row[2] - row[0], rises(row)))
            found[f"{name}: pleasant above unpleasant, section by section"].append(
                (row[2] - row[0], row[2] > row[0])
            )
            for affect, value in zip(AFFECTS, row, strict=True):
                found[f"{name}: {affect}"].append((value, True))


def _time(drafts: dict[Any, Clip], bpm: float, found: Found) -> None:
    """Beat and onsets."""
    for one in drafts.values():
        error = ears.beat_error(one.heard, bpm)
        found["beat within 2 %, librosa"].append((error, error <= 0.02))
        own = abs((timing.tempo_ratio(one.sound, RATE, bpm) or 1.1) - 1.0)
        found["beat within 0.2 %, our own"].append((own, own <= 0.002))
    for section, variant in PLACES:
        for a, b in itertools.combinations(AFFECTS, 2):
            lag = ears.lag_ms(
                drafts[section, variant, a].heard, drafts[section, variant, b].heard, bpm
            )
            found["siblings' onsets within 25 ms"].append((lag, lag <= 25))


def _variety(drafts: dict[Any, Clip], bpm: float, found: Found) -> None:
    """Find the most alike of all pairs of four-bar stretches, per affect."""
    for affect in AFFECTS:
        stretches = [
            (drafts[section, variant, affect].heard, bar * 240 / bpm)
            for section, variant in PLACES
            for bar in range(0, SETTINGS.bars, 4)
        ]
        pairs = [float(np.mean(ears.alike(a, b, bpm)))
                 for a, b in itertools.combinations(stretches, 2)]  # fmt: skip
        found["most alike of 66 pairs of four bars, at most 0.95"].append(
            (max(pairs), max(pairs) <= 0.95)
        )
        seconds = _different(len(stretches), pairs) * 4 * 240 / bpm
        found["seconds without two four bars more alike than 0.95, at least 60"].append(
            (seconds, seconds >= 60)
        )
        found["pairs of four bars: median likeness"].append((float(np.median(pairs)), True))


def _different(n: int, pairs: list[float]) -> int:
    """Return how many of n stretches stay if of every two that are too alike one is left out."""
    kept: list[int] = []
    likeness = dict(zip(itertools.combinations(range(n), 2), pairs, strict=True))
    for k in range(n):
        if all(likeness[j, k] <= 0.95 for j in kept):
            kept.append(k)
    return len(kept)


def _balance(drafts: dict[Any, Clip], found: Found) -> None:
    """Peaks, treble and low end, per affect."""
    for (_, _, affect), one in drafts.items():
        crest = mastering.decibel(float(np.abs(one.sound).max())) - measures.rms_db(one.sound)
        power = np.abs(np.fft.rfft(one.sound.mean(axis=1))) ** 2
        hz = np.fft.rfftfreq(len(one.sound), 1 / RATE)
        found[f"crest factor in dB: {affect}"].append((crest, crest < 20))
        treble, low = (100 * float(power[inside].sum() / power.sum())
                       for inside in (hz > 4000, hz < 120))  # fmt: skip
        found[f"energy above 4 kHz in %: {affect}"].append((treble, treble < 2))
        found[f"energy below 120 Hz in %: {affect}"].append((low, low < 50))


def _tune(tune: list[int], heard: ears.Heard, found: Found, name: str) -> None:
    """How much of the tune stands out in neutral; beside it, tunes of the same tones, shuffled."""
    rng = np.random.default_rng(0)
    tones = ears.followed(heard)
    share = ears.kept(tune, tones)
    control = float(np.mean([ears.kept(list(rng.permutation(tune)), tones) for _ in range(10)]))
    found[f"{name}, found in neutral"].append((share, share >= 0.9))
    found[f"{name}, shuffled (control)"].append((control, control < share))


def _endings(composer: Composer, section: int, found: Found) -> None:
    lengths = set()
    for affect in AFFECTS:
        draft = composer.play(Place(section, 0, affect, "ending"), 0)
        lengths.add(len(draft.sound))
        level = mastering.decibel(
            float(np.abs(draft.sound[-RATE // 20 :]).max() / np.abs(draft.sound).max())
        )
        found["endings: last 50 ms against the peak, in dB"].append((level, level <= -60))
        bars = draft.grid.bars
        last = draft.sound[draft.grid.at(4 * (bars - 2)) : draft.grid.at(4 * bars)]
        low = ears.hear(last, RATE).chroma.mean(axis=1)
        home = int(np.argmax(low)) == composer.piece.tonic % 12
        found["endings: the tonic is the strongest tone of the last chord"].append((home, home))
    found["endings: all affects equally long"].append((len(lengths), len(lengths) == 1))


def songs(found: Found) -> None:
    """Measure songs that a person might give."""
    for rows in SONGS.values():
        melody = tuple(MelodyNote(*row) for row in rows)
        composer = Composer(Memory(text="x", seed=1, melody=melody), SETTINGS)
        for section in range(SETTINGS.sections):
            heard = clip(composer, Place(section, 0, "neutral")).heard
            _tune(pitch_classes(composer, section), heard, found, "a person's song")


def table(found: Found) -> list[dict[str, Any]]:
    """Return a row per measure."""
    return [
        {
            "name": name,
            "n": len(rows),
            "mean": round(float(np.mean([value for value, _ in rows])), 3),
            "least": round(min(value for value, _ in rows), 3),
            "most": round(max(value for value, _ in rows), 3),
            "holds": round(float(np.mean([held for _, held in rows])), 3),
        }
        for name, rows in found.items()
    ]


def main() -> None:
    """Measure and print, or draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    if options.figures:
        from benchmarks import sheets  # noqa: PLC0415 (matplotlib, for drawing only)

        sheets.draw(options.figures)
        return
    found: Found = defaultdict(list)
    songs(found)
    for seed in range(options.first, options.first + options.seeds):
        piece(seed, found)
        print(f"seed {seed}", file=sys.stderr)
    rows = table(found)
    if options.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    print(f"{'':66}{'n':>6}{'mean':>10}{'least':>10}{'most':>10}{'holds':>8}")
    for row in rows:
        print(
            f"{row['name']:66}{row['n']:6}{row['mean']:10.3f}{row['least']:10.3f}"
            f"{row['most']:10.3f}{row['holds']:8.1%}"
        )


if __name__ == "__main__":
    main()
