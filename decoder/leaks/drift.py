"""Time that passes for a state: early against late within one state (pure).

Where a state comes once, in a file or an hour of its own, whatever drifts (drying gel, sweat,
fatigue, a muscle that relaxes) tells the states apart. Early and late parts of *one* state differ
in nothing but time, so that telling them apart must be chance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..table import Table
from .contrasts import LEVEL, N_BLOCKS, Contrast, blocks, shortest, spread, tell
from .found import Found, counted, listed

Ints = npt.NDArray[np.int64]

NAME = "early against late"


def stretches(table: Table) -> list[tuple[int, int, Ints]]:
    """Return (recording, state, usable rows in order) of every recording and state in it."""
    newest = table.newest
    pairs = np.unique(np.stack([table.recording, table.label])[:, newest], axis=1).T
    return [
        (r, s, newest[(table.recording[newest] == r) & (table.label[newest] == s)])
        for r, s in pairs.tolist()
    ]


def early_and_late(table: Table, seconds: float) -> list[Contrast]:
    """Return the halves of every stretch that is long enough.

    Parameters
    ----------
    table : Table
        All rows.
    seconds : float
        The purge.
    """
    n_blocks = 2 * N_BLOCKS
    return [
        Contrast(
            f"{table.recordings[recording]} ({table.states[state]})",
            int(table.person[rows[0]]),
            rows,
            blocks(len(rows), n_blocks),
        )
        for recording, state, rows in stretches(table)
        if len(rows) >= n_blocks * shortest(table, seconds)
    ]


def drift(table: Table, seconds: float, rng: np.random.Generator) -> Found:
    """Tell whether early can be told from late within one state of one recording.

    Parameters
    ----------
    table : Table
        All rows.
    seconds : float
        The purge, see `scoring.splits.purge_of`.
    rng : numpy.random.Generator
        Draws the null.
    """
    contrasts = spread(early_and_late(table, seconds))
    if not contrasts:
        need = 2 * N_BLOCKS * shortest(table, seconds) * table.hop / table.rate
        longest = max((len(rows) for *_, rows in stretches(table)), default=0)
        return Found(
            NAME,
            None,
            None,
            None,
            f"The longest stretch of one state has {longest * table.hop / table.rate:.0f} s, early "
            f"and late parts need {need:.0f} s.",
            "Whether time alone tells states apart in the signal is not known.",
        )
    told = tell(table, contrasts, seconds, rng)
    found = told.p <= LEVEL
    states = sorted({table.states[int(table.label[c.rows[0]])] for c in contrasts})
    meaning = (
        "The signal drifts: states that come at different times can be told apart without knowing "
        "either, so believe only scores in which states alternate."
        if found
        else "Early and late do not differ by more than parts dealt otherwise do."
    )
    return Found(
        NAME,
        found,
        told.score,
        told.critical,
        f"Early and late parts of {counted(len(contrasts), 'stretch', 'stretches')} of one state "
        f"({listed(states)}) are told apart with {told.score:.2f} (chance 0.50, 95 % of dealt "
        f"blocks up to {told.critical:.2f}, p = {told.p:.3g}).",
        meaning,
        _details(table, contrasts, told.scores),
    )


def _details(table: Table, contrasts: list[Contrast], scores: tuple[float, ...]) -> tuple[str, ...]:
    """Return the mean of every state, then every stretch."""
    state = np.array([table.label[one.rows[0]] for one in contrasts])
    means = [
        f"{table.states[s]}: {np.array(scores)[state == s].mean():.2f}, "
        f"{counted(int((state == s).sum()), 'stretch', 'stretches')}"
        for s in np.unique(state)
    ]
    return (
        *means,
        *(f"{one.name}: {score:.2f}" for one, score in zip(contrasts, scores, strict=True)),
    )
