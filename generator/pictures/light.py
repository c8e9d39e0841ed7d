"""Colours of a scene's inks along valence, and the curves by which light and weather follow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Curve = Callable[[float], float]
"""Valence (−1…1) to a strength (0…1)."""
Colours = npt.NDArray[np.floating]

APART = 0.012
"""Half the least step of an ink's lightness (Oklab) from neutral to positive."""
Keys = Mapping[str, str]
"""Ink to its colours at valence −1, 0 and 1, as three hex numbers."""

BASE: Keys = {
    "sky_high": "59636f 86abc8 4596e6",
    "sky_mid": "737d87 a6c3d2 79bdf0",
    "sky_low": "8a9197 d6dedb ffdca3",
    "sun": "a4a8aa fdf6e6 fffbe6",
    "glow": "8d9498 efeadb ffc25c",
    "cloud_lit": "838a91 eef0ee fff6e4",
    "cloud_shade": "5a636d a7b5c2 e9a486",
    "haze": "868d92 ccd6d6 ffd9a8",
    "far": "69747d 86a3b5 5f94d2",
    "far_lit": "717b83 9db6c2 a9c4ea",
    "mid": "4f5d63 5d8488 2f8c86",
    "mid_lit": "5a676b 7d9f95 8ccf8a",
    "near": "3c4a49 3f6650 1f7f43",
    "near_lit": "4b5853 6f9465 abc94a",
    "dark": "262f31 28403a 14512f",
    "earth": "4b4743 7d6d5c a9683a",
    "earth_lit": "5f5a55 a59079 eeb065",
    "sand": "57544f a3947f d9a566",
    "sand_lit": "6d6963 c9bca6 f8dca0",
    "water": "4c5961 6f98ab 1f86c8",
    "water_lit": "7e8a90 c4dade ffe9b8",
    "rain": "a9b2b8 d3dde0 eef6fa",
    "white": "aab0b4 f0f2f0 fffaf0",
    "bloom_a": "6d6470 b98aa6 ff6fa5",
    "bloom_b": "7a766a c9b37e ffcf3a",
    "bloom_c": "68707a 97a5c4 8a7bff",
    "lamp": "8d8776 d9bf8a ffc24d",
    "wall": "4e4a45 8f877c d99a5e",
    "wall_lit": "645f58 b7ac9c ffd08a",
    "wood": "3d3733 6b5747 8f5d3c",
    "wood_lit": "504840 8f7660 dca064",
    "line": "2b2e33 2f333c 38294a",
}

MOODS: tuple[Keys, ...] = (
    {},
    {  # rose evening
        "sky_high": "5b5f70 98a6c8 7288e6",
        "sky_mid": "757a86 b9bfd2 c6a4e6",
        "sky_low": "8e9096 e3d6d6 ffb58c",
        "glow": "918f95 f0dfd9 ff9a62",
        "cloud_shade": "5d606e a9abc2 e096aa",
        "haze": "898b93 d8d2d6 ffbfa0",
        "far": "6a6f7e 8d9cbc 7a74d0",
        "far_lit": "747886 a9b3c9 d49ad0",
        "water": "50576a 7f97b5 5b74cf",
        "water_lit": "82868f d8d2d8 ffcf9f",
    },
    {  # fresh morning
        "sky_high": "586970 80b8c6 38acde",
        "sky_mid": "72828a a2ccd0 6fd2ea",
        "sky_low": "89959a d9e6da f7f0a8",
        "glow": "8b9799 ecefd9 ffe27a",
        "cloud_shade": "58686f a3bcc2 86c6dc",
        "haze": "84928f cddcd4 e4f2b4",
        "far": "66787f 82adb0 3aa6bd",
        "far_lit": "6f7f84 9dc2bd 8ddccb",
        "water": "4a5f66 6aa3a6 0f9fb5",
        "water_lit": "7c8f92 c6e2da f6f6c0",
    },
    {  # amber light
        "sky_high": "5d6469 9db2be 74a8dc",
        "sky_mid": "787c7e bcc2bd f0c98a",
        "sky_low": "8f9090 e6ddc8 ffc66a",
        "glow": "939190 f3e5c8 ffb03c",
        "cloud_shade": "5f6366 b0b0a9 e08a52",
        "haze": "8a8a87 ddd6c6 ffd08a",
        "far": "6d7375 97a29f c08a5a",
        "far_lit": "777b7c b0b6ae f0bd7c",
        "mid_lit": "5c6663 8f9f86 c9c455",
        "water": "525b5f 879aa0 4f93b8",
        "water_lit": "838786 d9d6c8 ffd890",
    },
)


def rising(low: float, high: float, most: float = 1.0, least: float = 0.0) -> Curve:
    """Return a soft rise from `least` below `low` to `most` above `high`."""

    def curve(valence: float) -> float:
        t = min(max((valence - low) / (high - low), 0.0), 1.0)
        return least + (most - least) * t * t * (3 - 2 * t)

    return curve


def falling(low: float, high: float, most: float = 1.0, least: float = 0.0) -> Curve:
    """Return a soft fall from `most` below `low` to `least` above `high`."""
    return rising(low, high, least, most)


class Palette:
    """Colours of all inks at any valence, mixed in Oklab, in which steps look even.

    Oklab: B. Ottosson (2020), "A perceptual color space for image processing".

    Parameters
    ----------
    mood : Keys
        What differs from `BASE`.
    """

    def __init__(self, mood: Keys) -> None:
        keys = {**BASE, **mood}
        self.names = {name: row for row, name in enumerate(keys)}
        rgb = np.array([[_rgb(word) for word in text.split()] for text in keys.values()])
        self._lab = _lighter(_oklab(rgb))  # (n_inks, 3 keys, 3)

    def colours(self, valence: float) -> Colours:
        """Return sRGB 0…1 of every ink, shape (n_inks, 3)."""
        low, mid, high = np.moveaxis(self._lab, 1, 0)
        # A parabola through the three would overshoot; straight pieces with a soft knee do not.
        knee = 0.25
        t = valence
        bend = (np.sqrt(t * t + knee * knee) - knee) / (np.sqrt(1 + knee * knee) - knee)
        lab = mid + (high - low) / 2 * t + ((high + low) / 2 - mid) * bend
        return np.clip(_srgb(lab), 0, 1).astype(np.float32)


def _lighter(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the keys with no ink darker at 1 than at 0.

    A place that brightens up to 0 and darkens again flashes twice in a sweep forth and back.
    """
    mid, high = lab[:, 1, 0].copy(), lab[:, 2, 0].copy()
    meet = high + 0.35 * (mid - high)  # mostly, neutral gives way: colours at 1 stay deep
    turned = mid > high - 2 * APART
    lab[:, 1, 0] = np.where(turned, meet - APART, mid)
    lab[:, 2, 0] = np.where(turned, meet + APART, high)
    return lab


def _rgb(word: str) -> list[float]:
    return [int(word[k : k + 2], 16) / 255 for k in (0, 2, 4)]


_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LAB = np.linalg.inv(_TO_LAB)
_FROM_LMS = np.linalg.inv(_TO_LMS)


def _oklab(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T)


def _srgb(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear = np.maximum((lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, 0.0)
    return np.asarray(
        np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    )
