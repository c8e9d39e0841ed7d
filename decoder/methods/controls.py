"""Controls: what could pass for a decoder of states without being one. Never chosen."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..table import Table
from .candidates import linear_refit, prepare_lda
from .method import Answer, Method, Refit, possible, prepared
from .normalized import OwnScale, field_means

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Place(NamedTuple):
    """Where on the head a channel lies, by its 10-10 name."""

    row: str
    """Letters, from `fp` in front to `o` behind."""
    column: int
    """0 on the midline, odd on the left, even on the right."""


_NAME = re.compile(r"(fp|af|f|ft|fc|t|c|tp|cp|p|po|o|i)(z|\d+)", re.IGNORECASE)


def place_of(channel: str) -> Place | None:
    """Return where a channel lies; None where its name does not say (`Ch1`, `A2-A1`)."""
    found = _NAME.fullmatch(channel)
    if found is None:
        return None
    row, column = found.groups()
    return Place(row.lower(), 0 if column.lower() == "z" else int(column))


def _places(table: Table) -> list[Place | None]:
    return [place_of(name) for name in table.channels]


def _where(table: Table, wanted: Callable[[Place], bool]) -> list[int]:
    """Return the numbers of the channels whose place is wanted."""
    return [i for i, place in enumerate(_places(table)) if place is not None and wanted(place)]


def _missing(table: Table, what: str) -> str:
    return f"There is no {what} channel among {', '.join(table.channels)}."


def _bands(table: Table, channels: Sequence[int], bands: Sequence[str]) -> Array:
    """Return the log power of some bands at some channels, shape (n, n_features)."""
    names = [band.name for band in table.bands]
    columns = [i * len(names) + names.index(band) for i in channels for band in bands]
    return table.features[:, columns]


def _lacks(table: Table, bands: Sequence[str]) -> str:
    absent = [band for band in bands if band not in {known.name for known in table.bands}]
    return f"The rows hold no {' and no '.join(absent)}." if absent else ""


# The eyes: what moves them is largest in front.


def _eye_channels(table: Table) -> list[int]:
    at_the_eyes = _where(table, lambda at: at.row in ("fp", "af") or at in (("f", 7), ("f", 8)))
    return at_the_eyes or _where(table, lambda at: at.row == "f")


def _eyes(table: Table) -> Array:
    return _bands(table, _eye_channels(table), ("delta", "theta"))


def _no_eyes(table: Table) -> str:
    if not _eye_channels(table):
        return _missing(table, "frontal")
    return _lacks(table, ("delta", "theta"))


# The muscles of forehead, temple and jaw.


def _muscle_channels(table: Table) -> list[int]:
    rows = ("fp", "af", "ft", "t", "tp")
    return _where(table, lambda at: at.row in rows or (at.row == "f" and at.column >= 7))


def _muscle(table: Table) -> Array:
    return table.muscle[:, _muscle_channels(table)]


def _no_muscle(table: Table) -> str:
    if not len(table.muscle):
        return "The rows were made without the power in 20–45 Hz."
    return "" if _muscle_channels(table) else _missing(table, "frontal or temporal")


# The hand that holds the key.


def _motor_channels(table: Table) -> list[int]:
    over_the_hand = _where(table, lambda at: at in (("c", 3), ("c", 0), ("c", 4)))
    near = _where(table, lambda at: at.row in ("c", "fc", "cp") and at.column <= 6)
    return over_the_hand or near


def _motor(table: Table) -> Array:
    return table.motor[:, _motor_channels(table)]


def _no_motor(table: Table) -> str:
    if not len(table.motor):
        return "The rows were made without the power in 8–30 Hz."
    return "" if _motor_channels(table) else _missing(table, "central")


# Frontal asymmetry.


def _pairs(table: Table) -> list[tuple[int, int]]:
    """Return left and right channels of the frontal rows that lie opposite to one another."""
    number = {place: i for i, place in enumerate(_places(table)) if place is not None}
    return [
        (i, number[Place(row, column + 1)])
        for (row, column), i in number.items()
        if row in ("fp", "af", "f") and column % 2 == 1 and Place(row, column + 1) in number
    ]


def _asymmetry(table: Table) -> Array:
    pairs = _pairs(table)
    left = _bands(table, [pair[0] for pair in pairs], ["alpha"])
    return _bands(table, [pair[1] for pair in pairs], ["alpha"]) - left


def _no_asymmetry(table: Table) -> str:
    return _lacks(table, ["alpha"]) if _pairs(table) else _missing(table, "pair of frontal")


def _looking_at(values: Callable[[Table], Array]) -> Callable[[Table, Ints], Refit]:
    """Return LDA on the mean of the ten newest rows of other values than the features."""
    return lambda table, train: prepare_lda(table, train, values(table))


# What stands beside the signal.


def _since_start(t: Array, group: Ints) -> Array:
    """Return minutes since the first row of a row's group."""
    start = np.full(group.max(initial=-1) + 2, np.inf)
    np.minimum.at(start, group, t)
    return (t - start[group]) / 60.0


def _prepare_time(table: Table, train: Ints) -> Refit:
    """Prepare LDA on the minutes since the start of recording and session, and their squares.

    No more than a line and a bow: whatever follows time more closely would have learned the order
    of the units by heart, and units that are held out have no place in it.
    """
    since = [_since_start(table.t, group) for group in (table.recording, table.session)]
    x = np.stack([minutes**power for minutes in since for power in (1, 2)], axis=1)
    return linear_refit(table, x[train], lambda rows: x[rows])


def _shares(values: Ints, labels: Ints, n_values: int, present: Bools) -> Array:
    """Return each value's probabilities of the states at equal priors, shape (n_values, n_states).

    Only states that are `present` are likely at all. A value without rows says nothing.
    """
    count = np.zeros((n_values, len(present)))
    np.add.at(count, (values, labels), 1.0)
    odds = count / np.maximum(count.sum(axis=0), 1.0) + 1.0 / max(len(labels), 1)
    odds *= present
    out: Array = odds / odds.sum(axis=1, keepdims=True)
    return out


def _by_value(column: Callable[[Table], Ints]) -> Callable[[Table, Ints], Refit]:
    """Return what answers by counting the states that go with a value (−1 is a value, too)."""

    def prepare(table: Table, train: Ints) -> Refit:
        value = column(table) + 1
        n_values = int(value.max()) + 1

        def refit(labels: Ints, _seed: int) -> Answer:
            present = np.bincount(labels, minlength=table.n_states) > 0
            shares = _shares(value[train], labels, n_values, present)
            return lambda rows: shares[value[rows]]

        return refit

    return prepare


def _nothing_audible(table: Table) -> str:
    heard = np.unique(table.audible[table.newest])
    if not len(heard) or (heard == -1).all():
        return "Nothing was audible, or it is not known what."
    return "" if len(heard) > 1 else "The same was audible throughout."


def _no_stimulus(table: Table) -> str:
    """Return that no named stimulus was shown in two units: what comes once gives nothing away."""
    newest = table.newest[table.stimulus[table.newest] >= 0]
    pairs = np.unique(np.stack([table.stimulus[newest], table.unit[newest]]), axis=1)
    if len(np.unique(pairs[0])) == pairs.shape[1]:
        return "No stimulus is named that was shown more than once."
    return ""


class Earlier:
    """Which units learned from lie how many units before another one, in the same session.

    Parameters
    ----------
    table : Table
        All rows.
    train : array of shape (n,)
        Usable rows that are learned from.
    """

    def __init__(self, table: Table, train: Ints) -> None:
        units, first, self._unit_of = np.unique(table.unit, return_index=True, return_inverse=True)
        start = np.full(len(units), np.inf)
        np.minimum.at(start, self._unit_of, table.t)
        self._session = np.where(units < 0, -1, table.session[first])
        order = np.lexsort((start, self._session))
        self._order = np.empty_like(order)
        self._order[order] = np.arange(len(units))
        learned, places = np.unique(self._unit_of[train], return_index=True)
        self._place = np.full(len(units), -1, dtype=np.int64)
        self._place[self._order[learned]] = places
        self._session = self._session[order]

    def at(self, rows: Ints, lag: int) -> Ints:
        """Return the place in `train` of a row `lag` units earlier; −1 where that is no help.

        Parameters
        ----------
        rows : array of shape (n,)
            Rows of the table.
        lag : int
            1: the unit just before.

        Returns
        -------
        array of shape (n,)
        """
        own = self._order[self._unit_of[rows]]
        before = np.maximum(own - lag, 0)
        there = (own >= lag) & (self._session[before] == self._session[own])
        return np.where(there & (self._session[own] >= 0), self._place[before], -1)

    def nearest(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return lag and place of the last unit learned from before each row's own; 0 and −1."""
        lag, place = np.zeros_like(self._place), np.full_like(self._place, -1)
        for i in range(1, len(place)):
            if self._session[i] != self._session[i - 1] or self._session[i] < 0:
                continue
            if self._place[i - 1] >= 0:
                lag[i], place[i] = 1, self._place[i - 1]
            elif place[i - 1] >= 0:
                lag[i], place[i] = lag[i - 1] + 1, place[i - 1]
        own = self._order[self._unit_of[rows]]
        return lag[own], place[own]


def _prepare_previous(table: Table, train: Ints) -> Refit:
    """Prepare the answer by the state of the last unit before whose state is known.

    Known are the labels that are learned from. How states follow one another is counted for each
    distance by itself: of three units of which the middle one is held out, the first and the last
    say what comes after two. Where nothing is known of what was before, the answer is by how often
    that is so of each state: a session that always begins with rest says so of its first unit.
    """
    earlier = Earlier(table, train)
    lag, place = earlier.nearest(np.arange(len(table)))
    begins = (lag == 0).astype(np.int64)

    def refit(labels: Ints, _seed: int) -> Answer:
        present = np.bincount(labels, minlength=table.n_states) > 0
        odds = np.zeros((lag.max(initial=0) + 1, table.n_states, table.n_states))
        odds[0] = _shares(begins[train], labels, 2, present)[1]
        for distance in range(1, len(odds)):
            before = earlier.at(train, distance)
            known = before >= 0
            odds[distance] = _shares(labels[before[known]], labels[known], table.n_states, present)
        return lambda rows: odds[lag[rows], labels[place[rows]]]

    return refit


def _prepare_nearness(table: Table, train: Ints) -> Refit:
    """Prepare LDA on how far a row lies from the own rest, whatever the direction."""
    scale = OwnScale(table, train)

    def far(rows: Ints) -> Array:
        z = field_means(scale, rows)
        return np.asarray(np.log(np.mean(z * z, axis=1, keepdims=True) + 1e-12))

    return linear_refit(table, far(train), far)


def measured_by_scored(table: Table) -> Ints:
    """Return the people whose own rest lies in a unit that is scored as well."""
    scored = np.isin(table.unit, np.unique(table.unit[table.newest]))
    return np.unique(table.person[table.baseline & (table.unit >= 0) & scored])


def _rest_apart(table: Table) -> str:
    """Return that nothing scored lies in a unit that a person is measured by.

    Where a person's rest is a piece of the one file of a state, what is left of that file lies near
    it for being of that file: with nothing but differences between files, LDA then scores 0.64
    across 12 people (10 features), and is above 95 % of its null in 5 of 12 draws.
    """
    if len(measured_by_scored(table)):
        return ""
    return "The rest that people are measured by is no part of what is scored."


def _one_unit(table: Table) -> str:
    pairs = np.unique(np.stack([table.session, table.unit])[:, table.newest], axis=1)
    if len(np.unique(pairs[0])) == pairs.shape[1]:
        return "No session has two units, so none has a unit before it."
    return ""


def _prepare_majority(table: Table, _train: Ints) -> Refit:
    def refit(labels: Ints, _seed: int) -> Answer:
        share = np.bincount(labels, minlength=table.n_states) / len(labels)
        return lambda rows: np.tile(share, (len(rows), 1))

    return refit


def _control(
    name: str,
    what: str,
    prepare: Callable[[Table, Ints], Refit],
    why_not: Callable[[Table], str] = possible,
) -> Method:
    return prepared(name, "control", prepare, what, why_not=why_not)


CONTROLS: dict[str, Method] = {
    method.name: method
    for method in (
        _control("time index", "minutes since the start, no signal", _prepare_time),
        _control("EOG", "slow power at the eyes (δ θ)", _looking_at(_eyes), _no_eyes),
        _control("EMG", "20–45 Hz at forehead and temples", _looking_at(_muscle), _no_muscle),
        _control("motor", "8–30 Hz over the hand's cortex", _looking_at(_motor), _no_motor),
        _control(
            "audible clip",
            "what was heard, no signal",
            _by_value(lambda table: table.audible),
            _nothing_audible,
        ),
        _control(
            "stimulus",
            "what was shown, no signal",
            _by_value(lambda table: table.stimulus),
            _no_stimulus,
        ),
        _control("previous label", "the state before, no signal", _prepare_previous, _one_unit),
        _control(
            "file identity",
            "which file a row lies in, no signal",
            _by_value(lambda table: table.recording),
        ),
        _control(
            "frontal asymmetry",
            "α in front, right minus left",
            _looking_at(_asymmetry),
            _no_asymmetry,
        ),
        _control(
            "nearness to rest",
            "how far a row lies from the own rest, in no direction",
            _prepare_nearness,
            _rest_apart,
        ),
        _control("majority", "the commonest state, no signal", _prepare_majority),
    )
}
