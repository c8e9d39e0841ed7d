"""How rows of log band power vary while nothing changes, and where a state shows (pure).

The numbers are those of `stream.simulated`'s person at rest, sent through `StreamLine` (19 channels
of an Enobio 20, five bands, windows of 1 s every 0.25 s; three people, 300 s each); a test compares
them anew. So rows can be drawn thousands of times faster than samples can be filtered.

Noise of a row: a Gaussian with covariance Σ ⊗ T. Σ is over channels within each band (bands are
taken as independent; measured: 0.00–0.16), T over time: what overlapping windows share, what waxes
and wanes within seconds, and a drift over minutes, which the simulated person has not and people
have.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.linalg import toeplitz
from scipy.signal import lfilter

from decoder.embedding import FIELD
from decoder.features import BANDS
from stream.simulated.head import SCALP, SIGNATURE_NEPERS, distances, drive_weights

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROW_BANDS = BANDS["default"]
N_CHANNELS, N_BANDS = len(SCALP), len(ROW_BANDS)
N_FEATURES = N_CHANNELS * N_BANDS
RATE, N_TIMES, HOP = 500.0, 500, 125
HOP_S = HOP / RATE

SPREAD = np.array([0.86, 0.68, 0.73, 0.39, 0.37])
"""Standard deviation of a row's log power (nepers) of each band."""
REACH = np.array([0.4, 0.4, 1.0, 0.5, 0.45])
"""Distance in head radii at which log powers of a band correlate by 1/e."""
OVERLAP = np.array([0.4076, 0.9012, 0.1472])
"""Moving average whose correlations are 0.50 one hop apart, 0.06 two, 0 beyond."""
WAXING = 0.06
"""Share of the variance that waxes and wanes."""
WAXING_S = 2.0
"""Its time constant in seconds."""
DRIFT_S = 120.0
"""Time constant of the drift in seconds."""


def correlations(n_lags: int, drift: float) -> Array:
    """Return how rows covary that lie 0, 1, … hops apart, shape (n_lags,); a row's own noise is 1.

    Parameters
    ----------
    n_lags : int
        How many.
    drift : float
        Standard deviation of the drift beside that of a row.
    """
    lag = np.arange(n_lags)
    shared = np.zeros(n_lags)
    own = np.correlate(OVERLAP, OVERLAP, "full")[len(OVERLAP) - 1 :][:n_lags]
    shared[: len(own)] = own
    waxing = _kept(WAXING_S) ** lag
    drifting = _kept(DRIFT_S) ** lag
    out: Array = (1 - WAXING) * shared + WAXING * waxing + drift**2 * drifting
    return out


def _kept(seconds: float) -> float:
    """Return what is left of an AR(1) process after one hop."""
    return float(np.exp(-HOP_S / seconds))


def gain(drift: float) -> float:
    """Return how much the ten rows of a field say beside one of variance 1: 1ᵀ T⁻¹ 1."""
    t = toeplitz(correlations(FIELD, drift))
    ones = np.ones(FIELD)
    return float(ones @ np.linalg.solve(t, ones))


@lru_cache(maxsize=1)
def mixing() -> Array:
    """Return the square root of Σ, one lower triangle per band, shape (5, 19, 19)."""
    d = distances(SCALP, SCALP)
    roots = [s * np.linalg.cholesky(np.exp(-d / r)) for s, r in zip(SPREAD, REACH, strict=True)]
    return np.array(roots)


def mixed(white: Array) -> Array:
    """Return rows with covariance Σ from rows of unit variance, both of shape (n, 95)."""
    rows = white.reshape(-1, N_CHANNELS, N_BANDS)
    out = np.empty_like(rows)
    for band, root in enumerate(mixing()):
        out[:, :, band] = rows[:, :, band] @ root.T
    return out.reshape(white.shape)


def whitened(rows: Array) -> Array:
    """Undo `mixed`."""
    shaped = rows.reshape(-1, N_CHANNELS, N_BANDS)
    out = np.empty_like(shaped)
    for band, root in enumerate(mixing()):
        out[:, :, band] = np.linalg.solve(root, shaped[:, :, band].T).T
    return out.reshape(rows.shape)


def noise(n_rows: int, drift: float, rng: np.random.Generator) -> Array:
    """Return rows that follow one another every hop, shape (n_rows, 95), in nepers.

    Parameters
    ----------
    n_rows : int
        How many.
    drift : float
        See `correlations`.
    rng : numpy.random.Generator
        Draws them.
    """
    lead = len(OVERLAP) - 1
    fresh = rng.standard_normal((n_rows + lead, N_FEATURES))
    out = np.sqrt(1 - WAXING) * lfilter(OVERLAP, [1.0], fresh, axis=0)[lead:]
    out += np.sqrt(WAXING) * _first_order(n_rows, WAXING_S, rng)
    if drift:
        out += drift * _first_order(n_rows, DRIFT_S, rng)
    return mixed(out)


def _first_order(n_rows: int, seconds: float, rng: np.random.Generator) -> Array:
    """Return stationary AR(1) rows of variance 1."""
    kept = _kept(seconds)
    fresh = rng.standard_normal((n_rows, N_FEATURES))
    fresh[1:] *= np.sqrt(1 - kept**2)
    return np.asarray(lfilter([1.0], [1.0, -kept], fresh, axis=0))


def in_rows(weights: Array) -> Array:
    """Return log amplitudes of drives, shape (5 n_electrodes, n), as log powers of rows.

    Returns
    -------
    array of shape (n, 95)
        Nepers, a channel's bands together.
    """
    shaped = 2.0 * weights.reshape(N_BANDS, N_CHANNELS, -1)
    return np.ascontiguousarray(shaped.transpose(2, 1, 0).reshape(weights.shape[1], -1))


def as_weights(rows: Array) -> Array:
    """Undo `in_rows`: what `SimulatedPerson` adds to log amplitudes."""
    shaped = 0.5 * rows.reshape(-1, N_CHANNELS, N_BANDS)
    return np.ascontiguousarray(shaped.transpose(2, 1, 0).reshape(-1, len(rows)))


@lru_cache(maxsize=1)
def common_signature() -> Array:
    """Return where states show in everybody at strength 1, shape (3, 95); their mean is 0."""
    felt = in_rows(drive_weights(1.0, 0.0)[:, :3])
    out: Array = felt - felt.mean(axis=0)
    return out


def own_signature(rng: np.random.Generator) -> Array:
    """Return where states show in one person, shape (3, 95): as easy to tell apart as the common.

    Patterns as smooth over the scalp as the noise, unlike the common ones (at a right angle to them
    by the noise's measure), and at the same distances from one another by that measure.
    """
    common = whitened(common_signature())
    away = rng.standard_normal((2, N_FEATURES))  # mixed, it is as smooth as the noise
    plane = np.linalg.svd(common, full_matrices=False)[2][:2]
    away -= away @ plane.T @ plane
    axes = np.linalg.qr(away.T)[0].T
    return mixed(common @ plane.T @ axes)


def hands() -> Array:
    """Return the trace of the left and of the right hand at size 1, shape (2, 95)."""
    return in_rows(drive_weights(0.0, 0.0)[:, 3:5])


def _ears() -> Array:
    """Return how near every channel is to an ear, 1 at T7 and T8, shape (19,)."""
    nearest = distances(SCALP, ("T7", "T8")).min(axis=1)
    return np.asarray(np.exp(-nearest / 0.8))


def response() -> Array:
    """Return the brain's answer to pleasant music at size 1, shape (95,): θ and α at T7 and T8."""
    heard = in_rows(drive_weights(0.0, 1.0)[:, 5:])[2]
    out: Array = heard * (SIGNATURE_NEPERS / np.abs(heard).max())
    return out


def leakage() -> Array:
    """Return what headphones add to the channels at size 1, shape (95,): all bands, by distance.

    As a gain of the channel's own power; a real leak has the clip's own spectrum.
    """
    return np.repeat(SIGNATURE_NEPERS * _ears(), N_BANDS)
