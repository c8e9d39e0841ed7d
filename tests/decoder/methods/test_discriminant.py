"""LDA in numpy against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from decoder.methods import discriminant


def oracle_of(x, label, n_states):
    """Return scikit-learn's probabilities, zero for absent classes."""
    present = np.unique(label)
    equal = np.full(len(present), 1 / len(present))
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=equal)
    p = np.zeros((len(x), n_states))
    p[:, present] = model.fit(x, label).predict_proba(x)
    return p


@given(
    st.integers(0, 10_000),
    st.integers(2, 4),
    st.integers(1, 12),
    st.floats(0.0, 3.0),
)
@settings(max_examples=60, deadline=None)
def test_equals_scikit_learn(seed, n_states, n_features, apart):
    """Any number of classes and features, unequal scales, more features than rows: the same."""
    rng = np.random.default_rng(seed)
    label = np.concatenate([np.repeat(np.arange(n_states), 3), rng.integers(0, n_states, 30)])
    scale = 10.0 ** rng.uniform(-2, 2, n_features)
    mixed = rng.standard_normal((len(label), n_features)) @ rng.standard_normal((n_features,) * 2)
    x = scale * (mixed + apart * label[:, None])
    p = discriminant.fit(x, label, n_states)(x)
    np.testing.assert_allclose(p, oracle_of(x, label, n_states), atol=1e-9)


@pytest.mark.parametrize("present", [(0, 2), (1, 3), (0, 1, 2, 3)])
def test_an_absent_class_is_never_answered(present):
    """States without a row have probability zero, the others scikit-learn's."""
    rng = np.random.default_rng(0)
    label = rng.choice(present, 200)
    x = rng.standard_normal((200, 95)) + 0.1 * label[:, None]
    p = discriminant.fit(x, label, 4)(x)
    np.testing.assert_allclose(p, oracle_of(x, label, 4), atol=1e-9)


def test_constant_and_copied_features_change_nothing():
    """A feature that never varies, or one given twice, leaves the answers finite and right."""
    rng = np.random.default_rng(1)
    label = np.arange(60) % 2
    x = rng.standard_normal((60, 3)) + label[:, None]
    more = np.column_stack([x, np.full(60, 0.1), np.zeros(60), x[:, 0]])
    p = discriminant.fit(more, label, 2)(more)
    np.testing.assert_allclose(p, oracle_of(more, label, 2), atol=1e-9)
    assert (p.argmax(axis=1) == label).mean() > 0.8


def test_one_row_of_a_class_is_enough_for_an_answer():
    """A class with a single row has no spread of its own; the other's is used."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((21, 4))
    label = np.array([1] + [0] * 20)
    p = discriminant.fit(x, label, 2)(x)
    assert np.isfinite(p).all()
    assert p[0].argmax() == 1


def test_rows_without_any_spread_are_answered_evenly():
    """Nothing varies at all: no error, and no state is preferred."""
    p = discriminant.fit(np.zeros((8, 2)), np.arange(8) % 2, 2)(np.zeros((3, 2)))
    np.testing.assert_allclose(p, 0.5)


def _by_definition(x, stretch):
    """Return λ of one class, stretch by stretch."""
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    r = z.T @ z / len(z)
    parts = [z[stretch == name] for name in np.unique(stretch)]
    off = sum(((part.T @ part - len(part) * r) ** 2).sum() for part in parts) / len(z) ** 2
    n = len(z) ** 2 / sum(len(part) ** 2 for part in parts)
    apart = (r**2).sum() - r.trace() ** 2 / len(r)
    return min(1.0, off * n / (n - 1) / apart)


@pytest.mark.parametrize("sizes", [[10] * 8, [10, 10, 3, 10, 1, 7, 10], [1] * 40])
def test_stretches_are_one_observation_each(sizes):
    """Shrinkage by the spread between stretches, as written out, in whatever order rows come."""
    rng = np.random.default_rng(3)
    stretch = np.repeat(np.arange(len(sizes)), sizes)
    x = rng.standard_normal((len(sizes), 6))[stretch] + rng.standard_normal((len(stretch), 6))
    x = (x @ rng.standard_normal((6, 6))) * [1, 10, 1, 1, 0.1, 1]
    mean, found = discriminant.shrunk(x, stretch)
    scale = x.std(axis=0)
    plain = np.cov(x.T, bias=True) / np.outer(scale, scale)
    share = 1 - (found / np.outer(scale, scale))[0, 1] / plain[0, 1]
    assert share == pytest.approx(_by_definition(x, stretch))
    assert 0.0 < share < 1.0
    order = rng.permutation(len(x))
    again = discriminant.shrunk(x[order], stretch[order])
    np.testing.assert_allclose(again[1], found)
    np.testing.assert_allclose(mean, x.mean(axis=0))


def test_rows_repeated_in_a_stretch_are_no_new_evidence():
    """Every row ten times: counted as rows it is shrunk too little, by stretches as once."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((40, 30))
    once = discriminant.shrunk(x)[1]
    ten = np.repeat(x, 10, axis=0)
    by_rows = discriminant.shrunk(ten)[1]
    by_stretches = discriminant.shrunk(ten, np.repeat(np.arange(40), 10))[1]
    size = [np.abs(np.triu(c, 1)).sum() for c in (once, by_rows, by_stretches)]
    assert size[1] > 2 * size[0]
    assert size[2] == pytest.approx(size[0], rel=0.2)


def test_one_stretch_says_nothing_of_correlations():
    """A class of one stretch keeps its scales and no more."""
    x = np.random.default_rng(5).standard_normal((10, 4)) * [1, 2, 3, 4]
    found = discriminant.shrunk(x, np.zeros(10, dtype=np.int64))[1]
    np.testing.assert_allclose(found, np.diag(x.var(axis=0)), atol=1e-12)
