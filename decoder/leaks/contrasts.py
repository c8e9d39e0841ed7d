"""Telling apart two stretches of signal that should not differ (pure).

Blocks of two groups, one block of each held out at a time, rows within the purge of a held-out
block left out. The null deals the same blocks to the two groups in every other way: whatever makes
neighbouring rows alike is in it, too, so that only a difference of the groups themselves counts.

On noise in place of the features of 10 files of rest and arithmetic, as slow as the features,
groups are found to differ in 1 of 20 draws; on noise with a memory beyond the purge (0.95 from row
to row, where features keep 0.6) in 19 of 20, as it should be: that is drift.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..embedding import FIELD
from ..methods import discriminant
from ..methods.normalized import OwnScale, field_means
from ..scoring.metrics import balanced_accuracy
from ..scoring.splits import apart
from ..table import Table

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

N_BLOCKS = 4
"""Blocks of each group: 8 blocks can be dealt in 35 ways, so that one stretch alone can reach
p = 1/35."""
N_DRAWS = 4000
"""Deals drawn where there are several stretches."""
LEVEL = 0.05
MOST_ROWS = 100
"""Rows of a block that are looked at, evenly spread: neighbours share most of their samples."""
MOST_CONTRASTS = 60
"""Contrasts that are looked at, as many of everybody: 0.1 s each with 100 features. Ten files of
one state make 45 pairs for one person alone."""


class Contrast(NamedTuple):
    """Two groups of blocks of one person."""

    name: str
    person: int
    rows: Ints
    """Usable rows in order, shape (n,)."""
    block: Ints
    """Block of every row, 0…2·N_BLOCKS − 1; the first half of the blocks is one group."""


class Told(NamedTuple):
    """How well groups can be told apart."""

    score: float
    """Balanced accuracy, mean over people of the means over their contrasts; chance is 0.5."""
    critical: float
    """95 % of all deals of the blocks lie at or below."""
    p: float
    scores: tuple[float, ...]
    """Of every contrast."""


def shortest(table: Table, seconds: float) -> int:
    """Return how many rows a block has at least: half a field beyond what a purge takes of it.

    Parameters
    ----------
    table : Table
        All rows.
    seconds : float
        The purge.
    """
    return math.ceil(seconds * table.rate / table.hop) + FIELD // 2


def blocks(n_rows: int, n_blocks: int) -> Ints:
    """Return the block of each of some rows in order of time, 0…n_blocks − 1."""
    return np.arange(n_rows) * n_blocks // max(n_rows, 1)


def deals() -> list[tuple[int, ...]]:
    """Return all ways to choose one group's blocks, the first ones first; 0 always among them."""
    rest = combinations(range(1, 2 * N_BLOCKS), N_BLOCKS - 1)
    return [(0, *others) for others in rest]


def spread(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Return as many contrasts of everybody, evenly spread, `MOST_CONTRASTS` at most.

    Parameters
    ----------
    contrasts : sequence of Contrast
        All that could be looked at.
    """
    people: dict[int, list[Contrast]] = {}
    for one in contrasts:
        people.setdefault(one.person, []).append(one)
    each = max(1, MOST_CONTRASTS // max(len(people), 1))
    found = []
    for own in list(people.values())[:MOST_CONTRASTS]:
        chosen = np.linspace(0, len(own) - 1, min(each, len(own))).round().astype(int)
        found += [own[i] for i in chosen]
    return found


def thinned(contrast: Contrast) -> Contrast:
    """Return a contrast with at most `MOST_ROWS` rows of each block."""
    kept = []
    for block in np.unique(contrast.block):
        own = np.flatnonzero(contrast.block == block)
        kept.append(own[:: math.ceil(len(own) / MOST_ROWS)])
    places = np.concatenate(kept)
    return contrast._replace(rows=contrast.rows[places], block=contrast.block[places])


def scores_of(table: Table, contrast: Contrast, seconds: float) -> Array:
    """Return how well the groups are told apart for every deal of the blocks, shape (35,).

    The first is the true one. Shrinkage LDA on the mean of the ten newest rows, on the person's
    scale.

    Parameters
    ----------
    table : Table
        All rows; labels are not looked at.
    contrast : Contrast
        Blocks of two groups.
    seconds : float
        The purge.
    """
    contrast = thinned(contrast)
    x = field_means(OwnScale(table, contrast.rows), contrast.rows)
    far = np.array(
        [
            np.isin(
                contrast.rows,
                apart(table, contrast.rows, contrast.rows[contrast.block == b], seconds),
            )
            for b in range(2 * N_BLOCKS)
        ]
    )
    return np.array([_score(x, contrast.block, far, group) for group in deals()])


def _score(x: Array, block: Ints, far: npt.NDArray[np.bool_], group: tuple[int, ...]) -> float:
    truth = (~np.isin(block, group)).astype(np.int64)
    others = [b for b in range(2 * N_BLOCKS) if b not in group]
    answer = np.full(len(block), -1)
    for first, second in zip(group, others, strict=True):
        test = np.isin(block, (first, second))
        train = far[first] & far[second]
        if len(np.unique(truth[train])) == 2:
            fitted = discriminant.fit(x[train], truth[train], 2)
            answer[test] = fitted(x[test]).argmax(axis=1)
    known = answer >= 0
    return balanced_accuracy(truth[known], answer[known]) if known.any() else 0.5


def tell(
    table: Table, contrasts: Sequence[Contrast], seconds: float, rng: np.random.Generator
) -> Told:
    """Return how well the two groups of every contrast are told apart, with their null.

    Parameters
    ----------
    table : Table
        All rows.
    contrasts : sequence of Contrast
        At least one.
    seconds : float
        The purge.
    rng : numpy.random.Generator
        Draws deals.
    """
    scores = np.array([scores_of(table, one, seconds) for one in contrasts])
    person = np.array([one.person for one in contrasts])
    weight = np.array([1.0 / (person == p).sum() for p in person]) / len(np.unique(person))
    score = float(weight @ scores[:, 0])
    if len(contrasts) == 1:
        null, p = scores[0], float((scores[0] >= score - 1e-12).mean())
    else:
        drawn = rng.integers(0, scores.shape[1], size=(N_DRAWS, len(contrasts)))
        null = scores[np.arange(len(contrasts)), drawn] @ weight
        p = float((1 + (null >= score - 1e-12).sum()) / (1 + N_DRAWS))
    critical = float(np.quantile(null, 1.0 - LEVEL, method="inverted_cdf"))
    return Told(score, critical, p, tuple(scores[:, 0].tolist()))
