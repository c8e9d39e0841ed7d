"""Scales, times and thinning."""

from __future__ import annotations

import re

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


@pytest.mark.parametrize("shape", ["round", "square", "triangle"])
def test_marks_are_one_outline_with_a_closed_part_each(shape: svg.Shape) -> None:
    """Each part begins half a width left of its point; no point draws nothing."""
    canvas = svg.Canvas(100.0, 100.0, "marks")
    canvas.marks([], shape, "#a3a3a3", 5.0)
    assert "<path" not in canvas.svg()
    canvas.marks([(10.0, 20.0), (50.0, 60.0)], shape, "#a3a3a3", 5.0, rim="#22252b", opacity=0.5)
    (outline,) = re.findall(r'<path d="([^"]*)"', canvas.svg())
    parts = re.findall(r"M([-\d.]+),([-\d.]+)([^M]*)", outline)
    assert [(float(x), float(y)) for x, y, _ in parts] == [(5.0, 20.0), (45.0, 60.0)]
    assert parts[0][2] == parts[1][2]
    assert parts[0][2].endswith("z")
    assert 'fill-opacity="0.5"' in canvas.svg()
    assert 'stroke="#22252b"' in canvas.svg()


def test_a_triangle_has_its_middle_at_its_point() -> None:
    """The mean of its corners lies within a fifth of its size of where it stands."""
    canvas = svg.Canvas(100.0, 100.0, "marks")
    canvas.marks([(50.0, 50.0)], "triangle", "#a3a3a3", 10.0)
    numbers = re.search(r"M(\S+),(\S+?)m(\S+),(\S+?)h(\S+?)l(\S+),(\S+?)z", canvas.svg())
    assert numbers is not None
    x, y, right, down, wide, left, up = (float(one) for one in numbers.groups())
    corners = np.array([(x + right, y + down), (x + right + wide, y + down),
                        (x + right + wide + left, y + down + up)])  # fmt: skip
    assert np.abs(corners.mean(axis=0) - 50.0).max() <= 2.0 + 1e-9
