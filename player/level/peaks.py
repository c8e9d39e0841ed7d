"""What a sound reaches between its samples: 4× oversampled peaks (ITU-R BS.1770-4, Annex 2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from ..settings import BLOCK

Frames = npt.NDArray[np.float32]

_FIRST = (
    0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875,
    0.1373291015625, 0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250,
    0.0148925781250, -0.0083007812500,
)  # fmt: skip
_SECOND = (
    -0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500,
    0.4650878906250, 0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625,
    0.0330810546875, -0.0189208984375,
)  # fmt: skip
PHASES = np.array([_FIRST, _SECOND, _SECOND[::-1], _FIRST[::-1]])
"""The Annex's filter, shape (4, 12): its other two phases are the first two backwards."""
TAPS = PHASES.shape[1]
LAG = TAPS // 2
"""Frames by which what lies between two samples is known later than the first of them."""
BOUND = float(np.abs(PHASES).sum(axis=1).max())
"""No value between samples is more than this many times the largest sample around it: 2.02."""


class Peaks:
    """Largest absolute value per step, at and between samples, of a sound that comes in blocks.

    Parameters
    ----------
    step : int
        Frames of a step; 480 is a multiple of it.
    """

    def __init__(self, step: int) -> None:
        self._sound = np.zeros((2, TAPS - 1 + BLOCK), dtype=np.float32)
        channel, sample = self._sound.strides
        # Every run of 12 samples, as one array without a copy.
        self._runs = as_strided(self._sound, (2, BLOCK, TAPS), (channel, sample, sample))
        self._filter = np.ascontiguousarray(PHASES[:, ::-1].T, dtype=np.float32)
        self._between = np.empty((2, BLOCK, len(PHASES)), dtype=np.float32)
        self._abs = np.empty((2, BLOCK), dtype=np.float32)
        shape = (2, BLOCK // step)
        self._at = self._abs.reshape(*shape, step)
        self._beside = self._between.reshape(*shape, len(PHASES) * step)
        self._found, self._more = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self._peaks = np.empty(shape[1], dtype=np.float32)

    def take(self, block: Frames, least: float) -> Frames:
        """Return the peaks of a control block that is `LAG` frames older than this one.

        Parameters
        ----------
        block : array of shape (480, 2)
            What comes next.
        least : float
            Peaks that are surely not above it are those of the samples alone: what lies between
            them is then not looked for.

        Returns
        -------
        array of shape (480 / step,)
            One a step, of both channels together; overwritten by the next call.
        """
        sound, carried = self._sound, TAPS - 1
        sound[:, carried:] = block.T
        np.abs(sound[:, LAG - 1 : LAG - 1 + BLOCK], out=self._abs)
        np.max(self._at, axis=2, out=self._found)
        around = max(float(sound.max()), -float(sound.min()))
        if around * BOUND > least:
            np.matmul(self._runs, self._filter, out=self._between)
            np.abs(self._between, out=self._between)
            np.max(self._beside, axis=2, out=self._more)
            np.maximum(self._found, self._more, out=self._found)
        np.max(self._found, axis=0, out=self._peaks)
        sound[:, :carried] = sound[:, BLOCK:]
        return self._peaks
