"""What the operator sees of the memory: rows learned, frozen or not, drift while it holds."""

from __future__ import annotations

from typing import Any

import pytest

from rym import messages as m
from rym import topics
from session.live.view import Board, Screen
from tests.session.live.test_view import Stage, full, shown

SUGGESTION = (
    "Moments lie elsewhere among what was learned than they did: hold keys for some minutes while "
    "learning is on, or calibrate again."
)


def ready(stage: Stage, learning: str = "on", model: str = "a", epoch: int = 1) -> m.Message:
    """Let the decoder say which model answers, and whether it learns."""
    said = m.Status(service="decoder", epoch=epoch, life="ready", detail="", version="",
                    facts={"model": model, "learning": learning}, drops={})  # fmt: skip
    return stage.say(topics.STATUS["decoder"], said)


def row(
    stage: Stage, number: int, state: Any, *, back: bool = False, model: str = "a"
) -> m.Message:
    """Learn a row that lies 3 s back, or take it back."""
    content = m.Learned(number=number, t=90.0 + number, state=state, audible="neutral", stretch=1,
                        since=90.0, embedding=(1.0, 0.0), taken_back=back, model=model)  # fmt: skip
    return stage.say(topics.LEARNED, content)


def drift(stage: Stage, measure: Any = "distance", suggestion: str = SUGGESTION) -> m.Message:
    """Find that a measure has changed."""
    content = m.Drift(t=99.0, measure=measure, before=0.5, after=0.9, suggestion=suggestion)
    return stage.say(topics.DRIFT, content)


@pytest.fixture
def seen() -> tuple[Stage, Board]:
    """Return a stage and a board whose decoder learns by model a."""
    stage, board = Stage(), Board()
    board.take(ready(stage))
    return stage, board


def line(board: Board, name: str, now: float = 100.0) -> str:
    """Return what stands behind a row's name; nothing where there is no such row."""
    rows = [text.strip("│ ") for text in shown(board, now, 120).splitlines()]
    return next((text[len(name) :].strip() for text in rows if text.startswith(name)), "")


def test_rows_are_counted_by_state_with_the_age_of_the_newest(seen: Any) -> None:
    """Nothing yet, one row, many; what was taken back counts no longer; twice told is once."""
    stage, board = seen
    assert line(board, "learned") == "nothing yet"
    board.take(row(stage, 1, "positive"))
    assert line(board, "learned") == "1 row (1 pleasant), newest 9 s ago"
    for number, state in ((2, "positive"), (3, "negative"), (4, "neutral"), (4, "neutral")):
        board.take(row(stage, number, state))
    told = "4 rows (2 pleasant, 1 neither, 1 unpleasant), newest 6 s ago"
    assert line(board, "learned") == told
    board.take(row(stage, 4, "neutral", back=True))
    board.take(row(stage, 3, "negative", back=True))
    assert line(board, "learned") == "2 rows (2 pleasant), newest 8 s ago"


def test_frozen_is_told_with_what_was_learned_before(seen: Any) -> None:
    """As the decoder says it, until it says that it learns again."""
    stage, board = seen
    board.take(ready(stage, "frozen"))
    assert line(board, "learned") == "frozen"
    for number in (1, 2):
        board.take(row(stage, number, "neutral"))
    assert line(board, "learned") == "frozen, 2 rows (2 neither), newest 8 s ago"
    board.take(ready(stage, "on"))
    assert line(board, "learned") == "2 rows (2 neither), newest 8 s ago"


def test_without_a_memory_there_is_no_such_row() -> None:
    """Before there is a model, and with one that has no memory."""
    stage, board = Stage(), Board()
    assert line(board, "learned") == ""
    board.take(ready(stage, "none"))
    assert line(board, "learned") == ""


def test_a_new_model_begins_with_nothing(seen: Any) -> None:
    """Its rows and its drift are not those of the model before."""
    stage, board = seen
    board.take(row(stage, 1, "neutral"))
    board.take(drift(stage))
    board.take(ready(stage, model="b"))
    assert line(board, "learned") == "nothing yet"
    assert line(board, "drift") == ""


def test_a_decoder_that_was_started_again_keeps_its_rows(seen: Any) -> None:
    """It is told what it had learned; for drift it looks anew."""
    stage, board = seen
    for number in (1, 2):
        board.take(row(stage, number, "neutral"))
    board.take(drift(stage))
    board.take(ready(stage, epoch=2))
    assert line(board, "learned") == "2 rows (2 neither), newest 8 s ago"
    assert line(board, "drift") == ""


def test_drift_is_a_line_once_and_a_row_while_it_holds(seen: Any) -> None:
    """Each measure is told by itself; the newest suggestion stands on the screen."""
    stage, board = seen
    lines = [board.take(drift(stage)), board.take(drift(stage, suggestion="Calibrate.")),
             board.take(drift(stage, "level", "Look at the electrodes."))]  # fmt: skip
    assert lines == [f"drift: {SUGGESTION}", None, "drift: Look at the electrodes."]
    text = shown(board, 100.0)
    assert text.count("drift ") == 2
    assert "Calibrate." in text


@pytest.mark.parametrize("width", [80, 120])
def test_rows_of_the_memory_fit_beside_everything_else(width: int) -> None:
    """All rows, a long suggestion and three lines of keys: 24 lines, none too wide."""
    stage = Stage()
    board = Board(mark="SIMULATED", note="q ends\n1 pleasant\nf freezes learning")
    full(stage, board)
    board.take(ready(stage, "frozen"))
    for number, state in enumerate(m.AFFECTS, start=1):
        board.take(row(stage, number, state))
    board.take(drift(stage))
    lines = shown(board, 100.0, width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 24


def test_every_learned_row_is_counted_however_many_came_at_once() -> None:
    """The screen looks ten times a second; rows taken back together are all seen."""
    stage, board = Stage(), Board()
    screen = Screen(board, quiet=True)
    screen.watch(stage.bus("session"))
    ready(stage)
    for number in range(1, 31):
        row(stage, number, "neutral")
    screen.refresh()
    assert line(board, "learned").startswith("30 rows (30 neither)")
