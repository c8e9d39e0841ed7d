"""Folds of one person's calibration: what `rym train` holds out (pure).

The folds of a whole data set are in `protocols`. These differ from `protocols.within` in that they
need not stay the same when labels are dealt anew, since the gate counts episodes and draws no null.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEAST_TRAIN = 10
"""Rows of a state, one receptive field's worth, below which a fold does not learn it."""


class Fold(NamedTuple):
    """Which of the usable rows are learned from and which are held out."""

    train: Bools
    """Shape (n_usable,)."""
    test: Bools
    """Shape (n_usable,)."""


def blocks_of(label: Ints, episode: Ints) -> Ints:
    """Return the block of every usable row: its episode, or half of it.

    The only episode of a state is cut in two at its middle, as otherwise the state could not be
    held out and learned at once; `judge` gives no `follows` then.

    Parameters
    ----------
    label : array of shape (n,)
        States of the usable rows.
    episode : array of shape (n,)
        Their episodes, in order of time.
    """
    block = 2 * episode.astype(np.int64)
    for state in np.unique(label):
        own = np.unique(episode[label == state])
        if len(own) == 1:
            rows = np.flatnonzero(episode == own[0])
            block[rows[len(rows) // 2 :]] += 1
    return np.unique(block, return_inverse=True)[1].astype(np.int64)


def folds_of(
    label: Ints,
    episode: Ints,
    t_last: Array,
    n_folds: int,
    purge: float,
    *,
    visit: Ints | None = None,
) -> list[Fold]:
    """Deal the blocks into folds of neighbours in time, each held out once.

    Parameters
    ----------
    label, episode : array of shape (n,)
        Of the usable rows.
    t_last : array of shape (n,)
        Rig time of their newest samples, in seconds.
    n_folds : int
        How many folds at most; with several visits one more for each at most.
    purge : float
        Seconds around a held-out block within which nothing is learned from.
    visit : array of shape (n,) or None
        Their visits: no fold holds parts of two.

    Returns
    -------
    list of Fold
        Folds of which nothing is left to learn from, or one state only, are left out: their rows
        have no held-out answer.
    """
    block = blocks_of(label, episode)
    folds = []
    for part in _parts(block, np.zeros_like(block) if visit is None else visit, n_folds):
        test = np.isin(block, part)
        near = np.zeros(len(block), dtype=bool)
        for name in part:
            own = t_last[block == name]
            near |= (t_last > own.min() - purge) & (t_last < own.max() + purge)
        train = ~test & ~near
        train &= np.bincount(label[train], minlength=int(label.max()) + 1)[label] >= LEAST_TRAIN
        if len(np.unique(label[train])) > 1:
            folds.append(Fold(train, test))
    return folds


def _parts(block: Ints, visit: Ints, n_folds: int) -> Iterator[Ints]:
    """Yield blocks that are held out together: neighbours of one visit, of each in proportion."""
    n_all = len(np.unique(block))
    for number in np.unique(visit):
        own = np.unique(block[visit == number])
        yield from np.array_split(own, min(-(-n_folds * len(own) // n_all), len(own)))
