"""The drawings of the audition: outlines of sound, and what differs between affects; pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rym.bank import Bank, Scene
from rym.messages import AFFECTS, Affect

from ..drawing.svg import COLOURS, HAIR, INK, SOFT, Canvas, Scale, Shape
from ..words import WORDS

SHAPES: dict[Affect, Shape] = {"negative": "triangle", "neutral": "square", "positive": "round"}
COLUMNS = 300
"""Strokes of an outline."""
TALLEST = 0.6
"""Sample value that fills an outline: the same for all, so that levels can be compared."""


def peaks(sound: npt.NDArray[np.floating], columns: int = COLUMNS) -> npt.NDArray[np.float64]:
    """Return lowest and highest sample of each stretch, shape (columns, 2).

    Parameters
    ----------
    sound : array of shape (n_times, n_channels)
        Samples, −1…1.
    columns : int
        Number of stretches; fewer where the sound has fewer samples.
    """
    edges = np.unique(np.linspace(0, len(sound), min(columns, len(sound)) + 1).astype(int))[:-1]
    # Over all channels at once: along the short axis numpy takes ten times as long.
    flat, begins = sound.reshape(-1), edges * sound.shape[1]
    low, high = np.minimum.reduceat(flat, begins), np.maximum.reduceat(flat, begins)
    return np.stack([low, high], axis=1).astype(np.float64)


def outline(found: npt.NDArray[np.float64], affect: Affect, title: str) -> str:
    """Return the drawing of a clip's outline.

    Parameters
    ----------
    found : array of shape (n_columns, 2)
        What `peaks` returns.
    affect : {"negative", "neutral", "positive"}
        Gives the colour.
    title : str
        Read aloud in its place.
    """
    canvas = Canvas(300, 64, title)
    across = Scale((0, len(found) - 1), (0, 300))
    up = Scale((-TALLEST, TALLEST), (63, 1))
    canvas.line((0, 32), (300, 32), HAIR)
    above = [(across(k), up(float(high))) for k, (_, high) in enumerate(found)]
    below = [(across(k), up(float(low))) for k, (low, _) in enumerate(found)]
    canvas.area([*above, *reversed(below)], COLOURS[affect])
    # Full width, whatever the card: an outline has no proportions of its own.
    return canvas.svg().replace("<svg ", '<svg preserveAspectRatio="none" ', 1)


def differences(bank: Bank) -> str:
    """Draw mode and brightness of every loop, and colour and light of every scene, by affect."""
    canvas = Canvas(1120, 190, "What differs between unpleasant and pleasant")
    loops = {a: [x for x in bank.loops if x.affect == a] for a in AFFECTS if a in bank.affects}
    modes = {a: [x.mode_score for x in loops[a]] for a in loops}
    bright = {a: [x.spectral_centroid_hz / 1000 for x in loops[a]] for a in loops}
    _dots(canvas, 0, "mode: minor below 0, major above", modes)
    _dots(canvas, 1, "brightness (spectral centroid), kHz", bright)
    if bank.scenes:
        _lines(canvas, 2, "saturation of the pictures", bank.scenes, "saturation")
        _lines(canvas, 3, "lightness (value) of the pictures", bank.scenes, "value")
    return canvas.svg()


def _panel(canvas: Canvas, k: int, title: str, values: Sequence[float]) -> tuple[Scale, Scale]:
    x = 285 * k
    low, high = min(values), max(values)
    margin = 0.12 * (high - low) or 0.1
    across = Scale((-1.0, 1.0), (x + 58.0, x + 238.0))
    up = Scale((low - margin, high + margin), (146.0, 30.0))
    canvas.text((x + 8, 14), title, style="row")
    canvas.line((x + 34, 150), (x + 262, 150), SOFT)
    for value in (low, high):
        canvas.text((x + 30, up(value) + 4), f"{value:.2f}".replace("-", "−"), "end", "tick")
    for at, affect in zip((-1, 0, 1), AFFECTS, strict=True):
        canvas.text((across(at), 168), WORDS[affect], "middle", "tick")
    return across, up


def _dots(canvas: Canvas, k: int, title: str, values: dict[Affect, list[float]]) -> None:
    across, up = _panel(canvas, k, title, [value for row in values.values() for value in row])
    for affect, row in values.items():
        at = across(AFFECTS.index(affect) - 1)
        spread = Scale((0, max(1, len(row) - 1)), (at - 16, at + 16))
        points = [(spread(i) if len(row) > 1 else at, up(value)) for i, value in enumerate(row)]
        canvas.marks(points, SHAPES[affect], COLOURS[affect], 4.2, rim="#fff")
        mean = up(float(np.mean(row)))
        canvas.line((at - 22, mean), (at + 22, mean), INK, 1.6)


def _lines(canvas: Canvas, k: int, title: str, scenes: Sequence[Scene], measure: str) -> None:
    rows = [[(f.valence, float(getattr(f, measure))) for f in scene.frames] for scene in scenes]
    across, up = _panel(canvas, k, title, [value for row in rows for _, value in row])
    for row in rows:
        canvas.path([(across(v), up(value)) for v, value in row], SOFT, 1.2)
        for valence, value in (row[0], row[len(row) // 2], row[-1]):
            affect = AFFECTS[round(valence) + 1]
            point = (across(valence), up(value))
            canvas.marks([point], SHAPES[affect], COLOURS[affect], 4.2, rim="#fff")
