"""States over data time: what is in force when, whatever came late, twice or in a flood."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.memory.track import UNKNOWN, Track


def test_a_change_counts_from_its_own_time_once_it_is_taken_in():
    """Before `apply` the old state holds."""
    track = Track(-1)
    assert track.change(5.0, 2)
    assert track.at(6.0) == -1
    track.apply(5.0)
    assert [track.at(t) for t in (4.9, 5.0, 6.0)] == [-1, 2, 2]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2)), max_size=12), st.randoms())
@settings(deadline=None)
def test_the_order_of_arrival_does_not_count(changes, random):
    """Any order, applied in any steps: the same states."""
    one, other = Track(-1), Track(-1)
    for change in changes:
        one.change(*change)
    one.apply(60.0)
    random.shuffle(changes)
    for change in changes:
        other.change(*change)
    for until in (7.0, 7.0, 31.0, 60.0):
        other.apply(until)
    assert [one.at(t / 2) for t in range(110)] == [other.at(t / 2) for t in range(110)]


def test_a_late_change_leaves_a_hole_until_the_next():
    """What it said is refused; what was before it and after the next stays known."""
    track = Track(-1)
    for t, state in ((1.0, 0), (9.0, 2)):
        track.change(t, state)
    track.apply(10.0)
    assert not track.change(4.0, 1)
    assert [track.at(t) for t in (3.0, 4.0, 8.0, 9.0)] == [0, UNKNOWN, UNKNOWN, 2]


@pytest.mark.parametrize("t", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_no_number_leaves_a_hole_from_now_on(t):
    """And breaks nothing."""
    track = Track(-1)
    track.change(1.0, 0)
    track.apply(10.0)
    assert not track.change(t, 1)
    track.change(20.0, 2)
    track.apply(30.0)
    assert [track.at(at) for at in (20.0, 30.0)] == [2, 2]
    assert track.at(15.0) in {0, UNKNOWN}


def test_a_flood_is_refused_and_what_it_meant_is_not_known():
    """Of 1500 changes that wait, 500 are refused; from the thousandth on nothing is known."""
    track = Track(-1)
    taken = [track.change(float(i), i % 3) for i in range(1500)]
    assert sum(taken) == 1000
    track.apply(2000.0)
    assert track.at(500.0) == 500 % 3
    assert track.at(1400.0) == UNKNOWN


@pytest.mark.parametrize(
    ("after", "until", "changes"), [(0, 4.9, False), (4.9, 5, True), (5, 9, False), (8, 20, True)]
)
def test_changes_within_a_span_are_those_to_another_state(after, until, changes):
    """A second event of the same state is no change; the span is open at its beginning."""
    track = Track(-1)
    for t, state in ((5.0, 2), (7.0, 2), (12.0, 0)):
        track.change(t, state)
    track.apply(30.0)
    assert track.changes(after, until) is changes


@pytest.mark.parametrize(("t", "near"), [(3.9, False), (4.0, False), (4.1, True), (6.0, False)])
def test_changes_nearer_than_a_margin(t, near):
    """Exactly at the margin is far enough."""
    track = Track(-1)
    track.change(5.0, 2)
    track.apply(30.0)
    assert track.changes_near(t, 1.0) is near


def test_what_nobody_asks_about_any_more_is_dropped():
    """The state in force then stays."""
    track = Track(-1)
    for i in range(100):
        track.change(float(i), i % 3)
    track.apply(200.0)
    track.forget(50.5)
    assert track.at(50.5) == 50 % 3
    assert track.at(99.0) == 0
    assert not track.change(20.0, 1)
    assert track.at(51.0) == 0
