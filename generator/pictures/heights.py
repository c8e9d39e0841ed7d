"""Scenes with a wide view: hills, mountains, sky."""

from __future__ import annotations

import numpy as np

from .brush import Brush
from .fields import Field, clouds, smoothstep, soft, waves
from .light import falling
from .plants import flowers, grass


def hills(brush: Brush) -> None:
    """Paint ridge behind ridge, with mist in the valleys."""
    horizon = 0.62
    brush.sky(horizon)
    brush.clouds(horizon)
    steps = (("far", 0.45, 0.05, 0.75), ("far", 0.53, 0.045, 0.7), ("mid", 0.62, 0.05, 0.6),
             ("mid", 0.72, 0.05, 0.5), ("near", 0.86, 0.055, 0.2))  # fmt: skip
    for k, (ink, base, high, haze) in enumerate(steps):
        line = brush.line(base, high, 1.0 + 0.25 * (4 - k))
        top = brush.wood(line, 0.012 * (k - 1), pointed=True) if k in (2, 3) else line
        brush.ridge(top, ink, 0.14, haze, form=line)
        if k < 4:
            brush.mist(base + 0.07, 0.05)
    brush.shafts()
    flowers(brush, 0.9, 1.02, 0.4)
    grass(brush, 1.02, 0.1)
    brush.rain()


def sky(brush: Brush) -> None:
    """Paint a high sky over a low line of land."""
    brush.sky(0.9)
    brush.clouds(0.9)
    brush.ridge(brush.line(0.84, 0.02, 1.3), "far", 0.1, 0.5)
    brush.mist(0.87, 0.04)
    brush.ridge(brush.line(0.93, 0.02, 0.9), "mid", 0.1, 0.2)
    brush.shafts()
    brush.rain()


def mountain(brush: Brush) -> None:
    """Paint peaks with snow over firs, and a tarn where water may be."""
    shore = 0.74
    brush.sky(0.62)
    brush.clouds(0.62)
    brush.ridge(_peaks(brush, 0.5, 0.34, 2.2), "far", 0.2, 0.55)
    peaks = _peaks(brush, 0.60, 0.19, 1.3)
    _rock(brush, peaks)
    brush.mist(0.60, 0.06)
    for base, size, ink in ((0.66, 0.03, "mid"), (shore - 0.025, 0.045, "near")):
        line = brush.line(base, 0.02, 1.2)
        brush.ridge(brush.wood(line, size, pointed=True), ink, 0.08, 0.35, grain=20.0, form=line)
        brush.mist(base + 0.03, 0.03)
    brush.shafts()
    if "water" in brush.barred:
        brush.ridge(brush.line(shore, 0.012, 1.0), "near", 0.2, 0.1)
        flowers(brush, shore + 0.05, 1.0, 0.6)
    else:
        brush.water(shore)
    grass(brush, 1.03, 0.13, 0.8, bare=0.45)
    brush.rain()


def _peaks(brush: Brush, base: float, top: float, cells: float) -> Field:
    """Return a line of sharp summits off the middle, the highest of them at `top`."""
    n = brush.shape[1]
    big = np.clip(1 - np.abs(waves(brush.rng, n, cells, brush.aspect, 1)), 0, 1)
    small = np.abs(waves(brush.rng, n, cells * 3, brush.aspect, 5))
    centre = brush.aspect * brush.rng.uniform(0.3, 0.7)
    mass = np.exp(-(((brush.x[0] - centre) / 0.65) ** 2))
    high = mass * (0.62 + 0.3 * big) - 0.16 * small * (0.3 + 0.7 * mass)
    return np.asarray(base - (base - top) * high / high.max(), np.float32)


def _rock(brush: Brush, line: Field) -> None:
    """Paint the mountain under its line: facets in light and shade, snow above."""
    down = brush.y - line[None]
    ribs = clouds(brush.rng, brush.shape, 5.0, 6, 0.7)
    lean = clouds(brush.rng, brush.shape, 3.0, 3)
    facets = np.abs(ribs + 0.5 * lean)
    slope = np.gradient(soft(facets, 0.002), axis=1) * brush.shape[0] / 9
    from_left = 1.0 if brush.sun[0] < brush.aspect / 2 else -1.0
    lit = smoothstep(-0.7, 0.7, slope * from_left + 0.1 * ribs)
    haze = 0.75 * smoothstep(0.05, 0.36, down)
    body = brush.below(line)
    brush.stage.over(
        body, ("haze", haze), ("far_lit", lit * (1 - haze)), ("mid", (1 - lit) * (1 - haze) * 0.5),
        ("far", None),
    )  # fmt: skip
    if "snow" in brush.barred:
        return
    edge = 0.13 + 0.06 * ribs + 0.05 * lean
    snow = body * smoothstep(0.015, -0.015, down - edge * smoothstep(0.52, 0.3, line[None]))
    brush.stage.over(
        snow * 0.95, ("white", 0.25 + 0.75 * lit), ("cloud_shade", None),
        strength=falling(-9, 9, 1.0, 0.9),
    )  # fmt: skip
