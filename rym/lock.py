"""A folder that one process at a time may change (adapter of the system's file locks).

The lock is the system's own, so that it falls with the process that holds it. The rejected
alternative, a file that is made and removed, would be left behind by a kill and lock out everyone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; another process or thread that asks for it waits.

    Parameters
    ----------
    folder : Path
        Must exist.
    """
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - Windows only

        # A folder cannot be opened there, so that a file beside its content stands for it.
        handle = os.open(folder.with_name(folder.name + ".lock"), os.O_RDWR | os.O_CREAT)
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - not on Windows

        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)  # lets the lock go
