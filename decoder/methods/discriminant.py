"""Shrinkage LDA with equal priors, in numpy: a null fits it hundreds of times.

The numbers are scikit-learn's (solver `lsqr`, shrinkage `auto`), which `decoder.linear` uses: each
class is standardized, its covariance shrunk by Ledoit & Wolf (2004, J. Multivariate Anal. 88), put
back on its scale and averaged. Here that takes one product of matrices per class where scikit-learn
takes three and a singular value decomposition.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Discriminant(NamedTuple):
    """Scores that are linear in the features."""

    coefficients: Array
    """Shape (n_states, n_features); zero for absent classes."""
    intercepts: Array
    """Shape (n_states,); −inf for absent classes."""

    def __call__(self, x: Array) -> Array:
        """Return probabilities of shape (n, n_states) for rows of shape (n, n_features)."""
        scores = x @ self.coefficients.T + self.intercepts
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        out: Array = odds / odds.sum(axis=1, keepdims=True)
        return out


def _scale(variance: Array, mean: Array, n: int) -> Array:
    """Return standard deviations, 1 where rounding alone makes a constant vary."""
    tiny = float(np.finfo(np.float64).eps)
    constant = variance <= n * tiny * variance + (n * mean * tiny) ** 2
    return np.where(constant, 1.0, np.sqrt(variance))


def shrunk(x: Array) -> tuple[Array, Array]:
    """Return the mean and the shrunk covariance of one class.

    Parameters
    ----------
    x : array of shape (n, n_features)
        Its rows.

    Returns
    -------
    mean : array of shape (n_features,)
    covariance : array of shape (n_features, n_features)
        (1 − λ)·R + λ·tr(R)/p·I on the features' scales, R their correlations, λ after Ledoit & Wolf
        (2004, eqs. 9–14).
    """
    n, p = x.shape
    mean = x.mean(axis=0)
    centred = x - mean
    second = centred.T @ centred / n
    scale = _scale(second.diagonal(), mean, n)
    r = second / np.outer(scale, scale)
    level = r.trace() / p
    squares = (r * r).sum()
    lengths = (centred * centred) @ (1.0 / scale**2)
    noise = ((lengths * lengths).sum() / n - squares) / (n * p)
    apart = squares / p - level**2
    share = min(noise, apart) / apart if noise > 0 and apart != 0 else 0.0
    r *= 1.0 - share
    r.flat[:: p + 1] += share * level
    return mean, r * np.outer(scale, scale)


def fit(x: Array, labels: Ints, n_states: int) -> Discriminant:
    """Fit to rows of at least two classes.

    Parameters
    ----------
    x : array of shape (n, n_features)
        Rows.
    labels : array of shape (n,)
        Their classes, 0…n_states − 1.
    n_states : int
        Number of classes.

    Returns
    -------
    Discriminant
    """
    present = np.unique(labels)
    of_class = [shrunk(x[labels == state]) for state in present]
    means = np.array([mean for mean, _ in of_class])
    within = np.mean([covariance for _, covariance in of_class], axis=0)
    found = Discriminant(np.zeros((n_states, x.shape[1])), np.full(n_states, -np.inf))
    found.coefficients[present] = _solve(within, means.T).T
    found.intercepts[present] = -0.5 * (means * found.coefficients[present]).sum(axis=1)
    return found


def _solve(a: Array, b: Array) -> Array:
    """Solve; for the least norm where `a` is singular (copies of a feature, nothing shrunk)."""
    size = np.sqrt(a.diagonal())
    size = np.where(size > 0, size, 1.0)
    on_one_scale = a / np.outer(size, size)
    try:
        pivots = np.linalg.cholesky(on_one_scale).diagonal()
        if pivots.min() > 1e-6:
            return np.asarray(np.linalg.solve(a, b))
    except np.linalg.LinAlgError:
        pass  # not positive: what follows solves that, too
    return np.asarray(np.linalg.lstsq(on_one_scale, b / size[:, None])[0] / size[:, None])
