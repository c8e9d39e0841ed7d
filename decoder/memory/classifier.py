"""The memory as a classifier of river: dicts in, dicts out, one at a time.

For pipelines, metrics and test-then-train of river. The live decoder asks `rings.Memory` and never
imports this file: `river.base` alone is light, but its metrics and detectors add 80 to 90 MB.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from river import base

from .rings import Memory, Metric, unit

Array = npt.NDArray[np.float64]


class MemoryClassifier(base.Classifier):
    """k nearest stretches among what each class saw last, at equal priors.

    Unlike `river.neighbors.KNNClassifier`, every class has a window of its own, so that a common
    class pushes no rare one out, and what is learned as one stretch has one vote.

    Parameters
    ----------
    capacity : int
        Rows kept per class.
    metric : {"cosine", "euclidean"}
        What nearness means; `cosine` divides every x by its length first.
    k : int or None
        Stretches that vote; None: the square root of their number, made odd, 3 to 51.
    exclusion : float
        Rows nearer in time than this to the x asked about cast no vote.
    half_life : float or None
        Later stretches of its class after which a vote counts half; None: never.
    prior : float
        Votes spread over the classes present before any is counted.

    Examples
    --------
    >>> model = MemoryClassifier(capacity=10)
    >>> model.predict_one({"a": 0.0}) is None
    True
    >>> for a in (0.0, 0.1, 0.9, 1.0):
    ...     model.learn_one({"a": a}, "low" if a < 0.5 else "high")
    >>> model.predict_one({"a": 0.2})
    'low'

    """

    def __init__(
        self,
        capacity: int = 1000,
        metric: Metric = "euclidean",
        *,
        k: int | None = None,
        exclusion: float = 0.0,
        half_life: float | None = None,
        prior: float = 1.0,
    ) -> None:
        self.capacity = capacity
        self.metric: Metric = metric
        self.k = k
        self.exclusion = exclusion
        self.half_life = half_life
        self.prior = prior
        self._columns: dict[Hashable, int] = {}
        self._labels: dict[Any, int] = {}
        self._n_learned = 0
        self._memory = self._empty(1, 1)

    @property
    def _multiclass(self) -> bool:
        return True

    @property
    def memory(self) -> Memory:
        """The arrays behind it."""
        return self._memory

    def learn_one(
        self,
        x: Mapping[Hashable, float],
        y: Any,
        *,
        stretch: int | None = None,
        t: float | None = None,
    ) -> None:
        """Remember `x` as an instance of `y`.

        Parameters
        ----------
        x : mapping of hashable to float
            Features; one that was never seen before was 0 until now, one that is missing is 0.
        y : hashable
            Its label.
        stretch : int or None
            Rows of one stretch and one label share one vote; None: a stretch of its own.
        t : float or None
            Its time; None: how many rows came before it.

        Raises
        ------
        SignalError
            If a feature is no number.
        """
        self._make_room(x, y)
        number = self._n_learned if t is None else t
        self._n_learned += 1
        own = self._memory.next_stretch if stretch is None else stretch
        self._memory.learn(self._vector(x), self._labels[y], own, float(number))

    def predict_proba_one(
        self,
        x: Mapping[Hashable, float],
        *,
        t: float | None = None,
        **_kwargs: Any,
    ) -> dict[Any, float]:
        """Return the probability of every label learned; empty before the first.

        Parameters
        ----------
        x : mapping of hashable to float
            Features; those never learned are not looked at.
        t : float or None
            Its time, by which rows too near in time are left out.
        """
        if not self._labels:
            return {}
        p = self._memory.predict_proba(self._vector(x), t)
        return dict(zip(self._labels, p.tolist(), strict=True))

    def _vector(self, x: Mapping[Hashable, float]) -> Array:
        z = np.zeros(self._memory.n_dimensions)
        for name, column in self._columns.items():
            z[column] = x.get(name, 0.0)
        return unit(z) if self.metric == "cosine" else z

    def _empty(self, n_dimensions: int, n_classes: int) -> Memory:
        return Memory(
            n_dimensions,
            self.capacity,
            n_classes,
            metric=self.metric,
            k=self.k,
            exclusion=self.exclusion,
            half_life=self.half_life,
            prior=self.prior,
        )

    def _make_room(self, x: Mapping[Hashable, float], y: Any) -> None:
        """Widen the arrays for features and a label that are new.

        In order of their names, so that the order within `x` changes no bit of an answer.
        """
        for name in sorted(x.keys() - self._columns.keys(), key=repr):
            self._columns[name] = len(self._columns)
        self._labels.setdefault(y, len(self._labels))
        n_dimensions, n_classes = max(1, len(self._columns)), len(self._labels)
        old = self._memory
        if (n_dimensions, n_classes) == (old.n_dimensions, old.n_classes):
            return
        arrays = old.arrays()
        wider = np.zeros((len(old), n_dimensions))
        wider[:, : old.n_dimensions] = arrays["embedding"]
        written = np.zeros(n_classes, dtype=np.int64)
        written[: old.n_classes] = arrays["written"]
        self._memory = self._empty(n_dimensions, n_classes)
        self._memory.restore({**arrays, "embedding": wider, "written": written})
