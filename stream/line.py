"""The line from samples to windows with their quality (pure).

Clock map → filled losses → conditioning → windows → quality → splines and reference. The same
object runs live and in replay, and takes in the same items in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from rym.errors import UsageError
from rym.messages import ClockOffset, Quality, Window

from .items import Item, Side
from .quality.judge import Judge, Judgement
from .settings import StreamSettings
from .signal.conditioning import Conditioning
from .signal.filters import RECORDED, Reference
from .signal.interpolation import Interpolator
from .signal.recovery import Recovery
from .timing.clockmap import ClockMap
from .timing.fill import Filler
from .windows import Cut, Windower, samples_of

Samples = npt.NDArray[np.float32]

MOTION_ROWS = 1000
"""Rows of acceleration that are kept for the next window at most: 10 s of NIC's."""
UNSURE_S = 0.1
"""Uncertainty of the sender's clock, in seconds, from which windows say that their time is rough:
its clock was set, and time is that of arrival, or LSL's round trips are that long."""
UNSURE = "time uncertain"
INDEX_S = 5.0
"""Seconds of EEG for which the device's quality index counts; NIC sends one a second."""


class StreamLine:
    """Turns chunks into windows; how the signal was cut into chunks does not matter.

    Quality is judged on the samples as they came and behind the filters; a window carries those
    behind the filters. Splines and reference work on a whole window with that window's own mask: a
    mask that changed between two samples would put a step into every channel.

    Parameters
    ----------
    settings : StreamSettings
        Length and hop of the windows, filters and reference, thresholds of the quality.
    channels : sequence of str
        10-20 names, one per column.
    rate : float
        Declared samples per second.

    Raises
    ------
    UsageError
        If window or hop are no whole number of samples, the hop is longer than the window, or a
        filter cannot be made at this rate.
    SignalError
        If the reference names a channel that is not there.
    """

    def __init__(self, settings: StreamSettings, channels: Sequence[str], rate: float) -> None:
        window = samples_of(settings.window, rate, "[stream] window")
        hop = samples_of(settings.hop, rate, "[stream] hop")
        if hop > window:
            raise UsageError(
                f"[stream] hop is {settings.hop} s, longer than the window of {settings.window} s.",
                "Choose a hop of at most the window's length.",
            )
        self.channels = tuple(channels)
        self.rate = rate
        self.conditioning = Conditioning(settings.conditioning, rate, self.channels, window)
        """Filters, and artifacts taken out."""
        # Windows end with the clock map's blocks, however late conditioning gives samples out.
        lead = (window + self.conditioning.n_delay) % hop
        self.clock = ClockMap(rate, hop, lead, settings.fill)
        """Where the gaps are, and what was lost."""
        self._filler = Filler(window + self.conditioning.n_delay)
        n = len(self.channels)
        self._raw, self._filtered = Windower(window, hop, n), Windower(window, hop, n)
        cleans = settings.conditioning.asr > 0
        self._clean = Windower(window, hop, n) if cleans else self._filtered
        self._recovery = Recovery(settings.quality, self.channels, hop)
        self._judge = Judge(settings.quality, self.channels, rate)
        self._interpolator = Interpolator(self.channels, settings.conditioning.interpolate)
        self._reference = Reference(self.channels, settings.conditioning.reference)
        on = settings.conditioning
        self._mixes = on.interpolate > 0 or on.reference != RECORDED
        self._motion: list[Samples] = []
        self._index: Samples | None = None
        self._index_until = 0
        self._segment = -1
        self._offsets: deque[tuple[int, float]] = deque([(0, 0.0)])

    def feed(self, item: Item) -> Iterator[tuple[Window, Quality]]:
        """Take in one item; the caller must exhaust what is returned.

        Parameters
        ----------
        item : Chunk, ClockOffset or Side
            In the order in which they were recorded.

        Yields
        ------
        Window
            One that the item completed.
        Quality
            What belongs to it.
        """
        if isinstance(item, ClockOffset):
            self.offset(item)
        elif isinstance(item, Side):
            self.beside(item)
        elif item.late:
            self.skip(len(item.samples))
        else:
            yield from self.push(item.samples, item.stamps)

    def offset(self, content: ClockOffset) -> None:
        """Take in a measured offset to the sender's clock."""
        self.clock.offset(content)
        self._offsets.append((content.from_sample, content.uncertainty))
        self._forget(self.clock.count)

    def beside(self, item: Side) -> None:
        """Take in what another stream of the device says.

        Acceleration counts for the next window, the quality index until it is told again, or until
        it has become old.
        """
        if not len(item.samples):
            return
        if item.kind == "accelerometer":
            self._motion.append(item.samples)
            while sum(map(len, self._motion)) > MOTION_ROWS:
                self._motion.pop(0)
        elif item.kind == "quality" and item.samples.shape[1] == len(self.channels):
            self._index = item.samples[-1]
            self._index_until = self._raw.count + round(INDEX_S * self.rate)

    def skip(self, n: int) -> None:
        """Count `n` samples that came too late to be shown as live; a new segment follows."""
        self.clock.skip(n)
        self._filler.skip(n)
        self._pass_over(self.conditioning.pending + n)
        self.conditioning.restart()

    def push(
        self, samples: Samples, stamps: npt.NDArray[np.float64]
    ) -> list[tuple[Window, Quality]]:
        """Take in samples.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            In µV.
        stamps : array of shape (n_times,)
            Raw, on the sender's clock, in seconds.

        Returns
        -------
        list of (Window, Quality)
            The windows that they completed, oldest first.
        """
        done: list[tuple[Window, Quality]] = []
        before = self.clock.count
        for run in self.clock.runs(stamps):
            if run.segment != self._segment:
                self._begin(run.segment)
            rows = self.conditioning.push(self._filler.rows(samples, run))
            raw, filtered = self._raw.push(rows.raw), self._filtered.push(rows.filtered)
            clean = filtered if self._clean is self._filtered else self._clean.push(rows.clean)
            # A window ends where a block ends, hence with a time, and a run completes one at most.
            if raw:
                self._forget(before + run.stop - 1)
                assert run.t_end is not None
                t_last = run.t_end - self.conditioning.n_delay / self.rate
                done.append(self._content(raw[0], filtered[0], clean[0], t_last))
                if self._recovery.push(raw[0].samples, done[-1][0].bad):
                    self.clock.restart()
        return done

    def _forget(self, received: int) -> None:
        """Forget offsets that no longer hold at a sample, counted as it was received."""
        while len(self._offsets) > 1 and self._offsets[1][0] <= received:
            self._offsets.popleft()

    def _begin(self, segment: int) -> None:
        """Begin a segment: nothing of what was before reaches into it."""
        self._segment = segment
        self._pass_over(self.conditioning.pending)
        self.conditioning.restart()
        self._judge.restart()
        self._motion.clear()

    def _pass_over(self, n: int) -> None:
        """Count `n` samples that no window holds; the next one begins a segment's first window."""
        self._raw.skip(n)
        self._filtered.skip(n)
        if self._clean is not self._filtered:
            self._clean.skip(n)

    def _content(
        self, raw: Cut, filtered: Cut, clean: Cut, t_last: float
    ) -> tuple[Window, Quality]:
        motion = np.concatenate(self._motion) if self._motion else None
        self._motion.clear()
        end = raw.first + len(raw.samples)
        judged = self._judge.judge(
            raw.samples,
            filtered.samples,
            raw.n_new,
            lost=self._filler.lost(raw.first, len(raw.samples)),
            motion=motion,
            device=self._index if end <= self._index_until else None,
        )
        if not judged.reason:
            self.conditioning.learn(clean, judged.bad)
        samples, interpolated, unreferenced = self._spatial(clean.samples, judged)
        reason = judged.reason or unreferenced
        window = Window(
            segment=self._segment,
            first_sample=raw.first,
            n_new=raw.n_new,
            t_first=t_last - (len(samples) - 1) / self.rate,
            rate=self.rate,
            channels=self.channels,
            samples=samples,
            conditioning=self.conditioning.description,
            bad=judged.bad,
            interpolated=interpolated,
            valid=not reason,
            reason=reason,
            touched=() if reason else judged.artifacts,
        )
        quality = Quality(
            t=window.t_last,
            overall=judged.overall,
            level=judged.level,
            channels=judged.channels,
            lost=judged.lost,
            artifacts=judged.artifacts,
            hints=judged.hints + ((UNSURE,) if self._offsets[0][1] >= UNSURE_S else ()),
            removed=self.conditioning.removed,
        )
        return window, quality

    def _spatial(self, samples: Samples, judged: Judgement) -> tuple[Samples, tuple[str, ...], str]:
        """Return samples behind splines and reference, what was filled in, and what failed."""
        if not self._mixes:
            return samples, (), ""
        wide = samples.astype(np.float64)
        filled = self._interpolator.fill(wide, judged.bad)
        interpolated = () if filled is None else judged.bad
        untrusted = judged.bad if filled is None else ()
        mixed, why = self._reference.apply(wide if filled is None else filled, untrusted)
        narrow = mixed.astype(np.float32)
        narrow.flags.writeable = False
        return narrow, interpolated, why
