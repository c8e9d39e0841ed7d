"""The one place that reads a clock.

Rig time is in seconds, monotonic, and on one host equal to LSL's `local_clock`. Everything that
waits or stamps takes a `Clock` as an argument, so that a test can hold time still.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol


class Clock(Protocol):
    """What a part may know about time."""

    def now(self) -> float:
        """Return the rig's time in seconds."""
        ...

    def wall(self) -> float:
        """Return the seconds since the Unix epoch, for people and file names."""
        ...

    async def sleep_until(self, t: float) -> None:
        """Return once the rig's time is `t` seconds or later."""
        ...


class SystemClock:
    """The host's monotonic clock.

    `time.monotonic` and liblsl's `local_clock` read the same steady clock on Linux; `stream` checks
    this at its start and refuses more than 1 ms of difference.
    """

    def now(self) -> float:
        """Return the host's monotonic time in seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Return the host's wall-clock time in seconds since the Unix epoch."""
        return time.time()

    async def sleep_until(self, t: float) -> None:
        """Sleep until the host's monotonic time is `t` seconds."""
        await asyncio.sleep(max(0.0, t - time.monotonic()))


class ManualClock:
    """A clock that moves only when told; it cannot go backwards.

    Parameters
    ----------
    start : float
        Rig time at the beginning, in seconds.
    wall : float
        Wall-clock time at the beginning, in seconds since the Unix epoch.
    """

    def __init__(self, start: float = 0.0, wall: float = 1_700_000_000.0) -> None:
        self._now = start
        self._wall_offset = wall - start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = 0

    def now(self) -> float:
        """Return the time that the test has set, in seconds."""
        return self._now

    def wall(self) -> float:
        """Return the wall-clock time that belongs to `now`, in seconds."""
        return self._now + self._wall_offset

    async def sleep_until(self, t: float) -> None:
        """Return once `advance` has brought the time to `t` seconds."""
        if t <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (t, self._order, future))
        self._order += 1
        await future

    def advance(self, seconds: float) -> None:
        """Move time forward and wake, in order, everyone whose time has come.

        Parameters
        ----------
        seconds : float
            How far, in seconds; negative values are refused.

        Raises
        ------
        ValueError
            If `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"Time cannot go backwards: advance({seconds}); give 0 or more.")
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)


@asynccontextmanager
async def timeout(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Cancel the body after `seconds` of `clock`'s time and raise `TimeoutError`.

    Parameters
    ----------
    clock : Clock
        Whose seconds count.
    seconds : float
        How long the body may take, in seconds.

    Raises
    ------
    TimeoutError
        If the body did not end in time.
    """
    body = asyncio.current_task()
    assert body is not None, "timeout() needs a running task"
    expired = False

    async def watch() -> None:
        nonlocal expired
        await clock.sleep_until(clock.now() + seconds)
        expired = True
        body.cancel()

    watcher = asyncio.create_task(watch(), name="timeout")
    try:
        yield
    except asyncio.CancelledError:
        if expired:
            raise TimeoutError(f"not done within {seconds} s") from None
        raise
    finally:
        watcher.cancel()
