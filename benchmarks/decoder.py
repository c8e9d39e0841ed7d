"""Learning beside cebra: a step, the loss that a fit ends with, the fit of a calibration.

Training is measured per step of `cebra.CEBRA.fit`, blocks of ours and of cebra's in turn, ours
twice per round (A/A), each with one thread. Both draw as published, so that they learn from the
same moments and their losses can be compared: over seeds, ours against cebra's, and ours against
ours with other seeds.
`--quick`: fewer rounds. What answers live is measured in `decoder_live.py` and `memory.py`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

# A script's own folder comes first on the path, where this file would hide the package `decoder`.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

import cebra
import numpy as np
import torch

from benchmarks.interleave import row, show
from decoder.embedding import FIELD
from decoder.learning.loop import learn
from decoder.learning.sessions import published, usable
from decoder.settings import TrainingSettings

FEATURES = 95
QUICK = "--quick" in sys.argv
BATCH = 2048
LIBRARY = f"cebra {version('cebra')}, torch {version('torch')}"
SIZES = {"its own 32 units, 8 dimensions": (32, 8), "the published 95 units, 7": (95, 7)}
Data = list[tuple[np.ndarray, np.ndarray]]


def people(n: int, n_rows: int, n_features: int) -> Data:
    """Return rows of noise with a faint signature of three states, in blocks of 15 s."""
    rng = np.random.default_rng(0)
    state = np.arange(n_rows) // 60 % 3
    signature = 0.3 * rng.standard_normal((3, n_features))
    rows = [rng.standard_normal((n_rows, n_features)) + signature[state] for _ in range(n)]
    return [(x.astype(np.float32), state) for x in rows]


def settings(size: tuple[int, int], steps: int, rate: float = 3e-4) -> TrainingSettings:
    """Return one thread's settings."""
    return TrainingSettings(
        hidden_units=size[0], dimensions=size[1], batch=BATCH, steps=steps, learning_rate=rate
    )


def our_steps(data: Data, size: tuple[int, int], n: int) -> float:
    """Return the milliseconds of a step, the first left out."""
    at: list[float] = []
    sessions = [published(*one) for one in data]
    told = lambda *_: at.append(time.perf_counter())  # noqa: E731
    learn(sessions, settings(size, n + 1), 0, prior="found", progress=told)
    return 1e3 * float(np.median(np.diff(at)))


def library(data: Data, size: tuple[int, int], steps: int, seed: int = 0, **more: Any) -> Any:
    """Fit cebra's estimator."""
    estimator = cebra.CEBRA(
        model_architecture="offset10-model",
        num_hidden_units=size[0],
        output_dimension=size[1],
        batch_size=BATCH,
        max_iterations=steps,
        temperature_mode="auto",
        min_temperature=None,
        device="cpu",
        **{name: more.pop(name) for name in ("learning_rate",) if name in more},
    )
    np.random.seed(seed)  # noqa: NPY002 (the library asks the global one)
    torch.manual_seed(seed)
    rows, labels = [x for x, _ in data], [y for _, y in data]
    if len(data) == 1:
        return estimator.fit(rows[0], labels[0], **more)
    return estimator.fit(rows, labels, **more)


def their_steps(data: Data, size: tuple[int, int], n: int) -> float:
    """Return the milliseconds of a step, the first left out."""
    at: list[float] = []
    told = lambda *_: at.append(time.perf_counter())  # noqa: E731
    library(data, size, n + 1, callback=told, callback_frequency=1)
    return 1e3 * float(np.median(np.diff(at)))


def step_rows() -> list[dict[str, Any]]:
    """Compare a training step."""
    rounds = 3 if QUICK else 7
    cases = (("1 session of 1200 rows", people(1, 1200, FEATURES), 20, 5),)
    cases += (("3 sessions of 6000 rows", people(3, 6000, 100), 4, 2),)
    rows = []
    for name, data, n_ours, n_theirs in cases:
        for sizes, size in SIZES.items():
            ours, again = partial(our_steps, data, size, n_ours), []
            first, theirs = [], []
            for _ in range(rounds):
                first.append(ours())
                theirs.append(their_steps(data, size, n_theirs))
                again.append(ours())
            rows.append(row(f"step, {name}, {sizes}", first, again, theirs, LIBRARY))
    return rows


def loss_rows() -> list[dict[str, Any]]:
    """Compare the loss that a fit ends with; which of them is higher is chance."""
    n_seeds, steps, size, rate = 3 if QUICK else 5, 30 if QUICK else 60, (32, 8), 3e-3
    data = people(1, 1200, FEATURES)
    session = published(*data[0])

    def ours(seed: int) -> float:
        fit = learn([session], settings(size, steps, rate), seed, prior="found")
        return float(fit.loss[-10:].mean())

    def theirs(seed: int) -> float:
        fit = library(data, size, steps, seed, learning_rate=rate)
        return float(np.mean(fit.solver_.log["total"][-10:]))

    seeds = range(n_seeds)
    figures = [[ours(s) for s in seeds], [ours(100 + s) for s in seeds], [theirs(s) for s in seeds]]
    spread = max(np.ptp(figures[2]), np.ptp(figures[0]))
    name = f"loss after {steps} steps, 1 session ({n_seeds} seeds, range {spread:.3f})"
    return [row(name, *figures, LIBRARY, unit="nats")]


def fit_rows() -> list[dict[str, Any]]:
    """Measure the fit of a calibration of five minutes against the limit."""
    ((rows, labels),) = people(1, 1200, FEATURES)
    newest = np.arange(FIELD - 1, len(rows))
    session = usable(rows, newest, labels[newest])

    def once() -> float:
        start = time.perf_counter()
        learn([session], TrainingSettings(), 0)
        return time.perf_counter() - start

    once()
    n = 3 if QUICK else 5
    ours, again = [once() for _ in range(n)], [once() for _ in range(n)]
    name = "fit of 5 minutes, default settings"
    return [row(name, ours, again, [30.0] * n, "the limit set", unit="s")]


def main() -> None:
    """Compare and print."""
    torch.set_num_threads(1)
    parts: list[Callable[[], list[dict[str, Any]]]] = [fit_rows, step_rows, loss_rows]
    show([line for part in parts for line in part()])


if __name__ == "__main__":
    main()
