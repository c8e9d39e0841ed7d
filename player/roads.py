"""STOP without broker and without supervisor: a signal to the process, a key at its terminal.

(Adapter: signals.) Both put the very order that comes down the life line, so that what follows is
the same by every road: latched, carried out, published as a `Stop` of the player's own.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from types import FrameType
from typing import Any

from rym.lifeline import Lifeline
from rym.terminal import pressed

SIGNAL = "SIGBREAK" if hasattr(signal, "SIGBREAK") else "SIGUSR1"
"""SIGUSR1; on Windows, which has none, what Ctrl+Break sends to a process group."""
KEYS = frozenset("sS ")
"""Keys that stop: s and Space."""

LOG = logging.getLogger(__name__)


class StopSignal:
    """Catches the signal from now on, whose default would end the process and so lose the STOP.

    A player that dies is started again by its supervisor, with sound. What comes before anybody can
    act on it is kept for then.
    """

    def __init__(self) -> None:
        self._waiting = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lifeline: Lifeline | None = None
        signal.signal(getattr(signal, SIGNAL), self._come)

    def lead_to(self, lifeline: Lifeline) -> None:
        """Let the signal be an order; to be called in the running event loop."""
        self._loop, self._lifeline = asyncio.get_running_loop(), lifeline
        # Taken back from `rym.logs.catch_signals`, for which Ctrl+Break means the soft end.
        signal.signal(getattr(signal, SIGNAL), self._come)
        if self._waiting:
            self._waiting = False
            order_stop(lifeline)

    def _come(self, _number: int, _frame: FrameType | None) -> None:
        if self._loop is None or self._lifeline is None:
            self._waiting = True
        else:
            self._loop.call_soon_threadsafe(order_stop, self._lifeline)


def order_stop(lifeline: Lifeline) -> None:
    """Put the operator's stop where the player looks for orders."""
    order: dict[str, Any] = {"stop": "operator"}
    lifeline.orders.put_nowait(order)


async def listen_to_keys(lifeline: Lifeline) -> None:
    """Let s and Space stop a player that was started by hand at a terminal, until cancelled."""
    async with pressed() as keys:
        if keys is None:
            return
        LOG.info("s or Space stops the music at once")
        while True:
            if await keys.get() in KEYS:
                order_stop(lifeline)
