"""What is measured in a window, for all channels at once, before anything is judged (pure).

Channels are rows here: every sum then runs along one channel's own samples and does not depend on
which others there are. No BLAS: a product of matrices may round otherwise from shape to shape.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..settings import QualitySettings

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MAD_TO_SD = 1.4826
"""A normal distribution's SD over its median absolute deviation."""
BLOCK_S = 0.02
"""Seconds in a block whose mean stands for the slow part of the signal: one period at 50 Hz."""
STEP_OVER_USUAL = 6.0
"""How far a sharp step must stand out from the median one: the largest of a window of noise is
about four times as large."""
MAINS_BAND = 1.5
"""Hz on either side of the mains frequency that count as mains; the Hann window's main lobe."""
MAINS_SKIRT = 3.0
"""Hz on either side that do not count as muscle."""
MAINS_OVER_MUSCLE = 2.0
"""Amplitude at a mains frequency over the RMS around it from which it is mains: muscle has some of
its power there, too, at most 0.6 of its RMS in the recordings in `../shared/eeg`."""
MUSCLE_UNDER_MAINS = 4.0
"""The same ratio, from which what is around is the mains' own sidebands: 5 and more for a loose
electrode there."""
MUSCLE_BAND = (25.0, 95.0)
"""Hz. Muscle is strongest at 20 to 30 Hz over the forehead and at 40 to 80 Hz over the temples, and
has weaker parts down to alpha (Goncharova et al., Clin. Neurophysiol. 114, 2003); but below 25 Hz
the harmonic of a strong alpha rhythm would count, too."""
ALPHA_BAND = (8.0, 12.0)
"""Hz."""
FLANKS = ((4.0, 7.0), (14.0, 18.0))
"""Hz; what alpha is compared with."""


class Measures(NamedTuple):
    """Numbers of one window; each array has the shape (n_channels,) unless told otherwise."""

    finite: Flags
    """Whether all samples are numbers; all else is 0 or false where not."""
    extreme: Floats
    """Largest absolute value, raw, in µV."""
    middle: Floats
    """Midway between smallest and largest value, raw, in µV."""
    spread: Floats
    """Range, raw, in µV."""
    still: Floats
    """Smallest range over nearly `flat_for` seconds, raw, in µV."""
    clipped: Floats
    """Share of samples that stay at the largest or smallest value from one to the next."""
    jump: Floats
    """Largest difference from one sample to the next, raw, in µV."""
    step: Floats
    """Largest sharp step between means of 20 ms, raw, in µV."""
    drift: Floats
    """Steady slope, raw, in µV/s; 0 where it is not steady."""
    mains: Floats
    """Amplitude at the stronger mains frequency, raw, in µV."""
    mains_left: Floats
    """The same in the conditioned signal."""
    muscle: Floats
    """RMS from 25 to 95 Hz without mains, raw, in µV."""
    alpha: Floats
    """Power from 8 to 12 Hz, in µV² per Hz."""
    flanks: Floats
    """Power on both sides of it, in µV² per Hz."""
    level: Floats
    """Robust SD of the conditioned signal in µV."""
    centred: Floats
    """Array of shape (n_channels, n_times): conditioned, without its mean, in µV."""


class Meter:
    """Measures windows of one length.

    Parameters
    ----------
    settings : QualitySettings
        Mains frequencies and the time that counts as flat.
    rate : float
        Samples per second.
    n_times : int
        Samples of a window.
    """

    def __init__(self, settings: QualitySettings, rate: float, n_times: int) -> None:
        self.n_times = n_times
        self._rate = rate
        self._block = max(1, min(n_times, round(BLOCK_S * rate)))
        self._still = max(1, min(n_times, int(settings.flat_for * rate / 8)))
        self._hann = np.hanning(n_times + 2)[1:-1]
        frequency = np.arange(n_times // 2 + 1, dtype=np.float64) * (rate / n_times)
        self._to_power = 2 / (n_times * float(np.sum(self._hann**2)))
        self._width = rate / n_times
        mains = [f for f in settings.mains if f + MAINS_SKIRT < rate / 2]
        self._mains = [
            _between(frequency, f - MAINS_BAND, f + MAINS_BAND).astype(np.float64) for f in mains
        ]
        self._waves = _waves(mains, rate, n_times) * (2 * self._hann / np.sum(self._hann))
        near = np.zeros(len(frequency), bool)
        for f in mains:
            near |= _between(frequency, f - MAINS_SKIRT, f + MAINS_SKIRT)
        muscle = _between(frequency, MUSCLE_BAND[0], min(MUSCLE_BAND[1], 0.45 * rate)) & ~near
        flanks = _between(frequency, *FLANKS[0]) | _between(frequency, *FLANKS[1])
        alpha = _between(frequency, *ALPHA_BAND)
        # As numbers: a band is a factor of the power.
        self._muscle, self._flanks, self._alpha = (
            band.astype(np.float64) for band in (muscle, flanks, alpha)
        )

    def measure(self, raw: Floats, clean: Floats) -> Measures:
        """Measure one window.

        Parameters
        ----------
        raw : array of shape (n_channels, n_times)
            As recorded, with any offset, in µV.
        clean : array of shape (n_channels, n_times)
            Conditioned, in µV.
        """
        with np.errstate(invalid="ignore"):
            finite: Flags = np.isfinite(raw.sum(axis=1) + clean.sum(axis=1))
        if not finite.all():
            raw = np.where(finite[:, None], raw, 0.0)
            clean = np.where(finite[:, None], clean, 0.0)
        high, low = raw.max(axis=1), raw.min(axis=1)
        centred = clean - clean.sum(axis=1, keepdims=True) / self.n_times
        change = raw[:, 1:] - raw[:, :-1]
        jump = np.maximum(change.max(axis=1, initial=0.0), -change.min(axis=1, initial=0.0))
        blocks = self.means(raw)
        power = self._power(raw)
        muscle = np.sqrt(_over(power, self._muscle))
        mains = self._strongest(power)
        told = mains >= MAINS_OVER_MUSCLE * muscle
        return Measures(
            finite=finite,
            extreme=np.maximum(high, -low),
            middle=(high + low) / 2,
            spread=high - low,
            still=self._stillest(raw),
            clipped=_clipped(raw, change == 0, high, low),
            jump=jump,
            step=_sharpest(blocks),
            drift=self._drift(blocks),
            mains=np.where(told, mains, 0.0),
            # Most windows have no mains to look for, and this takes 3 % of a window's time.
            mains_left=np.where(told, self._mains_left(centred), 0.0)
            if told.any()
            else np.zeros(len(raw)),
            muscle=np.where(mains < MUSCLE_UNDER_MAINS * muscle, muscle, 0.0),
            alpha=self._density(power, self._alpha),
            flanks=self._density(power, self._flanks),
            level=_level(centred),
            centred=centred,
        )

    def means(self, signal: Floats) -> Floats:
        """Return means over blocks of 20 ms; the oldest samples are left out of a whole number.

        Parameters
        ----------
        signal : array of shape (n_channels, n_times)
            Any unit.

        Returns
        -------
        array of shape (n_channels, n_blocks)
            In the unit of the input.
        """
        first = self.n_times % self._block
        edges = np.arange(first, self.n_times, self._block)
        return np.asarray(np.add.reduceat(signal, edges, axis=1) / self._block)

    def _power(self, raw: Floats) -> Floats:
        """Return the power in each bin in µV², so that a sum over bins is a mean square."""
        tapered = raw - raw.mean(axis=1, keepdims=True)
        tapered *= self._hann
        bins = np.fft.rfft(tapered, axis=1)
        power: Floats = (bins.real**2 + bins.imag**2) * self._to_power
        return power

    def _strongest(self, power: Floats) -> Floats:
        """Return the amplitude at the stronger mains frequency."""
        amplitudes = [np.sqrt(2 * _over(power, band)) for band in self._mains]
        return np.asarray(np.max([*amplitudes, np.zeros(len(power))], axis=0))

    def _density(self, power: Floats, band: Floats) -> Floats:
        width = max(1, int(band.sum())) * self._width
        return _over(power, band) / width

    def _stillest(self, raw: Floats) -> Floats:
        """Return the smallest range over seven blocks of an eighth of the time that is flat.

        Whatever is flat for eight such blocks holds seven whole ones.
        """
        edges = np.arange(self.n_times % self._still, self.n_times, self._still)
        high = np.maximum.reduceat(raw, edges, axis=1)
        low = np.minimum.reduceat(raw, edges, axis=1)
        n = min(7, len(edges))
        span = len(edges) - n + 1
        ranges = np.max([high[:, i : i + span] for i in range(n)], axis=0)
        ranges -= np.min([low[:, i : i + span] for i in range(n)], axis=0)
        return np.asarray(ranges.min(axis=1))

    def _drift(self, blocks: Floats) -> Floats:
        """Return the slope where all quarters of the window rise, or all fall, alike."""
        n = blocks.shape[1] // 4
        if n == 0:
            return np.zeros(len(blocks))
        rises = np.diff(blocks[:, -4 * n :].reshape(len(blocks), 4, n).mean(axis=2), axis=1)
        mean = rises.mean(axis=1)
        steady = np.all(rises * np.sign(mean)[:, None] >= np.abs(mean)[:, None] / 2, axis=1)
        return np.where(steady, np.abs(mean) / (n * self._block / self._rate), 0.0)

    def _mains_left(self, centred: Floats) -> Floats:
        if not len(self._waves):
            return np.zeros(len(centred))
        parts = np.einsum("it,kt->ik", centred, self._waves)
        amplitude = np.hypot(parts[:, 0::2], parts[:, 1::2])
        return np.asarray(amplitude.max(axis=1))


def robust_sd(centred: Floats) -> Floats:
    """Return the SD of each column as its scaled median absolute deviation.

    Parameters
    ----------
    centred : array of shape (n_times, n_channels)
        Any unit.

    Returns
    -------
    array of shape (n_channels,)
        In the unit of the input.
    """
    deviation = np.abs(centred - np.median(centred, axis=0))
    return MAD_TO_SD * np.median(deviation, axis=0)


def _between(frequency: Floats, low: float, high: float) -> Flags:
    return (frequency >= low) & (frequency <= high)


def _over(power: Floats, band: Floats) -> Floats:
    """Return the sum over a band.

    The band is a factor: columns that are picked may lie otherwise in memory and add up in another
    order.
    """
    return np.asarray(np.einsum("ik,k->i", power, band))


def _waves(frequencies: list[float], rate: float, n_times: int) -> Floats:
    """Return cosine and sine of each frequency as rows."""
    t = np.arange(n_times) / rate
    rows = [wave(2 * np.pi * f * t) for f in frequencies for wave in (np.cos, np.sin)]
    return np.asarray(rows).reshape(len(rows), n_times)


def _sharpest(blocks: Floats) -> Floats:
    """Return the largest step that the signal neither leads up to nor goes on from.

    A step between the means of two blocks with one between them, so that the jump may lie inside
    that one, counts if the 40 ms before and those after move by at most half as much the same way,
    and if it stands out from the window's other steps.
    """
    steps = blocks[:, 2:] - blocks[:, :-2]
    if steps.shape[1] < 5:
        return np.zeros(len(blocks))
    inner, size = np.sign(steps[:, 2:-2]), np.abs(steps[:, 2:-2])
    alone = np.maximum(inner * steps[:, :-4], inner * steps[:, 4:]) <= size / 2
    sharpest = np.where(alone, size, 0.0).max(axis=1)
    usual = np.sort(size, axis=1)[:, size.shape[1] // 2]
    return np.where(sharpest >= STEP_OVER_USUAL * usual, sharpest, 0.0)


def _level(centred: Floats) -> Floats:
    """Return the robust SD of each row.

    In single precision, seven digits, and by sorting: numpy sorts many values at a time, and takes
    five times as long to part them at the middle only.
    """
    half, odd = centred.shape[1] // 2, centred.shape[1] % 2
    middle = slice(half, half + 1) if odd else slice(half - 1, half + 1)
    single = centred.astype(np.float32)
    single -= np.sort(single, axis=1)[:, middle].mean(axis=1, keepdims=True)
    deviation = np.sort(np.abs(single), axis=1)[:, middle].mean(axis=1)
    return np.asarray(MAD_TO_SD * deviation.astype(np.float64))


def _clipped(raw: Floats, same: Flags, high: Floats, low: Floats) -> Floats:
    if not same.any():
        return np.zeros(len(raw))
    at_end = (raw == high[:, None]) | (raw == low[:, None])
    return np.asarray((at_end[:, 1:] & same).mean(axis=1))
