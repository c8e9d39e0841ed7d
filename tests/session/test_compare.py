"""Comparing a message made again with the journal's: to the bit, the first field named."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym import messages as m
from session.after.compare import difference, made, missing
from session.live.lines import from_line, to_line

NAME = m.Identity("decoder", 4, "decoder/valence", 7)
CAUSE = m.Identity("stream", 3, "stream/window", 9)


def valence(**changes: Any) -> m.Valence:
    """Return a valence of the middle of a session."""
    content = m.Valence(
        t=12.25,
        state="positive",
        valence=0.25,
        probabilities=(0.25, 0.25, 0.5),
        confidence=0.5,
        reason="",
        model="abc",
    )
    return msgspec.structs.replace(content, **changes)


def kept(message: m.Message) -> m.Message:
    """Return a message as the journal gives it back."""
    return from_line(to_line(message))


def window(**changes: Any) -> m.Window:
    """Return a window of two channels."""
    fields: dict[str, Any] = {
        "segment": 1,
        "first_sample": 500,
        "n_new": 5,
        "t_first": 50.0,
        "rate": 10.0,
        "channels": ("Cz", "Pz"),
        "samples": np.arange(20, dtype=np.float32).reshape(10, 2),
        "bad": (),
        "valid": True,
        "reason": "",
    }
    return m.Window(**(fields | changes))


def test_the_same_message_has_no_difference() -> None:
    """A message through the journal equals the one made again; meta does not count."""
    one = made(NAME, valence(), (CAUSE,))
    other = msgspec.structs.replace(one, meta=m.Meta(wall=9.0, mono=8.0, host="x", pid=7, age=0.1))
    assert difference(kept(one), other) is None
    win = made(CAUSE, window())
    assert difference(kept(win), win) is None


@pytest.mark.parametrize(
    ("changes", "field", "ours", "theirs"),
    [
        ({"t": math.nextafter(12.25, 13)}, "t", 12.25, math.nextafter(12.25, 13)),
        ({"probabilities": (0.25, 0.3, 0.45)}, "probabilities[1]", 0.25, 0.3),
        ({"probabilities": None}, "probabilities", [0.25, 0.25, 0.5], None),
        ({"state": "unknown", "valence": None}, "state", "positive", "unknown"),
    ],
)
def test_the_first_field_is_named_with_both_values(
    changes: dict[str, Any], field: str, ours: Any, theirs: Any
) -> None:
    """One last bit is enough; the journal's value comes first."""
    found = difference(
        kept(made(NAME, valence(), (CAUSE,))), made(NAME, valence(**changes), (CAUSE,))
    )
    assert found is not None
    assert (found.topic, found.seq, found.field) == ("decoder/valence", 7, field)
    assert list(found.journal) == ours if isinstance(ours, list) else found.journal == ours
    assert found.replay == theirs
    assert f"decoder/valence#7 of decoder@4: {field} is" in str(found)


def test_another_cause_is_a_difference() -> None:
    """What a message rests on is part of its content."""
    other = m.Identity("stream", 3, "stream/window", 10)
    found = difference(kept(made(NAME, valence(), (CAUSE,))), made(NAME, valence(), (other,)))
    assert found is not None
    assert (found.field, found.journal, found.replay) == ("cause[0][3]", 9, 10)


@given(st.integers(0, 9), st.integers(0, 1))
def test_any_changed_sample_is_found(row: int, column: int) -> None:
    """A window's samples are compared by hash, wherever the change is."""
    samples = window().samples.copy()
    samples[row, column] = np.nextafter(samples[row, column], np.float32(1e9))
    found = difference(kept(made(CAUSE, window())), made(CAUSE, window(samples=samples)))
    assert found is not None
    assert found.field == "samples"
    assert found.journal != found.replay


def test_a_windows_place_is_named_before_its_hash() -> None:
    """Where another field explains the other hash, that one is named."""
    found = difference(kept(made(CAUSE, window())), made(CAUSE, window(bad=("Pz",))))
    assert found is not None
    assert found.field == "bad"


def test_on_another_machine_numbers_are_compared_at_1e_9() -> None:
    """Rounding passes there, a real change does not."""
    ours = kept(made(NAME, valence(), (CAUSE,)))
    near = made(NAME, valence(t=12.25 + 1e-10), (CAUSE,))
    assert difference(ours, near, exact=False) is None
    assert difference(ours, near) is not None
    far = difference(ours, made(NAME, valence(t=12.25 + 1e-6), (CAUSE,)), exact=False)
    assert far is not None
    assert far.field == "t"
    moved = kept(made(CAUSE, window()))
    assert difference(moved, made(CAUSE, window(t_first=50.0 + 1e-10)), exact=False) is None


def test_minus_zero_is_not_zero() -> None:
    """To the bit means to the bit."""
    found = difference(kept(made(NAME, valence(valence=0.0))), made(NAME, valence(valence=-0.0)))
    assert found is not None
    assert found.field == "valence"


def test_a_message_that_one_side_lacks_is_named() -> None:
    """The side that has it shows its identity."""
    found = missing(NAME, in_replay=True, why="nothing")
    assert (found.seq, found.field, found.replay) == (7, "message", "nothing")
    assert "decoder/valence#7" in found.journal
