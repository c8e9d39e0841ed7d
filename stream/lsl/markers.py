"""Triggers of the device as messages, with a note on those that cannot be trusted (pure)."""

from __future__ import annotations

import math

from rym.messages import Marker

from ..items import Side

SAME_S = 0.05
"""Seconds within which the same code is a contact that bounced, or one that was sent twice."""
LARGEST_CODE = (1 << 24) - 1
"""Largest code that is a trigger: up to it a float32, as which it is recorded, holds every one, and
no larger one is rounded to one of them."""


class MarkerCheck:
    """Gives triggers their rig time and looks at them one by one.

    Parameters
    ----------
    max_age : float
        Age in seconds at its arrival from which a trigger is late.
    max_ahead : float
        Seconds by which it may lie in the future; beyond, it is early: the sender's clock was set.
    """

    def __init__(self, max_age: float, max_ahead: float) -> None:
        self._max_age = max_age
        self._max_ahead = max_ahead
        self._newest = -math.inf
        self._recent: dict[int, float] = {}

    def push(self, side: Side, offset: float, now: float) -> list[Marker]:
        """Take in triggers.

        Parameters
        ----------
        side : Side
            Of the kind `markers`; a code that is no number or too large is left out.
        offset : float
            Seconds to add to a raw stamp to get rig time.
        now : float
            Rig time at which they arrived, in seconds.

        Returns
        -------
        list of Marker
            In the order in which they came.
        """
        return [
            self._marker(int(code), float(stamp) + offset, now)
            for code, stamp in zip(side.samples[:, 0], side.stamps, strict=True)
            if abs(code) <= LARGEST_CODE and math.isfinite(stamp)
        ]

    def _marker(self, code: int, t: float, now: float) -> Marker:
        self._recent = {c: at for c, at in self._recent.items() if abs(t - at) <= SAME_S}
        note = ""
        if code in self._recent:
            note = "duplicate"
        elif t < self._newest:
            note = "backward"
        elif now - t > self._max_age:
            note = "late"
        elif t - now > self._max_ahead:
            note = "early"
        self._recent[code] = t
        # An early one bears a time that has not come: what follows it is not backward.
        self._newest = max(self._newest, min(t, now))
        return Marker(t=t, code=code, note=note)
