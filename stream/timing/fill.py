"""Small losses filled with straight lines, and where they are (pure)."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from .clockmap import Run


class Filler:
    """Puts a run's samples together, those that were lost included.

    A lost sample lies on the straight line between the last sample before the loss and the first
    one behind it, in every channel.

    Parameters
    ----------
    keep : int
        Samples back to which it is remembered which ones were filled.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._before: npt.NDArray[np.float64] | None = None
        self._filled: deque[tuple[int, int]] = deque()
        self.count = 0

    def skip(self, n: int) -> None:
        """Count `n` samples that are passed over."""
        self.count += n

    def rows(self, samples: npt.NDArray[np.float32], run: Run) -> npt.NDArray[np.float32]:
        """Return the samples of one run.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            Those of the push that gave the run.
        run : Run
            Next in order.

        Returns
        -------
        array of shape (run.fill + run.stop - run.start, n_channels)
            First what was lost, then what came; a view where nothing was lost.
        """
        rows = samples[run.start : run.stop]
        if run.fill:
            rows = np.concatenate([self._line(samples[run.start], run), rows])
            self._note(run.fill)
        self.count += len(rows)
        if run.stop > run.start:
            self._before = rows[-1].astype(np.float64)
        return rows

    def lost(self, first: int, n: int) -> int:
        """Return how many of the `n` samples from counter `first` on were filled in."""
        return sum(
            max(0, min(start + size, first + n) - max(start, first)) for start, size in self._filled
        )

    def _line(self, ahead: npt.NDArray[np.float32], run: Run) -> npt.NDArray[np.float32]:
        assert self._before is not None  # no segment begins with a fill
        line = np.empty((run.fill, len(ahead)), np.float32)
        value = self._before
        # Step by step, so that a loss that two runs share gives what one run would give.
        for k in range(run.fill):
            value = value + (ahead - value) / (run.fill_left - k + 1)
            line[k] = value
        self._before = value
        return line

    def _note(self, n: int) -> None:
        while self._filled and sum(self._filled[0]) <= self.count - self._keep:
            self._filled.popleft()
        self._filled.append((self.count, n))
