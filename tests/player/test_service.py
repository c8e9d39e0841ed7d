"""The service on a bus in memory and a clock that is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil

import pytest
import soundfile

from player.service import serve
from player.settings import RATE, PlayerSettings
from rym.bus import ALL, MemoryHub
from rym.clock import ManualClock
from rym.errors import DeviceError, FormatError
from rym.messages import Command, Played, Stop, Valence
from rym.service import Lifeline, Shell
from rym.topics import APPLIED, COMMAND, NOW, SAFETY, STATUS, STOP, VALENCE


class Rig:
    """A player, its broker in memory, and time."""

    def __init__(self, bank_folder, out, **changes):
        self.clock = ManualClock(100.0)
        self.hub = MemoryHub()
        self.decoder = self.hub.bus("decoder", self.clock, 1)
        self.session = self.hub.bus("session", self.clock, 1)
        reader = self.hub.bus("journal", self.clock, 1)
        self.now = reader.subscribe(NOW, overload=ALL)
        self.safety = reader.subscribe(SAFETY, overload=ALL)
        self.status = reader.subscribe(STATUS["player"], overload=ALL)
        self.applied = reader.subscribe(APPLIED["player"], overload=ALL)
        self.lifeline = Lifeline()
        bus = self.hub.bus("player", self.clock, 2)
        shell = Shell(bus, self.clock, self.lifeline, out, "s1")
        usual = {"sink": "null", "preset": "close", "rise": 0.5}
        settings = PlayerSettings(bank=str(bank_folder), **{**usual, **changes})
        self.task = asyncio.create_task(serve(shell, settings))

    async def ready(self):
        """Wait until the bank is loaded, which takes true time."""
        while self.status._n == 0:
            await asyncio.sleep(0.01)
            if self.task.done():
                self.task.result()
        status = self.status.drain()[-1].content
        self.facts, self.detail = status.facts, status.detail

    async def run(self, seconds, state=None):
        """Let time pass in steps of 10 ms; decode four times a second."""
        for k in range(round(seconds * 100)):
            if state and k % 25 == 0:
                self.decoder.publish(VALENCE, self.valence(state))
            self.clock.advance(0.01)
            for _ in range(4):
                await asyncio.sleep(0)

    def valence(self, state, age=0.0):
        """Return a decoded state of some age."""
        return Valence(
            t=self.clock.now() - age, state=state, valence=None, probabilities=None,
            confidence=0.9, reason="", model="",
        )  # fmt: skip

    async def end(self):
        """Cancel it as the shell does."""
        self.task.cancel()
        while not self.task.done():
            await self.run(0.05)
            await asyncio.sleep(0.001)
        with contextlib.suppress(asyncio.CancelledError):
            self.task.result()


def on_rig(bank_folder, out, body, **changes):
    """Run a coroutine with a rig, and end the player after it."""

    async def main():
        rig = Rig(bank_folder, out, **changes)
        await rig.ready()
        try:
            await body(rig)
        finally:
            if not rig.task.done():
                await rig.end()

    asyncio.run(main())


def test_valence_comes_out_as_sound_and_messages(bank_folder, tmp_path):
    """Every valence is answered, the change has its cause, the file holds what was rendered."""

    async def body(rig):
        assert rig.facts["depth_ms"] == 280.0
        assert rig.facts["heard"] == "heard-01.flac"
        await rig.run(4, "positive")
        answers = [m.content for m in rig.applied.drain()]
        assert len(answers) == 16
        assert all(a.at % 480 == 0 for a in answers)
        played = rig.now.drain()
        assert played[-1].content.audible == "positive"
        assert played[-1].cause[0].topic == "decoder/valence"
        ahead = [m.meta.audible_at - m.meta.mono for m in played[1:]]
        depth = PlayerSettings().depth
        assert depth - 0.08 < min(ahead) <= max(ahead) < depth + 0.02
        frames = [m.content.frame for m in played]
        assert frames == sorted(frames)

    on_rig(bank_folder, tmp_path, body)
    sound, _ = soundfile.read(tmp_path / "heard-01.flac")
    assert 4 * RATE < len(sound) < 5 * RATE
    assert abs(sound[3 * RATE : 3 * RATE + 6000]).max() > 0.05


def test_old_and_late_valence_is_not_taken_in(bank_folder, tmp_path):
    """More than 2 s old, or out of order: no answer, and the dead-man is not fed."""

    async def body(rig):
        await rig.run(1, "positive")
        rig.applied.drain()
        for _ in range(20):
            rig.decoder.publish(VALENCE, rig.valence("negative", age=2.5))
            await rig.run(0.1)
        assert rig.applied.drain() == []
        assert [m.content.state for m in rig.safety.drain()][-1] == "SAFE"

    on_rig(bank_folder, tmp_path, body)


def test_an_order_is_carried_out_once_and_answered_each_time(bank_folder, tmp_path):
    """The sender repeats; the answer keeps its identity and frame; others' orders are left."""

    async def body(rig):
        order = rig.session.publish(COMMAND, Command(to="player", action="set-level", value="-6"))
        rig.session.publish(COMMAND, Command(to="decoder", action="set-level", value="-20"))
        await rig.run(0.5)
        rig.session.resend(order)
        await rig.run(1.5)
        answers = rig.applied.drain()
        assert len(answers) == 2
        assert answers[0].id == answers[1].id
        assert answers[0].content.input == order.id
        assert rig.now.drain()[-1].content.level_db == -6.0

    on_rig(bank_folder, tmp_path, body)


def test_a_stop_outlives_a_restart_and_only_this_session_ends_it(bank_folder, tmp_path):
    """Stopped by the topic, started again, still stopped; released; a further start plays."""

    async def stop(rig):
        await rig.run(1, "positive")
        rig.session.publish(STOP, Stop(by="participant", t=rig.clock.now()))
        await rig.run(0.5, "positive")
        assert (tmp_path / "stop.json").exists()

    async def still(rig):
        assert rig.facts["stopped"] is True
        await rig.run(2, "positive")
        for session in ("s2", "s1"):
            last = [m.content for m in rig.now.drain()][-1]
            assert (last.safety, last.level_db) == ("STOP", -120.0)
            rig.session.publish(COMMAND, Command(to="player", action="release-stop", value=session))
            await rig.run(1, "positive")
        assert [m.content for m in rig.now.drain()][-1].level_db == 0.0

    async def plays(rig):
        assert rig.facts["stopped"] is False

    for body in (stop, still, plays):
        on_rig(bank_folder, tmp_path, body)
    assert len(list(tmp_path.glob("heard-*.flac"))) == 3
    sound, _ = soundfile.read(tmp_path / "heard-02.flac")
    assert not sound[: 2 * RATE].any()


def test_a_release_meant_for_an_earlier_start_is_not_followed(bank_folder, tmp_path):
    """A lost release that is sent again later brings no sound into a stop that came after it."""
    earlier = MemoryHub().bus("session", ManualClock(50.0), 1)
    release = Command(to="player", action="release-stop", value="s1")
    late = earlier.publish(COMMAND, release)

    async def stop(rig):
        await rig.run(0.5, "positive")
        rig.session.publish(STOP, Stop(by="operator", t=rig.clock.now()))
        await rig.run(0.5, "positive")

    async def still(rig):
        rig.session.resend(late)
        await rig.run(1, "positive")
        assert [m.content for m in rig.now.drain()][-1].safety == "STOP"
        assert late.id not in [m.content.input for m in rig.applied.drain()]
        rig.session.publish(COMMAND, release)
        await rig.run(1, "positive")
        assert [m.content for m in rig.now.drain()][-1].safety == "RUN"

    for body in (stop, still):
        on_rig(bank_folder, tmp_path, body)


def test_a_stop_on_the_pipe_works_and_becomes_a_message(bank_folder, tmp_path):
    """The second road: silence without the broker's help, journalled under our own identity."""

    async def body(rig):
        stops = rig.session.subscribe(STOP, overload=ALL)
        await rig.run(1, "positive")
        rig.lifeline.orders.put_nowait({"stop": "operator"})
        await rig.run(1, "positive")
        stop = stops.drain()[0]
        assert stop.id.service == "player"
        assert stop.id in [m.content.input for m in rig.applied.drain()]
        last = [m.content for m in rig.now.drain()][-1]
        assert (last.safety, last.level_db) == ("STOP", -120.0)

    on_rig(bank_folder, tmp_path, body)


def test_without_a_supervisor_it_ends_by_itself_within_30_s(bank_folder, tmp_path):
    """Neutral, silence, file closed, `serve` returns; the Safety names the frame."""

    async def body(rig):
        await rig.run(2, "positive")
        rig.lifeline.gone.set()
        await rig.run(26)
        await asyncio.wait_for(asyncio.shield(rig.task), 5)
        assert [m.content.reason for m in rig.safety.drain()][-1] == "supervisor gone"

    on_rig(bank_folder, tmp_path, body)
    sound, _ = soundfile.read(tmp_path / "heard-01.flac")
    assert len(sound) < 32 * RATE
    assert sound[20 * RATE :].any()
    assert not sound[27 * RATE :].any()


def test_the_command_end_comes_back_and_returns(bank_folder, tmp_path):
    """A fade of 15 s, silence and a tone, then the service is over."""

    async def body(rig):
        rig.session.publish(COMMAND, Command(to="player", action="end", value=""))
        await rig.run(20, "positive")
        await asyncio.wait_for(asyncio.shield(rig.task), 5)

    on_rig(bank_folder, tmp_path, body)


def test_a_restart_goes_on_where_the_music_would_be(bank_folder, tmp_path):
    """The origin of the first start puts the second one at its place, from silence."""

    async def body(rig):
        assert rig.facts["place"] == 3 * RATE
        await rig.run(0.1)
        first: Played = rig.now.drain()[0].content
        assert (first.section, first.position, first.level_db) == (1, 48_000, -120.0)

    on_rig(bank_folder, tmp_path, body, origin=97.0)


def test_a_bank_that_is_not_there_is_refused(tmp_path):
    """One sentence with the path."""
    with pytest.raises(FormatError, match="nowhere"):
        on_rig(tmp_path / "nowhere", tmp_path, None)


def test_a_named_device_that_is_not_there_is_refused_an_unnamed_one_is_not(caplog, tmp_path):
    """Asked for by name: an error that lists what there is. Else one warning and the clock."""
    from player.output.devices import open_sink  # noqa: PLC0415
    from player.output.paced import PacedSink  # noqa: PLC0415

    with pytest.raises(DeviceError, match=r"no such|There is no PortAudio"):
        open_sink(PlayerSettings(device="no such device"), ManualClock())
    with caplog.at_level(logging.WARNING):
        sink = open_sink(PlayerSettings(), ManualClock())
    if isinstance(sink, PacedSink):
        assert len(caplog.records) == 1
    else:
        sink.close()


@pytest.mark.fault(45)
def test_what_is_left_out_is_told_and_the_others_play(bank_folder, tmp_path, caplog):
    """The status names it with the reason, the log every reason; the music begins elsewhere."""
    folder = tmp_path / "bank"
    shutil.copytree(bank_folder, folder)
    (folder / "audio" / "0-0-neutral.flac").unlink()
    (folder / "audio" / "1-1-neutral.flac").write_bytes(b"fLaC")

    async def body(rig):
        assert rig.facts["left_out"] == "0/0 1/1"
        assert rig.detail.startswith(
            "Left out of the music: section 1, variant 1; section 2, variant 2. audio/0-0-neutral"
        )
        await rig.run(5, "positive")
        heard = {(m.content.section, m.content.variant) for m in rig.now.drain()}
        assert heard == {(1, 0), (0, 1)}

    with caplog.at_level(logging.WARNING):
        on_rig(folder, tmp_path, body)
    told = [record.getMessage() for record in caplog.records if "is left out" in record.msg]
    assert len(told) == 2
    assert "section 2, variant 2 is left out: audio/1-1-neutral.flac has SHA-256" in told[1]


def test_a_stop_that_could_not_be_written_is_written_later(bank_folder, tmp_path):
    """The status says so meanwhile; once the disk takes it, it outlives a restart."""

    async def body(rig):
        (tmp_path / "stop.json").mkdir()
        rig.lifeline.orders.put_nowait({"stop": "operator"})
        await rig.run(2)
        assert "would not outlive a restart" in rig.status.drain()[-1].content.detail
        (tmp_path / "stop.json").rmdir()
        await rig.run(2)
        assert (tmp_path / "stop.json").is_file()
        assert rig.status.drain()[-1].content.detail == ""

    on_rig(bank_folder, tmp_path, body)
