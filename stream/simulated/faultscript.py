"""Carries out a script of faults on what a source gives: time, order, streams and values (pure).

Everything is decided on the source's sample counter: however the source is cut into pieces, the
same samples leave in the same order with the same stamps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from rym.errors import UsageError
from rym.messages import Injected

from .disturbances import Disturbance, Gait
from .disturbed_link import NEVER, Array, Batch, Index, Lane, Link, Resampler, fresh
from .faults import (
    Burst,
    Drift,
    Fault,
    Jitter,
    Jump,
    Markers,
    OnChannels,
    Rate,
    Second,
    Slide,
    Stall,
    Vanish,
    Walk,
    describe,
    kind_of,
)
from .senders import Mark, Piece, Samples


class Act(NamedTuple):
    """What happens to the streams as a whole."""

    what: Literal["vanish", "back", "second", "second gone"]
    source_id: Literal["same", "empty", "other"] = "same"


class Send(NamedTuple):
    """What leaves now; any part may be empty."""

    samples: Samples
    """Array of shape (n_times, n_channels), µV."""
    stamps: Array
    """Array of shape (n_times,), on the sender's clock, in seconds."""
    motion: Samples
    """Array of shape (n_motion, 3), mm/s²."""
    motion_stamps: Array
    codes: tuple[tuple[int, float], ...]
    """Triggers with their stamps."""
    marks: tuple[tuple[Mark, float], ...]
    """What happened, whatever became of the triggers, with its rig time."""


Step = Act | Injected | Send


class FaultScript:
    """A script on its way through the samples.

    Parameters
    ----------
    faults : sequence of Fault
        The script, in any order.
    channels : sequence of str
        Names of the source's channels.
    rate : float
        The source's samples per second.
    seed : int
        Decides what is drawn.
    silent : sequence of Fault
        Habits of the device, which happen like faults and are not told.

    Raises
    ------
    UsageError
        If a fault names a channel that is not there, or two true rates hold at once.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        channels: Sequence[str],
        rate: float,
        seed: int = 1,
        silent: Sequence[Fault] = (),
    ) -> None:
        self.empty = not faults and not silent
        self._faults = [
            _Running(fault, channels, rate, (seed, 5, i))
            for i, fault in enumerate((*silent, *faults))
        ]
        _refuse_two_rates(self._faults)
        told = self._faults[len(silent) :]
        self._events = sorted(
            [(fault.start, 1, i, fault) for i, fault in enumerate(told)]
            + [(fault.end, 0, i, fault) for i, fault in enumerate(told) if fault.end < NEVER],
            key=lambda event: event[:3],
        )
        self._count = 0
        self._eeg, self._motion, self._codes = Lane(len(channels)), Lane(3), Lane()

    def limit(self, n: int) -> int:
        """Return how many samples to take next, `n` at most, so that all leaves at its time."""
        borders = [event[0] for event in self._events]
        borders += [fault.link.chunk_end(self._count) for fault in self._now()]
        borders += [lane.next() for lane in (self._eeg, self._motion, self._codes)]
        ahead = min((border for border in borders if border > self._count), default=NEVER)
        return min(n, ahead - self._count)

    def feed(self, piece: Piece, stamps: Array) -> Iterator[Step]:
        """Take in a piece; the caller must exhaust what is returned.

        Parameters
        ----------
        piece : Piece
            The source's next samples.
        stamps : array of shape (max(n_times, 1),)
            Rig time of each sample in seconds; of the next one, if the piece has none.

        Yields
        ------
        Act, Injected or Send
            What is to be done, in order.
        """
        n = len(piece.samples)
        if self.empty or n == 0:
            yield self._pass(piece, stamps)
            return
        begin = self._count
        for start, stop in self._cuts(n):
            yield from self._begin(float(stamps[start - begin]))
            yield self._alter(piece, stamps, start - begin, stop - begin)

    def finish(self) -> Send:
        """Return what is still on its way when the source has ended."""
        return self._leave(NEVER, ())

    def _cuts(self, n: int) -> list[tuple[int, int]]:
        """Return a piece's parts within which no fault begins or ends."""
        first, last = self._count, self._count + n
        inside = {b for fault in self._faults for b in (fault.start, fault.end) if first < b < last}
        borders = [first, *sorted(inside), last]
        return list(pairwise(borders))

    def _begin(self, t: float) -> Iterator[Step]:
        """Tell and do what begins or ends at the next sample, which has rig time `t`."""
        for fault in self._faults:
            if fault.start == self._count:
                fault.link.origin = t
        while self._events and self._events[0][0] <= self._count:
            _, begins, _, fault = self._events.pop(0)
            yield from fault.event(t, begins=begins == 1)

    def _now(self) -> list[_Running]:
        """Return the faults that have an effect on the next sample."""
        return [f for f in self._faults if f.start <= self._count < f.effect_end]

    def _pass(self, piece: Piece, stamps: Array) -> Send:
        """Let a piece through that no fault can touch."""
        self._count += len(piece.samples)
        motion = np.empty((0, 3), np.float32) if piece.motion is None else piece.motion
        marks = tuple((mark, float(stamps[mark.offset])) for mark in piece.marks)
        return Send(
            samples=piece.samples,
            stamps=stamps[: len(piece.samples)],
            motion=motion,
            motion_stamps=stamps[piece.motion_at] if len(motion) else stamps[:0],
            codes=tuple((mark.code, t) for mark, t in marks if mark.code),
            marks=marks,
        )

    def _alter(self, piece: Piece, stamps: Array, start: int, stop: int) -> Send:
        """Put one part of a piece, which no border cuts, on its way; return what leaves."""
        now = self._now()
        taken = np.arange(self._count, self._count + stop - start)
        t = stamps[start:stop]
        signal = self._signal(now, taken, t, piece.samples[start:stop])
        self._eeg.put(_routed([f for f in now if f.of_eeg], signal))
        if piece.motion is not None:
            rows = (piece.motion_at >= start) & (piece.motion_at < stop)
            at = piece.motion_at[rows] - start
            motion = fresh(taken[at], t[at], _moved(now, taken[at], piece.motion[rows]))
            self._motion.put(_routed([f for f in now if f.of_motion], motion))
        marks = [mark for mark in piece.marks if start <= mark.offset < stop]
        coded = [mark for mark in marks if mark.code]
        at = np.array([mark.offset - start for mark in coded], dtype=np.int64)
        codes = fresh(taken[at], t[at], np.array([mark.code for mark in coded], np.float32))
        self._codes.put(_routed([f for f in now if f.of_codes], codes))
        self._count += stop - start
        return self._leave(self._count, tuple((m, float(stamps[m.offset])) for m in marks))

    def _signal(self, now: list[_Running], taken: Index, t: Array, samples: Samples) -> Batch:
        """Return the altered samples, in the order in which the amplifier makes them."""
        disturbing = [(f.disturbance, f.start) for f in now if f.disturbance is not None]
        if disturbing:
            x = samples.astype(np.float64)
            # Where one fault put infinity, the next one's arithmetic may give no number.
            with np.errstate(invalid="ignore", over="ignore"):
                for disturbance, start in disturbing:
                    disturbance.apply(x, self._count - start)
            samples = x.astype(np.float32)
        for fault in now:
            if fault.resampler is not None:
                return fault.resampler.make(self._count, t, samples)
        return fresh(taken, t, samples)

    def _leave(self, count: int, marks: tuple[tuple[Mark, float], ...]) -> Send:
        """Return all that is due."""
        eeg, motion, codes = (lane.take(count) for lane in (self._eeg, self._motion, self._codes))
        return Send(
            samples=eeg.rows,
            stamps=eeg.stamps,
            motion=motion.rows,
            motion_stamps=motion.stamps,
            codes=tuple(
                (int(code), float(t)) for code, t in zip(codes.rows, codes.stamps, strict=True)
            ),
            marks=marks,
        )


def _refuse_two_rates(faults: list[_Running]) -> None:
    """Refuse a script in which an amplifier has two true rates at once."""
    rates = sorted((f.start, f.end) for f in faults if f.resampler is not None)
    for (_, end), (start, _) in pairwise(rates):
        if start < end:
            raise UsageError(
                f"Two faults of the kind rate hold at once, from sample {start} on.",
                "Let one begin after the other's end, in [[source.faults]].",
            )


def _moved(faults: list[_Running], taken: Index, motion: Samples) -> Samples:
    """Return the acceleration with what walking adds."""
    for fault in faults:
        if fault.gait is not None and len(motion):
            x = motion.astype(np.float64)
            fault.gait.apply(x, taken - fault.start)
            motion = x.astype(np.float32)
    return motion


def _routed(faults: list[_Running], batch: Batch) -> Batch:
    """Return rows as they come out of every fault of stamps and of transport that holds now."""
    t = batch.stamps
    for fault in faults:
        batch = fault.link.stamp(batch, t)
    for fault in faults:
        batch = fault.link.route(batch) if len(batch.taken) else batch
    return batch


class _Running:
    """One fault with its place on the counter, and what it does there."""

    def __init__(
        self, fault: Fault, channels: Sequence[str], rate: float, key: tuple[int, ...]
    ) -> None:
        self.fault = fault
        self.start = round(fault.at * rate)
        self.end = round((fault.at + fault.seconds) * rate) if fault.seconds else NEVER
        self.effect_end = NEVER if isinstance(fault, (Slide, Drift)) else self.end
        self.link = Link(fault, self.start, self.end, rate, key)
        self.disturbance = (
            Disturbance(fault, channels, rate, key) if isinstance(fault, OnChannels) else None
        )
        self.gait = Gait(fault, rate) if isinstance(fault, Walk) else None
        self.resampler = Resampler(fault, self.start, rate) if isinstance(fault, Rate) else None
        self.of_motion = isinstance(fault, (Vanish, Stall, Burst, Jitter, Jump, Drift))
        self.of_codes = isinstance(fault, (Vanish, Stall, Jump, Drift, Markers))
        self.of_eeg = not isinstance(fault, Markers)

    def event(self, t: float, *, begins: bool) -> Iterator[Act | Injected]:
        """Return what is told and done at the fault's beginning or end."""
        acts: list[Act] = []
        match self.fault:
            case Vanish(back=back):
                acts = [Act("vanish")] if begins else []
                if not begins and back != "never":
                    acts = [Act("back", back)]
            case Second(source_id=source_id):
                acts = [Act("second" if begins else "second gone", source_id)]
        yield Injected(
            t=t,
            kind=kind_of(self.fault),
            seconds=self.fault.seconds,
            what=describe(self.fault),
            over=not begins,
        )
        yield from acts
