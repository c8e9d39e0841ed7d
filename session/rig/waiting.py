"""Waiting for a stream, with the time that is left in sight (shell)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rym.clock import Clock
from stream.lsl.inlet import EegInlet
from stream.settings import StreamSettings

TICK_S = 0.2
"""Seconds between two looks at what is waited for."""

Left = Callable[[float, str], None]
"""Shows the seconds that something still takes, and what it is; 0 seconds: nothing more."""


def unseen(seconds: float, what: str) -> None:
    """Show nothing of it."""


async def opened(settings: StreamSettings, clock: Clock, left: Left) -> EegInlet:
    """Find and open the stream that the settings mean.

    Raises
    ------
    DeviceError, SignalError
        As `EegInlet`.
    """
    opening = asyncio.create_task(asyncio.to_thread(EegInlet, settings, clock))
    end = clock.now() + settings.wait
    while not opening.done():
        left(max(1.0, end - clock.now()), "looking for the stream")
        await asyncio.wait([opening], timeout=TICK_S)
    left(0.0, "")
    return opening.result()
