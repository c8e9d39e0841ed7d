"""The journal as a real process on a real broker: killed, started again, left alone."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rym import messages as m
from rym.clock import SystemClock
from rym.mqtt import MqttBus
from rym.topics import LABEL, STATUS
from session.folder import Folder
from session.live.lines import read
from tests.brokers import PASSWORD, embedded_broker

pytestmark = pytest.mark.real


@pytest.fixture
def broker() -> Iterator[str]:
    """Run the embedded broker and return its address."""
    broker = embedded_broker()
    broker.start()
    yield broker.url
    broker.kill()


class Journal:
    """The journal's process with its life line in the test's hands."""

    def __init__(self, broker: str, folder: Path) -> None:
        command = [sys.executable, "-m", "session.live.journal", "--lifeline"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        hello = {"settings": {}, "rig": "test", "broker": broker, "password": PASSWORD}
        self.order(hello | {"session": "x", "out": str(folder)})

    def order(self, line: dict[str, object]) -> None:
        """Send a line down the life line."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def supervisor_dies(self) -> None:
        """Close the life line."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def ended(self, within: float) -> int:
        """Return the exit code."""
        give_up = time.monotonic() + within
        while self.process.poll() is None and time.monotonic() < give_up:
            await asyncio.sleep(0.05)
        code = self.process.poll()
        self.process.kill()
        assert code is not None, "the journal did not end"
        return code


async def connected(broker: str, service: str, epoch: int = 5) -> MqttBus:
    """Return a service's connected bus."""
    bus = MqttBus(
        broker, service=service, epoch=epoch, clock=SystemClock(), rig="test", password=PASSWORD
    )
    await bus.connect(within=10)
    return bus


async def journal_ready(folder: Folder) -> None:
    """Wait for the journal's own first words in its file."""
    before = folder.journal.stat().st_size if folder.journal.exists() else 0
    give_up = time.monotonic() + 15
    while time.monotonic() < give_up:
        if folder.journal.exists() and folder.journal.stat().st_size > before:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the journal did not begin")


async def press(bus: MqttBus, seconds: float) -> int:
    """Press fifty keys a second; return how many."""
    n = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        bus.publish(LABEL, m.Label(state="positive", t=bus.clock.now(), source="test"))
        n += 1
        await asyncio.sleep(0.02)
    return n


def status(life: m.Life) -> m.Status:
    """Return the player's sign of life."""
    return m.Status(service="player", epoch=5, life=life, detail="", version="", facts={}, drops={})


def test_a_kill_loses_less_than_a_second_and_a_restart_fetches_even_that(
    broker: str, tmp_path: Path
) -> None:
    """Readable to the last second after SIGKILL; asked for, the senders fill the hole."""
    folder = Folder.create(tmp_path, "p", "a", "t")

    async def go() -> int:
        bus = await connected(broker, "session")
        first = Journal(broker, folder.path)
        await journal_ready(folder)
        n = await press(bus, 2.5)
        first.kill()
        killed = bus.clock.now()
        kept = read(folder).of(LABEL)
        assert killed - kept[-1].meta.mono < 1.0
        n += await press(bus, 0.5)
        second = Journal(broker, folder.path)
        await journal_ready(folder)
        n += await press(bus, 2.5)
        await asyncio.sleep(1.5)
        second.order({"end": True})
        assert await second.ended(10) == 0
        await bus.close()
        return n

    n = asyncio.run(go())
    journal = read(folder)
    assert [x.id.seq for x in journal.of(LABEL)] == list(range(n))
    assert not [hole for hole in journal.holes if hole.topic == LABEL.short]
    assert not folder.report.exists()
    assert folder.journal.stat().st_mode & 0o777 == 0o600


def test_without_supervisor_it_keeps_on_until_the_player_ends_then_reports(
    broker: str, tmp_path: Path
) -> None:
    """The supervisor's death ends nothing at once; the report is there at the end."""
    folder = Folder.create(tmp_path, "p", "a", "t")

    async def go() -> None:
        player = await connected(broker, "player")
        player.publish(STATUS["player"], status("ready"))
        journal = Journal(broker, folder.path)
        await journal_ready(folder)
        journal.supervisor_dies()
        await asyncio.sleep(2.0)
        assert journal.process.poll() is None
        assert not folder.report.exists()
        player.publish(STATUS["player"], status("ended"))
        assert await journal.ended(30) == 0
        await player.close()

    asyncio.run(go())
    assert read(folder).of(STATUS["player"])[-1].content.life == "ended"
    assert folder.report.stat().st_size > 1000
