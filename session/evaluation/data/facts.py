"""What is known of a recording as a file, before any filter of ours: leak detectors look at it.

Two files that were filtered differently, or that hold the same minutes, can be told apart or
recognized whatever the state of the person; rows of features no longer show why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import signal

Array = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

LOWEST = 1.0
"""Hz from which the spectrum is kept: below, drift and electrode offsets say nothing of filters."""
SPECTRUM_S = 2.0
"""Seconds of one piece of the spectrum, which gives steps of 0.5 Hz."""
TRACE_RATE = 64.0
"""Samples per second that the trace has at most."""


@dataclass(frozen=True, eq=False)
class RecordingFacts:
    """One recording as its file holds it; `Table.recordings` stand in the same order."""

    name: str
    """Path below the data set's folder, as in `Table.recordings`."""
    person: str
    session: str
    state: str
    """The state of the whole recording; empty where it holds several, or none."""
    sha256: str
    """Of the file's content; hex."""
    duration: float
    """Seconds of samples, gaps not counted."""
    n_gaps: int
    rate: float
    """Samples per second."""
    channels: tuple[str, ...]
    """Scalp channels, those left out of the table included; columns of `power` and `trace`."""
    filters: dict[str, str]
    """What the format declares of filters, by what the format calls it; empty where it is mute."""
    frequencies: Array
    """From 1 Hz to half the rate, shape (n_frequencies,)."""
    power: Array
    """Power density of the signal as recorded in µV²/Hz, shape (n_frequencies, n_channels); the
    median over pieces of 2 s. NaN where no piece is whole."""
    trace: Samples
    """The signal above 1 Hz in µV with fewer samples, shape (n_times, n_channels); gaps closed."""
    trace_rate: float
    """Samples per second of `trace`, 64 at most."""
    notes: tuple[str, ...] = ()
    """What the reader warned of."""


def spectrum(samples: Samples, rate: float, breaks: Sequence[int] = ()) -> tuple[Array, Array]:
    """Return the power density of a recording.

    The median over pieces, not the mean: a clenched jaw of two seconds would otherwise stand for
    the whole file at all frequencies above 20 Hz.

    Parameters
    ----------
    samples : array of shape (n_times, n_channels)
        In µV; NaN where a value is missing.
    rate : float
        Samples per second.
    breaks : sequence of int
        Samples before which there is a gap; no piece spans one.

    Returns
    -------
    frequencies : array of shape (n_frequencies,)
        In Hz, from 1 to half the rate.
    power : array of shape (n_frequencies, n_channels)
        In µV²/Hz; NaN where no piece is whole.
    """
    size = max(8, round(SPECTRUM_S * rate))
    frequencies: Array = np.fft.rfftfreq(size, 1.0 / rate).astype(np.float64)
    kept = frequencies >= LOWEST
    frequencies = frequencies[kept]
    starts = _pieces(len(samples), size, breaks)
    if not starts or not samples.shape[1]:
        return frequencies, np.full((len(frequencies), samples.shape[1]), np.nan)
    taper = signal.get_window("hann", size)
    scale = 2.0 / (rate * float((taper**2).sum()))
    power = np.empty((len(starts), len(frequencies), samples.shape[1]))
    for i, at in enumerate(starts):
        piece = signal.detrend(_whole(samples[at : at + size]), axis=0)
        bins = np.fft.rfft(piece * taper[:, None], axis=0)[kept]
        power[i] = scale * (bins.real**2 + bins.imag**2)
        power[i][:, ~np.isfinite(samples[at : at + size]).all(axis=0)] = np.nan
    known = np.isfinite(power).any(axis=(0, 1))
    middle = np.full(power.shape[1:], np.nan)
    # The median of an exponential variable is ln 2 of its mean.
    middle[:, known] = np.nanmedian(power[:, :, known], axis=0) / math.log(2.0)
    return frequencies, middle


def _pieces(n_times: int, size: int, breaks: Sequence[int]) -> list[int]:
    """Return where pieces begin: half overlapping, none across a break."""
    edges = [0, *sorted(breaks), n_times]
    return [
        at for start, stop in pairwise(edges) for at in range(start, stop - size + 1, size // 2)
    ]


def _whole(samples: Samples) -> Array:
    """Return samples with zeros where a value is missing."""
    return np.nan_to_num(samples.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def trace(samples: Samples, rate: float) -> tuple[Samples, float]:
    """Return a recording above 1 Hz at 64 samples per second or fewer, and that rate.

    Parameters
    ----------
    samples : array of shape (n_times, n_channels)
        In µV.
    rate : float
        Samples per second.

    Returns
    -------
    trace : array of shape (n, n_channels)
        Without delay: filtered forwards and backwards.
    trace_rate : float
        A whole fraction of `rate`.
    """
    factor = max(1, math.ceil(rate / TRACE_RATE))
    if not samples.shape[1]:
        return samples[::factor], rate / factor
    high = 0.4 * rate / factor
    sos = signal.butter(4, (LOWEST, high), "bandpass", fs=rate, output="sos")
    centered = _whole(samples) - np.nan_to_num(_middle(samples))
    pad = min(3 * round(rate), len(samples) - 1)
    clean = signal.sosfiltfilt(sos, centered, axis=0, padlen=max(0, pad))
    return np.ascontiguousarray(clean[::factor], dtype=np.float32), rate / factor


def _middle(samples: Samples) -> Array:
    """Return each channel's median, 0 where nothing is known."""
    middle = np.zeros(samples.shape[1])
    known = np.isfinite(samples).any(axis=0)
    middle[known] = np.nanmedian(samples[:, known], axis=0)
    return middle
