"""The verb `rym simulate cohort`: people whose truth is known, to try an evaluation on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ...rig.verbs import Outcome, Verb, number

# Imports stand inside: `rym --help` shall not wait for numpy.
# ruff: noqa: PLC0415

SIZES = {
    "motor": "trace of the hand that holds the key (1: as in the simulated person)",
    "auditory": "response to what is heard, which follows the keys (1: as large as a state)",
    "leak": "what the headphones add to the electrodes",
    "drift": "drift over minutes, beside a row's own spread; in drawn rows only",
}


def add(verbs: Any, verb: Verb) -> None:
    """Add `cohort` to the verbs below `simulate`."""
    words = "SIMULATED people with a known truth: what is true, and recordings for rym evaluate."
    parser = verb(verbs, "cohort", words, _cohort)
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--visits", type=int, default=1, help="recordings of each")
    parser.add_argument("--episodes", type=int, default=12, help="of each visit; multiple of 3")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--strength", type=number(), default=0.0, help="how strongly a state shows")
    how.add_argument(
        "--ideal",
        type=number(),
        help="instead: share of rows in which who knows the model is right",
    )
    parser.add_argument(
        "--shared", type=number(), default=0.5, help="share of the state's trace common to all"
    )
    parser.add_argument(
        "--varies", type=number(), default=0.5, help="how people's strengths differ"
    )
    for name, help_ in SIZES.items():
        default = 0.3 if name == "drift" else 0.0
        parser.add_argument(f"--{name}", type=number(), default=default, help=help_)
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--out", type=Path, help="new folder for recordings, TOML and truth")


def _cohort(arguments: argparse.Namespace) -> Outcome:
    from rym.clock import SystemClock
    from rym.errors import UsageError

    from ...bar import Bar
    from .files import truth_of, write
    from .people import cohort_of, members, strength_for

    names = ("people", "visits", "episodes", "strength", "shared", "varies", *SIZES)
    values = {name: getattr(arguments, name) for name in names}
    if arguments.seed < 0:
        raise UsageError(f"--seed is {arguments.seed}.", "Give a whole number from 0 on.")
    if arguments.ideal is not None:
        values["strength"] = strength_for(arguments.ideal, cohort_of(**values))
    cohort = cohort_of(**values)
    if arguments.out is None:
        truth = truth_of(cohort, arguments.seed, members(cohort, arguments.seed))
    else:
        bar = Bar(SystemClock(), sys.stderr)
        truth = write(cohort, arguments.seed, arguments.out, bar)
        truth["folder"] = str(arguments.out)
    if not arguments.json:
        sys.stdout.write(in_words(truth))
    return truth, 0


def in_words(truth: dict[str, Any]) -> str:
    """Return what is true of a cohort, for people."""
    cohort = truth["cohort"]
    strengths = ", ".join(f"{one['name']} {one['strength']:.2f}" for one in truth["people"])
    named = " and ".join(truth["confounds"]) or "none"
    sizes = ", ".join(f"{name} {cohort[name]:g}" for name in ("shared", *SIZES))
    size = f"{cohort['people']} people, {cohort['visits']} × {cohort['episodes']} episodes"
    ideal = f"right in {truth['ideal_observer']:.2f} of all rows, chance is {truth['chance']:.2f}"
    lines = [
        f"SIMULATED cohort, seed {truth['seed']}: {size} of negative, neutral, positive.",
        f"Strength {cohort['strength']:.3f}: who knows the model is {ideal}.",
        f"{sizes[:1].upper()}{sizes[1:]}.",
        f"Own strengths: {strengths}.",
        f"Confounds in it: {named}.",
    ]
    if "folder" in truth:
        folder = truth["folder"]
        lines.append(f"rym evaluate {Path(folder) / 'cohort.toml'} --data {folder}")
    return "\n".join(lines) + "\n"
