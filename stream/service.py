"""The service `stream`: what arrives over LSL goes out as windows and to `eeg.xdf` (thin shell)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

from rym.messages import ClockOffset
from rym.service import Shell
from rym.topics import CLOCK, QUALITY, WINDOW

from .checks import StartCheck
from .inlet import EegInlet
from .items import Chunk
from .line import StreamLine
from .lsl import library
from .recorder import Recorder
from .settings import StreamSettings

LOG = logging.getLogger(__name__)

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
        If LSL's clock is not the rig's.
    """
    bus, clock = shell.bus, shell.clock
    inlet = await asyncio.to_thread(EegInlet, settings, clock)
    line = StreamLine(settings, inlet.signal.channels, inlet.signal.rate)
    check = StartCheck(inlet.signal, settings)
    async with AsyncExitStack() as stack:
        recording = None
        if shell.folder is not None:
            path = free_name(shell.folder)
            recording = Recorder(path, inlet.declared, inlet.signal, clock, settings.memory)
            await stack.enter_async_context(_kept(recording, shell))
        items = await stack.enter_async_context(aclosing(inlet.items()))
        shell.ready("", **_facts(inlet, recording), checked=False)
        async for item in items:
            if recording is not None:
                recording.write(item)
            if isinstance(item, ClockOffset):
                bus.publish(CLOCK, item)
            elif isinstance(item, Chunk) and check.push(item):
                shell.ready(recording.trouble if recording is not None else "", checked=True)
            for window, quality in line.feed(item):
                sent = bus.publish(WINDOW, window, age=clock.now() - window.t_last)
                bus.publish(QUALITY, quality, cause=(sent.id,))


@asynccontextmanager
async def _kept(recording: Recorder, shell: Shell) -> AsyncIterator[None]:
    """Bring the recording to the disk beside the body, say what is wrong with it, and close it."""

    async def keep() -> None:
        said = ""
        while True:
            await shell.clock.sleep_until(shell.clock.now() + SYNC_S)
            # In a thread: a slow disk may take longer than a window.
            syncing = asyncio.create_task(asyncio.to_thread(recording.sync))
            await asyncio.wait([syncing], timeout=SYNC_S)
            if recording.trouble != said:
                said = recording.trouble
                _tell(
                    shell, said or f"{recording.path.name} can be written again; nothing is lost."
                )
            await syncing

    keeping = asyncio.create_task(keep(), name="sync")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        kept = await asyncio.to_thread(recording.close)
        shell.note(recorded=kept.samples, missing=kept.missing)
        if kept.problem:
            _tell(shell, kept.problem)
        if not keeping.cancelled():
            keeping.result()


def _tell(shell: Shell, words: str) -> None:
    LOG.warning("%s", words)
    shell.ready(words)


def free_name(folder: Path) -> Path:
    """Return `eeg.xdf` in a folder, or `eeg-02.xdf` and so on after a restart."""
    path = folder / "eeg.xdf"
    number = 1
    while path.exists():
        number += 1
        path = folder / f"eeg-{number:02d}.xdf"
    return path


def _facts(inlet: EegInlet, recording: Recorder | None) -> dict[str, str | int | float | bool]:
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
