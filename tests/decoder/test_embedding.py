"""The network in numpy against cebra's own."""

import cebra
import numpy as np
import pytest

from decoder import contrastive
from decoder.embedding import FIELD, KERNELS, Network, fields_of
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


def test_equals_cebras_transform_away_from_the_edges():
    """The newest ten rows give what `transform` gives four rows earlier, to 1e-5."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((120, 8)).astype(np.float32)
    model = cebra.CEBRA(
        model_architecture=contrastive.ARCHITECTURE,
        output_dimension=7,
        num_hidden_units=16,
        max_iterations=5,
        batch_size=64,
        device="cpu",
    )
    model.fit(rows, rng.integers(0, 3, 120))
    network = Network(contrastive.weights_of(model.solver_.model))
    newest = np.arange(FIELD - 1, 120)
    ours = network(fields_of(rows.astype(np.float64), newest))
    np.testing.assert_allclose(ours, model.transform(rows)[newest - 4], rtol=0, atol=1e-5)
    assert np.abs(ours - model.transform(rows)[newest]).max() > 0.1  # a shift of 0 is another thing


def test_one_field_alone_equals_the_batch():
    """Live embeds one field at a time, training many: the same to rounding."""
    network = Network(weights())
    fields = np.random.default_rng(1).standard_normal((30, FIELD, 6))
    alone = np.concatenate([network(field[None]) for field in fields])
    np.testing.assert_allclose(alone, network(fields), rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1.0)


def test_a_field_ends_at_its_newest_row():
    """The field of row 9 is rows 0…9, oldest first."""
    rows = np.arange(40.0).reshape(20, 2)
    fields = fields_of(rows, np.array([9, 15]))
    np.testing.assert_array_equal(fields[0], rows[:10])
    np.testing.assert_array_equal(fields[1], rows[6:16])


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


def test_a_network_without_length_is_refused():
    """A zero last layer would give an embedding of norm 0."""
    wrong = weights()
    wrong["conv4.weight"][:] = 0.0
    wrong["conv4.bias"][:] = 0.0
    with pytest.raises(FormatError, match="no length"):
        Network(wrong)
