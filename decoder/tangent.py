"""Covariances in the tangent space with a linear decision, live in numpy (Barachant et al. 2012).

The mean covariance of ten windows is moved so that the mean of the person's rest is the identity
(Zanini et al. 2018, IEEE Trans. Biomed. Eng. 65), then seen from the mean of what was learned from;
the logarithm of that is a vector, and a logistic regression decides. Both moves are one matrix,
since (A·M)·C·(A·M)ᵀ does them at once. Two small eigenvalue problems an answer at most, one where
no channel is bad.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .embedding import FIELD

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Covariances = npt.NDArray[np.floating]

N_CLASSES = 3
RIDGE = 0.01
"""Share of the channels' mean power that is added to each: a common average or an interpolated
channel takes a dimension away, and nothing has no logarithm."""


def window_covariance(
    samples: npt.NDArray[np.floating], bad: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return the covariance of one window.

    Parameters
    ----------
    samples : array of shape (n_times, n_channels)
        In µV.
    bad : array of shape (n_channels,)
        Channels that cannot be trusted.

    Returns
    -------
    array of shape (n_channels, n_channels)
        In µV², NaN for bad channels. In single precision, as evaluation keeps it: five minutes of
        19 channels take 1.7 MB.
    """
    centred = samples.astype(np.float64) - samples.mean(axis=0, dtype=np.float64)
    out: npt.NDArray[np.float32] = (centred.T @ centred / max(1, len(samples) - 1)).astype(
        np.float32
    )
    out[bad] = np.nan
    out[:, bad] = np.nan
    return out


def log_power(covariance: npt.NDArray[np.floating]) -> Array:
    """Return the mean log variance of the channels that can be trusted.

    Parameters
    ----------
    covariance : array of shape (..., n_channels, n_channels)
        See `window_covariance`.

    Returns
    -------
    array of shape (...)
        NaN where no channel can be.
    """
    variance = np.diagonal(covariance, axis1=-2, axis2=-1).astype(np.float64)
    known = np.isfinite(variance)
    logs = np.log(np.where(known, np.maximum(variance, 1e-12), 1.0))
    n = known.sum(axis=-1)
    out: Array = np.where(n > 0, logs.sum(axis=-1) / np.maximum(n, 1), np.nan)
    return out


def field_covariances(windows: Covariances, newest: Ints) -> Array:
    """Return the mean covariance of the ten windows of each field.

    Parameters
    ----------
    windows : array of shape (n_windows, n_channels, n_channels)
        Of every window, NaN for bad channels.
    newest : array of shape (n,)
        Places of the newest windows; the nine before each belong to it.

    Returns
    -------
    array of shape (n, n_channels, n_channels)
        In µV², positive definite. A channel that was bad throughout is given the others' mean power
        and no correlation.
    """
    total = np.zeros((len(newest), *windows.shape[1:]))
    known = np.zeros_like(total)
    for back in range(FIELD):
        one = windows[newest - back]
        there = np.isfinite(one)
        total += np.where(there, one, 0.0)
        known += there
    return definite(total, known)


def definite(total: Array, known: Array) -> Array:
    """Return means of which logarithms exist: what is unknown filled in, and the ridge added.

    Parameters
    ----------
    total, known : array of shape (n, n_channels, n_channels)
        Sums of covariances, and of how many windows each entry is known.
    """
    mean = total / np.maximum(known, 1.0)
    p = mean.shape[-1]
    power = np.einsum("nii->ni", mean)
    there = np.einsum("nii->ni", known) > 0
    level = (power * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    level = np.where(level > 0, level, 1.0)[:, None]
    np.einsum("nii->ni", mean)[:] = np.where(there, power, level)
    # Entries that are means over different windows need not belong to one covariance.
    mixed = known.max(axis=(1, 2)) != known.min(axis=(1, 2))
    if mixed.any():
        values, vectors = np.linalg.eigh(mean[mixed])
        mean[mixed] = (vectors * np.maximum(values, 0.0)[:, None]) @ vectors.transpose(0, 2, 1)
    out: Array = (1.0 - RIDGE) * mean + RIDGE * level[:, :, None] * np.eye(p)
    return out


def inverse_root(covariance: Array) -> Array:
    """Return the inverse square root of one positive definite matrix."""
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors / np.sqrt(values)) @ vectors.T
    return root


def vectors_of(moved: Array) -> Array:
    """Return the tangent vectors at the identity.

    Parameters
    ----------
    moved : array of shape (n, n_channels, n_channels)
        Positive definite.

    Returns
    -------
    array of shape (n, n_channels * (n_channels + 1) / 2)
        The logarithm's upper triangle row by row, √2 beside the diagonal, so that lengths stay.
    """
    values, vectors = np.linalg.eigh(moved)
    log = (vectors * np.log(values)[:, None]) @ vectors.transpose(0, 2, 1)
    row, column = np.triu_indices(moved.shape[-1])
    out: Array = log[:, row, column] * np.where(row == column, 1.0, np.sqrt(2.0))
    return out


class Tangent:
    """Covariances of ten windows in, probabilities out.

    Parameters
    ----------
    move : array of shape (n_channels, n_channels)
        Moves by the rest, then by the mean of what was learned from.
    coefficients : array of shape (3, n_channels * (n_channels + 1) / 2)
        Rows of absent classes are zero.
    intercepts : array of shape (3,)
        −inf for classes that were absent from the calibration.
    """

    def __init__(self, move: Array, coefficients: Array, intercepts: Array) -> None:
        self.move = np.ascontiguousarray(move, dtype=np.float64)
        self.coefficients = np.ascontiguousarray(coefficients, dtype=np.float64)
        self.intercepts = np.asarray(intercepts, dtype=np.float64)

    def __call__(self, field: Array) -> Array:
        """Return the classes' probabilities, referring to equal priors.

        Parameters
        ----------
        field : array of shape (10, n_channels²)
            Covariances of the ten windows, each row by row; NaN for bad channels.
        """
        p = len(self.move)
        windows = field.reshape(len(field), p, p)
        out: Array = self.of(field_covariances(windows, np.array([len(field) - 1])))[0]
        return out

    def of(self, covariances: Array) -> Array:
        """Return the same for many fields.

        Parameters
        ----------
        covariances : array of shape (n, n_channels, n_channels)
            See `field_covariances`.

        Returns
        -------
        array of shape (n, 3)
        """
        x = vectors_of(self.move @ covariances @ self.move.T)
        return decided(x, self.coefficients, self.intercepts)


def decided(x: Array, coefficients: Array, intercepts: Array) -> Array:
    """Return probabilities of shape (n, n_classes) for vectors of shape (n, n_features)."""
    scores = x @ coefficients.T + intercepts
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    out: Array = odds / odds.sum(axis=1, keepdims=True)
    return out


def mean_of(covariances: Array) -> Array:
    """Return the mean along geodesics (Moakher 2005, SIAM J. Matrix Anal. 26), by pyriemann."""
    # Here, because the live process imports this module and must not carry pyriemann.
    from pyriemann.geometry.mean import mean_riemann  # noqa: PLC0415

    return np.asarray(mean_riemann(covariances))


def logistic(x: Array, labels: Ints, n_classes: int = N_CLASSES) -> tuple[Array, Array]:
    """Fit a logistic regression with equal priors; needs scikit-learn.

    Parameters
    ----------
    x : array of shape (n, n_features)
        Tangent vectors.
    labels : array of shape (n,)
        0…n_classes − 1; at least two of them.
    n_classes : int
        Number of classes.

    Returns
    -------
    coefficients : array of shape (n_classes, n_features)
        Rows of absent classes are zero.
    intercepts : array of shape (n_classes,)
        −inf for absent classes.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(x, labels)
    present = np.asarray(model.classes_)
    weights, offsets = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(present) == 2:  # scikit-learn keeps only the second class's score over the first's
        weights = np.concatenate([np.zeros_like(weights), weights])
        offsets = np.concatenate([[0.0], offsets])
    coefficients, intercepts = np.zeros((n_classes, x.shape[1])), np.full(n_classes, -np.inf)
    coefficients[present], intercepts[present] = weights, offsets
    return coefficients, intercepts
