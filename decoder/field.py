"""The ten rows that one answer rests on. Pure; numpy only.

Ten contiguous rows make one answer. Windows follow one another if they lie in one segment, one hop
apart. A hole of one row is filled by the mean of the clean rows before it, and flagged
(`Valence.filled`); a longer one, or a second while the first is still among the ten, empties the
field. Windows that a blink or muscle touches are stood in for in the same way, so that they do not
move the answer; their number is limited by the clean rows that an answer needs. The ten rows are
the newest 2.5 s always: rows from before an artifact are not kept beyond that, since an answer
would then lag more than the declared delay without saying so.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .embedding import FIELD, stand_in

Array = npt.NDArray[np.float64]


class Field:
    """The newest ten standardized rows, and whether they follow one another.

    Parameters
    ----------
    n_features : int
        Length of a row.
    hop : int
        Samples from one window to the next.
    """

    def __init__(self, n_features: int, hop: int) -> None:
        self.rows = np.zeros((FIELD, n_features))
        self.n = 0
        """Rows that follow one another, up to ten; the last `n` of `rows`."""
        self._clean = np.zeros(FIELD, dtype=bool)
        self._hop = hop
        self._last: tuple[int, int] | None = None
        self._since_hole = FIELD

    @property
    def n_clean(self) -> int:
        """Rows among the newest ten that are no stand-ins."""
        return int(np.count_nonzero(self._clean[FIELD - self.n :]))

    @property
    def whole(self) -> bool:
        """Whether none of the ten stands in for a window that never came."""
        return self._since_hole >= FIELD

    def push(self, segment: int, first_sample: int, row: Array | None) -> bool:
        """Take one row in.

        Parameters
        ----------
        segment, first_sample : int
            Of the row's window.
        row : array of shape (n_features,) or None
            Standardized; None where an artifact touches the window.

        Returns
        -------
        bool
            False if all before it is forgotten: it did not follow the one before, or there is
            nothing clean left among the ten.
        """
        before, self._last = self._last, (segment, first_sample)
        distance = -1
        if before is not None and before[0] == segment:
            distance = first_sample - before[1]
        follows = distance == self._hop
        if distance == 2 * self._hop and self.n and self._since_hole >= FIELD:
            follows = self._append(None)
            self._since_hole = 0
        if not follows:
            self._forget()
        return self._append(row) and follows

    def _forget(self) -> None:
        self.n = 0
        self._since_hole = FIELD

    def _append(self, row: Array | None) -> bool:
        """Append a row or what stands in for it; return whether there was anything to append."""
        keep = min(self.n, FIELD - 1)
        told = row is not None
        if row is None:
            row = stand_in(self.rows[FIELD - keep :], self._clean[FIELD - keep :])
        if row is None:
            self._forget()
            return False
        self.rows[:-1] = self.rows[1:]
        self.rows[-1] = row
        self._clean[:-1] = self._clean[1:]
        self._clean[-1] = told
        self.n = min(self.n + 1, FIELD)
        self._since_hole += 1
        return True
