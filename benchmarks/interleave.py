"""Ours beside a peer: short blocks in turn, so that both meet the same machine.

The ratio is peer time / our time (above 1 where ours is better): its median over rounds, and the
lower end of that median's 95 % bootstrap interval. The A/A ratio compares ours with itself in the
very same run: whatever it differs from 1 by is noise.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def _block(work: Callable[[], object], seconds: float) -> float:
    """Return seconds per call over a block of about `seconds`."""
    n, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        work()
        n += 1
    return passed / n


def compare(
    name: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    peer_name: str,
    *,
    rounds: int = 40,
    block: float = 0.05,
) -> dict[str, Any]:
    """Measure ours, the peer and ours again, round by round.

    Parameters
    ----------
    name : str
        What is measured.
    ours, peer : callable
        One call of each.
    peer_name : str
        Package and version.
    rounds : int
        How often all three are measured.
    block : float
        Seconds of one measurement.
    """
    ours()
    peer()
    times = np.array([[_block(work, block) for work in (ours, peer, ours)] for _ in range(rounds)])
    ratio = times[:, 1] / times[:, 0]
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(ratio, (2000, rounds)), axis=1)
    return {
        "name": name,
        "ours": float(np.median(times[:, 0]) * 1e6),
        "peer": float(np.median(times[:, 1]) * 1e6),
        "peer_name": peer_name,
        "unit": "µs",
        "ratio": float(np.median(ratio)),
        "ratio_low": float(np.quantile(medians, 0.025)),
        "aa_ratio": float(np.median(times[:, 2] / times[:, 0])),
    }


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print a table, or with `--json` the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true", help="one JSON list on stdout")
    if parser.parse_args().json:
        json.dump(list(rows), sys.stdout)
        return
    for row in rows:
        print(
            f"{row['name']:44} {row['ours']:8.1f} {row['unit']} against {row['peer']:8.1f} of "
            f"{row['peer_name']}: {row['ratio']:.2f}× (at least {row['ratio_low']:.2f}, "
            f"A/A {row['aa_ratio']:.2f})"
        )
