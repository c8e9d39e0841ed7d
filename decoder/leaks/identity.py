"""Files that can be told apart although person and state are the same (pure).

Caps are put on anew, gel dries, a setting changes: two files of one state differ for many reasons.
What tells them apart tells states apart too, where each state has files of its own.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..table import Table
from .contrasts import LEVEL, N_BLOCKS, Contrast, blocks, shortest, spread, tell
from .drift import stretches
from .found import Found, counted

NAME = "file identity"


def pairs_of_files(table: Table, seconds: float) -> list[Contrast]:
    """Return every two files of one person and state that are long enough.

    Parameters
    ----------
    table : Table
        All rows.
    seconds : float
        The purge.
    """
    least = N_BLOCKS * shortest(table, seconds)
    long = [part for part in stretches(table) if len(part[2]) >= least]
    found = []
    for (a, state, rows), (b, other, more) in combinations(long, 2):
        person = int(table.person[rows[0]])
        if state != other or person != table.person[more[0]]:
            continue
        found.append(
            Contrast(
                f"{table.recordings[a]} and {table.recordings[b]} ({table.states[state]})",
                person,
                np.concatenate([rows, more]),
                np.concatenate(
                    [blocks(len(rows), N_BLOCKS), N_BLOCKS + blocks(len(more), N_BLOCKS)]
                ),
            )
        )
    return found


def bound(table: Table) -> bool:
    """Return whether every recording holds one state, so that the file names it."""
    newest = table.newest
    pairs = np.unique(np.stack([table.recording, table.label])[:, newest], axis=1)
    return bool(len(np.unique(pairs[0])) == pairs.shape[1] > 1)


def file_identity(table: Table, seconds: float, rng: np.random.Generator) -> Found:
    """Tell whether two files of one person and state can be told apart.

    Parameters
    ----------
    table : Table
        All rows.
    seconds : float
        The purge, see `scoring.splits.purge_of`.
    rng : numpy.random.Generator
        Draws the null.
    """
    contrasts = spread(pairs_of_files(table, seconds))
    if not contrasts:
        return _no_pairs(table, seconds)
    told = tell(table, contrasts, seconds, rng)
    found = told.p <= LEVEL
    meaning = "Files of one state do not differ in band power more than their own parts do."
    if found:
        meaning = "Files differ whatever the state, so that a score within files proves no state."
        if bound(table):
            meaning = (
                "Files differ whatever the state, and each file holds one state: believe only "
                "scores on files that were not learned from, and those with care."
            )
    return Found(
        NAME,
        found,
        told.score,
        told.critical,
        f"Which of two files of the same person and state a row comes from is told with "
        f"{told.score:.2f} over {counted(len(contrasts), 'pair')} (chance 0.50, 95 % of dealt "
        f"blocks up to {told.critical:.2f}, p = {told.p:.3g}).",
        meaning,
        tuple(f"{c.name}: {score:.2f}" for c, score in zip(contrasts, told.scores, strict=True)),
    )


def _no_pairs(table: Table, seconds: float) -> Found:
    need = N_BLOCKS * shortest(table, seconds) * table.hop / table.rate
    if bound(table) and not _several(table):
        return Found(
            NAME,
            True,
            None,
            None,
            f"Each of {len(np.unique(table.recording[table.newest]))} files holds one state, and "
            "nobody has two files of one state.",
            "State and file cannot be told apart by design: what is found within a person may be "
            "the file, and early against late says how much a file varies by itself.",
        )
    return Found(
        NAME,
        None,
        None,
        None,
        f"Nobody has two files of one state with {need:.0f} s each, so none could be compared.",
        "Whether files differ apart from their state is not known.",
    )


def _several(table: Table) -> bool:
    """Return whether somebody has two files of one state, however short."""
    owners = [(table.person[rows[0]], state) for _, state, rows in stretches(table)]
    return len(set(owners)) < len(owners)
