"""From a sender's raw stamps to rig time without jitter, and where the signal breaks off (pure).

Stamps of one chunk are regular, but whole chunks come some ms early or late. The time of a sample
is therefore taken from a straight line that follows the stamps slowly: an α-β tracker (Brookner,
"Tracking and Kalman Filtering Made Easy", 1998, critically damped) that is corrected once a block.
Blocks lie fixed on the sample counter, so that the result does not depend on how samples arrive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.messages import ClockOffset

ALPHA = 0.05
"""Share of a block's mean deviation by which the line moves; at 4 blocks a second, 5 s."""
BETA = 2 * (2 - ALPHA) - 4 * (1 - ALPHA) ** 0.5
"""Share of it by which the line's slope changes: critical damping."""
TOLERANCE_S = 0.05
"""Deviation in seconds that is still jitter."""
TOLERANCE_PERIODS = 3
"""The same in periods, for slow streams."""


class Run(NamedTuple):
    """Consecutive samples of one push that lie in one segment and one block."""

    start: int
    stop: int
    """Rows `start:stop` of what was pushed."""
    segment: int
    t_end: float | None
    """Rig time of the last of them in seconds where it completes a block, else None."""


class ClockMap:
    """Gives samples their rig time and finds the gaps.

    Parameters
    ----------
    rate : float
        Declared samples per second.
    block : int
        Samples between two corrections, and between two times that are given out.
    lead : int
        Samples of a segment's first block; a window's remainder, so that windows end with blocks.

    Notes
    -----
    A sample that lies off the line by more than the tolerance, in either direction, starts a new
    segment: a gap, a repeated chunk, a clock that was set. Losing a few samples does not; the line
    follows.
    """

    def __init__(self, rate: float, block: int, lead: int = 0) -> None:
        self._period = 1 / rate
        self._block = block
        self._lead = lead or block
        self._tolerance = max(TOLERANCE_S, TOLERANCE_PERIODS / rate)
        self._offsets: list[tuple[int, float]] = []
        self._offset = 0.0
        self.count = 0
        self.segment = -1
        self._deviations = np.empty(max(block, self._lead))
        self._broken = True

    @property
    def gaps(self) -> int:
        """How often the signal broke off."""
        return max(0, self.segment)

    def offset(self, content: ClockOffset) -> None:
        """Take in a measured clock offset; it holds from `content.from_sample` on.

        Raises
        ------
        ValueError
            If samples after that one have gone through already, or a later offset is known.
        """
        earliest = self._offsets[-1][0] if self._offsets else self.count
        if content.from_sample < earliest:
            raise ValueError(
                f"An offset from sample {content.from_sample} on comes after sample {earliest}."
            )
        self._offsets.append((content.from_sample, content.offset))

    def skip(self, n: int) -> None:
        """Count `n` samples that get no time; the next sample starts a segment."""
        self.count += n
        self._broken = True

    def push(self, stamps: npt.NDArray[np.float64]) -> Iterator[Run]:
        """Take in samples; the caller must exhaust what is returned.

        Parameters
        ----------
        stamps : array of shape (n_times,)
            Raw stamps on the sender's clock, in seconds.

        Yields
        ------
        Run
            Pieces that together are all samples pushed, in order.
        """
        rig = stamps + self._offsets_of(len(stamps))
        at = 0
        while at < len(rig):
            if self._broken:
                self._start(float(rig[at]))
            ahead = rig[at : at + self._need - self._held]
            on_line = self._t0 + np.arange(self._held, self._held + len(ahead)) * self._slope
            with np.errstate(invalid="ignore"):
                deviations = ahead - on_line
            # Written so that a stamp that is no number breaks the segment, too.
            off = np.flatnonzero(~(np.abs(deviations) <= self._tolerance))
            n = int(off[0]) if len(off) else len(ahead)
            self._broken = len(off) > 0
            if n:
                self._deviations[self._held : self._held + n] = deviations[:n]
                self._held += n
                t_end = self._correct() if self._held == self._need else None
                yield Run(at, at + n, self.segment, t_end)
                at += n
            elif self._held == 0 and not np.isfinite(rig[at]):
                # A segment that begins with no number would never get past it.
                yield Run(at, at + 1, self.segment, None)
                at += 1
        self.count += len(stamps)

    def _offsets_of(self, n: int) -> npt.NDArray[np.float64]:
        """Return the offset of each of the next `n` samples, and forget those that are over."""
        offsets = np.full(n, self._offset)
        for first, value in self._offsets:
            offsets[max(0, first - self.count) :] = value
        while self._offsets and self._offsets[0][0] < self.count + n:
            self._offset = self._offsets.pop(0)[1]
        return offsets

    def _start(self, t: float) -> None:
        self.segment += 1
        self._t0 = t
        self._slope = self._period
        self._held = 0
        self._need = self._lead
        self._corrections = 0
        self._broken = False

    def _correct(self) -> float:
        """Move the line by the finished block; return the rig time of the block's last sample."""
        mean = float(np.mean(self._deviations[: self._held]))
        # The first blocks count in full, as in a running mean: the line knows nothing better yet.
        self._corrections += 1
        self._t0 += max(ALPHA, 1 / self._corrections) * mean
        t_end = self._t0 + (self._held - 1) * self._slope
        if self._corrections > 1 / ALPHA:
            self._slope += BETA * mean / self._held
        self._t0 += self._held * self._slope
        self._held, self._need = 0, self._block
        return t_end
