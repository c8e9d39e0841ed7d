"""A process in which one player goes through one case on a sound device.

The case comes as JSON on standard input, what was done when goes out as JSON on standard output.
The player is whole, but for its broker, which is in memory, so that nothing beside it is measured.

    python -m benchmarks.safety.stage BANK OUT DEVICE < case.json
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from player.service import serve
from player.settings import PlayerSettings
from rym.bus import ALL, MemoryHub
from rym.clock import SystemClock
from rym.logs import run_async
from rym.messages import Command, Played, Safety, Stop, Valence
from rym.service import Lifeline, Shell
from rym.topics import COMMAND, NOW, SAFETY, STATUS, STOP, VALENCE

from .cases import Act, Case, Situation

SESSION = "s1"
HOP = 0.25
AGAIN = 0.1
"""Seconds between two presses of one who presses twice."""


class Done(msgspec.Struct):
    """What happened in one case."""

    act: float
    """Rig time in seconds."""
    xruns: int
    said: list[tuple[str, str, str]]
    """State, reason and sentence that the player gave, from the act on."""


class Stage:
    """One player with everybody around it."""

    def __init__(self, case: Case, bank: str, out: Path, device: str) -> None:
        self.case = case
        self.clock = SystemClock()
        hub = MemoryHub()
        self.decoder = hub.bus("decoder", self.clock, 1)
        self.console = hub.bus("session", self.clock, 1)
        self.played = self.console.subscribe(NOW, overload=ALL)
        self.safety = self.console.subscribe(SAFETY, overload=ALL)
        self.status = self.console.subscribe(STATUS["player"], overload=ALL)
        self.life = Lifeline()
        self.shell = Shell(hub.bus("player", self.clock, 2), self.clock, self.life, out, SESSION)
        self.settings = PlayerSettings(
            bank=bank,
            device=device,
            sink="portaudio",
            preset="close",
            dwell=1.0,
            max_changes=60,
            rise=4.0 if case.situation == "rising" else 0.5,
        )
        self.newest: Played | None = None
        self.state = ("", "")
        self.said: list[tuple[str, str, str]] = []
        self.answers = self.usable = True
        self.xruns = 0

    async def go_through(self) -> Done:
        """Come into the situation, act, and wait."""
        work = asyncio.create_task(serve(self.shell, self.settings), name=self.case.name)
        answering = asyncio.create_task(self._answer(), name="answers")
        try:
            await self.until(lambda: self.newest is not None, 20.0, work)
            await self._reach(self.case.situation, work)
            self.said.clear()
            act = self.clock.now()
            await self._act(self.case.act)
            while self.clock.now() < act + self.case.lasts:
                await self._look(work, may_end=True)
        finally:
            answering.cancel()
            work.cancel()
            await asyncio.wait([work, answering])
        return Done(act, self.xruns, self.said)

    async def until(self, true: Callable[[], bool], seconds: float, work: Any) -> None:
        """Wait until something is so."""
        end = self.clock.now() + seconds
        while not true():
            await self._look(work)
            if self.clock.now() > end:
                raise TimeoutError(f"{self.case.name} was not reached within {seconds:g} s")

    async def _look(self, work: asyncio.Task[None], *, may_end: bool = False) -> None:
        """Take in what the player says."""
        await asyncio.sleep(0.01)
        if work.done() and not may_end:
            work.result()
        for message in self.played.drain():
            self.newest = message.content
        for message in self.safety.drain():
            said: Safety = message.content
            self.state = (said.state, said.reason)
            self.said.append((said.state, said.reason, said.text))
        for message in self.status.drain():
            self.xruns = int(message.content.facts.get("xruns", 0))

    async def _answer(self) -> None:
        """Decode four times a second that it is positive, or that the window cannot be used."""
        while True:
            if self.answers:
                now = self.clock.now()
                content = Valence(
                    t=now, state="positive" if self.usable else "unknown", valence=None,
                    probabilities=None, confidence=0.9 if self.usable else 0.0,
                    reason="" if self.usable else "artifacts", usable=self.usable, model="",
                )  # fmt: skip
                self.decoder.publish(VALENCE, content)
            await self.clock.sleep_until(self.clock.now() + HOP)

    def _is_followed(self) -> bool:
        now = self.newest
        return now is not None and now.audible == "positive" and not now.fade and now.level_db == 0

    async def _reach(self, situation: Situation, work: Any) -> None:
        """Come into a situation; what is rendered is heard about 0.33 s later."""
        if situation == "rising":
            await self.wait(2.0, work)
            return
        if situation == "mid-fade":
            await self.until(lambda: bool(self.newest and self.newest.fade), 20.0, work)
            await self.wait(0.6, work)
            return
        await self.until(self._is_followed, 20.0, work)
        await self.wait(1.5, work)
        if situation == "ducked":
            self._order("duck", "on")
            await self.wait(1.5, work)
        elif situation == "coming back":
            self._order("end")
            await self.wait(2.0, work)
        elif situation == "supervisor gone":
            self.life.gone.set()
            await self.wait(2.0, work)
        elif situation == "cannot be used":
            self.usable = False
            await self.until(lambda: self.state == ("SAFE", "unusable"), 5.0, work)
            await self.wait(3.0, work)
        elif situation == "stopped":
            self.console.publish(STOP, Stop(by="operator", t=self.clock.now()))
            await self.wait(1.5, work)
            self.answers = False
        elif situation != "followed":
            self.answers = False
            await self._go_without(situation, work)

    async def _go_without(self, situation: Situation, work: Any) -> None:
        """Wait until nothing has come for long enough."""
        state = "DEGRADED" if situation == "held" else "SAFE"
        await self.until(lambda: self.state[0] == state, 5.0, work)
        if situation in ("held", "neutral"):
            await self.wait(0.4 if situation == "held" else 3.0, work)
            return
        await self.until(lambda: self.state[1] == "pause", 70.0, work)
        await self.wait(3.0 if situation == "pausing" else 12.0, work)

    async def wait(self, seconds: float, work: Any) -> None:
        """Go on listening for some seconds."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            await self._look(work)

    def _order(self, action: Any, value: str = "") -> None:
        self.console.publish(COMMAND, Command(to="player", action=action, value=value))

    async def _act(self, act: Act) -> None:
        presses: dict[str, tuple[Any, ...]] = {
            "stop": ("operator",),
            "distress": ("distress",),
            "stop twice": ("operator", "operator"),
            "stop, then distress": ("operator", "distress"),
        }
        match act:
            case "nothing more":
                self.answers = False
            case "answer":
                self.answers = self.usable = True
            case "supervisor gone":
                self.life.gone.set()
            case "end" | "end without a cadence":
                self._order("end")
            case "resume":
                self._order("resume", SESSION)
            case "release":
                self._order("release-stop", SESSION)
            case "duck":
                self._order("duck", "on")
            case "duck off":
                self._order("duck", "off")
            case "steer":
                self._order("steer", "positive")
            case _:
                for by in presses[act]:
                    self.console.publish(STOP, Stop(by=by, t=self.clock.now()))
                    await asyncio.sleep(AGAIN)


def main() -> int:
    """Read a case, go through it, write what was done."""
    case = msgspec.json.decode(sys.stdin.buffer.read(), type=Case)
    bank, out, device = sys.argv[1:]
    Path(out).mkdir(parents=True)
    done = run_async(Stage(case, bank, Path(out), device).go_through())
    sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
