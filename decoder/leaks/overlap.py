"""Samples on both sides of a split (pure).

An answer rests on the samples of ten windows. A scored row of which one sample was learned from is
no test. Nor is one whose file was learned from under another name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..scoring.splits import Split
from ..table import Table
from .found import Found, counted, listed

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NAME = "overlap across folds"


class Shared(NamedTuple):
    """What one split has on both sides."""

    rows: int
    """Scored rows that share a sample with what is learned from."""
    files: tuple[int, ...]
    """Recordings with rows on both sides, however far apart."""
    copies: tuple[tuple[int, int], ...]
    """Recordings learned from and scored that hold the same minutes."""


def overlapping(table: Table, learned: Ints, scored: Ints) -> Bools:
    """Return which scored rows share a sample with a row that is learned from, shape (n_scored,).

    Parameters
    ----------
    table : Table
        All rows.
    learned, scored : array of shape (n,)
        Usable rows. Each stands for the samples that its answer rests on.
    """
    shared = np.zeros(len(scored), dtype=bool)
    for recording in np.intersect1d(table.recording[learned], table.recording[scored]):
        here = table.recording[scored] == recording
        starts = np.sort(table.first[learned[table.recording[learned] == recording]])
        mine = table.first[scored[here]]
        # Stretches of one length overlap where their starts lie nearer than that length.
        near = np.searchsorted(starts, mine - table.reach, "right")
        shared[here] = near < np.searchsorted(starts, mine + table.reach, "left")
    return shared


def shared(table: Table, split: Split, copies: Sequence[tuple[int, int]] = ()) -> Shared:
    """Return what a split has on both sides.

    Parameters
    ----------
    table : Table
        All rows.
    split : Split
        Rows whose labels an embedding has seen count as learned from.
    copies : sequence of (int, int)
        Recordings that hold the same minutes.
    """
    learned = np.union1d(split.train, split.seen)
    left = set(np.unique(table.recording[learned]).tolist())
    right = set(np.unique(table.recording[split.test]).tolist())
    crossed = [
        (a, b) for a, b in copies if (a in left and b in right) or (b in left and a in right)
    ]
    return Shared(
        rows=int(overlapping(table, learned, split.test).sum()),
        files=tuple(sorted(left & right)),
        copies=tuple(crossed),
    )


def overlap(
    table: Table, protocol: str, splits: Sequence[Split], copies: Sequence[tuple[int, int]] = ()
) -> Found:
    """Tell whether samples, or copies of a file, lie on both sides of a protocol's splits.

    Parameters
    ----------
    table : Table
        All rows.
    protocol : str
        Its name.
    splits : sequence of Split
        What it makes of the table.
    copies : sequence of (int, int)
        Recordings that hold the same minutes, see `duplicates`.

    Returns
    -------
    Found
        `score`: share of scored rows that share a sample with what is learned from, or lie in a
        file of which a copy is learned from; `critical`: 0.
    """
    if not splits:
        what = f"The protocol {protocol} makes no split of this data set."
        return Found(f"{NAME}: {protocol}", None, None, 0.0, what, "There is nothing to look at.")
    parts = [shared(table, split, copies) for split in splits]
    n_rows = sum(len(split.test) for split in splits)
    both = sum(part.rows for part in parts)
    copied = sum(_copied(table, split, part) for split, part in zip(splits, parts, strict=True))
    pairs = sorted({pair for part in parts for pair in part.copies})
    files = {file for part in parts for file in part.files}
    found = both > 0 or bool(pairs)
    what = (
        f"Under {protocol} {both} of {n_rows} scored rows share samples with what is learned from, "
        f"and {copied} lie in a file of which a copy is learned from, in "
        f"{counted(len(splits), 'split')}."
    )
    details = [
        f"{table.recordings[a]} and {table.recordings[b]} hold the same minutes and stand on two "
        f"sides of {counted(sum((a, b) in part.copies for part in parts), 'split')}"
        for a, b in pairs
    ]
    if files:
        details.append(
            f"{len(files)} of {len(table.recordings)} files have parts on both sides, further "
            "apart than one answer reaches"
            if not both
            else f"{len(files)} of {len(table.recordings)} files have parts on both sides"
        )
    share = max(both, copied) / n_rows
    name = f"{NAME}: {protocol}"
    return Found(name, found, share, 0.0, what, _meaning(both, table, pairs), tuple(details))


def _copied(table: Table, split: Split, part: Shared) -> int:
    """Return how many scored rows lie in a file of which a copy is learned from."""
    learned = set(np.unique(table.recording[np.union1d(split.train, split.seen)]).tolist())
    files = {b for pair in part.copies for a, b in (pair, pair[::-1]) if a in learned}
    return int(np.isin(table.recording[split.test], sorted(files)).sum())


def _meaning(both: int, table: Table, pairs: Sequence[tuple[int, int]]) -> str:
    if both:
        return "The answer is let in: a score under this protocol says nothing."
    if pairs:
        names = sorted({table.recordings[i] for pair in pairs for i in pair})
        return f"Scores on {listed(names)} rest on remembering: leave one of the copies out."
    return "No sample is both learned from and scored."
