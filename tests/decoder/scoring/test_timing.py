"""How often answers turn, and how soon they are right."""

import numpy as np

from decoder.scoring.timing import flips_per_minute, seconds_to_right
from tests.decoder.scoring.tables import table_of


def test_flips_are_counted_where_rows_follow_one_another():
    """Two turns within units, one from a unit to the next, which does not count."""
    table = table_of([[[0, 1]]], rows=20, gap=5)
    rows = table.newest
    answer = table.label[rows].copy()
    answer[3:5] = 1
    minutes = (len(rows) - 2) * 0.25 / 60
    assert np.isclose(flips_per_minute(table, rows, answer), 2 / minutes)


def test_flips_need_rows_that_follow_one_another():
    """Single rows turn nowhere."""
    table = table_of([[[0, 1]]], rows=20)
    assert (
        flips_per_minute(table, table.newest[::3], np.arange(8)[: len(table.newest[::3])]) is None
    )


def test_seconds_to_right_count_from_the_change():
    """Right from the fifth usable row on: nine rows of field and four wrong ones are 3.25 s."""
    table = table_of([[[0, 1, 0]]], rows=40)
    rows = table.newest
    answer = table.label[rows].copy()
    second = np.flatnonzero(table.unit[rows] == 1)
    answer[second[:4]] = 0
    assert seconds_to_right(table, rows, answer) == (13 * 0.25, 9 * 0.25)


def test_a_right_answer_must_last():
    """Nine right answers, a wrong one, then ten: the ten count."""
    table = table_of([[[0, 1]]], rows=40)
    rows = table.newest
    answer = table.label[rows].copy()
    second = np.flatnonzero(table.unit[rows] == 1)
    answer[second[9]] = 0
    assert seconds_to_right(table, rows, answer) == ((9 + 10) * 0.25,)
    answer[second[18:]] = 0
    assert seconds_to_right(table, rows, answer) == (np.inf,)


def test_only_changes_within_a_session_count():
    """The first state of a session follows nothing, and two units of one state are no change."""
    table = table_of([[[0, 1], [0, 0, 1]], [[1, 0]]], rows=30)
    found = seconds_to_right(table, table.newest, table.label[table.newest])
    assert found == (2.25, 2.25, 2.25)


def test_changes_that_nothing_was_answered_after_are_left_out():
    """What was learned from is not scored."""
    table = table_of([[[0, 1, 0]]], rows=30)
    rows = table.newest[table.unit[table.newest] == 2]
    assert len(seconds_to_right(table, rows, table.label[rows])) == 1
