"""A memory that learns in a session: what it learns, how it is taken back, and all of it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decoder.service import lessons_in
from rym import messages as m
from rym.clock import SystemClock
from rym.topics import APPLIED, LABEL, LEARNED, NOW, VALENCE
from session.after.replay import verify
from session.folder import Folder
from session.live.lessons import Lessons
from session.live.lines import Journal, read

CLIPS = ("negative", "neutral", "positive")
KEYS: tuple[m.LabelState, ...] = ("positive", "negative", "neutral")


def mixed(session: Any, seconds: float = 9.0, rounds: int = 2) -> None:
    """Hold every key under two clips that have nothing to do with it."""
    session.order("course", "hold")
    for i in range(rounds):
        for j, state in enumerate(KEYS):
            session.order("steer", CLIPS[(i + j) % 3])
            session.key(state)
            session.run(seconds)
    session.key("none")


@pytest.fixture(scope="module")
def learned(rehearsal: Callable[..., Any]) -> tuple[Folder, Any]:
    """Return a session whose memory learned, lost some of it, and was started again."""
    session = rehearsal(candidate="cebra-knn")
    session.calibrate()
    session.train()
    session.phase("feedback", 3)
    mixed(session, rounds=3)
    assert session.refused == ""
    session.order("mark", "good", "decoder")
    mixed(session, rounds=1)
    session.order("undo", "12", "decoder")
    session.run(3)
    session.order("freeze", "", "decoder")
    mixed(session, rounds=1)
    session.order("thaw", "", "decoder")
    known = Lessons()
    session.write()
    for said in read(session.folder).of(LEARNED):
        known.take(said.content)
    session.run(1)
    before = session.decoder
    path = session.folder.lessons(1)
    known.write(path)
    session.start_decoder(path)
    after = session.decoder
    held = [memory.arrays() for memory in (before.learner.memory, after.learner.memory)]
    mixed(session, rounds=2)
    session.order("roll-back", "good", "decoder")
    session.order("roll-back", "0", "decoder")
    session.run(3)
    return session.end(), held


def lessons(journal: Journal) -> list[m.Learned]:
    """Return what the journal says was learned and taken back."""
    return [message.content for message in journal.of(LEARNED)]


def test_held_keys_are_learned_from_and_journalled(learned: tuple[Folder, Any]) -> None:
    """Every state under two clips, each row 3 s behind the window that it is told with."""
    journal = read(learned[0])
    rows = [row for row in lessons(journal) if not row.taken_back]
    assert {row.state for row in rows} == set(KEYS)
    for state in KEYS:
        assert len({row.audible for row in rows if row.state == state}) >= 2
    at = {message.cause[0]: message.content.t for message in journal.of(VALENCE)}
    for message in journal.of(LEARNED):
        if not message.content.taken_back:
            assert at[message.cause[0]] - message.content.t == pytest.approx(3.0, abs=0.26)
    for row in rows:
        assert np.linalg.norm(row.embedding) == pytest.approx(1.0)


def test_every_key_is_answered_once_and_clips_where_they_change(
    learned: tuple[Folder, Any],
) -> None:
    """`Applied` names each key, and of what the player says only the changes."""
    journal = read(learned[0])
    applied = [message.content.input for message in journal.of(APPLIED["decoder"])]
    assert len(set(applied)) == len(applied)
    keys = {message.id for message in journal.of(LABEL)}
    assert keys <= set(applied)
    heard = [name for name in applied if name.topic == NOW.short]
    assert 10 < len(heard) < len(journal.of(NOW)) / 4


def test_what_is_taken_back_had_been_learned(learned: tuple[Folder, Any]) -> None:
    """`undo` takes the newest back, `roll-back` all; numbers are given once within a start."""
    journal = read(learned[0])
    highest = 0
    for epoch in journal.epochs(LEARNED):
        said = [message.content for message in journal.of(LEARNED, "decoder", epoch)]
        new = [row.number for row in said if not row.taken_back]
        assert new == sorted(set(new))
        assert new[0] > highest
        highest = new[-1]
    first, second = (
        [x.content for x in journal.of(LEARNED, "decoder", epoch)]
        for epoch in journal.epochs(LEARNED)
    )
    gone = [row for row in first if row.taken_back]
    newest = max(row.t for row in first)
    assert gone
    assert all(newest - row.t < 12.5 for row in gone)
    left = {row.number for row in first if not row.taken_back} - {row.number for row in gone}
    assert left | {row.number for row in second if not row.taken_back} == {
        row.number for row in second if row.taken_back
    }


def test_a_restarted_decoder_knows_what_was_learned_before_its_first_window(
    learned: tuple[Folder, Any],
) -> None:
    """The memory is the same to the bit; nothing is learned twice."""
    before, after = learned[1]
    assert before["written"].sum() > 30
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name])


def test_a_session_that_learned_is_identical_in_replay(learned: tuple[Folder, Any]) -> None:
    """Answers, lessons, orders, restart and all, to the bit."""
    verdict = verify(learned[0], SystemClock())
    assert verdict.first_difference is None
    assert verdict.topics[LEARNED.short] == len(lessons(read(learned[0]))) > 30


def test_lessons_are_kept_by_model_in_order(tmp_path: Path) -> None:
    """Taken back: stays so; repeated: once; a late one of a model before does no harm."""
    known = Lessons()

    def row(number: int, model: str = "a", *, taken_back: bool = False) -> m.Learned:
        return m.Learned(
            number=number, t=float(number), state="neutral", audible="silence", stretch=number,
            since=float(number), embedding=(1.0, 0.0), taken_back=taken_back, model=model,
        )  # fmt: skip

    for said in (
        row(1, "old"),
        row(2),
        row(1),
        row(3),
        row(2, taken_back=True),
        row(3),
        row(2, "old"),
    ):
        known.take(said)
    known.write(tmp_path / "lessons.jsonl")
    found = [
        (one.model, one.number, one.taken_back) for one in lessons_in(tmp_path / "lessons.jsonl")
    ]
    assert found == [
        ("a", 1, False), ("a", 2, True), ("a", 3, False), ("old", 1, False), ("old", 2, False)
    ]  # fmt: skip
    known.take(row(2))  # sent again for the journal
    known.write(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "lessons.jsonl").read_bytes()
