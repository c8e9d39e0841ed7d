"""What happens to samples on their way into windows: filters, and artifacts taken out (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..settings import ConditioningSettings
from ..windows import Cut
from .asr import Delay, SubspaceCleaner
from .filters import Conditioner

Samples = npt.NDArray[np.float32]


class Rows(NamedTuple):
    """The same samples in three states; all of one length."""

    raw: Samples
    """As they came."""
    filtered: Samples
    """Behind the filters: what quality is judged on, since reconstruction hides what was wrong."""
    clean: Samples
    """What windows carry; the very same array as `filtered` without reconstruction."""


class Conditioning:
    """Filters, and artifact subspace reconstruction where it is asked for.

    Reconstruction gives samples out later. Raw and filtered ones then wait as long, so that a
    window and its quality are about the same samples.

    Parameters
    ----------
    settings : ConditioningSettings
        Which filters, and from which cutoff on artifacts are taken out.
    rate : float
        Samples per second.
    channels : sequence of str
        Names of the columns.
    window : int
        Length of a window in samples.
    """

    def __init__(
        self, settings: ConditioningSettings, rate: float, channels: Sequence[str], window: int
    ) -> None:
        self._filters = Conditioner(settings, rate, len(channels))
        self.description = self._filters.description
        """Filters and reference in short."""
        self._cleaner: SubspaceCleaner | None = None
        self.n_delay = 0
        """Samples by which all that is given out is late."""
        if settings.asr:
            self._cleaner = SubspaceCleaner(settings, rate, channels, window)
            self.n_delay = self._cleaner.n_delay
            n = len(channels)
            self._raw = Delay(self.n_delay, n, np.float32)
            self._filtered = Delay(self.n_delay, n, np.float64)

    @property
    def pending(self) -> int:
        """Samples of the segment that went in and did not come out."""
        return 0 if self._cleaner is None else self._cleaner.pending

    @property
    def removed(self) -> float | None:
        """Share of the newest window's power that was taken out; None without reconstruction."""
        return None if self._cleaner is None else self._cleaner.removed

    def group_delay(self, hz: float = 10.0) -> float:
        """Return by how much the filters delay a slow change of a rhythm, in seconds."""
        return self._filters.group_delay(hz)

    def restart(self) -> None:
        """Begin a segment with the next sample; what is pending never comes out."""
        self._filters.restart()
        if self._cleaner is not None:
            self._cleaner.restart()
            self._raw.restart()
            self._filtered.restart()

    def push(self, samples: Samples) -> Rows:
        """Take in samples and give out those that are due.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            In µV.
        """
        filtered = self._filters.push(samples)
        if self._cleaner is None:
            narrow = filtered.astype(np.float32)
            return Rows(samples, narrow, narrow)
        clean = self._cleaner.push(filtered)
        return Rows(
            self._raw.push(samples),
            self._filtered.push(filtered).astype(np.float32),
            clean.astype(np.float32),
        )

    def learn(self, cut: Cut, bad: Sequence[str]) -> None:
        """Take a valid window in, of which reconstruction learns what rest looks like."""
        if self._cleaner is not None:
            self._cleaner.learn(cut.samples, cut.n_new, bad)
