"""Triggers get their rig time; those that cannot be trusted say why."""

import numpy as np
import pytest

from stream.items import Side
from stream.lsl.markers import MarkerCheck


def notes(*events: tuple[int, float, float]) -> list[str]:
    """Return the notes on (code, stamp, arrival), one by one; the clocks are 100 s apart."""
    check = MarkerCheck(1.0, 0.5)
    found = []
    for code, stamp, arrival in events:
        side = Side("markers", np.array([[code]], np.float32), np.array([stamp]))
        (marker,) = check.push(side, 100.0, arrival)
        assert (marker.code, marker.t) == (code, pytest.approx(stamp + 100.0))
        found.append(marker.note)
    return found


@pytest.mark.fault(21)
def test_each_note_has_its_case() -> None:
    """A bounce, a late arrival, a step back in time; what is fine has none."""
    assert notes((1, 5.0, 105.01), (1, 5.04, 105.05), (1, 5.2, 105.2)) == ["", "duplicate", ""]
    assert notes((1, 5.0, 106.1), (2, 6.0, 106.1)) == ["late", ""]
    assert notes((1, 5.0, 105.0), (2, 4.9, 105.1), (2, 5.1, 105.1)) == ["", "backward", ""]


@pytest.mark.fault(21)
def test_a_time_that_has_not_come_is_early_and_accuses_no_later_one() -> None:
    """A clock that was set an hour ahead spoils the triggers until it is known, none behind."""
    sent = [(1, 5.0, 105.0), (2, 3606.0, 106.0), (1, 7.0, 107.0), (2, 8.0, 108.0)]
    assert notes(*sent) == ["", "early", "", ""]
    assert notes((1, 5.4, 105.0), (2, 5.2, 105.3)) == ["", ""]


def test_a_code_that_a_float_rounds_is_none() -> None:
    """It would come as its neighbour."""
    codes = np.array([[2**24 + 1], [2**24 - 1]], np.int32).astype(np.float32)
    side = Side("markers", codes, np.array([1.0, 2.0]))
    assert [x.code for x in MarkerCheck(1.0, 0.5).push(side, 0.0, 2.0)] == [2**24 - 1]


def test_another_code_at_once_is_no_duplicate() -> None:
    """Only the same code within 50 ms is."""
    assert notes((1, 5.0, 105.0), (2, 5.0, 105.0), (1, 5.0, 105.0)) == ["", "", "duplicate"]


def test_how_they_arrive_changes_nothing_and_no_number_is_no_marker() -> None:
    """All at once or one by one: the same messages, without those that are no code."""
    codes = np.array([[1], [1], [np.nan], [2], [3e30], [-(2**24 - 1)]], np.float32)
    stamps = np.array([5.0, 5.01, 5.02, 4.0, 5.03, 5.04])
    whole = MarkerCheck(1.0, 0.5).push(Side("markers", codes, stamps), 0.0, 5.1)
    check = MarkerCheck(1.0, 0.5)
    single = [
        marker
        for k in range(6)
        for marker in check.push(Side("markers", codes[k : k + 1], stamps[k : k + 1]), 0.0, 5.1)
    ]
    assert whole == single
    assert [marker.note for marker in whole] == ["", "duplicate", "backward", ""]
    assert whole[-1].code == -(2**24 - 1)
