"""What the figures show between messages."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from session.after.figures import HOLE, STEP, held


def test_nothing_is_drawn_where_nothing_was_said() -> None:
    """A state ends a step after its last message; what comes after the hole begins anew."""
    said = [(0.0, "a"), (0.25, "a"), (0.5, "b"), (10.0, "b"), (10.25, "b")]
    assert held(said, 20.0) == [(0.0, 0.5, "a"), (0.5, 0.75, "b"), (10.0, 10.5, "b")]
    assert held([], 20.0) == []


def test_the_figure_ends_where_the_session_ends() -> None:
    """A last step that would go beyond is cut."""
    assert held([(0.0, "a"), (0.25, "a")], 0.3) == [(0.0, 0.3, "a")]


@given(st.lists(st.sampled_from([0.25, 0.5, HOLE + 0.1, 60.0]), max_size=30))
def test_every_message_lies_in_a_stretch_and_no_hole_does(steps: list[float]) -> None:
    """Whatever the pauses, what is drawn covers the messages and nothing of a hole."""
    times = np.cumsum([0.0, *steps])
    pieces = held([(float(t), "a") for t in times], float(times[-1]) + 1.0)

    def inside(t: float) -> bool:
        return any(a <= t < b for a, b, _ in pieces)

    assert all(inside(t) for t in times)
    holes = [a + STEP + 0.01 for a, b in itertools.pairwise(times) if b - a > HOLE]
    assert not any(inside(t) for t in holes)
