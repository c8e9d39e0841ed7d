"""Many simulated sessions on a fast clock: `rym simulate`.

The same objects as in a live session, joined in one process without LSL, MQTT or sound: a deaf
simulated person, the stream's line, training, the decoder. One session says nothing; what is given
is the mean over persons with its interval.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import Any, NamedTuple

import msgspec
import numpy as np
from scipy.stats import t as student

from decoder.decoder import Decoder
from decoder.rows import rows_from
from decoder.settings import DecoderSettings, TrainingSettings
from decoder.training import fit
from rym.messages import AFFECTS, Affect, LabelState, Window
from stream.line import StreamLine
from stream.montage import ENOBIO20
from stream.settings import StreamSettings
from stream.simulated.simulator import SimulatedPerson, SimulatedSource

from .after.episodes import Span, Steps, score
from .after.training import Asked

RATE = 500
CHUNK = 250
"""Samples given off at a time; the windows do not depend on it."""
REST = 20.0
"""Seconds of rest before the calibration."""


class Outcome(NamedTuple):
    """One simulated session."""

    balanced_accuracy: float
    """At the declared delay, against what the person felt."""
    undelayed: float
    """The same without any delay."""
    keys: float
    """Held-out score of the calibration against its keys: what the verdict rests on."""
    verdict: str
    decoder: str
    delay: float
    """Declared, in seconds."""
    n_states: int
    """Independent states in feedback."""


class Life(NamedTuple):
    """What a person gave off and did, from 0 s on."""

    windows: list[Window]
    keys: list[tuple[float, LabelState]]
    felt: list[tuple[float, Affect]]


def live(seed: int, strength: float, phases: dict[str, float]) -> Life:
    """Let a deaf simulated person live through some phases.

    Parameters
    ----------
    seed : int
        Of the person.
    strength : float
        How strongly a state shows, 0 not at all.
    phases : dict of str to float
        Seconds of each, in order.
    """
    person = SimulatedPerson(SimulatedSource(seed=seed, strength=strength, coupling=0.0))
    line = StreamLine(StreamSettings(), ENOBIO20, RATE)
    life = Life([], [], [])
    for name, n_samples in _steps(phases):
        chunk = person.advance(n_samples, audible=None, phase=name)
        stamps = (chunk.first + np.arange(len(chunk.samples))) / RATE
        life.windows.extend(window for window, _ in line.push(chunk.samples, stamps))
        life.keys.extend((key.sample / RATE, key.state) for key in chunk.keys)
        life.felt.extend((felt.sample / RATE, felt.state) for felt in chunk.felt)
    return life


def _steps(phases: dict[str, float]) -> Iterator[tuple[str, int]]:
    for name, seconds in phases.items():
        left = round(seconds * RATE)
        while left > 0:
            yield name, min(CHUNK, left)
            left -= CHUNK


def run_one(
    seed: int,
    strength: float,
    calibration: float,
    feedback: float,
    candidate: Asked = "auto",
) -> Outcome:
    """Run one session from rest to score; no key of the feedback is used."""
    settings = DecoderSettings(drive="always", training=TrainingSettings(candidate=candidate))
    begin, turn = REST, REST + calibration
    phases = {"rest": REST, "calibration": calibration, "feedback": feedback}
    life = live(seed, strength, phases)
    rows = rows_from(
        [window for window in life.windows if window.t_last <= turn],
        [key for key in life.keys if key[0] <= turn],
        settings,
        baseline=[(0.0, begin)],
        learn=[(begin, turn)],
    )
    model, scores = fit(rows, settings, seed)
    decoder = Decoder(settings)
    decoder.load(model)
    decoded = [decoder.step(window) for window in life.windows if window.t_last > turn]
    delay = decoder.declared_delay
    seconds = delay.total if delay is not None else 0.0
    times, states = zip(*life.felt, strict=True)
    felt = Steps(times=times, states=states)
    span = [Span(name="feedback", index=2, start=turn, end=turn + feedback, cut=False)]
    late, at_once = (
        score("truth", decoded, felt, span, d, declared=bool(d)) for d in (seconds, 0.0)
    )
    return Outcome(
        balanced_accuracy=late.balanced_accuracy or 0.0,
        undelayed=at_once.balanced_accuracy or 0.0,
        keys=scores.score,
        verdict=scores.verdict,
        decoder=scores.chosen,
        delay=seconds,
        n_states=late.n_states,
    )


def simulate(
    *,
    seeds: int,
    strength: float,
    calibration: float,
    feedback: float,
    candidate: Asked,
    quiet: bool,
) -> dict[str, Any]:
    """Run sessions with the seeds 0, 1, … and return their mean with its 95 % interval.

    Parameters
    ----------
    seeds : int
        Number of persons, 2 or more.
    strength : float
        How strongly a state shows, 0 not at all.
    calibration, feedback : float
        Seconds.
    candidate : {'auto', 'cebra-knn', 'lda', 'riemann'}
        Which decoder is trained; `auto` lets the calibration choose.
    quiet : bool
        True writes no progress.
    """
    outcomes = []
    arguments = [repeat(x) for x in (strength, calibration, feedback, candidate)]
    # One thread per process: two processes with two threads each would wait for one another.
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        for seed, outcome in enumerate(pool.map(run_one, range(seeds), *arguments)):
            outcomes.append(outcome)
            if not quiet:
                sys.stderr.write(f"{_in_words(seed, outcome)}\n")
    result = summarize(outcomes)
    if not quiet:
        sys.stdout.write(f"{result['in_words']}\n")
    return result


def _in_words(seed: int, outcome: Outcome) -> str:
    return (
        f"person {seed:3}: {outcome.balanced_accuracy:.3f} at {outcome.delay:.2f} s, "
        f"{outcome.undelayed:.3f} without, {outcome.n_states} states, {outcome.decoder}, "
        f"verdict {outcome.verdict}"
    )


def summarize(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return mean, standard error and 95 % interval (Student's t over persons), and verdicts."""
    scores = np.array([outcome.balanced_accuracy for outcome in outcomes])
    n = len(scores)
    error = float(scores.std(ddof=1) / np.sqrt(n))
    half = float(student.ppf(0.975, n - 1)) * error
    mean = float(scores.mean())
    verdicts = [outcome.verdict for outcome in outcomes]
    counts = {name: verdicts.count(name) for name in ("follows", "unclear", "guessing")}
    told = ", ".join(f"{count} × {name}" for name, count in counts.items())
    return {
        "n": n,
        "balanced_accuracy": mean,
        "standard_error": error,
        "interval": [mean - half, mean + half],
        "chance": 1 / len(AFFECTS),
        "undelayed": float(np.mean([outcome.undelayed for outcome in outcomes])),
        "verdicts": counts,
        "persons": [msgspec.to_builtins(outcome._asdict()) for outcome in outcomes],
        "in_words": (
            f"{n} persons: balanced accuracy {mean:.3f} ± {error:.3f} (standard error), 95 % "
            f"interval {mean - half:.3f} to {mean + half:.3f}, chance 0.333; {told}"
        ),
    }
