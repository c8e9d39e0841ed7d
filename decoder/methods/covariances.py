"""Covariances of fields as vectors of the tangent space (Barachant et al. 2012), by pyriemann.

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
from .normalized import references, stretches

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RIDGE = 0.01
"""Share of the channels' mean power that is added to each: a common average or an interpolated
channel takes a dimension away, and nothing has no logarithm."""


def field_covariances(table: Table, rows: Ints) -> Array:
    """Return the mean covariance of the ten windows of a field.

    Parameters
    ----------
    table : Table
        All rows, with covariances.
    rows : array of shape (n,)
        Usable rows.

    Returns
    -------
    array of shape (n, n_channels, n_channels)
        In µV², positive definite. A channel that was bad throughout is given the others' mean power
        and no correlation.
    """
    total = np.zeros((len(rows), *table.covariance.shape[1:]))
    known = np.zeros_like(total)
    for back in range(FIELD):
        one = table.covariance[rows - back]
        there = np.isfinite(one)
        total += np.where(there, one, 0.0)
        known += there
    return _definite(total, known)


def _definite(total: Array, known: Array) -> Array:
    """Divide sums by counts, fill what is unknown, add the ridge."""
    mean = total / np.maximum(known, 1.0)
    p = mean.shape[-1]
    power = np.einsum("nii->ni", mean)
    there = np.einsum("nii->ni", known) > 0
    level = (power * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    level = np.where(level > 0, level, 1.0)[:, None]
    np.einsum("nii->ni", mean)[:] = np.where(there, power, level)
    # Entries that are means over different windows need not belong to one covariance.
    mixed = known.max(axis=(1, 2)) != known.min(axis=(1, 2))
    values, vectors = np.linalg.eigh(mean[mixed])
    mean[mixed] = (vectors * np.maximum(values, 0.0)[:, None]) @ vectors.transpose(0, 2, 1)
    out: Array = (1.0 - RIDGE) * mean + RIDGE * level[:, :, None] * np.eye(p)
    return out


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
        # Here, because importing it takes seconds.
        from pyriemann.geometry.mean import mean_riemann  # noqa: PLC0415

        self._table, self._train = table, train
        self._mean_of = mean_riemann
        self._whitener: dict[int, Array] = {}
        self.mean: Array = np.asarray(mean_riemann(self._moved(_apart(table, train))))
        """Mean of the training rows' covariances after the move."""

    def __call__(self, rows: Ints) -> Array:
        """Return vectors of shape (n, n_channels * (n_channels + 1) / 2) for usable rows."""
        from pyriemann.geometry.tangentspace import tangent_space  # noqa: PLC0415

        return np.asarray(tangent_space(self._moved(rows), self.mean))

    def _moved(self, rows: Ints) -> Array:
        """Return field covariances as seen from the mean of the person's own rest."""
        covariance = field_covariances(self._table, rows)
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
        whole = _whole(self._table, rows)
        if len(whole):
            fields = field_covariances(self._table, _apart(self._table, whole))
        else:  # a rest in pieces shorter than a field
            windows = self._table.covariance[rows].astype(np.float64)
            there = np.isfinite(windows)
            sums = np.where(there, windows, 0.0).sum(axis=0, keepdims=True)
            fields = _definite(sums, there.sum(axis=0, keepdims=True).astype(np.float64))
        values, vectors = np.linalg.eigh(np.asarray(self._mean_of(fields)))
        root: Array = (vectors / np.sqrt(values)) @ vectors.T
        return root
