"""The view of the latent space: nothing is drawn further apart than it lies, nothing turns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.latent import View, view_of
from decoder.memory.rings import Memory, memory_of, unit

Array = npt.NDArray[np.float64]


def remembered(z: Array, label: list[int]) -> Memory:
    """Return a memory of these rows, each a stretch of its own."""
    return memory_of(z, np.array(label, dtype=np.int64), np.arange(len(z)))


def cloud(seed: int, n: int, n_dimensions: int = 7, n_classes: int = 3) -> tuple[Array, list[int]]:
    """Return unit vectors around a direction per class."""
    rng = np.random.default_rng(seed)
    middle = rng.normal(size=(n_classes, n_dimensions))
    label = [int(c) for c in rng.integers(n_classes, size=n)]
    return unit(middle[label] + 0.3 * rng.normal(size=(n, n_dimensions))), label


def means(z: Array, label: list[int]) -> Array:
    """Return the mean of every class that is there."""
    return np.array([z[np.array(label) == c].mean(axis=0) for c in sorted(set(label))])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 30),
    n_dimensions=st.integers(2, 9),
    n_classes=st.integers(1, 3),
    copies=st.integers(1, 4),
)
def test_no_distance_is_enlarged(
    seed: int, n: int, n_dimensions: int, n_classes: int, copies: int
) -> None:
    """Whatever the memory holds, the axes are orthonormal and distances no longer than they are."""
    z, label = cloud(seed, n, n_dimensions, n_classes)
    view = view_of(remembered(np.repeat(z, copies, axis=0), list(np.repeat(label, copies))))
    n_axes = min(3, n_dimensions)
    np.testing.assert_allclose(
        view.axes @ view.axes.T, np.diag([1.0] * n_axes + [0.0] * (3 - n_axes)), atol=1e-12
    )
    points = view.points(z)
    drawn = np.linalg.norm(points[:, None] - points[None], axis=-1)
    lie = np.linalg.norm(z[:, None] - z[None], axis=-1)
    assert (drawn <= lie + 1e-12).all()


def test_three_classes_are_drawn_as_far_apart_as_they_lie() -> None:
    """The plane of the first two axes holds the class means' distances whole."""
    z, label = cloud(1, 90)
    lie = means(z, label)
    drawn = means(view_of(remembered(z, label)).points(z), label)
    assert np.ptp(drawn[:, 2]) < 1e-12
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(lie[a] - lie[b]) == pytest.approx(np.linalg.norm(drawn[a] - drawn[b]))
        assert np.linalg.norm(drawn[a] - drawn[b]) > 0.5


def test_the_last_class_lies_to_the_right_and_the_middle_one_above() -> None:
    """Left to right is unpleasant to pleasant; neither lies above the line between them."""
    z, label = cloud(2, 90)
    x, y, _ = means(view_of(remembered(z, label)).points(z), label).T
    assert x[2] > x[0]
    assert y[0] == pytest.approx(y[2])
    assert y[1] > y[0]


@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_the_order_of_rows_changes_no_bit(n_classes: int) -> None:
    """The same rows in other orders, and a memory made again, give the same axes to the bit."""
    z, label = cloud(3, 40, n_classes=n_classes)
    first = view_of(remembered(z, label)).axes.tobytes()
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(z))
        again = view_of(remembered(z[order], [label[i] for i in order]))
        assert again.axes.tobytes() == first


def test_what_is_not_between_the_classes_is_shown_widest_first() -> None:
    """With two classes, the second and third axes are the widest ones within the classes."""
    rng = np.random.default_rng(4)
    label = [0, 2] * 100
    z = rng.normal(size=(200, 5)) * np.array([0.01, 0.1, 0.6, 0.02, 0.3])
    z[:, 0] += np.where(np.array(label) == 0, -1.0, 1.0)
    axes = view_of(remembered(z, label)).axes
    assert [int(np.argmax(np.abs(axis))) for axis in axes] == [0, 2, 4]
    assert all(axis[np.argmax(np.abs(axis))] > 0.95 for axis in axes)


def test_one_point_has_the_bits_that_many_have() -> None:
    """What the decoder sends one by one is what the report draws at once."""
    z, label = cloud(5, 50)
    view = view_of(remembered(z, label))
    assert [view.point(row) for row in z] == [tuple(row) for row in view.points(z).tolist()]


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_rows_without_any_spread_have_a_view_all_the_same(rows: int) -> None:
    """No row, one, or four equal ones of two classes: the axes are the space's own, none is NaN."""
    z = np.tile(unit(np.ones((1, 4))), (rows, 1))
    axes = view_of(remembered(z, [0, 2, 0, 2][:rows])).axes
    assert axes.tolist() == np.eye(4)[:3].tolist()


def test_two_dimensions_are_padded_with_zero() -> None:
    """A space of two dimensions has no third coordinate; distances stay whole."""
    z, label = cloud(6, 20, n_dimensions=2)
    points = view_of(remembered(z, label)).points(z)
    assert not points[:, 2].any()
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0)


def test_a_view_does_not_follow_what_is_learned_later() -> None:
    """The axes are fixed when they are made: rows learned live move none of them."""
    z, label = cloud(7, 30)
    memory = remembered(z, label)
    view = view_of(memory)
    before = view.axes.copy()
    for i in range(20):
        memory.learn(z[i], 1, 1000 + i)
    assert (view.axes == before).all()
    assert view_of(memory).axes.tobytes() != before.tobytes()
    with pytest.raises(ValueError, match="read-only"):
        view.axes[0, 0] = 1.0


def test_a_view_can_be_made_of_axes_alone() -> None:
    """A point is its share along each axis, in their order."""
    view = View(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert view.point(np.array([0.1, 0.2, 0.3])) == (0.2, 0.1, 0.3)
