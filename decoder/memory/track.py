"""What was the case when: states that change at moments of data time, and come in late or early."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from itertools import pairwise

UNKNOWN = -2
"""State after a change that came too late to be taken in."""
_MOST = 1000
"""Changes that may wait; more is a flood."""


class Track:
    """A state over data time. A change is taken in before the first window that may rest on it.

    So what the track says at a window depends on the stamps of the changes alone, not on how
    quickly each of them travelled.

    Parameters
    ----------
    initial : int
        State before the first change.
    """

    def __init__(self, initial: int) -> None:
        self._t = [float("-inf")]
        self._state = [initial]
        self._waiting: list[tuple[float, int]] = []
        self.applied = float("-inf")
        """Data time in seconds up to which changes are taken in."""

    def change(self, t: float, state: int) -> bool:
        """Note that the state is another from `t` on.

        Parameters
        ----------
        t : float
            Data time in seconds.
        state : int
            From then on; 0 or more, or the initial state.

        Returns
        -------
        bool
            False if it came too late, in a flood, or its time is no number: from then on the state
            is `UNKNOWN`, until the next change.
        """
        if not (math.isfinite(t) and t > self.applied):
            t = t if math.isfinite(t) else self.applied
            if self.at(t) != UNKNOWN:
                self._insert(t, UNKNOWN)
            return False
        taken = len(self._waiting) < _MOST
        if taken:
            insort(self._waiting, (t, state))
        else:
            self._waiting[-1] = (self._waiting[-1][0], UNKNOWN)
        return taken

    def apply(self, until: float) -> None:
        """Take in all changes stamped up to `until`, in seconds of data time."""
        n = bisect_right(self._waiting, until, key=lambda change: change[0])
        for t, state in self._waiting[:n]:
            self._insert(t, state)
        del self._waiting[:n]
        self.applied = max(self.applied, until)

    def _insert(self, t: float, state: int) -> None:
        """Put a change at its place; after others of the same time."""
        place = bisect_right(self._t, t)
        if place == 0:
            return  # before all that is remembered: a later change is known
        self._t.insert(place, t)
        self._state.insert(place, state)

    def forget(self, before: float) -> None:
        """Drop the changes that no time from `before` on can tell of."""
        n = bisect_right(self._t, before) - 1
        del self._t[: max(0, n)]
        del self._state[: max(0, n)]

    def at(self, t: float) -> int:
        """Return the state at `t`."""
        return self._state[max(0, bisect_right(self._t, t) - 1)]

    def changes(self, after: float, until: float) -> bool:
        """Return whether the state becomes another within (`after`, `until`]."""
        return self._differ(bisect_right(self._t, after), bisect_right(self._t, until))

    def changes_near(self, t: float, within: float) -> bool:
        """Return whether the state becomes another nearer to `t` than `within` seconds."""
        first = bisect_right(self._t, t - within)
        return self._differ(first, bisect_left(self._t, t + within))

    def _differ(self, first: int, end: int) -> bool:
        """Return whether a change among these leads to another state than the one before it."""
        return any(
            before != after for before, after in pairwise(self._state[max(0, first - 1) : end])
        )
