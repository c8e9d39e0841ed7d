"""When filters that remember what was no EEG at all are to begin anew (pure)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from ..montage import is_scalp
from ..quality.measures import robust_sd
from ..settings import QualitySettings


class Recovery:
    """Sees the signal come back after no channel could be used.

    Samples in another unit, or a rail on every channel, stay in a high-pass at 0.5 Hz for 6 to 9 s.
    Filters that begin anew with good samples need none of that: they start as if the first of them
    had always been there.

    The newest hop of a window tells, raw: what the filters make of it is what is in doubt. Filters
    begin anew once for every time that it was implausible, so that electrodes that stay bad for
    another reason do not cut the signal into pieces.

    Parameters
    ----------
    settings : QualitySettings
        Plausible levels.
    channels : sequence of str
        Names of the columns.
    hop : int
        Samples from one window to the next.
    """

    def __init__(self, settings: QualitySettings, channels: Sequence[str], hop: int) -> None:
        self._settings = settings
        self._scalp = [i for i, name in enumerate(channels) if is_scalp(name)]
        self._hop = hop
        self._spoiled = False

    def push(self, raw: npt.NDArray[np.float32], bad: Collection[str]) -> bool:
        """Return whether a segment is to begin behind a window.

        Parameters
        ----------
        raw : array of shape (n_times, n_channels)
            The window's samples as they came, in µV.
        bad : collection of str
            Scalp channels that cannot be trusted in it.
        """
        if not self._scalp or len(bad) < len(self._scalp):
            self._spoiled = False
            return False
        plausible = self._plausible(raw[-self._hop :, self._scalp].astype(np.float64))
        anew = plausible and self._spoiled
        self._spoiled = not plausible
        return anew

    def _plausible(self, newest: npt.NDArray[np.float64]) -> bool:
        """Return whether the level of the median channel can be one of EEG."""
        known = newest[:, np.isfinite(newest).all(axis=0)]
        # What is no number counts as a level of 0.
        levels = np.zeros(newest.shape[1])
        if known.size:
            levels[: known.shape[1]] = robust_sd(known)
        level = float(np.median(levels))
        return self._settings.level_low <= level <= self._settings.level_high
