"""One way of answering for a row, as evaluation sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..table import Table

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Answer = Callable[[Ints], Array]
"""Rows of the table in, probabilities of shape (n, n_states) out, referring to equal priors."""
Fit = Callable[[Table, Ints, Ints, int], Answer]
"""Table, rows to learn from, their labels, seed. The labels are an argument, so that a null can
deal them anew; `table.label` is not looked at. Nothing but these rows and the baseline is used."""
Refit = Callable[[Ints, int], Answer]
"""Labels of the rows to learn from, seed."""
Prepare = Callable[[Table, Ints], Refit]
"""Table, rows to learn from. Does once what does not depend on the labels."""
Kind = Literal["candidate", "control"]


def possible(_table: Table) -> str:
    """Return that nothing stands against a fit."""
    return ""


class Method(NamedTuple):
    """A candidate or a control."""

    name: str
    kind: Kind
    fit: Fit
    what: str
    """What it looks at, in a few words for people."""
    fast: bool
    """Whether it is fitted so quickly that its null is drawn by fitting anew (`--nulls fast`)."""
    why_not: Callable[[Table], str] = possible
    """Why it cannot be fitted to a table, one sentence; empty where it can."""
    prepare: Prepare | None = None
    """Where much of a fit does not depend on the labels."""
    samples: bool = False
    """Whether it looks at `table.samples`, which are kept for nothing else."""

    def refit(self, table: Table, train: Ints) -> Refit:
        """Return what fits the same rows to other labels, as often as a null asks.

        `refit(table, train)(labels, seed)` answers as `fit(table, train, labels, seed)` does.
        """
        if self.prepare is not None:
            return self.prepare(table, train)
        return lambda labels, seed: self.fit(table, train, labels, seed)


def prepared(
    name: str,
    kind: Kind,
    prepare: Prepare,
    what: str,
    *,
    fast: bool = True,
    why_not: Callable[[Table], str] = possible,
    samples: bool = False,
) -> Method:
    """Return the method whose plain fit is its preparation followed by one fit."""

    def fit(table: Table, train: Ints, labels: Ints, seed: int) -> Answer:
        return prepare(table, train)(labels, seed)

    return Method(name, kind, fit, what, fast, why_not, prepare, samples)


def of_present(labels: Ints, n_states: int, fit: Callable[[Ints], Answer]) -> Answer:
    """Return what `fit` makes of the labels; where they name one state, always that one.

    Parameters
    ----------
    labels : array of shape (n,)
        Of the rows to learn from.
    n_states : int
        Number of classes of the table.
    fit : callable
        Takes the labels; called only where they name two states or more.
    """
    present = np.unique(labels)
    if len(present) > 1:
        return fit(labels)
    only = np.zeros(n_states)
    only[present] = 1.0
    return lambda rows: np.tile(only, (len(rows), 1))
