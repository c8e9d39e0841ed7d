"""Cases gone through with real players and a real sound server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from . import signals
from .cases import Case
from .measure import Heard, measure
from .sound import Ear, server
from .stage import Done

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 200.0
"""Seconds for which cases may take together."""


class PlayersEndedError(Exception):
    """The process with the players did not do its cases; its last words."""


def go_through(cases: Sequence[Case], folder: Path) -> list[Heard]:
    """Go through some cases at the same time and measure each.

    Parameters
    ----------
    cases : sequence of Case
        As many as this machine can play at the same time.
    folder : Path
        An empty one, for the bank, the players' files and the sound server.

    Returns
    -------
    list of Heard
        In the order of the cases.

    Raises
    ------
    PlayersEndedError
        If the players' process failed.
    """
    bank = folder / "bank"
    signals.write(bank)
    with server(folder, len(cases)) as environment:
        ears = [Ear(environment, f"rym{k}") for k in range(len(cases))]
        try:
            words = [
                sys.executable,
                "-m",
                "benchmarks.safety.stage",
                str(bank),
                str(folder / "out"),
            ]
            done = subprocess.run(
                words,
                cwd=ROOT,
                env={**environment, "PYTHONFAULTHANDLER": "1"},
                input=msgspec.json.encode(list(cases)),
                capture_output=True,
                timeout=LONGEST,
                check=False,
            )
            heard = [ear.heard() for ear in ears]
        finally:
            for ear in ears:
                ear.close()
    if not done.stdout:
        said = done.stderr.decode(errors="replace")[-2000:]
        raise PlayersEndedError(f"The players ended with {done.returncode}: {said}")
    what = msgspec.json.decode(done.stdout, type=list[Done])
    return [
        measure(case, sound, times, did.act, did.xruns)
        for case, (sound, times), did in zip(cases, heard, what, strict=True)
    ]


def again_where_disturbed(
    cases: Sequence[Case], folder: Path, tries: int = 3
) -> tuple[list[Heard], int]:
    """Go through cases, and again through those in which the player counted an interruption.

    A machine that has too much to do breaks the sound at any moment; what is asked here is what the
    switch does. The last try counts, whatever it was.

    Returns
    -------
    tuple
        What was heard, in the order of the cases, and how many were gone through again.
    """
    found: dict[str, Heard] = {}
    left, repeated = list(cases), 0
    for k in range(tries):
        (folder / str(k)).mkdir()
        heard = go_through(left, folder / str(k))
        found |= {one.case.name: one for one in heard}
        left = [one.case for one in heard if one.xruns and one.faults]
        if not left:
            break
        repeated += len(left) if k + 1 < tries else 0
    return [found[case.name] for case in cases], repeated
