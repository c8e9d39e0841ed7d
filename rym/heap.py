"""What a process does with memory that it needs no longer (adapter: the C library's allocator).

A stall makes a process take a hundred megabytes for some seconds: samples and messages wait. All of
it is freed in the end, but glibc only gives back what lies at the end of its heap, and there the
messages lie that are kept for a minute; so the process would stay that large for good. A threshold
from which every block is mapped by itself would mend that, too, but it would make each window's
temporary arrays cost a page fault per 4 kB.
"""

from __future__ import annotations

import ctypes
import gc
import sys

from rym.clock import Clock

START_S = 20.0
"""Seconds after which what a process has loaded stays for its life."""
EVERY_S = 60.0
"""Seconds between two times that free memory is given back; it takes some tenths of a ms."""


async def keep_small(clock: Clock) -> None:
    """Give free memory back to the system for as long as the caller lets it.

    What was loaded at the start is taken out of Python's search for cyclic garbage, which would
    hold everything up for 35 ms to find nothing in it.
    """
    await clock.sleep_until(clock.now() + START_S)
    gc.freeze()
    while True:
        give_back()
        await clock.sleep_until(clock.now() + EVERY_S)


def give_back() -> bool:
    """Give back what the allocator holds free.

    Returns
    -------
    bool
        Whether there was something; False, too, where the C library is another than glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    return bool(trim is not None and trim(0))
