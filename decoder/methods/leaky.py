"""Answers where the answer was let in: what leaky protocols score (pure).

CEBRA's network is fitted to the labels of `Split.seen`, the scored rows among them, as published;
its memory then holds the rows that are learned from. What has no network is fitted to the seen
labels itself. Such scores say nothing of a decoder; they are shown to be told apart from honest
ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..memory.votes import odd_root
from ..scoring.splits import Split
from ..settings import TrainingSettings
from ..table import Table
from .candidates import encoder, voters
from .method import Method
from .normalized import last_kept

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Ask = Callable[[Split, int], Array]
"""A split and a seed in, probabilities of its scored rows out, shape (n_test, n_states)."""

PUBLISHED = TrainingSettings(
    hidden_units=95, dimensions=7, batch=512, steps=150, learning_rate=0.005
)
"""As published but for the batch, which was 2048, and the steps, which were 2000: fewer learn the
labels of noise by heart already, and the network would take half an hour."""
EMBEDDED = ("cebra-knn",)
"""Methods that embed first, so that an embedding can have seen what a memory has not."""


def asker(table: Table, method: Method, settings: TrainingSettings = PUBLISHED) -> Ask:
    """Return what answers for the splits of a leaky protocol.

    Parameters
    ----------
    table : Table
        All rows; its labels are what is learned.
    method : Method
        Which method.
    settings : TrainingSettings
        Of a network that sees the scored labels.

    Returns
    -------
    callable
        Splits that saw the same rows share one network, so that `paper` fits one for everybody.
    """
    if method.name in EMBEDDED:
        networks = _Networks(table, settings)
        return lambda split, seed: _embedded(table, split, seed, method, networks)
    return lambda split, seed: _resubstituted(table, split, seed, method)


def _resubstituted(table: Table, split: Split, seed: int, method: Method) -> Array:
    rows = split.seen if len(split.seen) else split.train
    return method.fit(table, rows, table.label[rows], seed)(split.test)


class _Networks:
    """The last network and the rows whose labels it saw."""

    def __init__(self, table: Table, settings: TrainingSettings) -> None:
        self._table, self._settings = table, settings
        self._seen: Ints = np.zeros(0, dtype=np.int64)
        self._embed: Callable[[Ints], Array] = lambda rows: np.zeros((len(rows), 0))

    def __call__(self, seen: Ints, seed: int) -> Callable[[Ints], Array]:
        if not np.array_equal(seen, self._seen):
            labels = self._table.label[seen]
            self._embed = last_kept(encoder(self._table, seen, labels, self._settings, seed))
            self._seen = seen
        return self._embed


def _embedded(table: Table, split: Split, seed: int, method: Method, networks: _Networks) -> Array:
    if not len(split.seen):
        return method.fit(table, split.train, table.label[split.train], seed)(split.test)
    embed = networks(split.seen, seed)
    if np.array_equal(split.train, split.test):
        return left_one_out(embed(split.test), table.label[split.test], table.n_states)
    z, labels = embed(split.train), table.label[split.train]
    return voters(table, split.train, labels, z)(embed(split.test))


def left_one_out(z: Array, labels: Ints, n_states: int) -> Array:
    """Return every row's answer by the nearest of all others, windows that overlap it among them.

    Parameters
    ----------
    z : array of shape (n, n_dimensions)
        Unit vectors.
    labels : array of shape (n,)
        States.
    n_states : int
        Number of classes.

    Returns
    -------
    array of shape (n, n_states)
        Shares of the √n nearest, each weighted by the rarity of its state.
    """
    k = min(odd_root(len(z)), len(z) - 1)
    count = np.bincount(labels, minlength=n_states)
    weight = np.divide(1.0, count, out=np.zeros(n_states), where=count > 0)
    p = np.zeros((len(z), n_states))
    for i, vector in enumerate(z):
        nearness = z @ vector
        nearness[i] = -np.inf
        nearest = np.argpartition(-nearness, k - 1)[:k]
        votes = np.bincount(labels[nearest], minlength=n_states) * weight
        p[i] = votes / votes.sum()
    return p
