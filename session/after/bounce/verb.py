"""The verb `rym bank bounce`: a bank along a sequence, without a session."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ...rig.verbs import Outcome, Verb

# Imports stand inside the verb: `rym --help` shall not wait for numpy.
# ruff: noqa: PLC0415


def add(inner: Any, verb: Verb) -> None:
    """Add `bounce` to the verbs of `rym bank`."""
    words = "Write a bank's sound and pictures along a sequence of states, as FLAC and MP4."
    parser = verb(inner, "bounce", words, _bounce)
    parser.add_argument("bank", type=Path, metavar="DIR", help="the bank's folder")
    parser.add_argument(
        "--sequence",
        type=Path,
        required=True,
        metavar="FILE",
        help="TOML with [player] sequence: rows of state and seconds",
    )
    parser.add_argument(
        "--preset", choices=["close", "gentle", "paper"], help="over what the file says"
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder (default: this one)")


def _bounce(arguments: argparse.Namespace) -> Outcome:
    import msgspec

    from rym.clock import SystemClock

    from ...bar import Bar
    from .of_sequence import along

    clock = SystemClock()
    bar = Bar(clock, sys.stderr)
    found = along(
        arguments.sequence,
        arguments.bank,
        arguments.out,
        clock,
        preset=arguments.preset,
        progress=bar,
    )
    bar(1.0, "")
    if not arguments.json:
        sys.stdout.write(found.sentence + "\n")
    return msgspec.to_builtins(found), 0 if found.whole else 1
