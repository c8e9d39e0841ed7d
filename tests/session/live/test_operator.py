"""What a key of the operator waits for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from player.settings import PlayerSettings
from rym.bus import ALL, MemoryHub
from rym.clock import ManualClock
from rym.messages import Applied, Label
from rym.topics import APPLIED, LABEL
from session.live.operator import Operator


@pytest.mark.parametrize(("arm", "times"), [("real", 1), ("keys", 3)])
def test_where_keys_lead_a_key_is_said_until_the_player_has_it_too(arm: Any, times: int) -> None:
    """The decoder answers at once, the player the third time."""

    async def live() -> int:
        clock, hub = ManualClock(100.0), MemoryHub()
        heard = hub.bus("decoder", clock, 1).subscribe(LABEL, overload=ALL)
        answer = {name: hub.bus(name, clock, 2) for name in ("decoder", "player")}
        tables = SimpleNamespace(player=PlayerSettings(arm=arm))
        session = SimpleNamespace(bus=hub.bus("session", clock, 1), tables=tables, warnings=[])
        label = Label(state="positive", t=100.0, source="terminal")
        said = asyncio.create_task(Operator(cast(Any, session))._say(label))
        n = 0
        for _ in range(400):
            for message in heard.drain():
                n += 1
                name = "decoder" if n == 1 else "player"
                if n in (1, 3):
                    applied = Applied(input=message.id, at=0)
                    answer[name].publish(APPLIED[name], applied, cause=(message.id,))
            clock.advance(0.01)
            await asyncio.sleep(0)
        assert said.done()
        assert session.warnings == []
        return n

    assert asyncio.run(live()) == times
