"""Replay: the same to the bit, or the first difference by name."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from rym import messages as m
from rym.clock import ManualClock, SystemClock
from rym.errors import FormatError
from rym.topics import APPLIED, NOW, SAFETY, STOP, VALENCE, WINDOW
from session.after import replay
from session.after.replay import verify
from session.after.rerun import Step, inputs, steps
from session.folder import Folder
from session.live.lines import from_line, read, to_line

TOPICS = {
    "stream/window", "stream/quality", "decoder/valence", "player/now", "player/safety",
    "player/level",
}  # fmt: skip


def check(folder: Folder) -> replay.Verdict:
    """Verify a folder."""
    return verify(folder, SystemClock())


def edit(folder: Folder, change: Callable[[m.Message], m.Message | None]) -> None:
    """Rewrite the journal message by message; None leaves one out."""
    lines = folder.journal.read_bytes().splitlines()
    changed = [change(from_line(line)) for line in lines]
    data = [
        _raw(message, line)
        for message, line in zip(changed, lines, strict=True)
        if message is not None
    ]
    folder.journal.write_bytes(b"".join(data))


def _raw(message: m.Message, line: bytes) -> bytes:
    # A window's reference is no content that `to_line` takes.
    return line + b"\n" if message.id.topic == WINDOW.short else to_line(message)


def with_settings(folder: Folder, table: str, **changes: Any) -> None:
    """Change settings in session.json."""
    record = folder.read()
    settings = record.settings | {table: record.settings[table] | changes}
    folder.write(msgspec.structs.replace(record, settings=settings))


def test_a_session_is_identical(whole_session: Folder) -> None:
    """Every message of the five topics is made again to the bit, and all of them are compared."""
    journal = read(whole_session)
    verdict = check(whole_session)
    assert verdict.first_difference is None
    assert verdict.identical
    assert set(verdict.topics) == TOPICS
    assert verdict.topics == {t: len(journal.by_topic[t]) for t in TOPICS}
    assert verdict.n_messages == sum(verdict.topics.values())
    assert verdict.missing == ()
    assert verdict.speed > 0
    assert "identical (to the bit)" in verdict.sentence


def test_the_session_moves_something(whole_session: Folder) -> None:
    """The session that is verified decodes states, changes what is heard, and stops."""
    journal = read(whole_session)
    assert {x.content.state for x in journal.of(VALENCE)} >= {"unknown", "positive", "negative"}
    assert len({x.content.audible for x in journal.of(NOW)}) == 3
    assert [x.content.state for x in journal.of(SAFETY)][-1] == "STOP"
    assert len({x.content.model for x in journal.of(VALENCE)}) == 2


def test_a_moved_folder_is_identical(session_copy: Folder) -> None:
    """Model and bank are found where the folder is now."""
    assert check(session_copy).identical


def test_the_verdict_as_json_has_the_agreed_fields(whole_session: Folder) -> None:
    """`rym replay --verify --json` prints what the conventions name."""
    said = msgspec.json.decode(msgspec.json.encode(check(whole_session)))
    assert {"identical", "n_messages", "first_difference", "speed"} <= set(said)


def test_one_changed_sample_names_the_first_window(session_copy: Folder) -> None:
    """The last bit of one sample is enough, and the first window that holds it is named."""
    path = session_copy.xdf()[0]
    data = bytearray(path.read_bytes())
    window = next(x for x in read(session_copy).of(WINDOW) if x.id.seq == 40)
    journal = [x.content for x in read(session_copy).of(WINDOW)]
    first = window.content.first_sample + window.content.n_times - window.content.n_new
    at = offset_of_sample(bytes(data), first + 3)
    data[at] ^= 1
    path.write_bytes(data)
    verdict = check(session_copy)
    found = verdict.first_difference
    assert not verdict.identical
    assert found is not None
    assert (found.topic, found.seq, found.field) == ("stream/window", 40, "samples")
    assert found.journal == journal[40].sha256 != found.replay
    assert "stream/window#40" in verdict.sentence


def offset_of_sample(data: bytes, sample: int) -> int:
    """Return where the first value of a sample stands in an XDF file of five channels."""
    at, count, size = 4, 0, 1 + 8 + 4 * 5
    while True:
        width = data[at]
        length = int.from_bytes(data[at + 1 : at + 1 + width], "little")
        body = at + 1 + width
        tag, stream = struct.unpack_from("<HI", data, body)
        if (tag, stream) == (3, 1):
            digits = data[body + 6]
            n = int.from_bytes(data[body + 7 : body + 7 + digits], "little")
            if sample < count + n:
                return body + 7 + digits + (sample - count) * size + 9
            count += n
        at = body + length


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "changes", "topic"),
    [
        ("stream", {"window": 0.5}, "stream/window"),
        ("stream", {"hop": 0.2}, "stream/window"),
        ("decoder", {"smoothing": 0.4}, "decoder/valence"),
        ("player", {"dwell": 2.0}, "player/now"),
        ("player", {"preset": "close"}, "player/now"),
        ("stream", {"wait": 11.0}, "journal/status"),
        ("stream", {"unit": "furlong"}, "stream/window"),
    ],
)
def test_one_changed_setting_names_the_first_message(
    session_copy: Folder, table: str, changes: dict[str, Any], topic: str
) -> None:
    """Whatever setting was changed afterwards, even one that nothing rests on, it is found."""
    with_settings(session_copy, table, **changes)
    verdict = check(session_copy)
    assert not verdict.identical
    assert verdict.first_difference is not None
    assert verdict.first_difference.topic == topic


def test_one_changed_number_in_the_journal_is_named(session_copy: Folder) -> None:
    """A Valence that was altered is named with both values; later stages rest on it."""
    before = {}

    def change(message: m.Message) -> m.Message:
        if (message.id.topic, message.id.seq) != (VALENCE.short, 250):
            return message
        before["t"] = message.content.t
        content = msgspec.structs.replace(message.content, t=message.content.t + 1e-12)
        return msgspec.structs.replace(message, content=content)

    edit(session_copy, change)
    found = check(session_copy).first_difference
    assert found is not None
    assert (found.topic, found.seq, found.field) == (VALENCE.short, 250, "t")
    assert found.replay == before["t"]


def test_an_invented_message_is_a_difference(session_copy: Folder) -> None:
    """A message that no stage would have sent is named."""
    last = read(session_copy).of(NOW)[-1]
    name = m.Identity(*[*msgspec.to_builtins(last.id)[:3], last.id.seq + 1])
    with session_copy.journal.open("ab") as file:
        file.write(to_line(msgspec.structs.replace(last, id=name)))
    found = check(session_copy).first_difference
    assert found is not None
    assert (found.topic, found.seq, found.replay) == (NOW.short, name.seq, "nothing")


def test_messages_that_never_reached_the_journal_are_reported(
    rehearsal: Callable[[], Any],
) -> None:
    """Holes in any topic are no difference; what stands behind them is still verified."""
    session = rehearsal()
    session.lost = {
        *((WINDOW.short, i) for i in (0, 1, 17, 30, 31, 32)),
        *((VALENCE.short, i) for i in (0, 9, 40, 41, 42)),
        *((NOW.short, i) for i in range(20, 25)),
    }
    session.calibrate()
    session.train()
    session.feed_back()
    verdict = check(session.end())
    assert verdict.first_difference is None
    lost = {(x.topic, x.first, x.last) for x in verdict.missing}
    assert lost == {
        (WINDOW.short, 0, 1),
        (WINDOW.short, 17, 17),
        (WINDOW.short, 30, 32),
        (VALENCE.short, 0, 0),
        (VALENCE.short, 9, 9),
        (VALENCE.short, 40, 42),
        (NOW.short, 20, 24),
    }
    assert "16 messages never reached the journal" in verdict.sentence


def test_parts_that_were_started_again_are_identical(rehearsal: Callable[[], Any]) -> None:
    """Two starts of stream, decoder and player each: two recordings, the model loaded twice."""
    session = rehearsal()
    session.calibrate()
    session.train()
    session.run(5)
    session.start_stream()
    session.run(6)
    session.start_decoder()
    session.run(2)
    session.order("load-model", str(session.folder.model), "decoder")
    session.key("positive")
    session.order("set-level", "-6")
    session.run(7)
    session.start_player()
    session.run(4)
    session.session.publish(STOP, m.Stop(by="operator", t=session.clock.now()))
    session.run(1)
    session.start_player(stopped=True)
    session.run(2)
    session.order("release-stop", session.folder.path.name)
    session.run(5)
    session.supervisor_gone()
    session.run(8)
    folder = session.end()
    journal = read(folder)
    assert len(folder.xdf()) == 2
    assert [len(journal.epochs(t)) for t in (WINDOW, VALENCE, NOW)] == [2, 2, 3]
    levels = [x.content.level_db for x in journal.of(NOW) if x.content.audible]
    assert max(levels[-20:]) <= -6.0
    assert "supervisor gone" in {x.content.reason for x in journal.of(SAFETY)}
    verdict = check(folder)
    assert verdict.first_difference is None
    assert verdict.topics == {t: len(journal.by_topic[t]) for t in TOPICS}


def test_a_torn_recording_and_a_torn_journal_are_verified(session_copy: Folder) -> None:
    """After a kill, what was written is verified; windows beyond the recording are named."""
    path = session_copy.xdf()[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: offset_of_sample(whole, 6000)])
    session_copy.journal.write_bytes(session_copy.journal.read_bytes()[:-40])
    verdict = check(session_copy)
    found = verdict.first_difference
    assert len(verdict.damaged) == 1
    assert found is not None
    assert (found.topic, found.field, found.replay) == (WINDOW.short, "message", "nothing")
    assert found.seq == pytest.approx((6000 - 200) / 50, abs=2)


def test_on_another_machine_it_says_so_and_compares_at_1e_9(session_copy: Folder) -> None:
    """A last bit passes there, a real change does not."""
    record = session_copy.read()
    versions = record.versions | {"numpy": "1.0.0"}
    session_copy.write(msgspec.structs.replace(record, versions=versions))

    def change(message: m.Message) -> m.Message:
        if message.id.topic != VALENCE.short:
            return message
        t = float(np.nextafter(message.content.t, 1e9))
        return msgspec.structs.replace(
            message, content=msgspec.structs.replace(message.content, t=t)
        )

    edit(session_copy, change)
    verdict = check(session_copy)
    assert verdict.identical
    assert verdict.other_machine["numpy"][0] == "1.0.0"
    assert "another machine (numpy '1.0.0'" in verdict.sentence
    with_settings(session_copy, "decoder", smoothing=0.4)
    assert not check(session_copy).identical


def test_another_bank_is_refused_by_hash(session_copy: Folder) -> None:
    """A bank that was changed is named with both hashes."""
    manifest = session_copy.bank / "bank.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"dorian"', b'"aeolic"'))
    with pytest.raises(FormatError, match=re.escape("the session was played from")):
        check(session_copy)


def test_a_missing_model_is_a_difference_by_name(session_copy: Folder) -> None:
    """Without the model the first answer that rested on it is named."""
    for path in session_copy.model.iterdir():
        path.unlink()
    # The original's folder is still named in the command.
    lines = session_copy.journal.read_bytes()
    session_copy.journal.write_bytes(lines.replace(b"recall_run-1/model", b"recall_run-1/nowhere"))
    found = check(session_copy).first_difference
    assert found is not None
    assert found.topic == VALENCE.short


def test_a_lost_input_of_the_player_is_named(session_copy: Folder) -> None:
    """Without the STOP itself the sound cannot be made again, and that is said."""
    edit(session_copy, lambda x: None if x.id.topic == STOP.short else x)
    found = check(session_copy).first_difference
    assert found is not None
    assert found.topic in (NOW.short, SAFETY.short)
    assert "safety/stop#0" in str(found.replay)


def test_an_input_whose_applied_is_lost_is_named_where_it_is_first_seen(
    session_copy: Folder,
) -> None:
    """Its frame is not known: what came before is verified, and nothing is called different."""
    journal = read(session_copy)
    played = next(x for x in journal.of(NOW) if "decided" in x.content.why)
    lost = played.cause[0]

    def without(message: m.Message) -> m.Message | None:
        gone = message.id.topic == APPLIED["player"].short and message.content.input == lost
        return None if gone else message

    edit(session_copy, without)
    found = check(session_copy).first_difference
    assert found is not None
    assert (found.service, found.field) == ("player", "message")
    assert f"The player followed {lost}" in str(found.replay)


def answer(seq: int, window: int, epoch: int = 3) -> m.Message:
    """Return an answer to a window."""
    cause = m.Identity("stream", epoch, WINDOW.short, window)
    name = m.Identity("decoder", 5, VALENCE.short, seq)
    meta = m.Meta(wall=0.0, mono=0.0, host="", pid=0)
    return m.Message(id=name, cause=(cause,), content=None, meta=meta)


def taken(found: list[Step]) -> list[tuple[int, int, int]]:
    """Return (number of the answer, epoch and number of the window)."""
    return [(step.seq, step.window.epoch, step.window.seq) for step in found]


def test_lost_answers_are_filled_in_where_only_one_way_is_possible() -> None:
    """As many windows as answers between two: those; otherwise, or across a restart: none."""
    assert taken(steps([answer(2, 12), answer(5, 15)])) == [(i, 3, 10 + i) for i in range(6)]
    assert taken(steps([answer(0, 4), answer(2, 9)])) == [(0, 3, 4), (2, 3, 9)]
    assert taken(steps([answer(3, 1)])) == [(3, 3, 1)]
    assert taken(steps([answer(0, 8), answer(2, 1, epoch=9)])) == [(0, 3, 8), (2, 9, 1)]


@pytest.mark.parametrize("stop_first", [False, True])
def test_a_stop_and_the_end_of_the_supervisor_in_one_frame_keep_their_order(
    rehearsal: Callable[[], Any], stop_first: bool
) -> None:
    """Whichever the player took in first, replay takes in first, and says the same."""
    session = rehearsal()
    session.run(3)

    def stop() -> None:
        session.session.publish(STOP, m.Stop(by="operator", t=session.clock.now()))
        session.take_in()

    first, second = stop, session.supervisor_gone
    if not stop_first:
        first, second = second, first
    first()
    session.clock.advance(0.001)
    second()
    session.run(1)
    folder = session.end()
    journal = read(folder)
    epoch = journal.epochs(NOW)[0]
    taken_in = inputs(journal, epoch)
    gone = next(i for i, x in enumerate(taken_in) if x.name is None)
    other = taken_in[gone - 1 if stop_first else gone + 1]
    assert other.at == taken_in[gone].at
    assert other.name is not None
    assert other.name.topic == STOP.short
    assert check(folder).first_difference is None


def test_speed_is_session_time_over_own_time(whole_session: Folder) -> None:
    """On a clock that stands still nothing is divided by nothing."""
    assert verify(whole_session, ManualClock()).speed > 1e6
