"""What comes in, in the order in which it came: samples, clock offsets, and the device's own notes.

The same items, in the same order, are recorded, shown live and replayed.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rym.messages import ClockOffset

SideKind = Literal["accelerometer", "quality", "markers"]


class Chunk(NamedTuple):
    """Samples as they arrived."""

    samples: npt.NDArray[np.float32]
    """Array of shape (n_times, n_channels), µV."""
    stamps: npt.NDArray[np.float64]
    """Array of shape (n_times,), raw, on the sender's clock, in seconds."""
    late: bool = False
    """True for backlog, and for stamps that lie in the future: recorded, never shown as live."""


class Side(NamedTuple):
    """Samples of another stream of the same device, on the same clock as the EEG."""

    kind: SideKind
    samples: npt.NDArray[np.float32]
    """Array of shape (n_times, n_columns): acceleration in mm/s² (3 columns), NIC's quality index
    of every channel (0 good to 1 bad), or trigger codes (1 column)."""
    stamps: npt.NDArray[np.float64]
    """Array of shape (n_times,), raw, on the sender's clock, in seconds."""


Item = Chunk | ClockOffset | Side


def split_late(chunk: Chunk, oldest: float, newest: float = math.inf) -> list[Chunk]:
    """Cut a chunk where that ends which cannot be of now.

    Parameters
    ----------
    chunk : Chunk
        As it arrived.
    oldest : float
        Raw stamp in seconds before which samples are backlog.
    newest : float
        Raw stamp in seconds after which they lie in the future: the sender's clock was set.

    Returns
    -------
    list of Chunk
        Up to two, none of them empty: what is not of now, and what is live.
    """
    late = np.flatnonzero((chunk.stamps < oldest) | (chunk.stamps > newest))
    if len(chunk.stamps) and not len(late):
        return [chunk]
    n = int(late[-1]) + 1 if len(late) else 0
    parts = [
        Chunk(chunk.samples[:n], chunk.stamps[:n], late=True),
        Chunk(chunk.samples[n:], chunk.stamps[n:]),
    ]
    return [part for part in parts if len(part.samples)]
