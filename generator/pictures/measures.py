"""What the manifest says about a picture's colours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rym.flashes import LINEAR, LUMINANCE, Cells

from ..drafts import Picture


class Look(NamedTuple):
    """Colour of a picture on the whole."""

    hue: float
    """Mean hue weighted by saturation, in degrees; 0 where nothing has a colour."""
    saturation: float
    """Mean, 0…1."""
    value: float
    """Mean, 0…1."""
    luminance: float
    """Mean relative luminance (WCAG 2), 0…1."""


def look(picture: Picture) -> Look:
    """Return mean hue, saturation and value (HSV) and mean relative luminance.

    Parameters
    ----------
    picture : array of shape (height, width, 3)
        sRGB.
    """
    red, green, blue = (picture[..., k].astype(np.float32) for k in range(3))
    high = np.maximum(np.maximum(red, green), blue)
    chroma = high - np.minimum(np.minimum(red, green), blue)
    saturation = chroma / np.maximum(high, 1)
    hue = _mean_hue(red, green, blue, saturation)
    light = [float(np.mean(LINEAR[picture[..., k]], dtype=np.float64)) for k in range(3)]
    return Look(
        hue=hue,
        saturation=float(np.mean(saturation, dtype=np.float64)),
        value=float(np.mean(high, dtype=np.float64)) / 255,
        luminance=float(LUMINANCE @ np.array(light)),
    )


def _mean_hue(red: Cells, green: Cells, blue: Cells, weight: Cells) -> float:
    # Hue as an angle in the plane of colour: up to 1.2° from HSV's own, which runs on a hexagon.
    across, up = red - (green + blue) / 2, (green - blue) * np.float32(3**0.5 / 2)
    weight = weight / np.maximum(np.hypot(across, up), np.float32(1e-6))
    x = float(np.mean(across * weight, dtype=np.float64))
    y = float(np.mean(up * weight, dtype=np.float64))
    return float(np.degrees(np.arctan2(y, x))) % 360 if np.hypot(x, y) > 1e-9 else 0.0
