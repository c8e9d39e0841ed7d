"""Rows of many people, sessions and files, laid out for evaluation (pure).

One row is one window's features. What is learned from and scored are *usable* rows: the newest of
ten that follow one another. A `Table` says of every row whose it is, which file it lies in, which
label it bears, and which *unit* it belongs to: the smallest thing whose labels could have been
dealt otherwise (a file, a trial, an episode of a key). Nulls are drawn over units, never over rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .embedding import FIELD
from .features import Band

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Table:
    """All rows of a data set, in order of recording and time. −1 is "none" in every column of ints.

    Rows of one recording stand together; numbers of people, sessions, recordings, units, stimuli
    count from 0 over the whole table.
    """

    features: Array
    """Log band power, shape (n, n_channels * n_bands), a channel's bands together; NaN where a
    channel was bad."""
    label: Ints
    """Class of every row, 0…C−1, shape (n,)."""
    person: Ints
    session: Ints
    recording: Ints
    unit: Ints
    """Exchangeable unit; all labelled rows of one unit bear one label."""
    stimulus: Ints
    audible: Ints
    """What was heard: 0 negative, 1 neutral, 2 positive, −1 silence or unknown."""
    first: Ints
    """Number of the window's first sample in its recording."""
    t: Array
    """Time of the window's newest sample in seconds, on one axis per session."""
    run: Ints
    """Rows of one number follow one another without a hole."""
    usable: Bools
    """Rows that may be learned from and scored, as the newest of their ten."""
    baseline: Bools
    """Rows that a person's z-score is measured on; never usable."""
    states: tuple[str, ...]
    """Names of the classes."""
    people: tuple[str, ...]
    sessions: tuple[str, ...]
    recordings: tuple[str, ...]
    channels: tuple[str, ...]
    bands: tuple[Band, ...]
    rate: float
    """Samples per second."""
    n_times: int
    """Samples of a window."""
    hop: int
    """Samples from one window to the next."""
    muscle: Array = field(default_factory=lambda: np.zeros((0, 0)))
    """Log power in 20–45 Hz, shape (n, n_channels), or (0, 0) where it was not made."""
    motor: Array = field(default_factory=lambda: np.zeros((0, 0)))
    """Log power in 8–30 Hz, shape (n, n_channels), or (0, 0)."""
    covariance: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, 0, 0), dtype=np.float32)
    )
    """Of each window's samples in µV², shape (n, n_channels, n_channels), or (0, 0, 0)."""

    stood_in: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    """Rows for which the mean of the clean ones before stands in, shape (n,), or (0,) for none."""
    samples: tuple[npt.NDArray[np.float32], ...] = ()
    """Of every recording, conditioned, in µV, shape (n_samples, n_channels); row i's window is
    `first[i]` and the `n_times - 1` after it. NaN where no usable window holds a sample, or the
    channel was bad. Empty where they were not kept: only the small network looks at them."""

    def __len__(self) -> int:
        return len(self.label)

    @property
    def n_states(self) -> int:
        """Number of classes."""
        return len(self.states)

    @property
    def newest(self) -> Ints:
        """Indices of the usable rows."""
        return np.flatnonzero(self.usable)

    @property
    def reach(self) -> int:
        """Samples that one answer rests on at most: a window and the nine hops before it.

        And nine more where rows are stood in for: the oldest of the ten may be one of them, and
        what stands in for it comes from the nine before.
        """
        n_hops = (FIELD - 1) * (2 if self.stood_in.any() else 1)
        return self.n_times + n_hops * self.hop

    @property
    def field_seconds(self) -> float:
        """Seconds of signal that one answer rests on at most, see `reach`."""
        return self.reach / self.rate
