"""Whether interval and verdict keep their word: `make cohort-full`, about 45 minutes on two cores.

What is done stays done: every cohort is a line of `--keep`, and a run that was ended goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from rym.clock import SystemClock
from rym.errors import UsageError
from session.bar import Bar
from session.evaluation import conclude
from session.evaluation.cohort import check as cohort_check
from session.evaluation.cohort import people as cohort
from session.evaluation.cohort import rows as cohort_rows
from session.evaluation.run import code_version, results

from . import cases
from .cases import Answer, Case, Drawn

WEIGHT = {"truth": 1.0, "interval": 1.0, "chance": 40.0, "found": 25.0, "named": 25.0}
"""About how long a cohort takes beside others."""


def main(argv: Sequence[str] | None = None) -> int:
    """Ask everything, print the table; the exit code is 1 where a word is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cohort", description=__doc__)
    parser.add_argument("--draws", type=int, default=400, help="for the interval and for chance")
    parser.add_argument("--each", type=int, default=100, help="for each thing to find or to name")
    parser.add_argument("--truth", type=int, default=200, help="others, for the true mean")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=Path, default=Path("evaluations/cohort.jsonl"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    asked = cases.cases(options.draws, options.each, options.truth)
    drawn = carry_out(asked, options.keep, options.workers)
    found = cases.answers(asked, drawn)
    print(msgspec.json.encode(found).decode() if options.json else table(found))
    return 0 if all(answer.kept for answer in found) else 1


def carry_out(asked: Sequence[Case], keep: Path, workers: int) -> list[Drawn]:
    """Return what was said of every cohort; what `keep` holds is not asked again.

    Raises
    ------
    UsageError
        If `keep` was written by other code.
    """
    done = _kept(keep)
    there = {(one.case, one.number) for one in done}
    jobs = [(c, i) for c in asked for i in range(c.n) if (c.name, i) not in there]
    jobs.sort(key=lambda job: -WEIGHT[job[0].kind])
    total, passed = sum(WEIGHT[c.kind] for c, _ in jobs), 0.0
    weight = {case.name: WEIGHT[case.kind] for case in asked}
    bar = Bar(SystemClock(), sys.stderr)
    with keep.open("a", encoding="utf-8") as file:
        for one in results(_perform, (), jobs, workers):
            file.write(msgspec.json.encode(one).decode() + "\n")
            file.flush()
            done.append(one)
            passed += weight[one.case]
            bar(passed / total, one.case)
    names = {case.name: case.n for case in asked}
    return [one for one in done if one.number < names.get(one.case, 0)]


def _perform(job: tuple[Case, int]) -> Drawn:
    return cases.perform(*job)


def _kept(keep: Path) -> list[Drawn]:
    """Return the cohorts that are done, and begin the file where there is none."""
    code = _code()
    if not keep.is_file():
        keep.parent.mkdir(parents=True, exist_ok=True)
        keep.write_text(code + "\n", encoding="utf-8")
    first, *rest = keep.read_text(encoding="utf-8").splitlines()
    if first != code:
        raise UsageError(
            f"{keep} was written by other code ({first[:8]}, this is {code[:8]}).",
            "Remove it, or give another file with --keep.",
        )
    return [msgspec.json.decode(line, type=Drawn) for line in rest if line.endswith("}")]


def _code() -> str:
    found = hashlib.sha256(code_version().encode())
    for module in (cohort, cohort_check, cohort_rows, conclude, cases):
        found.update(Path(str(module.__file__)).read_bytes())
    return found.hexdigest()


def table(found: Sequence[Answer]) -> str:
    """Return the answers as a table for docs/evaluation.md."""
    rows = [
        "| SIMULATED cohorts | asked | found | score | verdicts | s of one core |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        said = ", ".join(f"{n} × {name}" for name, n in one.verdicts.items()) or "not asked"
        share = f"{round(one.share * one.n)} of {one.n} = {one.share:.3f}"
        share += "" if one.kept else " **not kept**"
        rows.append(
            f"| {one.name} | {one.asked} | {share} | {one.score:.3f} | {said} | {one.seconds:.1f} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    raise SystemExit(main())
