"""Whether pictures that follow one another flash, as WCAG 2.3.1 counts it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""Array of shape (height, width, 3), sRGB."""

MAX_FLASHES = 3
"""Most flashes within a second (WCAG 2.2, success criterion 2.3.1)."""
COLUMNS = 128
"""Cells across a picture in which flashes are looked for; what is finer averages out."""
WINDOW = (1 / 4, 1 / 3)
"""Height and width of a 10° field of view as shares of the screen's width: 256 and 341 of 1024."""
SHARE = 0.25
"""Share of such a field above which flashing counts."""
CHANGE, BRIGHT = 0.1, 0.8
"""A change of relative luminance counts from this size on, if its darker end is below `BRIGHT`."""
RED, RED_CHANGE = 0.8, 0.2
"""Saturated red from this R / (R + G + B) on; change in the CIE 1976 UCS diagram."""
FLARE = 0.002
"""Light of the white point that every screen adds: it keeps black from having a colour."""

LINEAR = np.where(
    np.arange(256) / 255 <= 0.04045,
    np.arange(256) / 255 / 12.92,
    ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4,
).astype(np.float32)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
)
Cells = npt.NDArray[np.floating]


def flashes(strip: Sequence[Picture]) -> int:
    """Return the most flashes within a second when a strip is swept through, forth and back.

    A player that follows a valence dissolves from frame to frame and cannot be asked to do more
    than this in a second: from the first frame to the last and back again.

    Parameters
    ----------
    strip : sequence of array of shape (height, width, 3)
        Frames along valence, of one size.
    """
    return flashes_swept([cells(frame) for frame in strip])


def flashes_swept(strip: Sequence[Cells]) -> int:
    """Return the same as `flashes`, of pictures that are there as `cells` only.

    Parameters
    ----------
    strip : sequence of array of shape (rows, columns, 3)
        Frames along valence, of one size.
    """
    swept = [*strip, *strip[-2::-1]]
    return _count(swept, len(swept))


def flashes_of(frames: Iterable[Picture], fps: float) -> int:
    """Return the most flashes within any second, general or red, whichever are more.

    WCAG 2.2, success criterion 2.3.1, and its definition of the general flash and red flash
    thresholds. A flash is a pair of opposing changes. General: of 10 % of relative luminance or
    more, the darker end below 0.80. Red: to or from a saturated red, R / (R + G + B) ≥ 0.8 in
    linear light, by more than 0.2 in the CIE 1976 UCS diagram.

    The area is the *combined* one, since the definition speaks of the combined area of what flashes
    at the same time: n flashes count where in some field of a third of the screen's width and a
    quarter of it in height (341 × 256 of 1024 × 768 pixels, about 10°) a quarter of the cells have
    n of them in the same second. Whether they turn at the same frame is not asked for: patterns
    that run over the screen count as if they blinked, which errs on the safe side.

    Parameters
    ----------
    frames : iterable of array of shape (height, width, 3)
        Pictures as they follow one another, of one size, filling the screen's width.
    fps : float
        Pictures per second.
    """
    return _count((cells(frame) for frame in frames), max(round(fps), 1))


def _count(frames: Iterable[Cells], within: int) -> int:
    """Return the most flashes among so many frames that follow one another."""
    most = 0
    general, red = Brightness(), Redness()
    recent: deque[tuple[Cells, Cells]] = deque()
    sums: list[Cells] = []
    for light in frames:
        turned = general.turn(light), red.turn(light)
        recent.append(turned)
        sums = [a + b for a, b in zip(sums, turned, strict=True)] if sums else list(turned)
        if len(recent) > within:
            sums = [a - b for a, b in zip(sums, recent.popleft(), strict=True)]
        most = max(most, *(_most_over_area(turns // 2) for turns in sums))
    return most


def steepness(one: Picture, other: Picture) -> float:
    """Return how fast the fastest cell changes while one picture dissolves into another.

    In changes per dissolve: 1 is 0.1 of relative luminance, or 0.2 in the CIE 1976 UCS diagram, of
    which a flash needs two. Colours are mixed in sRGB, as a screen does: the fastest quarter of the
    dissolve counts four times. Every colour counts as if it led to a saturated red.

    Parameters
    ----------
    one, other : array of shape (height, width, 3)
        sRGB, of one size.
    """
    begin, whole = one.astype(np.float32), other.astype(np.float32) - one.astype(np.float32)
    seen = [cells(np.rint(begin + k / 4 * whole).astype(np.uint8)) for k in range(5)]
    return 4 * max(
        max(
            float(np.abs((after - before) @ LUMINANCE).max()) / CHANGE,
            float(_apart(_ucs(after), _ucs(before)).max()) / RED_CHANGE,
        )
        for before, after in pairwise(seen)
    )


class Brightness:
    """Turns of relative luminance, cell by cell."""

    def __init__(self) -> None:
        self._low: Cells | None = None
        self._high: Cells
        self._way: npt.NDArray[np.int8]

    def turn(self, light: Cells) -> Cells:
        """Return 1 where a change in the other direction than the last one is complete."""
        now = light @ LUMINANCE
        if self._low is None:
            self._low, self._high = now.copy(), now.copy()
            self._way = np.zeros(now.shape, np.int8)
        self._low, self._high = np.minimum(self._low, now), np.maximum(self._high, now)
        up = (now - self._low >= CHANGE) & (self._low < BRIGHT) & (self._way <= 0)
        down = (self._high - now >= CHANGE) & (now < BRIGHT) & (self._way >= 0) & ~up
        self._way[up], self._way[down] = 1, -1
        # After a turn, only what comes after it can be its opposite.
        self._low, self._high = (
            np.where(down | up, now, self._low),
            np.where(up | down, now, self._high),
        )
        return np.asarray(up | down, np.int16)


class Redness:
    """Turns to and from a saturated red, cell by cell."""

    def __init__(self) -> None:
        self._other: Cells | None = None
        """The least red colour since the last turn."""
        self._red: Cells
        """The reddest of the saturated reds since the last turn, counted as a turn or not; NaN
        where there was none."""
        self._way: npt.NDArray[np.int8]

    def turn(self, light: Cells) -> Cells:
        """Return 1 where a change to or from saturated red is complete."""
        colour = _ucs(light)
        share = light[..., 0] / np.maximum(light.sum(axis=-1), 1e-6)
        saturated = share >= RED
        here = np.where(saturated[..., None], colour, np.nan)
        if self._other is None:
            self._other, self._red = colour, here
            self._way = np.zeros(saturated.shape, np.int8)
        to = saturated & (_apart(colour, self._other) > RED_CHANGE) & (self._way <= 0)
        away = (_apart(colour, self._red) > RED_CHANGE) & (self._way >= 0) & ~to
        self._way[to], self._way[away] = 1, -1
        turned = to | away
        less = turned | (colour[..., 0] < self._other[..., 0])
        # Against NaN no comparison holds.
        more = turned | (saturated & ~(here[..., 0] <= self._red[..., 0]))
        self._other = np.where(less[..., None], colour, self._other)
        self._red = np.where(more[..., None], here, self._red)
        return np.asarray(turned, np.int16)


def _apart(one: Cells, other: Cells) -> Cells:
    return np.asarray(np.hypot(*np.moveaxis(one - other, -1, 0)))


def cells(picture: Picture) -> Cells:
    """Return all of a picture that counts for flashes: linear light, shape (rows, columns, 3).

    Parameters
    ----------
    picture : array of shape (height, width, 3)
        sRGB; of its columns at most `COLUMNS` are left.
    """
    height, width = picture.shape[:2]
    columns = min(COLUMNS, width)
    rows = max(1, round(columns * height / width))
    down = np.linspace(0, height, rows + 1).astype(int)
    across = np.linspace(0, width, columns + 1).astype(int)
    light = np.add.reduceat(LINEAR[picture], down[:-1], axis=0)
    light = np.add.reduceat(light, across[:-1], axis=1)
    area = np.diff(down)[:, None] * np.diff(across)[None]
    return np.asarray(light / area[..., None], np.float32)


def _ucs(light: Cells) -> Cells:
    """Return u′ and v′ of linear sRGB, shape (…, 2)."""
    xyz = (light + np.float32(FLARE)) @ _TO_XYZ.T
    below = xyz @ np.array([1, 15, 3], np.float32)
    return np.asarray(xyz[..., :2] * np.array([4, 9], np.float32) / below[..., None])


def _most_over_area(flashed: Cells) -> int:
    """Return the most flashes that a quarter of some 10° field has seen."""
    # Here, since a session's own process imports this file and finds no flashes.
    from scipy import ndimage  # noqa: PLC0415

    columns = flashed.shape[1]
    size = [max(1, round(columns * share)) for share in WINDOW]
    enough = SHARE * size[0] * size[1] - 1e-3
    for n in range(int(flashed.max()), 0, -1):
        # Beyond the picture's edge nothing flashes.
        seen = ndimage.uniform_filter((flashed >= n).astype(np.float64), size, mode="constant")
        if seen.max() * size[0] * size[1] >= enough:
            return n
    return 0
