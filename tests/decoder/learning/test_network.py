"""The network to be trained against cebra's and against the one that runs live."""

import numpy as np
import pytest
import torch

from decoder.embedding import FIELD, Network, fields_of
from decoder.learning.network import NAMES, Offset10, put_into, weights_of
from rym.errors import FormatError


def network(seed=0, n_features=6, hidden=9, dimensions=4):
    """Return a network with first weights."""
    return Offset10(n_features, hidden, dimensions, torch.Generator().manual_seed(seed))


def test_begins_as_cebras_does():
    """The same seed: cebra's first weights to the bit, in its order, and its output."""
    models = pytest.importorskip("cebra.models", reason="cebra is the oracle")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        theirs = models.init("offset10-model", 6, 9, 4)
    ours = network(3)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)
    rows = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 6, 40))).float()
    np.testing.assert_allclose(
        ours(rows).detach().numpy(), theirs(rows)[0].T.detach().numpy(), rtol=0, atol=1e-6
    )


def test_the_live_network_says_the_same():
    """Its weights in numpy embed the ten rows p … p + 9 as place p, to 1e-6."""
    rows = np.random.default_rng(1).standard_normal((60, 6))
    ours = network()
    trained = ours(torch.from_numpy(rows.T.astype(np.float32))[None]).detach().numpy()
    live = Network(weights_of(ours))(fields_of(rows, np.arange(FIELD - 1, 60)))
    np.testing.assert_allclose(trained, live, rtol=0, atol=1e-6)


def test_the_global_generator_is_not_asked():
    """Another's random numbers do not depend on whether a network was made."""
    before = torch.random.get_rng_state()
    network()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_weights_go_out_and_in():
    """What is put in comes out; changing it afterwards changes no network."""
    weights = weights_of(network(1))
    assert tuple(weights) == NAMES
    other = network(2)
    put_into(other, weights)
    weights["conv0.bias"][:] = 7.0
    assert weights_of(other)["conv0.bias"].max() < 7.0
    for name, weight in weights_of(other).items():
        assert name == "conv0.bias" or np.array_equal(weight, weights[name])


def test_weights_of_another_size_are_refused():
    """Both shapes are told."""
    with pytest.raises(FormatError, match=r"\(9, 6, 2\).*\(9, 8, 2\)"):
        put_into(network(n_features=8), weights_of(network(n_features=6)))
