"""Canary: noise in place of the features, through the very same protocol (pure).

Noise that is as slow as the features holds no state. What scores above chance on it lets the answer
in: windows that overlap, a purge that is too short, an embedding that saw the labels. On such noise
usual protocols score 0.94 and more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..methods.method import Method
from ..scoring.held_out import held_out
from ..scoring.metrics import balanced_right, right_of
from ..scoring.protocols import Protocol
from ..scoring.splits import Rules
from ..table import Table
from .found import Found

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Score = Callable[[Table, int], float]
"""A table and a seed in, the mean score over people out; NaN where nobody has one."""

LIMIT = 0.00135
"""How often a protocol at chance is accused: beyond three standard errors of many seeds."""
SLOWEST = 0.99
"""Largest coefficient: a longer memory than a hundred rows cannot be estimated from minutes."""


def coefficients(values: Array, run: Ints) -> Array:
    """Return how much of every column remains from one row to the next.

    Parameters
    ----------
    values : array of shape (n, n_features)
        Rows in order; NaN where a value is missing.
    run : array of shape (n,)
        Rows of one number follow one another.

    Returns
    -------
    array of shape (n_features,)
        Correlation of neighbours about their run's mean, within 0…0.99; 0 where nothing varies.
    """
    place = np.unique(run, return_inverse=True)[1]
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    n = np.zeros((place.max(initial=-1) + 1, values.shape[1]))
    total = np.zeros_like(n)
    np.add.at(n, place, known)
    np.add.at(total, place, filled)
    centred = np.where(known, filled - (total / np.maximum(n, 1.0))[place], 0.0)
    follows = (place[1:] == place[:-1])[:, None]
    before, after = centred[:-1] * follows, centred[1:] * follows
    size = np.sqrt((before**2).sum(axis=0) * (after**2).sum(axis=0))
    shared = (before * after).sum(axis=0)
    varies = size > 0
    kept: Array = np.divide(shared, size, out=np.zeros_like(size), where=varies)
    return kept.clip(0.0, SLOWEST)


def noise_like(
    values: Array, run: Ints, recording: Ints, rng: np.random.Generator, declared: float | None
) -> Array:
    """Return AR(1) noise of unit variance in the shape of some values.

    It goes on across holes of a recording, since neighbours across a hole resemble one another, and
    begins anew with each recording.

    Parameters
    ----------
    values : array of shape (n, n_features)
        What it stands in for.
    run, recording : array of shape (n,)
        Of every row.
    rng : numpy.random.Generator
        Draws the noise.
    declared : float or None
        One coefficient for all columns; None: each column's own, see `coefficients`.

    Returns
    -------
    array of shape (n, n_features)
    """
    kept = np.full(values.shape[1], declared) if declared is not None else coefficients(values, run)
    new = np.sqrt(1.0 - kept**2)
    out = rng.standard_normal(values.shape)
    for i in range(1, len(out)):
        if recording[i] == recording[i - 1]:
            out[i] = kept * out[i - 1] + new * out[i]
    return out


def _covariance_like(
    covariance: npt.NDArray[np.float32], recording: Ints, rng: np.random.Generator, kept: float
) -> npt.NDArray[np.float32]:
    """Return covariances of white noise whose neighbours resemble one another."""
    n_channels = covariance.shape[1]
    samples = rng.standard_normal((len(covariance), 4 * n_channels, n_channels), dtype=np.float32)
    out: npt.NDArray[np.float32] = np.matmul(samples.transpose(0, 2, 1), samples)
    out /= 4 * n_channels
    for i in range(1, len(out)):
        if recording[i] == recording[i - 1]:
            out[i] = kept * out[i - 1] + (1.0 - kept) * out[i]
    return out


def canary_of(table: Table, rng: np.random.Generator, coefficient: float | None = None) -> Table:
    """Return the table with noise in place of all that was measured of the EEG.

    People, recordings, runs, labels, units, usable rows and what was audible stay.

    Parameters
    ----------
    table : Table
        All rows.
    rng : numpy.random.Generator
        Draws the noise.
    coefficient : float or None
        What remains from one row to the next, 0…1 without 1; None: each feature's own.
    """

    def noise(values: Array) -> Array:
        if not len(values):
            return values
        return noise_like(values, table.run, table.recording, rng, coefficient)

    covariance = table.covariance
    if len(covariance):
        own = coefficients(table.features, table.run)
        kept = float(np.median(own)) if coefficient is None else coefficient
        covariance = _covariance_like(covariance, table.recording, rng, kept)
    return replace(
        table,
        features=noise(table.features),
        muscle=noise(table.muscle),
        motor=noise(table.motor),
        covariance=covariance,
    )


def honest_score(protocol: Protocol, rules: Rules, method: Method) -> Score:
    """Return the mean over people of balanced accuracy under an honest protocol.

    Parameters
    ----------
    protocol : Protocol
        How is held out; the splits are made for each table anew, and checked.
    rules : Rules
        What the protocol is told.
    method : Method
        A fast one, since it is fitted for every seed.
    """

    def score(table: Table, seed: int) -> float:
        splits = protocol.splits(table, rules)
        p = held_out(table, splits, method.fit, seed)
        rows = np.flatnonzero(~np.isnan(p).any(axis=1))
        people = [
            balanced_right(table.label[own], right_of(table.label[own], p[own]))
            for person in np.unique(table.person[rows])
            if len(own := rows[table.person[rows] == person])
        ]
        return float(np.mean(people)) if people else math.nan

    return score


def chance_of(table: Table, rows: Ints) -> float:
    """Return the balanced accuracy of guessing, averaged over people.

    Parameters
    ----------
    table : Table
        All rows.
    rows : array of shape (n,)
        Rows that are scored.
    """
    shares = [
        1.0 / len(np.unique(table.label[rows[table.person[rows] == person]]))
        for person in np.unique(table.person[rows])
    ]
    return float(np.mean(shares)) if shares else math.nan


def canary(
    table: Table,
    protocol: Protocol,
    rules: Rules,
    score: Score,
    seed: int,
    *,
    n_seeds: int = 8,
    coefficient: float | None = None,
) -> Found:
    """Tell whether a protocol scores above chance on noise.

    Parameters
    ----------
    table : Table
        All rows.
    protocol : Protocol
        What is tried; `score` follows it.
    rules : Rules
        What the protocol is told.
    score : callable
        See `honest_score`; of a leaky protocol, what answers as that protocol does.
    seed : int
        Each canary's own seed follows from it.
    n_seeds : int
        Canaries, at least two.
    coefficient : float or None
        See `canary_of`.

    Returns
    -------
    Found
        `score`: mean over canaries. `critical`: chance and as many standard errors as a protocol at
        chance exceeds in 0.135 % of cases (three, for many seeds; t with fewer).
    """
    rows = np.unique(
        np.concatenate([np.zeros(0, np.int64)] + [s.test for s in protocol.splits(table, rules)])
    )
    if not len(rows):
        return _nothing(protocol)
    roots = np.random.SeedSequence(seed).spawn(n_seeds)
    values = np.array(
        [
            score(canary_of(table, np.random.default_rng(root), coefficient), seed + i)
            for i, root in enumerate(roots)
        ]
    )
    return _weighed(values, chance_of(table, rows), protocol.name)


def _nothing(protocol: Protocol) -> Found:
    return Found(
        "canary",
        None,
        None,
        None,
        f"No noise was tried under {protocol.name}, since it scores nothing here.",
        protocol.needs,
    )


def _weighed(values: Array, chance: float, protocol: str) -> Found:
    # Here, because the scoring core must not carry scipy into the live process.
    from scipy.stats import t  # noqa: PLC0415

    n, mean = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(n)
    critical = chance + float(t.isf(LIMIT, n - 1)) * error
    found = mean > critical + 1e-12
    meaning = (
        "What the protocol scores holds the answer: no score under it says anything."
        if found
        else "The protocol itself adds nothing to the scores, as far as slow noise can tell."
    )
    return Found(
        "canary",
        found,
        mean,
        critical,
        f"Noise as slow as the features scores {mean:.3f} under {protocol} over {n} draws; up to "
        f"{critical:.3f} is chance ({chance:.3f}) and its spread.",
        meaning,
        tuple(f"draw {i + 1}: {value:.3f}" for i, value in enumerate(values.tolist())),
    )
