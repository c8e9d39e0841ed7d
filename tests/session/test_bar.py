"""The bar appears after two seconds, on terminals only, with the time that is left."""

from __future__ import annotations

import io

import pytest

from rym.clock import ManualClock
from session.bar import Bar, TimeLeft


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_nothing_is_shown_of_what_is_quick() -> None:
    """Two seconds pass in silence; the end of what was not shown is none."""
    clock, out = ManualClock(), Terminal()
    bar = Bar(clock, out)
    clock.advance(1.9)
    bar(0.5, "a.edf")
    bar(1.0, "a.edf")
    assert out.getvalue() == ""


def test_share_and_time_left() -> None:
    """A quarter after three seconds leaves nine; the end takes the row away and begins anew."""
    clock, out = ManualClock(), Terminal()
    bar = Bar(clock, out)
    clock.advance(3.0)
    bar(0.25, "a.edf")
    assert " 25% a.edf 9 s left" in out.getvalue()
    bar(1.0, "a.edf")
    assert out.getvalue().endswith(" \r")
    written = out.getvalue()
    bar(0.5, "b.edf")
    assert out.getvalue() == written


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_file_gets_no_bar(share: float) -> None:
    """Logs are no terminals."""
    clock, out = ManualClock(), io.StringIO()
    bar = Bar(clock, out)
    clock.advance(9.0)
    bar(share, "a.edf")
    assert out.getvalue() == ""


def test_the_time_left_is_one_row_that_goes_away() -> None:
    """Written where it changes only, on a terminal only; other words find an empty row."""
    out, pipe = Terminal(), io.StringIO()
    for seconds in (2.4, 2.1, 1.9, 0.0, 0.0):
        TimeLeft(pipe)(seconds, "listening")
    left = TimeLeft(out)
    for seconds in (2.4, 2.1, 1.9, 0.0, 0.0):
        left(seconds, "listening")
    rows = [row.strip() for row in out.getvalue().split("\r")]
    assert [row for row in rows if row] == ["listening: 3 s left", "listening: 2 s left"]
    assert out.getvalue().endswith(" \r")
    assert out.getvalue().count("\r") == 4
    assert pipe.getvalue() == ""
