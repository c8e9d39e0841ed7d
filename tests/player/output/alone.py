"""A player without a broker, as a process of its own; told and telling in JSON.

`python alone.py '{"settings": {…}, "seconds": 8, "orders": [[3.0, "duck", "on"]], …}'`; the folder
`out` gets heard-01.flac. With `"held": [0.05, 1.0]` a thread holds Python's lock for 50 ms each
second; with `"pauses": [[0.2, 5.0]]` the event loop stands still for 200 ms every 5 s.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from player.service import serve
from player.settings import PlayerSettings
from rym.bus import ALL, MemoryHub
from rym.clock import SystemClock
from rym.logs import show_logs
from rym.messages import Command, Valence
from rym.service import Lifeline, Shell
from rym.topics import COMMAND, NOW, SAFETY, STATUS, VALENCE


def hold(seconds: float, every: float) -> None:
    """Hold Python's lock again and again."""
    while True:
        time.sleep(every)
        ctypes.PyDLL(None).usleep(round(seconds * 1e6))


async def stand(seconds: float, every: float) -> None:
    """Let the event loop stand still again and again, as a garbage collection would."""
    while True:
        await asyncio.sleep(every)
        time.sleep(seconds)


def valence(t: float, state: str) -> Valence:
    """Return an answer of the decoder."""
    return Valence(
        t=t, state=state, valence=None, probabilities=None, confidence=0.9, reason="", model=""
    )


async def main(job: dict[str, Any]) -> None:
    """Play for a while and tell what was said."""
    show_logs("player", debug=False)
    clock, hub = SystemClock(), MemoryHub()
    decoder, session = hub.bus("decoder", clock, 1), hub.bus("session", clock, 1)
    said = session.subscribe(NOW, SAFETY, STATUS["player"], overload=ALL)
    life = Lifeline()
    shell = Shell(hub.bus("player", clock, 2), clock, life, Path(job["out"]), "s1")
    task = asyncio.create_task(serve(shell, PlayerSettings(**job["settings"])))
    told = [await said.get()]
    began = clock.now()
    sys.stdout.write(f"{json.dumps({'ready': began})}\n")
    sys.stdout.flush()
    if job.get("held"):
        threading.Thread(target=hold, args=job["held"], daemon=True).start()
    pauses = [asyncio.create_task(stand(*pause)) for pause in job.get("pauses", [])]
    orders = list(job.get("orders", []))
    states = job.get("states", ["neutral"])
    while clock.now() < began + job["seconds"] and not task.done():
        state = states[int((clock.now() - began) / 5.0) % len(states)]
        decoder.publish(VALENCE, valence(clock.now(), state))
        while orders and clock.now() >= began + orders[0][0]:
            _, action, value = orders.pop(0)
            session.publish(COMMAND, Command(to="player", action=action, value=value))
        await asyncio.sleep(0.1)
    for pause in pauses:
        pause.cancel()
    life.orders.put_nowait({"end": True})
    await task
    told += said.drain()
    rows = [
        {"type": type(m.content).__name__, "mono": m.meta.mono, "audible": m.meta.audible_at}
        | {name: getattr(m.content, name, None) for name in ("frame", "why", "facts", "detail")}
        for m in told
    ]
    sys.stdout.write(f"{json.dumps({'began': began, 'said': rows})}\n")


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
