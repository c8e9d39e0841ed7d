"""The player's own service without a broker, led by a script; prints what it said as JSON.

python -m benchmarks.captured.play BANK OUT SECONDS PRESET LATENCY [GIL_MS EVERY_S]…
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from player.service import serve
from player.settings import RATE, PlayerSettings
from rym.bus import ALL, Bus, Mailbox, MemoryHub
from rym.clock import SystemClock
from rym.messages import Message, State, Valence
from rym.service import Lifeline, Shell
from rym.topics import NOW, STATUS, VALENCE

WISHES: tuple[tuple[float, State], ...] = (
    (0.0, "neutral"), (1.5, "positive"), (3.5, "neutral"), (5.0, "negative"), (6.5, "neutral"),
)  # fmt: skip
"""Second of every 8 s from which on an affect is decided."""
PERIOD = 8.0
EAGER: dict[str, Any] = {"rise": 0.5, "dwell": 0.0, "max_changes": 600}
"""Settings under which every decision is followed at once."""


def wish(second: float) -> State:
    """Return what is decided at a second since the player's start."""
    return next(state for at, state in reversed(WISHES) if second % PERIOD >= at)


def hold_gil(seconds: float, every: float) -> None:
    """Hold the interpreter's lock again and again, as a library that forgets to release it does."""

    def hold() -> None:
        while True:
            time.sleep(every)
            ctypes.PyDLL(None).usleep(round(1e6 * seconds))

    threading.Thread(target=hold, daemon=True).start()


class Playing(NamedTuple):
    """A player's service that runs, and what leads and hears it."""

    task: asyncio.Task[None]
    clock: SystemClock
    bus: Bus
    """The decoder's."""
    now: Mailbox
    """Of `player/now`."""
    status: Mailbox


@asynccontextmanager
async def playing(bank: str, out: str | None = None, **settings: Any) -> AsyncIterator[Playing]:
    """Run the player's service on a bus in this process until the body ends.

    Parameters
    ----------
    bank : str
        The bank's folder.
    out : str or None
        Where `heard-01.flac` goes.
    **settings
        Of the player, besides bank and device.
    """
    clock, hub = SystemClock(), MemoryHub()
    bus = hub.bus("decoder", clock, 1)
    now = bus.subscribe(NOW, overload=ALL)
    status = bus.subscribe(STATUS["player"], overload=ALL)
    shell = Shell(hub.bus("player", clock, 2), clock, Lifeline(), Path(out) if out else None, "s1")
    table = {"bank": bank, "device": "rym", "sink": "portaudio"}
    task = asyncio.create_task(serve(shell, PlayerSettings(**{**table, **settings})))
    try:
        yield Playing(task, clock, bus, now, status)
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def begun(rig: Playing) -> list[Message]:
    """Wait until the player has said something, and return it.

    Raises
    ------
    RuntimeError
        If it says nothing for 20 s.
    """
    end = rig.clock.now() + 20.0
    while not (said := rig.now.drain()):
        await asyncio.sleep(0.01)
        if rig.task.done():
            rig.task.result()
        if rig.clock.now() > end:
            raise RuntimeError("The player has said nothing for 20 s.")
    return said


async def play(bank: str, out: str, seconds: float, **settings: Any) -> dict[str, Any]:
    """Play for some seconds, and return what the player said.

    Parameters
    ----------
    bank : str
        The bank's folder.
    out : str
        Where `heard-01.flac` goes.
    seconds : float
        From the first frame on.
    **settings
        Of the player, over those of the measurements.
    """
    async with playing(bank, out, **{**EAGER, **settings}) as rig:
        said = await begun(rig)
        at = rig.clock.now()
        while not rig.task.done() and said[-1].content.frame / RATE < seconds:
            second = said[-1].content.frame / RATE + (rig.clock.now() - at)
            rig.bus.publish(VALENCE, decided(rig.clock.now(), wish(second)))
            await asyncio.sleep(0.05)
            new = rig.now.drain()
            said, at = said + new, rig.clock.now() if new else at
    facts = [message.content.facts for message in rig.status.drain()]
    told = [{**msgspec.to_builtins(one.content), "audible_at": one.meta.audible_at} for one in said]
    return {"played": told, "facts": facts[-1] if facts else {}}


def decided(t: float, state: State) -> Valence:
    """Return an answer that names a state."""
    return Valence(
        t=t, state=state, valence=None, probabilities=None, confidence=0.9, reason="", model=""
    )


def main() -> None:
    """Play and print."""
    bank, out, seconds, preset, latency, *rest = sys.argv[1:]
    for ms, every in zip(rest[::2], rest[1::2], strict=True):
        hold_gil(float(ms) / 1000, float(every))
    told = asyncio.run(play(bank, out, float(seconds), preset=preset, latency=float(latency)))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
