"""What a scripted fault does to stamps, order and arrival of samples (pure).

Each row on its way has the sample at which it was taken, the count of samples from which it may
leave, and its place in the order. What is held back, repeated or overtaken differs from other rows
by these alone, and no cut of the signal changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .disturbances import GRID, Grid, drawn
from .faults import (
    Burst,
    Drift,
    Drop,
    Duplicate,
    Fault,
    Jitter,
    Jump,
    Markers,
    Rate,
    Reorder,
    Stall,
    Vanish,
)

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]

NEVER = 1 << 60
LONGEST_DELAY = 0.9
"""Of a chunk's length: one that came later would be overtaken."""


class Batch(NamedTuple):
    """Rows on their way; all arrays have the length n_rows."""

    taken: Index
    """The sample at which each was complete."""
    release: Index
    """The count of samples from which it may leave."""
    place: Index
    """Among those that leave together: twice such a count; odd for what was put behind it."""
    stamps: Array
    """On the sender's clock, in seconds."""
    rows: Rows

    def only(self, chosen: npt.NDArray[np.bool_] | Index) -> Batch:
        """Return the chosen rows."""
        return Batch(
            taken=self.taken[chosen],
            release=self.release[chosen],
            place=self.place[chosen],
            stamps=self.stamps[chosen],
            rows=self.rows[chosen],
        )

    def held_until(self, count: Index | int) -> Batch:
        """Return the rows so that they leave at a count or later, in the order that they have."""
        return self._replace(release=np.maximum(self.release, count))

    def behind(self, count: Index) -> Batch:
        """Return the rows so that they leave behind those that leave at a count."""
        return self.held_until(count)._replace(place=np.maximum(self.place, 2 * count + 1))

    def and_then(self, other: Batch) -> Batch:
        """Return these rows and others."""
        return Batch(
            taken=np.concatenate([self.taken, other.taken]),
            release=np.concatenate([self.release, other.release]),
            place=np.concatenate([self.place, other.place]),
            stamps=np.concatenate([self.stamps, other.stamps]),
            rows=np.concatenate([self.rows, other.rows]),
        )


def fresh(taken: Index, stamps: Array, rows: Rows) -> Batch:
    """Return rows that leave as soon as they are there."""
    return Batch(taken, taken + 1, 2 * (taken + 1), stamps, rows)


class Lane:
    """Rows that wait for their due.

    Parameters
    ----------
    width : int, optional
        Columns of a row; None for one value.
    """

    def __init__(self, width: int | None = None) -> None:
        shape = (0,) if width is None else (0, width)
        none = np.empty(0, np.int64)
        self._none = Batch(none, none, none, np.empty(0), np.empty(shape, np.float32))
        self._waiting = self._none

    def put(self, batch: Batch) -> None:
        """Add rows."""
        self._waiting = self._waiting.and_then(batch) if len(self._waiting.taken) else batch

    def next(self) -> int:
        """Return the count at which the next row leaves."""
        return int(self._waiting.release.min()) if len(self._waiting.taken) else NEVER

    def take(self, count: int) -> Batch:
        """Return the rows that leave at `count` samples or before, in order."""
        due = self._waiting.release <= count
        leaving = self._waiting.only(due)
        self._waiting = self._none if due.all() else self._waiting.only(~due)
        return leaving.only(np.lexsort((leaving.taken, leaving.place, leaving.release)))


class Link:
    """What one fault does between an amplifier and those who listen.

    Parameters
    ----------
    fault : Fault
        Only faults of stamps and of transport do anything here.
    start, end : int
        Its first sample, and the first after it.
    rate : float
        Samples per second.
    key : sequence of int
        Decides what is drawn.
    """

    def __init__(self, fault: Fault, start: int, end: int, rate: float, key: Sequence[int]) -> None:
        self.origin = 0.0
        """Rig time of the fault's first sample, in seconds; set when it begins."""
        self._fault = fault
        self._start = start
        self._end = end
        self._rate = rate
        self._chance = Grid(drawn(key, lambda rng: rng.random(GRID)))
        self._sizes = np.random.default_rng([*key])
        self._ends = np.array([start], dtype=np.int64)

    def chunk_end(self, count: int) -> int:
        """Return the count at which the chunk around a sample ends; NEVER without chunks."""
        match self._fault:
            case Burst() | Jitter():
                return int(self._chunk_ends(np.array([count]))[0])
        return NEVER

    def stamp(self, batch: Batch, t: Array) -> Batch:
        """Return rows with the stamps of a clock that is wrong; `t` is right."""
        match self._fault:
            case Jump(by=by, to=None):
                shift: Array | float = by
            case Jump(to=float(to)):
                shift = to - self.origin
            case Drift(ppm=ppm, seconds=seconds):
                shift = ppm * 1e-6 * np.minimum(t - self.origin, seconds or np.inf)
            case _:
                return batch
        return batch._replace(stamps=batch.stamps + shift)

    def route(self, batch: Batch) -> Batch:
        """Return rows as they come out of a disturbed link; at least one comes in."""
        taken = batch.taken
        match self._fault:
            case Vanish() | Stall(lost=True) | Markers(how="missing"):
                batch = batch.only(taken < 0)
            case Stall():
                batch = batch.held_until(self._end)
            case Drop(share=share, run=run):
                batch = batch.only(self._drawn(taken, run) >= share)
            case Duplicate(share=share, size=size):
                again = batch.only(self._drawn(taken, size) < share)
                batch = batch.and_then(again.behind(self._block_ends(again.taken, size)))
            case Reorder(share=share, size=size):
                first = (taken - self._start) % (2 * size) < size
                moved = first & (self._drawn(taken, 2 * size) < share)
                batch = batch.only(~moved).and_then(
                    batch.only(moved).behind(self._block_ends(taken[moved], 2 * size))
                )
            case Burst():
                batch = batch.held_until(self._chunk_ends(taken))
            case Jitter(size=size, late=late):
                batch = self._late(batch, size, late)
            case Markers(how="twice"):
                batch = batch.and_then(batch)
            case Markers(how="late", by=by):
                batch = batch.held_until(taken + round(by * self._rate))
            case Markers(by=by):
                batch = batch._replace(stamps=batch.stamps + by)
        return batch

    def _drawn(self, taken: Index, size: int) -> Array:
        """Return for each sample the number, 0…1, that was drawn for its block."""
        block = (taken - self._start) // size
        first = int(block.min())
        return self._chance(first, int(block.max()) - first + 1)[block - first]

    def _block_ends(self, taken: Index, size: int) -> Index:
        """Return for each sample the count at which its block is complete."""
        ends = self._start + ((taken - self._start) // size + 1) * size
        return np.minimum(ends, self._end)

    def _chunk_ends(self, taken: Index) -> Index:
        """Return for each sample the count at which its chunk is complete."""
        if isinstance(self._fault, Jitter):
            return self._block_ends(taken, self._fault.size)
        assert isinstance(self._fault, Burst)
        low, high = self._fault.smallest, self._fault.largest + 1
        while self._ends[-1] <= taken[-1]:
            sizes = self._sizes.integers(low, high, size=64)
            self._ends = np.concatenate([self._ends, self._ends[-1] + np.cumsum(sizes)])
        ends = self._ends[np.searchsorted(self._ends, taken, side="right")]
        return np.minimum(ends, self._end)

    def _late(self, batch: Batch, size: int, late: float) -> Batch:
        """Return rows in chunks that carry the time of their arrival."""
        delays = np.minimum(
            -np.log1p(-self._drawn(batch.taken, size)) * late, LONGEST_DELAY * size / self._rate
        )
        arrival = self._block_ends(batch.taken, size) + np.ceil(delays * self._rate).astype(int)
        return batch.held_until(arrival)._replace(stamps=batch.stamps + delays)


class Resampler:
    """What an amplifier of another true rate makes of the samples.

    Parameters
    ----------
    fault : Rate
        The true rate.
    start : int
        The fault's first sample.
    rate : float
        Declared samples per second.
    """

    def __init__(self, fault: Rate, start: int, rate: float) -> None:
        self._start = start
        self._step = rate / fault.hz
        self._n_made = 0
        self._last: tuple[Array, Rows] | None = None

    def make(self, first: int, t: Array, samples: Rows) -> Batch:
        """Return the rows that the samples from number `first` on complete, interpolated.

        Parameters
        ----------
        first : int
            Number of the first sample; what follows the last call's.
        t : array of shape (n_times,)
            Rig time in seconds.
        samples : array of shape (n_times, n_channels)
            µV.
        """
        if self._last is not None:
            first -= 1
            t = np.concatenate([self._last[0], t])
            samples = np.concatenate([self._last[1], samples])
        last = first + len(t) - 1
        at = np.arange(self._n_made, int((last - self._start) / self._step) + 2) * self._step
        at = self._start + at
        at = at[np.ceil(at) <= last]
        self._n_made += len(at)
        self._last = t[-1:], samples[-1:]
        low = np.floor(at).astype(np.int64) - first
        part = at - first - low
        high = np.minimum(low + 1, len(t) - 1)
        # Infinity times nothing is no number: what lies beside infinity is as little of a signal.
        with np.errstate(invalid="ignore"):
            rows = samples[low] * (1 - part)[:, None] + samples[high] * part[:, None]
        stamps = t[low] * (1 - part) + t[high] * part
        return fresh(np.ceil(at).astype(np.int64), stamps, rows.astype(np.float32))
