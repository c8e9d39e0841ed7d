"""Keys pressed in a terminal, without waiting for Return. The only file that touches the terminal.

A terminal tells when a key goes down, not when it comes up: labels from here are toggles, and the
journal's `source` (`terminal`) says so.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
KEY = re.compile(r"\x1b[\[O][0-9;]*([A-Za-z~])|[^\x1b]", re.DOTALL)
"""One key: an escape sequence (arrows as CSI or, in application mode, as SS3), or a character."""
WINDOWS_ARROWS = {"H": "up", "P": "down", "M": "right", "K": "left"}


@asynccontextmanager
async def pressed() -> AsyncIterator[asyncio.Queue[str] | None]:
    """Give a queue of the keys that are pressed, or None where there is no terminal.

    Arrow keys come as `up`, `down`, `left`, `right`, all others as their character. A process in
    the background has no terminal either: the system would halt it, music and all, for touching it.
    """
    if not sys.stdin.isatty() or _in_background():
        yield None
        return
    queue: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    ended = threading.Event()
    read = _read_windows if os.name == "nt" else _read_posix

    def put(key: str) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, key)

    thread = threading.Thread(target=read, args=(put, ended), name="keys", daemon=True)
    thread.start()
    try:
        yield queue
    finally:
        ended.set()
        await asyncio.to_thread(thread.join, 1.0)


def _in_background() -> bool:
    """Return whether the terminal that controls this process now belongs to another one."""
    if os.name == "nt":
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp()
    except OSError:
        return False  # a terminal that does not control this process halts nobody


def split(text: str) -> list[str]:
    """Return the keys in what a terminal sent: one read may hold several, as a held arrow does.

    Keys that have no name here, such as F1, are left out.
    """
    keys = []
    for found in KEY.finditer(text):
        key = found[0] if found[1] is None else ARROWS.get(found[1], "")
        if key:
            keys.append(key)
    return keys


def _read_posix(put: Callable[[str], None], ended: threading.Event) -> None:
    import select  # noqa: PLC0415 - not on Windows
    import termios  # noqa: PLC0415
    import tty  # noqa: PLC0415

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle)
        while not ended.is_set():
            if select.select([handle], [], [], 0.1)[0]:
                for key in split(os.read(handle, 64).decode(errors="ignore")):
                    put(key)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _read_windows(put: Callable[[str], None], ended: threading.Event) -> None:
    import msvcrt  # noqa: PLC0415 - Windows only

    while not ended.wait(0.02):
        if msvcrt.kbhit():  # type: ignore[attr-defined]
            key = msvcrt.getwch()  # type: ignore[attr-defined]
            put(WINDOWS_ARROWS.get(msvcrt.getwch(), "") if key in "\x00\xe0" else key)  # type: ignore[attr-defined]
