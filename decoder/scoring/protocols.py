"""What is learned from and what is scored: every protocol as a list of splits (pure).

Rules that hold for every honest protocol:

- Folds by person, session, stimulus or unit, never by row, with the purge of `splits` between.
- **Every fold holds all states**, and each state's units are dealt into folds at random. Noise must
  score at chance, and does only so. AR(1) noise (correlation 0.99 from row to row, 20 features,
  three states of two units in random order, shrinkage LDA, 120 people): one unit held out at a time
  0.22 ± 0.02, since its state is then rarer in what is learned from than the others; units dealt in
  order of time 0.40 ± 0.015, since each state's earlier unit then lies nearer to its later one.
- Splits follow from the table and the rules alone, labels included. A null gives the table other
  labels and makes the splits anew: fixed folds would hold all states of the true labels only.

Leaky protocols let the answer in, each in a way that has been published; their scores say nothing
and are shown for comparison only.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import UsageError

from ..table import Table
from .splits import Rules, Split, apart, check, purge_of

Ints = npt.NDArray[np.int64]


def one_unit(table: Table) -> tuple[int, ...]:
    """Return the people who have a state with a single unit.

    `within` cuts their units in blocks of time, `calibrate` in two. Whatever is scored then may lie
    in the file or the hour as well as in the state, so that it cannot give the verdict `follows`.
    """
    return tuple(p for p, rows in _people(table) if _fewest(table, rows, table.unit) < 2)


def _people(table: Table) -> list[tuple[int, Ints]]:
    """Return everybody who has usable rows of two states or more, with these rows."""
    newest = table.newest
    found = [(p, newest[table.person[newest] == p]) for p in np.unique(table.person[newest])]
    return [(int(p), rows) for p, rows in found if len(np.unique(table.label[rows])) > 1]


def _fewest(table: Table, rows: Ints, column: Ints) -> int:
    """Return in how many units (sessions, stimuli) the rarest of these rows' states occurs."""
    label = table.label[rows]
    return min(len(np.unique(column[rows[label == state]])) for state in np.unique(label))


def _in_order(column: Ints, rows: Ints) -> Ints:
    """Return the different numbers of a column in the order in which rows bear them first."""
    names, first = np.unique(column[rows], return_index=True)
    return np.asarray(names[np.argsort(first, kind="stable")])


def _sessions(table: Table, rows: Ints, column: Ints, rules: Rules) -> Ints:
    """Return within what each row's unit (or stimulus) is dealt: its session, or 0 for all.

    A stimulus that several sessions show is dealt with all its rows.
    """
    everywhere = np.zeros(len(rows), dtype=np.int64)
    pairs = np.unique(np.stack([column[rows], table.session[rows]]), axis=1)
    if rules.dealt == "person" or pairs.shape[1] > len(np.unique(pairs[0])):
        return everywhere
    session = table.session[rows]
    return session if _rarest(table, rows, column, session) > 1 else everywhere


def _rarest(table: Table, rows: Ints, column: Ints, group: Ints) -> int:
    """Return in how many units the rarest state of each group occurs, added up over groups."""
    states = np.unique(table.label[rows])
    pairs = np.unique(np.stack([group, table.label[rows], column[rows]]), axis=1)[:2]
    return sum(
        min(int(((pairs[0] == name) & (pairs[1] == state)).sum()) for state in states)
        for name in np.unique(group)
    )


def _dealt(table: Table, rows: Ints, column: Ints, rules: Rules, most: int | None = None) -> Ints:
    """Return each row's fold: every state's units (or stimuli) dealt at random.

    A stimulus that goes with several states is held out with all its rows, in a fold of its own.
    Otherwise there are as many folds as the rarest state allows, `most` at most.
    """
    label = table.label[rows]
    names, fold = np.unique(column[rows], return_inverse=True)
    if len(np.unique(np.stack([column[rows], label]), axis=1)[0]) > len(names):
        return fold.astype(np.int64)
    group = _sessions(table, rows, column, rules)
    n_folds = _rarest(table, rows, column, group)
    n_folds = n_folds if most is None else min(n_folds, most)
    rng = np.random.default_rng([rules.seed, int(table.person[rows[0]])])
    begin = 0
    for name in np.unique(group):
        fewest = n_folds
        # In the order of time, so that states that change names keep their folds and their score.
        for state in _in_order(table.label, rows):
            here = (label == state) & (group == name)
            own = rng.permutation(_in_order(column, rows[here]))
            for i, unit in enumerate(own.tolist()):
                fold[here & (column[rows] == unit)] = (begin + i) % n_folds
            fewest = min(fewest, len(own))
        begin += fewest  # the next session goes on where this one's rarest state ended
    return fold.astype(np.int64)


def _cut(table: Table, rows: Ints, n_folds: int) -> Ints:
    """Return each row's fold, every unit cut in as many blocks of time."""
    fold = np.zeros(len(rows), dtype=np.int64)
    for unit in np.unique(table.unit[rows]):
        own = np.flatnonzero(table.unit[rows] == unit)
        fold[own] = np.arange(len(own)) * n_folds // len(own)
    return fold


def _splits(table: Table, person: int, rows: Ints, fold: Ints, purge: float) -> list[Split]:
    """Return a split per fold; without those of which nothing is left to learn from."""
    found = []
    for i in np.unique(fold).tolist():
        test = rows[fold == i]
        train = apart(table, rows[fold != i], test, purge)
        if len(train):
            found.append(Split(f"{table.people[person]}, part {i + 1}", train, test, person))
    return found


def _other_units(table: Table, splits: list[Split]) -> list[Split]:
    """Leave out of every fit the units that are scored; then folds that are left with nothing."""
    found = []
    for split in splits:
        units = np.unique(table.unit[split.test])
        train = split.train[~np.isin(table.unit[split.train], units)]
        if len(train):
            found.append(split._replace(train=train))
    return found


def within(table: Table, rules: Rules) -> list[Split]:
    """Within each person, by blocks of units, or of time where a state has one unit."""
    found = []
    for person, rows in _people(table):
        if _fewest(table, rows, table.unit) < 2:
            fold = _cut(table, rows, rules.n_folds)
        else:
            fold = _dealt(table, rows, table.unit, rules, rules.n_folds)
        found += _splits(table, person, rows, fold, purge_of(table, rules))
    return found


def _leave_out(table: Table, column: Ints, rules: Rules) -> list[Split]:
    """Within each person, one unit (or stimulus) of every state held out at a time."""
    found = []
    for person, own in _people(table):
        rows = own[column[own] >= 0]  # what is unknown may be what is held out
        if len(np.unique(table.label[rows])) > 1 and _fewest(table, rows, column) > 1:
            fold = _dealt(table, rows, column, rules)
            found += _splits(table, person, rows, fold, purge_of(table, rules))
    return _other_units(table, found)


def leave_one_episode_out(table: Table, rules: Rules) -> list[Split]:
    """Within each person, one unit of every state held out at a time."""
    return _leave_out(table, table.unit, rules)


def leave_one_stimulus_out(table: Table, rules: Rules) -> list[Split]:
    """Within each person, one stimulus of every state held out at a time."""
    return _leave_out(table, table.stimulus, rules)


def leave_one_session_out(table: Table, rules: Rules) -> list[Split]:
    """Within each person, one session held out at a time."""
    found = []
    for person, rows in _people(table):
        if _fewest(table, rows, table.session) > 1:
            fold = np.unique(table.session[rows], return_inverse=True)[1].astype(np.int64)
            found += _splits(table, person, rows, fold, purge_of(table, rules))
    return found


def leave_one_person_out(table: Table, rules: Rules) -> list[Split]:  # noqa: ARG001 - one shape
    """Everybody answered for from the others."""
    newest = table.newest
    found = []
    for person, rows in _people(table):
        train = newest[table.person[newest] != person]
        if len(train):
            found.append(Split(f"without {table.people[person]}", train, rows, person))
    return found


def calibrate(table: Table, rules: Rules) -> list[Split]:
    """Learn from the first minutes of a person, score the units after them.

    Minutes are those behind usable rows. A unit in which they end is learned from up to there, and
    what is left of it is not scored. Of a person whose states have one unit each, the first part of
    every unit is learned from, as much of each in proportion, and what follows is scored: no whole
    unit could be left for it. As in `within`, such a score may lie in the file (see `one_unit`).
    """
    n_rows = round(rules.minutes * 60.0 * table.rate / table.hop)
    found = []
    for person, own in _people(table):
        if len(own) <= n_rows:
            continue
        if len(np.unique(table.unit[own])) == len(np.unique(table.label[own])):
            train, test = _first_parts(table, own, n_rows / len(own))
        else:
            rows = _in_time(table, own)
            train, rows = np.sort(rows[:n_rows]), np.sort(rows[n_rows:])
            test = rows[~np.isin(table.unit[rows], np.unique(table.unit[train]))]
        train = apart(table, train, test, purge_of(table, rules))
        if len(test) and len(np.unique(table.label[train])) > 1:
            found.append(Split(f"{table.people[person]}, calibrated", train, test, person))
    return found


def _first_parts(table: Table, rows: Ints, share: float) -> tuple[Ints, Ints]:
    """Return the first part of every unit, and what follows."""
    first = np.zeros(len(rows), dtype=bool)
    for unit in np.unique(table.unit[rows]):
        own = np.flatnonzero(table.unit[rows] == unit)
        first[own[: round(share * len(own))]] = True
    return rows[first], rows[~first]


def prequential(table: Table, rules: Rules) -> list[Split]:
    """Test, then train: each round of units scored by what was known before it began.

    A round is as many units in a row as the person has states, and is scored if every state came
    before it. The label of a row is known after its true delay, and a row is learned from only
    after the purge.

    Where a round ends does not follow from labels. A round that ended with the unit that completes
    its states would end with its rarest one, of which more is to come: noise that drifts, and so
    resembles what was last, scored 0.368 ± 0.004 of 0.333 then. What is worth nothing still is not
    1/C here but less: where labels are dealt without replacement, a state that came oftener is to
    come less often (four units of each of two states, offsets: 0.468 ± 0.007). Its null says so.
    """
    wait = max(purge_of(table, rules), rules.delay)
    found = []
    for person, own in _people(table):
        rows = _in_time(table, own)
        for i, (past, test) in enumerate(_rounds(table, rows)):
            train = apart(table, past, test, wait)
            if len(train):
                found.append(Split(f"{table.people[person]}, round {i + 1}", train, test, person))
    return found


def _in_time(table: Table, rows: Ints) -> Ints:
    """Return rows as time went by: sessions in their order, each in the order of its units.

    Recordings stand in the order of their names, which need not be that of their dates.
    """
    session = _in_order(table.session, rows)
    of_session = np.argsort(session)[np.searchsorted(np.sort(session), table.session[rows])]
    units, place = np.unique(table.unit[rows], return_inverse=True)
    start = np.full(len(units), np.inf)
    np.minimum.at(start, place, table.t[rows])
    return rows[np.lexsort((table.t[rows], start[place], of_session))]


def _rounds(table: Table, rows: Ints) -> list[tuple[Ints, Ints]]:
    """Return what was before every round and its rows, once every state has occurred."""
    n_states = len(np.unique(table.label[rows]))
    units = np.unique(table.unit[rows], return_index=True)[1]
    borders = [*np.sort(units)[::n_states].tolist(), len(rows)]
    both = [(rows[:a], rows[a:b]) for a, b in pairwise(borders)]
    return [
        (np.sort(past), np.sort(test))
        for past, test in both
        if len(np.unique(table.label[past])) == n_states
    ]


def paper(table: Table, rules: Rules) -> list[Split]:
    """As published: everybody answered for from the others, by an embedding fitted with all."""
    return [split._replace(seen=table.newest) for split in leave_one_person_out(table, rules)]


def random(table: Table, rules: Rules) -> list[Split]:
    """Within each person, overlapping windows dealt to folds at random."""
    rng = np.random.default_rng(rules.seed)
    found = []
    for person, rows in _people(table):
        fold = rng.permutation(np.arange(len(rows)) % rules.n_folds)
        found += _splits(table, person, rows, fold, 0.0)
    return found


def fitted(table: Table, rules: Rules) -> list[Split]:  # noqa: ARG001 - one shape
    """Within each person, an embedding fitted with all labels, then leave-one-out neighbours.

    Learned from and scored are the same rows; the method leaves the row itself out of its memory.
    """
    return [
        Split(f"{table.people[person]}, fitted", rows, rows, person, rows)
        for person, rows in _people(table)
    ]


class Protocol(NamedTuple):
    """A way to hold out."""

    name: str
    what: str
    """One sentence: what is learned from, what is scored."""
    needs: str
    """What a data set lacks for which there are no splits, one sentence."""
    leaky: bool
    own: bool
    """Whether nobody is learned from for another person."""
    make: Callable[[Table, Rules], list[Split]]

    def splits(self, table: Table, rules: Rules) -> list[Split]:
        """Return the splits of a table, checked unless leaky; none where it lacks what is needed.

        Raises
        ------
        SignalError
            If a sample would be both learned from and scored.
        """
        found = self.make(table, rules)
        if not self.leaky:
            check(table, found)
        return found


PROTOCOLS = (
    Protocol(
        "within",
        "Blocks of a person's own units are scored by what the person's other units teach.",
        "It needs a person with two states.",
        False,
        True,
        within,
    ),
    Protocol(
        "leave-one-episode-out",
        "One unit of every state is scored by what the person's other units teach.",
        "It needs a person with two units of every state.",
        False,
        True,
        leave_one_episode_out,
    ),
    Protocol(
        "leave-one-session-out",
        "A session is scored by what the person's other sessions teach.",
        "It needs a person with every state in two sessions.",
        False,
        True,
        leave_one_session_out,
    ),
    Protocol(
        "leave-one-person-out",
        "A person is scored by what the other people teach, and by the own rest.",
        "It needs two people, one of them with two states.",
        False,
        False,
        leave_one_person_out,
    ),
    Protocol(
        "leave-one-stimulus-out",
        "One stimulus of every state is scored by what the person's other stimuli teach.",
        "It needs a person with two named stimuli of every state.",
        False,
        True,
        leave_one_stimulus_out,
    ),
    Protocol(
        "calibrate",
        "The first minutes of a person teach, the person's later units are scored; of units that "
        "are alone in their state, each one's later part.",
        "It needs a person whose first minutes hold two states and do not hold all units.",
        False,
        True,
        calibrate,
    ),
    Protocol(
        "prequential",
        "Each round of units is scored, then learned from, as on a live day.",
        "It needs a person with units after every state has occurred.",
        False,
        True,
        prequential,
    ),
    Protocol(
        "paper",
        "LEAKY, as published: the embedding has seen the labels of the person who is scored.",
        "It needs two people, one of them with two states.",
        True,
        False,
        paper,
    ),
    Protocol(
        "random",
        "LEAKY: windows are dealt at random, and overlapping ones are learned from and scored.",
        "It needs a person with two states.",
        True,
        True,
        random,
    ),
    Protocol(
        "fitted",
        "LEAKY: the embedding is fitted with the labels of the very rows that are scored.",
        "It needs a person with two states.",
        True,
        True,
        fitted,
    ),
)


def protocol(name: str) -> Protocol:
    """Return a protocol by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    names = [p.name for p in PROTOCOLS]
    if name not in names:
        raise UsageError(f"There is no protocol {name!r}.", f"Name one of {', '.join(names)}.")
    return PROTOCOLS[names.index(name)]
