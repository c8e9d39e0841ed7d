"""Hours of signal with every fault leave nothing behind."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import pytest

from rym.messages import ClockOffset
from stream.items import Chunk
from stream.line import StreamLine
from stream.montage import SCALP
from stream.settings import StreamSettings
from stream.timing.clockmap import ClockMap
from stream.timing.fill import Filler

RATE = 128.0
MINUTE = 60 * 128
CHANNELS = tuple(sorted(SCALP)[:32])


def parts(thing: object) -> Iterator[object]:
    """Return what an object holds directly."""
    if isinstance(thing, dict):
        yield from thing.keys()
        yield from thing.values()
    elif isinstance(thing, list | tuple | deque | set | frozenset):
        yield from thing
    elif not isinstance(thing, type):
        yield from getattr(thing, "__dict__", {}).values()
        yield from (
            getattr(thing, name)
            for name in getattr(type(thing), "__slots__", ())
            if hasattr(thing, name)
        )


def size(thing: object) -> int:
    """Return how many objects and bytes of arrays an object holds, all the way down."""
    seen: dict[int, object] = {}
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, int | float | str | bytes | None):
            seen[id(one)] = one
            waiting += parts(one)
    arrays = (one.nbytes for one in seen.values() if isinstance(one, np.ndarray))
    texts = (len(one) for one in seen.values() if isinstance(one, list | deque | dict | set))
    return len(seen) + sum(arrays) + sum(texts)


def stamps_of(minute: int, rng: np.random.Generator) -> np.ndarray:
    """Return a minute of stamps with losses, repeats, a wrong order, a gap, and a set clock."""
    counter = np.arange(MINUTE)
    counter = counter[rng.random(MINUTE) >= 0.01]
    counter = np.insert(counter, 1000, counter[990:1000])
    counter[2000:2040] = np.roll(counter[2000:2040], 20)
    counter = np.delete(counter, np.arange(3000, 3100))
    return (minute * MINUTE + counter) / RATE + (minute % 7) * 3600.0


@pytest.mark.long
@pytest.mark.fault(18)
def test_an_hour_leaves_nothing_behind() -> None:
    """What the whole line holds after an hour is no more than what it held after ten minutes."""
    rng = np.random.default_rng(1)
    line = StreamLine(StreamSettings(window=4.0, hop=4.0), CHANNELS, RATE)
    signal = rng.normal(0, 10, (MINUTE, 32)).astype(np.float32)
    sizes: list[int] = []
    n_windows = count = 0
    for minute in range(60):
        stamps = stamps_of(minute, rng)
        for first in range(0, len(stamps), 500):
            part = stamps[first : first + 500]
            offset = ClockOffset(stream="s", offset=5.0, uncertainty=1e-3, from_sample=count)
            count += len(part)
            items = (offset, Chunk(signal[: len(part)], part))
            n_windows += sum(1 for item in items for _ in line.feed(item))
        sizes.append(size(line))
    assert n_windows > 600
    assert max(sizes[-10:]) <= 1.01 * max(sizes[:10])


def test_two_hours_of_time_leave_nothing_behind() -> None:
    """The same of the clock map and the filled samples, with offsets that come without samples."""
    rng = np.random.default_rng(2)
    clock, filler = ClockMap(RATE, 32), Filler(128)
    sample = np.zeros((MINUTE + 10, 1), np.float32)
    sizes: list[int] = []
    for minute in range(120):
        for k in range(12):
            content = ClockOffset(
                stream="s", offset=5 + k / 1000, uncertainty=1e-3, from_sample=clock.count
            )
            clock.offset(content)
        for run in clock.push(stamps_of(minute, rng)):
            filler.rows(sample, run)
        sizes.append(size((clock, filler)))
    assert min(clock.lost, clock.dropped, clock.gaps) > 120
    assert max(sizes[-10:]) <= 1.01 * max(sizes[:10])
