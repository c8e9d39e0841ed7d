"""How loud a second of what is given out is: K-weighted, A-weighted, and its peak between samples.

Both weightings are taken on the spectrum of the whole second. That treats the second as if it came
round again, which no filter would; the jump between its two ends weighs less than 0.1 dB but for
tones below 60 Hz alone. A filter in the time domain costs a Python loop or another library here.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rym.messages import Loudness

from ..settings import BLOCK, RATE
from .gain import SILENCE_DB
from .peaks import Peaks

Frames = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]

SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285),
         (1.0, -1.69065929318241, 0.73248077421585))  # fmt: skip
HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
"""The two filters of ITU-R BS.1770-4, Annex 1, for 48 kHz: numerator and denominator."""
OFFSET = -0.691
"""LUFS of a mean square of 1 (BS.1770-4)."""
CORNERS = (20.598997, 107.65265, 737.86223, 12194.217)
"""Hz; of the A-weighting (IEC 61672-1, Annex E)."""


def k_weights(hz: Array) -> Array:
    """Return the power by which BS.1770-4 weighs each frequency, at 48 kHz."""
    z = np.exp(-2j * np.pi * hz / RATE)
    gain = np.ones_like(z)
    for above, below in (SHELF, HIGH_PASS):
        gain *= np.polyval(above[::-1], z) / np.polyval(below[::-1], z)
    return np.asarray(np.abs(gain) ** 2)


def a_weights(hz: Array) -> Array:
    """Return the power by which IEC 61672-1 weighs each frequency; 1 at 1 kHz."""

    def power(f: Array) -> Array:
        a, b, c, d = (corner**2 for corner in CORNERS)
        f2 = f**2
        return d**2 * f2**4 / ((f2 + a) ** 2 * (f2 + b) * (f2 + c) * (f2 + d) ** 2)

    return power(hz) / power(np.array(1000.0))


def in_db(power: float) -> float:
    """Return a power in dB, −120 for silence."""
    return max(SILENCE_DB, 10.0 * math.log10(power)) if power > 0.0 else SILENCE_DB


class Meter:
    """Measures second by second what comes in control blocks.

    Parameters
    ----------
    skip : int
        Frames of the first block that nobody gets: those of the limiter's delay. So the first
        stretch is that much shorter than a second.
    """

    def __init__(self, skip: int = 0) -> None:
        hz = np.arange(RATE // 2 + 1, dtype=np.float64)
        # Power of both halves of the spectrum, as a mean square per sample.
        whole = np.full(hz.shape, 2.0 / RATE**2)
        whole[[0, -1]] = 1.0 / RATE**2
        weights = [k_weights(hz) * whole, a_weights(hz) * whole]
        self._weights = np.stack(weights, axis=1).astype(np.float32)
        self._kept = np.zeros((2, RATE), dtype=np.float32)
        self._spectrum = np.empty((2, len(hz)), dtype=np.complex64)
        self._power = np.empty((2, len(hz)), dtype=np.float32)
        self._at, self._frame, self._skip = 0, -skip, skip
        self._peaks, self._peak = Peaks(BLOCK), 0.0

    def take(self, block: Frames) -> Loudness | None:
        """Take in a control block; return how loud the second was that it completes.

        Parameters
        ----------
        block : array of shape (480, 2)
            What is given out.
        """
        self._kept[:, self._at : self._at + BLOCK] = block.T
        # A block that cannot hold this second's highest peak need not be looked at closely.
        self._peak = max(self._peak, float(self._peaks.take(block, self._peak)[0]))
        self._at += BLOCK
        if self._at < RATE:
            return None
        said = self._measure()
        self._frame += RATE
        self._at, self._skip, self._peak = 0, 0, 0.0
        return said

    def _measure(self) -> Loudness:
        # NumPy's stubs know spectra of doubles only; singles are transformed as such.
        np.fft.rfft(self._kept, axis=1, out=self._spectrum)  # type: ignore[arg-type]
        np.square(self._spectrum.real, out=self._power)
        self._power += np.square(self._spectrum.imag)
        n = RATE - self._skip
        k, a = (self._power @ self._weights).T.astype(float) * (RATE / n)
        # What counts for an ear is the louder channel: nobody hears with the mean of both.
        return Loudness(
            frame=self._frame + self._skip,
            n_frames=n,
            lufs=round(max(SILENCE_DB, OFFSET + in_db(float(k.sum()))), 2),
            level_dba=round(in_db(2.0 * float(a.max())), 2),
            peak_dbtp=round(2.0 * in_db(self._peak), 2) if self._peak > 1e-6 else SILENCE_DB,
        )


def loudness(sound: Frames) -> Loudness:
    """Return how loud a sound of whole seconds is.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
        Linear; what is more than a whole second is left out.

    Raises
    ------
    ValueError
        If it is shorter than a second.
    """
    meter = Meter()
    said = [
        second
        for begin in range(0, len(sound) // RATE * RATE, BLOCK)
        if (second := meter.take(sound[begin : begin + BLOCK])) is not None
    ]
    if not said:
        raise ValueError(f"{len(sound)} frames are less than a second.")

    def mean(name: str) -> float:
        powers = [10.0 ** (getattr(second, name) / 10.0) for second in said]
        return round(in_db(sum(powers) / len(powers)), 2)

    return Loudness(
        frame=0,
        n_frames=len(said) * RATE,
        lufs=mean("lufs"),
        level_dba=mean("level_dba"),
        peak_dbtp=max(second.peak_dbtp for second in said),
    )
