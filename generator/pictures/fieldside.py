"""Scenes on the land: meadow, path, garden, forest."""

from __future__ import annotations

import itertools

import numpy as np

from .brush import Brush
from .fields import clouds, smoothstep
from .light import falling, rising
from .plants import bushes, flowers, foliage, grass, poplars, shade, tree
from .shapes import Points, blades, limb, oval, ovals


def meadow(brush: Brush) -> None:
    """Paint a flowering meadow with one large tree."""
    _country(brush, 0.6)
    left = brush.sun[0] > brush.aspect / 2
    x = brush.aspect * (brush.rng.uniform(0.16, 0.26) if left else brush.rng.uniform(0.74, 0.84))
    shade(brush, (x, 0.74), (0.34, 0.02))
    tree(brush, x, 0.74, 0.58)
    brush.shafts()
    flowers(brush, 0.70, 1.0, 1.5)
    grass(brush, 1.03, 0.15, 1.0, bare=0.3)
    brush.rain()


def _country(brush: Brush, horizon: float) -> None:
    """Paint sky, far hills, and a field down to the lower edge."""
    brush.sky(horizon + 0.02)
    brush.clouds(horizon + 0.02)
    brush.ridge(brush.line(horizon - 0.09, 0.04, 1.3), "far", 0.14, 0.6)
    brush.mist(horizon - 0.03, 0.04)
    line = brush.line(horizon - 0.03, 0.02, 1.5)
    brush.ridge(brush.wood(line, 0.022, pointed=False), "mid", 0.06, 0.4, grain=24.0, form=line)
    brush.mist(horizon + 0.02, 0.03)
    brush.ridge(brush.line(horizon + 0.035, 0.022, 0.8, 3), "near", 0.5, 0.0, grain=9.0)


def path(brush: Brush) -> None:
    """Paint a path that winds between slender trees towards the hills."""
    _country(brush, 0.56)
    rng, vanish = brush.rng, brush.aspect * brush.rng.uniform(0.44, 0.56)
    bend = rng.choice([-1, 1]) * rng.uniform(0.10, 0.16)
    t = np.linspace(0, 1, 60)
    y = 0.605 + 0.45 * t**1.6
    middle = vanish + bend * np.sin(2.6 * np.pi * t**0.75) * (0.12 + t)
    half = 0.006 + 0.24 * (y - 0.605) / 0.45
    sides = [np.stack([middle - half, y], 1), np.stack([middle + half, y], 1)[::-1]]
    worn = smoothstep(-1.2, 1.2, clouds(rng, brush.shape, 14.0, 5, 3.0))
    brush.stage.over(brush.draw([np.concatenate(sides)]), ("sand_lit", worn), ("sand", None))
    spots = [
        oval(middle[k] + rng.normal(0, 0.8) * half[k], y[k], 0.05 * half[k], 0.02 * half[k])
        for k in rng.integers(8, 60, 240)
    ]
    brush.stage.over(brush.draw(spots, 0.4), ("wood_lit", None))
    rows = []
    for far in (0.16, 0.27, 0.42, 0.64):
        at = int(far * 59)
        tall = 0.12 + 0.75 * (y[at] - 0.605) / 0.45 + 0.1
        for side in (-1, 1):
            x = middle[at] + side * (half[at] * 2.3 + 0.05)
            shade(brush, (x, float(y[at])), (0.3 * tall, 0.018 * tall))
            rows.append((float(x), float(y[at]), float(tall * rng.uniform(0.9, 1.1))))
    poplars(brush, rows)
    brush.shafts()
    flowers(brush, 0.72, 1.0, 0.35)
    grass(brush, 1.03, 0.14, 0.9, bare=0.42)
    brush.rain()


def garden(brush: Brush) -> None:
    """Paint a garden with hedge, flower beds, an arch and a tree."""
    _country(brush, 0.5)
    rng = brush.rng
    left = brush.sun[0] > brush.aspect / 2
    ground = 0.66
    hedge = [
        (brush.aspect * (k + rng.uniform(0.2, 0.8)) / 20, ground + 0.01, rng.uniform(0.12, 0.16))
        for k in range(20)
    ]
    bushes(brush, hedge)
    brush.ridge(brush.line(ground + 0.005, 0.004, 1.0, 3), "near", 0.6, 0.0, grain=8.0)
    x = brush.aspect * (0.17 if left else 0.83)
    shade(brush, (x, 0.74), (0.3, 0.02))
    tree(brush, x, 0.74, 0.56)
    arch(brush, brush.aspect * (0.58 if left else 0.42), 0.74, 0.36)
    for top, size in ((0.76, 0.06), (0.86, 0.1)):
        beds = []
        for k in range(14):
            off = rng.uniform(0.02, 0.33) * brush.aspect
            x = off if k % 2 else brush.aspect - off
            beds.append((x, top + size + rng.uniform(0, 0.03), size))
        bushes(brush, sorted(beds, key=lambda bed: bed[1]), 9)
    brush.shafts()
    flowers(brush, 0.8, 1.0, 0.25)
    grass(brush, 1.03, 0.09, 0.8, bare=0.4)
    brush.rain()


def arch(brush: Brush, x: float, foot: float, tall: float) -> None:
    """Paint a garden arch with roses on it, and the path through it."""
    rng, wide = brush.rng, 0.3 * tall
    way = np.array([[x - 0.5 * wide, foot], [x + 0.5 * wide, foot],
                    [x + 1.9 * wide, 1.05], [x - 1.3 * wide, 1.05]])  # fmt: skip
    brush.stage.over(brush.draw([way]), ("sand_lit", None))
    angles = np.linspace(np.pi, 2 * np.pi, 15)
    spine = [np.array([x - wide, foot])]
    spine += [np.array([x + wide * np.cos(a), foot - 0.62 * tall + 0.9 * wide * np.sin(a)])
              for a in angles]  # fmt: skip
    spine += [np.array([x + wide, foot])]
    bars = [limb(a, b, 0.035 * tall, 0.035 * tall)
            for a, b in itertools.pairwise(spine)]  # fmt: skip
    brush.stage.over(brush.draw(bars), ("white", None))
    for ink, count, size in (("near", 420, 0.022), ("near_lit", 230, 0.018), ("bloom_a", 90, 0.02),
                             ("white", 26, 0.014)):  # fmt: skip
        leaves: list[Points] = []
        for _ in range(count):
            a = spine[rng.integers(len(spine))] + rng.normal(0, 0.03 * tall, 2)
            leaves.append(oval(a[0], a[1], size * tall, 0.8 * size * tall, rng.uniform(0, 3)))
        brush.stage.over(brush.draw(leaves), (ink, None))


def forest(brush: Brush) -> None:
    """Paint a wood with mist between its trunks and light from above."""
    horizon = 0.66
    brush.sun = (brush.sun[0], 0.06)
    brush.sky(horizon)
    brush.stage.over(np.full(brush.shape, 0.75, np.float32), ("haze", None))
    glow = np.exp(-((brush.distance() / 0.55) ** 2))
    brush.stage.over(0.75 * glow, ("glow", None), strength=rising(-1.2, 1))
    floor = brush.line(horizon, 0.01, 1.2)
    brush.ridge(floor, "mid", 0.3, 0.5, grain=8.0)
    for k, (ink, thick) in enumerate((("far", 0.010), ("mid", 0.018), ("near", 0.034))):
        _trunks(brush, ink, thick, 26 - 8 * k, horizon + 0.035 * k)
        brush.mist(horizon + 0.02 + 0.03 * k, 0.1 + 0.02 * k, falling(-1, 1, 0.75, 0.3))
        brush.ridge(brush.line(horizon + 0.05 + 0.07 * k, 0.012, 1.5, 4),
                    ("mid", "mid", "near")[k], 0.2, 0.35 - 0.15 * k, grain=10.0)  # fmt: skip
        if k == 0:
            brush.shafts(1.3)
    brush.shafts(1.5)
    _trunks(brush, "dark", 0.075, 4, 0.93)
    _canopy(brush)
    _ferns(brush)
    grass(brush, 1.03, 0.10, 0.7)
    brush.rain()


def _trunks(brush: Brush, ink: str, thick: float, count: int, foot: float) -> None:
    rng = brush.rng
    places = brush.aspect * (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count
    if count < 6:  # the nearest keep the middle free
        places = np.abs(places - brush.aspect / 2)
        places = brush.aspect / 2 + np.resize([-1, 1], count) * (0.35 + places * 0.7)
    trunks: list[Points] = []
    lights: list[Points] = []
    for x in places:
        wide, lean = thick * rng.uniform(0.7, 1.3), rng.normal(0, 0.02)
        top, base = np.array([x + lean, -0.03]), np.array([x, foot + rng.uniform(0, 0.03)])
        trunks.append(limb(base, top, wide, 0.7 * wide))
        root = np.array([0, 0.06])
        trunks.append(limb(base + root / 12, base - root, 1.6 * wide, wide))
        for _ in range(5):
            at = base + (top - base) * rng.uniform(0.35, 0.95)
            out = rng.choice([-1, 1]) * rng.uniform(1.5, 4) * wide
            end = at + np.array([out, -abs(out) * rng.uniform(0.3, 0.9)])
            trunks.append(limb(at, end, 0.25 * wide, 0.05 * wide))
        edge = np.sign(brush.sun[0] - x) * 0.36 * wide
        lights.append(
            limb(
                base + np.array([edge, 0]), top + np.array([0.7 * edge, 0]), 0.2 * wide, 0.14 * wide
            )
        )
    brush.stage.over(brush.draw(trunks), (ink, None))
    lit = {"far": "far_lit", "mid": "mid_lit", "near": "wood_lit", "dark": "wood_lit"}[ink]
    brush.stage.over(brush.draw(lights, 0.7), (lit, None), strength=rising(-1, 1, 1, 0.2))


def _canopy(brush: Brush) -> None:
    rng, clumps = brush.rng, []
    for _ in range(int(46 * brush.aspect)):
        x = rng.uniform(0, brush.aspect)
        edge = abs(x - brush.aspect / 2) / brush.aspect * 2
        y = min(abs(rng.normal(0, 0.05 + 0.1 * edge**1.5)), 0.06 + 0.14 * edge)
        clumps.append((x, y, rng.uniform(0.03, 0.07)))
    foliage(brush, clumps, 0.0085)


def _ferns(brush: Brush) -> None:
    if "grass" in brush.barred:
        return
    rng = brush.rng
    for ink, count in (("near", 16), ("near_lit", 12)):
        fronds: list[Points] = []
        for _ in range(count):
            x, size = rng.uniform(0, brush.aspect), rng.uniform(0.08, 0.16)
            foot = rng.uniform(0.9, 1.02)
            angles = np.linspace(-1.25, 1.25, 8) + rng.normal(0, 0.1, 8)
            lean = size * np.sin(angles) * 1.3
            high = size * (0.35 + 0.65 * np.cos(angles))
            fronds += blades(np.tile([x, foot], (8, 1)), high, lean, 0.008)
            s = np.linspace(0.25, 0.95, 10)
            a = x + lean[:, None] * s**2
            b = foot - high[:, None] * s
            reach = np.broadcast_to(0.26 * size * (1.05 - s), a.shape).ravel()
            stems = np.stack([a.ravel(), b.ravel()], 1)
            for way in (-1, 1):
                ends = stems + np.stack([way * reach / 2, 0.18 * reach - 0.002], 1)
                sizes = np.stack([reach / 2, np.full(len(reach), 0.002)], 1)
                fronds += ovals(ends, sizes, way * np.full(len(reach), 0.3))
        brush.stage.over(brush.draw(fronds), (ink, None))
