"""Polygons to soft-edged cover, by Pillow's drawing at three times the size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from .fields import Field

Points = npt.NDArray[np.float64]
"""Array of shape (n_points, 2): x and y in frame heights from the upper left corner."""
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
        corners = (points * (height * FINE) - 0.5).round().astype(int)
        draw.polygon([(int(x), int(y)) for x, y in corners], fill=255)
    small = canvas.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float32) * np.float32(strength / 255)


def blade(x: float, y: float, height: float, lean: float, width: float) -> Points:
    """Return a blade of grass that bends to one side.

    Parameters
    ----------
    x, y : float
        Where it stands.
    height, width : float
    lean : float
        How far its tip is to the side.
    """
    t = np.linspace(0, 1, 9)
    spine = np.stack([x + lean * t**2, y - height * t * (1 - 0.12 * t * abs(lean) / height)], 1)
    half = width / 2 * (1 - t) ** 0.7
    side = np.stack([half, np.zeros_like(t)], 1)
    return np.concatenate([spine - side, (spine + side)[::-1]])


def limb(begin: Points, end: Points, thick: float, thin: float) -> Points:
    """Return a straight branch that tapers."""
    along = end - begin
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9) / 2
    return np.stack(
        [begin - across * thick, begin + across * thick, end + across * thin, end - across * thin]
    )


def blob(x: float, y: float, wide: float, high: float, rng: np.random.Generator) -> Points:
    """Return a rounded patch with an uneven edge."""
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    radius = 1 + 0.22 * rng.standard_normal(14)
    return np.stack([x + wide * radius * np.cos(angle), y + high * radius * np.sin(angle)], 1)


def oval(x: float, y: float, wide: float, high: float, turn: float = 0.0) -> Points:
    """Return an ellipse, turned by an angle in radians."""
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    a, b = wide * np.cos(angle), high * np.sin(angle)
    return np.stack(
        [x + a * np.cos(turn) - b * np.sin(turn), y + a * np.sin(turn) + b * np.cos(turn)], 1
    )
