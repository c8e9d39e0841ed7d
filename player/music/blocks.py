"""Any sizes out of control blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..settings import BLOCK


class Blocks:
    """Cuts whole control blocks to the sizes that are asked for.

    Parameters
    ----------
    make : callable
        Fills an array of shape (480, 2) with the next block.
    skip : int
        Frames of the first block that nobody gets.
    """

    def __init__(self, make: Callable[[npt.NDArray[np.float32]], None], *, skip: int = 0) -> None:
        self._make = make
        self._skip = skip
        self._kept = np.zeros((BLOCK, 2), dtype=np.float32)
        self._at = BLOCK

    def render(self, out: npt.NDArray[np.float32]) -> None:
        """Fill `out`, of shape (n_times, 2), with what comes next."""
        done, n = 0, len(out)
        while done < n:
            if self._at == BLOCK:
                self._make(self._kept)
                self._at, self._skip = self._skip, 0
            take = min(n - done, BLOCK - self._at)
            out[done : done + take] = self._kept[self._at : self._at + take]
            self._at += take
            done += take
