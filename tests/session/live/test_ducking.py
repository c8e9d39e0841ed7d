"""The operator's key that lets the music step back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from rym.clock import ManualClock
from rym.messages import Command
from session.live.operator import Operator


def test_one_key_ducks_and_lets_go_also_after_a_restart() -> None:
    """`t` on, off, on; a player that was started again is not ducked, so `t` means on once more."""
    given: list[Command] = []
    player = SimpleNamespace(starts=1)
    waiting: list[Any] = []

    async def command(one: Command) -> bool:
        given.append(one)
        return True

    clock = ManualClock(1.0)
    supervisor: Any = SimpleNamespace(
        clock=clock, parts={"player": player}, command=command,
        beside=lambda work, _: waiting.append(work),
        tables=SimpleNamespace(session=SimpleNamespace(attended=False)),
    )  # fmt: skip

    async def press() -> None:
        operator = Operator(supervisor)
        for starts in (1, 1, 1, 2):
            player.starts = starts
            clock.advance(1.0)
            await operator.press("t")
            await waiting.pop()

    asyncio.run(press())
    assert [(c.to, c.action, c.value) for c in given] == [
        ("player", "duck", value) for value in ("on", "off", "on", "on")
    ]
