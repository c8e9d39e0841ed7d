"""Scenes with a wide view: hills, mountains."""

from __future__ import annotations

from .brush import Brush


def hills(brush: Brush) -> None:
    """Paint ridge behind ridge, with mist in the valleys."""
    horizon = 0.62
    brush.sky(horizon)
    brush.clouds(horizon)
    steps = (("far", 0.47, 0.05, 0.75), ("far", 0.54, 0.045, 0.7), ("mid", 0.62, 0.05, 0.6),
             ("mid", 0.71, 0.05, 0.5), ("near", 0.82, 0.055, 0.3))  # fmt: skip
    for k, (ink, base, high, haze) in enumerate(steps):
        line = brush.line(base, high, 1.0 + 0.25 * (4 - k))
        if k >= 2:
            line = brush.wood(line, 0.012 * (k - 1), pointed=True)
        brush.ridge(line, ink, 0.14, haze)
        if k < 4:
            brush.mist(base + 0.06, 0.05)
    brush.shafts()
    brush.rain()
