"""The service `stream`: what arrives over LSL goes out as windows and to `eeg.xdf` (thin shell)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

from rym.clock import Clock
from rym.messages import ClockOffset
from rym.service import Shell
from rym.topics import CLOCK, QUALITY, WINDOW

from .checks import StartCheck
from .items import Chunk
from .line import StreamLine
from .lsl import EegInlet, library
from .settings import StreamSettings
from .xdf import XdfWriter

SYNC_S = 1.0
"""Seconds between two times that the recording is brought to the disk."""


async def serve(shell: Shell, settings: StreamSettings) -> None:
    """Open the stream, and publish and record it until the caller cancels.

    Parameters
    ----------
    shell : Shell
        Bus, clock, and the folder for the recording; without a folder nothing is recorded.
    settings : StreamSettings
        Table `[stream]`.

    Raises
    ------
    SignalError
        If the stream is missing, ambiguous, or not what the settings expect.
    DeviceError
        If LSL's clock is not the rig's, or the recording cannot be written.
    """
    bus, clock = shell.bus, shell.clock
    inlet = await asyncio.to_thread(EegInlet, settings, clock)
    line = StreamLine(settings, inlet.signal.channels, inlet.signal.rate)
    check = StartCheck(inlet.signal, settings)
    async with AsyncExitStack() as stack:
        recording = None
        if shell.folder is not None:
            path = free_name(shell.folder)
            recording = XdfWriter(path, inlet.declared, inlet.signal, clock)
            await stack.enter_async_context(_kept(recording, clock))
        items = await stack.enter_async_context(aclosing(inlet.items()))
        shell.ready("", **_facts(inlet, recording), checked=False)
        async for item in items:
            if recording is not None:
                recording.write(item)
            if isinstance(item, ClockOffset):
                bus.publish(CLOCK, item)
            elif isinstance(item, Chunk) and check.push(item):
                shell.ready("", checked=True)
            for window, quality in line.feed(item):
                sent = bus.publish(WINDOW, window, age=clock.now() - window.t_last)
                bus.publish(QUALITY, quality, cause=(sent.id,))


@asynccontextmanager
async def _kept(recording: XdfWriter, clock: Clock) -> AsyncIterator[None]:
    """Bring the recording to the disk again and again beside the body, and close it at the end."""

    async def keep() -> None:
        while True:
            await clock.sleep_until(clock.now() + SYNC_S)
            # In a thread: a slow disk may take longer than a window.
            await asyncio.to_thread(recording.sync)

    keeping = asyncio.create_task(keep(), name="sync")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        recording.close()
        if not keeping.cancelled():
            keeping.result()


def free_name(folder: Path) -> Path:
    """Return `eeg.xdf` in a folder, or `eeg-02.xdf` and so on after a restart."""
    path = folder / "eeg.xdf"
    number = 1
    while path.exists():
        number += 1
        path = folder / f"eeg-{number:02d}.xdf"
    return path


def _facts(inlet: EegInlet, recording: XdfWriter | None) -> dict[str, str | int | float | bool]:
    """Return what the record must know of this start; the host stays out of it."""
    return {
        "stream": inlet.declared.name,
        "uid": hashlib.sha256(inlet.declared.uid.encode()).hexdigest()[:16],
        "channels": " ".join(inlet.signal.channels),
        "rate": inlet.signal.rate,
        "unit": inlet.signal.unit,
        "library": library(),
        "recording": recording.path.name if recording is not None else "",
    }
