"""Ours beside a peer: short blocks in turn, so that both meet the same machine.

The ratio is peer time / our time (above 1 where ours is better): its median over rounds, and the
lower end of that median's 95 % bootstrap interval. The A/A ratio compares ours with itself in the
very same run: whatever it differs from 1 by is noise.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
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
    ours_at, peer_at, again_at = 1e6 * times.T
    return row(name, ours_at, again_at, peer_at, peer_name, unit="µs")


def row(
    name: str,
    ours: Sequence[float],
    again: Sequence[float],
    peer: Sequence[float],
    peer_name: str,
    *,
    unit: str = "ms",
) -> dict[str, Any]:
    """Return one line of the table.

    Parameters
    ----------
    name : str
        What is measured.
    ours, again, peer : sequence of float
        One figure per round of ours, of ours again and of the peer.
    peer_name : str
        Package and version.
    unit : str
        Of the figures.
    """
    ratio = np.array(peer) / np.array(ours)
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(ratio, (2000, len(ratio))), axis=1)
    return {
        "name": name,
        "ours": float(np.median(ours)),
        "peer": float(np.median(peer)),
        "peer_name": peer_name,
        "unit": unit,
        "ratio": float(np.median(ratio)),
        "ratio_low": float(np.quantile(medians, 0.025)),
        "aa_ratio": float(np.median(np.array(again) / np.array(ours))),
    }


def machine() -> str:
    """Return what the figures were measured on."""
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        names = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((n.partition(":")[2].strip() for n in names if n.startswith("model name")), cpu)
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print a table, or with `--json` the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true", help="one JSON list on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, for a look")
    if parser.parse_args().json:
        json.dump(list(rows), sys.stdout)
        return
    print(machine())
    for line in rows:
        print(
            f"{line['name']:44} {line['ours']:8.4g} {line['unit']} against {line['peer']:8.4g} of "
            f"{line['peer_name']}: {line['ratio']:.2f}× (at least {line['ratio_low']:.2f}, "
            f"A/A {line['aa_ratio']:.2f})"
        )
