"""How sure a mean over few people is, and a difference (pure).

The unit is the person: rows of one person are no independent observations, and what is claimed is
claimed for people. With one person the unit is the exchangeable unit within that person, and what
is found is claimed for that person.

A percentile bootstrap over 12 people covers its mean in 0.915 instead of 0.95; the t interval and
the studentised bootstrap keep their level.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVEL = 0.95
LEAST = 3
"""People below whom no interval is given."""


class Estimate(NamedTuple):
    """A mean and how sure it is."""

    mean: float
    standard_error: float | None
    """None where there is one observation (of some state)."""
    interval: tuple[float, float] | None
    """95 %."""


def over_people(values: Array) -> Estimate:
    """Return the mean over people with its t interval.

    Parameters
    ----------
    values : array of shape (n_people,)
        A score of every person; for a paired difference, each person's difference of two.

    Returns
    -------
    Estimate
        Without an interval below three people, without a standard error below two.
    """
    n, mean = len(values), float(values.mean())
    if n < 2:
        return Estimate(mean, None, None)
    error = float(values.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, error, _t_interval(mean, error, n - 1) if n >= LEAST else None)


def _t_interval(mean: float, error: float, freedom: float) -> tuple[float, float]:
    # Here, because the live process imports this package and must not carry scipy.
    from scipy.special import stdtrit  # noqa: PLC0415

    reach = float(stdtrit(freedom, 0.5 + LEVEL / 2)) * error
    return mean - reach, mean + reach


def over_units(values: Array, state: Ints, unit: Ints) -> Estimate:
    """Return one person's mean over states, its standard error counted in units.

    The mean is that of balanced accuracy: within a state over rows, then over states. Each state's
    mean is a ratio of sums over units (Cochran 1977, section 2.11), and states are independent; the
    degrees of freedom are Welch and Satterthwaite's.

    Parameters
    ----------
    values : array of shape (n,)
        Of every row: 1 right, 0 wrong; for a paired difference, the difference of two such.
    state : array of shape (n,)
        True states.
    unit : array of shape (n,)
        Exchangeable units.

    Returns
    -------
    Estimate
        Without standard error and interval where a state has one unit.
    """
    parts = [_ratio(values[state == s], unit[state == s]) for s in np.unique(state)]
    n_states = len(parts)
    mean = sum(part[0] for part in parts) / n_states
    if min(n for _, _, n in parts) < 2:
        return Estimate(mean, None, None)
    variances = [variance / n_states**2 for _, variance, _ in parts]
    total = sum(variances)
    if total == 0.0:
        return Estimate(mean, 0.0, (mean, mean))
    freedom = total**2 / sum(v**2 / (n - 1) for v, (_, _, n) in zip(variances, parts, strict=True))
    return Estimate(mean, math.sqrt(total), _t_interval(mean, math.sqrt(total), freedom))


def _ratio(values: Array, unit: Ints) -> tuple[float, float, int]:
    """Return a mean over rows, its variance over units, and the number of units."""
    place = np.unique(unit, return_inverse=True)[1]
    n_rows = np.bincount(place)
    n, mean = len(n_rows), float(values.mean())
    if n < 2:
        return mean, math.nan, n
    rest = np.bincount(place, values) - mean * n_rows
    return mean, float(n / (n - 1) * (rest**2).sum() / n_rows.sum() ** 2), n


def studentised(
    values: Array, rng: np.random.Generator, n_draws: int = 4000
) -> tuple[float, float] | None:
    """Return the studentised bootstrap interval of a mean (Efron & Tibshirani 1993, ch. 12.5).

    The alternative to the t interval where scores are skewed.

    Parameters
    ----------
    values : array of shape (n,)
        One score per person.
    rng : numpy.random.Generator
        Draws people.
    n_draws : int
        Samples drawn; those in which nobody differs are left out.

    Returns
    -------
    (low, high) or None
        None below three people, or where nobody differs.
    """
    n, error = len(values), float(values.std(ddof=1)) / math.sqrt(max(len(values), 1))
    if n < LEAST or error == 0.0:
        return None
    drawn = values[rng.integers(0, n, size=(n_draws, n))]
    spread = drawn.std(axis=1, ddof=1) / math.sqrt(n)
    differ = spread > 1e-12
    t = (drawn[differ].mean(axis=1) - values.mean()) / spread[differ]
    low, high = np.quantile(t, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(values.mean() - high * error), float(values.mean() - low * error)
