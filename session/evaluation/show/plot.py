"""What the evaluation's figures share: a frame with axes, a key, a watermark (pure)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ...drawing.svg import HAIR, INK, SOFT, Canvas, Point, Scale

LEAK = "#8c1d40"
"""Of all that is LEAKY; no state and no quality bears it."""
PALE = "#c3c6cd"
NULL = "#8d8274"
WATER = "#00000014"
"""Fill of watermarks: every mark is seen through them, on paper, too."""
LEAK_WATER = "#8c1d402e"
GLYPH = 6.3
"""Width of a letter of 12 px, about."""
UNIT = ((0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1"))
"""Ticks of a share."""

STYLE = (
    f'<style>text{{font:12px "Source Sans 3","Segoe UI",Arial,sans-serif;fill:{INK}}}'
    f".row{{font-size:13px}}.tick{{fill:{SOFT}}}.bold{{font-size:14px;font-weight:650}}"
    ".bold{paint-order:stroke;stroke:#fff;stroke-width:4px}"
    f".name{{font-size:17px;font-weight:650}}.onDark{{fill:#fff}}"
    f".leak{{fill:{LEAK};font-weight:650}}"
    f".water{{font-size:46px;font-weight:700;letter-spacing:.14em;fill:{WATER}}}"
    f".leakwater{{font-size:46px;font-weight:700;letter-spacing:.14em;fill:{LEAK_WATER}}}"
    ".water,.leakwater{pointer-events:none}</style>"
)
"""For a drawing that stands alone; on the page the page's own rules say the same."""


def short(words: str, most: int) -> str:
    """Return words cut to a number of letters."""
    return words if len(words) <= most else words[: most - 1] + "…"


def finite(values: Sequence[float]) -> list[float]:
    """Return the values that are numbers."""
    return [v for v in values if math.isfinite(v)]


def watermark(canvas: Canvas, words: Sequence[str]) -> None:
    """Write words across the drawing; call it last, so that no mark hides them.

    Parameters
    ----------
    canvas : Canvas
        With all its marks.
    words : sequence of str
        `LEAKY`, `SIMULATED`, both or none.
    """
    if not words:
        return
    text = " · ".join(words)
    style = "leakwater" if "LEAKY" in words else "water"
    wide = 38.0 * len(text) + 60.0
    size = min(1.0, 0.9 * canvas.width / wide)
    columns = max(1, int(canvas.width / wide))
    lines = max(1, round(canvas.height / 210))
    for i in range(lines):
        for j in range(columns):
            x = canvas.width * (j + 0.5) / columns
            y = canvas.height * (i + 0.5) / lines + 14.0
            canvas.text((x, y), text, "middle", style if size == 1.0 else f"{style} small", -14)


class Frame:
    """Axes of a plot within a canvas.

    Parameters
    ----------
    canvas : Canvas
        To be drawn on.
    box : tuple of (float, float, float, float)
        Left, top, right, bottom of the plot, in the canvas's units.
    x, y : tuple of (float, float)
        First and last value of each axis.
    """

    def __init__(
        self,
        canvas: Canvas,
        box: tuple[float, float, float, float],
        x: tuple[float, float],
        y: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.canvas = canvas
        self.left, self.top, self.right, self.bottom = box
        self.x = Scale(x, (self.left, self.right))
        self.y = Scale(y, (self.bottom, self.top))

    def at(self, x: float, y: float) -> Point:
        """Return where two values lie."""
        return self.x(x), self.y(y)

    def across(self, ticks: Sequence[tuple[float, str]], name: str = "") -> None:
        """Draw the horizontal axis with its ticks and its name."""
        for value, words in ticks:
            x = self.x(value)
            self.canvas.line((x, self.top), (x, self.bottom + 4), HAIR)
            self.canvas.text((x, self.bottom + 18), words, "middle", "tick")
        self.canvas.line((self.left, self.bottom), (self.right, self.bottom), SOFT)
        if name:
            middle = (self.left + self.right) / 2
            self.canvas.text((middle, self.bottom + 36), name, "middle")

    def up(self, ticks: Sequence[tuple[float, str]], name: str = "") -> None:
        """Draw the vertical axis with its ticks and its name."""
        for value, words in ticks:
            y = self.y(value)
            self.canvas.line((self.left - 4, y), (self.right, y), HAIR)
            self.canvas.text((self.left - 8, y + 4), words, "end", "tick")
        self.canvas.line((self.left, self.top), (self.left, self.bottom), SOFT)
        if name:
            middle = (self.top + self.bottom) / 2
            self.canvas.text((self.left - 38, middle), name, "middle", turn=-90)


def diamond(canvas: Canvas, at: Point, fill: str = INK, size: float = 5.5) -> None:
    """Draw a mean."""
    x, y = at
    canvas.area([(x - size, y), (x, y - size), (x + size, y), (x, y + size)], fill)


def tick(canvas: Canvas, at: Point, high: float, width: float = 2.0) -> None:
    """Draw a null's border, `high` units tall."""
    canvas.line((at[0], at[1] - high / 2), (at[0], at[1] + high / 2), NULL, width)


Mark = Callable[[Canvas, Point], None]


def key(canvas: Canvas, items: Sequence[tuple[Mark, str]], left: float, top: float) -> float:
    """Draw a key from left to right, on as many lines as it needs; return where it ends.

    Parameters
    ----------
    canvas : Canvas
        To be drawn on.
    items : sequence of (Mark, str)
        What draws a mark at a point, and what it means.
    left, top : float
        Where the first line begins.
    """
    x, y = left, top + 10.0
    for mark, words in items:
        wide = 22.0 + GLYPH * len(words) + 18.0
        if x + wide > canvas.width and x > left:
            x, y = left, y + 20.0
        mark(canvas, (x + 8.0, y))
        canvas.text((x + 22.0, y + 4.0), words, style="tick")
        x += wide
    return y + 14.0
