"""Polygons to soft-edged cover, by Pillow's drawing at three times the size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from .fields import Field

Points = npt.NDArray[np.float64]
"""Array of shape (n_points, 2): x and y in frame heights from the upper left corner."""
Numbers = npt.NDArray[np.float64]
FINE = 3
"""Pixels drawn per pixel and direction."""


def cover(shape: tuple[int, int], polygons: Iterable[Points], strength: float = 1.0) -> Field:
    """Return how much of every pixel lies in any of the polygons.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels.
    polygons : iterable of array of shape (n_points, 2)
        Closed outlines, in frame heights.
    strength : float
        Cover inside.

    Returns
    -------
    array of shape (height, width)
        0 to `strength`.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415 (only who paints needs it)

    height, width = shape
    canvas = Image.new("L", (width * FINE, height * FINE), 0)
    draw = ImageDraw.Draw(canvas)
    for points in polygons:
        draw.polygon((points * (height * FINE) - 0.5).ravel().tolist(), fill=255)
    small = canvas.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float32) * np.float32(strength / 255)


_UP = np.linspace(0, 1, 9)


def blades(feet: Points, heights: Numbers, leans: Numbers, widths: Numbers | float) -> list[Points]:
    """Return blades of grass that bend to one side.

    Parameters
    ----------
    feet : array of shape (n, 2)
        Where they stand.
    heights, leans, widths : array of shape (n,)
        How high each is, how far its tip is to the side, how wide its foot is.
    """
    high, lean = np.broadcast_arrays(heights, leans)
    bend = 1 - 0.12 * _UP * (np.abs(lean) / np.maximum(high, 1e-9))[:, None]
    x = feet[:, :1] + lean[:, None] * _UP**2
    y = feet[:, 1:] - high[:, None] * _UP * bend
    half = np.broadcast_to(widths, high.shape)[:, None] / 2 * (1 - _UP) ** 0.7
    left, right = np.stack([x - half, y], -1), np.stack([x + half, y], -1)
    return list(np.concatenate([left, right[:, ::-1]], axis=1))


def limb(begin: Points, end: Points, thick: float, thin: float) -> Points:
    """Return a straight branch that tapers."""
    along = end - begin
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9) / 2
    return np.stack(
        [begin - across * thick, begin + across * thick, end + across * thin, end - across * thin]
    )


def oval(x: float, y: float, wide: float, high: float, turn: float = 0.0) -> Points:
    """Return an ellipse, turned by an angle in radians."""
    return ovals(np.array([[x, y]]), np.array([[wide, high]]), np.array([turn]))[0]


_CIRCLE = np.exp(1j * np.linspace(0, 2 * np.pi, 12, endpoint=False))


def ovals(middles: Points, sizes: Points, turns: Numbers) -> list[Points]:
    """Return many ellipses.

    Parameters
    ----------
    middles : array of shape (n, 2)
    sizes : array of shape (n, 2)
        Half width and half height.
    turns : array of shape (n,)
        Angles in radians.
    """
    flat = sizes[:, :1] * _CIRCLE.real + 1j * sizes[:, 1:] * _CIRCLE.imag
    flat *= np.exp(1j * turns)[:, None]
    return list(np.stack([flat.real, flat.imag], -1) + middles[:, None])
