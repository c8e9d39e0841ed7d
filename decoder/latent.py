"""A fixed view of the latent space in three dimensions, to draw what lies where.

The first axes span what lies between the class means, as in the class-preserving projections of
Dhillon, Modha & Spangler (Computational Statistics & Data Analysis 41, 2002, 59–90): in the plane
through three means, the means are exactly as far apart as they are in the space. Within that plane
the first axis leads from the first class to the last, so that left and right mean something and
no sign is left to chance; principal axes of the means would turn freely where the means are equally
far apart. The principal axes of what lies within the classes fill up the three.

The axes are orthonormal: nothing is drawn further apart than it lies, though some of it nearer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .memory.rings import Memory

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

N_AXES = 3
_NOTHING = 1e-6
"""Share of the longest embedding below which a difference may be rounding; its square, where
spreads are compared, lies well above what float64 leaves."""


class View(NamedTuple):
    """Three directions of the latent space, and where an embedding lies along them."""

    axes: Array
    """Shape (3, n_dimensions), orthonormal; zero where the space has fewer dimensions."""

    def point(self, z: Array) -> tuple[float, float, float]:
        """Return where one embedding lies in the view.

        Parameters
        ----------
        z : array of shape (n_dimensions,)
            The embedding.
        """
        x, y, depth = self.points(z).tolist()
        return x, y, depth

    def points(self, z: Array) -> Array:
        """Return where embeddings lie in the view, each to the same bits as `point` gives.

        Parameters
        ----------
        z : array of shape (..., n_dimensions)

        Returns
        -------
        array of shape (..., 3)
        """
        # A product of matrices would be rounded differently for one row and for many.
        return np.asarray(np.add.reduce(self.axes * z[..., None, :], axis=-1))


def view_of(memory: Memory) -> View:
    """Return the view that shows a memory's classes as far apart as they lie.

    Parameters
    ----------
    memory : Memory
        A model's, before anything was learned live; it may hold any number of rows and classes. The
        order of its rows changes no bit.

    Returns
    -------
    View
        With two classes or fewer, the remaining axes are the principal ones of what lies within the
        classes; without any spread, those of the space itself.
    """
    arrays = memory.arrays()
    z, label = _ordered(arrays["embedding"].astype(np.float64), arrays["label"].astype(np.int64))
    n_dimensions, n_axes = memory.n_dimensions, min(N_AXES, memory.n_dimensions)
    least = _NOTHING * float(np.sqrt((z * z).sum(axis=1)).max(initial=0.0))
    axes = np.zeros((0, n_dimensions))
    for contrast in _contrasts(z, label)[:n_axes]:
        axes = _with(axes, contrast, least)
    for direction in _principal(_within(z, label), axes, least)[: n_axes - len(axes)]:
        axes = _with(axes, direction)
    while len(axes) < n_axes:
        axes = _with(axes, _untouched(axes))
    full = np.zeros((N_AXES, n_dimensions))
    full[:n_axes] = axes
    full.setflags(write=False)
    return View(full)


def _ordered(z: Array, label: Ints) -> tuple[Array, Ints]:
    """Return the rows in an order of their own values, on which sums do not depend otherwise."""
    order = np.lexsort((*z.T, label))
    return z[order], label[order]


def _contrasts(z: Array, label: Ints) -> list[Array]:
    """Return the difference of the last class and the first, then of the others and their middle.

    The classes count alike, however many rows they have.
    """
    means = [z[label == c].mean(axis=0) for c in np.unique(label)]
    if len(means) < 2:
        return []
    first, *others, last = means
    return [last - first, *(mean - (first + last) / 2.0 for mean in others)]


def _within(z: Array, label: Ints) -> Array:
    """Return each row less its class's mean, weighed so that the classes count alike."""
    out = np.zeros_like(z)
    for c in np.unique(label):
        of = label == c
        out[of] = (z[of] - z[of].mean(axis=0)) / np.sqrt(np.count_nonzero(of))
    return out


def _principal(rows: Array, axes: Array, least: float) -> list[Array]:
    """Return the directions in which rows spread beyond the axes, widest first, signs fixed."""
    rest = rows - (rows @ axes.T) @ axes
    spread, directions = np.linalg.eigh(rest.T @ rest)
    wide = directions.T[::-1][spread[::-1] > least * least]
    return [d * np.sign(d[np.argmax(np.abs(d))]) for d in wide]


def _untouched(axes: Array) -> Array:
    """Return the space's own axis that lies furthest from those there are."""
    apart = 1.0 - (axes * axes).sum(axis=0)
    return np.asarray(np.eye(axes.shape[1])[int(np.argmax(apart))])


def _with(axes: Array, direction: Array, least: float = 0.0) -> Array:
    """Return the axes and what a direction adds to them, unless that is no longer than `least`.

    Twice made orthogonal: once leaves what rounding left.
    """
    for _ in range(2):
        direction = direction - (direction @ axes.T) @ axes
    length = float(np.sqrt((direction * direction).sum()))
    return np.vstack([axes, direction / length]) if length > least else axes
