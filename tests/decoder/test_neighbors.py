"""The kNN memory against scikit-learn's brute force, and its own rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from decoder.neighbors import Memory, memory_of, odd_root


def unit(rng, n, d=7):
    """Return n random unit vectors."""
    z = rng.standard_normal((n, d))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


@given(st.integers(0, 1000), st.integers(6, 60))
def test_equals_brute_force_where_every_row_is_its_own_stretch(seed, n_per_class):
    """With balanced classes, votes are scikit-learn's plus one spread over the classes."""
    rng = np.random.default_rng(seed)
    n = 3 * n_per_class
    z, label, query = unit(rng, n), np.arange(n) % 3, unit(rng, 5)
    memory = memory_of(z, label, np.arange(n))
    k = odd_root(n)
    oracle = KNeighborsClassifier(k, metric="cosine", algorithm="brute").fit(z, label)
    expected = (oracle.predict_proba(query) * k + 1 / 3) / (k + 1)
    ours = np.array([memory.predict_proba(q) for q in query])
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_a_stretch_has_one_vote():
    """Ten rows of one stretch right at the query weigh no more than one row of another."""
    rng = np.random.default_rng(0)
    query = unit(rng, 1)[0]
    close = np.tile(query, (10, 1))
    others = unit(rng, 8)
    z = np.concatenate([close, others])
    label = np.array([0] * 10 + [1] * 4 + [2] * 4)
    stretch = np.array([0] * 10 + [1, 2, 3, 4, 5, 6, 7, 8])
    p = memory_of(z, label, stretch).predict_proba(query)
    alone = memory_of(z[9:], label[9:], stretch[9:]).predict_proba(query)
    np.testing.assert_array_equal(p, alone)
    assert p[0] < 0.9


def test_votes_weigh_by_the_rarity_of_their_class():
    """Of 44 stretches, 40 of one class: a vote of the other weighs ten times as much."""
    rng = np.random.default_rng(4)
    query, far = np.array([1.0, 0.0]), np.array([-1.0, 0.0])
    z = np.concatenate([np.tile(query, (3, 1)), np.tile(far, (37, 1)), np.tile(query, (4, 1))])
    order = rng.permutation(44)
    label = np.array([0] * 40 + [2] * 4)
    p = memory_of(z[order], label[order], np.arange(44)).predict_proba(query)  # k = 7
    votes = np.array([3 * 44 / (2 * 40) + 0.5, 0.0, 4 * 44 / (2 * 4) + 0.5])
    np.testing.assert_allclose(p, votes / votes.sum())


def test_what_was_never_learned_has_probability_zero():
    """Two classes in the memory: the third stays at 0, the rest adds up to 1."""
    rng = np.random.default_rng(1)
    p = memory_of(unit(rng, 20), np.arange(20) % 2 * 2, np.arange(20)).predict_proba(
        unit(rng, 1)[0]
    )
    assert p[1] == 0.0
    assert p.sum() == pytest.approx(1.0)
    assert Memory(7, 5).predict_proba(unit(rng, 1)[0]).tolist() == [0.0, 0.0, 0.0]


def test_each_class_forgets_its_own_oldest():
    """A class that overflows loses its first rows; a rare class loses none."""
    rng = np.random.default_rng(2)
    z = unit(rng, 13)
    memory = Memory(7, capacity=4)
    for i in range(10):
        memory.learn(z[i], 1, i)
    for i in range(10, 13):
        memory.learn(z[i], 2, i)
    kept = memory.arrays()
    np.testing.assert_array_equal(kept["embedding"], z[[6, 7, 8, 9, 10, 11, 12]])
    assert kept["label"].tolist() == [1] * 4 + [2] * 3
    assert (len(memory), memory.n_stretches) == (7, 7)


def test_learning_after_answering_counts():
    """The index is made anew after every lesson."""
    rng = np.random.default_rng(3)
    z = unit(rng, 30)
    grown = Memory(7, 30)
    for i in range(30):
        grown.learn(z[i], i % 3, i // 2)
        grown.predict_proba(z[0])
    once = memory_of(z, np.arange(30) % 3, np.arange(30) // 2)
    np.testing.assert_array_equal(grown.predict_proba(z[5]), once.predict_proba(z[5]))


@pytest.mark.parametrize(("n", "k"), [(1, 3), (16, 5), (240, 15), (400, 21), (10**6, 51)])
def test_k_is_the_odd_root_within_limits(n, k):
    """√n made odd, 3…51; 240 time points give the published 15."""
    assert odd_root(n) == k
