"""Cases gone through with real players and a real sound server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import soundfile

from . import signals
from .cases import Case
from .measure import Floats, Heard, measure
from .sound import Ear, server
from .stage import Done

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 200.0
"""Seconds for which cases may take together."""


class PlayerEndedError(Exception):
    """A player did not come through its case."""


def go_through(cases: Sequence[Case], folder: Path) -> list[Heard]:
    """Go through some cases at the same time and measure each.

    Parameters
    ----------
    cases : sequence of Case
        As many as this machine can play at the same time.
    folder : Path
        An empty one, for two banks, the players' files and the sound server.

    Returns
    -------
    list of Heard
        In the order of the cases.

    Raises
    ------
    PlayerEndedError
        If one of them failed.
    """
    signals.write(folder / "bank", endings=True)
    signals.write(folder / "plain", endings=False)
    with server(folder, len(cases)) as environment:
        ears = [Ear(environment, f"rym{k}") for k in range(len(cases))]
        try:
            started = [_start(case, k, folder, environment) for k, case in enumerate(cases)]
            done = [_wait(process, _log(folder, k)) for k, process in enumerate(started)]
            heard = [ear.heard() for ear in ears]
        finally:
            for ear in ears:
                ear.close()
    given = [_given(folder / "out" / str(k) / "heard-01.flac") for k in range(len(cases))]
    return [
        measure(case, sound, times, did.act, given=out, xruns=did.xruns)
        for case, (sound, times), did, out in zip(cases, heard, done, given, strict=True)
    ]


def _given(path: Path) -> Floats:
    sound: Floats = soundfile.read(path, dtype="float64")[0][:, 0]
    return sound


def _start(
    case: Case, number: int, folder: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    bank = "plain" if case.act == "end without a cadence" else "bank"
    words = ["-m", "benchmarks.safety.stage", str(folder / bank)]
    with _log(folder, number).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *words, str(folder / "out" / str(number)), f"rym{number}"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(case))
    process.stdin.close()
    process.stdin = None
    return process


def _wait(process: subprocess.Popen[bytes], log: Path) -> Done:
    try:
        out, _ = process.communicate(timeout=LONGEST)
    finally:
        process.kill()
    if not out:
        said = log.read_text(errors="replace")[-2000:]
        raise PlayerEndedError(f"A player ended with {process.returncode} before its case: {said}")
    return msgspec.json.decode(out, type=Done)


def _log(folder: Path, number: int) -> Path:
    return folder / f"{number}.log"


def again_where_disturbed(
    cases: Sequence[Case], folder: Path, tries: int = 3
) -> tuple[list[Heard], int]:
    """Go through cases, and again through those whose sound was broken behind the player.

    A machine that has too much to do breaks the sound at any moment; what is asked here is what the
    switch does. The last try counts, whatever it was: one that is still broken proves nothing.

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
        left = [one.case for one in heard if one.disturbed]
        if not left:
            break
        repeated += len(left) if k + 1 < tries else 0
    return [found[case.name] for case in cases], repeated
