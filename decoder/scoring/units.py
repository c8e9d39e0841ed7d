"""What could have been dealt otherwise: exchangeable units and their relabelings (pure).

A null says what scores are worth nothing, by giving the same data other labels. Labels are dealt
over *units* (a file, a trial, an episode of a key), never over rows: rows of one unit resemble one
another whatever their state. They are dealt within a person, or within a session where each session
had its own; so everybody keeps the own number of units of every state.

Two relabelings that differ in the names of the states only give the same score, since no method
knows what a state is called. Hence no p can be smaller than symmetries / relabelings: five people
with one rest and one task each have 2⁵ = 32 relabelings, in twins, and p is 2/32 at best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import factorial, prod
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import FormatError

from ..table import Table

Ints = npt.NDArray[np.int64]

ENUMERATED = 1000
"""Number of relabelings from which on they are drawn instead of all tried."""


@dataclass(frozen=True, eq=False)
class Units:
    """The exchangeable units of a table, in order of their first rows."""

    number: Ints
    """Their numbers in `Table.unit`, shape (n_units,)."""
    label: Ints
    """The state of each, shape (n_units,)."""
    person: Ints
    group: Ints
    """Labels are dealt among units of one group, shape (n_units,)."""
    place: Ints
    """Which unit each row of the table belongs to, −1 where none, shape (n_rows,)."""

    def __len__(self) -> int:
        return len(self.number)

    @property
    def groups(self) -> list[Ints]:
        """Places of the units of every group."""
        return [np.flatnonzero(self.group == group) for group in np.unique(self.group)]


def units_of(
    table: Table, rows: Ints | None = None, per: Literal["person", "session"] = "person"
) -> Units:
    """Return the units that some rows belong to.

    Parameters
    ----------
    table : Table
        All rows.
    rows : array of shape (n,) or None
        Usable rows that are learned from or scored, see `splits.used`; None: all usable rows. A
        unit without such a row cannot change a score and is not counted.
    per : {"person", "session"}
        Within what labels were dealt.

    Returns
    -------
    Units

    Raises
    ------
    FormatError
        If a row has no unit, or rows of one unit differ in label, person or session.
    """
    rows = np.unique(table.newest if rows is None else rows)
    number = table.unit[rows]
    _refuse(table, rows[number < 0], "belongs to no exchangeable unit")
    names, first, inverse = np.unique(number, return_index=True, return_inverse=True)
    for what, column in (
        ("label", table.label),
        ("person", table.person),
        ("session", table.session),
    ):
        differs = column[rows] != column[rows[first]][inverse]
        _refuse(table, rows[differs], f"differs in its {what} from the first row of its unit")
    order = np.argsort(first, kind="stable")
    heads = rows[first[order]]
    index = np.full(int(table.unit.max(initial=-1)) + 2, -1, dtype=np.int64)
    index[names[order]] = np.arange(len(names))
    group = table.person if per == "person" else table.session
    return Units(
        number=names[order],
        label=table.label[heads],
        person=table.person[heads],
        group=group[heads],
        place=index[table.unit],
    )


def stimuli_of(table: Table, rows: Ints, per: Literal["person", "session"] = "person") -> Units:
    """Return the units of folds by stimulus: each stimulus of a person with all its trials.

    A stimulus that is shown twice keeps its state. To deal labels over its trials would give it
    several, which changes the folds: noise then scored more than its null (0.52 and 0.45 in the
    mean over 40 tables). Stimuli that several sessions show are dealt over all of them, others as
    the labels were: dealt over sessions whose rows differ, they would come unevenly in each, and
    the null would lie too high (0.53 beside 0.50).

    Parameters
    ----------
    table : Table
        All rows.
    rows : array of shape (n,)
        Usable rows, all of named stimuli.
    per : {"person", "session"}
        See `units_of`, whose units are returned where a stimulus goes with several states or a unit
        holds several stimuli.
    """
    shown = table.person * (int(table.stimulus.max(initial=0)) + 1) + table.stimulus
    shown = np.where(table.stimulus < 0, -1, shown)
    states = np.unique(np.stack([shown, table.label])[:, rows], axis=1)[0]
    holds = np.unique(np.stack([table.unit, shown])[:, rows], axis=1)[0]
    if len(np.unique(states)) < len(states) or len(np.unique(holds)) < len(holds):
        return units_of(table, rows, per)
    again = np.unique(np.stack([shown, table.session])[:, rows], axis=1)[0]
    if len(np.unique(again)) < len(again):
        return units_of(replace(table, unit=shown, session=table.person), rows)
    return units_of(replace(table, unit=shown), rows, per)


def _refuse(table: Table, wrong: Ints, what: str) -> None:
    """Raise if there is a wrong row."""
    if len(wrong):
        row = int(wrong[0])
        recording = table.recordings[int(table.recording[row])]
        raise FormatError(
            f"Row {row} of {recording} {what} ({len(wrong)} such rows).",
            "Give every labelled row one unit, and all rows of a unit one label.",
            row=row,
        )


def relabeled(table: Table, units: Units, labels: Ints) -> Table:
    """Return the table with labels dealt anew.

    Parameters
    ----------
    table : Table
        All rows.
    units : Units
        Its units.
    labels : array of shape (n_units,)
        A new state for every unit.
    """
    row = np.where(units.place >= 0, labels[units.place], table.label)
    return replace(table, label=row)


def n_relabelings(units: Units) -> int:
    """Return how many different ways there are to deal the labels, as an exact whole number."""
    return prod(_multinomial(units.label[places].tolist()) for places in units.groups)


def _multinomial(labels: list[int]) -> int:
    return factorial(len(labels)) // prod(factorial(n) for n in Counter(labels).values())


def n_symmetries(units: Units, *, own: bool) -> int:
    """Return how many relabelings are certain to give one and the same score.

    Parameters
    ----------
    units : Units
        The units.
    own : bool
        True where nobody is learned from for another person: then states can be renamed for each
        person alone. False: for all at once.

    Returns
    -------
    int
        Renamings of states that keep the number of units of every state in every group: states that
        are equally frequent in all groups can change names.
    """
    if not own:
        return _renamings(units, np.arange(len(units)))
    return prod(
        _renamings(units, np.flatnonzero(units.person == p)) for p in np.unique(units.person)
    )


def _renamings(units: Units, places: Ints) -> int:
    label, group = units.label[places], units.group[places]
    names = np.unique(group)
    frequency = [
        tuple(int((group[label == state] == name).sum()) for name in names)
        for state in np.unique(label)
    ]
    return prod(factorial(n) for n in Counter(frequency).values())


def smallest_p(units: Units, *, own: bool) -> float:
    """Return the smallest p that the relabelings allow, if all are tried."""
    return n_symmetries(units, own=own) / n_relabelings(units)


class Relabelings(NamedTuple):
    """Labels dealt anew, again and again."""

    labels: Ints
    """Shape (n_draws, n_units)."""
    complete: bool
    """Whether these are all that there are, each once, the true one among them."""


def relabelings(units: Units, n_draws: int, rng: np.random.Generator) -> Relabelings:
    """Return all relabelings where they are few, else some drawn at random.

    Parameters
    ----------
    units : Units
        The units.
    n_draws : int
        How many to draw where there are `ENUMERATED` or more.
    rng : numpy.random.Generator
        Asked only then.
    """
    if n_relabelings(units) < ENUMERATED:
        return Relabelings(_all(units), complete=True)
    labels = np.tile(units.label, (n_draws, 1))
    for places in units.groups:
        labels[:, places] = rng.permuted(labels[:, places], axis=1)
    return Relabelings(labels, complete=False)


def _all(units: Units) -> Ints:
    groups = units.groups
    ways = [list(_arrangements(sorted(units.label[places].tolist()))) for places in groups]
    labels = np.empty((prod(len(way) for way in ways), len(units)), dtype=np.int64)
    for row, choice in zip(labels, product(*ways), strict=True):
        for places, arrangement in zip(groups, choice, strict=True):
            row[places] = arrangement
    return labels


def _arrangements(labels: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield every different order of some labels once."""
    # By the next larger one, again and again: one level of calls for every unit would end at 1000.
    order = sorted(labels)
    while True:
        yield tuple(order)
        rises = [i for i in range(len(order) - 1) if order[i] < order[i + 1]]
        if not rises:
            return
        at = rises[-1]
        other = max(i for i in range(at + 1, len(order)) if order[i] > order[at])
        order[at], order[other] = order[other], order[at]
        order[at + 1 :] = order[:at:-1]
