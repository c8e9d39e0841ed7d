"""What grows: grass, flowers, trees."""

from __future__ import annotations

import itertools

import numpy as np

from .brush import Brush
from .fields import Field
from .light import rising
from .shapes import Numbers, Points, blades, limb, ovals


def grass(brush: Brush, foot: float, tall: float, dense: float = 1.0, bare: float = 0.0) -> None:
    """Paint blades along the lower edge, each tone before the last.

    Parameters
    ----------
    brush : Brush
    foot : float
        Where they stand, in frame heights from the top.
    tall : float
        Height of the tallest.
    dense : float
        1: a closed row.
    bare : float
        Half width in the middle that stays low.
    """
    if "grass" in brush.barred:
        return
    rng = brush.rng
    for ink, count, most in (("near", 240, 1.0), ("near_lit", 130, 0.85), ("dark", 190, 0.7)):
        n = int(count * brush.aspect * dense)
        x = rng.uniform(-0.02, brush.aspect + 0.02, n)
        off = np.abs(x - brush.aspect / 2)
        high = tall * most * rng.uniform(0.4, 1, n) * np.where(off > bare, 1, 0.35 + 0.4 * off)
        lean, wide = rng.normal(0.12, 0.25, n) * high, rng.uniform(0.004, 0.008, n)
        feet = np.stack([x, np.full(n, foot)], 1)
        brush.stage.over(brush.draw(blades(feet, high, lean, wide)), (ink, None))


def flowers(brush: Brush, top: float, bottom: float, dense: float = 1.0) -> None:
    """Paint a field of flowers that grow larger towards the viewer, in drifts of one colour."""
    if "flower" in brush.barred:
        return
    rng = brush.rng
    for ink in ("bloom_a", "bloom_b", "bloom_c", "white"):
        n = int(330 * brush.aspect * dense * (0.5 if ink == "white" else 1.0))
        centre, wide = rng.uniform(0, brush.aspect), rng.uniform(0.35, 0.8)
        near = rng.uniform(0, 1, n) ** 1.5
        drifting = rng.uniform(0, 1, n) < 0.75
        x = np.where(drifting, rng.normal(centre, wide, n), rng.uniform(0, 2, n)) % brush.aspect
        size = (0.0012 + 0.0085 * near**1.3) * rng.uniform(0.6, 1.2, n)
        at = np.stack([x, top + (bottom - top) * near], 1)
        brush.stage.over(brush.draw(petals(at, size, rng)), (ink, None), strength=rising(-1.4, 0.5))


def petals(at: Points, size: Numbers, rng: np.random.Generator) -> list[Points]:
    """Return flowers: a dot each from afar, five petals from near.

    Parameters
    ----------
    at : array of shape (n, 2)
    size : array of shape (n,)
        Half width of each.
    rng : numpy.random.Generator
    """
    small = size < 0.005
    dots = ovals(at[small], size[small, None] * [1, 0.7], np.zeros(int(small.sum())))
    at, size = at[~small], size[~small]
    angle = rng.uniform(0, 2, len(size))[:, None] + np.arange(5) * 2 * np.pi / 5
    out = np.stack([0.75 * np.cos(angle), 0.5 * np.sin(angle)], -1) * size[:, None, None]
    middles = (at[:, None] + out).reshape(-1, 2)
    sizes = np.repeat(size[:, None] * [0.55, 0.4], 5, axis=0)
    return dots + ovals(middles, sizes, angle.ravel())


def tree(brush: Brush, x: float, foot: float, tall: float, spread: float = 0.33) -> None:
    """Paint a broad tree: trunk, branches, and leaves that are light towards the sun.

    Parameters
    ----------
    brush : Brush
    x, foot : float
        Where it stands.
    tall, spread : float
        Height; half width of the crown as a share of it.
    """
    if "tree" in brush.barred:
        return
    rng = brush.rng
    crown = np.array([x, foot - 0.62 * tall])
    base = np.array([x, foot])
    fork = base + np.array([rng.normal(0, 0.02) * tall, -0.36 * tall])
    limbs = [limb(base + np.array([0, 0.01 * tall]), fork, 0.075 * tall, 0.045 * tall)]
    clumps = []
    for k in range(22):
        angle = 2 * np.pi * (k + rng.uniform(0.1, 0.9)) / 14
        far = rng.uniform(0.75, 1.0) if k < 14 else rng.uniform(0.0, 0.55)
        clump = crown + far * tall * np.array([spread * np.cos(angle), 0.27 * np.sin(angle)])
        clumps.append((float(clump[0]), float(clump[1]), tall * rng.uniform(0.10, 0.15)))
        if clump[1] < fork[1] + 0.05 * tall:
            limbs.append(limb(fork, clump, 0.032 * tall, 0.006 * tall))
    brush.stage.over(brush.draw(limbs), ("wood", None))
    foliage(brush, clumps, 0.0095 * tall, groups=4)


LEAVES = (("dark", -0.15, 1.0, 1.0), ("near", 0.1, 1.0, 0.92),
          ("near_lit", 0.35, 0.26, 0.85), ("near_lit", 0.62, 0.24, 0.55))  # fmt: skip
"""Ink of a layer of leaves, its shift towards the light, its share of leaves, its spread."""


def foliage(
    brush: Brush, clumps: list[tuple[float, float, float]], leaf: float, groups: int = 1
) -> None:
    """Paint clumps of leaves, dark within and light towards the sun.

    Parameters
    ----------
    brush : Brush
    clumps : list of (float, float, float)
        Place and radius of each.
    leaf : float
        Half length of a leaf.
    groups : int
        Into how many groups the clumps are dealt, the upper ones first: the light tops of lower
        clumps then stand before the shade of upper ones.
    """
    rng = brush.rng
    ordered = sorted(clumps, key=lambda clump: clump[1])
    deal = [ordered[len(ordered) * k // groups : len(ordered) * (k + 1) // groups]
            for k in range(groups)]  # fmt: skip
    for group, (ink, shift, share, spread) in itertools.product(deal, LEAVES):
        leaves: list[Points] = []
        for x, y, radius in group:
            side = np.tanh((brush.sun[0] - x) / 0.3)
            count = int(share * 2.6 * (radius / leaf) ** 1.7) + 3
            angle = rng.uniform(0, 2 * np.pi, count)
            far = (
                radius * spread * np.sqrt(rng.uniform(0, 1, count)) * rng.uniform(0.75, 1.1, count)
            )
            turn = rng.uniform(0, 3, count)
            a = x + far * np.cos(angle) + shift * radius * 0.6 * side
            b = y + 0.85 * far * np.sin(angle) - shift * radius * 0.7
            sizes = np.tile([leaf, 0.6 * leaf], (count, 1))
            leaves += ovals(np.stack([a, b], 1), sizes, turn)
        brush.stage.over(brush.draw(leaves), (ink, None))


def shade(brush: Brush, at: tuple[float, float], size: tuple[float, float]) -> None:
    """Paint a soft shadow on the ground: its middle, its half width and half height."""
    off = ((brush.x - at[0]) / size[0]) ** 2 + ((brush.y - at[1]) / size[1]) ** 2
    cover: Field = 0.55 * np.exp(-off)
    brush.stage.over(cover, ("dark", None), strength=rising(-1.2, 0.8, 0.9, 0.4))


def poplars(brush: Brush, places: list[tuple[float, float, float]]) -> None:
    """Paint slender trees: where each stands, and its height."""
    if "tree" in brush.barred:
        return
    trunks = [
        limb(np.array([x, foot]), np.array([x, foot - 0.6 * tall]), 0.035 * tall, 0.01 * tall)
        for x, foot, tall in places
    ]
    brush.stage.over(brush.draw(trunks), ("wood", None))
    for x, foot, tall in places:
        clumps = []
        for up in np.linspace(0.16, 0.94, 9):
            half = 0.11 * tall * np.sin(np.pi * (0.2 + 0.78 * up)) ** 0.8
            clumps.append((x + brush.rng.normal(0, 0.1) * half, foot - tall * up, half + 0.002))
        foliage(brush, clumps, 0.011 * tall)


def bushes(brush: Brush, places: list[tuple[float, float, float]], bloom: int = 0) -> None:
    """Paint rounded bushes, each with flowers of one colour.

    Parameters
    ----------
    brush : Brush
    places : list of (float, float, float)
        Middle, foot and height of each.
    bloom : int
        Flowers per bush.
    """
    if "tree" in brush.barred:
        return
    rng, clumps = brush.rng, []
    for x, foot, tall in places:
        for off in (-0.42, 0.0, 0.4):
            high = tall * rng.uniform(0.3, 0.42) * (1.25 if off == 0 else 1.0)
            clumps.append((x + off * tall, foot - high, high))
    foliage(brush, clumps, 0.07 * places[0][2])
    if not bloom or "flower" in brush.barred:
        return
    dots: dict[str, list[Points]] = {"bloom_a": [], "bloom_b": [], "bloom_c": []}
    for x, foot, tall in places:
        colour = sorted(dots)[rng.integers(3)]
        spread = rng.uniform([-0.6, -0.85], [0.6, -0.25], (bloom, 2)) * tall
        dots[colour] += petals(spread + np.array([x, foot]), np.full(bloom, 0.075 * tall), rng)
    for colour, spots in dots.items():
        brush.stage.over(brush.draw(spots), (colour, None))
