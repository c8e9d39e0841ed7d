"""Which places of the rings hold which stretch, so that a maximum per stretch takes two passes.

Rows of a stretch mostly lie side by side, in *runs*; where a ring has run over, or lessons came
mixed, a stretch has several.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EMPTY = -1
"""Number of the stretch where there is no row."""


class Index(NamedTuple):
    """Which rows make which stretch."""

    starts: Ints | None
    """First place of every run of rows of one stretch; None: every place is a run."""
    order: Ints
    """Runs that hold rows, by class and stretch."""
    first: Ints | None
    """Where in `order` a stretch begins; None: every run is a stretch."""
    classes: Ints
    """Of every stretch."""

    def of_stretches(self, rows: Array) -> Array:
        """Return the largest value of each stretch's rows.

        Parameters
        ----------
        rows : array of shape (n_places,)
            A value for every place.

        Returns
        -------
        array of shape (n_stretches,)
        """
        runs = rows if self.starts is None else np.maximum.reduceat(rows, self.starts)
        runs = runs[self.order]
        return runs if self.first is None else np.maximum.reduceat(runs, self.first)


def index_of(stretch: Ints, capacity: int) -> Index:
    """Return which rows make which stretch.

    Parameters
    ----------
    stretch : array of shape (n_places,)
        Number of the stretch at every place, `EMPTY` where there is no row. Stretches of one number
        in two classes are two.
    capacity : int
        Places of one class.
    """
    new = np.empty(len(stretch), dtype=np.bool_)
    new[1:] = stretch[1:] != stretch[:-1]
    new[::capacity] = True
    starts = np.flatnonzero(new)
    label, name = starts // capacity, stretch[starts]
    # One key, and a sort that merges what is in order already, as most of it is: lexsort does not.
    order = np.argsort(label * (name.max() + 2) + name, kind="stable")
    order = order[name[order] != EMPTY]
    label, name = label[order], name[order]
    opens = np.ones(len(order), dtype=np.bool_)
    opens[1:] = (name[1:] != name[:-1]) | (label[1:] != label[:-1])
    first = np.flatnonzero(opens)
    return Index(
        None if len(starts) == len(stretch) else starts,
        order,
        None if len(first) == len(order) else first,
        label[first],
    )
