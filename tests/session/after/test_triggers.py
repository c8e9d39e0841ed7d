"""Labels from hardware markers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym.messages import Marker
from session.after.triggers import labels_of, trials

CODES = {1: "positive", 2: "neutral", 3: "negative", 9: "none"}


def marker(t, code, note=""):
    """Return a marker at a time in seconds."""
    return Marker(t=float(t), code=code, note=note)


def found(*markers, longest=60.0, end=100.0):
    """Return the trials of some markers."""
    return trials(markers, CODES, longest=longest, end=end)


def test_trials_end_with_none_or_with_the_next_state():
    """Two states in a row and one let go of give three trials; foreign codes do not matter."""
    said = found(
        marker(0, 1), marker(10, 3), marker(15, 21), marker(20, 9), marker(30, 2), marker(45, 9)
    )
    assert [(t.start, t.end, t.state, t.excluded) for t in said] == [
        (0, 10, "positive", ""),
        (10, 20, "negative", ""),
        (30, 45, "neutral", ""),
    ]


@pytest.mark.fault(21)
def test_a_missing_end_excludes_its_trial_alone():
    """Fault 21, missing: neither a second start nor a far end is taken for the trial's end."""
    again = found(marker(0, 1), marker(20, 1), marker(30, 9), marker(40, 3), marker(50, 9))
    assert [bool(t.excluded) for t in again] == [True, False, False]
    assert "one is missing" in again[0].excluded
    far = found(marker(0, 1), marker(70, 9), marker(80, 3), marker(90, 9), longest=60.0)
    assert [t.excluded for t in far] == ["no end marker within 60 s of marker 1", ""]


@pytest.mark.fault(21)
def test_a_duplicate_changes_nothing():
    """Fault 21, duplicated: the trials are those without the second marker."""
    plain = [marker(0, 1), marker(10, 9), marker(20, 3), marker(30, 9)]
    doubled = [plain[0], marker(0.02, 1, "duplicate"), *plain[1:3], marker(20.01, 3, "duplicate")]
    assert found(*doubled, plain[3]) == found(*plain)


@pytest.mark.fault(21)
@pytest.mark.parametrize("note", ["late", "backward"])
def test_a_border_that_came_late_excludes_the_trials_on_both_sides(note):
    """Fault 21, late: where a border lies is not known, so neither side is learned from."""
    said = found(marker(0, 1), marker(10, 3, note), marker(20, 9), marker(30, 2), marker(40, 9))
    assert [bool(t.excluded) for t in said] == [True, True, False]
    assert all(note in t.excluded for t in said[:2])


def test_an_excluded_trial_is_none_in_the_labels():
    """What is excluded teaches nothing, and what follows at once keeps its own label."""
    said = labels_of(found(marker(0, 1, "late"), marker(10, 3), marker(20, 2), marker(30, 9)))
    assert said == [
        (0, "none"), (10, "none"), (10, "negative"), (20, "none"), (20, "neutral"), (30, "none"),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.floats(0, 90), st.sampled_from([1, 2, 3, 9, 77])), max_size=30))
def test_trials_never_overlap(events):
    """Whatever comes, trials lie one after the other within the time looked at."""
    said = found(*(marker(t, code) for t, code in events))
    assert all(t.start <= t.end <= 100 for t in said)
    assert all(a.end <= b.start for a, b in pairwise(said))
