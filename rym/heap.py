"""What a process does with memory that it needs no longer (adapter: the C library's allocator).

Two things keep it for hours. Python looks for cyclic garbage among long-lived objects only once
they have grown by a quarter, and every broken connection to the broker leaves such a cycle behind:
the MQTT client with all that it had not sent. And glibc gives back only what lies at the end of its
heap, where the messages lie that are kept for a minute. A threshold from which every block is
mapped by itself would mend the second, too, but it would make each window's temporary arrays cost a
page fault per 4 kB.
"""

from __future__ import annotations

import ctypes
import gc
import sys

from rym.clock import Clock

EVERY_S = 60.0
"""Seconds between two times that free memory is given back."""


def keep_loaded() -> None:
    """Take all that is there out of the search for garbage, which would last 35 ms otherwise.

    Only for what stays for the process's life: the time for it is when everything has been
    imported and nothing been connected.
    """
    gc.collect()
    gc.freeze()


async def keep_small(clock: Clock) -> None:
    """Give free memory back to the system for as long as the caller lets it."""
    while True:
        await clock.sleep_until(clock.now() + EVERY_S)
        give_back()


def give_back() -> None:
    """Collect garbage, and give back what the allocator holds free, where that is glibc."""
    gc.collect()
    # musl has no such function, and gives back by itself.
    if sys.platform.startswith("linux") and (
        trim := getattr(ctypes.CDLL(None), "malloc_trim", None)
    ):
        trim(0)
