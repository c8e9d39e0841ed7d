"""`python -m benchmarks.kills`: parts of real sessions killed at random, into docs/safety.md.

Each session has ten kills, the last one of its supervisor, and takes about 90 s; 1000 kills take
two and a half hours, and more than three on a machine with other work to do. What was done is kept
in `--keep`, one line a kill, and a run that was interrupted goes on behind its last whole session.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.safety.page import placed

from .heard import allowed_db
from .sessions import PARTS, RISE, SUPERVISOR, Kill, kept, kills, prepare

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "safety.md"
EACH = 10
"""Kills in one session."""
BACK, SILENT = 2.0, 30.0
"""Seconds that are promised."""
GRACE = 0.25


def main(argv: Sequence[str] | None = None) -> int:
    """Kill and write; return 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--keep", type=Path, default=ROOT / ".bench" / "kills")
    options = parser.parse_args(argv)
    options.keep.mkdir(parents=True, exist_ok=True)
    prepare(options.keep)
    path = options.keep / "kills.jsonl"
    for number in range(len(kept(path)) // EACH, math.ceil(options.kills / EACH)):
        with tempfile.TemporaryDirectory() as folder:
            found = kills(number, EACH, options.keep, Path(folder))
        with path.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(one) + b"\n" for one in found))
        print(
            f"session {number}: {'; '.join(faults(found)) or 'holds'}", file=sys.stderr, flush=True
        )
    found = kept(path)
    PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), "killed", table(found)), "utf-8")
    print(table(found))
    return 1 if faults(found) else 0


def faults(found: Sequence[Kill]) -> list[str]:
    """Return what of the promises was not kept."""
    said = []
    for one in found:
        if one.back is not None and one.back > BACK + GRACE:
            said.append(f"{one.part} was back after {one.back:.1f} s")
        if one.silent is not None and one.silent > SILENT + GRACE:
            said.append(f"silence after {one.silent:.1f} s")
        if one.left:
            said.append(f"{one.left} parts outlived their supervisor")
        if one.loudest is not None and one.loudest > allowed_db(RISE):
            said.append(f"sound came back at {one.loudest:.1f} dB")
        if one.readable is False:
            said.append("journal, EEG or sound cannot be read")
    return said


def table(found: Sequence[Kill]) -> str:
    """Return what became of the kills, in Markdown."""
    lines = [
        f"{len(found)} kills in {len({one.session for one in found})} sessions.",
        "",
        "| killed | times | there again after, s: median | longest | promised |",
        "|---|---|---|---|---|",
    ]
    for part in PARTS:
        back = [one.back for one in found if one.part == part and one.back is not None]
        if back:
            middle, most = np.median(back), max(back)
            lines.append(f"| `{part}` | {len(back)} | {middle:.2f} | {most:.2f} | {BACK:g} |")
    last = [one for one in found if one.part == SUPERVISOR]
    silent = [one.silent for one in last if one.silent is not None]
    loudest = [one.loudest for one in last if one.loudest is not None]
    if silent:
        cells = f"{len(silent)} | {np.median(silent):.1f} | {max(silent):.1f} | {SILENT:g}"
        lines.append(f"| {SUPERVISOR}: silence after | {cells} |")
    told = {
        "Parts that outlived a supervisor by 45 s": f"{sum(one.left for one in last)}",
        "Loudest within 0.3 s behind any silence, of the loudest of all": (
            f"{max(loudest, default=-120.0):.1f} dB, of {allowed_db(RISE):.1f} dB allowed"
        ),
        "Sessions whose journal, EEG or sound could not be read": (
            f"{sum(x.readable is False for x in last)}"
        ),
    }
    lines += ["", *(f"- {what}: {found}" for what, found in told.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
