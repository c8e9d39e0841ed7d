"""What the arrival of samples says about a sender's stamps (pure).

LSL measures the clock of the sender's machine. Stamps need not follow it: some senders count their
own samples from the start on, others stamp with a clock that people or NTP set. No sample can have
been taken after it arrived, though, so that arrival bounds every stamp from one side:

- Stamps that run ahead of arrival are wrong, however little: time then follows arrival. A sender
  that counts by a quartz 50 ppm too fast would otherwise be half a second ahead after 2.8 hours.
- Stamps that fall behind may be right, and the samples late: a queue on the way that grows looks
  alike. They are believed, so that nothing old is ever shown as live; unless they *ran back*, which
  no queue makes them do. If LSL's offset does not explain that within some seconds, the clock that
  stamps was set, and time is that of arrival, less the delay that was usual before.
"""

from __future__ import annotations

import math

EARLY_S = 0.001
"""Seconds by which stamps may seem ahead of arrival: the error of a measured offset beside half its
round trip."""
SPAN_S = 2.5
"""Seconds of a span; the least delay of this one and the last counts."""
WAIT_S = 4.5
"""Seconds that LSL's offset has to explain stamps that ran back: it is measured every 2 s, and the
first measurement may lie on both sides."""
STEADY_S = 0.25
"""Seconds within which delays must agree before time follows arrival."""
UNSURE_S = 0.2
"""Uncertainty in seconds of an offset that is known by arrival alone, after a clock was set."""
TRUSTED_S = 60.0
"""Seconds from which on stamps may lie so far ahead by intention that arrival says nothing: a
recording that is sent faster than true time."""


class ArrivalClock:
    """Corrects the measured offset of a sender's clock by when its samples arrive.

    Parameters
    ----------
    max_age, max_ahead : float
        Seconds by which stamps may differ from now, to either side, and still be of now.

    Attributes
    ----------
    alone : bool
        Whether time is that of arrival, because the stamps fit no measured offset.
    """

    def __init__(self, max_age: float, max_ahead: float) -> None:
        self._max_age = max_age
        self._max_ahead = max_ahead
        self._on = max_ahead < TRUSTED_S
        self._stamp = -math.inf
        self._lag = 0.0
        self._begun = -math.inf
        self._least = self._least_before = math.inf
        self._usual = self._shift = 0.0
        self._fitted = False
        self._back_at = math.inf
        self._frozen: float | None = None
        self.alone = False

    def take(self, stamp: float, now: float) -> None:
        """Note that the newest sample of a chunk has come.

        Parameters
        ----------
        stamp : float
            Raw, in seconds; one that is no number says nothing.
        now : float
            Rig time in seconds.
        """
        if not math.isfinite(stamp):
            return
        if stamp < self._stamp:
            self._back_at, self._frozen = now, None
            self._least = self._least_before = math.inf
        if now - self._begun >= SPAN_S:
            self._begun, self._least_before, self._least = now, self._least, math.inf
        self._stamp, self._lag = stamp, now - stamp
        self._least = min(self._least, self._lag)

    def corrected(self, offset: float, uncertainty: float, now: float) -> tuple[float, float]:
        """Return offset and uncertainty that fit what has arrived, in seconds.

        Parameters
        ----------
        offset, uncertainty : float
            As LSL measured them, in seconds.
        now : float
            Rig time in seconds.
        """
        least = min(self._least, self._least_before)
        if not self._on or not math.isfinite(least):
            return offset, uncertainty
        delay, allowed = least - offset, uncertainty / 2 + EARLY_S
        if delay > self._max_age:
            self.alone = self._fitted and self._was_set(least, now)
            return (self._since_set(least), UNSURE_S) if self.alone else (offset, uncertainty)
        self._back_at, self._frozen = math.inf, None
        if delay >= -allowed:
            self._fitted, self.alone = True, False
            self._usual, self._shift = max(0.0, delay), 0.0
            return offset, uncertainty
        if not self._fitted and delay < -self._max_ahead:
            return offset, uncertainty
        # What runs ahead slowly is drift; what is ahead at once was set.
        self.alone |= delay - self._shift < -self._max_ahead
        self._fitted, self._shift = True, delay + allowed
        return least + allowed, UNSURE_S if self.alone else uncertainty + 2 * EARLY_S

    def _was_set(self, least: float, now: float) -> bool:
        """Return whether stamps ran back, and go on from there as steadily as time."""
        waited = now - self._back_at >= WAIT_S and self._lag - least <= STEADY_S
        return self._frozen is not None or waited

    def _since_set(self, least: float) -> float:
        # Found once: what comes later than then is late, as ever.
        if self._frozen is None:
            self._frozen = least - self._usual
        self._frozen = min(self._frozen, least)
        return self._frozen
