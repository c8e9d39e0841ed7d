"""The gains for everything: the overall level, and stepping back while somebody speaks.

A raised cosine of T seconds between silence and full changes by at most 862/T dB a second where it
crosses −60 dB, and by 82/T from −20 dB on: a start of 4 s rises by 21 dB a second at most once it
can be heard beside anything else.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..settings import BLOCK, RATE

Frames = npt.NDArray[np.float32]

SILENCE_DB = -120.0


def decibels(gain: float) -> float:
    """Return a linear gain in dB, −120 for silence."""
    return max(SILENCE_DB, 20.0 * math.log10(gain)) if gain > 0.0 else SILENCE_DB


class Level:
    """One gain for everything, moving on raised cosines, never by a jump.

    Parameters
    ----------
    gain : float
        Linear gain at the beginning; silence unless said otherwise.
    """

    def __init__(self, gain: float = 0.0) -> None:
        self._from = self._to = gain
        self._start = self._end = 0
        self._index = np.arange(BLOCK, dtype=np.float64)
        self._curve = np.empty(BLOCK)
        self._gain = np.empty(BLOCK, dtype=np.float32)

    @property
    def end(self) -> int:
        """Frame at which the last ramp ends or ended."""
        return self._end

    @property
    def target(self) -> float:
        """Linear gain to which the last ramp goes or went."""
        return self._to

    def at(self, frame: int) -> float:
        """Return the linear gain at a frame not before the last ramp's start."""
        if frame >= self._end:
            return self._to
        share = (frame - self._start) / (self._end - self._start)
        return self._from + (self._to - self._from) * (1.0 - math.cos(math.pi * share)) / 2.0

    def sounding(self, frame: int) -> bool:
        """Return False where there is silence from a frame on."""
        return self._to > 0.0 or frame < self._end

    def move(self, frame: int, to: float, seconds: float) -> None:
        """Go to a linear gain from wherever the level is.

        Parameters
        ----------
        frame : int
            First frame of the ramp.
        to : float
            Linear gain.
        seconds : float
            Length of the ramp. A ramp to silence never puts off an earlier silence.
        """
        end = frame + round(seconds * RATE)
        if to == 0.0 and self._to == 0.0 and self._end <= end:
            return
        self._from, self._to = self.at(frame), to
        self._start, self._end = frame, end

    def apply(self, block: Frames, frame: int) -> None:
        """Scale a control block that begins with `frame`, in place."""
        if frame >= self._end:
            if self._to != 1.0:
                np.multiply(block, np.float32(self._to), out=block)
            return
        curve = self._curve
        length = self._end - self._start
        np.add(self._index, float(frame - self._start), out=curve)
        np.minimum(curve, float(length), out=curve)
        np.multiply(curve, math.pi / length, out=curve)
        np.cos(curve, out=curve)
        np.multiply(curve, -0.5 * (self._to - self._from), out=curve)
        np.add(curve, self._from + 0.5 * (self._to - self._from), out=curve)
        np.copyto(self._gain, curve, casting="same_kind")
        if self._end - frame < BLOCK:  # silence is to be silence, not what rounding leaves
            self._gain[self._end - frame :] = self._to
        np.multiply(block, self._gain[:, None], out=block)
