"""ADWIN: a window over a stream of numbers that drops its past when the mean has changed.

Bifet & Gavaldà (SIAM Data Mining 2007), algorithm ADWIN2: the window is kept as sums of 1, 2, 4, …
values, a few of each size; it is cut where two of its parts differ in their means by more than
their Hoeffding-Bernstein bound (equation 3.1). Equal to `river.drift.ADWIN` 0.26 on the same
values, detection by detection: importing `river.drift` would cost the live decoder 90 MB.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from rym.errors import SignalError, UsageError


class _Sum(NamedTuple):
    """Values that followed one another."""

    n: int
    total: float
    variance: float
    """n times their variance."""

    def __add__(self, other: object) -> _Sum:
        assert isinstance(other, _Sum)
        n = self.n + other.n
        spread = self.variance + other.variance + self.between(other)
        return _Sum(n, self.total + other.total, spread)

    def between(self, other: _Sum) -> float:
        """Return n times the variance that the two means' difference adds."""
        n = self.n + other.n
        apart = self.total / self.n - other.total / other.n
        return self.n * other.n * apart * apart / n


class Adwin:
    """Tells when the mean of a stream has changed.

    Parameters
    ----------
    delta : float
        Probability of a false alarm at one cut, 0…1.
    clock : int
        The window is looked at once in so many values.
    max_buckets : int
        Sums kept of each size.
    min_length : int
        Least values on either side of a cut.
    grace : int
        Values before the window is first looked at.

    Raises
    ------
    UsageError
        If one of these is out of range.
    """

    def __init__(
        self,
        delta: float = 0.002,
        *,
        clock: int = 32,
        max_buckets: int = 5,
        min_length: int = 5,
        grace: int = 10,
    ) -> None:
        if not (0 < delta < 1 and min(clock, max_buckets, min_length) >= 1 and grace >= 0):
            raise UsageError(
                f"ADWIN cannot work with delta {delta:g}, clock {clock}, max_buckets "
                f"{max_buckets}, min_length {min_length}, grace {grace}.",
                "delta lies between 0 and 1, the others are 1 or more, grace 0 or more.",
            )
        self.delta, self.clock, self.max_buckets = delta, clock, max_buckets
        self.min_length, self.grace = min_length, grace
        self._begin()

    def _begin(self) -> None:
        self._rows: list[list[_Sum]] = [[]]
        """Sums of 2^i values in row i, oldest first."""
        self._all = _Sum(0, 0.0, 0.0)
        self._tick = 0
        self.drifted = False
        """Whether the newest value showed a change; the next one begins a new window."""

    @property
    def width(self) -> int:
        """Values in the window."""
        return self._all.n

    @property
    def mean(self) -> float:
        """Mean of the window; 0 where it is empty."""
        return self._all.total / self._all.n if self._all.n else 0.0

    def update(self, value: float) -> bool:
        """Take in one value and return whether the mean has changed.

        Parameters
        ----------
        value : float
            Between 0 and 1, or thereabouts: the bound is for values of range 1.

        Raises
        ------
        SignalError
            If it is no number.
        """
        if not math.isfinite(value):
            raise SignalError(f"ADWIN was given {value}.", "Leave this window out.")
        if self.drifted:
            self._begin()
        self._insert(_Sum(1, value, 0.0))
        self._tick += 1
        if self._tick % self.clock == 0 and self.width > self.grace:
            self.drifted = self._shrink()
        return self.drifted

    def _insert(self, one: _Sum) -> None:
        self._all = self._all + one if self._all.n else one
        self._rows[0].append(one)
        for i, row in enumerate(self._rows):
            if len(row) <= self.max_buckets:
                return
            if i + 1 == len(self._rows):
                self._rows.append([])
            self._rows[i + 1].append(row.pop(0) + row.pop(0))

    def _shrink(self) -> bool:
        """Drop the oldest sums as long as a cut divides the window; return whether one did."""
        cut = False
        while self._divided():
            cut = True
            self._drop()
        return cut

    def _divided(self) -> bool:
        old_n, old_total = 0, 0.0
        for one in (one for row in reversed(self._rows) for one in row):
            old_n, old_total = old_n + one.n, old_total + one.total
            new_n, new_total = self.width - old_n, self._all.total - old_total
            if new_n < self.min_length:
                return False
            if old_n >= self.min_length:
                apart = abs(old_total / old_n - new_total / new_n)
                if apart > self._bound(old_n, new_n):
                    return True
        return False

    def _bound(self, old_n: int, new_n: int) -> float:
        """Return by how much two parts' means may differ by chance."""
        fewer = self.min_length - 1
        m = 1.0 / (old_n - fewer) + 1.0 / (new_n - fewer)
        log = math.log(2.0 * math.log(self.width) / self.delta)
        return math.sqrt(2.0 * m * self._all.variance / self.width * log) + 2.0 / 3.0 * log * m

    def _drop(self) -> None:
        """Drop the oldest sum."""
        while not self._rows[-1]:
            self._rows.pop()
        gone = self._rows[-1].pop(0)
        n, total = self.width - gone.n, self._all.total - gone.total
        left = _Sum(n, total, 0.0)
        self._all = _Sum(n, total, self._all.variance - gone.variance - gone.between(left))
