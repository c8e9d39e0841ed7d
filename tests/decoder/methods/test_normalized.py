"""Own scales: measured by rest, else by what is learned from, never by what is scored."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder import fitting
from decoder.features import Standardizer
from decoder.methods.normalized import (
    LEAST_BASELINE,
    OwnScale,
    field_means,
    field_rows,
    last_kept,
    references,
    standardized,
    stretches,
)


def test_a_calibration_and_an_evaluation_ask_for_the_same_rest():
    """What is too short a rest for one is too short for the other."""
    assert LEAST_BASELINE == fitting.LEAST_BASELINE


def test_everyone_is_measured_by_the_own_rest(make_table, halves):
    """Each person's rows are the z-scores of that person's baseline rows."""
    table = make_table()
    train, _ = halves(table)
    z = standardized(table, train)
    for person in range(3):
        own = table.person == person
        rest = table.features[own & table.baseline]
        np.testing.assert_array_equal(z[own], Standardizer.fit(rest, 5.0)(table.features[own]))


def test_without_rest_by_the_own_rows_learned_from_then_by_all(make_table, halves):
    """A person without rest: own training rows; a stranger without: everyone's."""
    table = make_table()
    table = replace(table, baseline=table.baseline & (table.person == 0))
    train, _ = halves(table)
    train = train[table.person[train] != 2]
    learned = field_rows(train)
    found = references(table, train, np.arange(3))
    np.testing.assert_array_equal(found[0], np.flatnonzero(table.baseline))
    np.testing.assert_array_equal(found[1], learned[table.person[learned] == 1])
    np.testing.assert_array_equal(found[2], learned)


def test_a_rest_that_is_too_short_does_not_count(make_table, halves):
    """One row fewer than asked for: the rows learned from are used; exactly as many: the rest."""
    table = make_table(n_people=1)
    train, _ = halves(table)
    rest = np.flatnonzero(table.baseline)
    for n, expected in ((LEAST_BASELINE, rest[:LEAST_BASELINE]), (19, field_rows(train))):
        baseline = np.isin(np.arange(len(table)), rest[:n])
        found = references(replace(table, baseline=baseline), train, np.array([0]))[0]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("rested", [True, False])
def test_rows_that_are_scored_do_not_matter(make_table, halves, rested):
    """Other values, or none, in the rows not learned from leave all other rows as they were."""
    table = make_table()
    if not rested:
        table = replace(table, baseline=np.zeros(len(table), dtype=bool))
    train, _ = halves(table)
    kept = table.baseline.copy()
    kept[field_rows(train)] = True
    features = table.features.copy()
    features[~kept] = np.nan
    other = replace(table, features=features)
    np.testing.assert_array_equal(
        standardized(other, train)[kept], standardized(table, train)[kept]
    )


def test_field_means_are_the_means_of_ten_rows(make_table, halves):
    """Asked row by row or all at once, of any order of asking."""
    table = make_table()
    train, test = halves(table)
    z = standardized(table, train)
    scale = OwnScale(table, train)
    expected = np.array([z[row - 9 : row + 1].mean(axis=0) for row in test])
    np.testing.assert_allclose(field_means(scale, test), expected, atol=1e-12)
    some = test[[7, 3, 3]]
    np.testing.assert_allclose(field_means(scale, some), expected[[7, 3, 3]], atol=1e-12)


@given(st.lists(st.sampled_from(["next", "gap", "unit", "run"]), min_size=1, max_size=80))
@settings(max_examples=40, deadline=None)
def test_a_stretch_is_ten_rows_that_follow_one_another_in_one_unit(kinds):
    """At most ten, numbered upwards without a hole, broken by gaps, units and runs alone."""

    class Rows:
        unit = np.zeros(200, dtype=np.int64)
        run = np.zeros(200, dtype=np.int64)

    rows, newest = Rows(), []
    at = 9
    for kind in kinds:
        at += 2 if kind == "gap" else 1
        rows.unit[at:] += kind == "unit"
        rows.run[at:] += kind == "run"
        newest.append(at)
    number = stretches(rows, np.array(newest))
    expected, length = [0], 1
    for kind in kinds[1:]:
        new = kind != "next" or length == 10
        length = 1 if new else length + 1
        expected.append(expected[-1] + new)
    assert number.tolist() == expected


def test_only_the_last_asked_is_kept():
    """The same rows again are not made again, other rows are; a caller's array may change."""
    made = []
    ask = last_kept(lambda rows: made.append(rows.tolist()) or rows * 2.0)
    rows = np.array([1, 2])
    ask(rows)
    assert ask(np.array([1, 2])).tolist() == [2.0, 4.0]
    rows[0] = 5
    assert ask(rows).tolist() == [10.0, 4.0]
    assert made == [[1, 2], [5, 2]]
