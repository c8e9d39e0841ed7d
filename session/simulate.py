"""Many simulated sessions on a fast clock: `rym simulate`.

The same objects as in a live session, joined in one process without LSL, MQTT or sound, see
`session.simulated`. One session says nothing; what is given is the mean over persons with its
interval.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from decoder.scoring.intervals import over_people
from decoder.settings import DecoderSettings, TrainingSettings
from player.settings import PlayerSettings
from rym.messages import AFFECTS, Affect, LabelState, Window

from .after.training import Asked
from .simulated import life
from .simulated.life import RATE, Plan
from .simulated.measures import Answered, Heard, Measured, answered, heard, measure

__all__ = ["RATE", "Life", "Outcome", "live", "run_one", "settings_for", "simulate", "summarize"]


Preset = Literal["close", "gentle", "paper"]


class Life(NamedTuple):
    """What a person gave off and did, from 0 s on."""

    windows: list[Window]
    keys: list[tuple[float, LabelState]]
    felt: list[tuple[float, Affect]]


def live(seed: int, strength: float, phases: dict[str, float]) -> Life:
    """Let a deaf simulated person live through some phases, without a decoder.

    Parameters
    ----------
    seed : int
        Of the person.
    strength : float
        How strongly a state shows, 0 not at all.
    phases : dict of str to float
        Seconds of each, in order.
    """
    body, windows = life.through(Plan(seed, strength), phases)
    return Life(windows, body.keys, body.felt)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated session."""

    decoder: str
    verdict: str
    keys: float
    """Held-out score of the calibration against its keys: what the verdict rests on."""
    measured: Measured
    heard: dict[Affect, Heard]
    answered: Answered


def run_one(
    plan: Plan, candidate: Asked = "auto", learning: bool = False, preset: Preset = "gentle"
) -> Outcome:
    """Run one session from rest to score.

    Parameters
    ----------
    plan : Plan
        What the person and the session are like.
    candidate : {'auto', 'cebra-knn', 'lda', 'riemann'}
        Which decoder is trained; `auto` lets the calibration choose.
    learning : bool
        Whether a memory learns from the keys of the feedback; else none of them is used.
    preset : {'close', 'gentle', 'paper'}
        How soon and how fast the music changes.
    """
    settings = settings_for(candidate, learning=learning)
    person = life.calibrated(plan)
    model, scores = life.learn(person, settings)
    lived = life.live(person, model, [settings], PlayerSettings(preset=preset))
    return Outcome(
        decoder=scores.chosen,
        verdict=scores.verdict,
        keys=scores.score,
        measured=measure(lived, lived.told[0]),
        heard=heard(lived.played, plan.turn, plan.end),
        answered=answered(lived),
    )


def settings_for(candidate: Asked, *, learning: bool) -> DecoderSettings:
    """Return a decoder's settings; the verdict does not keep its answers back."""
    settings = DecoderSettings(drive="always", training=TrainingSettings(candidate=candidate))
    how = msgspec.structs.replace(settings.learning, frozen=not learning)
    return msgspec.structs.replace(settings, learning=how)


def simulate(
    *,
    seeds: int,
    plan: Plan,
    candidate: Asked,
    learning: bool,
    quiet: bool,
    preset: Preset = "gentle",
) -> dict[str, Any]:
    """Run sessions with the seeds 0, 1, … and return their mean with its 95 % interval.

    Parameters
    ----------
    seeds : int
        Number of persons, 2 or more.
    plan : Plan
        What persons and sessions are like; its seed does not matter.
    candidate : {'auto', 'cebra-knn', 'lda', 'riemann'}
        Which decoder is trained; `auto` lets the calibration choose.
    learning : bool
        Whether a memory learns from the keys of the feedback.
    quiet : bool
        True writes no progress.
    preset : {'close', 'gentle', 'paper'}
        How soon and how fast the music changes.
    """
    outcomes = []
    plans = [plan._replace(seed=seed) for seed in range(seeds)]
    # One thread per process: two processes with two threads each would wait for one another.
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        done = pool.map(run_one, plans, repeat(candidate), repeat(learning), repeat(preset))
        for seed, outcome in enumerate(done):
            outcomes.append(outcome)
            if not quiet:
                sys.stderr.write(f"{_in_words(seed, outcome)}\n")
    result = summarize(outcomes)
    if not quiet:
        sys.stdout.write(f"{result['in_words']}\n{result['felt_to_heard']['in_words']}\n")
    return result


def _in_words(seed: int, outcome: Outcome) -> str:
    of = outcome.measured
    return (
        f"person {seed:3}: {of.balanced_accuracy:.3f} at {of.delay:.2f} s, "
        f"{of.undelayed:.3f} without, {of.n_states} states, {outcome.decoder}, "
        f"verdict {outcome.verdict}, {of.lessons} lessons"
    )


def summarize(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return mean, standard error and 95 % interval (Student's t over persons), and verdicts.

    Below three persons there is no interval.
    """
    scores = np.array([outcome.measured.balanced_accuracy for outcome in outcomes])
    found = over_people(scores)
    verdicts = [outcome.verdict for outcome in outcomes]
    counts = {name: verdicts.count(name) for name in ("follows", "unclear", "guessing")}
    told = ", ".join(f"{count} × {name}" for name, count in counts.items())
    interval = "no 95 % interval"
    if found.interval is not None:
        interval = f"95 % interval {found.interval[0]:.3f} to {found.interval[1]:.3f}"
    return {
        "n": len(scores),
        "balanced_accuracy": found.mean,
        "standard_error": found.standard_error,
        "interval": None if found.interval is None else list(found.interval),
        "chance": 1 / len(AFFECTS),
        "undelayed": float(np.mean([outcome.measured.undelayed for outcome in outcomes])),
        "felt_to_heard": _felt_to_heard([outcome.answered for outcome in outcomes]),
        "verdicts": counts,
        "persons": [msgspec.to_builtins(outcome) for outcome in outcomes],
        "in_words": (
            f"{len(scores)} persons: balanced accuracy {found.mean:.3f} ± "
            f"{found.standard_error or 0.0:.3f} (standard error), {interval}, chance 0.333; {told}"
        ),
    }


def _felt_to_heard(answers: list[Answered]) -> dict[str, Any]:
    """Return the median over all changes, and the mean of the persons' medians with its interval.

    Changes that were never answered lie in no median: how many there were is told beside it.
    """
    seconds = [s for one in answers for s in one.seconds]
    medians = [one.median for one in answers if one.median is not None]
    never, already = sum(one.never for one in answers), sum(one.already for one in answers)
    told = {"n": len(seconds), "never": never, "already": already}
    if not seconds:
        return told | {"in_words": "Felt → half-way heard: no change was answered."}
    p50, p90 = np.percentile(seconds, [50, 90]).tolist()
    found = over_people(np.array(medians))
    interval = "no 95 % interval"
    if found.interval is not None:
        interval = f"95 % interval {found.interval[0]:.2f} to {found.interval[1]:.2f} s"
    return told | {
        "p50": p50,
        "p90": p90,
        "median_of_a_person": found.mean,
        "interval": None if found.interval is None else list(found.interval),
        "in_words": (
            f"Felt → half-way heard: median {p50:.2f} s, 90 % within {p90:.2f} s, of "
            f"{len(seconds)} changes; a person's median {found.mean:.2f} s, {interval}; "
            f"{never} changes were not answered before the next one, {already} were to what was "
            "heard already"
        ),
    }
