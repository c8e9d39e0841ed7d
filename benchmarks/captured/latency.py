"""From an event to the first sample that it changes: ours, and a plain Python callback.

    python -m benchmarks.captured.latency ours|callback BANK SECONDS [GIL_MS EVERY_S]

Prints one JSON object. `waits_ms` is counted up to the moment at which the device takes the sample;
what the device's own buffer adds is the same for both and told apart (`device_ms`). The events are
changes of what is decided, at random times; the fade of 40 ms begins at once. They count from when
they are due: one that meets a held lock waits for it, as a message from another process would. When
a sample is taken is the player's own word, `audible_at`, which captured fades hold to a
millisecond.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import sounddevice

from player import service
from player.music.timeline import Timeline
from player.output.outlet import Outlet
from player.settings import BLOCK, RATE, PlayerSettings
from rym.messages import State
from rym.topics import VALENCE

from .play import EAGER, begun, decided, hold_gil, playing

WARM = 5.0
"""Seconds in which the sound server finds its pace."""
LATENCY = 0.05
"""Seconds of buffer asked of the device, by both."""


def events(seconds: float) -> list[float]:
    """Return the seconds at which something is decided, 0.3 to 0.7 s apart."""
    gaps = np.random.default_rng(4).uniform(0.3, 0.7, int(seconds / 0.3))
    at = WARM + np.cumsum(gaps)
    return [float(t) for t in at[at < seconds]]


def state_of(k: int) -> State:
    """Return what the k-th event decides."""
    return "positive" if k % 2 == 0 else "neutral"


async def ours(bank: str, seconds: float) -> dict[str, Any]:
    """Play by the player's own service."""
    kept: list[Outlet] = []

    class Kept(Outlet):
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            kept.append(self)

    service.Outlet = Kept  # type: ignore[misc]
    settings = {**EAGER, "preset": "paper", "latency": LATENCY}
    async with playing(bank, **settings) as rig:
        await begun(rig)
        start, sent = rig.clock.now(), []
        for k, at in enumerate(events(seconds)):
            await rig.clock.sleep_until(start + at)
            rig.bus.publish(VALENCE, decided(rig.clock.now(), state_of(k)))
            sent.append(start + at)
        await rig.clock.sleep_until(start + seconds)
        said = rig.now.drain()
        device = float(getattr(kept[0]._sink, "latency", 0.0))
        xruns, missing = kept[0].xruns, kept[0].missing
    begins: dict[int, float] = {}
    for message in said:
        fade, at_audible = message.content.fade, message.meta.audible_at
        if fade and at_audible is not None:
            left = (fade.start - message.content.frame) / RATE
            begins.setdefault(fade.start, at_audible + left - device)
    return {
        "waits_ms": _waits(sent, list(begins.values())), "device_ms": 1000 * device,
        "depth_ms": 1000 * PlayerSettings().depth, "xruns": xruns, "missing_ms": 1000 * missing,
        "events": len(sent),
    }  # fmt: skip


def callback(bank: str, seconds: float) -> dict[str, Any]:
    """Play by a callback in Python that renders when the device asks, as plain players do."""
    timeline = Timeline(service.load(Path(bank)), PlayerSettings(preset="paper", bank=bank))
    wanted: list[State] = []
    waits: list[float] = []
    xruns = 0

    def give(out: Any, _frames: int, _when: Any, status: Any) -> None:
        nonlocal xruns
        xruns += bool(status.output_underflow)
        if wanted:
            state, at = wanted.pop(), asked.pop()
            timeline.request(state)  # type: ignore[arg-type]
            # The fade begins with the next control block; one of 480 frames may be under way. Not
            # the callback's own `currentTime`, which is of before it had the lock.
            waits.append(1000 * (stream.time - at))
        timeline.render_block(out)

    asked: list[float] = []
    stream = sounddevice.OutputStream(
        RATE, BLOCK, "rym", 2, "float32", latency=LATENCY, callback=give
    )
    with stream:
        start, origin = time.monotonic(), stream.time
        for k, at in enumerate(events(seconds)):
            time.sleep(max(0.0, start + at - time.monotonic()))
            asked.insert(0, origin + at)
            wanted.insert(0, state_of(k))
        time.sleep(max(0.0, start + seconds - time.monotonic()))
        return {
            "waits_ms": waits, "device_ms": 1000 * stream.latency, "depth_ms": 0.0,
            "xruns": xruns, "missing_ms": None, "events": len(events(seconds)),
        }  # fmt: skip


def _waits(sent: list[float], heard: list[float]) -> list[float]:
    """Return what each event waited, in ms: each begins exactly one fade, in order."""
    if len(sent) != len(heard):
        raise RuntimeError(f"{len(sent)} events began {len(heard)} fades.")
    return [1000 * (t - at) for at, t in zip(sent, heard, strict=True)]


def main() -> None:
    """Play and print."""
    who, bank, seconds, *rest = sys.argv[1:]
    if rest:
        hold_gil(float(rest[0]) / 1000, float(rest[1]))
    if who == "ours":
        found = asyncio.run(ours(bank, float(seconds)))
    else:
        found = callback(bank, float(seconds))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
