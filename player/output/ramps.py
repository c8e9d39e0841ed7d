"""Short ramps of what goes to a device; the recording of what was given out has none (pure)."""

from __future__ import annotations

import numpy as np

from ..settings import BLOCK, RATE
from .sink import Frames

GAP = BLOCK
"""Frames in which sound comes up after an interruption, 10 ms: too short to be heard as a swell,
long enough to be no click."""


class Rise:
    """Brings blocks up from silence on a raised cosine.

    There is no fall before an interruption: it is known only once the device has found nothing.
    """

    def __init__(self) -> None:
        self._at = self._length = 0

    def begin(self, seconds: float = GAP / RATE) -> None:
        """Begin at silence with the next block; a longer rise that is under way begins anew."""
        left = self._length - self._at
        self._length = max(1, round(seconds * RATE), self._length if left > 0 else 0)
        self._at = 0

    def apply(self, block: Frames) -> Frames:
        """Return the block, or a copy of it under the ramp."""
        if self._at >= self._length:
            return block
        shares = np.minimum((self._at + np.arange(len(block))) / self._length, 1.0)
        self._at += len(block)
        gains = (0.5 - 0.5 * np.cos(np.pi * shares)).astype(np.float32)
        return block * gains[:, None]


def crossed(before: Frames, after: Frames) -> Frames:
    """Return a block that goes from `before` over to `after` on a raised cosine."""
    share = (0.5 - 0.5 * np.cos(np.pi * np.arange(len(after)) / len(after))).astype(np.float32)
    return before + (after - before) * share[:, None]
