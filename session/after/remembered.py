"""The rows of a calibration as a model remembers them, laid into the view that is drawn; pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decoder.latent import view_of
from decoder.model import Model
from rym import messages as m

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Remembered:
    """The rows of a calibration that a model remembers, in its view."""

    model: str
    points: Array
    """Shape (n, 3)."""
    states: tuple[str, ...]
    """One per row."""
    between: tuple[Array, float]
    """Spread between the states along each axis of the view, shape (3,), and in the whole space."""
    within: tuple[Array, float]
    """The same of all rows."""

    def axes(self) -> tuple[int, int]:
        """Return the two axes along which the states lie furthest apart, in their order."""
        spread = self.between if self.between[1] > 0 else self.within
        first, second = sorted(np.argsort(-spread[0], kind="stable")[:2].tolist())
        return first, second

    def shown(self) -> tuple[float, float]:
        """Return which share of the spread between states, and of all, those two axes hold."""
        on = list(self.axes())
        return _share(self.between, on), _share(self.within, on)


def _share(spread: tuple[Array, float], axes: list[int]) -> float:
    along, whole = spread
    return min(1.0, float(along[axes].sum()) / whole) if whole > 0 else 1.0


def remembered(model: Model) -> Remembered | None:
    """Return what a model remembers; null where it has no latent space or remembers nothing."""
    if model.memory is None or not len(model.memory):
        return None
    arrays = model.memory.arrays()
    z, label = arrays["embedding"].astype(np.float64), arrays["label"]
    points = view_of(model.memory).points(z)
    return Remembered(
        model=model.id,
        points=points,
        states=tuple(m.AFFECTS[int(one)] for one in label),
        between=_spread(_means(points, label), _means(z, label)),
        within=_spread(points, z),
    )


def _means(z: Array, label: npt.NDArray[np.generic]) -> Array:
    return np.array([z[label == c].mean(axis=0) for c in np.unique(label)])


def _spread(points: Array, z: Array) -> tuple[Array, float]:
    """Return the squares around the mean, along each axis of the view and in the whole space."""
    along = ((points - points.mean(axis=0)) ** 2).sum(axis=0)
    return along, float(((z - z.mean(axis=0)) ** 2).sum())
