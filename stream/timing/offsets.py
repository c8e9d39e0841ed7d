"""The sender's clock against the rig's: offset and drift out of single measurements (pure).

A measured offset is wrong by up to half the round trip in which it was measured, and is some
seconds old when the next one comes. Offset and drift are therefore followed by a Kalman filter
(Kalman, J. Basic Eng. 82, 1960; for clocks: Galleani and Tavella, IEEE Control Syst. 30, 2010),
in which a measurement counts by its own uncertainty, and the offset between two measurements grows
with the drift. Holding the last offset instead would be 1 ms off after 5 s at 200 ppm.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rym.messages import ClockOffset

Array = npt.NDArray[np.float64]

LARGEST = 1e11
"""Stamp in seconds from which float64 is too coarse to tell samples apart; it is no stamp."""
FLOOR_S = 50e-6
"""Error in seconds of a measurement whose round trip took no time at all: two clocks are read."""
DRIFT_SD = 100e-6
"""Drift, in seconds per second, that is expected of a clock of which nothing is known."""
WANDER = 1e-15
"""Variance per second by which the drift changes: 1 ppm in a quarter of an hour, as the
temperature of a quartz does."""
SET_SIGMA = 5.0
"""Surprise, in its own standard deviations, from which a clock was set; an offset cannot be
further off than half its round trip, which is taken as one standard deviation."""


def usable(stamps: Array) -> npt.NDArray[np.bool_]:
    """Say which stamps are times at all."""
    return np.abs(stamps) < LARGEST


class ClockSync:
    """Turns raw stamps into rig time by the offsets measured so far."""

    def __init__(self) -> None:
        self._pending: list[tuple[int, float, float]] = []
        self._known = False
        self._at = 0.0
        self._offset = 0.0
        self._drift = 0.0
        self._var_offset = 0.0
        self._cov = 0.0
        self._var_drift = DRIFT_SD**2

    @property
    def drift(self) -> float:
        """How much faster the sender's clock runs than the rig's, in ppm."""
        return -self._drift * 1e6

    def add(self, content: ClockOffset, count: int) -> None:
        """Take in a measurement that holds from `content.from_sample` on.

        Parameters
        ----------
        content : ClockOffset
            Of two for the same sample the later one holds; one that is no number is left out.
        count : int
            Samples that have gone through already.

        Raises
        ------
        ValueError
            If samples after that one have gone through already, or a later offset is known.
        """
        earliest = self._pending[-1][0] if self._pending else count
        if content.from_sample < earliest:
            raise ValueError(
                f"An offset from sample {content.from_sample} on comes after sample {earliest}."
            )
        if not (math.isfinite(content.offset) and math.isfinite(content.uncertainty)):
            return
        # While no sample gets a time, only the newest of the measurements is worth keeping.
        if self._pending and content.from_sample in (self._pending[-1][0], count):
            self._pending.pop()
        self._pending.append((content.from_sample, content.offset, content.uncertainty))

    def rig(self, stamps: Array, count: int) -> Array:
        """Return the rig time of samples, and take in the measurements that begin among them.

        Parameters
        ----------
        stamps : array of shape (n_times,)
            Raw, in seconds.
        count : int
            Samples that have gone through before these.

        Returns
        -------
        array of shape (n_times,)
            Rig time in seconds.
        """
        pieces: list[Array] = []
        while self._pending and self._pending[0][0] < count + len(stamps):
            first = max(0, self._pending[0][0] - count)
            good = np.flatnonzero(usable(stamps[first:]))
            if not len(good):
                break
            row = first + int(good[0])
            pieces.append(self._map(stamps[:row]))
            stamps, count = stamps[row:], count + row
            # Of those that begin with one sample, or before the first that has a time, one counts.
            while len(self._pending) > 1 and self._pending[1][0] <= count:
                self._pending.pop(0)
            self._update(float(stamps[0]), *self._pending.pop(0)[1:])
        return np.concatenate([*pieces, self._map(stamps)]) if pieces else self._map(stamps)

    def _map(self, stamps: Array) -> Array:
        with np.errstate(invalid="ignore", over="ignore"):
            return stamps + (self._offset + self._drift * (stamps - self._at))

    def _update(self, at: float, offset: float, uncertainty: float) -> None:
        """Predict to `at`, and correct by what was measured there."""
        passed = at - self._at if self._known else 0.0
        error = (uncertainty / 2) ** 2 + FLOOR_S**2
        predicted = self._offset + self._drift * passed
        self._var_offset += 2 * passed * self._cov + passed**2 * self._var_drift
        self._cov += passed * self._var_drift
        self._var_drift += WANDER * abs(passed)
        surprise = offset - predicted
        total = self._var_offset + error
        self._at = at
        if not self._known or abs(surprise) > SET_SIGMA * math.sqrt(total):
            self._known = True
            self._offset = offset
            self._var_offset, self._cov, self._var_drift = error, 0.0, DRIFT_SD**2
            return
        gain, gain_drift = self._var_offset / total, self._cov / total
        self._offset = predicted + gain * surprise
        self._drift += gain_drift * surprise
        self._var_drift -= gain_drift * self._cov
        self._cov *= 1 - gain
        self._var_offset *= 1 - gain
