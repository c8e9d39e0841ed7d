"""The whole grid of the canary: `make canary-full`; its table stands in docs/evaluation.md.

What is done is kept in `.bench/canary/` under a name that follows from the code, so that a grid
that was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

from session.evaluation.run import code_version, results

from .grid import (
    ERRORS,
    N_SEEDS,
    Cell,
    Tried,
    Weighed,
    bound,
    cells,
    fits,
    limits,
    try_seeds,
    weighed,
)

ROOT = Path(__file__).resolve().parents[2]
CHUNK = 10
"""Seeds of one job."""


def main() -> int:
    """Try every cell, print the table, and tell whether all cells hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--only", default="", help="layouts, protocols or methods that match")
    arguments = parser.parse_args()
    wanted = [cell for cell in cells() if arguments.only in " / ".join(cell)]
    kept = _tried(wanted, arguments.seeds, arguments.workers)
    found = {cell: weighed(seeds) for cell, seeds in kept.items()}
    print(table(found, arguments.seeds))
    return 0 if all(fits(c, w, len(found), arguments.seeds) for c, w in found.items()) else 1


def _tried(wanted: list[Cell], n_seeds: int, workers: int) -> dict[Cell, list[Tried]]:
    """Return the seeds of every cell, those that are kept and those that are tried now."""
    path = ROOT / ".bench" / "canary" / f"{_version()}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept: dict[tuple[Cell, int], Tried] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            cell, seed, tried = json.loads(line)
            kept[Cell(*cell), seed] = Tried(*tried)
    chunks = [tuple(range(i, min(i + CHUNK, n_seeds))) for i in range(0, n_seeds, CHUNK)]
    jobs = [(c, part) for c in wanted for part in chunks if (c, part[-1]) not in kept]
    start = time.monotonic()
    with path.open("a", encoding="utf-8") as file:
        for i, (cell, part, seeds) in enumerate(results(try_seeds, (), jobs, workers), 1):
            for seed, tried in zip(part, seeds, strict=True):
                kept[cell, seed] = tried
                print(json.dumps([cell, seed, tried]), file=file, flush=True)
            left = (time.monotonic() - start) / i * (len(jobs) - i)
            said = f"\r{i}/{len(jobs)} jobs, {left / 60:.0f} min left   "
            print(said, end="", file=sys.stderr, flush=True)
    return {cell: [kept[cell, seed] for seed in range(n_seeds)] for cell in wanted}


def _version() -> str:
    """Return what the kept results follow from."""
    own = b"".join(p.read_bytes() for p in sorted(Path(__file__).parent.glob("[gn]*.py")))
    return hashlib.sha256(code_version().encode() + own).hexdigest()[:16]


def table(found: dict[Cell, Weighed], n_seeds: int) -> str:
    """Return the grid as a table in Markdown."""
    head = (
        f"{len(found)} cells, {n_seeds} seeds each. Honest: at most {bound(len(found), n_seeds)} "
        f"above the 5 % critical value, the mean within {ERRORS:g} standard errors of chance."
    )
    lines = [
        head,
        "",
        "| layout | protocol | decoder | mean ± s.e. | chance | s.e. from it | above 5 % | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cell, w in found.items():
        what = limits(cell)
        told = "LEAKY" if what == "leaky" else "holds" if what == "chance" else what
        holds = told if fits(cell, w, len(found), n_seeds) else f"FAILS ({told})"
        above = "–" if what == "leaky" else f"{w.exceeded} of {w.n}"
        lines.append(
            f"| {cell.layout} | {cell.protocol} | {cell.method} | {w.mean:.3f} ± {w.error:.3f} | "
            f"{w.chance:.3f} | {w.off:+.1f} | {above} | {holds} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
