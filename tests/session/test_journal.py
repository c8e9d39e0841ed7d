"""The journal: nothing lost that the disk could take, holes asked for, read back in order."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym import messages as m
from rym.bus import ALL, MemoryHub
from rym.clock import ManualClock
from rym.errors import FormatError, UsageError
from rym.topics import APPLIED, LABEL, MISSING, PHASE, STATUS, STOP, TRUTH, VALENCE, WINDOW
from session.folder import Folder, Record, settings_hashes
from session.live import journal
from session.live.journal import JournalSettings, Writer, read
from session.live.lines import Holes, from_line, parse, to_line


def window(first: int) -> m.Window:
    """Return a window of two channels that begins at a sample."""
    samples = np.arange(20, dtype=np.float32).reshape(10, 2) + first
    samples.flags.writeable = False
    return m.Window(
        segment=0,
        first_sample=first,
        n_new=5,
        t_first=first / 10,
        rate=10.0,
        channels=("Cz", "Pz"),
        samples=samples,
        bad=("Pz",),
        valid=True,
        reason="",
    )


def label(t: float) -> m.Label:
    """Return a key pressed at `t`."""
    return m.Label(state="positive", t=t, source="test")


def said(n: int, service: str = "session", epoch: int = 1) -> list[m.Message]:
    """Return n labels of one service as they would arrive."""
    hub = MemoryHub()
    bus = hub.bus(service, ManualClock(), epoch)
    return [bus.publish(LABEL, label(i)) for i in range(n)]


def status(service: str, epoch: int, life: m.Life) -> m.Status:
    """Return a service's sign of life."""
    return m.Status(
        service=service, epoch=epoch, life=life, detail="", version="", facts={}, drops={}
    )


def shell(hub: MemoryHub, clock: ManualClock, folder: Path | None) -> Any:
    """Return what the service shell hands to `serve`, with a life line in the test's hands."""
    lifeline = SimpleNamespace(gone=asyncio.Event(), orders=asyncio.Queue())
    ready: list[tuple[str, dict[str, object]]] = []

    def say(detail: str = "", **facts: object) -> None:
        ready.append((detail, facts))

    bus = hub.bus("journal", clock, 9)
    return SimpleNamespace(
        bus=bus, clock=clock, folder=folder, lifeline=lifeline, ready=say, said=ready
    )


async def advance(clock: ManualClock, seconds: float) -> None:
    """Let time pass in small steps and everybody run, threads included."""
    for _ in range(round(seconds / 0.05)):
        clock.advance(0.05)
        await asyncio.sleep(0.002)


def test_lines_come_back_as_messages() -> None:
    """A line returns its message; a window returns as its place, its flags and its hash."""
    hub = MemoryHub()
    bus = hub.bus("stream", ManualClock(5.0), 3)
    labelled = bus.publish(LABEL, label(2.5), cause=(m.Identity("x", 1, "y", 2),))
    back = from_line(to_line(labelled).rstrip(b"\n"))
    assert (back.id, back.cause, back.content, back.meta) == (
        labelled.id,
        labelled.cause,
        labelled.content,
        labelled.meta,
    )
    original = bus.publish(WINDOW, window(7))
    ref = from_line(to_line(original)).content
    assert (ref.segment, ref.first_sample, ref.n_new, ref.n_times) == (0, 7, 5, 10)
    assert (ref.t_first, ref.rate, ref.valid, ref.bad) == (0.7, 10.0, True, ("Pz",))
    assert len(to_line(original)) < 700


def test_the_hash_of_a_window_covers_samples_and_identity() -> None:
    """One changed sample, or another number, is another hash."""
    hub = MemoryHub()
    bus = hub.bus("stream", ManualClock(), 3)
    first, second = bus.publish(WINDOW, window(0)), bus.publish(WINDOW, window(0))
    samples = np.array(first.content.samples)
    samples[3, 1] += 1e-4
    changed = m.Message(
        id=first.id,
        cause=(),
        meta=first.meta,
        content=m.Window(
            **{f: getattr(first.content, f) for f in m.Window.__struct_fields__ if f != "samples"},
            samples=samples,
        ),
    )
    hashes = {from_line(to_line(x)).content.sha256 for x in (first, second, changed)}
    assert len(hashes) == 3


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b'{"topic":"x/y","message":{}}', b'{"topic":"session/label","message":{"id":1}}'],
)
def test_a_damaged_line_is_a_named_error(line: bytes) -> None:
    """What is no message of a known topic is refused."""
    with pytest.raises(FormatError):
        from_line(line)


@given(st.data())
def test_a_journal_cut_anywhere_gives_all_whole_lines(data: st.DataObject) -> None:
    """Torn at any byte, every line before the cut is read, the torn one left out and named."""
    lines = [to_line(message) for message in said(5)]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    back = parse(whole[:cut])
    n_whole = whole[:cut].count(b"\n")
    # A line that lost only its newline is still whole.
    complete = cut > 0 and whole[cut : cut + 1] == b"\n"
    assert len(back) == n_whole + complete
    torn = cut > 0 and whole[cut - 1 : cut] != b"\n" and not complete
    assert back.damaged == ([n_whole + 1] if torn else [])


@given(st.randoms(use_true_random=False), st.integers(0, 5))
def test_order_of_arrival_and_repeats_do_not_matter(rng: random.Random, n_repeats: int) -> None:
    """However lines arrive, and however often, the same messages come back in order."""
    messages = said(6, epoch=2) + said(4, epoch=1) + said(3, service="simulator")
    lines = [to_line(x) for x in messages]
    shuffled = lines + [rng.choice(lines) for _ in range(n_repeats)]
    rng.shuffle(shuffled)
    back = parse(b"".join(shuffled))
    assert [x.id for x in back.of(LABEL)] == sorted(x.id for x in messages)
    assert back.duplicates == n_repeats
    assert back.holes == []
    assert back.epochs(LABEL, "session") == [1, 2]
    assert [x.content.t for x in back.of(LABEL, "session", 1)] == [0, 1, 2, 3]


@given(st.permutations(range(12)), st.integers(0, 12))
def test_holes_are_what_has_not_come(order: list[int], n: int) -> None:
    """After any arrivals the holes are exactly the numbers below the largest that are lacking."""
    holes = Holes()
    arrived = order[:n]
    for seq in arrived:
        name = m.Identity("a", 1, "t", seq)
        assert holes.fresh(name)
        assert not holes.fresh(name)
    lacking = set(range(max(arrived, default=-1) + 1)) - set(arrived)
    named = [seq for hole in holes.open() for seq in range(hole.first, hole.last + 1)]
    assert sorted(named) == sorted(lacking)
    assert len(named) == len(lacking)


def test_a_hole_is_asked_for_a_few_times_with_back_off() -> None:
    """Asked after half a second, then at twice the distance, and at last no more."""
    holes = Holes(ask_after=0.5, ask_times=3)
    for seq in (0, 3, 4, 6):
        holes.fresh(m.Identity("a", 1, "t", seq), now=10.0)
    asked = []
    for tick in range(100):
        now = 10.0 + tick * 0.25
        asked += [(now, x.first, x.last) for x in holes.due(now)]
    assert asked == [
        (t, first, last) for t in (10.5, 11.5, 13.5) for first, last in ((1, 2), (5, 5))
    ]


def test_a_filled_hole_is_no_longer_asked_for() -> None:
    """What comes late closes its part of the hole."""
    holes = Holes(ask_after=0.5)
    holes.fresh(m.Identity("a", 1, "t", 4), now=0.0)
    holes.fresh(m.Identity("a", 1, "t", 2), now=0.1)
    assert [(x.first, x.last) for x in holes.due(1.0)] == [(0, 1), (3, 3)]


def test_what_another_message_rests_on_is_a_hole_until_it_comes() -> None:
    """The last of its topic, and all before it, are asked for; what came already is not."""
    holes = Holes(ask_after=0.5)
    holes.fresh(m.Identity("a", 1, "t", 0), now=0.0)
    for seq in (0, 2, 2, 1):
        holes.named(m.Identity("a", 1, "t", seq), now=0.0)
    assert [(x.first, x.last) for x in holes.due(0.6)] == [(1, 2)]
    assert holes.fresh(m.Identity("a", 1, "t", 2), now=0.7)
    assert not holes.fresh(m.Identity("a", 1, "t", 2), now=0.7)
    assert [(x.first, x.last) for x in holes.open()] == [(1, 1)]


def test_a_restarted_writer_appends_and_closes_a_torn_line(tmp_path: Path) -> None:
    """A second start loses nothing of the first, whose torn line stays alone."""
    path = tmp_path / "journal.jsonl"
    lines = [to_line(x) for x in said(4)]
    path.write_bytes(lines[0] + lines[1] + lines[2][:20])
    writer = Writer(path, 10**6)
    writer.add(lines[2])
    writer.add(lines[3])
    writer.close()
    back = read(path)
    assert [x.content.t for x in back.of(LABEL)] == [0, 1, 2, 3]
    assert back.damaged == [3]


def test_a_new_journal_is_private(tmp_path: Path) -> None:
    """Only the owner may read the file."""
    writer = Writer(tmp_path / "journal.jsonl", 10**6)
    writer.add(b"x\n")
    writer.close()
    assert (tmp_path / "journal.jsonl").stat().st_mode & 0o777 == 0o600


def failing(monkeypatch: pytest.MonkeyPatch, room: int) -> Callable[[int], None]:
    """Let the file take only `room` more bytes, then say that the disk is full."""
    real, left = os.write, [room]

    def write(handle: int, data: bytes) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        n = real(handle, data[: left[0]])
        left[0] -= n
        return n

    monkeypatch.setattr(os, "write", write)

    def free(n: int) -> None:
        left[0] = n

    return free


def test_a_full_disk_keeps_the_tail_and_loses_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines wait while the disk is full, a half-written one included, and are written after."""
    path = tmp_path / "journal.jsonl"
    lines = [to_line(x) for x in said(6)]
    free = failing(monkeypatch, len(lines[0]) + 30)
    writer = Writer(path, 10**6)
    for line in lines[:3]:
        writer.add(line)
    writer.flush()
    assert "No space left" in writer.problem
    for line in lines[3:]:
        writer.add(line)
    writer.flush()
    assert path.read_bytes() == b"".join(lines)[: len(lines[0]) + 30]
    free(10**6)
    writer.close()
    assert writer.problem == ""
    assert path.read_bytes() == b"".join(lines)


def test_the_tail_in_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the disk full for ever the oldest waiting lines go, and are counted."""
    free = failing(monkeypatch, 0)
    writer = Writer(tmp_path / "journal.jsonl", tail=100)
    writer.flush()
    for i in range(50):
        writer.add(f"{i:09d}\n".encode())
    assert writer.lost == 40
    free(10**6)
    writer.close()
    assert (tmp_path / "journal.jsonl").read_text().split() == [f"{i:09d}" for i in range(40, 50)]


def test_no_journal_is_a_named_error(tmp_path: Path) -> None:
    """A folder without a journal is an error, not an empty session."""
    with pytest.raises(FormatError, match=r"no journal\.jsonl"):
        read(Folder.create(tmp_path, "p", "a", "t"))


async def running(
    hub: MemoryHub, clock: ManualClock, folder: Path | None, **changes: float
) -> tuple[Any, asyncio.Task[None]]:
    """Start the service and let it subscribe."""
    hands = shell(hub, clock, folder)
    task = asyncio.create_task(journal.serve(hands, JournalSettings(**changes)))
    await asyncio.sleep(0.01)
    return hands, task


def test_what_is_published_is_on_the_disk_half_a_second_later(tmp_path: Path) -> None:
    """Every topic is kept, retained ones from before too, within half a second."""

    async def go() -> None:
        hub, clock = MemoryHub(), ManualClock()
        bus = hub.bus("session", clock, 1)
        bus.publish(PHASE, m.Phase(name="rest", index=0, starts=0.0, ends=None, simulated=True))
        _, task = await running(hub, clock, tmp_path)
        hub.bus("stream", clock, 2).publish(WINDOW, window(0))
        bus.publish(LABEL, label(1.0))
        hub.bus("simulator", clock, 3).publish(TRUTH, m.Truth(t=0, state="neutral", strength=1))
        await advance(clock, 0.5)
        back = read(tmp_path / "journal.jsonl")
        assert {t: len(x) for t, x in back.by_topic.items()} == {
            "session/phase": 1,
            "stream/window": 1,
            "session/label": 1,
            "simulator/truth": 1,
        }
        task.cancel()

    asyncio.run(go())


def test_a_lost_message_is_asked_for_and_taken_late(tmp_path: Path) -> None:
    """A hole is published as Missing; what its sender sends again closes it."""

    async def go() -> None:
        hub, clock = MemoryHub(), ManualClock()
        elsewhere = MemoryHub()
        lost = [elsewhere.bus("session", clock, 1).publish(LABEL, label(0))]
        bus = hub.bus("session", clock, 1)
        bus._stamper._next[LABEL.short] = 1
        asked = bus.subscribe(MISSING, overload=ALL)
        hands, task = await running(hub, clock, tmp_path)
        for i in (1, 2):
            bus.publish(LABEL, label(i))
        await advance(clock, 1.0)
        wanted = asked.drain()
        assert [(x.content.service, x.content.first, x.content.last) for x in wanted] == [
            ("session", 0, 0)
        ]
        bus.resend(lost[0])
        bus.resend(lost[0])
        await advance(clock, 3.0)
        assert asked.drain() == []
        hands.lifeline.orders.put_nowait({"end": True})
        await advance(clock, 1.0)
        await task
        back = read(tmp_path / "journal.jsonl")
        assert [x.content.t for x in back.of(LABEL)] == [0, 1, 2]
        assert (back.holes, back.duplicates) == ([], 0)

    asyncio.run(go())


def test_a_lost_stop_is_asked_for_because_something_rests_on_it(tmp_path: Path) -> None:
    """No later number tells of it, only its consequence; a journal read back says so, too."""

    async def go() -> None:
        hub, clock = MemoryHub(), ManualClock()
        elsewhere, bus = MemoryHub().bus("player", clock, 1), hub.bus("player", clock, 1)
        stop = elsewhere.publish(STOP, m.Stop(by="operator", t=0.0))
        asked = bus.subscribe(MISSING, overload=ALL)
        hands, task = await running(hub, clock, tmp_path)
        bus.publish(APPLIED["player"], m.Applied(input=stop.id, at=480), cause=(stop.id,))
        await advance(clock, 1.0)
        wanted = [x.content for x in asked.drain()]
        assert [(x.service, x.topic, x.first, x.last) for x in wanted] == [
            ("player", STOP.short, 0, 0)
        ]
        assert read(tmp_path / "journal.jsonl").holes == wanted
        bus.resend(stop)
        await advance(clock, 3.0)
        assert asked.drain() == []
        hands.lifeline.orders.put_nowait({"end": True})
        await advance(clock, 1.0)
        await task
        back = read(tmp_path / "journal.jsonl")
        assert (len(back.of(STOP)), back.holes) == (1, [])

    asyncio.run(go())


def test_a_restarted_journal_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """The second process appends, and asks for what came while none was there."""

    async def go() -> None:
        hub, clock = MemoryHub(), ManualClock()
        bus = hub.bus("session", clock, 1)
        asked = bus.subscribe(MISSING, overload=ALL)
        _, task = await running(hub, clock, tmp_path)
        bus.publish(LABEL, label(0))
        await advance(clock, 0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        unheard = MemoryHub()
        bus._hub, kept = unheard, bus._hub
        bus.publish(LABEL, label(1))
        bus._hub = kept
        _, task = await running(hub, clock, tmp_path)
        bus.publish(LABEL, label(2))
        await advance(clock, 1.0)
        assert [(x.content.first, x.content.last) for x in asked.drain()] == [(1, 1)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [x.content.t for x in read(tmp_path / "journal.jsonl").of(LABEL)] == [0, 2]

    asyncio.run(go())


def test_a_full_disk_is_said_once_and_the_session_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The status names the file and the reason, then says that it works again."""

    async def go() -> None:
        free = failing(monkeypatch, 0)
        hub, clock = MemoryHub(), ManualClock()
        bus = hub.bus("session", clock, 1)
        hands, task = await running(hub, clock, tmp_path)
        bus.publish(LABEL, label(0))
        await advance(clock, 2.0)
        assert not task.done()
        assert len(hands.said) == 2
        assert "journal.jsonl takes no more: No space left" in hands.said[1][0]
        free(10**6)
        await advance(clock, 0.5)
        assert hands.said[2][0] == ""
        assert [x.content.t for x in read(tmp_path / "journal.jsonl").of(LABEL)] == [0]
        task.cancel()

    asyncio.run(go())
    assert sum("takes no more" in record.message for record in caplog.records) == 1


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the folders for which a report was asked, none of which is written."""
    asked: list[Path] = []
    monkeypatch.setattr(journal, "_write_report", asked.append)
    return asked


@pytest.mark.parametrize("life", ["ended", "gone", "failed"])
def test_without_supervisor_it_stays_until_the_player_is_over(
    tmp_path: Path, reports: list[Path], life: m.Life
) -> None:
    """It outlives the supervisor, keeps what the player says, and then writes the report."""

    async def go() -> None:
        hub, clock = MemoryHub(), ManualClock()
        player = hub.bus("player", clock, 7)
        hands, task = await running(hub, clock, tmp_path)
        player.publish(STATUS["player"], status("player", 7, "ready"))
        # A first player that died earlier must not end the journal of the second.
        player.publish(STATUS["player"], status("player", 3, "gone"))
        hands.lifeline.gone.set()
        await advance(clock, 20.0)
        assert not task.done()
        # A will that came late is contradicted at once.
        player.publish(STATUS["player"], status("player", 7, "gone"))
        player.publish(STATUS["player"], status("player", 7, "ready"))
        await advance(clock, 5.0)
        assert not task.done()
        player.publish(STATUS["player"], status("player", 7, life))
        await advance(clock, 2.0)
        assert task.done()
        await task

    asyncio.run(go())
    assert reports == [tmp_path]
    lives = [x.content.life for x in read(tmp_path / "journal.jsonl").of(STATUS["player"])]
    assert lives[-1] == life


def test_without_supervisor_it_waits_forty_seconds_at_most(
    tmp_path: Path, reports: list[Path]
) -> None:
    """A player that never says its end holds the report up for 40 s, no longer."""

    async def go() -> None:
        hub, clock = MemoryHub(), ManualClock()
        hands, task = await running(hub, clock, tmp_path)
        hands.lifeline.gone.set()
        await advance(clock, 39.5)
        assert not task.done()
        await advance(clock, 1.5)
        await task

    asyncio.run(go())
    assert reports == [tmp_path]


def test_told_to_end_it_takes_the_last_messages_and_writes_no_report(
    tmp_path: Path, reports: list[Path]
) -> None:
    """In the normal ending, whose pipe closes right after, the report is the supervisor's."""

    async def go() -> None:
        hub, clock = MemoryHub(), ManualClock()
        bus = hub.bus("session", clock, 1)
        hands, task = await running(hub, clock, tmp_path)
        hands.lifeline.orders.put_nowait({"unknown": 1})
        hands.lifeline.orders.put_nowait({"end": True})
        hands.lifeline.gone.set()
        await advance(clock, 0.2)
        bus.publish(LABEL, label(5))
        await advance(clock, 1.0)
        await task

    asyncio.run(go())
    assert reports == []
    assert [x.content.t for x in read(tmp_path / "journal.jsonl").of(LABEL)] == [5]


def test_it_publishes_what_the_settings_were(tmp_path: Path) -> None:
    """The hash of every table as run goes into the journal, order of keys and secrets aside."""
    folder = Folder.create(tmp_path, "p", "a", "t")
    tables = {"stream": {"rate": 500.0, "password": "hush"}, "player": {}}
    folder.write(
        Record(
            subject="p", session="a", task="t", run=1, started=0.0, simulated=True, settings=tables
        )
    )

    async def go() -> None:
        hands, task = await running(MemoryHub(), ManualClock(), folder.path)
        await asyncio.sleep(0.05)
        facts = hands.said[0][1]
        assert facts == {f"settings.{k}": v for k, v in settings_hashes(tables).items()}
        assert set(facts) == {"settings.stream", "settings.player"}
        task.cancel()

    asyncio.run(go())
    other = settings_hashes({"stream": {"rate": 250.0}})["stream"]
    assert settings_hashes({"stream": {"rate": 500.0}}) != {"stream": other}
    assert settings_hashes({"a": {"x": 1, "y": 2}}) == settings_hashes({"a": {"y": 2, "x": 1}})


def test_without_a_folder_it_refuses_to_start() -> None:
    """The journal alone needs --out."""

    async def go() -> None:
        hub, clock = MemoryHub(), ManualClock()
        with pytest.raises(UsageError, match="no folder"):
            await journal.serve(shell(hub, clock, None), JournalSettings())

    asyncio.run(go())


def test_valence_without_a_model_survives_the_journal() -> None:
    """Nulls and empty strings come back as they were."""
    bus = MemoryHub().bus("decoder", ManualClock(), 1)
    content = m.Valence(
        t=1.0,
        state="unknown",
        valence=None,
        probabilities=None,
        confidence=0.0,
        reason="no model",
        model="",
    )
    message = bus.publish(VALENCE, content)
    assert from_line(to_line(message)).content == content
