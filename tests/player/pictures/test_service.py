"""The service `page` on a bus in memory: what it says of itself, and what it passes on."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from player.pictures.service import serve
from player.pictures.settings import PageSettings
from rym.bus import ALL, Bus, MemoryHub
from rym.clock import SystemClock
from rym.lifeline import Lifeline
from rym.messages import Safety, Shown, Status
from rym.service import Shell
from rym.topics import PICTURE, SAFETY, STATUS
from tests.player.pictures.conftest import ramp

CALM = ramp((40, 60, 90), (110, 130, 160), 3)


def on_rig(settings: PageSettings, body: Callable[[Bus, Status], Awaitable[None]]) -> None:
    """Run the service, and a coroutine with the player's bus once it is ready."""

    async def main() -> None:
        hub, clock = MemoryHub(), SystemClock()
        status = hub.bus("journal", clock, 1).subscribe(STATUS["page"], overload=ALL)
        shell = Shell(hub.bus("page", clock, 2), clock, Lifeline())
        task = asyncio.create_task(serve(shell, settings))
        try:
            async with asyncio.timeout(20):
                said = await status.get()
                await body(hub.bus("player", clock, 3), said.content)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(main())


def ask(port: int, path: str) -> http.client.HTTPResponse:
    """Ask the page's server for something."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    line.request("GET", path)
    return line.getresponse()


def data_of(stream: http.client.HTTPResponse, n: int) -> list[object]:
    """Return the contents of the next events."""
    found: list[object] = []
    while len(found) < n:
        row = stream.readline().decode()
        if row.startswith("data: "):
            found.append(json.loads(row[6:]))
    return found


def test_what_the_player_says_reaches_the_page_with_its_time(hung: Callable[..., Path]) -> None:
    """A place with the time at which its sound is heard; of safety, silence only."""
    settings = PageSettings(bank=str(hung(calm=CALM)), token="t" * 32)

    async def body(player: Bus, status: Status) -> None:
        assert status.facts["scenes"] == 1
        assert status.facts["not_shown"] == ""
        assert "t" * 32 not in str(status)
        stream = await asyncio.to_thread(ask, int(status.facts["port"]), f"/{'t' * 32}/events")
        place = Shown(frame=0, scene=0, before=0, share=1.0, valence=0.25)
        player.publish(PICTURE, place, audible_at=123.5)
        for reason in ("stale", "pause"):
            said = Safety(state="SAFE", frame=0, reason=reason, text=f"It is {reason}.")
            player.publish(SAFETY, said)
        assert await asyncio.to_thread(data_of, stream, 4) == [
            "",
            {"at": 123.5, "scene": 0, "before": 0, "share": 1.0, "valence": 0.25},
            "",
            "It is pause.",
        ]

    on_rig(settings, body)


@pytest.mark.fault(53)
def test_what_is_not_shown_is_told(hung: Callable[..., Path]) -> None:
    """In the status: a sentence for people, the names for the report."""
    folder = hung(calm=CALM, bad=[(10, 10, 10), (240, 240, 240)] * 5)

    async def body(player: Bus, status: Status) -> None:
        assert status.facts["not_shown"] == "bad"
        assert "Not shown on the page: bad; another scene is seen" in status.detail

    on_rig(PageSettings(bank=str(folder), token="t" * 32), body)


def test_started_by_hand_it_says_where_it_is(
    hung: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a token it makes one up and writes the address; with one it writes nothing."""
    folder = hung(calm=CALM)

    async def body(player: Bus, status: Status) -> None:
        url = capsys.readouterr().err.strip()
        host, _, path = url.removeprefix("http://").partition("/")
        assert host == f"127.0.0.1:{status.facts['port']}"
        answer = await asyncio.to_thread(ask, int(status.facts["port"]), f"/{path}")
        assert answer.status == 200

    async def silent(player: Bus, status: Status) -> None:
        assert capsys.readouterr().err == ""

    on_rig(PageSettings(bank=str(folder)), body)
    on_rig(PageSettings(bank=str(folder), token="t" * 32), silent)
