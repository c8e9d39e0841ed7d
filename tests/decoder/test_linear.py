"""Shrinkage LDA live from its numbers, against scikit-learn."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from decoder import linear


@pytest.mark.parametrize("present", [(0, 1, 2), (0, 2), (1, 2)])
def test_equals_scikit_learns_probabilities(present):
    """Three or two classes: the same probabilities, zero for the absent class."""
    rng = np.random.default_rng(0)
    label = rng.choice(present, 90)
    fields = rng.standard_normal((90, 10, 12)) + label[:, None, None] * 0.2
    ours = linear.fit(fields, label)
    equal = np.full(len(present), 1 / len(present))
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=equal)
    oracle.fit(fields.mean(axis=1), label)
    p = np.array([ours(field) for field in fields])
    expected = np.zeros((90, 3))
    expected[:, list(present)] = oracle.predict_proba(fields.mean(axis=1))
    np.testing.assert_allclose(p, expected, atol=1e-9)
