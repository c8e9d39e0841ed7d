"""Covariances of fields can be used whatever was bad in which of the ten windows."""

from __future__ import annotations

import numpy as np

from decoder.tangent import definite


def test_channels_bad_in_different_windows_leave_a_definite_matrix() -> None:
    """Each pair of channels known from other windows alone is made one covariance."""
    rng = np.random.default_rng(1)
    total, known = np.zeros((200, 4, 4)), np.zeros((200, 4, 4))
    for i in range(200):
        for _ in range(3):
            x = rng.normal(size=(6, 4)) * [1.0, 30.0, 1.0, 30.0]
            good = rng.random(4) < 0.6
            there = np.outer(good, good)
            total[i] += np.where(there, x.T @ x / 6, 0.0)
            known[i] += there
    raw = total / np.maximum(known, 1.0)
    assert np.linalg.eigvalsh(raw).min() < -1.0
    assert np.linalg.eigvalsh(definite(total, known)).min() > 0.0
    whole = np.full_like(known, 3.0)
    plain = (
        0.99 * total / 3.0
        + 0.01 * np.eye(4) * (np.trace(total / 3.0, axis1=1, axis2=2) / 4)[:, None, None]
    )
    assert np.allclose(definite(total.copy(), whole), plain)
