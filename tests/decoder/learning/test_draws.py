"""What a step compares."""

import numpy as np
import pytest
import torch

from decoder.learning.draws import Draws
from decoder.learning.sessions import usable

UNEVEN = np.repeat([0, 1, 2], [20, 60, 120])


def sessions(*labels):
    """Return a session per array of labels."""
    return [usable(np.zeros((len(y) + 9, 2)), np.arange(9, len(y) + 9), y) for y in labels]


def shares(labels, n_classes=3):
    """Return how often each class occurs."""
    return np.bincount(labels, minlength=n_classes) / len(labels)


@pytest.mark.parametrize(
    ("prior", "expected"), [("balanced", [1 / 3, 1 / 3, 1 / 3]), ("found", [0.1, 0.3, 0.6])]
)
def test_the_prior_is_kept(prior, expected):
    """References and negatives: each class equally often, or as found."""
    drawn = Draws(sessions(UNEVEN), prior)(40_000, np.random.default_rng(0))
    for moments in (drawn.reference, drawn.negative):
        np.testing.assert_allclose(shares(UNEVEN[moments]), expected, atol=0.012)


def test_balanced_is_cebras_uniform_prior():
    """Every moment as often as cebra's own sampler draws it, within chance."""
    distributions = pytest.importorskip("cebra.distributions", reason="cebra is the oracle")

    before = np.random.get_state()  # noqa: NPY002
    theirs = distributions.DiscreteUniform(torch.from_numpy(UNEVEN)).sample_prior(200_000)
    np.random.set_state(before)  # noqa: NPY002
    ours = Draws(sessions(UNEVEN))(200_000, np.random.default_rng(0)).reference
    found, expected = (np.bincount(x, minlength=200) for x in (ours, theirs.numpy()))
    deviation = (found - expected) / np.sqrt(found + expected)
    assert np.abs(deviation).max() < 4.5
    assert 0.8 < deviation.std() < 1.2


@pytest.mark.parametrize("prior", ["balanced", "found"])
def test_positives_are_of_the_reference_class_in_any_session(prior):
    """Every session gives as many of each kind; pairs stay within a session one time in three."""
    labels = [UNEVEN, UNEVEN[::2], UNEVEN[::-1]]
    every = np.concatenate(labels)
    session = np.repeat([0, 1, 2], [200, 100, 200])
    drawn = Draws(sessions(*labels), prior)(3000, np.random.default_rng(1))
    np.testing.assert_array_equal(every[drawn.positive], every[drawn.reference])
    for moments in drawn:
        assert np.bincount(session[moments]).tolist() == [3000] * 3
    within = (session[drawn.positive] == session[drawn.reference]).mean()
    assert abs(within - 1 / 3) < 0.02


@pytest.mark.parametrize("prior", ["balanced", "found"])
def test_weights_are_what_drawing_comes_to(prior):
    """The chance of each moment, and the mean positive of each class, against many draws."""
    draws = Draws(sessions(UNEVEN[::4], UNEVEN[::10]), prior)
    n = len(draws.labels)
    drawn = draws(150_000, np.random.default_rng(2))
    chance = np.bincount(drawn.reference, minlength=n) / 300_000
    np.testing.assert_allclose(chance, draws.weights(), atol=6 * np.sqrt(chance.max() / 300_000))
    means = draws.means()
    np.testing.assert_allclose(means.sum(axis=1), 1.0)
    for state in range(3):
        of = drawn.positive[draws.labels[drawn.reference] == state]
        found = np.bincount(of, minlength=n) / len(of)
        np.testing.assert_allclose(found, means[state], atol=6 * np.sqrt(found.max() / len(of)))


def test_the_same_seed_draws_the_same():
    """And asks no global generator."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draws = Draws(sessions(UNEVEN))
    one, again, other = (draws(50, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one.reference, other.reference)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
