"""Pseudosessions are sessions that the same person could have made."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.embedding import FIELD
from decoder.rows import steady
from decoder.scoring.pseudosessions import (
    n_pseudosessions,
    n_shifts,
    pseudosession,
    shifted,
    taking_turns,
)
from tests.decoder.scoring.tables import RATE, table_of


def episodes(table, session):
    """Return (state, length in labelled rows) of the episodes of a session, in order."""
    rows = np.flatnonzero((table.unit >= 0) & (table.session == session))
    turns = np.flatnonzero(np.diff(table.unit[rows])) + 1
    return [(int(table.label[p[0]]), len(p)) for p in np.split(rows, turns)]


keyed = st.builds(
    table_of,
    st.lists(
        st.lists(
            st.lists(st.integers(0, 2), min_size=2, max_size=8).map(
                lambda s: [a for a, b in zip(s, [-1, *s], strict=False) if a != b]
            ),
            min_size=1,
            max_size=2,
        ),
        min_size=1,
        max_size=2,
    ),
    rows=st.lists(st.integers(10, 40), min_size=5, max_size=5, unique=True),
    gap=st.integers(0, 3),
)


@settings(max_examples=30, deadline=None)
@given(keyed, st.integers(0, 1000))
def test_episodes_keep_their_states_and_durations(table, seed):
    """In every session the same episodes, no state following itself, in another order."""
    new = pseudosession(table, np.random.default_rng(seed))
    np.testing.assert_array_equal(new.label < 0, table.label < 0)
    for session in range(len(table.sessions)):
        before, after = episodes(table, session), episodes(new, session)
        assert Counter(before) == Counter(after)
        assert all(a[0] != b[0] for a, b in pairwise(after))


@settings(max_examples=30, deadline=None)
@given(keyed, st.integers(0, 1000), st.booleans())
def test_usable_rows_answer_for_one_episode(table, seed, circle):
    """Ten rows of one run and one unit, and no change in the window's own second or the next."""
    new = (shifted if circle else pseudosession)(table, np.random.default_rng(seed))
    for row in new.newest:
        assert row >= FIELD - 1
        field = slice(row - FIELD + 1, row + 1)
        assert len(set(new.run[field])) == len(set(new.unit[field])) == 1
        around = np.arange(max(0, row - 12), min(len(new), row + 5))
        around = around[new.session[around] == new.session[row]]
        assert set(new.unit[around]) == {new.unit[row]}


@pytest.mark.parametrize("margin", [0.0, 1.0, 2.5, 4.0, 6.0])
@pytest.mark.parametrize("gap", [0, 2])
def test_usable_rows_are_those_that_the_true_labels_would_leave(margin, gap):
    """The rule by which rows of true labels are made usable, asked about the new ones."""

    def left(of):
        usable = of.unit >= 0
        for session in range(len(of.sessions)):
            own = np.flatnonzero(of.session == session)
            # A change lies between the windows that it parts.
            changes = of.t[own[1:]][np.diff(of.unit[own]) != 0] - 0.5 * of.hop / of.rate
            usable[own] &= steady(of.first[own] / RATE, of.t[own], of.run[own], changes, margin)
        return usable

    table = table_of([[[0, 1, 2, 0, 1], [1, 0, 1]]], rows=[55, 70, 90], gap=gap)
    table = replace(table, usable=left(table))
    for seed in range(5):
        new = pseudosession(table, np.random.default_rng(seed), margin)
        assert new.usable.any()
        np.testing.assert_array_equal(new.usable, left(new))


def test_orders_differ_and_all_of_them_come():
    """Three states once each: six orders, all as often within chance."""
    table = table_of([[[0, 1, 2]]], rows=[10, 20, 30])
    rng = np.random.default_rng(0)
    found = Counter(tuple(episodes(pseudosession(table, rng), 0)) for _ in range(600))
    assert len(found) == 6
    # 600 draws of a sixth: standard deviation 9
    assert max(abs(n - 100) for n in found.values()) < 40


def test_two_states_go_on_taking_turns():
    """Ten episodes of two states: only durations move, and which state is first."""
    table = table_of([[[0, 1] * 5]], rows=list(range(10, 20)))
    rng = np.random.default_rng(1)
    drawn = [episodes(pseudosession(table, rng), 0) for _ in range(40)]
    assert {d[0][0] for d in drawn} == {0, 1}
    assert len({tuple(d) for d in drawn}) > 35


def test_rows_lost_for_reasons_of_their_own_stay_lost():
    """An artifact in the middle of an episode is one wherever the episodes lie."""
    table = table_of([[[0, 1, 2, 0, 1]]], rows=30)
    steady = table.usable & False
    usable = table.usable.copy()
    usable[[20, 21, 50]] = False
    rng = np.random.default_rng(2)
    for _ in range(20):
        steady |= pseudosession(replace(table, usable=usable), rng).usable
    assert not steady[[20, 21, 50]].any()
    assert steady[[22, 23, 52]].all()


def test_a_circular_shift_keeps_the_order():
    """All labels of a session move along by the same number of rows; sessions for themselves."""
    table = table_of([[[0, 1, 2], [1, 0]]], rows=[10, 20, 30])
    new = shifted(table, np.random.default_rng(3))
    for session in (0, 1):
        rows = table.session == session
        turns = [np.roll(table.label[rows], by).tolist() for by in range(int(rows.sum()))]
        assert new.label[rows].tolist() in turns


def orders(counts):
    """Return all orders of things that come so often, with none beside its like."""
    things = [kind for kind, n in enumerate(counts) for _ in range(n)]
    return {p for p in permutations(things) if all(a != b for a, b in pairwise(p))}


@pytest.mark.parametrize(
    "counts", [c for n in (1, 2, 3) for c in product((1, 2, 3), repeat=n) if sum(c) < 8]
)
def test_orders_in_which_states_take_turns_are_counted(counts):
    """As many as there are when all are tried."""
    assert taking_turns(counts) == len(orders(counts))


@pytest.mark.parametrize(
    ("states", "rows"),
    [
        ([0, 1, 2], [10, 20, 30]),
        ([0, 1, 0, 1], [10, 20, 30, 40]),
        ([0, 1, 0, 1], [10, 10, 30, 40]),
        ([0, 1, 0, 1], [10, 20]),
        ([0, 1, 0, 2, 1], [10, 20, 30]),
        ([0, 0, 1, 1], [10, 20, 30]),
        ([0, 1, 0], [10, 20]),
    ],
)
def test_so_many_different_sequences_are_drawn(states, rows):
    """All that are counted come, and no other; people of whom nothing is scored do not count."""
    table = table_of([[states], [[0, 1]]], rows=rows)
    rng = np.random.default_rng(0)
    own = table.person == 0
    # Of 24, the most that there are here, 300 draws miss one with a probability of 0.0001.
    drawn = {pseudosession(table, rng).label[own].tobytes() for _ in range(300)}
    n = n_pseudosessions(table, np.array([0]))
    if (np.diff(states) == 0).any():  # neighbours of one state: their border is no part of a label
        assert len(drawn) <= n
    else:
        assert len(drawn) == n
    assert n_pseudosessions(table, np.array([0, 1])) == 2 * n
    assert n_shifts(table, np.array([0])) == own.sum()
