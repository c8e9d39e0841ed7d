"""Hours of one key, and a player that plays what the key says."""

import numpy as np
import pytest

from decoder.memory.learner import Learner, for_learning
from decoder.memory.lessons import LearningSettings, Moment
from decoder.memory.rings import memory_of, unit
from tests.decoder.memory.made import FAST, FIELD_SECONDS, HOP, calibrated, moments, run, same

HOUR = 3600.0


def placed(rng, label):
    """Return embeddings that lie around a direction of their state's, widely."""
    return unit(np.eye(7)[label] + 0.6 * rng.standard_normal((len(label), 7)))


def eight_hours(rng):
    """Return time, state and embedding of every second, and which are far from changes.

    `positive` comes for 11 s in ten minutes, of which 4 s to 6 s can be learned from.
    """
    t = np.arange(0.0, 8 * HOUR)
    label = np.where(t % 600.0 < 11.0, 2, 0)
    fit = np.array([(label[max(0, i - 4) : i + 3] == label[i]).all() for i in range(len(t))])
    return t, label, placed(rng, label), fit


def by_one_list(z, label, queries, k=51):
    """Answer by the most frequent state among the k nearest of all rows: the naive way."""
    near = np.argpartition(-(queries @ z.T), k, axis=1)[:, :k]
    return np.array([np.bincount(label[one], minlength=3).argmax() for one in near])


@pytest.mark.fault(28)
def test_eight_hours_with_99_of_100_rows_of_one_state():
    """The rare state is still answered, where one list of all rows loses it; rows are bounded."""
    rng = np.random.default_rng(0)
    few = np.repeat([0, 2], 60)
    taught = placed(rng, few)
    t, label, z, fit = eight_hours(rng)
    settings = LearningSettings()
    model = memory_of(taught, few, np.arange(120) // 10)
    learner = Learner(for_learning(model, settings), settings)
    changes = np.diff(label, prepend=-1) != 0
    for at, state, change, one in zip(t.tolist(), label.tolist(), changes, z, strict=True):
        if change:
            learner.label(at, state)
        learner.step(Moment(at, at - FIELD_SECONDS, one))
    counts = np.bincount([lesson.label for lesson in learner.lessons], minlength=3)
    assert 0.005 < counts[2] / counts.sum() < 0.015
    assert counts.sum() > 25_000
    memory = learner.memory
    assert memory.counts[0] == memory.capacity == settings.capacity
    queries = {state: placed(np.random.default_rng(1), np.full(300, state)) for state in (0, 2, 5)}
    p = {state: np.array([memory.predict_proba(q) for q in of]) for state, of in queries.items()}
    every, of = np.concatenate([taught, z[fit]]), np.concatenate([few, label[fit]])
    assert (by_one_list(every, of, queries[2]) == 2).mean() < 0.2
    # As it was taught: 0.87 and 0.82.
    assert (p[0].argmax(axis=1) == 0).mean() > 0.85
    assert (p[2].argmax(axis=1) == 2).mean() > 0.75
    # Of what is like neither the rare one has its part; by counts it would be a hundredth.
    assert p[5].mean(axis=0)[2] > 0.2


@pytest.mark.fault(29)
@pytest.mark.parametrize("key", [0, 1, 2])
def test_an_hour_in_which_the_clip_always_equals_the_key_teaches_nothing(key):
    """One key under its own clip; then all keys in turn, each under its own: the same memory."""
    one, turns = Learner(calibrated(), FAST), Learner(calibrated(), FAST)
    n = int(HOUR / HOP)
    run(one, moments(n), [(0.0, key)], [(0.0, key)])
    at = [(30.0 * i, i % 3) for i in range(120)]
    run(turns, moments(n), at, at)
    for learner in (one, turns):
        assert learner.lessons == ()
        assert learner.refused["one clip"] > n // 2
        same(learner.memory, calibrated())
