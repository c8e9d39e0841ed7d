"""Cuts a signal into windows of fixed length and hop (pure)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import UsageError


class Cut(NamedTuple):
    """One window's samples and their place."""

    first: int
    """Sample counter of the first sample."""
    n_new: int
    """Samples that no earlier window held."""
    samples: npt.NDArray[np.float32]
    """Array of shape (n_times, n_channels), a copy, not writeable."""


class Windower:
    """Keeps the newest samples and cuts a window out of them whenever one is due.

    The first window ends `window` samples after a segment's beginning, each later one `hop` samples
    after the one before. No window spans two segments.

    Parameters
    ----------
    window : int
        Length of a window in samples.
    hop : int
        Samples between two windows, at most `window`.
    n_channels : int
        Columns of the signal.
    """

    def __init__(self, window: int, hop: int, n_channels: int) -> None:
        self._window = window
        self._hop = hop
        # Twice a window: the newest are moved to the front only once in many chunks.
        self._kept = np.empty((2 * window + hop, n_channels), np.float32)
        self.count = 0
        self.restart()

    def restart(self) -> None:
        """Begin a segment with the next sample."""
        self._held = 0
        self._due = self._window
        self._first_of_segment = True

    def skip(self, n: int) -> None:
        """Count `n` samples that no window may hold."""
        self.count += n
        self.restart()

    def push(self, samples: npt.NDArray[np.float32]) -> list[Cut]:
        """Take in samples of one segment.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            Any number of them.

        Returns
        -------
        list of Cut
            The windows that they completed, oldest first.
        """
        cuts: list[Cut] = []
        while len(samples):
            n = min(self._due, len(samples))
            self._keep(samples[:n])
            samples = samples[n:]
            self._due -= n
            if self._due == 0:
                cuts.append(self._cut())
                self._due = self._hop
        return cuts

    def _keep(self, samples: npt.NDArray[np.float32]) -> None:
        n = len(samples)
        if self._held + n > len(self._kept):
            self._kept[: self._window] = self._kept[self._held - self._window : self._held]
            self._held = self._window
        self._kept[self._held : self._held + n] = samples
        self._held += n
        self.count += n

    def _cut(self) -> Cut:
        samples = self._kept[self._held - self._window : self._held].copy()
        samples.flags.writeable = False
        n_new = self._window if self._first_of_segment else self._hop
        self._first_of_segment = False
        return Cut(self.count - self._window, n_new, samples)


def samples_of(seconds: float, rate: float, what: str) -> int:
    """Return a duration as a number of samples.

    Parameters
    ----------
    seconds : float
        Duration in seconds.
    rate : float
        Samples per second.
    what : str
        What the duration is, for the error.

    Raises
    ------
    UsageError
        If the nearest number of samples is more than 1 % off, or none at all.
    """
    n = round(seconds * rate)
    if abs(n / rate - seconds) > 0.01 * seconds:
        raise UsageError(
            f"{what} is {seconds} s, but {n} samples at {rate:g} Hz last {n / rate:.4g} s.",
            "Choose a duration that is a whole number of samples.",
            wanted=seconds,
            possible=n / rate,
        )
    return n
