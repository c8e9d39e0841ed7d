"""The loss against cebra's own, and against itself with every pair computed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.learning import loss
from decoder.learning.loss import InverseTemperature, Temperature, info_nce, uniformity

TEMPERATURES = [
    Temperature(),
    Temperature(0.3, learned=True, least=0.5),
    Temperature(0.01),
    Temperature(0.2, learned=False),
]


def unit_vectors(n, d, seed=0, dtype=torch.float64):
    """Return n unit vectors that ask for gradients."""
    x = torch.from_numpy(np.random.default_rng(seed).standard_normal((n, d))).to(dtype)
    return (x / x.norm(dim=1, keepdim=True)).requires_grad_()


def drawn(n, n_places, seed=1):
    """Return references, positives and negatives."""
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.integers(0, n_places, n)) for _ in range(3)]


def close(one, other, tolerance=1e-5):
    """Compare relative to the largest value."""
    size = other.detach().abs().max().clamp(min=1e-4)
    assert float((one - other).detach().abs().max() / size) <= tolerance


def each_pair(z, reference, positive, negative, inverse):
    """Return the loss with every pair computed, as the paper writes it."""
    alike = inverse * (z[reference] * z[positive]).sum(dim=1)
    return (torch.logsumexp(inverse * z[reference] @ z[negative].T, dim=1) - alike).mean()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_loss_and_gradients_are_cebras(temperature, dtype):
    """The same moments give cebra's loss, its gradients and that of the temperature, to 1e-5."""
    models = pytest.importorskip("cebra.models", reason="cebra is the oracle")
    z = unit_vectors(90, 7, dtype=dtype)
    reference, positive, negative = drawn(200, 90)
    ours = InverseTemperature(temperature).to(dtype)
    theirs = models.FixedCosineInfoNCE(temperature.value)
    if temperature.learned:
        theirs = models.LearnableCosineInfoNCE(temperature.value, temperature.least).to(dtype)
    expected, _, _ = theirs(z[reference], z[positive], z[negative])
    wanted = torch.autograd.grad(expected, [z, *theirs.parameters()])
    found = info_nce(z, reference, positive, negative, ours())
    close(found, expected)
    learned = [p for p in ours.parameters() if p.requires_grad]
    for one, other in zip(torch.autograd.grad(found, [z, *learned]), wanted, strict=True):
        close(one, other)


def test_gradients_are_those_of_small_steps():
    """References, negatives and temperature, with uneven weights: as finite differences give."""
    weight = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    count = torch.tensor([1.0, 5.0, 2.0, 3.0], dtype=torch.float64)
    inverse = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda r, n, i: uniformity(r, n, weight, count, i),
        (unit_vectors(3, 4), unit_vectors(4, 4, seed=2), inverse),
    )


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 80),
    n_places=st.integers(1, 40),
    at_once=st.integers(1, 300),
    temperature=st.floats(0.02, 3.0),
)
def test_counting_pairs_changes_nothing(n, n_places, at_once, temperature):
    """Each distinct pair once, in pieces of any size: the loss of all pairs, and its gradient."""
    z = unit_vectors(n_places, 5)
    moments = drawn(n, n_places)
    inverse = torch.tensor(1 / temperature, dtype=torch.float64)
    every = each_pair(z, *moments, inverse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss, "AT_ONCE", at_once)
        once = info_nce(z, *moments, inverse)
        gradient = torch.autograd.grad(once, z)[0]
    close(once, every, 1e-8)
    close(gradient, torch.autograd.grad(every, z)[0], 1e-8)


@pytest.mark.parametrize("temperature", [0.02, 0.005])
def test_a_cold_loss_stays_a_number(temperature):
    """exp(1 / 0.005) is beyond float32: the largest similarity is taken off first."""
    z = unit_vectors(50, 3, dtype=torch.float32)
    moments = drawn(100, 50)
    found = info_nce(z, *moments, torch.tensor(1 / temperature))
    exact = info_nce(z.double(), *moments, torch.tensor(1 / temperature, dtype=torch.float64))
    assert torch.isfinite(torch.autograd.grad(found, z)[0]).all()
    close(found.double(), exact)


def test_a_temperature_that_is_fixed_stays():
    """It has nothing to learn; a learned one ends at its least value."""
    fixed = InverseTemperature(Temperature(0.5, learned=False))
    assert [p for p in fixed.parameters() if p.requires_grad] == []
    assert fixed.value == 0.5
    cold = InverseTemperature(Temperature(0.01, learned=True, least=0.25))
    assert cold.value == 0.25
