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


class Method(NamedTuple):
    """A candidate or a control."""

    name: str
    kind: Literal["candidate", "control"]
    fit: Fit
    what: str
    """What it looks at, in a few words for people."""
    fast: bool
    """Whether it is fitted so quickly that its null is drawn by fitting anew (`--nulls fast`)."""
