"""Scenes by the water."""

from __future__ import annotations

import numpy as np

from .brush import Brush
from .light import falling
from .shapes import blade


def lake(brush: Brush) -> None:
    """Paint a lake between wooded hills, with reeds in front."""
    shore = brush.rng.uniform(0.52, 0.58)
    brush.sky(shore)
    brush.clouds(shore)
    brush.ridge(brush.line(shore - 0.17, 0.055, 1.1), "far", 0.16, 0.55)
    brush.ridge(brush.line(shore - 0.085, 0.035, 1.6), "mid", 0.1, 0.6)
    brush.mist(shore - 0.03, 0.05)
    banks = brush.wood(brush.line(shore - 0.012, 0.006, 1.2), 0.032, pointed=False)
    brush.ridge(banks, "near", 0.05, 0.25, 22.0)
    brush.shafts()
    brush.water(shore)
    brush.mist(shore + 0.01, 0.04, falling(-1, 1, 0.7, 0.12))
    reeds(brush, 1.02, 0.36)
    brush.rain()


def reeds(brush: Brush, foot: float, tall: float) -> None:
    """Paint reeds that stand denser towards one side."""
    side = 0.0 if brush.sun[0] > brush.aspect / 2 else brush.aspect
    for ink, count, most in (("near", 130, 1.0), ("near_lit", 60, 0.85), ("dark", 110, 0.75)):
        blades = []
        for _ in range(int(count * brush.aspect)):
            off = abs(brush.rng.standard_normal()) * 0.55
            x = abs(side - off) if side == 0.0 else side - off
            high = tall * most * brush.rng.uniform(0.45, 1) * np.exp(-((off / 0.9) ** 2))
            lean = brush.rng.normal(0.05, 0.07) * high / tall
            blades.append(blade(x, foot, high, lean * 2, brush.rng.uniform(0.004, 0.009)))
        brush.stage.over(brush.draw(blades), (ink, None))
