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
from pathlib import Path
from typing import Any

import msgspec

from player.service import serve
from player.settings import RATE, PlayerSettings
from rym.bus import ALL, MemoryHub
from rym.clock import SystemClock
from rym.messages import State, Valence
from rym.service import Lifeline, Shell
from rym.topics import NOW, STATUS, VALENCE

WISHES: tuple[tuple[float, State], ...] = (
    (0.0, "neutral"), (1.5, "positive"), (3.5, "neutral"), (5.0, "negative"), (6.5, "neutral"),
)  # fmt: skip
"""Second of every 8 s from which on an affect is decided."""
PERIOD = 8.0


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


async def play(bank: str, out: str | None, seconds: float, **settings: Any) -> dict[str, Any]:
    """Play for some seconds, and return what the player said.

    Parameters
    ----------
    bank : str
        The bank's folder.
    out : str or None
        Where `heard-01.flac` goes.
    seconds : float
        From the first frame on.
    **settings
        Of the player, over those of the measurements.
    """
    clock, hub = SystemClock(), MemoryHub()
    decoder = hub.bus("decoder", clock, 1)
    now = decoder.subscribe(NOW, overload=ALL)
    status = decoder.subscribe(STATUS["player"], overload=ALL)
    shell = Shell(hub.bus("player", clock, 2), clock, Lifeline(), Path(out) if out else None, "s1")
    table = {
        "device": "rym",
        "sink": "portaudio",
        "rise": 0.5,
        "dwell": 0.0,
        "max_changes": 600,
    }
    task = asyncio.create_task(serve(shell, PlayerSettings(bank=bank, **{**table, **settings})))
    said: list[dict[str, Any]] = []
    frame, at = 0, None
    waiting = clock.now() + 20
    while not task.done() and (at is None or frame / RATE < seconds):
        for message in now.drain():
            told = msgspec.to_builtins(message.content)
            said.append({**told, "audible_at": message.meta.audible_at})
            frame, at = message.content.frame, clock.now()
        if at is None and clock.now() > waiting:
            break
        second = frame / RATE + (clock.now() - (at or clock.now()))
        decoder.publish(VALENCE, _valence(clock.now(), wish(second)))
        await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    facts = [message.content.facts for message in status.drain()]
    return {"played": said, "facts": facts[-1] if facts else {}}


def _valence(t: float, state: State) -> Valence:
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
