"""From the music's rate to a device's own (adapter of soxr).

soxr's stream takes blocks of any size and gives what one call over the whole would, delayed by what
its filter looks ahead; its n-th frame belongs to the time n / rate of what went in, so that counted
frames stay true without a correction. What the filter still holds back has not left for the device
and counts as rendered ahead. scipy's `resample_poly` has no such stream, and a polyphase filter of
our own would be a second implementation of what soxr is known for.
"""

from __future__ import annotations

import numpy as np
import soxr

from ..settings import RATE
from .sink import Frames


class Resampler:
    """Brings stereo or mono blocks from one rate to another.

    Parameters
    ----------
    rate : float
        Frames per second that come out.
    source : float
        Frames per second that go in.
    channels : int
        Of both.
    """

    def __init__(self, rate: float, source: float = RATE, channels: int = 2) -> None:
        # HQ: within 0.01 dB up to 0.91 of the lower rate's half, 120 dB of rejection.
        self._stream = soxr.ResampleStream(source, rate, channels, dtype="float32", quality="HQ")

    def process(self, block: Frames) -> Frames:
        """Return the frames that are ready, none at first."""
        return np.asarray(self._stream.resample_chunk(block), dtype=np.float32)
