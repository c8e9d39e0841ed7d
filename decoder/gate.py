"""From probabilities to a state: temperature, smoothing, hysteresis, confidence gate.

kNN confidence is false where the memory was fitted with its own labels, so temperature and gate are
fitted on out-of-fold probabilities only. Where these are at chance, the gate lets nothing through.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS, State

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLOSED = 2.0
"""A threshold that no confidence reaches."""
_TEMPERATURES = np.geomspace(0.5, 20.0, 75)
_LEAST = 10
"""Rows that a threshold must be supported by."""
_LEAST_EPISODES = 6
"""Episodes that these must come from."""
_LEVEL = 0.99


def soften(p: Array, temperature: float) -> Array:
    """Return probabilities with their logarithms divided by the temperature, renormalized.

    Parameters
    ----------
    p : array of shape (..., 3)
        Probabilities; zeros stay zero.
    temperature : float
        Above 1 makes them more alike.
    """
    with np.errstate(divide="ignore"):
        logs = np.log(p) / temperature
    odds = np.exp(logs - logs.max(axis=-1, keepdims=True))
    out: Array = odds / odds.sum(axis=-1, keepdims=True)
    return out


def fit_temperature(p: Array, label: Ints) -> float:
    """Return the temperature of least class-balanced log loss (Guo et al. 2017), 0.5…20.

    Parameters
    ----------
    p : array of shape (n, 3)
        Out-of-fold probabilities.
    label : array of shape (n,)
        True classes.
    """
    counts = np.bincount(label, minlength=3)
    weight = 1.0 / counts[label]
    rows = np.arange(len(label))
    # Before softening, not after: certain errors would else cost the same at every temperature,
    # and the smallest one would win.
    p = np.maximum(p, 1e-6)

    def loss(temperature: float) -> float:
        return float(-(weight * np.log(soften(p, temperature)[rows, label])).sum())

    return float(min(_TEMPERATURES, key=loss))


def smooth(p: Array, follows: npt.NDArray[np.bool_], hop: float, tau: float) -> Array:
    """Smooth rows of probabilities as `Smoother` does live.

    Parameters
    ----------
    p : array of shape (n, 3)
        Probabilities in order.
    follows : array of shape (n,)
        False where a row does not follow the one before without a hole.
    hop : float
        Seconds from row to row.
    tau : float
        Time constant in seconds.
    """
    smoother = Smoother(hop, tau)
    out = np.empty_like(p)
    for i, row in enumerate(p):
        if not follows[i]:
            smoother.reset()
        out[i] = smoother.step(row)
    return out


class Smoother:
    """Exponential smoothing over probabilities.

    Parameters
    ----------
    hop : float
        Seconds from row to row.
    tau : float
        Time constant in seconds; 0 smooths nothing.
    """

    def __init__(self, hop: float, tau: float) -> None:
        self._share = 1.0 - math.exp(-hop / tau) if tau > 0 else 1.0
        self._last: Array | None = None

    def reset(self) -> None:
        """Forget what was, after a break."""
        self._last = None

    def step(self, p: Array) -> Array:
        """Return the smoothed probabilities of shape (3,)."""
        self._last = p if self._last is None else self._last + self._share * (p - self._last)
        return self._last


def fit_threshold(p: Array, label: Ints, episode: Ints, target: float) -> float:
    """Return the lowest confidence above which answers are right often enough, or `CLOSED`.

    Often enough: the target is reached, and the lower end of a one-sided 99 % interval, counted in
    episodes, lies above chance. Rows of one episode are right or wrong together, and out of 31
    thresholds and six smoothings one is lucky: by the share alone 0.33 of 120 lines of confident
    guesses, each held for 2.5 s, opened the gate, with the interval 0.03.

    Parameters
    ----------
    p : array of shape (n, 3)
        Out-of-fold probabilities after temperature and smoothing.
    label : array of shape (n,)
        True classes.
    episode : array of shape (n,)
        Uninterrupted stretches of one state.
    target : float
        Share of right answers asked for, balanced over the true classes.
    """
    confidence, right = p.max(axis=1), (p.argmax(axis=1) == label).astype(np.float64)
    counts = np.bincount(label, minlength=3)
    weight, chance = 1.0 / counts[label], 1.0 / max(1, int(np.count_nonzero(counts)))
    for threshold in np.arange(0.34, 0.96, 0.02):
        through = confidence >= threshold
        if through.sum() < _LEAST or len(np.unique(episode[through])) < _LEAST_EPISODES:
            break
        share, lowest = _share(right[through], weight[through], episode[through])
        if share >= target and lowest > chance:
            return float(round(threshold, 2))
    return CLOSED


def _share(right: Array, weight: Array, episode: Ints) -> tuple[float, float]:
    """Return a weighted share and its lower end, as a ratio over units (Cochran 1977, 2.11)."""
    from scipy.special import stdtrit  # noqa: PLC0415  # the live process imports this module

    total = weight.sum()
    share = float((weight * right).sum() / total)
    unit = np.unique(episode, return_inverse=True)[1]
    rest = np.bincount(unit, weight * (right - share))
    n = len(rest)
    error = math.sqrt(n / (n - 1) * float((rest**2).sum())) / total
    return share, share - float(stdtrit(n - 1, _LEVEL)) * error


class Answer(NamedTuple):
    """What the gate says of one row."""

    state: State
    reason: str
    """Why it is unknown; empty otherwise."""


class Gate:
    """Hysteresis and confidence threshold; keeps the present state.

    Parameters
    ----------
    threshold : float
        Least confidence of an answer.
    hysteresis : float
        By how much a probability must exceed the present state's to replace it, and how far below
        the threshold the present state may fall before it is given up.
    """

    def __init__(self, threshold: float, hysteresis: float) -> None:
        self._threshold = threshold
        self._hysteresis = hysteresis
        self._present: int | None = None

    def reset(self) -> None:
        """Forget the present state, after a break."""
        self._present = None

    def step(self, p: Array) -> Answer:
        """Return the state for smoothed probabilities of shape (3,)."""
        top, needed = int(p.argmax()), self._threshold
        present = self._present
        if present is not None:
            if p[top] - p[present] < self._hysteresis:
                top = present
            if top == present:
                needed -= self._hysteresis
        if p[top] < needed:
            self._present = None
            return Answer("unknown", "not confident")
        self._present = top
        return Answer(AFFECTS[top], "")
