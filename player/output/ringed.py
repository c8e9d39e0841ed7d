"""A device, fed by `rtmixer`'s callback in C from a ring.

Python only fills the ring, so that its lock cannot be heard. Measured on a PulseAudio null sink, 48
kHz, device latency 50 ms, another thread holding the GIL for 150 ms every 250 ms, six seconds:
`rtmixer` with a ring of 200 ms had no underflow and no break in the captured sine; a Python
callback had 19 underflows and 36 breaks. A Python callback with a device buffer of 250 ms had none
either, but then every input waits for it even where the device could do with less, and a stop
cannot be quick; hence the ring.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from rym.clock import Clock
from rym.errors import DeviceError

from ..settings import RATE
from .ramps import GAP, Rise
from .resampling import Resampler
from .sink import Frames

RING = 1 << 17
"""Frames that the ring could hold: more than the deepest one at the highest rate has."""
STALLED = 0.7
"""Seconds without a frame taken after which a device counts as lost. Devices take frames many times
a second; a server that is only slow is back within a fifth of that."""
SETTLING = 5.0
"""Seconds from a stream's start in which a stall means nothing: a sound server may take the first
buffer and then sleep for up to two seconds before it asks for more, as PulseAudio's null sink does.
"""
BLINKED = 0.35
"""Seconds between two looks after which it was this process that stood still, which says nothing of
the device."""
LONG, BACK = 0.5, 1.0
"""Seconds of an interruption after which sound comes up as from silence, and in which it does."""
AWAKE, APART = 3, 0.03
"""Times that the callback must have answered, and seconds between two questions, before a device
counts as running: its first buffers are taken in one go."""
SLOTS = 8
"""Eighths of a second over which the device's pace is observed."""

LOG = logging.getLogger(__name__)


class RingedSink:
    """A stream to a device with its ring.

    Parameters
    ----------
    stream : rtmixer.Mixer
        Started.
    ring : rtmixer.RingBuffer
        Empty.
    name : str
        Of the device.
    clock : Clock
        Tells when a frame is heard.
    rate : int
        Frames per second of the stream.
    depth : float
        Seconds that may be written ahead.
    delay : float
        Seconds by which sound is heard later than the stream declares.
    """

    def __init__(
        self,
        stream: Any,
        ring: Any,
        *,
        name: str,
        clock: Clock,
        rate: int = RATE,
        depth: float = 0.2,
        delay: float = 0.0,
    ) -> None:
        self.name = name
        self.note = ""
        self.rate = rate
        self.xruns = 0
        self.missing = 0.0
        self.rise = Rise()
        self.also_close: Callable[[], None] = _nothing
        """What ends together with the stream."""
        self._stream, self._ring, self._clock = stream, ring, clock
        self._depth = round(depth * RATE)
        self._resampler = None if rate == RATE else Resampler(rate)
        self._action: Any = None
        self._stats: Any = None
        self._sounding = False
        self._answers = 0
        self._written = 0
        # Of the device's own rate, unlike all else.
        self._put = self._taken = 0
        self._moved = self._opened = self._asked = self._looked = clock.now()
        self._dry: float | None = None
        self._pace: deque[tuple[int, float]] = deque(maxlen=SLOTS)
        self.latency = float(stream.latency) + delay

    def room(self) -> int:
        """Return what is missing to the depth, and observe the device."""
        now = self._clock.now()
        self._look(now)
        if self._action is not None and self._action not in self._stream.actions:
            # The callback found too little in the ring and gave it up, whatever is in it by now.
            self._interrupted(now)
        if self._dry is None:
            self._observe(now)
        self._count_underflows(now)
        return self._depth - self.ahead()

    def write(self, block: Frames) -> None:
        """Put frames into the ring; the device begins with them once the depth is reached."""
        out = self.rise.apply(block)
        frames = out if self._resampler is None else self._resampler.process(out)
        self._put += self._ring.write(frames)
        self._written += len(block)
        if self._action is None and self.ahead() >= self._depth - len(block):
            self._begin()

    def ahead(self) -> int:
        """Return the frames that the device has not taken, what the resampler holds included."""
        return self._written - round(self._taken * RATE / self.rate)

    def audible_at(self, frame: int) -> float:
        """Return when a frame is heard, from the pace at which the device takes frames.

        It takes them a bufferful at a time, so that the time at which frame 0 would have been due
        seems to wander between two buffers; its latest value is the true one.
        """
        return self._due() + frame / RATE + self.latency

    def lost(self) -> str:
        """Say why the device is lost: its stream has ended, or nothing is taken any more."""
        if not self._stream.active:
            return "its stream has ended"
        now = self._clock.now()
        self._look(now)
        if self._action is None or now < self._opened + SETTLING:
            return ""
        return f"it has taken no sound for {STALLED} s" if now - self._moved > STALLED else ""

    def awake(self) -> bool:
        """Return whether the device takes frames steadily; asked until it does, before any sound.

        A stream gives silence until it is written to, so that nobody hears the asking.
        """
        now = self._clock.now()
        if self._answers < AWAKE and now >= self._asked + APART:
            if self._stats is not None and self._stats not in self._stream.actions:
                self._answers, self._stats = self._answers + 1, None
            if self._stats is None:
                self._asked, self._stats = now, self._stream.fetch_and_reset_stats()
        return self._answers >= AWAKE

    def check(self) -> None:
        """Raise DeviceError if the device is lost; PortAudio itself reports nothing."""
        why = self.lost()
        if why:
            raise DeviceError(
                f"The audio device {self.name!r} is lost: {why}.",
                "Plug it in again, or name another one with [player] device.",
                device=self.name,
            )

    def drained(self) -> bool:
        """Return True once the ring is empty and the device's own buffer has been heard."""
        if self._action is None:
            return True
        if RING - int(self._ring.write_available) > 0:
            self._moved = self._clock.now()
            return False
        return self._clock.now() > self._moved + self.latency

    def close(self) -> None:
        """Stop the stream at once: to wait for a lost device is to wait for ever."""
        self._stream.abort()
        self._stream.close()
        self.also_close()

    def _look(self, now: float) -> None:
        """Note what the device has taken, and when it last took something while it was watched."""
        taken = self._put - (RING - int(self._ring.write_available))
        if taken > self._taken or now - self._looked > BLINKED:
            self._taken, self._moved = taken, now
        self._looked = now

    def _begin(self) -> None:
        now = self._clock.now()
        if self._dry is not None:
            self.xruns += 1
            self.missing += max(0.0, now - self._dry)
            self._dry = None
            self._pace.clear()
        self._action = self._stream.play_ringbuffer(self._ring)
        self._moved = now

    def _interrupted(self, now: float) -> None:
        """Note since when nothing has sounded; it is counted when the sound comes up again."""
        self._action = None
        self._dry = self._due() + self._put / self.rate
        self.rise.begin(BACK if now - self._dry > LONG else GAP / RATE)

    def _count_underflows(self, now: float) -> None:
        """Ask once a second how often the host itself found the callback too late."""
        if self._stats is not None and self._stats not in self._stream.actions:
            # The first answer is of the time before there was sound.
            self.xruns += int(self._stats.stats.output_underflows) if self._sounding else 0
            self._sounding = self._action is not None
            self._stats = None
        if self._stats is None and now >= self._asked + 1.0:
            self._asked = now
            self._stats = self._stream.fetch_and_reset_stats()

    def _due(self) -> float:
        # The median of the slots' latest: a look that came late in one of them counts for nothing,
        # and a device that really stood still is followed within half a second.
        found = sorted(due for _, due in self._pace)
        return found[len(found) // 2] if found else self._clock.now()

    def _observe(self, now: float) -> None:
        slot, due = int(now * SLOTS), now - self._taken / self.rate
        if self._pace and self._pace[-1][0] == slot:
            due = max(due, self._pace.pop()[1])
        self._pace.append((slot, due))


def _nothing() -> None:
    """Do nothing."""
