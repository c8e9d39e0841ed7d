"""The verb `rym evaluate`: what a score is worth."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..rig.verbs import Outcome, Verb, number

if TYPE_CHECKING:
    from .result import Evaluation, ProtocolResult

# Imports stand inside: `rym --help` shall not wait for numpy.
# ruff: noqa: PLC0415

CHANCE = 3
"""Exit code where the score is not distinguishable from chance."""


def add(verbs: Any, verb: Verb) -> None:
    """Add `evaluate` to the command line's verbs."""
    words = "Scores that a sceptic believes: protocols, controls, nulls, leaks, one verdict."
    parser = verb(verbs, "evaluate", words, _evaluate)
    parser.add_argument(
        "what",
        type=Path,
        nargs="+",
        metavar="WHAT",
        help="a data set's TOML (with --data), a BIDS folder, or sessions' folders",
    )
    parser.add_argument("--data", type=Path, help="the folder that the TOML explains")
    parser.add_argument("--out", type=Path, help="folder of the evaluation; goes on where it is")
    parser.add_argument(
        "--protocol",
        action="append",
        default=[],
        metavar="NAME",
        help="only this one; may be given again",
    )
    parser.add_argument(
        "--decoder",
        action="append",
        default=[],
        metavar="NAME",
        help="only this candidate, beside all controls; may be given again",
    )
    parser.add_argument(
        "--nulls",
        choices=["fast", "full"],
        default="fast",
        help="full: networks are fitted anew for every draw, under the primary protocol",
    )
    parser.add_argument("--seed", type=_whole(0), default=0, help="of everything that is drawn")
    parser.add_argument(
        "--workers", type=_whole(1), default=os.cpu_count() or 1, help="(default: all cores)"
    )
    parser.add_argument(
        "--backend",
        choices=["loky", "dask", "ray"],
        default="loky",
        help="where jobs run: processes here, or a cluster",
    )
    parser.add_argument(
        "--minutes",
        type=number(),
        default=5.0,
        help="of own data that `calibrate` learns from (default: 5)",
    )
    parser.add_argument("--no-page", action="store_true", help="write no evaluation.html")


def _whole(least: int) -> Callable[[str], int]:
    """Return what takes a whole number of the command line that is not less than some other."""

    def take(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"{text!r} is given, a whole number from {least} on is needed"
            )
        return int(text)

    return take


def _evaluate(arguments: argparse.Namespace) -> Outcome:
    from rym.clock import SystemClock

    from ..bar import Bar
    from .data.sources import gather_given
    from .evaluate import Options, check_options, claim, evaluate, looks_at_samples
    from .run import in_turn

    options = Options(
        protocols=tuple(arguments.protocol),
        decoders=tuple(arguments.decoder),
        nulls=arguments.nulls,
        seed=arguments.seed,
        workers=arguments.workers,
        backend=arguments.backend,
        minutes=arguments.minutes,
    )
    check_options(options)
    out = arguments.out or Path("evaluations") / arguments.what[0].resolve().stem
    claim(out)
    bar = Bar(SystemClock(), sys.stderr)
    each = partial(in_turn, workers=options.workers)
    data = gather_given(
        arguments.what,
        arguments.data,
        out / "work",
        each=each,
        progress=bar,
        samples=looks_at_samples(options),
    )
    bar(1.0, "")
    found = evaluate(data, out, options, progress=bar)
    paths = [out / "evaluation.json"]
    if not arguments.no_page:
        paths.append(_page(found, out / "evaluation.html"))
    if not arguments.json:
        from .show.terminal import in_words

        sys.stdout.write(in_words(found, paths))
    return as_json(found, paths), exit_code(found)


def _page(found: Evaluation, path: Path) -> Path:
    from ..folder import write_atomically
    from .show.page import render

    write_atomically(path, render(found).encode())
    return path


def exit_code(found: Evaluation) -> int:
    """Return 0 where something was found, whatever explains it; 3 where it may be chance."""
    return 0 if found.verdict == "follows" or found.verdict.startswith("confounded") else CHANCE


def as_json(found: Evaluation, paths: list[Path]) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "verdict": found.verdict,
        "why": found.why,
        "protocols": [_protocol(protocol) for protocol in found.protocols],
        "leaks": [
            {"name": leak.name, "found": leak.found, "what": leak.what} for leak in found.leaks
        ],
        "warnings": list(found.warnings),
        "simulated": found.data.simulated,
        "evaluation": str(paths[0]),
        "page": str(paths[1]) if len(paths) > 1 else "",
    }


def _protocol(protocol: ProtocolResult) -> dict[str, Any]:
    return {
        "name": protocol.name,
        "leaky": protocol.leaky,
        "primary": protocol.primary,
        "verdict": protocol.verdict,
        "decoders": [
            {
                "name": method.name,
                "kind": method.kind,
                "balanced_accuracy": method.balanced_accuracy,
                "interval": method.interval,
                "null_95": method.null.null_95,
                "p": method.null.p,
            }
            for method in protocol.decoders
        ],
    }
