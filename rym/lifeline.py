"""The pipe between a supervisor and a part: orders and secrets come down it, its end is a message.

The first line is one JSON object (what the part needs to start, its password among it); every
further line is an order. The end of the file means that the supervisor is gone, kill −9 included:
the system closes the pipe, whatever happened.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from typing import Any

import msgspec

from rym.errors import UsageError

LOG = logging.getLogger(__name__)


class Lifeline:
    """Standard input as the supervisor's end; one that is never opened never ends.

    Attributes
    ----------
    gone : asyncio.Event
        Set once the supervisor is gone.
    orders : asyncio.Queue of dict
        Orders in the sequence in which they came, such as `{"stop": "operator"}`.
    """

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.orders: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._fd = -1
        self._rest = b""

    def open(self) -> dict[str, Any]:
        """Wait for the first line on standard input and return it.

        Raises
        ------
        UsageError
            If the pipe ends before it, or it is not a JSON object.
        """
        # The descriptor is read, not `sys.stdin`: a thread that waits in a buffered reader holds
        # that reader's lock, and the interpreter cannot end without it.
        self._fd = sys.stdin.fileno()
        while b"\n" not in self._rest:
            block = os.read(self._fd, 65536)
            if not block:
                raise UsageError(
                    "The life line ended before its first line.",
                    "--lifeline is for supervisors; leave it out when you start a part by hand.",
                )
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            return msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError as error:
            # The line itself is not shown: it holds the password.
            raise UsageError(
                f"The first line on the life line is not a JSON object: {error}.",
                "--lifeline is for supervisors; leave it out when you start a part by hand.",
            ) from None

    def watch(self) -> None:
        """Begin to read on, in a thread of its own; to be called in the running event loop.

        A thread because only sockets can be waited for in the event loop on Windows.
        """
        if self._fd < 0:
            return
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read_on, args=(loop,), name="lifeline", daemon=True).start()

    async def told_to_end(self) -> bool:
        """Wait until the supervisor says `{"end": true}` (True) or is gone (False)."""
        gone = asyncio.create_task(self.gone.wait(), name="supervisor gone")
        try:
            while True:
                order = asyncio.create_task(self.orders.get(), name="order")
                await asyncio.wait({gone, order}, return_when=asyncio.FIRST_COMPLETED)
                if not order.done():
                    order.cancel()
                    return False
                if order.result().get("end"):
                    return True
                LOG.warning("an order with %s is not known here", sorted(order.result()))
        finally:
            gone.cancel()

    def _read_on(self, loop: asyncio.AbstractEventLoop) -> None:
        ended = False
        while not ended:
            *lines, self._rest = self._rest.split(b"\n")
            for line in filter(bytes.strip, lines):
                _tell(loop, self._take, line)
            try:
                block = os.read(self._fd, 65536)
            except OSError:
                block = b""
            self._rest += block
            ended = not block
        _tell(loop, self.gone.set)

    def _take(self, line: bytes) -> None:
        try:
            self.orders.put_nowait(msgspec.json.decode(line, type=dict[str, Any]))
        except msgspec.DecodeError as error:
            LOG.error("an order on the life line is not a JSON object (%s); it is ignored", error)


def _tell(loop: asyncio.AbstractEventLoop, function: Any, *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        LOG.debug("the event loop ended before the life line did")
