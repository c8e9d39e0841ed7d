"""Ducking, loudness and calibration of a whole player, on a bus in memory."""

from __future__ import annotations

import asyncio

import pytest

from player.level import volume
from player.level.dose import UNKNOWN
from player.level.watch import EVERY, Watch
from player.output import outlet
from rym.bus import ALL
from rym.clock import ManualClock
from rym.messages import Command
from rym.topics import COMMAND, LEVEL
from tests.player.output.fakes import Desk
from tests.player.test_service import on_rig


@pytest.fixture
def server(monkeypatch):
    """Return what a sound server would say, to be changed."""
    said = {"volume": "43300"}

    def answer(*what):
        if what[0] == "get-default-sink":
            return "rym\n"
        return f"Name: rym\nVolume: mono: {said['volume']} / 66% / 0 dB\n"

    monkeypatch.setattr(volume, "_ask", answer)
    return said


def test_ducking_is_answered_and_loudness_published(bank_folder, tmp_path):
    """Once a second; 20 dB less while ducked; the level in `Played` is what is heard."""

    async def body(rig):
        heard = rig.hub.bus("listener", rig.clock, 1).subscribe(LEVEL, overload=ALL)
        await rig.run(4.5)
        order = Command(to="player", action="duck", value="on")
        sent = rig.session.publish(COMMAND, order)
        await rig.run(4)
        assert sent.id in [m.content.input for m in rig.applied.drain()]
        levels = [m.content.lufs for m in heard.drain()]
        assert len(levels) == 8
        assert levels[7] - levels[3] == pytest.approx(-20.0, abs=0.3)
        assert rig.now.drain()[-1].content.level_db == -20.0
        assert rig.facts["loudness"] == UNKNOWN
        assert "full_scale_dba" not in rig.facts

    on_rig(bank_folder, tmp_path, body)


@pytest.mark.fault(52)
@pytest.mark.parametrize(
    "then", [("null", "rym 43300", True), ("USB", "rym 43300", False), ("null", "rym 65536", False)]
)
@pytest.mark.usefixtures("server")
def test_a_calibration_holds_for_its_device_and_volume_only(bank_folder, tmp_path, then):
    """Else the status says in a sentence that the pressure is not known, and why."""
    device, at, holds = then

    async def body(rig):
        assert ("full_scale_dba" in rig.facts) == holds
        assert (UNKNOWN in rig.detail) == (not holds)
        assert rig.facts["loudness"].startswith(
            "A sine of full scale has 95.0 dB(A)" if holds else "The sound pressure was calibrated"
        )

    on_rig(
        bank_folder, tmp_path, body,
        full_scale_dba=95.0, calibrated_device=device, calibrated_volume=at,
    )  # fmt: skip


@pytest.mark.fault(52)
@pytest.mark.usefixtures("server")
def test_a_calibration_stands_for_a_device_that_is_away_at_a_restart(
    bank_folder, tmp_path, monkeypatch
):
    """Its volume cannot be read then, and its cap must hold once it is back."""

    class Nothing(Desk):
        """A desk whose device is away."""

        def __init__(self, *_) -> None:
            super().__init__(None)
            self.there = False

    async def body(rig):
        assert rig.facts["full_scale_dba"] == 95.0
        assert rig.facts["sink"] == "USB Headphones"

    monkeypatch.setattr(outlet, "Opener", Nothing)
    on_rig(
        bank_folder, tmp_path, body, sink="portaudio", device="head", origin=0.5,
        full_scale_dba=95.0, calibrated_device="USB Headphones", calibrated_volume="usb 30000",
    )  # fmt: skip


@pytest.mark.fault(52)
def test_a_volume_that_is_turned_while_music_plays_voids_the_calibration(
    bank_folder, tmp_path, server
):
    """Within ten seconds and a little; said in the status, and the music goes on."""

    async def body(rig):
        await rig.run(EVERY / 2)
        server["volume"] = "65536"
        for _ in range(60):
            await rig.run(0.3)
            await asyncio.sleep(0.02)
            said = [m.content for m in rig.status.drain()]
            if any(status.facts.get("calibrated") is False for status in said):
                break
        assert "was rym 43300 and is rym 65536 now" in said[-1].detail
        assert rig.now.drain()[-1].content.level_db == 0.0

    on_rig(
        bank_folder, tmp_path, body,
        full_scale_dba=95.0, calibrated_device="null", calibrated_volume="rym 43300",
    )  # fmt: skip


def test_a_server_that_does_not_answer_voids_nothing():
    """It may be started again; what cannot be read from the start is never asked for."""

    async def looks(first, answers):
        clock, n = ManualClock(), 0

        def read():
            nonlocal n
            n += 1
            return answers[min(n, len(answers)) - 1]

        watch = Watch(first, read, clock)
        task = asyncio.create_task(watch.run())
        for _ in range(200):
            clock.advance(1.0)
            await asyncio.sleep(0.002)
        task.cancel()
        return n, watch.void

    n, void = asyncio.run(looks("a 1", ["", "a 1", ""]))
    assert n > 3
    assert void == ""
    assert asyncio.run(looks("", ["a 1"])) == (0, "")
    assert "is a 2 now" in asyncio.run(looks("a 1", ["", "a 2"]))[1]


@pytest.mark.fault(52)
def test_a_look_that_fails_is_said_and_takes_nothing_along(caplog):
    """The log has the error, the status the sentence; the calibration no longer holds."""

    async def looks():
        clock = ManualClock()

        def read():
            raise RuntimeError("no such thing")

        watch = Watch("a 1", read, clock)
        task = watch.start()
        for _ in range(2000):
            if task.done():
                break
            clock.advance(1.0)
            await asyncio.sleep(0.002)
        await asyncio.sleep(0)
        return watch

    watch = asyncio.run(looks())
    assert watch.void.startswith("The system volume cannot be looked at any more (no such thing).")
    assert watch.facts == {"calibrated": False}
    assert "the system volume is looked at no more" in caplog.text


def test_a_volume_beside_names_in_any_encoding_is_read(monkeypatch, tmp_path):
    """A description that is no UTF-8 costs nothing."""
    pactl = tmp_path / "pactl"
    pactl.write_bytes(
        b"#!/bin/sh\nif [ $1 = list ]; then printf 'Name: rym\\nDescription: Gro\\337\\n"
        b"Volume: mono: 43300 / 66%%\\n'; else echo rym; fi\n"
    )
    pactl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert volume.read() == "rym 43300"
