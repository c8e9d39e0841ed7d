"""Figures of answers: confusion, calibration, abstention, delays, latent space (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...drawing.markup import percent, share
from ...drawing.svg import INK, SOFT, UNKNOWN, Canvas, Point
from ..result import Curve, Latent, MethodResult, ProtocolResult
from .derived import answered, colours
from .plot import UNIT, Frame, finite, key, short, watermark

Points = npt.NDArray[np.float64]

WIDTH = 268.0
HIGH = 258.0
BOX = (56.0, 18.0, 256.0, 210.0)
SHADES = ((255, 255, 255), (44, 62, 92))
"""Colours of no row and of all rows of a state."""
N_POINTS = 1500
"""More dots than that are not seen."""
STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


def confusion(method: MethodResult, states: Sequence[str], water: Sequence[str] = ()) -> str:
    """Draw which state was answered for which, as shares of each true state."""
    table = np.array(method.confusion, dtype=float)
    canvas = Canvas(
        WIDTH, HIGH, f"What {method.name} answered for each true state",
        "Rows are true states, columns are answers; each field holds the share of the true state's "
        "windows and their number.",
    )  # fmt: skip
    n = len(states)
    left, top, side = 74.0, 18.0, 186.0 / n
    for i, j in np.ndindex(n, n):
        total = table[i].sum()
        part = table[i, j] / total if total else 0.0
        x, y = left + side * j, top + side * i
        tip = f"true {states[i]}, answered {states[j]}: {table[i, j]:.0f}"
        canvas.rect((x + 1, y + 1, side - 2, side - 2), _shade(part), tip)
        dark = "onDark" if part > 0.65 else ""
        canvas.text((x + side / 2, y + side / 2 + 1), percent(part), "middle", dark)
        canvas.text((x + side / 2, y + side / 2 + 16), f"{table[i, j]:.0f}", "middle", dark)
    most = int(side / 6.2)
    for i, state in enumerate(states):
        canvas.text((left - 6, top + side * (i + 0.5) + 4), short(state, 10), "end", "tick")
        at = (left + side * (i + 0.5), top + side * n + 16)
        canvas.text(at, short(state, most), "middle", "tick")
    canvas.text((left + 93.0, HIGH - 16), "answered", "middle")
    canvas.text((10, top + 93.0), "true state", "middle", turn=-90)
    watermark(canvas, water)
    return canvas.svg()


def _shade(part: float) -> str:
    low, high = SHADES
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in zip(low, high, strict=True))


def _points(curve: Curve) -> list[tuple[float, float, int]]:
    """Return the points of a curve that are numbers, from left to right."""
    triples = zip(curve.x, curve.y, curve.n, strict=True)
    return sorted((x, y, n) for x, y, n in triples if len(finite((x, y))) == 2)


def calibration(method: MethodResult, water: Sequence[str] = ()) -> str:
    """Draw how often answers are right at each confidence; ideally on the diagonal."""
    canvas = Canvas(
        WIDTH, HIGH, f"Calibration of {method.name}",
        "Across: mean confidence of the answers, from 0 to 1. Up: share of them that is right. A "
        "calibrated decoder lies on the diagonal; larger dots stand for more windows.",
    )  # fmt: skip
    frame = Frame(canvas, BOX, (0.0, 1.0))
    frame.up(UNIT, "share right")
    frame.across(UNIT, "confidence of the answer")
    canvas.line(frame.at(0, 0), frame.at(1, 1), SOFT, 1.2, "5 4")
    points = _points(method.calibration)
    canvas.path([frame.at(x, y) for x, y, _ in points], INK)
    most = max((n for _, _, n in points), default=1) or 1
    for x, y, n in points:
        tip = f"confidence {share(x)}: {share(y)} right, {n} windows"
        canvas.dot(frame.at(x, y), INK, round(2.0 + 5.0 * math.sqrt(n / most), 1), "#fff", tip)
    watermark(canvas, water)
    return canvas.svg()


def abstention(method: MethodResult, chance: float, water: Sequence[str] = ()) -> str:
    """Draw what the score becomes where unsure answers are left out."""
    canvas = Canvas(
        WIDTH, HIGH, f"Score of {method.name} where unsure answers are left out",
        "Across: share of windows that are answered, from 0 to 1. Up: their balanced accuracy; "
        f"chance is {share(chance)}.",
    )  # fmt: skip
    frame = Frame(canvas, BOX, (0.0, 1.0))
    frame.up(UNIT, "balanced accuracy (chance dashed)")
    frame.across(UNIT, "share of windows answered")
    y = frame.y(chance)
    canvas.line((frame.left, y), (frame.right, y), INK, 1.2, "5 4")
    points = _points(method.abstention)
    canvas.path([frame.at(x, v) for x, v, _ in points], INK)
    for x, v, n in points:
        tip = f"{percent(x)} answered: {share(v)} (chance {share(chance)}), {n} windows"
        canvas.dot(frame.at(x, v), INK, 2.6, "#fff", tip)
    watermark(canvas, water)
    return canvas.svg()


def delays(method: MethodResult, water: Sequence[str] = ()) -> str:
    """Draw how long after changes of the true state the right answer came, and how often never."""
    came, never = answered(method.timing.seconds_to_right)
    canvas = Canvas(
        WIDTH, HIGH, f"Delay of {method.name} until the right state",
        f"Across: seconds from a change of the true state to the first lasting right answer. Up: "
        f"number of changes. {len(came)} were answered; the hatched bar counts the {never} that "
        "were not before the next change.",
    )  # fmt: skip
    if not came and not never:
        canvas.text((WIDTH / 2, HIGH / 2), "The true state never changed", "middle", "tick")
        canvas.text((WIDTH / 2, HIGH / 2 + 18), "within a recording.", "middle", "tick")
    else:
        _bars(canvas, came, never)
    watermark(canvas, water)
    return canvas.svg()


def _bars(canvas: Canvas, came: Sequence[float], never: int) -> None:
    """Draw a histogram with a bar of its own, a gap apart, for what never came."""
    last = max(came, default=1.0)
    step = next((s for s in STEPS if last / s < 10), last / 9)
    n_bins = int(last / step) + 1
    counts = np.histogram(came, n_bins, (0.0, step * n_bins))[0].tolist() if came else []
    wide = len(counts) + 2.0
    most = max([*counts, never, 1])
    frame = Frame(canvas, BOX, (0.0, wide), (0.0, float(most)))
    every = max(1, math.ceil(most / 5))
    frame.up([(v, f"{v}") for v in range(0, most + 1, every)], "changes of the true state")
    skip = max(1, math.ceil(len(counts) / 5))
    ticks = [(float(i), f"{i * step:g}") for i in range(0, len(counts) + bool(came), skip)]
    frame.across([t for t in ticks if t[0] <= wide - 1.6], "seconds until the right state")
    for i, n in enumerate(counts):
        _bar(frame, i, n, INK, f"{i * step:g} … {(i + 1) * step:g} s: {n}")
    _bar(frame, wide - 1, never, UNKNOWN, f"never: {never}")
    canvas.text((frame.x(wide - 0.5), frame.bottom + 18), "never", "middle", "tick")


def _bar(frame: Frame, at: float, n: int, fill: str, tip: str) -> None:
    if n:
        x, y = frame.at(at, n)
        wide = frame.x(at + 1) - x
        frame.canvas.rect((x + 1, y, wide - 2, frame.bottom - y), fill, tip)


def _round(canvas: Canvas, at: Point, fill: str) -> None:
    canvas.dot(at, fill, 2.6)


def _square(canvas: Canvas, at: Point, fill: str) -> None:
    canvas.rect((at[0] - 2.3, at[1] - 2.3, 4.6, 4.6), fill)


def _triangle(canvas: Canvas, at: Point, fill: str) -> None:
    x, y = at
    canvas.area([(x - 3, y + 2.5), (x + 3, y + 2.5), (x, y - 3)], fill)


SHAPES = (_round, _square, _triangle)


def latent(picture: Latent, states: Sequence[str], water: Sequence[str] = ()) -> str:
    """Draw embedded windows from three sides, coloured and shaped by their true state.

    Parameters
    ----------
    picture : Latent
        Held-out points.
    states : sequence of str
        Names of the states.
    water : sequence of str
        Watermarks.
    """
    pairs = ((0, 1), (0, 2), (1, 2))
    canvas = Canvas(
        1120.0, 400.0, f"Where {picture.method} puts windows that it did not learn from",
        "Three views of the same points, two of the three axes each; colour and shape tell the "
        "true state. Axes have no unit.",
    )  # fmt: skip
    inks = colours(states)
    items = [
        (lambda c, at, i=i: SHAPES[i % 3](c, at, inks[i]), name) for i, name in enumerate(states)
    ]
    key(canvas, items, 50.0, 0.0)
    points = np.array(picture.points, dtype=float).reshape(-1, 3)
    kept = _thinned(points)
    spans = _spans(points[kept])
    for k, (i, j) in enumerate(pairs):
        left = 50.0 + 364.0 * k
        frame = Frame(canvas, (left, 36.0, left + 318.0, 354.0), spans[i], spans[j])
        frame.across(((0.0, "0"),) if spans[i][0] < 0 < spans[i][1] else ())
        frame.up(((0.0, "0"),) if spans[j][0] < 0 < spans[j][1] else ())
        canvas.text(((frame.left + frame.right) / 2, 390), f"axis {i + 1}", "middle")
        canvas.text((frame.left - 21, 195), f"axis {j + 1}", "middle", turn=-90)
        for row in kept:
            state = picture.states[row]
            at = frame.at(points[row, i], points[row, j])
            SHAPES[state % 3](canvas, at, inks[state] + "b0")
    watermark(canvas, water)
    return canvas.svg()


def _spans(points: Points) -> list[tuple[float, float]]:
    """Return what each axis shows: all points in the middle, as many units on every axis."""
    if not len(points):
        return [(-1.0, 1.0)] * 3
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) * 0.53, 1e-9)
    return [(float(m - half), float(m + half)) for m in (low + high) / 2]


def _thinned(points: Points) -> list[int]:
    """Return the rows to draw: finite ones, evenly fewer where there are too many.

    Shuffled, always alike: were they drawn in order, the last state would cover the others.
    """
    rows = np.flatnonzero(np.isfinite(points).all(axis=1))
    every = max(1, math.ceil(len(rows) / N_POINTS))
    return [int(row) for row in np.random.default_rng(0).permutation(rows[::every])]


def panels(
    protocol: ProtocolResult, method: MethodResult, states: Sequence[str], water: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Return the four figures of one method's answers, each with its name."""
    return (
        ("What was answered for what", confusion(method, states, water)),
        ("Is it as sure as it is right?", calibration(method, water)),
        ("If it may stay silent", abstention(method, protocol.chance, water)),
        ("How long until it is right", delays(method, water)),
    )
