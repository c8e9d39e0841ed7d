"""A stop that is said while the player is away."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from rym.bus import MemoryHub
from rym.clock import ManualClock, SystemClock
from rym.messages import Applied, Command, Identity, Stop
from rym.topics import APPLIED, COMMAND, STOP
from session import settings
from session.folder import Folder
from session.live.standing import StandingStop
from session.live.supervisor import Supervisor


class Said:
    """A console and a player on a bus in memory; what they say is taken in."""

    def __init__(self) -> None:
        self.clock, hub = ManualClock(100.0), MemoryHub()
        self.buses = {name: hub.bus(name, self.clock, 1) for name in ("console", "player")}
        self.standing = StandingStop()

    def stop(self, by: Any, service: str = "console") -> Any:
        """Say a stop."""
        self.clock.advance(1.0)
        message = self.buses[service].publish(STOP, Stop(by=by, t=self.clock.now()))
        self.standing.take(message)
        return message

    def applied(self, identity: Identity) -> Any:
        """Say that it was applied."""
        self.clock.advance(1.0)
        message = self.buses["player"].publish(APPLIED["player"], Applied(input=identity, at=0))
        self.standing.take(message)
        return message


def test_a_stop_stands_until_it_is_applied() -> None:
    """Of whomever; the newest counts; the answer to another order ends nothing."""
    said = Said()
    assert said.standing.order is None
    said.stop("participant")
    stop = said.stop("distress")
    assert said.standing.order == {"stop": "distress"}
    command = Command(to="player", action="end", value="")
    said.applied(said.buses["console"].publish(COMMAND, command).id)
    assert said.standing.order == {"stop": "distress"}
    said.applied(stop.id)
    assert said.standing.order is None


def test_what_the_player_had_by_its_pipe_ends_it_too() -> None:
    """It says the stop in its own name, which stands for nobody, and that it is applied."""
    said = Said()
    said.standing.say("operator", said.clock.now())
    stop = said.stop("operator", "player")
    assert said.standing.order == {"stop": "operator"}
    said.applied(stop.id)
    assert said.standing.order is None


def test_what_comes_late_changes_nothing() -> None:
    """An old answer ends no newer stop, and an old stop does not stand once that was answered."""
    said = Said()
    first = said.stop("participant")
    answer = said.applied(first.id)
    said.stop("operator")
    said.standing.take(answer)
    assert said.standing.order == {"stop": "operator"}
    said.standing.end(said.clock.now())
    said.standing.take(first)
    assert said.standing.order is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=12))
def test_it_stands_exactly_while_no_answer_is_as_new(events: list[tuple[bool, int]]) -> None:
    """Whatever the order in which stops and answers come."""
    standing = StandingStop()
    for is_stop, t in events:
        if is_stop:
            standing.say("operator", float(t))
        else:
            standing.end(float(t))
    stops = [t for is_stop, t in events if is_stop]
    ends = [t for is_stop, t in events if not is_stop]
    stands = max(stops, default=-1) > max(ends, default=-1)
    assert (standing.order is not None) == stands


class Nobody:
    """Looks at nothing."""

    def watch(self, bus: Any) -> None:
        """Listen to nothing."""

    def refresh(self) -> None:
        """Show nothing."""


@pytest.mark.real
def test_a_stop_said_while_the_player_is_away_is_heard(small_bank: Path, tmp_path: Path) -> None:
    """Killed for longer than the topic is repeated, it comes back silent, and stays so."""
    options = (("player.sink", "null"), ("player.bank", str(small_bank)))
    tables = settings.tables(settings.load("listen", None, options))
    folder = Folder.create(tmp_path, "sim", "01", "recall", None)
    clock = SystemClock()
    session = Supervisor(tables, folder, clock, epoch=round(clock.wall() * 1000), only=("player",))
    player = session.parts["player"]

    async def away() -> None:
        """Kill the player whenever it is back, for 2.5 s."""
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            if player.running:
                assert player._process is not None
                player._process.kill()
            await asyncio.sleep(0.02)

    async def script() -> None:
        await session.started.wait()
        first = session._status["player"].epoch
        gone = asyncio.create_task(away())
        await asyncio.sleep(0.2)
        await session.stop()
        await gone
        while (now := session._status["player"]).epoch == first or now.life != "ready":
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        session.stopping.set()

    async def run() -> None:
        async with asyncio.timeout(40), asyncio.TaskGroup() as group:
            group.create_task(script())
            group.create_task(session.run(Nobody()))

    asyncio.run(run())
    assert session._standing.order is None
    assert (folder.sound / "stop.json").exists()
    sound = soundfile.read(folder.heard()[-1])[0]
    assert len(sound) > 0
    assert not sound.any()
