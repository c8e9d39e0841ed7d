"""The samples that a row's answer rests on, on the scale of the row's person.

What the small network looks at: the ten windows of a row as one piece, as the filters left it. As
for all candidates nothing newer than the row is in it, and the scale is measured on nothing but the
person's own rest (see `normalized.references`).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..embedding import FIELD
from ..features import Standardizer
from ..table import Table
from .normalized import CLIP, references

Samples = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

RATE = 128.0
"""Samples per second at most: twice and a half what γ needs, and less to compute."""
PASS = 0.8
"""Share of the new rate's Nyquist frequency at which the filter before it has fallen to a half."""
TAPS = 8
"""Taps of that filter per sample of the new rate."""
MEASURED = 100_000
"""Samples that a person's scale is measured on at most, evenly spread."""
AT_ONCE = 64
"""Pieces cut at once: 8 MB for 19 channels and 3.25 s at 500 Hz."""


def length(table: Table) -> int:
    """Return the samples of the ten windows that end with a row's own.

    Never more than `Table.reach`: what stands in for a row may come from nine rows before these,
    but samples that are left out are not replaced by others.
    """
    return table.n_times + (FIELD - 1) * table.hop


def cut(table: Table, rows: Ints) -> Samples:
    """Return the samples behind rows.

    Parameters
    ----------
    table : Table
        All rows, with samples.
    rows : array of shape (n,)
        Usable rows.

    Returns
    -------
    array of shape (n, length, n_channels)
        In µV, the row's newest sample last; NaN where a channel was bad, and where all of the ten
        windows that hold a sample are stood in for.
    """
    n = length(table)
    end = table.first[rows] + table.n_times
    pieces = np.empty((len(rows), n, len(table.channels)), dtype=np.float32)
    for i, (recording, stop) in enumerate(zip(table.recording[rows], end, strict=True)):
        pieces[i] = table.samples[recording][stop - n : stop]
    if table.stood_in.any():
        pieces[~_trusted(table, rows)] = np.nan
    return pieces


def _trusted(table: Table, rows: Ints) -> Bools:
    """Return which samples a window holds for which nothing stands in, shape (n, length)."""
    trusted = np.zeros((len(rows), length(table)), dtype=bool)
    for back in range(FIELD):
        at = (FIELD - 1 - back) * table.hop
        trusted[:, at : at + table.n_times] |= ~table.stood_in[rows - back][:, None]
    return trusted


def stride_of(rate: float) -> int:
    """Return the number of samples of which one is kept."""
    return max(1, math.ceil(rate / RATE))


def slower(pieces: Samples, stride: int) -> Samples:
    """Return every piece at a lower rate, behind a filter that needs nothing beside the piece.

    Parameters
    ----------
    pieces : array of shape (n, length, n_channels)
        Without NaN.
    stride : int
        Samples of which one is kept, the newest among them.

    Returns
    -------
    array of shape (n, (length - n_taps) // stride + 1, n_channels)
        Shorter at the beginning by the filter's length.
    """
    if stride == 1:
        return pieces
    # Here, because the live decoder imports this package's neighbours and must not carry it.
    from scipy.signal import firwin, upfirdn  # noqa: PLC0415

    taps = firwin(TAPS * stride + 1, PASS / stride).astype(np.float32)
    n = (pieces.shape[1] - len(taps)) // stride + 1
    used = pieces[:, pieces.shape[1] - (n - 1) * stride - len(taps) :]
    # The first full overlap of filter and piece, and every stride-th after it up to the newest.
    full = upfirdn(taps, used, axis=1)
    out: Samples = full[:, len(taps) - 1 : used.shape[1] : stride].astype(np.float32)
    return out


class Pieces:
    """Rows as pieces of signal on their person's own scale.

    Does not depend on labels, nor on rows outside the baselines and `train`.

    Parameters
    ----------
    table : Table
        All rows, with samples.
    train : array of shape (n,)
        Usable rows that are learned from; the nine before each belong to it.
    """

    def __init__(self, table: Table, train: Ints) -> None:
        self._table, self._train = table, train
        self._stride = stride_of(table.rate)
        self._scale: dict[int, Standardizer] = {}
        self.rate = table.rate / self._stride
        """Samples per second of what is returned."""

    def __call__(self, rows: Ints) -> Samples:
        """Return pieces of shape (n, n_channels, n_times), within ±5, 0 where unknown."""
        parts = [self._some(rows[at : at + AT_ONCE]) for at in range(0, max(1, len(rows)), AT_ONCE)]
        return np.concatenate(parts)

    def _some(self, rows: Ints) -> Samples:
        pieces = cut(self._table, rows)
        person = self._table.person[rows]
        for number in np.unique(person).tolist():
            scale, own = self._of(number), person == number
            z = (pieces[own] - scale.center.astype(np.float32)) / scale.scale.astype(np.float32)
            pieces[own] = np.clip(np.nan_to_num(z, nan=0.0), -scale.clip, scale.clip)
        return np.ascontiguousarray(slower(pieces, self._stride).transpose(0, 2, 1))

    def _of(self, person: int) -> Standardizer:
        if person not in self._scale:
            rows = references(self._table, self._train, np.array([person]))[person]
            self._scale[person] = Standardizer.fit(_heard(self._table, rows), CLIP)
        return self._scale[person]


def _heard(table: Table, rows: Ints) -> npt.NDArray[np.float64]:
    """Return the samples that rows' windows hold, each once, thinned evenly."""
    if table.stood_in.any():
        rows = rows[~table.stood_in[rows]]
    parts = []
    for recording in np.unique(table.recording[rows]).tolist():
        held = np.zeros(len(table.samples[recording]), dtype=bool)
        for first in table.first[rows[table.recording[rows] == recording]].tolist():
            held[first : first + table.n_times] = True
        parts.append(table.samples[recording][held])
    found = np.concatenate([np.zeros((0, len(table.channels)), dtype=np.float32), *parts])
    return found[:: max(1, len(found) // MEASURED)].astype(np.float64)
