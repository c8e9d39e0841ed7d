"""STOP in a running session, heard through a real sound server, with nothing to rely on."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rym.bus import order
from rym.clock import SystemClock
from rym.messages import Command
from rym.mqtt import MqttBus
from rym.topics import COMMAND, SAFETY, STATUS, STOP

pytestmark = [pytest.mark.real, pytest.mark.alone, pytest.mark.quiet, pytest.mark.timeout(180)]

ROOT = Path(__file__).resolve().parents[3]
RATE = 48_000
GRACE = 0.25
"""Seconds that a deadline may be missed by on real parts."""
SILENT = 1e-3
"""Largest sample that still counts as silence."""


@pytest.fixture
def terminal():
    """Return a terminal: the end where keys are pressed, and the end where they are read."""
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


@pytest.fixture
def session(start, broker, sound_server, terminal):
    """Start a session with an outside broker, a terminal and the sound server."""
    return start(
        "--sink", "portaudio", "--device", "rym", "--broker", broker.url,
        env={**sound_server, "RYM_BROKER_PASSWORD": broker.password}, stdin=terminal[1],
    )  # fmt: skip


def ask(session, broker, action, value):
    """Give the player an order from a console of its own; return once it is answered."""

    async def main():
        clock = SystemClock()
        bus = MqttBus(
            broker.url, service="console", epoch=round(clock.wall() * 1000), clock=clock,
            rig=session.folder.read().rig, password=broker.password,
        )  # fmt: skip
        await bus.connect()
        await order(bus, COMMAND, Command(to="player", action=action, value=value), {"player"})
        await bus.close()

    asyncio.run(main())


def is_silent(ear, since):
    """Return whether nothing was heard from a rig time on."""
    times, peaks = ear.level()
    assert times[-1] > time.monotonic() - 0.2, "the sound server gives nothing any more"
    return bool(peaks[times > since].max() < SILENT)


def test_a_stop_needs_no_broker_and_only_its_session_ends_it(session, broker, ear, terminal, hear):
    """The operator's key, broker dead: silence in 0.5 s; a new player is silent until released."""
    session.until_coloured()
    name = session.folder.path.name

    broker.kill()
    time.sleep(0.3)
    pressed = time.monotonic()
    os.write(terminal[0], b" ")
    time.sleep(1.5)
    times, peaks = ear.level()
    assert peaks[(times > pressed - 0.3) & (times < pressed)].min() > 10 * SILENT
    assert times[peaks > SILENT][-1] - pressed < 0.5 + GRACE
    assert (session.folder.sound / "stop.json").exists()
    silent_since = pressed + 0.5 + GRACE

    broker.start()
    session.until(lambda journal: journal.of(STOP, "player") and stops(journal))
    # What dies together with the player cannot be replayed: time for the journal to ask for lines
    # that were lost with the broker.
    time.sleep(3.0)
    assert session.kill("player").back < 2.0
    session.until(lambda journal: len(kept(journal)) == 2)
    assert [facts["stopped"] for facts in kept(session.journal)] == [False, True]
    ask(session, broker, "release-stop", "another")
    ask(session, broker, "resume", name)
    ask(session, broker, "steer", "positive")
    time.sleep(1.0)
    assert is_silent(ear, silent_since)

    released = time.monotonic()
    ask(session, broker, "release-stop", name)
    time.sleep(2.0)
    times, peaks = ear.level()
    assert times[(times > released) & (peaks > SILENT)][0] - released < 1.5
    assert not (session.folder.sound / "stop.json").exists()
    time.sleep(0.5)

    session.close()
    check_sound(session, hear(session), ear)
    check_replay(session)


def kept(journal):
    """Return the facts of every start of the player, in order."""
    said = {
        x.content.epoch: x.content.facts
        for x in journal.of(STATUS["player"], "player")
        if "stopped" in x.content.facts
    }
    return [said[epoch] for epoch in sorted(said)]


def stops(journal):
    """Return the frames at which a player said that it stopped."""
    said = [x.content for x in journal.of(SAFETY)]
    return [x.frame for x in said if (x.state, x.reason) == ("STOP", "operator")]


def check_sound(session, heard, ear):
    """Compare, sample by sample, what the device was given until the stop with the recording."""
    stop = stops(session.journal)[0]
    part = heard.sound[RATE : stop + RATE // 2, 0].astype(np.float32)
    device = ear.sound()[:, 0]
    n = 1 << (len(device) + len(part)).bit_length()
    found = np.fft.irfft(np.fft.rfft(device, n) * np.conj(np.fft.rfft(part, n)), n)
    at = int(np.argmax(found[: len(device) - len(part)]))
    assert np.abs(device[at : at + len(part)] - part).max() < 2e-3
    assert np.abs(part[: RATE // 2]).max() > 0.01
    assert np.abs(part[-RATE // 4 :]).max() < SILENT


def check_replay(session):
    """Two starts of the player, the second one stopped from its beginning, are replayed alike."""
    words = ["replay", str(session.folder.path), "--verify", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "session", *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (found["identical"], found["first_difference"]) == (True, None)
    states = [x.content.state for x in session.journal.of(SAFETY)]
    assert states.count("STOP") >= 2
    assert states[-1] == "RUN"
