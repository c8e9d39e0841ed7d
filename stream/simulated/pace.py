"""How fast a source sends: at a multiple of true time, or as fast as the consumer takes it."""

from __future__ import annotations

from collections import deque
from typing import Literal

from rym.bus import LATEST, Bus
from rym.messages import Quality
from rym.topics import QUALITY

from .senders import POLL

Speed = float | Literal["max"]

AHEAD_S = 2.0
"""Seconds of samples that the consumer may be behind. An inlet keeps five (`[stream] buffer`) and
loses what comes on top; a window needs one."""
PATIENCE_S = 2.0
"""Seconds without news from the consumer after which true time sets the pace. Some consumers never
say anything, and stretches shorter than a window give `stream` nothing to say."""
POLL_S = 0.005
"""Seconds between two looks at what the consumer says."""


class Steady:
    """Sends sample n at the beginning plus n / rate / speed.

    Parameters
    ----------
    bus : Bus
        Its clock counts.
    speed : float
        How many times faster than true time.
    """

    def __init__(self, bus: Bus, speed: float) -> None:
        self._clock = bus.clock
        self._speed = speed
        self._start = bus.clock.now()

    async def wait(self, stamp: float, n: int) -> None:  # noqa: ARG002  (as Following)
        """Wait until `n` samples, the last of them stamped `stamp`, may leave."""
        await self._clock.sleep_until(self._start + (stamp - self._start) / self._speed)

    def close(self) -> None:
        """Nothing is held."""


class Following:
    """Sends as fast as `stream` makes windows of it, so that nothing is lost on the way.

    LSL knows no flow control: an inlet that is not emptied in time drops its oldest samples. What
    has been taken is therefore read from the consumer's own messages: the time of the newest
    `stream/quality`.

    Parameters
    ----------
    bus : Bus
        Where the consumer's messages come from.
    rate : float
        Samples per second.
    """

    def __init__(self, bus: Bus, rate: float) -> None:
        self._clock = bus.clock
        self._inbox = bus.subscribe(QUALITY, overload=LATEST)
        self._rate = rate
        self._sent: deque[tuple[float, int]] = deque()
        """Stamp of a piece's last sample, and the samples sent up to it."""
        self._n_sent = 0
        self._n_taken = 0
        self._news = bus.clock.now()
        self._due = self._news

    async def wait(self, stamp: float, n: int) -> None:
        """Wait until `n` samples, the last of them stamped `stamp`, may leave.

        Parameters
        ----------
        stamp : float
            Rig time in seconds.
        n : int
            0 where only time passes: nobody takes that, so true time sets the pace.
        """
        if n == 0:
            await self._clock.sleep_until(self._clock.now() + POLL)
            return
        self._listen()
        while self._n_sent + n - self._n_taken > AHEAD_S * self._rate:
            now = self._clock.now()
            silent = now - self._news >= PATIENCE_S
            if silent:
                # Counted from the last piece, so that late wake-ups do not add up.
                self._due = max(self._due, now - POLL) + n / self._rate
            await self._clock.sleep_until(self._due if silent else now + POLL_S)
            self._listen()
            if silent:
                break
        self._n_sent += n
        self._sent.append((stamp, self._n_sent))

    def close(self) -> None:
        """Listen no longer."""
        self._inbox.close()

    def _listen(self) -> None:
        for message in self._inbox.drain():
            if isinstance(message.content, Quality):
                self._taken(message.content.t)

    def _taken(self, t: float) -> None:
        """Count what lies before the newest window's end; jitter may put it half a period early."""
        while self._sent and self._sent[0][0] <= t + 0.5 / self._rate:
            self._n_taken = self._sent.popleft()[1]
            self._news = self._clock.now()


Pace = Steady | Following


def pace_of(bus: Bus, speed: Speed, rate: float) -> Pace:
    """Return what decides when samples leave.

    Parameters
    ----------
    bus : Bus
        Clock, and what the consumer says.
    speed : float or 'max'
        How many times faster than true time; `max`: as fast as the consumer takes it.
    rate : float
        Samples per second.
    """
    return Following(bus, rate) if speed == "max" else Steady(bus, speed)
