"""From a sender's raw stamps to rig time without jitter, and where samples are missing (pure).

Stamps of one chunk are regular, but with many senders whole chunks come some ms early or late. The
time of a sample is therefore taken from a straight line that follows the stamps slowly: an α-β
tracker (Brookner, "Tracking and Kalman Filtering Made Easy", 1998, critically damped) that is
corrected once a block. Blocks lie fixed on the sample counter, so that the result does not depend
on how samples arrive.

A lost sample shows in the step between two stamps. A sender that stamps by its own sample counter
takes steps of whole periods, so one step of k + 1 periods is k lost samples; a sender that stamps
whole chunks on arrival takes steps of any size, and there only the line can say that something is
missing. Which of the two it is, is watched all the time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.messages import ClockOffset

from .offsets import Array, ClockSync, usable

ALPHA = 0.05
"""Share of a block's mean deviation by which the line moves; at 4 blocks a second, 5 s."""
BETA = 2 * (2 - ALPHA) - 4 * (1 - ALPHA) ** 0.5
"""Share of it by which the line's slope changes: critical damping."""
TOLERANCE_S = 0.05
"""Deviation in seconds that is still jitter."""
TOLERANCE_PERIODS = 3
"""The same in periods, for slow streams."""
LATTICE = 0.3
"""Distance from a whole number of periods up to which a step counts as one. Stamps in whole
milliseconds, as NIC writes them, are off by a quarter at 256 Hz."""
WATCH_S = 0.5
"""Seconds of samples after which it is judged anew whether steps are whole periods, within which a
stamp may come again or late, and from which a step tells nothing about jitter."""
FORGET_S = 4.0
"""Seconds after which a step that was no whole period counts for 1/e."""
UNREST = 1.5
"""Such steps from which a sender's stamps are irregular; a single one may be a clock that was
corrected."""
SAME_S = 1e-6
"""Difference in seconds up to which two stamps of a regular sender are the same one."""
HOLES = 8
"""Gaps that are remembered, to know a chunk that comes in the wrong order."""


class Run(NamedTuple):
    """Consecutive samples that lie in one segment and one block: filled ones, then rows of a push.

    Rows that belong to no run were dropped.
    """

    start: int
    stop: int
    """Rows `start:stop` of what was pushed; where a block ends within a loss there is none, and
    `start` is the first row behind the loss."""
    segment: int
    t_end: float | None
    """Rig time of the last of them in seconds where it completes a block, else None."""
    fill: int = 0
    """Samples that were lost before row `start` and belong to this run."""
    fill_left: int = 0
    """Those of them and of the next runs that still lie before row `start`."""


class _Watch:
    """Judges from time to time whether the steps of raw stamps are whole periods."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._far = WATCH_S / period
        self._stamps = np.full(round(max(self._far, 8)) + 1, np.nan)
        self._held = 1
        self._forget = math.exp(-(len(self._stamps) - 1) * period / FORGET_S)
        self._unrest = 0.0
        self.regular = False

    @property
    def left(self) -> int:
        """Samples until the next judgement."""
        return len(self._stamps) - self._held

    def add(self, stamps: Array) -> None:
        """Take in at most `left` stamps."""
        self._stamps[self._held : self._held + len(stamps)] = stamps
        self._held += len(stamps)
        if self._held == len(self._stamps):
            self._judge()
            self._stamps[0] = self._stamps[-1]
            self._held = 1

    def _judge(self) -> None:
        with np.errstate(invalid="ignore"):
            steps = np.diff(self._stamps) / self._period
            whole = np.rint(steps)
            off = (np.abs(steps - whole) > LATTICE) & (np.abs(steps) < self._far)
        self._unrest = self._unrest * self._forget + np.count_nonzero(off)
        # Bursts that share one stamp, and a sender at half the declared rate, lose nothing.
        usual = 2 * np.count_nonzero(whole == 1) >= len(whole)
        self.regular = bool(self._unrest < UNREST and usual)


class _Seen:
    """The newest accepted stamps, and the holes between them."""

    def __init__(self, period: float) -> None:
        self._half = period / 2
        self._stamps = np.full(round(max(WATCH_S / period, 8)), np.nan)
        self._place = 0
        self._holes: deque[tuple[float, float]] = deque(maxlen=HOLES)

    def add(self, stamps: Array) -> None:
        """Remember accepted stamps, at most as many as a judgement takes."""
        end, size = self._place + len(stamps), len(self._stamps)
        fits = min(len(stamps), size - self._place)
        self._stamps[self._place : self._place + fits] = stamps[:fits]
        self._stamps[: len(stamps) - fits] = stamps[fits:]
        self._place = end % size

    def hole(self, before: float, behind: float) -> None:
        """Remember where samples are missing; chunks do not come later than `WATCH_S`."""
        # A wider hole is an outage or a clock that was set, and may be set back.
        if behind - before <= WATCH_S:
            self._holes.append((before + self._half, behind - self._half))

    def again(self, stamps: Array, within: float) -> npt.NDArray[np.bool_]:
        """Say which stamps were there before, or belong to a hole."""
        known = np.sort(self._stamps)
        behind = np.searchsorted(known, stamps).clip(1, len(known) - 1)
        found: npt.NDArray[np.bool_] = np.abs(stamps - known[behind]) <= within
        found |= np.abs(stamps - known[behind - 1]) <= within
        for low, high in self._holes:
            found |= (low < stamps) & (stamps < high)
        return found


class ClockMap:
    """Gives samples their rig time, and finds what is missing, repeated or out of order.

    Parameters
    ----------
    rate : float
        Declared samples per second.
    block : int
        Samples between two corrections, and between two times that are given out.
    lead : int
        Samples of a segment's first block; a window's remainder, so that windows end with blocks.
    fill : float
        Longest loss in seconds that is filled; a longer one starts a new segment.

    Attributes
    ----------
    count : int
        Samples received.
    segment : int
        Number of the running segment, -1 before the first sample.
    lost : int
        Samples that never came and were filled.
    dropped : int
        Samples that came twice, in the wrong order, or without a time.
    jitter : float
        How far stamps lie from the line, in seconds (standard deviation, over about 5 s).

    Notes
    -----
    A sample that lies off the line by more than the tolerance, in either direction, starts a new
    segment: a gap, a clock that was set. So does one that has no time.
    """

    def __init__(self, rate: float, block: int, lead: int = 0, fill: float = 0.02) -> None:
        self._period = 1 / rate
        self._block = block
        self._lead = lead or block
        self._fill = math.floor(fill * rate + 1e-6)
        self._tolerance = max(TOLERANCE_S, TOLERANCE_PERIODS / rate)
        self._sync = ClockSync()
        self._watch = _Watch(self._period)
        self._seen = _Seen(self._period)
        self._deviations = np.empty(max(block, self._lead))
        self._places = np.arange(float(len(self._deviations)))
        self._broken = True
        self._anew = False
        self._restarts = 0
        self._newest = self._since = 0.0
        self._received = 0
        self.count = 0
        self.segment = -1
        self.lost = 0
        self.dropped = 0
        self.jitter = 0.0

    @property
    def gaps(self) -> int:
        """How often the signal broke off."""
        return max(0, self.segment - self._restarts)

    @property
    def regular(self) -> bool:
        """Whether the sender stamps by its own sample counter, as far as one can see."""
        return self._watch.regular

    @property
    def drift(self) -> float:
        """How much faster the sender's clock runs than the rig's, in ppm."""
        return self._sync.drift

    @property
    def effective_rate(self) -> float:
        """Samples that came per second of the running segment; 0 while it has no two."""
        span = self._newest - self._since
        return (self._received - 1) / span if self._received > 1 and span > 0 else 0.0

    def offset(self, content: ClockOffset) -> None:
        """Take in a measured clock offset; it holds from `content.from_sample` on.

        Raises
        ------
        ValueError
            If samples after that one have gone through already, or a later offset is known.
        """
        self._sync.add(content, self.count)

    def skip(self, n: int) -> None:
        """Count `n` samples that get no time; the next sample starts a segment."""
        self.count += n
        self._broken = True

    def restart(self) -> None:
        """Begin a segment with the next sample, although nothing is missing and time goes on."""
        self._anew = True

    def push(self, stamps: Array) -> list[Run]:
        """Take in samples.

        Parameters
        ----------
        stamps : array of shape (n_times,)
            Raw stamps on the sender's clock, in seconds.

        Returns
        -------
        list of Run
            What is kept of them, and what was lost between them, in order.
        """
        return list(self.runs(stamps))

    def runs(self, stamps: Array) -> Iterator[Run]:
        """Take in samples, one run at a time; the caller must exhaust what is returned.

        Parameters
        ----------
        stamps : array of shape (n_times,)
            Raw stamps on the sender's clock, in seconds.

        Yields
        ------
        Run
            What is kept of them, and what was lost between them, in order. A `restart` between two
            of them takes effect with the next row.
        """
        rig = self._sync.rig(stamps, self.count)
        at = 0
        while at < len(stamps):
            # What counts as a loss changes only at fixed places of the sample counter.
            stop = min(len(stamps), at + self._watch.left)
            yield from self._watch_over(stamps, rig, at, stop)
            self._watch.add(stamps[at:stop])
            at = stop
        self.count += len(stamps)

    def _watch_over(self, raw: Array, rig: Array, at: int, stop: int) -> Iterator[Run]:
        """Go through the rows `at:stop`."""
        while at < stop:
            if self._broken:
                at = self._begin(raw, rig, at, stop)
                continue
            if self._anew:
                self._go_on()
            deviations = self._follow(raw, rig, at, min(stop, at + self._need - self._held))
            if len(deviations):
                yield self._take(raw, rig, at, deviations)
                at += len(deviations)
            else:
                runs: list[Run] = []
                at = self._odd(raw, rig, at, stop, runs)
                yield from runs

    def _begin(self, raw: Array, rig: Array, at: int, stop: int) -> int:
        """Start a segment with the next sample that has a time; return its row."""
        good = np.flatnonzero(usable(raw[at:stop]))
        n = int(good[0]) if len(good) else stop - at
        self.dropped += n
        if n < stop - at:
            self.segment += 1
            self._t0 = self._since = float(rig[at + n])
            self._last = float(raw[at + n]) - self._period
            self._slope = self._period
            self._held, self._need = 0, self._lead
            self._corrections = self._received = 0
            self._broken = self._anew = False
        return at + n

    def _go_on(self) -> None:
        """Start a segment on the line that there is: nothing is known of time that was not."""
        self.segment += 1
        self._restarts += 1
        self._t0 += self._held * self._slope
        self._held, self._need = 0, self._lead
        self._anew = False

    def _follow(self, raw: Array, rig: Array, at: int, stop: int) -> Array:
        """Return the deviations of the next rows, as far as nothing is odd about them."""
        line = self._t0 + self._places[self._held : self._held + stop - at] * self._slope
        steps = np.empty(stop - at)
        steps[0] = raw[at] - self._last
        with np.errstate(invalid="ignore"):
            np.subtract(raw[at + 1 : stop], raw[at : stop - 1], out=steps[1:])
            deviations: Array = rig[at:stop] - line
            # Written so that a stamp that is no number is odd, too.
            fine = np.abs(deviations) <= self._tolerance
            if self.regular:
                fine &= np.abs(steps - self._period) <= self._period / 2
            else:
                fine &= steps >= 0
        return deviations if fine.all() else deviations[: int(np.argmin(fine))]

    def _take(self, raw: Array, rig: Array, at: int, deviations: Array, fill: int = 0) -> Run:
        """Accept rows, behind `fill` positions that were filled already."""
        stop = at + len(deviations)
        self._last, self._newest = float(raw[stop - 1]), float(rig[stop - 1])
        self._seen.add(raw[at:stop])
        self._received += stop - at
        return Run(at, stop, self.segment, self._note(deviations), fill, fill)

    def _note(self, deviations: Array) -> float | None:
        """Keep deviations; return the rig time of a block that they complete."""
        held = self._held
        self._held += len(deviations)
        self._deviations[held : self._held] = deviations
        return self._correct() if self._held == self._need else None

    def _odd(self, raw: Array, rig: Array, at: int, stop: int, runs: list[Run]) -> int:
        """Decide about the row `at`, which does not simply follow; return the next row to see."""
        if not usable(raw[at : at + 1])[0]:
            self._broken = True
            return at
        again = self._again(raw[at:stop])
        if again:
            self.dropped += again
            return at + again
        step = float(raw[at]) - self._last
        lost = self._lost(step)
        deviation = self._deviation(rig, at, lost)
        if lost <= self._fill and abs(deviation) <= self._tolerance:
            self._insert(raw, rig, at, lost, runs)
            return at + 1
        self._seen.hole(self._last, float(raw[at]))
        self._broken = True
        return at

    def _again(self, raw: Array) -> int:
        """Return how many of the next rows are behind the last one, and not for the first time."""
        # With irregular stamps many samples may share one, and chunks may overlap.
        regular = self.regular
        behind = raw < self._last + (self._period / 2 if regular else 0.0)
        behind[behind] = self._seen.again(raw[behind], SAME_S if regular else 0.0)
        return len(behind) if behind.all() else int(np.argmin(behind))

    def _lost(self, step: float) -> int:
        """Return how many samples are missing in a step, as far as its size can say so."""
        whole = round(step / self._period)
        off = abs(step / self._period - whole)
        return whole - 1 if self.regular and whole > 1 and off <= LATTICE else 0

    def _insert(self, raw: Array, rig: Array, at: int, lost: int, runs: list[Run]) -> None:
        """Fill what was lost before the row `at`, and accept the row."""
        if lost:
            self.lost += lost
            self._seen.hole(self._last, float(raw[at]))
        while lost >= self._need - self._held:
            part = self._need - self._held
            t_end = self._note(np.full(part, self._deviation(rig, at, lost)))
            runs.append(Run(at, at, self.segment, t_end, part, lost))
            lost -= part
        deviation = self._deviation(rig, at, lost)
        self._note(np.full(lost, deviation))
        runs.append(self._take(raw, rig, at, np.array([deviation]), lost))

    def _deviation(self, rig: Array, at: int, lost: int) -> float:
        """Return how far the row `at` is off the line; the samples lost before it count as far."""
        return float(rig[at]) - (self._t0 + (self._held + lost) * self._slope)

    def _correct(self) -> float:
        """Move the line by the finished block; return the rig time of the block's last sample."""
        deviations = self._deviations[: self._held]
        mean = float(np.mean(deviations))
        # The first blocks count in full, as in a running mean: the line knows nothing better yet.
        self._corrections += 1
        share = max(ALPHA, 1 / self._corrections)
        # The mean absolute deviation is 0.8 standard deviations of a Gaussian.
        self.jitter += share * (1.25 * float(np.mean(np.abs(deviations - mean))) - self.jitter)
        # Never so far back that time would stand still.
        self._t0 += max(share * mean, -self._held * self._slope / 2)
        t_end = self._t0 + (self._held - 1) * self._slope
        if self._corrections > 1 / ALPHA:
            self._slope += BETA * mean / self._held
        self._t0 += self._held * self._slope
        self._held, self._need = 0, self._block
        return t_end
