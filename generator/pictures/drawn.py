"""A scene around the person's own lines: washes of colour in its areas, the pencil on top."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .brush import Brush
from .fields import Field, clouds, smoothstep, soft
from .light import rising
from .plants import flowers, grass

WASHES = (
    ("wood_lit", "sand"),
    ("white", "sand_lit"),
    ("bloom_a", "white"),
    ("bloom_b", "sand_lit"),
    ("bloom_c", "white"),
)
"""Main ink and second ink of closed shapes, in turn."""
GAP = 0.006
"""Gaps in a line up to about twice this are closed, in frame heights."""
LEAST = 0.0006
"""Areas below this share of the frame are no areas."""
MARGIN = 0.04
"""Paper around the lines, as a share of the frame."""


class Areas(NamedTuple):
    """What the lines enclose."""

    label: npt.NDArray[np.intp]
    """Array of shape (height, width): number of the area each pixel belongs to."""
    sky: frozenset[int]
    ground: frozenset[int]
    """Areas that reach the lower edge."""
    far: tuple[int, ...]
    """Areas that reach a side only, the farthest first."""
    closed: tuple[int, ...]
    """Areas within, the largest first."""


def placed(sketch: Field, shape: tuple[int, int]) -> Field:
    """Return the sketch at the frame's size: its drawn part, as large as fits, ends at the edges.

    Lines that reach the paper's left and right edge reach the frame's, so that a horizon stays one.
    """
    height, width = shape
    rows, columns = (np.flatnonzero((sketch > 0.3).any(axis=k)) for k in (1, 0))
    high, wide = sketch.shape
    across = columns[0] < 0.04 * wide and columns[-1] > 0.96 * wide
    left, right = (0, wide) if across else (int(columns[0]), int(columns[-1]) + 1)
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    if across:
        scale = width / (right - left)
        middle = (top + bottom) / 2
        begin = float(np.clip(middle - height / scale / 2, min(0, high - height / scale),
                              max(0, high - height / scale)))  # fmt: skip
    else:
        scale = (1 - 2 * MARGIN) * min(width / (right - left), height / (bottom - top))
        begin = bottom - (1 - MARGIN) * height / scale
    start = (left + right) / 2 - width / scale / 2
    blurred = ndimage.gaussian_filter(sketch, max(0.0, 0.4 * (1 / scale - 1)))
    y = begin + (np.arange(height) + 0.5) / scale - 0.5
    x = start + (np.arange(width) + 0.5) / scale - 0.5
    at = np.meshgrid(y, x, indexing="ij")
    return np.asarray(ndimage.map_coordinates(blurred, at, order=1, mode="constant"), np.float32)


def areas(ink: Field) -> Areas:
    """Return the areas between the lines and what each may stand for."""
    height = len(ink)
    line = ink > 0.35
    closed_line = ndimage.binary_dilation(line, iterations=max(1, round(GAP * height)))
    label, n = ndimage.label(~closed_line)
    size = np.bincount(label.ravel(), minlength=n + 1)
    small = np.flatnonzero(size < LEAST * ink.size)
    label[np.isin(label, small)] = 0
    # Every pixel on a line goes to the nearest area, so colours meet under the lines.
    nearest = ndimage.distance_transform_edt(
        label == 0, return_distances=False, return_indices=True
    )
    label = label[tuple(nearest)]
    top, bottom = set(label[0]), set(label[-1])
    sides = set(label[:, 0]) | set(label[:, -1])
    present = [int(k) for k in np.unique(label)]
    middle = dict(zip(present, ndimage.mean(np.indices(ink.shape)[0], label, present), strict=True))
    sky = frozenset(int(k) for k in top)
    ground = frozenset(int(k) for k in bottom - top)
    far = sorted((k for k in present if k in sides - top - bottom), key=lambda k: middle[k])
    rest = [k for k in present if k not in sky | ground and k not in far]
    share = np.bincount(label.ravel())
    return Areas(label, sky, ground, tuple(far), tuple(sorted(rest, key=lambda k: -share[k])))


def horizon(found: Areas) -> float:
    """Return where the ground begins, in frame heights; 0.62 where the lines do not say."""
    height = found.label.shape[0]
    if not found.ground:
        return 0.62
    inside = np.isin(found.label, list(found.ground))
    tops = inside.argmax(axis=0)[inside.any(axis=0)]
    return float(np.clip(np.median(tops) / height, 0.3, 0.85))


def drawn(brush: Brush, sketch: Field, watery: bool) -> None:
    """Paint around the person's lines.

    Parameters
    ----------
    brush : Brush
    sketch : array of shape (height, width)
        0 paper to 1 ink, of any size.
    watery : bool
        Whether the ground is water.
    """
    ink = placed(sketch, brush.shape)
    found = areas(ink)
    ground = horizon(found)
    sun = _sun(found, ground)
    if sun is not None:
        brush.sun = _middle(found, sun)
    brush.sky(ground + 0.03)
    brush.clouds(ground + 0.03)
    if not found.far and not found.ground:
        brush.ridge(brush.line(ground - 0.05, 0.03, 1.2), "far", 0.12, 0.6)
    for k, area in enumerate(found.far):
        name = "far" if k == 0 else "mid" if k < len(found.far) - 1 or k == 1 else "near"
        _land(brush, _cover(found, [area]), name)
    _ground(brush, found, ground, watery)
    for k, area in enumerate(found.closed):
        inks = ("glow", "sun") if area == sun else WASHES[k % len(WASHES)]
        _wash(brush, _cover(found, [area]), *inks)
    brush.shafts()
    _pencil(brush, ink)
    brush.rain()


def _sun(found: Areas, horizon: float) -> int | None:
    """Return the closed area that is a drawn sun: round, and in the upper part of the sky."""
    for area in found.closed:
        rows, columns = np.nonzero(found.label == area)
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        round_ = 0.68 < len(rows) / (high * wide) < 0.88 and 0.75 < high / wide < 1.33
        if round_ and high < 0.3 * len(found.label) and _middle(found, area)[1] < 0.7 * horizon:
            return area
    return None


def _middle(found: Areas, area: int) -> tuple[float, float]:
    rows, columns = np.nonzero(found.label == area)
    return float(columns.mean()) / len(found.label), float(rows.mean()) / len(found.label)


def _cover(found: Areas, areas_: list[int]) -> Field:
    return soft(np.isin(found.label, areas_).astype(np.float32), 0.0012)


def _land(brush: Brush, cover: Field, name: str) -> None:
    """Paint hills: light on top, haze at the foot."""
    top = np.where((cover > 0.5).any(axis=0), (cover > 0.5).argmax(axis=0), brush.shape[0])
    down = brush.y - (top / brush.shape[0])[None]
    patches = clouds(brush.rng, brush.shape, 7.0, 5, 2.0)
    misty = 0.5 * smoothstep(0.0, 0.25, down)
    lit = smoothstep(-1.3, 1.6, patches + 0.8 * np.exp(-np.clip(down, 0, None) / 0.05)) * (
        1 - misty
    )
    brush.stage.over(cover, ("haze", misty), (name + "_lit", lit), (name, None))


def _ground(brush: Brush, found: Areas, horizon: float, watery: bool) -> None:
    """Paint water or a meadow below the horizon, in the areas that reach the lower edge."""
    if found.ground:
        cover = _cover(found, sorted(found.ground))
    else:
        line = brush.line(horizon, 0.0 if watery else 0.015, 1.0, 3)
        cover = brush.below(line) * (1 - _cover(found, [*found.closed, *found.far]))
    if watery:
        brush.water(horizon, cover=cover)
        return
    patches = clouds(brush.rng, brush.shape, 8.0, 5, 2.6)
    lit = smoothstep(-1.4, 1.5, patches + 0.6 * np.exp(-(brush.y - horizon) / 0.1))
    brush.stage.over(cover, ("near_lit", lit), ("near", None))
    flowers(brush, max(horizon + 0.12, 0.75), 1.0, 0.35)
    grass(brush, 1.02, 0.07, 0.8)


def _wash(brush: Brush, cover: Field, main: str, second: str) -> None:
    """Paint a closed shape in watercolour: uneven, darker at its rim."""
    pools = clouds(brush.rng, brush.shape, 6.0, 5)
    inner = soft(cover, 0.01)
    share = smoothstep(-1.8, 1.6, pools + 1.5 * (1 - inner))
    brush.stage.over(0.92 * cover, (main, share), (second, None))
    rim = cover * np.clip(1 - inner, 0, 1)
    brush.stage.over(0.5 * rim, (main, None))
    from_left = brush.sun[0] < brush.aspect / 2
    shade = np.roll(inner, round((0.02 if from_left else -0.02) * brush.shape[0]), axis=1)
    brush.stage.over(0.35 * cover * np.clip(1.2 * (1 - shade), 0, 1), ("wood", None),
                     strength=rising(-1, 1, 1, 0.5))  # fmt: skip


def _pencil(brush: Brush, ink: Field) -> None:
    """Paint the lines in soft pencil, the paper's grain in them."""
    grain = clouds(brush.rng, brush.shape, brush.shape[0] / 4, 2)
    core = soft(ink, 0.0006)
    brush.stage.over(0.25 * soft(ink, 0.004), ("line", None))
    brush.stage.over(np.clip(core * (0.88 + 0.1 * grain), 0, 1), ("line", None))
