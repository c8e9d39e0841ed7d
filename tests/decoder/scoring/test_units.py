"""Relabelings: how many there are, that none is missing, and what they keep."""

from collections import Counter
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.scoring import units as u
from rym.errors import FormatError
from tests.decoder.scoring.tables import table_of

people = st.lists(
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=2),
    min_size=1,
    max_size=2,
)


def counts(units, labels):
    """Return how often every state occurs in every group."""
    return Counter(zip(units.group.tolist(), labels.tolist(), strict=True))


def test_five_people_with_two_files_have_32_relabelings_in_twins():
    """The documented case: learned from others p is 2/32 at best, from oneself it is 1."""
    units = u.units_of(table_of([[[0, 1]]] * 5, rows=12))
    assert u.n_relabelings(units) == 32
    assert u.n_symmetries(units, own=False) == 2
    assert u.smallest_p(units, own=False) == 0.0625
    assert u.n_symmetries(units, own=True) == 32
    assert u.smallest_p(units, own=True) == 1.0


def test_unequal_counts_have_no_symmetry():
    """Two units of one state and one of the other cannot change names."""
    units = u.units_of(table_of([[[0, 1, 0]], [[1, 0, 0]]], rows=12))
    assert u.n_relabelings(units) == 9
    assert u.n_symmetries(units, own=False) == u.n_symmetries(units, own=True) == 1


def test_states_change_names_only_where_both_people_keep_their_counts():
    """One has 0 and 1 equally often, the other 1 and 2: together nothing, each alone a pair."""
    units = u.units_of(table_of([[[0, 1, 2, 2]], [[0, 0, 1, 2]]], rows=12))
    assert u.n_symmetries(units, own=False) == 1
    assert u.n_symmetries(units, own=True) == 4


def test_the_number_of_relabelings_is_exact_however_large():
    """Three people with 20 and 20 units: the binomial to the third, digit by digit."""
    units = u.units_of(table_of([[[0, 1] * 20]] * 3, rows=10))
    assert u.n_relabelings(units) == 137846528820**3


def test_labels_are_dealt_within_a_session_where_asked():
    """Two sessions of (0, 1) have 4 relabelings, as one person's units 6."""
    table = table_of([[[0, 1], [0, 1]]], rows=12)
    assert u.n_relabelings(u.units_of(table)) == 6
    assert u.n_relabelings(u.units_of(table, per="session")) == 4


@settings(max_examples=60, deadline=None)
@given(people, st.sampled_from(["person", "session"]))
def test_all_relabelings_are_tried_once(labels, per):
    """Enumerated: as many as counted, all different, the true one among them, counts kept."""
    units = u.units_of(table_of(labels, rows=10), per=per)
    got = u.relabelings(units, 5, np.random.default_rng(0))
    if u.n_relabelings(units) >= u.ENUMERATED:
        assert not got.complete
        assert len(got.labels) == 5
        return
    assert got.complete
    assert len({tuple(row) for row in got.labels.tolist()}) == len(got.labels)
    assert len(got.labels) == u.n_relabelings(units)
    assert units.label.tolist() in got.labels.tolist()
    assert all(counts(units, row) == counts(units, units.label) for row in got.labels)


def test_enumeration_agrees_with_brute_force():
    """All permutations of five labels, each once."""
    units = u.units_of(table_of([[[0, 1, 2, 1, 0]]], rows=12))
    got = {tuple(row) for row in u.relabelings(units, 1, np.random.default_rng(0)).labels.tolist()}
    assert got == set(permutations([0, 1, 2, 1, 0]))


def test_many_units_of_one_state_are_enumerated_as_well():
    """Two people: 1500 trials of one state, and two states once each: two relabelings."""
    units = u.units_of(table_of([[[0] * 1500], [[0, 1]]], rows=10))
    found = u.relabelings(units, 10, np.random.default_rng(0))
    assert found.complete
    assert found.labels[:, -2:].tolist() == [[0, 1], [1, 0]]


def test_drawn_relabelings_keep_counts_and_are_evenly_spread():
    """Beyond a thousand they are drawn; every unit bears either state equally often."""
    units = u.units_of(table_of([[[0, 1] * 6, [1, 0]], [[1, 0] * 3]], rows=10))
    got = u.relabelings(units, 4000, np.random.default_rng(1))
    assert not got.complete
    assert all(counts(units, row) == counts(units, units.label) for row in got.labels)
    # 4000 draws of a half: standard error 0.0079
    np.testing.assert_allclose(got.labels.mean(axis=0), 0.5, atol=0.04)
    again = u.relabelings(units, 4000, np.random.default_rng(1))
    np.testing.assert_array_equal(got.labels, again.labels)


def test_a_relabeled_table_bears_the_new_labels_unit_by_unit():
    """All rows of a unit, usable or not, get its new label; rows without a unit keep theirs."""
    table = table_of([[[0, 1, 1]], [[1, 0]]], rows=12, gap=3)
    units = u.units_of(table)
    new = u.relabeled(table, units, 1 - units.label)
    inside = table.unit >= 0
    np.testing.assert_array_equal(new.label[inside], 1 - table.label[inside])
    assert (new.label[~inside] == -1).all()


def test_units_without_rows_that_count_are_not_counted():
    """A unit too short for a usable row, or outside the rows asked for, changes no score."""
    table = table_of([[[0, 1, 0, 1]]], rows=[12, 12, 9, 12])
    assert u.units_of(table).number.tolist() == [0, 1, 3]
    some = table.newest[table.unit[table.newest] < 2]
    assert u.units_of(table, some).number.tolist() == [0, 1]


@pytest.mark.parametrize("column", ["label", "person", "session"])
def test_a_unit_has_one_label_one_person_one_session(column):
    """Rows of a unit that differ cannot be dealt a label together."""
    table = table_of([[[0, 1], [1, 0]], [[0, 1]]], rows=12)
    changed = getattr(table, column).copy()
    changed[table.newest[-1]] = (changed[table.newest[-1]] + 1) % 2
    with pytest.raises(FormatError, match=column):
        u.units_of(replace(table, **{column: changed}))


def test_a_usable_row_needs_a_unit():
    """Nobody can say what else such a row could have been."""
    table = table_of([[[0, 1]]], rows=12)
    with pytest.raises(FormatError, match="no exchangeable unit"):
        u.units_of(replace(table, unit=np.full(len(table), -1)))


def test_a_stimulus_that_is_shown_again_keeps_one_state():
    """Labels are dealt over stimuli, not over their trials, where each goes with one state."""
    table = table_of([[[0, 1, 0, 1], [1, 0, 1, 0]]] * 2, rows=12)
    shown = np.array([0, 1, 2, 3, 3, 2, 1, 0] * 2)[table.unit]
    again = replace(table, stimulus=shown)
    units = u.stimuli_of(again, again.newest)
    assert len(units) == 8
    assert u.n_relabelings(units) == 6**2
    for labels in u.relabelings(units, 9, np.random.default_rng(0)).labels:
        dealt = u.relabeled(again, units, labels)
        for person in (0, 1):
            own = np.unique(np.stack([shown, dealt.label])[:, table.person == person], axis=1)
            assert own[0].tolist() == [0, 1, 2, 3]


def test_a_stimulus_of_several_states_or_a_unit_of_several_stimuli_leaves_the_units_as_they_are():
    """Nothing is dealt over stimuli that would tear a unit or did not hold one state before."""
    table = table_of([[[0, 1, 0, 1]]], rows=12)
    for stimulus in (np.zeros(len(table), dtype=int), np.arange(len(table))):
        changed = replace(table, stimulus=stimulus)
        assert u.stimuli_of(changed, table.newest).number.tolist() == [0, 1, 2, 3]


def test_a_stimulus_that_one_session_shows_is_dealt_as_the_labels_were():
    """Within its session, so that every session keeps its number of each state in every draw."""
    table = table_of([[[0, 0, 1, 1], [1, 0, 1, 0]]] * 2, rows=12)
    units = u.stimuli_of(replace(table, stimulus=table.unit), table.newest, "session")
    assert u.n_relabelings(units) == 6**4
    for labels in u.relabelings(units, 9, np.random.default_rng(0)).labels:
        dealt = u.relabeled(table, units, labels)
        for session in range(4):
            own = (table.session == session) & table.usable
            assert np.bincount(dealt.label[own]).tolist() == [6, 6]
