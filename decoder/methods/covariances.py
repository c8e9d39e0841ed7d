"""Covariances of fields as vectors of the tangent space (Barachant et al. 2012), see `tangent`.

Every person's covariances are first moved so that the mean of that person's own rest (see
`normalized.references`) is the identity (Zanini et al. 2018, IEEE Trans. Biomed. Eng. 65). Without
that, what tells heads and caps apart outweighs every state, as it would for band power without the
z-score; the move needs no labels, and a stranger's rest is all that it needs of a stranger.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..embedding import FIELD
from ..table import Table
from ..tangent import definite, field_covariances, inverse_root, mean_of, vectors_of
from .normalized import references, stretches

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def _apart(table: Table, newest: Ints) -> Ints:
    """Return one row of every stretch: neighbours share nine windows of ten."""
    return newest[np.unique(stretches(table, newest), return_index=True)[1]]


def _whole(table: Table, rows: Ints) -> Ints:
    """Return the rows whose nine before follow one another and are among `rows`, too."""
    oldest, newest = rows[: 1 - FIELD], rows[FIELD - 1 :]
    follow = (newest - oldest == FIELD - 1) & (table.run[newest] == table.run[oldest])
    out: Ints = newest[follow]
    return out


class Tangents:
    """Rows as vectors of the space that touches the training rows' mean.

    Does not depend on labels, nor on rows outside the baselines and `train`.

    Parameters
    ----------
    table : Table
        All rows, with covariances.
    train : array of shape (n,)
        Usable rows that are learned from.
    """

    def __init__(self, table: Table, train: Ints) -> None:
        self._table, self._train = table, train
        self._whitener: dict[int, Array] = {}
        self.mean: Array = mean_of(self._moved(_apart(table, train)))
        """Mean of the training rows' covariances after the move."""
        self._onward = inverse_root(self.mean)

    def __call__(self, rows: Ints) -> Array:
        """Return vectors of shape (n, n_channels * (n_channels + 1) / 2) for usable rows."""
        return vectors_of(self._onward @ self._moved(rows) @ self._onward)

    def _moved(self, rows: Ints) -> Array:
        """Return field covariances as seen from the mean of the person's own rest."""
        covariance = field_covariances(self._table.covariance, rows)
        person = self._table.person[rows]
        for number in np.unique(person).tolist():
            own = person == number
            whitener = self._of(number)
            covariance[own] = whitener @ covariance[own] @ whitener
        return covariance

    def _of(self, person: int) -> Array:
        """Return the inverse square root of the mean covariance that a person is measured by."""
        if person not in self._whitener:
            rows = references(self._table, self._train, np.array([person]))[person]
            self._whitener[person] = self._inverse_root(rows)
        return self._whitener[person]

    def _inverse_root(self, rows: Ints) -> Array:
        windows = self._table.covariance
        whole = _whole(self._table, rows)
        if len(whole):
            return inverse_root(mean_of(field_covariances(windows, _apart(self._table, whole))))
        # A rest in pieces shorter than a field.
        there = np.isfinite(windows[rows])
        sums = np.where(there, windows[rows], 0.0).sum(axis=0, keepdims=True, dtype=np.float64)
        fields = definite(sums, there.sum(axis=0, keepdims=True).astype(np.float64))
        return inverse_root(fields[0])
