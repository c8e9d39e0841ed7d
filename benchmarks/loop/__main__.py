"""What is measured of the closed loop: `make loop`; its table stands in docs/loop.md.

Every part of every seed is a small file under `.bench/loop/`, in a folder whose name follows from
the code, so that a run that was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from session.evaluation.run import results

from .cases import PARTS, WEIGHT, Kept, Part, perform
from .lines import lines
from .page import as_json, placed, section

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "loop.md"
CODE = (
    "rym",
    "stream",
    "decoder",
    "player",
    "session/simulated",
    "session/after",
    "benchmarks/loop",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Live every life, write the page; the exit code is 1 where a line does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="persons, the seeds 0, 1, …")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=PARTS, action="append", help="some parts; not written")
    parser.add_argument("--keep", type=Path, default=ROOT / ".bench" / "loop")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    parts = options.only or list(PARTS)
    kept = carry_out(parts, options.seeds, options.keep / _code(), options.workers)
    found = lines(kept)
    text = section(found, options.seeds)
    if not options.only:
        PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(as_json(found) if options.json else text)
    return 0 if all(line.holds is not False for line in found) else 1


def carry_out(parts: Sequence[Part], n_seeds: int, keep: Path, workers: int) -> list[Kept]:
    """Return what was kept of every part and seed; what is there already is not lived again."""
    keep.mkdir(parents=True, exist_ok=True)
    wanted = [(part, seed) for part in PARTS if part in parts for seed in range(n_seeds)]
    jobs = [job for job in wanted if not _file(keep, *job).is_file()]
    total, passed, began = sum(WEIGHT[part] for part, _ in jobs), 0.0, time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"
    for done, one in enumerate(results(perform, (), jobs, workers), start=1):
        _put(_file(keep, one.part, one.seed), one)
        passed += WEIGHT[one.part]
        left = (time.monotonic() - began) * (total - passed) / passed
        said = f"{done}/{len(jobs)} {one.part} {one.seed}: {one.seconds:.0f} s of one core, "
        print(f"{said}{left / 60:.0f} min left", file=sys.stderr, flush=True)
    return [msgspec.json.decode(_file(keep, *job).read_bytes(), type=Kept) for job in wanted]


def _file(keep: Path, part: Part, seed: int) -> Path:
    return keep / f"{part}-{seed}.json"


def _put(path: Path, one: Kept) -> None:
    """Write a file that is there as a whole or not at all."""
    half = path.with_suffix(".part")
    half.write_bytes(msgspec.json.encode(one))
    half.replace(path)


def _code() -> str:
    """Return a hash of the code that the kept lives follow from; the page's own is none of it."""
    found = hashlib.sha256()
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name not in ("page.py", "lines.py", "__main__.py"):
                found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


if __name__ == "__main__":
    raise SystemExit(main())
