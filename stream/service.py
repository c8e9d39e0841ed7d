"""The service `stream`: what arrives over LSL goes out as windows and to `eeg.xdf` (thin shell)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

from rym.messages import ClockOffset
from rym.service import Shell
from rym.topics import CLOCK, MARKER, QUALITY, WINDOW

from .checks import StartCheck
from .files.recorder import Recorder
from .items import Chunk, Side
from .line import StreamLine
from .lsl.inlet import EegInlet
from .lsl.markers import MarkerCheck
from .lsl.taps import library
from .settings import StreamSettings
from .timing.steps import RateWatch

LOG = logging.getLogger(__name__)

SYNC_S = 1.0
"""Seconds between two times that the recording is brought to the disk."""
LOOK_S = 1.0
"""Seconds between two looks at how the stream does."""
MOVED = {"rate_measured": 1.005, "rate_wrong": 1.005, "offset_uncertainty": 2.0}
"""Ratio from which a measured value has changed so that it is worth a message."""

UNTIMELY_S = 1.0
"""Seconds in which samples come, and none of them is of now, from which it is said."""

Facts = dict[str, str | int | float | bool]


class Timely:
    """Knows whether what comes is of now (pure).

    A sender whose clock was set goes on to send, so that it is not away; but nothing of it is
    shown as live, and people must know why.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def take(self, chunk: Chunk, now: float) -> None:
        """Note that a chunk came at rig time `now`, in seconds."""
        if not chunk.late:
            self._since = None
        elif self._since is None:
            self._since = now

    def untimely(self, now: float) -> bool:
        """Return whether only samples of another time have come lately."""
        return self._since is not None and now - self._since >= UNTIMELY_S


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
    markers = MarkerCheck(settings.max_age, settings.max_ahead)
    offset, timely, rates = 0.0, Timely(), RateWatch(inlet.signal.rate)
    async with AsyncExitStack() as stack:
        recording = None
        if shell.folder is not None:
            path = free_name(shell.folder)
            recording = Recorder(path, inlet.declared, inlet.signal, clock, settings.memory)
            await stack.enter_async_context(_kept(recording, shell))
        items = await stack.enter_async_context(aclosing(inlet.items()))
        shell.ready("", **_facts(inlet, line, recording), checked=False)
        await stack.enter_async_context(
            _watched(shell, inlet, line, timely, rates, recording=recording)
        )
        async for item in items:
            if isinstance(item, Chunk):
                timely.take(item, clock.now())
                rates.push(item.stamps)
            if recording is not None:
                recording.write(item)
            if isinstance(item, ClockOffset):
                offset = item.offset
                bus.publish(CLOCK, item)
            elif isinstance(item, Chunk) and check.push(item):
                trouble = recording.trouble if recording is not None else ""
                told = " ".join(filter(None, (trouble, check.note)))
                shell.ready(told, checked=True, lost_at_start=round(check.lost, 4))
            elif isinstance(item, Side) and item.kind == "markers":
                for marker in markers.push(item, offset, clock.now()):
                    bus.publish(MARKER, marker, age=clock.now() - marker.t)
            for window, quality in line.feed(item):
                sent = bus.publish(WINDOW, window, age=clock.now() - window.t_last)
                bus.publish(QUALITY, quality, cause=(sent.id,))


@asynccontextmanager
async def _kept(recording: Recorder, shell: Shell) -> AsyncIterator[None]:
    """Bring the recording to the disk beside the body, say what is wrong with it, and close it."""

    async def keep() -> None:
        said = ""
        syncing = asyncio.wrap_future(recording.sync())
        while True:
            await shell.clock.sleep_until(shell.clock.now() + SYNC_S)
            if syncing.done():
                syncing.result()
                syncing = asyncio.wrap_future(recording.sync())
            # A slow disk may take longer than a window, one that is gone for ever.
            await asyncio.wait([syncing], timeout=SYNC_S)
            if recording.trouble != said:
                said = recording.trouble
                _tell(
                    shell, said or f"{recording.path.name} can be written again; nothing is lost."
                )

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


@asynccontextmanager
async def _watched(
    shell: Shell,
    inlet: EegInlet,
    line: StreamLine,
    timely: Timely,
    rates: RateWatch,
    *,
    recording: Recorder | None,
) -> AsyncIterator[None]:
    """Say beside the body how the stream does, whenever that has changed."""

    def health() -> Facts:
        untimely = not inlet.away() and timely.untimely(shell.clock.now())
        wrong = round(rates.wrong, 1)
        return {**_health(inlet, line), "untimely": untimely, "rate_wrong": wrong}

    async def watch() -> None:
        said = there = health()
        while True:
            await shell.clock.sleep_until(shell.clock.now() + LOOK_S)
            now = health()
            # Right after a gap the rate is not known yet: the last one stays.
            now["rate_measured"] = now["rate_measured"] or said["rate_measured"]
            if not _moved(said, now):
                continue
            words = _sentence(inlet.declared.name, said, there, now)
            if words:
                LOG.warning("%s", words)
            trouble = recording.trouble if recording is not None else ""
            shell.ready(" ".join(filter(None, (words, trouble))), **now)
            said = now
            # A sender is found again before its first sample comes: a return is told with that.
            there = there if now["away"] else now

    watching = asyncio.create_task(watch(), name="watch")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        shell.note(**health())
        if not watching.cancelled():
            watching.result()


def _moved(said: Mapping[str, object], now: Mapping[str, object]) -> bool:
    """Return whether anything differs by enough to be said again."""
    for key, value in now.items():
        before, ratio = said[key], MOVED.get(key)
        if ratio is None or not before:
            if value != before:
                return True
        elif not 1 / ratio < float(str(value)) / float(str(before)) < ratio:
            return True
    return False


def _sentence(name: str, said: Facts, there: Facts, now: Facts) -> str:
    """Return what people must know about the sender; empty where there is nothing.

    `there` is what was said when samples last came.
    """
    if now["away"]:
        return f"Nothing comes from {name}; it is waited for."
    words = _about_time(name, said, now)
    if words:
        return words
    if now["host_changed"] and not there["host_changed"]:
        return f"{name} is there again, sent by another machine."
    if now["returns"] != there["returns"]:
        return f"{name} is there again, started anew."
    return f"{name} is there again." if said["away"] or said["untimely"] else ""


def _about_time(name: str, said: Facts, now: Facts) -> str:
    """Return what is wrong with a sender's stamps and rate; empty where nothing is."""
    if now["untimely"]:
        return (
            f"What comes from {name} bears another time than now: it is recorded, and not shown "
            "as live."
        )
    if now["rate_wrong"]:
        return (
            f"{name} declares {now['rate']:g} Hz, but {now['rate_wrong']:g} samples a second come: "
            "no window can be made of them. Set the device back, or start again with its new rate."
        )
    if now["by_arrival"] and not said["by_arrival"]:
        return f"The clock of {name} was set: its samples count as taken when they arrive."
    return ""


def _health(inlet: EegInlet, line: StreamLine) -> Facts:
    """Return how the stream does."""
    clock = line.clock
    return {
        **inlet.facts(),
        "away": inlet.away(),
        "rate": inlet.signal.rate,
        "rate_measured": round(clock.effective_rate, 2),
        "lost": clock.lost,
        "dropped": clock.dropped,
        "gaps": clock.gaps,
    }


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


def _facts(inlet: EegInlet, line: StreamLine, recording: Recorder | None) -> Facts:
    """Return what the record must know of this start; the host stays out of it."""
    return {
        **inlet.facts(),
        "stream": inlet.declared.name,
        "channels": " ".join(inlet.signal.channels),
        "rate": inlet.signal.rate,
        "unit": inlet.signal.unit,
        "conditioning": line.conditioning.description,
        "group_delay": round(line.conditioning.group_delay(), 4),
        "asr_delay": round(line.conditioning.n_delay / inlet.signal.rate, 4),
        "library": library(),
        "recording": recording.path.name if recording is not None else "",
    }
