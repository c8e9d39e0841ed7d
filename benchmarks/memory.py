"""The kNN memory: one answer, one lesson and one live step, beside river's and scikit-learn's.

All are asked the same and answer the same: classes are balanced, every row is a vote of its own,
votes are uniform and no prior is added; the neighbours found are compared before anything is
measured.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

# A script's own folder comes first on the path, where this file's neighbours would hide packages.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
import numpy.typing as npt
from river.drift import ADWIN
from river.neighbors import KNNClassifier, LazySearch
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.interleave import compare, show
from decoder.memory.adwin import Adwin
from decoder.memory.classifier import MemoryClassifier
from decoder.memory.learner import Learner
from decoder.memory.lessons import LearningSettings, Moment
from decoder.memory.rings import Memory, memory_of, unit

REMEMBERED = 10_000
NEIGHBOURS = 51
STEPS = 2000
ROUNDS = 20
STEP_MS = 0.5
"""What one whole live step may take at the median, in ms."""

Array = npt.NDArray[np.float64]
Row = dict[str, Any]


def remembered() -> Array:
    """Return unit vectors of seven dimensions."""
    return unit(np.random.default_rng(0).standard_normal((REMEMBERED, 7)))


def answers() -> list[Row]:
    """Compare one answer at 10 000 rows with those who search exactly, too."""
    z = remembered()
    n = REMEMBERED - REMEMBERED % 3
    label = np.arange(n) % 3
    own = memory_of(z[:n], label, np.arange(n), k=NEIGHBOURS)
    own.prior = 0.0
    stretches = memory_of(z[:n], label, np.arange(n) // 30)
    river = KNNClassifier(NEIGHBOURS, LazySearch(window_size=n), weighted=False)
    face = MemoryClassifier(capacity=n // 3, k=NEIGHBOURS, prior=0.0)
    dicts = [{f"z{j}": value for j, value in enumerate(row)} for row in z.tolist()]
    for x, y in zip(dicts[:n], label.tolist(), strict=True):
        river.learn_one(x, y)
        face.learn_one(x, y)
    sklearn = KNeighborsClassifier(NEIGHBOURS, metric="cosine", algorithm="brute")
    sklearn.fit(z[:n], label)
    asked = unit(np.random.default_rng(1).standard_normal((50, 7)))
    for one in asked:
        x = {f"z{j}": value for j, value in enumerate(one.tolist())}
        expected = sklearn.predict_proba(one[None])[0]
        for p in (own.predict_proba(one), list(face.predict_proba_one(x).values())):
            np.testing.assert_allclose(p, expected, atol=1e-12)
        peer = river.predict_proba_one(x)
        np.testing.assert_allclose([peer[c] for c in range(3)], expected, atol=1e-12)
    one, x = asked[0], {f"z{j}": value for j, value in enumerate(asked[0].tolist())}
    by_river, river_name = (
        lambda: river.predict_proba_one(x),
        f"river {version('river')} LazySearch",
    )
    by_sklearn = lambda: sklearn.predict_proba(one[None])  # noqa: E731
    sklearn_name = f"scikit-learn {version('scikit-learn')} brute"
    return [
        compare("answer, 10 000 rows", lambda: own.predict_proba(one), by_river, river_name),
        compare(
            "the same, dict in, dict out", lambda: face.predict_proba_one(x), by_river, river_name
        ),
        compare("ten rows to a vote", lambda: stretches.predict_proba(one), by_river, river_name),
        compare("answer, 10 000 rows", lambda: own.predict_proba(one), by_sklearn, sklearn_name),
    ]


def lived() -> list[Row]:
    """Measure one live step of the memory: learn what is due, then answer, at 10 000 rows."""
    z = remembered()

    def once() -> tuple[float, float]:
        n = REMEMBERED
        memory = memory_of(z, np.arange(n) % 3, np.arange(n) // 30, np.arange(n) / 4)
        learner = Learner(memory, LearningSettings(rate=4.0))
        taken = []
        for i in range(STEPS):
            t = n / 4 + i / 4
            if i % 40 == 0:
                learner.label(t, i // 40 % 3)
            before = time.perf_counter()
            learner.step(Moment(t, t - 3.25, z[i]))
            memory.ask(z[i], t)
            taken.append(time.perf_counter() - before)
        return 1e3 * float(np.median(taken)), 1e3 * float(np.quantile(taken, 0.99))

    once()
    rounds = [(once(), once()) for _ in range(ROUNDS)]
    limits = ("the limit of a whole step", STEP_MS), ("the limit of a whole step", 4 * STEP_MS)
    rows = []
    for k, (what, (who, limit)) in enumerate(zip(("p50", "p99"), limits, strict=True)):
        ours, again = (np.array([pair[i][k] for pair in rounds]) for i in range(2))
        rows.append(_row(f"learning and answering, {what}", ours, again, limit, who))
    return rows


def _row(name: str, ours: Array, again: Array, limit: float, who: str) -> Row:
    ratio = limit / ours
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(ratio, (2000, len(ratio))), axis=1)
    return {
        "name": name,
        "ours": float(np.median(ours)),
        "peer": limit,
        "peer_name": who,
        "unit": "ms",
        "ratio": float(np.median(ratio)),
        "ratio_low": float(np.quantile(medians, 0.025)),
        "aa_ratio": float(np.median(again / ours)),
    }


def lessons() -> list[Row]:
    """Compare learning one row, and one value of the drift detector."""
    z = remembered()
    dicts = [{f"z{j}": value for j, value in enumerate(row)} for row in z[:100].tolist()]
    memory = Memory(7, REMEMBERED // 3)
    river = KNNClassifier(NEIGHBOURS, LazySearch(window_size=REMEMBERED))
    ours, peer = Adwin(), ADWIN()
    values = np.random.default_rng(0).uniform(size=1000).tolist()

    def all_of(work: Callable[[float], object]) -> Callable[[], object]:
        return lambda: [work(value) for value in values]

    def teach() -> None:
        for i in range(100):
            memory.learn(z[i], i % 3, i, float(i))

    def teach_river() -> None:
        for i, x in enumerate(dicts):
            river.learn_one(x, i % 3)

    name = f"river {version('river')}"
    return [
        compare("100 lessons", teach, teach_river, f"{name} LazySearch"),
        compare("1000 values of ADWIN", all_of(ours.update), all_of(peer.update), name),
    ]


if __name__ == "__main__":
    show([*answers(), *lived(), *lessons()])
