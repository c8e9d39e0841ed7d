"""Scenes of rooms and lights: a room with a window, a city in the evening, a night sky."""

from __future__ import annotations

import itertools

import numpy as np

from .brush import Brush
from .fields import clouds, smoothstep, soft
from .light import Keys, rising
from .plants import bushes, grass
from .shapes import Points, limb, oval

DUSK: Keys = {
    "sky_high": "424a58 5b6f95 3b55b5",
    "sky_mid": "555c69 8b95b2 a878d0",
    "sky_low": "6f747d c2b4b4 ffab6e",
    "glow": "747881 d8c3b0 ff9a55",
    "cloud_lit": "6c727c c0bcc4 ffc49a",
    "cloud_shade": "464d5a 7b84a0 b0649a",
    "haze": "6a7079 b3aeb8 ffb78a",
    "far": "565e6b 7683a3 7d6cc4",
    "far_lit": "606772 8e96af c486c0",
    "mid": "434b58 566387 5549a0",
    "mid_lit": "4c535f 6c7799 9a62a8",
    "near": "333a45 3c4766 3b3a80",
    "near_lit": "3b424c 4d5878 6a4c8c",
    "dark": "262b34 2c3450 2a2a62",
    "water": "3d4552 56688c 3f4fae",
    "water_lit": "7a8089 c8bdb8 ffc890",
    "lamp": "a59a80 e6c284 ffcf58",
}
NIGHT: Keys = {
    "sky_high": "2e343f 2b3c68 22309a",
    "sky_mid": "3a414c 3d5183 4a4fc4",
    "sky_low": "4a515b 67799f a06ad0",
    "sun": "8d9298 e6e9ec fff8e0",
    "glow": "5b6169 7f8fb4 9a86ec",
    "cloud_lit": "4f565f 6d7c9c 8a86e6",
    "cloud_shade": "363c47 43527a 4a44a8",
    "haze": "4a5059 6c7c9c 8a7ce0",
    "far": "394049 41527c 4a4cb4",
    "far_lit": "40474f 4f608a 6a62cc",
    "mid": "2f353d 32436a 34409a",
    "mid_lit": "353c44 40527a 5054b4",
    "near": "23292f 24324f 22357a",
    "near_lit": "2a3036 2f4060 3a56a0",
    "dark": "1c2126 1b2640 1a2a64",
    "water": "2d333c 33466e 2a3fa4",
    "water_lit": "5f666e 9aa8c4 c0b4ff",
    "wood": "26272b 32364a 3e3a78",
    "lamp": "8b826c d4b480 ffd064",
    "white": "8a9097 d6dcea ffffff",
}


def city(brush: Brush) -> None:
    """Paint roofs and lit windows over a river, or over a square where water is barred."""
    quay = 0.72
    brush.sun = (brush.sun[0], quay - 0.2)
    brush.sky(quay)
    brush.clouds(quay)
    for ink, height, count in (("far", 0.34, 17), ("mid", 0.27, 14), ("near", 0.20, 11)):
        _houses(brush, ink, quay, height, count)
        if ink != "near":
            brush.mist(quay - 0.05, 0.09)
    brush.stage.over(brush.draw([_box(-0.1, quay - 0.012, brush.aspect + 0.1, quay + 0.004)]),
                     ("dark", None))  # fmt: skip
    _lanterns(brush, quay)
    if "water" in brush.barred:
        brush.ridge(brush.line(quay + 0.006, 0.001, 1.0, 2), "mid", 0.5, 0.0, grain=30.0)
    else:
        brush.water(quay)
    brush.rain()


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _houses(brush: Brush, ink: str, foot: float, height: float, count: int) -> None:
    rng = brush.rng
    walls: list[Points] = []
    lit_walls: list[Points] = []
    lights: list[list[Points]] = [[], [], []]
    edges = np.cumsum(rng.uniform(0.6, 1.4, count + 1))
    edges = -0.05 + (brush.aspect + 0.1) * (edges - edges[0]) / (edges[-1] - edges[0])
    for left, right in itertools.pairwise(edges):
        wide = right - left
        top = foot - height * rng.uniform(0.55, 1.0)
        walls.append(_box(left, top, right + 0.002, foot + 0.01))
        form = rng.integers(4)
        if form < 2:  # a gable
            peak = top - wide * rng.uniform(0.3, 0.55)
            walls.append(np.array([[left, top + 0.001], [(left + right) / 2, peak],
                                   [right, top + 0.001]]))  # fmt: skip
        elif form == 2:  # a slender tower
            x, half = left + wide * rng.uniform(0.3, 0.7), 0.13 * wide
            walls.append(_box(x - half, top - 0.3 * height, x + half, top + 0.01))
            walls.append(np.array([[x - 1.3 * half, top - 0.3 * height + 0.001],
                                   [x, top - 0.3 * height - 4 * half],
                                   [x + 1.3 * half, top - 0.3 * height + 0.001]]))  # fmt: skip
        walls.append(_box(left + 0.7 * wide, top - 0.035, left + 0.76 * wide, top + 0.01))
        if brush.sun[0] > (left + right) / 2:
            lit_walls.append(_box(right - 0.22 * wide, top, right, foot))
        else:
            lit_walls.append(_box(left, top, left + 0.22 * wide, foot))
        across, down = max(2, int(wide / 0.035)), max(2, int((foot - top) / 0.048))
        for i in range(across):
            for j in range(down):
                x = left + wide * (i + 0.5) / across
                y = top + (foot - top) * (j + 0.45) / down
                pane = _box(x - 0.006, y - 0.009, x + 0.006, y + 0.009)
                chance = rng.integers(7)
                if chance < 3:
                    lights[chance].append(pane)
    brush.stage.over(brush.draw(walls), (ink, None))
    brush.stage.over(brush.draw(lit_walls, 0.5), (ink + "_lit", None))
    fading = {"far": 0.45, "mid": 0.75, "near": 1.0}[ink]
    # More windows are lit the lighter it is in the mind: one share after the other.
    for k, panes in enumerate(lights):
        curve = rising(-1.6 + 0.8 * k, 0.0 + 0.5 * k)
        brush.stage.over(brush.draw(panes, 0.92 * fading), ("lamp", None), strength=curve)


def _lanterns(brush: Brush, quay: float) -> None:
    posts: list[Points] = []
    total = np.zeros(brush.shape, np.float32)
    heads: list[Points] = []
    for x in np.arange(0.12, brush.aspect, 0.29):
        top = quay - 0.085
        posts.append(limb(np.array([x, quay]), np.array([x, top]), 0.006, 0.004))
        heads.append(oval(x, top - 0.006, 0.008, 0.010))
        far = np.hypot(brush.x - x, brush.y - top)
        total = np.maximum(total, 0.75 * np.exp(-far / 0.028))
    brush.stage.over(brush.draw(posts), ("dark", None))
    brush.stage.over(total, ("lamp", None), strength=rising(-1.5, 0.9))
    brush.stage.over(brush.draw(heads), ("lamp", None))


def night(brush: Brush) -> None:
    """Paint stars and the moon over hills, with one lit window far away."""
    horizon = 0.74
    brush.sky(horizon)
    _stars(brush, horizon)
    brush.clouds(horizon)
    brush.ridge(brush.line(0.60, 0.05, 1.2), "far", 0.14, 0.5)
    brush.mist(0.66, 0.05)
    line = brush.line(0.70, 0.035, 1.4)
    brush.ridge(brush.wood(line, 0.03, pointed=True), "mid", 0.12, 0.5, grain=20.0, form=line)
    brush.mist(0.76, 0.05)
    brush.ridge(brush.line(0.82, 0.04, 0.9, 4), "near", 0.3, 0.0)
    if "lamp" not in brush.barred:
        _cottage(brush, brush.aspect * (0.72 if brush.sun[0] < brush.aspect / 2 else 0.28), 0.835)
    brush.shafts(0.5)
    grass(brush, 1.03, 0.16, 0.9, bare=0.2)
    _fireflies(brush)
    brush.rain()


def _stars(brush: Brush, horizon: float) -> None:
    rng = brush.rng
    band = clouds(rng, brush.shape, 3.0, 6)
    across = (brush.x - brush.aspect / 2) * 0.5 + (brush.y - 0.3) * 0.85
    milk = np.exp(-((across / 0.13) ** 2)) * smoothstep(-1.2, 1.6, band)
    high = smoothstep(horizon, 0.3 * horizon, brush.y + 0 * brush.x)
    brush.stage.over(0.38 * milk * high, ("glow", None), strength=rising(-0.8, 1))
    for count, size, begin in ((900, 0.0008, -0.9), (260, 0.0014, -1.0), (50, 0.0024, -1.2)):
        dots = []
        for _ in range(int(count * brush.aspect)):
            x, y = rng.uniform(0, brush.aspect), rng.uniform(0, horizon)
            dots.append(oval(x, y, size, size))
        cover = brush.draw(dots) * high
        brush.stage.over(cover, ("white", None), strength=rising(begin, 0.7))


def _cottage(brush: Brush, x: float, foot: float) -> None:
    size = 0.05
    wall = _box(x - size, foot - 0.9 * size, x + size, foot)
    eaves, ridge = foot - 0.85 * size, foot - 1.75 * size
    roof = np.array([[x - 1.3 * size, eaves], [x - 0.5 * size, ridge],
                     [x + 0.5 * size, ridge], [x + 1.3 * size, eaves]])  # fmt: skip
    chimney = _box(x + 0.3 * size, foot - 2.1 * size, x + 0.5 * size, foot - 1.5 * size)
    brush.stage.over(brush.draw([wall, chimney]), ("dark", None))
    brush.stage.over(brush.draw([roof]), ("near", None))
    for side in (-0.5, 0.35):
        a = x + side * size
        far = np.hypot(brush.x - a, brush.y - foot + 0.5 * size)
        brush.stage.over(0.6 * np.exp(-far / 0.05), ("lamp", None), strength=rising(-1.8, 0.9))
        pane = _box(a - 0.16 * size, foot - 0.7 * size, a + 0.16 * size, foot - 0.3 * size)
        brush.stage.over(brush.draw([pane]), ("lamp", None))


def _fireflies(brush: Brush) -> None:
    rng, total = brush.rng, np.zeros(brush.shape, np.float32)
    for _ in range(26):
        x, y = rng.uniform(0, brush.aspect), rng.uniform(0.80, 0.98)
        far = np.hypot(brush.x - x, brush.y - y)
        total = np.maximum(total, np.exp(-far / 0.006))
    brush.stage.over(total, ("lamp", None), strength=rising(0.0, 1.0))


def room(brush: Brush) -> None:
    """Paint a room whose window looks out on hills; its light falls on wall and table."""
    left = brush.sun[0] < brush.aspect / 2
    x = brush.aspect * (0.36 if left else 0.64)
    wide, top, sill = 0.36, 0.1, 0.64
    brush.sun = (x + (0.14 if left else -0.14) * -1, 0.24)
    brush.sky(0.5)
    brush.clouds(0.5)
    brush.ridge(brush.line(0.40, 0.035, 1.8), "far", 0.12, 0.5)
    line = brush.line(0.49, 0.025, 2.2)
    brush.ridge(brush.wood(line, 0.03, pointed=False), "mid", 0.1, 0.4, grain=24.0, form=line)
    brush.ridge(brush.line(0.57, 0.02, 1.2), "near", 0.2, 0.1)
    brush.rain()
    _wall(brush, x, wide, top, sill)
    _frame(brush, x, wide, top, sill)
    _falling_light(brush, x, wide, 1.0 if left else -1.0)
    _table(brush)
    _pot(brush, x + (0.2 if left else -0.2), sill - 0.005)
    _curtains(brush, x, wide, top, sill)


def _wall(brush: Brush, x: float, wide: float, top: float, sill: float) -> None:
    hole = brush.draw([_box(x - wide, top, x + wide, sill)])
    far = np.hypot(brush.x - x, (brush.y - 0.4) * 1.2)
    plaster = clouds(brush.rng, brush.shape, 9.0, 5, 1.2)
    lit = np.clip(np.exp(-far / 0.6) * 0.95 + 0.05 * plaster, 0, 1)
    brush.stage.over(1 - hole, ("wall_lit", lit), ("wall", None))


def _frame(brush: Brush, x: float, wide: float, top: float, sill: float) -> None:
    bars = [_box(x - wide - 0.02, top - 0.022, x + wide + 0.02, top + 0.008),
            _box(x - wide - 0.02, top, x - wide + 0.012, sill),
            _box(x + wide - 0.012, top, x + wide + 0.02, sill),
            _box(x - 0.012, top, x + 0.012, sill),
            _box(x - wide, 0.29, x + wide, 0.305)]  # fmt: skip
    brush.stage.over(brush.draw(bars), ("white", None))
    edge = [_box(bar[0, 0], bar[2, 1] - 0.004, bar[1, 0], bar[2, 1]) for bar in bars]
    brush.stage.over(brush.draw(edge, 0.45), ("wall", None))
    ledge = _box(x - wide - 0.06, sill - 0.008, x + wide + 0.06, sill + 0.018)
    brush.stage.over(brush.draw([ledge]), ("white", None))
    below = _box(x - wide - 0.05, sill + 0.018, x + wide + 0.05, sill + 0.03)
    brush.stage.over(brush.draw([below], 0.5), ("wall", None))


def _falling_light(brush: Brush, x: float, wide: float, way: float) -> None:
    """Paint the window's light where it falls: two panes on the wall beside it, and a soft beam."""
    panes = []
    for k in range(2):
        for j in range(2):
            a = x + way * (wide + 0.20 + 0.17 * k)
            b = 0.30 + 0.17 * j + 0.05 * k
            panes.append(np.array([[a, b], [a + way * 0.15, b + 0.045],
                                   [a + way * 0.15, b + 0.195], [a, b + 0.15]]))  # fmt: skip
    brush.stage.over(soft(brush.draw(panes, 0.75), 0.006), ("wall_lit", None),
                     strength=rising(-0.7, 0.9))  # fmt: skip
    brush.stage.over(soft(brush.draw(panes, 0.5), 0.012), ("glow", None),
                     strength=rising(-0.2, 1.0))  # fmt: skip


def _table(brush: Brush) -> None:
    top = 0.83
    grain = clouds(brush.rng, brush.shape, 5.0, 6, 9.0)
    lit = smoothstep(-1.6, 1.9, grain + 1.2 * np.exp(-(((brush.x - brush.sun[0]) / 0.6) ** 2)))
    board = brush.draw([_box(-0.1, top, brush.aspect + 0.1, 1.1)])
    brush.stage.over(board, ("wood_lit", lit), ("wood", None))
    edge = brush.draw([_box(-0.1, top, brush.aspect + 0.1, top + 0.006)], 0.8)
    brush.stage.over(edge, ("wall_lit", None))
    shadow = np.exp(-np.clip(top - brush.y, 0, None) / 0.05) * (brush.y < top)
    brush.stage.over(np.asarray(0.35 * shadow + 0 * brush.x, np.float32), ("wood", None))


def _pot(brush: Brush, x: float, foot: float) -> None:
    size = 0.075
    pot = np.array([[x - 0.5 * size, foot - 0.8 * size], [x + 0.5 * size, foot - 0.8 * size],
                    [x + 0.36 * size, foot], [x - 0.36 * size, foot]])  # fmt: skip
    bushes(brush, [(x, foot - 0.6 * size, 0.14)], 9)
    brush.stage.over(brush.draw([pot]), ("earth", None))
    band = _box(x - 0.55 * size, foot - 0.85 * size, x + 0.55 * size, foot - 0.65 * size)
    brush.stage.over(brush.draw([band]), ("earth_lit", None))


def _curtains(brush: Brush, x: float, wide: float, top: float, sill: float) -> None:
    folds = 0.5 + 0.5 * np.sin(brush.x * 95 + 1.3 * np.sin(brush.y * 5))
    for side in (-1, 1):
        t = np.linspace(0, 1, 20)
        inner = x + side * (wide - 0.13 + 0.09 * t**0.6)
        outer = np.full(20, x + side * (wide + 0.075))
        y = top - 0.045 + (sill + 0.09 - top) * t
        hang = np.concatenate([np.stack([inner, y], 1), np.stack([outer, y], 1)[::-1]])
        cover = brush.draw([hang], 0.86)
        brush.stage.over(cover, ("white", np.asarray(folds * 0.65, np.float32)), ("wall_lit", None))
    rod = limb(np.array([x - wide - 0.12, top - 0.045]), np.array([x + wide + 0.12, top - 0.045]),
               0.012, 0.012)  # fmt: skip
    brush.stage.over(brush.draw([rod]), ("wood", None))
