"""The last hand on a picture: exposure and saturation along valence, paper, dither."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from ..drafts import Picture
from .fields import Field, clouds
from .layers import Image, Stage

NODES = 33
"""Valences at which the light is set; between them a monotone curve runs."""
CLOSE = 2e-4
"""Distance from the line at which the search ends."""
GAIN = (0.4, 3.0)
RICHNESS = (0.3, 3.0)
GRAY = np.array([0.299, 0.587, 0.114], np.float32)
RISE = (0.16, 0.18)
"""Least rise of mean value and mean saturation from −1 to 1."""
LEAST = (0.36, 0.08)
"""Least of both at −1: dim, never black."""


class Grade:
    """Exposure and richness of colour, set so that mean value and saturation rise evenly.

    A painted scene darkens here and there when its colours deepen. It is therefore measured small
    at some valences, and gain and richness are set so that both means follow a straight line.

    Parameters
    ----------
    small : Stage
        The scene at a small size.
    """

    def __init__(self, small: Stage) -> None:
        nodes = np.linspace(-1, 1, NODES)
        images = [small.paint(float(v)) for v in nodes]
        raw = np.array([means(image) for image in images])
        first = np.maximum(raw[0], LEAST)
        last = np.maximum(raw[-1], first + RISE)
        last = np.minimum(last, (0.86, 0.66))
        aims = [first + (last - first) * (v + 1) / 2 for v in nodes]
        found, last_found = [], (1.0, 1.0)
        for image, aim in zip(images, aims, strict=True):
            last_found = _solve(image, aim, last_found)
            found.append(last_found)
        self._gain = PchipInterpolator(nodes, [gain for gain, _ in found])
        self._richness = PchipInterpolator(nodes, [richness for _, richness in found])
        self._paper: Field | None = None

    def finish(self, image: Image, valence: float) -> Picture:
        """Return the picture as it is kept.

        Parameters
        ----------
        image : array of shape (height, width, 3)
            As painted; changed in place.
        valence : float
        """
        _apply(image, float(self._gain(valence)), float(self._richness(valence)))
        if self._paper is None or self._paper.shape != image.shape[:2]:
            self._paper = paper(image.shape[:2])
        image += self._paper[..., None]
        np.clip(image, 0, 1, out=image)
        image *= 255
        image += np.float32(0.5)
        return image.astype(np.uint8)


def paper(shape: tuple[int, int]) -> Field:
    """Return the paper's grain and the dither, the same for every picture of this size.

    Noise of a whole step hides the steps of 8 bits; it stands still, or it would flicker when two
    frames are dissolved into each other.
    """
    rng = np.random.default_rng(5)
    grain = clouds(rng, shape, shape[0] / 3, 2) * 0.006
    return np.asarray(grain + rng.uniform(-0.5, 0.5, shape) / 170, np.float32)


def means(image: Image) -> npt.NDArray[np.float64]:
    """Return mean value and mean saturation (HSV), shape (2,)."""
    red, green, blue = (image[..., k] for k in range(3))
    high = np.maximum(np.maximum(red, green), blue)
    low = np.minimum(np.minimum(red, green), blue)
    return np.array([high.mean(), ((high - low) / np.maximum(high, 1e-4)).mean()], float)


def _apply(image: Image, gain: float, richness: float) -> None:
    gray = image @ GRAY
    image -= gray[..., None]
    image *= np.float32(richness)
    image += gray[..., None]
    np.clip(image, 0, 1, out=image)
    # x g / (1 + (g - 1) x) keeps black and white where they are, so nothing is cut off.
    below = image * np.float32(gain - 1)
    below += 1
    image *= np.float32(gain)
    image /= below


def _solve(
    image: Image, aim: npt.NDArray[np.float64], begin: tuple[float, float]
) -> tuple[float, float]:
    """Return gain and richness by which the picture's means are as aimed at."""
    gain, richness = begin
    for _ in range(20):
        tried = image.copy()
        _apply(tried, gain, richness)
        value, saturation = means(tried)
        # In odds, since the curve of the gain multiplies those.
        odds = aim[0] / (1 - aim[0]) * (1 - value) / value
        if abs(value - aim[0]) + abs(saturation - aim[1]) < CLOSE:
            break
        gain = float(np.clip(gain * odds, *GAIN))
        richness = float(np.clip(richness * aim[1] / max(saturation, 1e-3), *RICHNESS))
    return gain, richness
