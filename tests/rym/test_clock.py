"""Time that stands still until a test moves it."""

import asyncio

import pytest

from rym.clock import ManualClock, SystemClock, timeout


def test_sleepers_wake_in_order_and_not_before() -> None:
    """Each sleeper wakes at its own time, however far one step goes."""

    async def scenario() -> list[str]:
        clock, woke = ManualClock(10.0), []

        async def sleeper(name: str, t: float) -> None:
            await clock.sleep_until(t)
            woke.append(name)

        tasks = [asyncio.create_task(sleeper(n, t)) for n, t in (("b", 12.0), ("a", 11.0))]
        await asyncio.sleep(0)
        clock.advance(0.5)
        await asyncio.sleep(0)
        woke.append("early")
        clock.advance(5.0)
        await asyncio.gather(*tasks)
        return woke

    assert asyncio.run(scenario()) == ["early", "a", "b"]


def test_time_cannot_go_backwards() -> None:
    """A negative step is refused."""
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(-1.0)


def test_timeout_counts_the_clocks_seconds() -> None:
    """The body is cancelled when the manual clock passes the limit, and only then."""

    async def scenario() -> str:
        clock = ManualClock()

        async def body() -> str:
            try:
                async with timeout(clock, 2.0):
                    await clock.sleep_until(10.0)
            except TimeoutError:
                return f"timed out at {clock.now()}"
            return "done"

        task = asyncio.create_task(body())
        for _ in range(4):
            await asyncio.sleep(0.01)
            clock.advance(0.75)
        return await task

    assert asyncio.run(scenario()) == "timed out at 2.25"


def test_timeout_lets_a_quick_body_through() -> None:
    """A body that ends in time is not touched, nor is what comes after it."""

    async def scenario() -> str:
        async with timeout(SystemClock(), 5.0):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "done"

    assert asyncio.run(scenario()) == "done"
