"""The limiter: the last thing before the ear.

The clips were measured 4× oversampled when the bank was built. What is not known beforehand is
their sum while a fade runs, and that is what is held down here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..settings import BLOCK
from .peaks import LAG, Peaks

Frames = npt.NDArray[np.float32]

SUB = 48
"""Frames of one step of the limiter, 1 ms."""
LOOK = 4
"""Steps over which the gain comes down before a peak."""
DELAY = (LOOK + 1) * SUB + LAG
"""Frames by which the limiter holds sound back, 5.1 ms."""
CEILING = 10.0 ** (-1.8 / 20.0)
"""Largest 4× oversampled value, so that ffmpeg's meter, which looks closer, finds at most −1 dBTP.

Its excess over ours was measured on sound 5 dB too loud: sines at a quarter of the rate 0.0 dB, a
square wave of 1 kHz 0.1, bursts of squares 0.2, white noise 0.4, bursts of 9 kHz squares 0.7. The
filter of the standard reads too little where there is much close to half the rate; a random ±1 per
sample is the worst there is (1.2) and no music."""
RELEASE = 0.005
"""Gain that comes back per step: from half to full in 0.1 s."""


class Limiter:
    """Look-ahead limiter of 4× oversampled peaks, in steps of 1 ms.

    For every step j with peak p_j the wanted gain is d_j = min(1, ceiling/p_j). The gain at the
    border of j is the mean over the last five of the least d within reach, never more than
    `RELEASE` above the one before; between borders it is a straight line. Each mean holds only
    values ≤ both neighbours' d, so nothing leaves above the ceiling, and the gain comes down in a
    line of 5 ms instead of a step.
    """

    def __init__(self) -> None:
        self._held = np.zeros((DELAY + BLOCK, 2), dtype=np.float32)
        self._peaks = Peaks(SUB)
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
        for peak in self._peaks.take(block, CEILING).tolist():
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
