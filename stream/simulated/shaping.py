"""Filters that give noise the spectrum of a head's signals.

A file of its own: scipy takes a second to be imported, which whoever only names a simulated sender
in its settings should not wait for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal


class Filter:
    """A causal filter over rows that keeps its state from block to block."""

    def __init__(self, sos: npt.NDArray[np.float64], n_rows: int) -> None:
        self._sos = sos
        self._state = np.zeros((len(sos), n_rows, 2))

    def __call__(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the filtered rows, same shape."""
        out, self._state = signal.sosfilt(self._sos, rows, axis=-1, zi=self._state)
        return out


def pink(rate: float) -> npt.NDArray[np.float64]:
    """Return sections whose power falls as 1/f from 0.3 to 100 Hz.

    Poles and zeros alternate on the logarithmic axis, the classical approximation of a slope of
    −10 dB per decade (Oldham and Spanier, The Fractional Calculus, 1974).
    """
    poles = -2 * np.pi * 0.3 * 10.0 ** np.arange(0.0, 3.0, 0.5)
    zeros = poles[:-1] * 10.0**0.25
    digital = signal.bilinear_zpk(zeros, poles, 1.0, fs=rate)
    sos: npt.NDArray[np.float64] = signal.zpk2sos(*digital)
    _, response = signal.sosfreqz(sos, worN=[10.0], fs=rate)
    # White noise of SD 1 has 2 / rate per Hz; 1 µV²/Hz at 10 Hz is wanted.
    sos[0, :3] *= np.sqrt(rate / 2) / np.abs(response[0])
    return sos


def unit(sos: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return sections scaled so that white noise of SD 1 comes out with SD 1."""
    impulse = signal.sosfilt(sos, np.r_[1.0, np.zeros(5000)])
    sos[0, :3] /= np.sqrt(np.sum(impulse**2))
    return sos


def band(edges: tuple[float, float], rate: float) -> npt.NDArray[np.float64]:
    """Return sections of a band between two edges in Hz."""
    sos: npt.NDArray[np.float64] = signal.butter(1, edges, "bandpass", fs=rate, output="sos")
    return sos
