"""To the library and back."""

import numpy as np
import pytest
import torch

from decoder.embedding import FIELD, Network, fields_of
from decoder.learning.network import Offset10, put_into, weights_of
from rym.errors import FormatError

cebra = pytest.importorskip("cebra", reason="cebra is what is exchanged with")
exchange = pytest.importorskip("decoder.learning.exchange")


def networks(*n_features):
    """Return networks of 8 units and 3 dimensions."""
    generator = torch.Generator().manual_seed(0)
    return [weights_of(Offset10(n, 8, 3, generator)) for n in n_features]


@pytest.mark.parametrize("n_features", [(5,), (5, 9)])
def test_an_estimator_transforms_as_our_network_does(n_features):
    """One session or two: equal away from the edges, and the weights come back to the bit."""
    made = networks(*n_features)
    estimator = exchange.to_cebra(made, temperature=0.4)
    assert estimator.solver_.criterion.temperature == pytest.approx(0.4)
    for i, weights in enumerate(made):
        rows = np.random.default_rng(i).standard_normal((40, n_features[i]))
        ours = Network(weights)(fields_of(rows, np.arange(FIELD - 1, 40)))
        theirs = estimator.transform(rows.astype(np.float32), session_id=i)
        np.testing.assert_allclose(ours, theirs[5:36], rtol=0, atol=1e-5)
        for name, weight in exchange.from_cebra(estimator)[i].items():
            np.testing.assert_array_equal(weight, weights[name])


def test_an_estimator_can_be_adapted_by_the_library():
    """Nothing of the step that made it is left; the layers that adapting keeps are ours."""
    weights = networks(5)[0]
    estimator = exchange.to_cebra([weights])
    assert estimator.solver_.log["total"] == []
    assert not estimator.solver_.optimizer.state
    estimator.max_adapt_iterations = 2
    rows = np.random.default_rng(0).standard_normal((40, 7)).astype(np.float32)
    with torch.random.fork_rng(devices=[]):
        state = np.random.get_state()  # noqa: NPY002
        estimator.fit(rows, np.arange(40) % 2, adapt=True)
        np.random.set_state(state)  # noqa: NPY002
    after = exchange.from_cebra(estimator)[0]
    assert after["conv0.weight"].shape == (8, 7, 2)
    for name, weight in weights.items():
        assert name.startswith("conv0") or np.array_equal(after[name], weight)


def test_global_generators_are_put_back():
    """The library draws from them."""
    before = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    exchange.to_cebra(networks(5))
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), before[1])


def test_other_architectures_are_refused():
    """Both are named."""
    with pytest.raises(FormatError, match="offset1-model, not offset10-model"):
        exchange.from_cebra(cebra.CEBRA())


def test_weights_load_into_the_bare_network():
    """`cebra.models` takes them without an estimator."""
    bare = cebra.models.init("offset10-model", 5, 8, 3)
    put_into(bare, networks(5)[0])
    assert np.array_equal(bare.net[0].weight.detach().numpy(), networks(5)[0]["conv0.weight"])
