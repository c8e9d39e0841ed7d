"""The operator's ear: what the participant is given, on a second device.

Its clock is not the first one's, so that its ring fills or empties in time. What is too much is
dropped under a short crossfade; what is missing is silence. The first device is never waited for
nor held up by it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from rym.errors import DeviceError

from ..settings import RATE
from .aside import Aside
from .opening import Opener, Target, same
from .ramps import crossed
from .ringed import RingedSink
from .sink import Frames, Sink

DEPTH = 0.15
"""Seconds that are held: more than either device takes at once."""
MOST = 0.4
"""Seconds above which all beyond `DEPTH` is dropped."""
RETRY = 1.0

LOG = logging.getLogger(__name__)


class Monitor:
    """A second stream of the same frames.

    Parameters
    ----------
    wanted : str
        Name of the device.
    opener : callable
        Returns the access to devices.
    first : callable
        Returns the participant's device, which it must not be: there the same sound would come
        twice, behind limiter and cap.
    """

    def __init__(
        self,
        wanted: str,
        opener: Callable[[], Opener],
        first: Callable[[], Target | None] = lambda: None,
    ) -> None:
        self.wanted = wanted
        self.dropped = 0
        """Frames left out because the device was slower."""
        self.note = ""
        self._opener, self._first = opener, first
        self._lost: list[Sink] = []
        self._sink: Sink | None = None
        self._target: Target | None = None
        self._held: Frames | None = None
        self._next = 0.0

    @property
    def state(self) -> str:
        """`there` or `lost`."""
        return "there" if self._sink is not None else "lost"

    def write(self, block: Frames) -> None:
        """Take a block if there is room for it."""
        sink = self._sink
        if sink is None:
            return
        sink.room()  # lets it notice that it ran dry
        ahead = sink.ahead()
        if self._held is None and ahead < MOST * RATE:
            sink.write(block)
            return
        if self._held is None:
            self._held = block.copy()
        if ahead > DEPTH * RATE:
            self.dropped += len(block)
            return
        sink.write(crossed(self._held, block))
        self._held = None

    def tend(self, now: float, aside: Aside) -> None:
        """Notice that the device is lost, and look for it now and then."""
        why = self._sink.lost() if self._sink is not None else ""
        if self._sink is not None and why:
            self._tell(f"The monitor {self.wanted!r} is lost: {why}.")
            self._lost.append(self._sink)
            self._sink = None
            self._next = now
        if self._lost and not aside.busy:
            aside.start(now, self._lost.pop().close, lambda _: None)
        if self._sink is None and now >= self._next and not aside.busy:
            self._next = now + RETRY
            aside.start(now, self._open, self._take)

    def leave(self) -> list[Sink]:
        """Return its streams, which somebody else closes; it is opened again later."""
        left = [*self._lost, *([] if self._sink is None else [self._sink])]
        self._lost = []
        self._sink = self._held = None
        return left

    def use(self, sink: Sink) -> None:
        """Write to a stream from now on."""
        self._sink, self._held = sink, None
        self._tell("")

    def _open(self) -> tuple[RingedSink, Target] | DeviceError:
        try:
            sink, target = self._opener().output(self.wanted, self._target, depth=DEPTH)
        except DeviceError as error:
            return error
        first = self._first()
        if first is not None and same(first, target):
            sink.close()
            self._next = math.inf  # else it would be opened, and closed, once a second
            return DeviceError(
                f"{self.wanted!r} is {first.name!r}, which the participant listens to.",
                "Name another device in [player] monitor.",
            )
        return sink, target

    def _take(self, found: tuple[RingedSink, Target] | DeviceError) -> None:
        if isinstance(found, DeviceError):
            self._tell(f"The monitor is silent: {found.error}")
            return
        sink, self._target = found
        sink.rise.begin()
        self.use(sink)

    def _tell(self, note: str) -> None:
        if note != self.note:
            LOG.warning("%s", note or f"the monitor sounds on {self.wanted}")
        self.note = note
