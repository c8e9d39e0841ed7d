"""Recordings leave at 1×, 8×, or as fast as the consumer takes them: each sample once, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
import numpy as np
import pylsl
import pytest

from rym.bus import MemoryHub
from rym.clock import ManualClock, SystemClock
from rym.messages import Quality
from rym.topics import QUALITY
from stream.lsl.outlets import NicOutlets
from stream.simulated.pace import AHEAD_S, PATIENCE_S, Following
from stream.simulated.senders import Heard, Mark, Piece
from stream.source import SourceSettings, play

RATE = 500.0


class Counting:
    """A recording whose samples are their own numbers, with a break in its middle."""

    channels = ("C3", "C4")
    rate = RATE
    quality = None
    strength = 0.0
    label_source = "file"
    motion_rate = 100.0
    chunk = (10, 25)
    habits = ()
    notes = ()

    def __init__(self, seconds: float, pause: float) -> None:
        self._n = round(seconds * RATE)
        self._pause = pause
        self._at = 0

    def take(self, n_samples: int, heard: Heard) -> Piece | None:
        """Return the next numbers."""
        if self._at == self._n:
            return None
        begin, half = self._at, self._n // 2
        end = min(begin + n_samples, half if begin < half else self._n)
        self._at = end
        numbers = np.arange(begin, end, dtype=np.float32)
        marks = (Mark(offset=0, code=1),) if begin == half else ()
        return Piece(
            pause=self._pause if begin == half else 0.0,
            samples=np.column_stack([numbers, -numbers]),
            marks=marks,
        )


def quality(t: float) -> Quality:
    """Return what `stream` says of a window that ends at `t`."""
    return Quality(t=t, overall=1.0, level="good", channels=())


@pytest.mark.parametrize("speed", [0.5, 1, 8.0, "max"])
def test_the_setting(speed: float | str) -> None:
    """A number or `max`."""
    assert msgspec.convert({"speed": speed}, SourceSettings).speed == speed


@pytest.mark.parametrize("speed", [0, -1.0, "fast"])
def test_other_speeds_are_refused(speed: float | str) -> None:
    """Standing still is no speed."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"speed": speed}, SourceSettings)


class Rig:
    """A pace on a manual clock, and a consumer that says what it has taken."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        hub = MemoryHub()
        self.consumer = hub.bus("stream", self.clock, 1)
        self.pace = Following(hub.bus("simulator", self.clock, 1), RATE)
        self.n = 0

    async def send(self) -> None:
        """Send pieces of 20 samples for ever."""
        while True:
            await self.pace.wait(100 + (self.n + 19) / RATE, 20)
            self.n += 20

    async def pass_(self, seconds: float) -> None:
        """Let time pass in steps of 5 ms."""
        for _ in range(round(seconds / 0.005)):
            self.clock.advance(0.005)
            for _ in range(4):
                await asyncio.sleep(0)


def run(body: Callable[[Rig], object]) -> None:
    """Run a test with a sender that is ended afterwards."""

    async def whole() -> None:
        rig = Rig()
        sending = asyncio.create_task(rig.send())
        await body(rig)  # type: ignore[misc]
        sending.cancel()

    asyncio.run(whole())


def test_two_seconds_ahead_of_what_was_taken_and_no_more() -> None:
    """What the consumer has taken makes room for as much, at once."""

    async def body(rig: Rig) -> None:
        await rig.pass_(0.01)
        assert rig.n == AHEAD_S * RATE
        await rig.pass_(0.5)
        assert rig.n == AHEAD_S * RATE
        for taken in (400, 900, 5000):
            before = rig.n
            rig.consumer.publish(QUALITY, quality(100 + (taken - 1) / RATE))
            await rig.pass_(0.01)
            assert rig.n == min(before, taken) + AHEAD_S * RATE

    run(body)


def test_a_consumer_that_says_nothing_gets_true_time() -> None:
    """After two seconds of silence samples leave at their rate; news make it fast again."""

    async def body(rig: Rig) -> None:
        await rig.pass_(PATIENCE_S)
        before = rig.n
        await rig.pass_(4.0)
        assert rig.n - before == pytest.approx(4.0 * RATE, rel=0.05)
        rig.consumer.publish(QUALITY, quality(99.0))
        before = rig.n
        await rig.pass_(1.0)
        assert rig.n - before == pytest.approx(RATE, rel=0.05)
        rig.consumer.publish(QUALITY, quality(100 + rig.n / RATE))
        before = rig.n
        await rig.pass_(0.1)
        assert rig.n - before >= 0.98 * AHEAD_S * RATE

    run(body)


async def received(
    speed: float | str, seconds: float, pause: float, *, patience: float, most: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Play to a real inlet with five seconds of room; return values, stamps and seconds taken."""
    clock, hub = SystemClock(), MemoryHub()
    source_id = f"pace-{speed}-{most}"
    outlets = NicOutlets(
        name="NIC", source_id=source_id, channels=("C3", "C4"), rate=RATE, dialect="nic2"
    )
    bus, told = hub.bus("simulator", clock, 1), hub.bus("stream", clock, 1)
    sending = asyncio.create_task(play(Counting(seconds, pause), outlets, bus, speed=speed))
    info = (await asyncio.to_thread(pylsl.resolve_byprop, "source_id", source_id, 1, 5.0))[0]
    inlet = pylsl.StreamInlet(info, max_buflen=5, recover=False)
    await asyncio.to_thread(inlet.open_stream, 5.0)
    began, values, stamps, n = time.monotonic(), [], [], 0
    while n < round(seconds * RATE) and time.monotonic() - began < 20:
        got, at = inlet.pull_chunk(timeout=0.0, max_samples=most)
        if at:
            values.append(np.array(got))
            stamps.append(np.array(at))
            n += len(at)
            told.publish(QUALITY, quality(at[-1]))
        await asyncio.sleep(patience)
    spent = time.monotonic() - began
    await asyncio.wait_for(sending, 5)
    inlet.close_stream()
    outlets.close()
    return np.concatenate(values), np.concatenate(stamps), spent


@pytest.mark.real
@pytest.mark.parametrize(
    ("speed", "seconds", "pause", "most", "patience"),
    [
        (1.0, 1.0, 0.5, 4096, 0.002),
        (8.0, 8.0, 2.0, 4096, 0.002),
        ("max", 40.0, 10.0, 4096, 0.002),
        ("max", 12.0, 10.0, 250, 0.05),
    ],
    ids=["1x", "8x", "max", "max, slow consumer"],
)
def test_every_sample_arrives_in_order(
    speed: float | str, seconds: float, pause: float, most: int, patience: float
) -> None:
    """Nothing is dropped or doubled, though an inlet keeps five seconds only."""
    playing = received(speed, seconds, pause, most=most, patience=patience)
    values, stamps, spent = asyncio.run(playing)
    n = round(seconds * RATE)
    assert np.array_equal(values[:, 0], np.arange(n))
    assert np.array_equal(values[:, 1], -np.arange(n))
    # A break lies in the middle.
    steps = np.diff(stamps)
    assert steps[n // 2 - 1] == pytest.approx(pause + 1 / RATE, abs=1e-6)
    assert np.allclose(np.delete(steps, n // 2 - 1), 1 / RATE, atol=1e-6)
    if speed == "max":
        assert spent < seconds
