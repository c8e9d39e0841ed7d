"""Overall level, and the limiter that is the last thing before the ear."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..settings import BLOCK, RATE

Frames = npt.NDArray[np.float32]

SUB = 48
"""Frames of one step of the limiter, 1 ms."""
LOOK = 4
"""Steps over which the gain comes down before a peak."""
DELAY = (LOOK + 1) * SUB
"""Frames by which the limiter holds sound back, 5 ms."""
CEILING = 10.0 ** (-1.5 / 20.0)
"""Largest sample: 0.5 dB below −1 dBTP, for what lies between samples. The clips themselves were
measured 4× oversampled when the bank was built; only their sum is not."""
RELEASE = 0.005
"""Gain that comes back per step: from half to full in 0.1 s."""
SILENCE_DB = -120.0


class Level:
    """One gain for everything, moving on raised cosines, never by a jump."""

    def __init__(self) -> None:
        self._from = self._to = 0.0
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

    def db(self, frame: int) -> float:
        """Return the level at a frame in dB, −120 for silence."""
        gain = self.at(frame)
        return max(SILENCE_DB, 20.0 * math.log10(gain)) if gain > 0.0 else SILENCE_DB

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


class Limiter:
    """Look-ahead peak limiter in steps of 1 ms.

    For every step j with peak p_j the wanted gain is d_j = min(1, ceiling/p_j). The gain at the
    border of j is the mean over the last five of the least d within reach, never more than
    `RELEASE` above the one before; between borders it is a straight line. Each mean holds only
    values ≤ both neighbours' d, so no sample leaves above the ceiling, and the gain comes down in a
    line of 5 ms instead of a step.
    """

    def __init__(self) -> None:
        self._held = np.zeros((DELAY + BLOCK, 2), dtype=np.float32)
        self._abs = np.empty((BLOCK, 2), dtype=np.float32)
        self._peaks = np.empty(BLOCK // SUB, dtype=np.float32)
        self._wanted = [1.0] * (2 * LOOK + 2)
        self._gain = 1.0
        self._line = (np.arange(SUB, dtype=np.float32) / SUB)[:, None]
        self._curve = np.empty((SUB, 1), dtype=np.float32)

    def process(self, block: Frames, out: Frames) -> None:
        """Take in a control block and give out the frames `DELAY` earlier.

        Parameters
        ----------
        block, out : array of shape (480, 2)
            What comes in and, in other memory, what goes out.
        """
        held, steps = self._held, BLOCK // SUB
        held[DELAY:] = block
        np.abs(block, out=self._abs)
        np.max(self._abs.reshape(steps, 2 * SUB), axis=1, out=self._peaks)
        for j in range(steps):
            peak = float(self._peaks[j])
            self._wanted.append(CEILING / peak if peak > CEILING else 1.0)
        out[:] = held[:BLOCK]
        if self._gain < 1.0 or min(self._wanted) < 1.0:
            self._hold_down(out, steps)
        del self._wanted[:steps]
        held[:DELAY] = held[BLOCK:]

    def _hold_down(self, out: Frames, steps: int) -> None:
        """Scale what goes out; its step j is the one of `_wanted[LOOK + 1 + j]`."""
        low = [min(self._wanted[k : k + LOOK + 2]) for k in range(steps + LOOK + 1)]
        for j in range(steps):
            mean = sum(low[j + 1 : j + LOOK + 2]) / (LOOK + 1)
            gain = min(mean, self._gain + RELEASE, 1.0)
            np.multiply(self._line, np.float32(gain - self._gain), out=self._curve)
            np.add(self._curve, np.float32(self._gain), out=self._curve)
            step = out[j * SUB : (j + 1) * SUB]
            np.multiply(step, self._curve, out=step)
            self._gain = gain
