"""Artifact subspace reconstruction of the signal as it comes, learned from rest (pure).

T. Mullen et al., "Real-time neuroimaging and cognitive monitoring using wearable dry EEG", IEEE
Trans. Biomed. Eng. 62 (2015) 2553-2567; C. Kothe and T.-P. Jung, US patent application
2016/0113587. What exceeds, in any direction of channel space, the amplitude of a clean calibration
by some SD is taken out and put in again from the rest, by the calibration's own covariance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import signal

from ..montage import is_scalp
from ..settings import ConditioningSettings

Floats = npt.NDArray[np.float64]
Real = TypeVar("Real", np.float32, np.float64)

STEPS_PER_SECOND = 16
"""Updates of the reconstruction; the authors' programs make one every 32 samples."""
SPAN = 8
"""Blocks whose covariance decides: half a second, as in the authors' programs."""
AHEAD = 4
"""Blocks of them that lie behind the block that is cleaned: half, as the authors recommend."""
MOST_REMOVED = 0.66
"""Largest share of the directions that may be taken out at a time; the authors' value."""
OFTEN_BAD = 0.2
"""Share of the calibration's windows from which a bad channel is left out for good."""
MAD_TO_SD = 1.4826
"""A normal distribution's SD over its median absolute deviation."""


class Delay(Generic[Real]):
    """Gives samples out again a fixed number of samples later, those of the same segment only.

    What stays as it was keeps in step with what is cleaned.

    Parameters
    ----------
    n_samples : int
        By how much.
    n_channels : int
        Columns of the signal.
    dtype : type
        Of the samples.
    """

    def __init__(self, n_samples: int, n_channels: int, dtype: type[Real]) -> None:
        self._n = n_samples
        self._empty: npt.NDArray[Real] = np.empty((0, n_channels), dtype)
        self.restart()

    def restart(self) -> None:
        """Begin a segment with the next sample; what is held never comes out."""
        self._held: npt.NDArray[Real] = self._empty

    def push(self, samples: npt.NDArray[Real]) -> npt.NDArray[Real]:
        """Take in samples, give out those that are due.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            Any number of them.

        Returns
        -------
        array of shape (n_due, n_channels)
            As many as went in, but for the first `n_samples` of a segment.
        """
        held = np.concatenate([self._held, samples])
        due = max(0, len(held) - self._n)
        self._held = held[due:].copy()
        return held[:due]


class Calibration(NamedTuple):
    """What rest looks like, in the columns that are cleaned."""

    columns: npt.NDArray[np.intp]
    """Of the stream's scalp channels."""
    covariance: Floats
    """In µV², shaped; shape (n_columns, n_columns)."""
    threshold: Floats
    """Highest amplitudes times the directions that they hold for, shape (n_columns, n_columns)."""


class SubspaceCleaner:
    """Cleans a signal that comes in chunks of any size, and gives it out `delay` seconds later.

    A block of a sixteenth of a second is cleaned once the quarter of a second behind it is there;
    blocks are counted from the segment's beginning, so that chunks do not matter. Until there is a
    calibration the signal passes, as late as after it. Channels off the scalp pass always.

    Kept libraries were tried and left. asrpy 0.0.8 does not calibrate under numpy 2.4 and hands a
    state of the wrong shape to the second chunk. meegkit 0.2 goes from block to block, but by a
    median over the past alone: of blinks put into a real rest 97 % of the amplitude stayed with its
    2 s, 55 % with half a second in steps like ours, 8 % with a quarter of a second as one block,
    where 5 % stay here. Over muscle its error was up to eight times the artifact (see
    `reconstruction`), and it loads pandas, statsmodels and matplotlib.

    Parameters
    ----------
    settings : ConditioningSettings
        Cutoff and length of the calibration.
    rate : float
        Samples per second.
    channels : sequence of str
        Names of the columns.
    window : int
        Samples that `removed` is about.
    """

    def __init__(
        self, settings: ConditioningSettings, rate: float, channels: Sequence[str], window: int
    ) -> None:
        self._step = max(1, round(rate / STEPS_PER_SECOND))
        self._cutoff = settings.asr
        self._n_channels = len(channels)
        self._scalp = np.array([i for i, name in enumerate(channels) if is_scalp(name)], np.intp)
        self._sos = shaping(rate)
        names = [channels[i] for i in self._scalp]
        self._rest = Rest(names, self._sos, self._step * SPAN, round(settings.asr_seconds * rate))
        self._window = window
        self._calibration: Calibration | None = None
        self.n_delay = self._step * (AHEAD + 1) - 1
        """Samples by which the signal comes out later."""
        self.delay = self.n_delay / rate
        """The same in seconds."""
        self.restart()

    @property
    def calibrated(self) -> bool:
        """Whether anything is cleaned yet; a calibration outlives its segment."""
        return self._calibration is not None

    @property
    def pending(self) -> int:
        """Samples of the segment that went in and did not come out."""
        return len(self._held)

    @property
    def removed(self) -> float | None:
        """Share of the power taken out of the newest window that came out, 0…1 as a rule.

        It is the power of the difference over that of the signal, in the columns that are cleaned;
        None where nothing could be cleaned yet.
        """
        difference, before = self._told.sum(axis=0)
        return float(difference / before) if before > 0 else None

    def restart(self) -> None:
        """Begin a segment with the next sample; what is held never comes out."""
        self._held = np.empty((0, self._n_channels))
        self._power = np.empty((0, 2))
        self._told = np.empty((0, 2))
        self._n_clean = 0
        self._shaped = np.empty((0, len(self._scalp)))
        self._state = np.zeros((len(self._sos), 2, len(self._scalp)))
        self._covariances: deque[Floats] = deque(maxlen=SPAN)
        self._n_blocks = 0
        self._last: Floats | None = None

    def push(self, samples: Floats) -> Floats:
        """Take in conditioned samples, give out those that are due.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            In µV, finite; any number of them.

        Returns
        -------
        array of shape (n_due, n_channels)
            In µV; as many as went in, but for the first `n_delay` of a segment.
        """
        if len(samples):
            self._take(samples)
        while len(self._shaped) >= self._step:
            block, self._shaped = np.split(self._shaped, [self._step])
            self._covariances.append(block.T @ block / self._step)
            self._n_blocks += 1
            if self._n_blocks > AHEAD:
                self._clean()
        return self._give()

    def learn(
        self, window: npt.NDArray[np.float32] | Floats, n_new: int, bad: Collection[str]
    ) -> None:
        """Take in a valid window as it came out, until there is enough for the calibration.

        The next block is the first that is cleaned.

        Parameters
        ----------
        window : array of shape (n_times, n_channels)
            In µV.
        n_new : int
            Samples that no earlier window held.
        bad : collection of str
            Channels that cannot be trusted in it.
        """
        if self._calibration is None:
            self._rest.add(window[:, self._scalp].astype(np.float64), n_new, bad)
            self._calibration = self._rest.calibration(self._cutoff)

    def _take(self, samples: Floats) -> None:
        shaped, self._state = signal.sosfilt(
            self._sos, samples[:, self._scalp], axis=0, zi=self._state
        )
        self._shaped = np.concatenate([self._shaped, shaped])
        self._held = np.concatenate([self._held, samples])
        self._power = np.concatenate([self._power, np.zeros((len(samples), 2))])

    def _give(self) -> Floats:
        due = max(0, len(self._held) - self.n_delay)
        out, self._held = np.split(self._held, [due])
        told, self._power = np.split(self._power, [due])
        self._told = np.concatenate([self._told, told])[-self._window :]
        self._n_clean -= due
        return out

    def _clean(self) -> None:
        """Clean the oldest block that is not clean yet, passing from the last matrix to the new."""
        rows = slice(self._n_clean, self._n_clean + self._step)
        self._n_clean += self._step
        if self._calibration is None:
            return
        columns = self._calibration.columns
        covariance = np.mean(self._covariances, axis=0)[np.ix_(columns, columns)]
        matrix = reconstruction(covariance, self._calibration)
        columns = self._scalp[columns]
        before = self._held[rows, columns]
        after = before
        if matrix is not None or self._last is not None:
            ramp = (1 - np.cos(np.pi * np.arange(1, self._step + 1) / self._step))[:, None] / 2
            new, last = (before if m is None else before @ m.T for m in (matrix, self._last))
            after = ramp * new + (1 - ramp) * last
            self._held[rows, columns] = after
        self._last = matrix
        self._power[rows, 0] = np.sum((after - before) ** 2, axis=1)
        self._power[rows, 1] = np.sum(before**2, axis=1)


class Rest:
    """Collects the covariances of good windows until they are enough for a calibration.

    Parameters
    ----------
    names : sequence of str
        The scalp channels.
    sos : array of shape (n_sections, 6)
        The filter that shapes the statistics.
    span : int
        Samples of each window that count, its newest.
    wanted : int
        Samples of good windows that are needed.
    """

    def __init__(self, names: Sequence[str], sos: Floats, span: int, wanted: int) -> None:
        self._names = tuple(names)
        self._sos = sos
        self._start = signal.sosfilt_zi(sos)[:, :, None]
        self._span = span
        self._wanted = wanted
        self._kept: deque[tuple[Floats, npt.NDArray[np.bool_], int]] = deque()

    def add(self, window: Floats, n_new: int, bad: Collection[str]) -> None:
        """Take in a window; the oldest goes where twice the wanted time is held."""
        shaped, _ = signal.sosfilt(self._sos, window, axis=0, zi=self._start * window[0])
        newest = shaped[-self._span :]
        mask = np.array([name in bad for name in self._names])
        self._kept.append((newest.T @ newest / len(newest), mask, n_new))
        while sum(n for _, _, n in self._kept) > 2 * self._wanted:
            self._kept.popleft()

    def calibration(self, cutoff: float) -> Calibration | None:
        """Return the calibration, or None while there is not enough for it.

        A channel that is often bad is left out; so is a window in which another one is bad.
        """
        masks = np.array([mask for _, mask, _ in self._kept])
        columns = np.flatnonzero(masks.mean(axis=0) <= OFTEN_BAD)
        used = [kept for kept in self._kept if not kept[1][columns].any()]
        if len(columns) < 2 or sum(n for _, _, n in used) < self._wanted:
            return None
        self._kept.clear()
        return calibrate(
            np.array([c[np.ix_(columns, columns)] for c, _, _ in used]), columns, cutoff
        )


def calibrate(covariances: Floats, columns: npt.NDArray[np.intp], cutoff: float) -> Calibration:
    """Return what rest looks like.

    The authors fit a truncated Gaussian to the amplitudes, because their calibration may hold
    artifacts; ours are of windows judged good, and median and MAD withstand what is left.

    Parameters
    ----------
    covariances : array of shape (n_windows, n_columns, n_columns)
        In µV², of half a second each, shaped.
    columns : array of shape (n_columns,)
        What they are about.
    cutoff : float
        Highest amplitude, in SD above the median one.
    """
    covariance = geometric_median(covariances)
    _, directions = np.linalg.eigh(covariance)
    power = np.sum((covariances @ directions) * directions, axis=1)
    amplitude = np.sqrt(np.maximum(power, 0))
    middle = np.median(amplitude, axis=0)
    spread = MAD_TO_SD * np.median(np.abs(amplitude - middle), axis=0)
    return Calibration(columns, covariance, (middle + cutoff * spread)[:, None] * directions.T)


def reconstruction(covariance: Floats, calibration: Calibration) -> Floats | None:
    """Return the matrix that takes out what exceeds the calibration; None where nothing does.

    What is taken out along the directions G is put in again as the kept directions K foretell it:
    (K + G·GᵀCK·(KᵀCK + E)⁻¹)·Kᵀ, with the calibration's covariance C. With E = 0 that is the
    authors' M·(VᵀM)⁺·Vᵀ (M² = C), which blows up what is left of an artifact in directions that
    hardly move at rest. E is by how much, in the half second, a kept direction exceeds its rest:
    as much of it foretells nothing.

    Parameters
    ----------
    covariance : array of shape (n_columns, n_columns)
        In µV², shaped.
    calibration : Calibration
        What rest looks like.
    """
    values, directions = np.linalg.eigh(covariance)
    limit = np.sum((calibration.threshold @ directions) ** 2, axis=0)
    n = len(values)
    # What rounding leaves in a direction that the reference has emptied is no artifact.
    keep = values <= limit + 1e-9 * values[-1]
    keep |= np.arange(n) < n - round(MOST_REMOVED * n)
    if keep.all():
        return None
    kept, gone = directions[:, keep], directions[:, ~keep]
    rest = kept.T @ calibration.covariance @ kept
    excess = np.maximum(values[keep] - np.diag(rest), 0)
    # A direction that the reference has emptied is 0 in both, hence the second term.
    noise = np.diag(excess + 1e-6 * np.trace(calibration.covariance) / n)
    told = np.linalg.solve(rest + noise, kept.T @ calibration.covariance @ gone)
    return np.asarray((kept + gone @ told.T) @ kept.T)


def geometric_median(matrices: Floats) -> Floats:
    """Return the matrix with the smallest sum of distances, by Weiszfeld's iteration.

    Parameters
    ----------
    matrices : array of shape (n, n_rows, n_columns)
        Any unit.
    """
    middle = np.median(matrices, axis=0)
    for _ in range(100):
        distance = np.sqrt(np.sum((matrices - middle) ** 2, axis=(1, 2)))
        weight = 1 / np.maximum(distance, 1e-12 * max(1.0, distance.max()))
        moved = np.tensordot(weight / weight.sum(), matrices, axes=1)
        step = np.abs(moved - middle).max()
        middle = moved
        if step <= 1e-6 * np.abs(middle).max():
            break
    return np.asarray(middle)


def shaping(rate: float) -> Floats:
    """Return the filter behind which amplitudes are compared, as sections of shape (2, 6).

    It lifts what blinks and muscle are made of over the rhythms of rest: 3 at 0 Hz, 0.5 at 10 Hz,
    1.7 at 80 Hz. The authors' filter has such a course with coefficients for some rates only; this
    one is a low and a high shelf, for any rate.

    Parameters
    ----------
    rate : float
        Samples per second.
    """
    zeros = -2 * np.pi * np.array([9.0, 35.0, 35.0])
    poles = -2 * np.pi * np.array([1.0, 150.0, 150.0])
    gain = 3 * float(np.prod(poles) / np.prod(zeros))
    return np.asarray(signal.zpk2sos(*signal.bilinear_zpk(zeros, poles, gain, rate)))
