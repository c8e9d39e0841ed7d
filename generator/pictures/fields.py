"""Random fields that look the same at any size: only the seed and the frame's shape decide them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Field = npt.NDArray[np.floating]
"""Array of shape (height, width), mostly 0…1."""


def waves(rng: np.random.Generator, n: int, cells: float, span: float, octaves: int) -> Field:
    """Return a smooth random line, about −1…1.

    Parameters
    ----------
    rng : numpy.random.Generator
        One number is taken from it.
    n : int
        Number of points.
    cells : float
        Bumps per unit of the slowest octave; each further one is twice as fast, half as high.
    span : float
        Length of the line in units (frame heights).
    octaves : int

    Returns
    -------
    array of shape (n,)
    """
    own = np.random.default_rng(rng.integers(2**32))
    total = np.zeros(n, np.float32)
    for octave in range(octaves):
        count = cells * span * 2**octave
        lattice = own.standard_normal(int(np.ceil(count)) + 4).astype(np.float32)
        total += _spline(n, count) @ lattice * 0.5**octave
    return np.asarray(total / np.float32(2.0 * np.std(total) + 1e-6))


def clouds(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cells: float,
    octaves: int = 5,
    stretch: float = 1.0,
) -> Field:
    """Return a random field with detail of all sizes, mean 0, standard deviation 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        One number is taken from it.
    shape : (int, int)
        Height and width.
    cells : float
        Bumps per frame height of the slowest octave; each further one is twice as fine and has
        half the amplitude.
    octaves : int
        Octaves finer than a pixel are left out.
    stretch : float
        How much wider than high the bumps are.

    Returns
    -------
    array of shape (height, width)
    """
    own = np.random.default_rng(rng.integers(2**32))
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        down, across = cells * 2**octave, cells * 2**octave / stretch * width / height
        lattice = own.standard_normal((int(np.ceil(down)) + 4, int(np.ceil(across)) + 4))
        if down > height or across > width:
            break
        rows = _spline(height, down) @ lattice.astype(np.float32)
        total += rows @ _spline(width, across).T * np.float32(0.5**octave)
    return np.asarray((total - total.mean()) / np.float32(total.std() + 1e-6))


def _spline(n: int, cells: float) -> Field:
    """Return the weights of a cubic B-spline's knots at n points, shape (n, knots)."""
    at = (np.arange(n) + 0.5) / n * cells
    knot = np.floor(at).astype(int)
    f = (at - knot).astype(np.float32)
    weights = np.zeros((n, int(np.ceil(cells)) + 4), np.float32)
    rows = np.arange(n)
    weights[rows, knot] = (1 - f) ** 3 / 6
    weights[rows, knot + 1] = (3 * f**3 - 6 * f**2 + 4) / 6
    weights[rows, knot + 2] = (-3 * f**3 + 3 * f**2 + 3 * f + 1) / 6
    weights[rows, knot + 3] = f**3 / 6
    return weights


def on_plane(texture: Field, x: Field, y: Field) -> Field:
    """Return a texture that repeats, looked up at any point (in texture widths)."""
    n, m = texture.shape
    return np.asarray(
        ndimage.map_coordinates(texture, [y * n, x * m], order=1, mode="grid-wrap"), np.float32
    )


def tile(rng: np.random.Generator, n: int, slope: float, stretch: float = 1.0) -> Field:
    """Return a random field without a seam, shape (n, n), mean 0, standard deviation 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        One number is taken from it.
    n : int
        Side in texels.
    slope : float
        Amplitude falls with spatial frequency to this power: 1 is rough, 2 is soft.
    stretch : float
        How much wider than high its bumps are.
    """
    own = np.random.default_rng(rng.integers(2**32))
    down = np.fft.fftfreq(n)[:, None]
    across = np.fft.rfftfreq(n)[None] * stretch
    radius = np.hypot(down, across)
    radius[0, 0] = np.inf
    # Nothing slower than three bumps a tile, or its repeating would be seen.
    weight = np.where(radius * n < 2.5, 0.0, radius**-slope)
    spectrum = np.fft.rfft2(own.standard_normal((n, n))) * weight
    field = np.fft.irfft2(spectrum, (n, n)).astype(np.float32)
    return np.asarray((field - field.mean()) / field.std(), np.float32)


def smoothstep(low: float, high: float, at: Field) -> Field:
    """Return 0 below `low`, 1 above `high`, a soft rise between (either order of the two)."""
    t = np.clip((at - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def soft(field: Field, radius: float) -> Field:
    """Return the field blurred; the radius is in frame heights."""
    return np.asarray(ndimage.gaussian_filter(field, radius * len(field)), np.float32)
