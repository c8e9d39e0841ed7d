"""What does not depend on labels: every person's rows on that person's own scale.

A person is measured by the own baseline, so that a stranger can be answered with nothing but a
rest. Without one, by the rows of that person that are learned from; without those, by all rows
that are learned from. Never by rows that are scored: a z-score over a whole recording tells every
row what comes later.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..embedding import FIELD
from ..features import Standardizer
from ..rows import stretches_of
from ..settings import FeatureSettings
from ..table import Table

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_BASELINE = 20
"""Rows of rest below which a person is measured by the rows learned from."""
CLIP = FeatureSettings().clip
"""Largest size of a standardized feature."""


def field_rows(newest: Ints) -> Ints:
    """Return all rows that the fields ending at `newest` consist of, each once, in order."""
    return np.unique(newest[:, None] + np.arange(1 - FIELD, 1))


def references(table: Table, train: Ints, people: Ints) -> dict[int, Ints]:
    """Return the rows that each person is measured by.

    Parameters
    ----------
    table : Table
        All rows.
    train : array of shape (n,)
        Usable rows that are learned from; the nine before each belong to it.
    people : array of shape (n_people,)
        Numbers of the people asked for.

    Returns
    -------
    dict of int to array
        Person to rows.
    """
    learned = field_rows(train)
    found: dict[int, Ints] = {}
    for person in people.tolist():
        rest = np.flatnonzero(table.baseline & (table.person == person))
        own = learned[table.person[learned] == person]
        enough = len(rest) >= LEAST_BASELINE
        found[person] = rest if enough else own if len(own) else learned
    return found


class OwnScale:
    """Rows as robust z-scores of their person.

    Does not depend on labels, nor on rows outside the baselines and `train`.

    Parameters
    ----------
    table : Table
        All rows.
    train : array of shape (n,)
        Usable rows that are learned from; the nine before each belong to it.
    values : array of shape (n_table, n_features) or None
        What to standardize; None: the table's features.
    """

    def __init__(self, table: Table, train: Ints, values: Array | None = None) -> None:
        self._table, self._train = table, train
        self._values = table.features if values is None else values
        self._of_person: dict[int, Standardizer] = {}

    def __call__(self, rows: Ints) -> Array:
        """Return rows of shape (n_rows, n_features), within ±5, 0 where unknown."""
        person = self._table.person[rows]
        people = np.unique(person)
        self._measure(people[[number not in self._of_person for number in people.tolist()]])
        z = np.zeros((len(rows), self._values.shape[1]))
        for number in people.tolist():
            own = person == number
            z[own] = self._of_person[number](self._values[rows[own]])
        return z

    def _measure(self, people: Ints) -> None:
        for number, rows in references(self._table, self._train, people).items():
            self._of_person[number] = Standardizer.fit(self._values[rows], CLIP)


def standardized(table: Table, train: Ints) -> Array:
    """Return all rows of the table on their person's own scale, as `OwnScale` does.

    Parameters
    ----------
    table : Table
        All rows.
    train : array of shape (n,)
        Usable rows that are learned from.

    Returns
    -------
    array of shape (n_table, n_features)
    """
    return OwnScale(table, train)(np.arange(len(table)))


def field_means(scale: Callable[[Ints], Array], rows: Ints) -> Array:
    """Return the mean of the ten newest rows.

    Parameters
    ----------
    scale : callable
        Rows in, values of shape (n, n_features) out.
    rows : array of shape (n,)
        Usable rows.

    Returns
    -------
    array of shape (n, n_features)
    """
    used = field_rows(rows)
    z = scale(used)
    place = np.searchsorted(used, rows)
    total = np.zeros((len(rows), z.shape[1]))
    for back in range(FIELD):
        total += z[place - back]
    return total / FIELD


def stretches(table: Table, newest: Ints) -> Ints:
    """Return which stretch of one receptive field each row belongs to, numbered upwards.

    Parameters
    ----------
    table : Table
        All rows.
    newest : array of shape (n,)
        Usable rows in order.

    Returns
    -------
    array of shape (n,)
        Ten rows that follow one another in one unit are one stretch. By unit and not by label, so
        that it stays when labels are dealt anew.
    """
    return stretches_of(newest, table.run, table.unit)


def last_kept(make: Callable[[Ints], Array]) -> Callable[[Ints], Array]:
    """Return `make` that keeps its last result: a null asks for the same rows again and again."""
    kept: list[tuple[Ints, Array]] = []

    def ask(rows: Ints) -> Array:
        if not kept or not np.array_equal(kept[0][0], rows):
            kept[:] = [(rows.copy(), make(rows))]
        return kept[0][1]

    return ask
