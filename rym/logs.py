"""What every process of a part does alike: one line per log record, its event loop, its signals."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class OneLine(logging.Formatter):
    """`HH:MM:SS service level text`, with a traceback only when asked for."""

    def __init__(self, service: str, *, debug: bool) -> None:
        super().__init__(f"%(asctime)s {service} %(levelname)s %(message)s", "%H:%M:%S")
        self._debug = debug

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; control characters cannot forge a second line."""
        text = self.formatMessage(_with_message(record, self))
        line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        if self._debug and record.exc_info:
            return f"{line}\n{self.formatException(record.exc_info)}"
        return line


def _with_message(record: logging.LogRecord, formatter: logging.Formatter) -> logging.LogRecord:
    record.message = record.getMessage()
    record.asctime = formatter.formatTime(record, formatter.datefmt)
    return record


def show_logs(service: str, *, debug: bool) -> None:
    """Send every log record of this process to stderr.

    Parameters
    ----------
    service : str
        Named in each line.
    debug : bool
        Whether debug records and tracebacks are shown.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(service, debug=debug))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a selector event loop and return its result.

    Sockets of paho can be waited for in no other loop on Windows, whose default is another one.
    """
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(main)


def catch_signals() -> asyncio.Event:
    """Return an event of the running loop that is set once the process is told to end.

    The second signal of a kind ends the process at once. Outside the main thread there are no
    signals to catch.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(told.set)
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), tell)
    return told
