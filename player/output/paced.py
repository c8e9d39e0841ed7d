"""An output that keeps time and sounds nowhere (pure but for the clock it is given)."""

from __future__ import annotations

from rym.clock import Clock

from ..settings import RATE
from .sink import Frames


class PacedSink:
    """Takes frames as fast as a device would.

    Parameters
    ----------
    clock : Clock
        Keeps the pace.
    depth : float
        Seconds that may be written ahead.
    note : str
        Why it stands in for a device, where it does.
    ahead : int
        Frames that were written to the device before it, and that nobody took.
    """

    def __init__(self, clock: Clock, depth: float, note: str = "", ahead: int = 0) -> None:
        self.name = "null"
        self.xruns = 0
        self.missing = 0.0
        self.note = note
        self._clock = clock
        self._depth = round(depth * RATE)
        self._start = clock.now()
        self._written = ahead

    def room(self) -> int:
        """Return how far the clock has come, less what was written."""
        ahead = self._written - (self._clock.now() - self._start) * RATE
        if ahead < 0 < self._written:
            self.xruns += 1
            self.missing -= ahead / RATE
            self._start -= ahead / RATE
            ahead = 0.0
        return int(self._depth - ahead)

    def write(self, block: Frames) -> None:
        """Count the frames."""
        self._written += len(block)

    def audible_at(self, frame: int) -> float:
        """Return when a device that began with the first frame would be at this one."""
        return self._start + frame / RATE

    def ahead(self) -> int:
        """Return the frames that the clock has not come to."""
        return max(0, self._written - int((self._clock.now() - self._start) * RATE))

    def lost(self) -> str:
        """Return nothing: a clock is never lost."""
        return ""

    def check(self) -> None:
        """Find nothing."""

    def drained(self) -> bool:
        """Return True once the clock has come to the last frame."""
        return self._clock.now() >= self.audible_at(self._written)

    def close(self) -> None:
        """Give nothing back."""
