"""Noise with a planted leak, or without, for the tests of the detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from decoder.leaks.canary import noise_like
from decoder.table import Table
from tests.decoder.scoring.tables import HOP, Labels, table_of

PURGE = 4.0
"""Seconds."""


def files(
    labels: Labels,
    rows: int = 200,
    *,
    drift: float = 0.0,
    apart: float = 0.0,
    seed: int = 0,
    kept: float = 0.6,
) -> Table:
    """Return files of people: noise that drifts by `drift`, and lies `apart` from file to file."""
    table = table_of(labels, rows, n_features=6)
    x = noise_like(table.features, table.run, table.recording, np.random.default_rng(seed), kept)
    x[:, 0] += drift * table.first / (rows * HOP) + apart * (table.recording % 2)
    return replace(table, features=x)


def eeg_like(seconds: float, seed: int, n_channels: int = 4, rate: float = 64.0) -> np.ndarray:
    """Return 1/f noise with some that all channels share, shape (n_times, n_channels)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    white = rng.standard_normal((n, n_channels)) + rng.standard_normal((n, 1))
    bins = np.fft.rfft(white, axis=0)
    f = np.fft.rfftfreq(n, 1.0 / rate)
    bins *= (np.maximum(f, 1.0) ** -0.5)[:, None] * (f >= 1.0)[:, None]
    return 10.0 * np.fft.irfft(bins, n, axis=0)


def shares(found: Sequence[bool | None]) -> float:
    """Return how often something was found."""
    return sum(bool(one) for one in found) / len(found)
