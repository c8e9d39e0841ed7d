"""What else may explain a calibration's score: controls on the same held-out parts (pure).

The controls are those of `rym evaluate`, on the same folds as the candidates: the clock, the eyes,
the muscles, the hand, frontal asymmetry, the state before, the commonest state. They are looked for
in a session as well since one calibration is where a person can still be told that the forehead
says as much as all channels. They change no verdict: nulls over one person's episodes would be
needed for "confounded by …", and `rym evaluate` draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS

from .features import Band
from .fitting import Task
from .methods.controls import CONTROLS
from .rows import stood_in
from .scoring import Fold, blocks_of
from .scoring.metrics import balanced_right, right_of
from .scoring.pairs import within
from .scoring.verdicts import Rival
from .table import Table

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ASKED = ("time index", "EOG", "EMG", "motor", "frontal asymmetry", "previous label", "majority")
"""Controls that rows allow: what was audible, and which file it was, is not among them."""
UNTOLD = ("previous label", "majority")
"""Scored and kept, but no doubt about a decoder of moments: it is told no label. Where two states
alternate, the one before always tells the next."""
MUSCLE, MOTOR = (20.0, 45.0), (8.0, 30.0)
"""Hz. Rows hold bands, so that 20–30 Hz is as much of β as it is wide."""


def controls(task: Task, folds: Sequence[Fold]) -> dict[str, Array]:
    """Return every control's out-of-fold probabilities.

    Parameters
    ----------
    task : Task
        The calibration.
    folds : sequence of Fold
        Those of the candidates.

    Returns
    -------
    dict of str to array of shape (n_usable, 3)
        NaN where a row was in no fold's test. Controls that these rows do not allow are left out.
    """
    table = table_of(task)
    found = {}
    for name in ASKED:
        method = CONTROLS[name]
        if method.why_not(table):
            continue
        p = np.full((len(task.newest), len(AFFECTS)), np.nan)
        for fold in folds:
            train = task.newest[fold.train]
            answer = method.fit(table, train, task.label[fold.train], 0)
            p[fold.test] = answer(task.newest[fold.test])
        found[name] = p
    return found


def table_of(task: Task) -> Table:
    """Return a calibration as controls see it: every visit is a session on a scale of its own."""
    rows, n = task.rows, len(task.rows.label)
    usable, none = np.zeros(n, dtype=bool), np.full(n, -1, dtype=np.int64)
    usable[task.newest] = True
    names = tuple(f"visit {i + 1}" for i in range(int(rows.visits.max()) + 1))
    features = stood_in(rows.features, rows)
    return Table(
        features=features,
        label=rows.label,
        person=rows.visits,
        session=rows.visits,
        recording=rows.visits,
        unit=rows.episode,
        stimulus=none,
        audible=none,
        first=np.rint((rows.t_first - rows.t_first[0]) * rows.rate).astype(np.int64),
        t=rows.t_last,
        run=rows.run,
        usable=usable,
        baseline=rows.baseline,
        states=AFFECTS,
        people=names,
        sessions=names,
        recordings=names,
        channels=rows.channels,
        bands=rows.bands,
        rate=rows.rate,
        n_times=rows.n_times,
        hop=rows.hop,
        muscle=power_of(features, rows.bands, *MUSCLE),
        motor=power_of(features, rows.bands, *MOTOR),
    )


def power_of(features: Array, bands: Sequence[Band], low: float, high: float) -> Array:
    """Return the log power of every channel between two frequencies, from that of bands.

    Parameters
    ----------
    features : array of shape (n, n_channels * n_bands)
        Logarithm of the mean power density of every band, a channel's bands together.
    bands : sequence of Band
        Their edges in Hz.
    low, high : float
        Hz.

    Returns
    -------
    array of shape (n, n_channels)
        Or (0, 0) where the bands do not cover these frequencies.
    """
    width = np.array([max(0.0, min(high, b.high) - max(low, b.low)) for b in bands])
    if width.sum() < high - low - 1e-9:
        return np.zeros((0, 0))
    power = np.exp(features.reshape(len(features), -1, len(bands))) @ (width / width.sum())
    return np.asarray(np.log(power))


class Doubt(NamedTuple):
    """A control that did as well as what was chosen."""

    name: str
    score: float
    """Balanced accuracy of held-out rows."""


def doubts(task: Task, chosen: Array, held: Mapping[str, Array]) -> tuple[Doubt, ...]:
    """Return the controls that come within one standard error of what was chosen.

    Parameters
    ----------
    task : Task
        The calibration.
    chosen : array of shape (n_usable, 3)
        Out-of-fold probabilities behind the score that is told.
    held : mapping of str to array of shape (n_usable, 3)
        See `controls`.

    Returns
    -------
    tuple of Doubt
        The best first. The difference is paired and its error counted in episodes; the only
        episode of a state counts as two, see `scoring.blocks_of`.
    """
    found, every = [], blocks_of(task.label, task.episode)
    for name, p in held.items():
        if name in UNTOLD:
            continue
        known = ~(np.isnan(chosen[:, 0]) | np.isnan(p[:, 0]))
        if not known.any():
            continue
        label = task.label[known]
        gain = within(label, every[known], chosen[known], p[known])
        if Rival(name, gain.mean, gain.standard_error).close:
            right = right_of(label, p[known])
            found.append(Doubt(name, balanced_right(label, right)))
    return tuple(sorted(found, key=lambda doubt: -doubt.score))


def told(found: Sequence[Doubt], score: float) -> str:
    """Return the doubts as one sentence; empty without any.

    Parameters
    ----------
    found : sequence of Doubt
        The best first.
    score : float
        Of what was chosen.
    """
    if not found:
        return ""
    best, *others = found
    more = "".join(f", {one.name} {one.score:.2f}" for one in others)
    return (
        f"{best.name} alone ({CONTROLS[best.name].what}) did as well: {best.score:.2f} of "
        f"{score:.2f}{'; so did' if more else ''}{more[1:]}."
    )
