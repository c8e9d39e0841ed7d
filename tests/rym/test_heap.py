"""Free memory goes back to the system."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import platform
from collections.abc import Callable

import psutil
import pytest

from rym.clock import ManualClock
from rym.heap import EVERY_S, give_back, keep_small

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator only")


def by_itself(what: Callable[[], None]) -> None:
    """Run a function in a new process: in the holes of a heap that others used, blocks lie anyhow.

    There the 64 MB may end up side by side at the heap's end, which free() itself gives back.
    """
    process = multiprocessing.get_context("spawn").Process(target=what)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def scattered() -> tuple[list[bytes], list[bytes]]:
    """Return 64 MB in blocks, and what lies between them; no zeros, which would take no memory."""
    pairs = [tuple(bytes([1 + k % 255]) * n for n in (64_000, 1000)) for k in range(1000)]
    return [block for block, _ in pairs], [between for _, between in pairs]


def free_between_blocks() -> None:
    """Free 64 MB below blocks that stay."""
    blocks, kept = scattered()
    del blocks
    here = psutil.Process()
    before = here.memory_info().rss
    give_back()
    assert here.memory_info().rss < before - 40e6
    assert len(kept) == 1000


def test_what_is_free_between_blocks_in_use_is_given_back() -> None:
    """64 MB freed below blocks that stay are the system's again."""
    by_itself(free_between_blocks)


def garbage() -> None:
    """Leave 64 MB to a cycle."""
    cycle: list[object] = [b"x" * 64_000_000]
    cycle.append(cycle)
    gc.collect()  # now it counts as long-lived
    here = psutil.Process()
    before = here.memory_info().rss
    del cycle
    give_back()
    assert here.memory_info().rss < before - 40e6


def test_garbage_that_holds_itself_is_given_back() -> None:
    """What a cycle holds is freed, however long it has lived."""
    by_itself(garbage)


def two_minutes() -> None:
    """Free 64 MB twice while time goes on."""

    async def main() -> None:
        clock = ManualClock()
        here = psutil.Process()
        task = asyncio.create_task(keep_small(clock))
        try:
            for _ in range(2):
                await asyncio.sleep(0)
                blocks, kept = scattered()
                del blocks
                before = here.memory_info().rss
                clock.advance(EVERY_S)
                await asyncio.sleep(0.01)
                assert here.memory_info().rss < before - 40e6
                assert len(kept) == 1000
        finally:
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(main())


def test_a_running_part_gives_back_by_itself() -> None:
    """Every minute."""
    by_itself(two_minutes)
