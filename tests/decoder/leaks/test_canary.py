"""Noise in place of the features: at chance where nothing leaks, far above where it does."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.leaks.canary import canary, canary_of, chance_of, coefficients, honest_score
from decoder.methods.catalog import of
from decoder.methods.method import Method
from decoder.scoring.protocols import protocol
from decoder.scoring.splits import Rules
from tests.decoder.scoring.tables import table_of

RULES = Rules(0.75)
EPISODES = [[[0, 1, 0, 1, 1, 0, 1, 0]]] * 3


def nearest(table, train, labels, _seed):
    """Answer by the one row of the memory that is most alike."""
    memory = table.features[train]

    def answer(rows):
        away = ((table.features[rows][:, None] - memory[None]) ** 2).sum(axis=2)
        return np.eye(table.n_states)[labels[away.argmin(axis=1)]]

    return answer


NEAREST = Method("nearest", "candidate", nearest, "the most alike row", True)


def tried(name, method, table, coefficient=None, n_seeds=6):
    """Return what the canary finds under a protocol."""
    score = honest_score(protocol(name), RULES, method)
    return canary(table, protocol(name), RULES, score, 3, n_seeds=n_seeds, coefficient=coefficient)


@settings(max_examples=12)
@given(kept=st.floats(0.1, 0.95), seed=st.integers(0, 1000))
def test_noise_keeps_what_is_declared(kept, seed):
    """The declared coefficient is found again, in every column; the spread is one."""
    table = table_of([[[0, 1]] * 2] * 2, 500, n_features=3)
    made = canary_of(table, np.random.default_rng(seed), kept)
    assert np.abs(coefficients(made.features, table.run) - kept).max() < 0.15
    assert 0.7 < made.features.std() < 1.3


def test_noise_is_as_slow_as_each_feature():
    """Each feature's own coefficient is estimated from the data."""
    table = table_of([[[0, 1]] * 2] * 2, 600, n_features=2)
    rng = np.random.default_rng(0)
    slow = canary_of(table, rng, 0.9).features[:, 0]
    fast = canary_of(table, rng, 0.3).features[:, 1]
    mixed = replace(table, features=np.stack([slow, fast], axis=1))
    made = canary_of(mixed, rng)
    assert coefficients(made.features, table.run) == pytest.approx([0.9, 0.3], abs=0.06)


def test_coefficients_are_correlations_of_neighbours():
    """Without holes they are numpy's correlation of a column with itself a row later."""
    x = np.cumsum(np.random.default_rng(1).standard_normal((400, 2)), axis=0) * [1.0, 0.1]
    x[:, 1] += np.random.default_rng(2).standard_normal(400)
    expected = [np.corrcoef(c[:-1], c[1:])[0, 1] for c in x.T]
    found = coefficients(x, np.zeros(400, dtype=np.int64))
    assert found == pytest.approx(np.minimum(expected, 0.99), abs=0.01)


def test_missing_and_constant_columns_keep_nothing():
    """A column without values or without change has no memory."""
    x = np.random.default_rng(0).standard_normal((50, 3))
    x[:, 1], x[:, 2] = np.nan, 7.0
    assert coefficients(x, np.zeros(50, dtype=np.int64))[1:].tolist() == [0.0, 0.0]


def test_only_what_was_measured_is_replaced():
    """Labels, people, units, runs, usable rows stay; features, muscle, motor, covariance do not."""
    table = table_of(EPISODES, 20)
    n = len(table)
    rng = np.random.default_rng(0)
    table = replace(
        table,
        muscle=rng.standard_normal((n, 4)),
        motor=rng.standard_normal((n, 4)),
        covariance=np.tile(np.eye(4, dtype=np.float32), (n, 1, 1)),
    )
    made = canary_of(table, rng)
    changed = {"features", "muscle", "motor", "covariance"}
    for field in fields(table):
        before, after = getattr(table, field.name), getattr(made, field.name)
        assert np.shape(before) == np.shape(after)
        same = np.array_equal(before, after) if isinstance(before, np.ndarray) else before == after
        assert same == (field.name not in changed), field.name
    assert (np.linalg.eigvalsh(made.covariance) > 0).all()


def test_recordings_are_independent():
    """The first row of a recording does not follow from the last one of the recording before."""
    table = table_of([[[0]] * 400], 11, n_features=1)
    made = canary_of(table, np.random.default_rng(0), 0.95).features[:, 0]
    last, first = made[10:-1:11], made[11::11]
    assert abs(np.corrcoef(last, first)[0, 1]) < 0.15


@pytest.mark.parametrize("name", ["within", "leave-one-episode-out", "leave-one-person-out"])
def test_honest_protocols_pass(name):
    """Noise as slow as the features scores at chance."""
    found = tried(name, of("lda"), table_of(EPISODES, 60))
    assert found.found is False
    assert abs(found.score - 0.5) < 0.08
    assert f"under {name}" in found.what
    assert "6 draws" in found.what


@pytest.mark.parametrize(("kept", "least"), [(0.9, 0.6), (0.98, 0.75)])
def test_windows_dealt_at_random_are_caught(kept, least):
    """Rows beside the scored one are learned from: the slower the noise the larger the score."""
    found = tried("random", NEAREST, table_of(EPISODES, 40), kept)
    assert found.found
    assert found.score > least
    assert "holds the answer" in found.meaning


def test_labels_that_were_seen_are_caught():
    """Rows that are learned from and scored are remembered whole."""
    found = tried("fitted", NEAREST, table_of(EPISODES, 40))
    assert found.found
    assert found.score == 1.0


def test_the_same_seed_gives_the_same_noise():
    """A canary can be repeated, and another seed gives another one."""
    table = table_of(EPISODES, 20)
    one, two, other = (canary_of(table, np.random.default_rng(s)).features for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_chance_follows_the_states_of_everybody():
    """A person with two of three states guesses right in a half, one with three in a third."""
    table = table_of([[[0, 1, 2]], [[0, 2]]], 20)
    assert chance_of(table, table.newest) == pytest.approx((1 / 3 + 1 / 2) / 2)


def test_a_protocol_without_splits_is_said():
    """Where nothing is scored, nothing is claimed."""
    found = tried("leave-one-person-out", of("lda"), table_of([[[0, 1]]], 30))
    assert found.found is None
    assert "two people" in found.meaning
