"""Scenes by the water."""

from __future__ import annotations

import numpy as np

from .brush import Brush
from .fields import clouds, smoothstep
from .light import falling, rising
from .shapes import Points, blades


def lake(brush: Brush) -> None:
    """Paint a lake between wooded hills, with a jetty and reeds in front."""
    shore = brush.rng.uniform(0.5, 0.55)
    brush.sky(shore)
    brush.clouds(shore)
    brush.ridge(brush.line(shore - 0.16, 0.055, 1.3), "far", 0.16, 0.55)
    brush.ridge(brush.line(shore - 0.08, 0.035, 1.9), "mid", 0.1, 0.6)
    brush.mist(shore - 0.03, 0.05)
    line = brush.line(shore - 0.012, 0.006, 1.2)
    brush.ridge(brush.wood(line, 0.03, pointed=False), "near", 0.05, 0.25, grain=26.0, form=line)
    brush.shafts()
    brush.water(shore)
    brush.mist(shore + 0.01, 0.04, falling(-1, 1, 0.7, 0.12))
    jetty(brush, shore)
    reeds(brush, 1.03, 0.4)
    brush.rain()


def jetty(brush: Brush, shore: float) -> None:
    """Paint a wooden jetty that leads out from the sun's side."""
    rng = brush.rng
    left = brush.sun[0] < brush.aspect / 2
    near, far = (0.70, 0.52) if left else (0.30, 0.48)
    foot, tip = np.array([near * brush.aspect, 1.04]), np.array([far * brush.aspect, shore + 0.16])
    planks: dict[str, list[Points]] = {"wood": [], "wood_lit": []}
    posts: list[Points] = []
    n = 34
    for k in range(n):
        a, b = _deck(foot, tip, k / n), _deck(foot, tip, (k + 0.86) / n)
        tone = "wood_lit" if rng.uniform() < 0.55 else "wood"
        planks[tone].append(
            np.array([[a[0] - a[2], a[1]], [a[0] + a[2], a[1]],
                      [b[0] + b[2], b[1]], [b[0] - b[2], b[1]]])
        )  # fmt: skip
        if k % 8 == 5:
            for side in (-1, 1):
                x, y, half = a[0] + side * a[2] * 1.02, a[1], 0.06 * a[2]
                top, low = y - 5 * half, y + 9 * half
                posts.append(np.array([[x - half, top], [x + half, top],
                                       [x + half, low], [x - half, low]]))  # fmt: skip
    deck = np.array([_deck(foot, tip, t) for t in np.linspace(0, 1, 12)])
    left_edge = np.stack([deck[:, 0] - deck[:, 2], deck[:, 1]], 1)
    right_edge = np.stack([deck[:, 0] + deck[:, 2], deck[:, 1]], 1)
    under = np.concatenate([left_edge, right_edge[::-1]])
    brush.stage.over(brush.draw([under + np.array([0.0, 0.02])], 0.6), ("dark", None))
    brush.stage.over(brush.draw([under]), ("dark", None))
    for ink, polygons in planks.items():
        brush.stage.over(brush.draw(polygons), (ink, None))
    brush.stage.over(brush.draw(posts), ("wood", None))


def _deck(foot: Points, tip: Points, t: float) -> tuple[float, float, float]:
    """Return middle and half width of the jetty, t of the way out in plank numbers."""
    # Even planks shrink with distance: 1 / depth, from 1 to 4 depths.
    s = (1 - 1 / (1 + 3 * t)) / 0.75
    x, y = foot + (tip - foot) * s
    return float(x), float(y), 0.21 * (1 - s) + 0.052 * s


def reeds(brush: Brush, foot: float, tall: float) -> None:
    """Paint reeds that stand denser towards the side away from the sun."""
    if "grass" in brush.barred:
        return
    left = brush.sun[0] > brush.aspect / 2
    for ink, count, most in (("near", 150, 1.0), ("near_lit", 80, 0.85), ("dark", 120, 0.75)):
        n = int(count * brush.aspect)
        off = np.abs(brush.rng.standard_normal(n)) * 0.4
        high = tall * most * brush.rng.uniform(0.45, 1, n) * np.exp(-((off / 0.6) ** 2))
        lean = 2 * brush.rng.normal(0.05, 0.07, n) * high / tall
        feet = np.stack([off if left else brush.aspect - off, np.full(n, foot)], 1)
        reed = blades(feet, high, lean, brush.rng.uniform(0.004, 0.009, n))
        brush.stage.over(brush.draw(reed), (ink, None))


def sea(brush: Brush) -> None:
    """Paint the sea from a beach, with a headland and dune grass."""
    horizon = brush.rng.uniform(0.46, 0.52)
    brush.sky(horizon)
    brush.clouds(horizon)
    right = brush.sun[0] < brush.aspect / 2
    along = brush.x[0] / brush.aspect
    rise = smoothstep(0.55, 1.05, along) if right else smoothstep(0.45, -0.05, along)
    for height, ink in ((0.09, "far"), (0.16, "mid")):
        line = brush.line(horizon + 0.004, 0.02, 2.2) - height * rise**1.4 + 0.06 * (1 - rise)
        brush.ridge(np.asarray(line, np.float32), ink, 0.12, 0.45)
        rise = np.clip(rise * 1.2 - 0.35, 0, 1)
    brush.shafts()
    brush.water(horizon, swell=1.8)
    _breakers(brush, horizon)
    _beach(brush)
    reeds(brush, 1.04, 0.3)
    brush.rain()


def _breakers(brush: Brush, horizon: float) -> None:
    """Paint lines of foam that come closer together towards the horizon."""
    rough = clouds(brush.rng, brush.shape, 3.0, 5, 5.0)
    lace = clouds(brush.rng, brush.shape, 18.0, 4, 2.5)
    total = np.zeros(brush.shape, np.float32)
    for at in (0.12, 0.22, 0.36, 0.56):
        y = horizon + at * (1 - horizon) + 0.016 * at * rough
        thick = 0.004 + 0.022 * at
        crest = np.exp(-(((brush.y - y) / thick) ** 2)) * smoothstep(0.2, 1.4, rough + 0.45 * lace)
        total = np.maximum(total, 0.85 * crest)
    brush.stage.over(total, ("white", None), strength=rising(-1.6, 0.8))


def _beach(brush: Brush) -> None:
    """Paint sand, wet towards the water, with the last thin wave on it."""
    edge = brush.line(0.86, 0.022, 0.8, 3)
    wet = np.asarray(edge - 0.035 + 0.006 * np.sin(brush.x[0] * 9), np.float32)
    brush.stage.over(brush.below(wet) * 0.6, ("water_lit", np.full(brush.shape, 0.3, np.float32)),
                     ("sand", None))  # fmt: skip
    foam = np.exp(-(((brush.y - wet[None] - 0.004) / 0.006) ** 2))
    lace = smoothstep(-0.9, 0.7, clouds(brush.rng, brush.shape, 16.0, 4, 2.0))
    brush.stage.over(np.asarray(0.9 * foam * lace, np.float32), ("white", None))
    brush.ridge(edge, "sand", 0.6, 0.0, grain=130.0)
