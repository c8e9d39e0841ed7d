"""Moments, memories and learners for the tests of live learning."""

import numpy as np

from decoder.memory.learner import Learner
from decoder.memory.lessons import LearningSettings, Moment
from decoder.memory.rings import memory_of, unit

HOP, WINDOW = 0.25, 1.0
FIELD_SECONDS = WINDOW + 9 * HOP
FAST = LearningSettings(rate=4.0, ahead=10**6)


def calibrated(n=30, capacity=100, d=7):
    """Return a memory as a calibration leaves it."""
    rng = np.random.default_rng(99)
    return memory_of(
        unit(rng.standard_normal((n, d))), np.arange(n) % 3, np.arange(n) // 9, capacity=capacity
    )


def moments(n, *, start=0.0, seed=0, d=7, unfit=()):
    """Return n moments one hop apart."""
    z = unit(np.random.default_rng(seed).standard_normal((n, d)))
    t = start + HOP * np.arange(n)
    return [
        Moment(float(t[i]), float(t[i] - FIELD_SECONDS), z[i], unfit="bad" if i in unfit else "")
        for i in range(n)
    ]


def run(learner, of, labels=(), clips=()):
    """Step through moments; keys and clips come in as early as they can."""
    for t, state in labels:
        learner.label(t, state)
    for t, clip in clips:
        learner.audible(t, clip)
    return [lesson for moment in of for lesson in learner.step(moment)]


def both_clips(memory, fast=FAST):
    """Return a learner to whom every class was played under two clips before."""
    heard = np.zeros((3, 4), dtype=np.int64)
    heard[:, 1:3] = 10
    return Learner(memory, fast, heard=heard)


def same(one, other):
    """Hold two memories to the bit."""
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, other.arrays()[name])
