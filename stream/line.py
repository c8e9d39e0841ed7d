"""The line from samples to windows with their quality: clock map, fill, windower, quality (pure).

The same object runs live and in replay, and takes in the same items in the same order: chunks of
samples and measured clock offsets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from rym.errors import UsageError
from rym.messages import ClockOffset, Quality, Window

from .clockmap import ClockMap
from .fill import Filler
from .items import Item, Side
from .quality import Judge
from .settings import StreamSettings
from .windows import Cut, Windower, samples_of


class StreamLine:
    """Turns chunks into windows; how the signal was cut into chunks does not matter.

    Parameters
    ----------
    settings : StreamSettings
        Length and hop of the windows, thresholds of the quality.
    channels : sequence of str
        10-20 names, one per column.
    rate : float
        Declared samples per second.

    Raises
    ------
    UsageError
        If window or hop are no whole number of samples, or the hop is longer than the window.
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
        self._judge = Judge(settings.quality, self.channels, rate)
        self.clock = ClockMap(rate, hop, window % hop, settings.fill)
        """Where the gaps are, and what was lost."""
        self._filler = Filler(window)
        self._windower = Windower(window, hop, len(self.channels))
        self._segment = -1

    def feed(self, item: Item) -> Iterator[tuple[Window, Quality]]:
        """Take in one item; the caller must exhaust what is returned.

        Parameters
        ----------
        item : Chunk or ClockOffset
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
            return
        elif item.late:
            self.skip(len(item.samples))
        else:
            yield from self.push(item.samples, item.stamps)

    def offset(self, content: ClockOffset) -> None:
        """Take in a measured offset to the sender's clock."""
        self.clock.offset(content)

    def skip(self, n: int) -> None:
        """Count `n` samples that came too late to be shown as live; a new segment follows."""
        self.clock.skip(n)
        self._filler.skip(n)
        self._windower.skip(n)

    def push(
        self, samples: npt.NDArray[np.float32], stamps: npt.NDArray[np.float64]
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
        for run in self.clock.push(stamps):
            if run.segment != self._segment:
                self._segment = run.segment
                self._windower.restart()
                self._judge.restart()
            # A window ends where a block ends, hence with a time, and a run completes one at most.
            for cut in self._windower.push(self._filler.rows(samples, run)):
                assert run.t_end is not None
                done.append(self._content(cut, run.segment, run.t_end))
        return done

    def _content(self, cut: Cut, segment: int, t_end: float) -> tuple[Window, Quality]:
        lost = self._filler.lost(cut.first, len(cut.samples))
        clean = cut.samples.astype(np.float64)
        judged = self._judge.judge(cut.samples, clean, cut.n_new, lost=lost)
        window = Window(
            segment=segment,
            first_sample=cut.first,
            n_new=cut.n_new,
            t_first=t_end - (len(cut.samples) - 1) / self.rate,
            rate=self.rate,
            channels=self.channels,
            samples=cut.samples,
            bad=judged.bad,
            valid=not judged.reason,
            reason=judged.reason,
        )
        quality = Quality(
            t=window.t_last,
            overall=judged.overall,
            level=judged.level,
            channels=judged.channels,
            lost=judged.lost,
            artifacts=judged.artifacts,
            hints=judged.hints,
        )
        return window, quality
