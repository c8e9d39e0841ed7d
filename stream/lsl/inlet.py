"""The EEG inlet: one thread waits for samples, one for the device's other streams (shell)."""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from rym.clock import Clock
from rym.errors import SignalError
from rym.messages import ClockOffset

from ..checks import Declared, Signal, agree
from ..items import Chunk, Item, split_late
from ..settings import StreamSettings
from ..timing.arrival import ArrivalClock
from . import taps
from .resolve import Seen, choose, choose_sides, nothing_found, successor, wanted
from .sides import SideTaps
from .taps import ANSWER_S, Tap, check_clock

WAIT_S = 0.1
"""Seconds that one wait for samples lasts at most; then the thread looks whether it is to end."""
QUIET_S = 1.0
"""Seconds without a sample from which the stream counts as away and is looked for."""
SET_S = 0.05
"""Seconds by which stamps may run ahead of the time that passes; beyond, a clock was set."""
DOUBT_S = 5.0
"""Seconds for which every new measurement of the offset is taken at once when a clock may have been
set: liblsl measures every 2 s, for half a second each, and the first one may lie on both sides."""

HandOver = Callable[[Item], None]


class Arrivals:
    """Items on their way from threads to the loop, which is woken once for all that waits.

    To wake a loop is a system call on either side, the dearest part of the way.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        Where `more` is awaited.

    Attributes
    ----------
    waiting : deque of Item
        What has arrived, oldest first.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.waiting: deque[Item] = deque()
        self._loop = loop
        self._wake = asyncio.Event()
        self._woken = False
        self._ended = False

    def put(self, item: Item) -> None:
        """Take in one item, from any thread."""
        self.waiting.append(item)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._wake.set)

    def end(self, _: object) -> None:
        """Say, in the loop, that nothing more is to be waited for."""
        self._ended = True
        self._wake.set()

    async def more(self) -> bool:
        """Wait until something is there; return False once nothing is and nothing will be."""
        while not self.waiting:
            self._woken = False
            self._wake.clear()
            # What is put from here on wakes; what was put before is seen now.
            if self.waiting:
                break
            if self._ended:
                return False
            await self._wake.wait()
        return True


class EegInlet:
    """An open way to one EEG stream and to the other streams of its device.

    Parameters
    ----------
    settings : StreamSettings
        Which stream, and what it must be.
    clock : Clock
        The rig's; on this host equal to LSL's.

    Attributes
    ----------
    declared : Declared
        What the stream says about itself.
    signal : Signal
        What its samples are.
    sides : Sides
        Which other streams of the device were there at the start, and why others were not taken.

    Raises
    ------
    DeviceError
        If LSL's clock and the rig's differ by more than 1 ms.
    SignalError
        If no stream or more than one matches, or it is not what the settings expect.

    Notes
    -----
    Building it finds and checks the stream, which takes seconds; samples flow from `items` on. LSL
    itself changes nothing: its processing flags are off, and stamps come as the sender gave them.
    Nothing is flushed: an outlet queues samples only from the opening on, which is the last step of
    the set-up, so that a source that starts when it is opened loses none.

    A stream that vanishes is waited for without end. liblsl finds a sender with a source id again;
    any other is looked for here, by the rules of `resolve.successor`. What waited too long, on its
    way, here, or because this process stood still, comes marked as late, and so does what seems to
    come from the future; that is decided when an item is handed out, not when it arrives.
    """

    def __init__(self, settings: StreamSettings, clock: Clock) -> None:
        check_clock(clock)
        self._settings = settings
        self._clock = clock
        seen, around = _find(settings, clock)
        self._tap = self._open(seen)
        self.declared: Declared = self._tap.declared
        self.signal: Signal = agree(self.declared, settings)
        self.sides = choose_sides(seen, around)
        self._side_taps = SideTaps(self.sides, lambda: self._tap.seen, clock)
        self._begun = threading.Event()
        self._count = 0
        self._offset = self._uncertainty = 0.0
        self._measured = (0.0, 0.0)
        self._arrival = ArrivalClock(settings.max_age, settings.max_ahead)
        self._newest = clock.now()
        self._due = self._newest
        self._doubt_until = self._last_stamp = -math.inf
        self._lost = False
        self._unproven = False
        self._look: Future[list[Seen]] | None = None
        self._returns = 0
        self._moved = False

    def away(self) -> bool:
        """Return whether no sample has come for a second."""
        return self._begun.is_set() and self._clock.now() - self._newest >= QUIET_S

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return which sender is listened to; the host stays out of it."""
        sides = self._side_taps
        return {
            "uid": hashlib.sha256(self._tap.seen.uid.encode()).hexdigest()[:16],
            "returns": self._returns,
            "host_changed": self._moved,
            "offset_uncertainty": self._uncertainty,
            "by_arrival": self._arrival.alone,
            "sides": " ".join(sides.there()),
            "sides_missing": "; ".join(f"{k}: {v}" for k, v in sides.missing().items()),
            "markers_skipped": sides.skipped,
        }

    async def items(self) -> AsyncGenerator[Item, None]:
        """Open the stream and hand out what arrives, in order; close it (`aclosing`) to end.

        Yields
        ------
        Chunk, ClockOffset or Side
            Samples in µV with their raw stamps; before the first sample, every few seconds, and
            after every return of the sender, the measured offset of its clock; and what the other
            streams of the device say.

        Raises
        ------
        SignalError
            If another stream stands in the place of one that vanished, and must be confirmed; if
            two could be meant; or if one comes back with other channels, rate or unit.
        """
        offset = 0.0
        arrivals = Arrivals(asyncio.get_running_loop())
        stop = threading.Event()
        tasks = [asyncio.create_task(asyncio.to_thread(self._pull, arrivals.put, stop))]
        if self._settings.sides:
            sides = asyncio.to_thread(self._side_taps.run, arrivals.put, self._begun, stop)
            tasks.append(asyncio.create_task(sides))
        for task in tasks:
            task.add_done_callback(arrivals.end)
        try:
            while await arrivals.more():
                item = arrivals.waiting.popleft()
                if isinstance(item, ClockOffset):
                    offset = item.offset
                for piece in self._pieces(item, offset):
                    yield piece
        finally:
            stop.set()
            await asyncio.wait(tasks)
        for task in tasks:
            task.result()

    def _pieces(self, item: Item, offset: float) -> Sequence[Item]:
        """Return a chunk as what is of now and what is not, anything else as it is."""
        if not isinstance(item, Chunk):
            return (item,)
        now = self._clock.now() - offset
        return split_late(item, now - self._settings.max_age, now + self._settings.max_ahead)

    def _open(self, seen: Seen) -> Tap:
        return Tap(seen, self._clock, buffer=self._settings.buffer, opened=False)

    def _pull(self, hand_over: HandOver, stop: threading.Event) -> None:
        """Read the stream, in the one thread that touches it, until told to stop."""
        self._measure(hand_over, ANSWER_S)
        self._newest = self._clock.now()
        self._begun.set()
        with ThreadPoolExecutor(1, "look") as helper:
            try:
                while not stop.is_set():
                    self._look_after(hand_over, helper)
                    if self._lost:
                        stop.wait(WAIT_S)
                    else:
                        self._take(hand_over)
            finally:
                self._tap.close()

    def _look_after(self, hand_over: HandOver, helper: ThreadPoolExecutor) -> None:
        """Where nothing comes, look beside the waiting whether another stream goes on."""
        quiet = self._clock.now() - self._newest
        if not self._lost and quiet < QUIET_S:
            self._look = None
        elif self._look is None:
            self._look = helper.submit(taps.listing)
        elif self._look.done():
            seen, self._look = self._look.result(), None
            heir = successor(self._tap.seen, seen, self._settings, quiet)
            if heir is not None and (self._lost or heir.uid != self._tap.seen.uid):
                self._replace(heir, hand_over)

    def _replace(self, heir: Seen, hand_over: HandOver) -> None:
        """Listen to another stream; nothing of the old one waits any more."""
        try:
            tap = self._open(heir)
            tap.offset(ANSWER_S)
        except SignalError:
            return  # it has gone again
        old, self._tap = self._tap, tap
        old.close()
        self._lost = False
        self._adopt(old.seen, hand_over)

    def _take(self, hand_over: HandOver) -> None:
        """Wait for samples and hand them over."""
        old = self._tap.seen
        try:
            samples, stamps = self._tap.pull(WAIT_S)
        except SignalError:
            self._lost = True
            return
        if self._tap.came_back():
            self._adopt(old, hand_over)
        now = self._clock.now()
        if len(stamps):
            self._doubt(float(stamps[-1]), now)
            self._arrival.take(float(stamps[-1]), now)
            self._newest = now
            if self._unproven:
                self._prove(float(stamps[-1]), hand_over)
            self._count += len(stamps)
            assert isinstance(samples, np.ndarray)
            hand_over(Chunk(self._microvolts(samples), stamps))
        if now >= self._due or now < self._doubt_until:
            self._measure(hand_over, 0.0)

    def _doubt(self, stamp: float, now: float) -> None:
        """Doubt the offset where stamps run back, or ahead of the time that has passed."""
        step, self._last_stamp = stamp - self._last_stamp, stamp
        if step < 0 or now - self._newest + SET_S < step < math.inf:
            self._doubt_until = now + DOUBT_S

    def _microvolts(self, samples: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        if self.signal.scale == 1.0:
            return samples.astype(np.float32, copy=False)
        return (samples.astype(np.float64) * self.signal.scale).astype(np.float32)

    def _adopt(self, old: Seen, hand_over: HandOver) -> None:
        """Check a sender that came back, or came in place of one, before its first sample."""
        new = self._tap.seen
        signal = agree(self._tap.declared, self._settings)
        if signal != self.signal:
            raise SignalError(
                f"{new} came back with another signal: {_differ(self.signal, signal)}.",
                "Set it up as it was before, or start again with what it is now.",
                before=self.signal,
                now=signal,
            )
        self.declared = self._tap.declared
        self._returns += 1
        self._moved |= new.host != old.host
        self._unproven = True
        self._arrival = ArrivalClock(self._settings.max_age, self._settings.max_ahead)
        # On the same host the clock is, but for a restart of the machine, the same one: its next
        # measurement may take two seconds, which would make the first samples late for nothing.
        self._due = self._clock.now()
        if new.host != old.host:
            self._measure(hand_over, ANSWER_S)

    def _prove(self, stamp: float, hand_over: HandOver) -> None:
        """Wait for the clock of a sender that came back if its first stamp does not fit the old."""
        self._unproven = False
        if abs(self._clock.now() - stamp - self._offset) > self._settings.max_age:
            self._measure(hand_over, ANSWER_S)

    def _measure(self, hand_over: HandOver, within: float) -> None:
        """Hand over the offset of the sender's clock, as LSL and arrival tell it."""
        try:
            measured = self._tap.offset(within)
        except SignalError:
            return  # while the sender is away there is no answer: the last offset stays
        now = self._clock.now()
        offset, uncertainty = self._arrival.corrected(*measured, now)
        same = measured == self._measured and abs(offset - self._offset) <= SET_S
        if now < self._due and same:
            return  # said already
        self._measured = measured
        self._offset, self._uncertainty = offset, uncertainty
        self._due = self._clock.now() + self._settings.offset_every
        hand_over(
            ClockOffset(
                stream=self._tap.seen.uid,
                offset=self._offset,
                uncertainty=self._uncertainty,
                from_sample=self._count,
            )
        )


def _find(settings: StreamSettings, clock: Clock) -> tuple[Seen, list[Seen]]:
    """Return the one stream that is meant, and all that was seen; wait for it to appear."""
    asked = wanted(settings)
    give_up = clock.now() + settings.wait
    while True:
        around = taps.listing()
        seen = choose(around, asked)
        if seen is not None:
            break
        if clock.now() >= give_up:
            raise nothing_found(around, asked, settings.wait)
    if seen.form == "string":
        raise SignalError(
            f"The stream {seen.name} carries text, EEG is numbers.",
            "Choose another stream with [stream] lsl_type or lsl_name.",
        )
    return seen, around


def _differ(before: Signal, now: Signal) -> str:
    """Return in which values two signals differ."""
    return ", ".join(
        f"{name} was {old}, is {new}"
        for name, old, new in zip(Signal._fields, before, now, strict=True)
        if old != new
    )
