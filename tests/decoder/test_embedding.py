"""The network in numpy against cebra's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from decoder.embedding import AT_ONCE, FIELD, KERNELS, Network, _gelu, fields_of
from rym.errors import FormatError


def weights(seed=0, n_features=6, hidden=4, n_dimensions=3):
    """Return random weights of the right shapes."""
    rng = np.random.default_rng(seed)
    widths = [n_features, hidden, hidden, hidden, hidden, n_dimensions]
    out = {}
    for i, kernel in enumerate(KERNELS):
        shape = (widths[i + 1], widths[i], kernel)
        out[f"conv{i}.weight"] = rng.standard_normal(shape).astype(np.float32)
        out[f"conv{i}.bias"] = rng.standard_normal(widths[i + 1]).astype(np.float32)
    return out


@pytest.mark.fault(22)
def test_equals_cebras_transform_away_from_the_edges():
    """The newest ten rows give what `transform` gives four rows earlier, to 1e-5."""
    cebra = pytest.importorskip("cebra")
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((120, 8)).astype(np.float32)
    model = cebra.CEBRA(
        model_architecture="offset10-model",
        output_dimension=7,
        num_hidden_units=16,
        max_iterations=5,
        batch_size=64,
        device="cpu",
    )
    model.fit(rows, rng.integers(0, 3, 120))
    network = Network(weights_of(model.solver_.model))
    newest = np.arange(FIELD - 1, 120)
    ours = network(fields_of(rows.astype(np.float64), newest))
    np.testing.assert_allclose(ours, model.transform(rows)[newest - 4], rtol=0, atol=1e-5)
    assert np.abs(ours - model.transform(rows)[newest]).max() > 0.1  # a shift of 0 is another thing


def weights_of(module):
    """Return the weights of cebra's network under our names."""
    names = [f"conv{i}.{part}" for i in range(len(KERNELS)) for part in ("weight", "bias")]
    tensors = [tensor.detach().numpy() for tensor in module.parameters()]
    return dict(zip(names, tensors, strict=True))


def test_equals_cebras_network_at_full_size():
    """19 channels × 5 bands, 64 units, features up to their limit: cebra's output to 1e-5."""
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("cebra.models")
    torch.manual_seed(3)
    module = models.init("offset10-model", 95, 64, 7).eval()
    rng = np.random.default_rng(3)
    sizes = rng.uniform(0.1, 4.0, (200, 1, 1))
    fields = np.clip(sizes * rng.standard_normal((200, FIELD, 95)), -5.0, 5.0)
    with torch.inference_mode():
        theirs = module(torch.from_numpy(fields.astype(np.float32).transpose(0, 2, 1).copy()))
    network = Network(weights_of(module))
    ours = network(fields)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(np.concatenate([network(f[None]) for f in fields]), ours)


def test_the_activation_is_x_times_the_normal_distribution():
    """Between and beyond the straight pieces it is scipy's x·Φ(x), to single precision."""
    x = np.concatenate([np.linspace(-8, 8, 40001), [-1e6, -6.0, 0.0, 6.0, 1e6]]).astype(np.float32)
    exact = x * ndtr(x.astype(np.float64))
    np.testing.assert_allclose(_gelu(x), exact, rtol=3e-7, atol=2e-7)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 2 * AT_ONCE + 3), st.data())
def test_a_field_gives_the_same_bits_alone_and_among_others(n, data):
    """Live embeds one field at a time, training and replay as many as there are: equal to the bit.

    Whatever the company, the place in it, and how the array lies in memory.
    """
    network = Network(weights())
    fields = np.random.default_rng(n).standard_normal((n, FIELD, 6))
    place = data.draw(st.integers(0, n - 1))
    together = network(fields)
    alone = network(np.asfortranarray(fields[place : place + 1]))[0]
    np.testing.assert_array_equal(alone, together[place])
    np.testing.assert_array_equal(network(fields[::-1])[n - 1 - place], together[place])


def test_embeddings_have_length_one():
    """To the rounding of double precision, though the network computes in single."""
    fields = np.random.default_rng(1).standard_normal((30, FIELD, 6))
    z = Network(weights())(fields)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1.0, rtol=0, atol=1e-15)


def test_no_fields_give_no_embeddings():
    """An empty stack keeps its form."""
    assert Network(weights())(np.zeros((0, FIELD, 6))).shape == (0, 3)


def test_a_field_ends_at_its_newest_row():
    """The field of row 9 is rows 0…9, oldest first."""
    rows = np.arange(40.0).reshape(20, 2)
    fields = fields_of(rows, np.array([9, 15]))
    np.testing.assert_array_equal(fields[0], rows[:10])
    np.testing.assert_array_equal(fields[1], rows[6:16])


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("conv1.weight", np.full((4, 4, 3), np.nan, np.float32), "no numbers"),
        ("conv2.weight", np.zeros((4, 5, 3), np.float32), "shape"),
        ("conv0.weight", np.zeros((4, 6, 3), np.float32), "shape"),
        ("conv3.bias", None, "lacks"),
    ],
)
def test_unusable_weights_are_refused(name, value, says):
    """NaN, wrong shapes and missing weights never reach the live decoder."""
    wrong = weights()
    if value is None:
        del wrong[name]
    else:
        wrong[name] = value
    with pytest.raises(FormatError, match=says):
        Network(wrong)


@pytest.mark.fault(23)
def test_a_network_without_length_is_refused():
    """A zero last layer would give an embedding of norm 0."""
    wrong = weights()
    wrong["conv4.weight"][:] = 0.0
    wrong["conv4.bias"][:] = 0.0
    with pytest.raises(FormatError, match="no length"):
        Network(wrong)
