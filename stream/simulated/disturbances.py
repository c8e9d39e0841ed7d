"""What a scripted fault does to the values of samples: each on the sample counter (pure).

Waveforms are computed on whole blocks that are fixed on the counter and then cut, and random
numbers are drawn for such blocks by number, so that any cut of the signal gives the same bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from rym.errors import UsageError

from ..montage import clean
from .faults import (
    Blink,
    Clench,
    Constant,
    Fault,
    Flat,
    Float,
    Inf,
    Line,
    Nan,
    OnChannels,
    Pop,
    Rail,
    Scale,
    Slide,
    Walk,
    Wrap,
    kind_of,
)

Array = npt.NDArray[np.float64]

GRID = 512
"""Samples of a block."""
BLINK_S = 0.35
"""Seconds from a blink's beginning to its end."""
HALF_STEP = 0.5
"""Height of a step's second harmonic (the heel) relative to its first."""

_FRONT = ((re.compile(r"Fp"), 1.0), (re.compile(r"AF"), 0.8), (re.compile(r"F[z\d]"), 0.35))
_TEMPLES = (
    (re.compile(r"(T|FT|TP)\d"), 1.0),
    (re.compile(r"(F7|F8|AF7|AF8)$"), 0.7),
    (re.compile(r"(C5|C6|FC5|FC6|CP5|CP6)$"), 0.5),
)
_ELSEWHERE = 0.1


class Grid:
    """A function of the counter, cut from whole blocks.

    Parameters
    ----------
    block : callable
        Gives block number b, shape (GRID, …).
    """

    def __init__(self, block: Callable[[int], Array]) -> None:
        self._make = block
        self._kept: dict[int, Array] = {}

    def __call__(self, first: int, n: int) -> Array:
        """Return `n` rows from number `first` on; n is at least 1."""
        wanted = range(first // GRID, (first + n - 1) // GRID + 1)
        self._kept = {b: self._kept[b] if b in self._kept else self._make(b) for b in wanted}
        rows = np.concatenate(list(self._kept.values()))
        begin = first - wanted[0] * GRID
        return rows[begin : begin + n]


def drawn(
    key: Sequence[int], draw: Callable[[np.random.Generator], Array]
) -> Callable[[int], Array]:
    """Return a block function whose random numbers follow from a key and the block's number."""
    return lambda block: draw(np.random.default_rng([*key, block]))


def along(rate: float, wave: Callable[[Array], Array]) -> Callable[[int], Array]:
    """Return a block function of the seconds since the fault's beginning."""
    return lambda block: wave((block * GRID + np.arange(GRID)) / rate)


class Disturbance:
    """One fault's effect on the values; made once per fault, used from its first sample on.

    Parameters
    ----------
    fault : Fault
        What to do.
    channels : sequence of str
        Names of the columns.
    rate : float
        Samples per second.
    key : sequence of int
        Decides its random numbers.

    Raises
    ------
    UsageError
        If the fault names a channel that is not there.
    """

    def __init__(
        self, fault: OnChannels, channels: Sequence[str], rate: float, key: Sequence[int]
    ) -> None:
        self._fault = fault
        self._rate = rate
        self._columns = _columns(fault, channels)
        self._of = _columns(fault, channels, (fault.of,))[0] if isinstance(fault, Float) else 0
        self._end = fault.seconds or np.inf
        self._start: Array | None = None
        width = len(self._columns)
        self._noise = Grid(drawn(key, lambda rng: rng.standard_normal((GRID, width))))
        self._wave = Grid(along(rate, self._waveform))
        names = [clean(channels[i]) for i in self._columns]
        self._weights = np.array([_weight(fault, name) for name in names])

    def apply(self, x: Array, first: int) -> None:
        """Change samples in place.

        Parameters
        ----------
        x : array of shape (n_times, n_channels)
            µV; n_times is at least 1.
        first : int
            Samples since the fault's beginning.
        """
        if self._start is None:
            self._start = x[0].copy()
        columns, start = self._columns, self._start[self._columns]
        match self._fault:
            case Nan():
                x[:, columns] = np.nan
            case Inf(sign=sign):
                x[:, columns] = sign * np.inf
            case Flat():
                x[:, columns] = start
            case Constant(value=value):
                x[:, columns] = value
            case Rail(level=level, moves=moves):
                x[:, columns] = level + moves * (x[:, columns] - start)
            case Wrap(full_scale=full):
                above = x[:, columns] - start
                x[:, columns] = above + np.where(above >= 0, -full, full)
            case Scale(factor=factor):
                x[:, columns] *= factor
            case Float(noise=noise):
                copied = x[:, self._of] - self._start[self._of]
                x[:, columns] = copied[:, None] + start + noise * self._noise(first, len(x))
            case Clench(amplitude=amplitude):
                x[:, columns] += amplitude * self._weights * self._rough(first, len(x))
            case _:
                x[:, columns] += self._wave(first, len(x))[:, None] * self._weights

    def _rough(self, first: int, n: int) -> Array:
        """Return noise of SD 1 whose power grows with frequency, as that of muscle does."""
        noise = self._noise(first, n + 1)
        rough: Array = (noise[1:] - noise[:-1]) / np.sqrt(2)
        return rough

    def _waveform(self, t: Array) -> Array:
        """Return what is added to a channel of weight 1, in µV, at seconds since the beginning."""
        match self._fault:
            case Pop(amplitude=amplitude, decay=decay):
                return amplitude * np.exp(-t / decay)
            case Slide(slope=slope):
                return slope * np.minimum(t, self._end)
            case Line(hz=hz, amplitude=amplitude):
                return amplitude * np.sin(2 * np.pi * hz * t)
            case Blink(amplitude=amplitude, every=every):
                within = np.mod(t, every) / BLINK_S
                bump = amplitude * np.sin(np.pi * within) ** 2
                return np.where(within <= 1, bump, 0.0)
            case Walk(amplitude=amplitude, steps=steps):
                return amplitude * _gait(t, steps)
        raise AssertionError(f"{kind_of(self._fault)} has no waveform")


class Gait:
    """What walking does to the accelerometer: mostly up and down.

    Parameters
    ----------
    fault : Walk
        How strongly.
    rate : float
        EEG samples per second.
    """

    def __init__(self, fault: Walk, rate: float) -> None:
        self._wave = Grid(along(rate, lambda t: fault.motion * _gait(t, fault.steps)))

    def apply(self, x: Array, since: npt.NDArray[np.int64]) -> None:
        """Change acceleration in place.

        Parameters
        ----------
        x : array of shape (n_times, 3)
            mm/s²; n_times is at least 1.
        since : array of shape (n_times,)
            EEG samples from the fault's beginning to each of them.
        """
        first = int(since[0])
        wave = self._wave(first, int(since[-1]) - first + 1)[since - first]
        x += wave[:, None] * np.array([0.2, 0.3, 1.0])


def _gait(t: Array, steps: float) -> Array:
    """Return a walk's rhythm between about −1 and 1."""
    phase = 2 * np.pi * steps * t
    wave: Array = (np.sin(phase) + HALF_STEP * np.sin(2 * phase)) / (1 + HALF_STEP)
    return wave


def _columns(
    fault: Fault, channels: Sequence[str], wanted: Sequence[str] | None = None
) -> list[int]:
    """Return the columns that a fault names; all where it names none."""
    if wanted is None:
        wanted = getattr(fault, "channels", ()) or channels
    unknown = [name for name in wanted if name not in channels]
    if unknown:
        raise UsageError(
            f"The fault {kind_of(fault)} at {fault.at:g} s names the channel {unknown[0]}, the "
            f"source has {', '.join(channels)}.",
            "Name one of these in [[source.faults]].",
        )
    return [channels.index(name) for name in wanted]


def _weight(fault: Fault, name: str) -> float:
    """Return how strongly a channel shows a fault that has a place on the head."""
    match fault:
        case Blink():
            table = _FRONT
        case Clench():
            table = _TEMPLES
        case _:
            return 1.0
    return next((weight for pattern, weight in table if pattern.match(name)), _ELSEWHERE)
