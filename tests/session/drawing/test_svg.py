"""Scales, times and thinning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session.drawing import svg


def test_a_scale_maps_ends_to_ends_and_keeps_within() -> None:
    """Values outside stay at the border; a scale without width divides by nothing."""
    scale = svg.Scale((10.0, 20.0), (0.0, 100.0))
    assert [scale(v) for v in (10.0, 15.0, 20.0, 99.0, -1.0)] == [0.0, 50.0, 100.0, 100.0, 0.0]
    assert svg.Scale((5.0, 5.0), (0.0, 100.0))(5.0) == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0:00"),
        (59.6, "1:00"),
        (61, "1:01"),
        (3600, "1:00:00"),
        (3725, "1:02:05"),
        (-2, "−0:02"),
    ],
)
def test_times_are_written_as_people_write_them(seconds: float, words: str) -> None:
    """Minutes and seconds; hours from an hour on."""
    assert svg.clock(seconds) == words


@given(st.floats(0.0, 1e4), st.floats(0.1, 2e4))
def test_ticks_are_few_round_and_inside(low: float, width: float) -> None:
    """Never more than asked for and one, evenly spaced, within the axis."""
    found = svg.ticks(low, low + width)
    assert len(found) <= 13
    assert all(low - 1e-6 <= t <= low + width + 1e-6 for t in found)
    assert len(set(np.diff(found))) <= 1


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 700))
def test_bins_keep_the_lowest_and_the_limit(n: int, limit: int) -> None:
    """Folding with min never loses the lowest value, and never gives more points than asked."""
    values = np.random.default_rng(n).normal(size=(n, 2))
    times, folded = svg.bins(np.arange(n, dtype=float), values, limit, np.min)
    assert len(times) == len(folded) == min(n, limit)
    np.testing.assert_array_equal(folded.min(axis=0), values.min(axis=0))
    assert np.all(np.diff(times) > 0)


def test_lines_are_broken_at_holes() -> None:
    """A hole of more than the limit parts two runs; none, no run."""
    found = svg.runs(np.array([0.0, 1.0, 5.0, 6.0, 9.0]), 2.0)
    assert found == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert svg.runs(np.array([]), 2.0) == []


def test_words_in_a_drawing_cannot_break_it() -> None:
    """What comes from a message is escaped."""
    canvas = svg.Canvas(10, 10, 'a "title" <b>')
    canvas.text((1, 1), "<script>")
    canvas.rect((0, 0, 1, 1), "#fff", "a & b")
    drawn = canvas.svg()
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn
    assert "a &amp; b" in drawn
