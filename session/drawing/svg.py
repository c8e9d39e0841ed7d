"""Drawings as SVG text: a few marks, a scale, a time axis; pure.

Own marks, not a plotting library: the page stays small, its figures print as vectors, their text
can be searched and read aloud, and a session's end does not wait for a library to be imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Point = tuple[float, float]

INK = "#22252b"
SOFT = "#6a6e76"
HAIR = "#dcdcd8"
COLOURS = {"negative": "#d9822b", "neutral": "#a3a3a3", "positive": "#2f6fb5"}
QUALITY = "#7a4a94"
"""Signal quality shares no colour with affect."""
STATES = {"RUN": "#f1f1f4", "DEGRADED": "#d3cfdc", "SAFE": "#8f879f", "STOP": "#2b2733"}

UNKNOWN = "url(#unknown)"
"""Fill of what is not known: hatched, so that it is no shade of any affect."""
HATCH = (
    '<defs><pattern id="unknown" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff"/>'
    f'<line x1="0" y1="0" x2="0" y2="6" stroke="{HAIR}" stroke-width="2.4"/></pattern></defs>'
)

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


class Scale:
    """A linear map from values to pixels.

    Parameters
    ----------
    values : tuple of (float, float)
        First and last value; equal ones are spread by one, so that nothing divides by zero.
    pixels : tuple of (float, float)
        Where they lie.
    """

    def __init__(self, values: tuple[float, float], pixels: tuple[float, float]) -> None:
        self.low = values[0]
        self.high = values[1] if values[1] > values[0] else values[0] + 1.0
        self.pixels = pixels

    def __call__(self, value: float) -> float:
        """Return the pixel of a value, kept within the scale."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.pixels[0] + share * (self.pixels[1] - self.pixels[0])


Shape = Literal["round", "square", "triangle"]
_OUTLINES: dict[Shape, Callable[[float], str]] = {
    "round": lambda r: f"a{r:g},{r:g} 0 1,0 {2 * r:g},0a{r:g},{r:g} 0 1,0 {-2 * r:g},0z",
    "square": lambda r: f"v{-r:g}h{2 * r:g}v{2 * r:g}h{-2 * r:g}z",
    # A little wider: at the same width a triangle has half the ink of a square.
    "triangle": lambda r: f"m{-0.2 * r:g},{0.9 * r:g}h{2.4 * r:g}l{-1.2 * r:g},{-2.1 * r:g}z",
}
"""From the middle of a mark's left edge once around it."""


class Canvas:
    """Collects marks.

    Parameters
    ----------
    width, height : float
        Size of the drawing, in its own units.
    title : str
        Read aloud in place of the drawing.
    about : str
        What the drawing shows, read aloud after the title.
    """

    def __init__(self, width: float, height: float, title: str, about: str = "") -> None:
        self.width = width
        self.height = height
        self._title = title
        self._about = about
        self._marks: list[str] = []

    def rect(self, box: tuple[float, float, float, float], fill: str, tip: str = "") -> None:
        """Draw a filled box (x, y, width, height), with a tip where one is given."""
        x, y, w, h = box
        inside = f"<title>{escape(tip)}</title>" if tip else ""
        self._marks.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0.4):.2f}" height="{h:.1f}" '
            f'fill="{fill}">{inside}</rect>'
        )

    def line(
        self, a: Point, b: Point, colour: str = HAIR, width: float = 1.0, dash: str = ""
    ) -> None:
        """Draw a straight line; `dash` names the lengths of strokes and holes."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._marks.append(
            f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"{dashed}/>'
        )

    def path(self, points: Sequence[Point], colour: str, width: float = 1.5) -> None:
        """Draw a line through points."""
        if len(points) > 1:
            self._marks.append(
                f'<polyline points="{_joined(points)}" fill="none" stroke="{colour}" '
                f'stroke-width="{width}" stroke-linejoin="round"/>'
            )

    def area(self, points: Sequence[Point], fill: str) -> None:
        """Fill the outline that the points make."""
        self._marks.append(f'<polygon points="{_joined(points)}" fill="{fill}"/>')

    def dot(self, at: Point, fill: str, radius: float = 2.0, rim: str = "", tip: str = "") -> None:
        """Draw a dot, with a rim and a tip where they are given."""
        edge = f' stroke="{rim}" stroke-width="1.4"' if rim else ""
        inside = f"<title>{escape(tip)}</title>" if tip else ""
        self._marks.append(
            f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}" fill="{fill}"{edge}>'
            f"{inside}</circle>"
        )

    def marks(
        self, points: Sequence[Point], shape: Shape, fill: str, size: float, *, rim: str = "",
        opacity: float = 1.0,
    ) -> None:  # fmt: skip
        """Draw many marks of one kind as one outline, which takes a third of the room.

        Parameters
        ----------
        points : sequence of Point
            Their middles.
        shape : {"round", "square", "triangle"}
            Tells what the colour tells, to those who do not see it.
        fill : str
            Colour, or `none`.
        size : float
            Half of a mark's width.
        rim : str
            Colour of its edge; none where empty.
        opacity : float
            Of the filling; marks that overlap are no darker.
        """
        if not points:
            return
        outline = "".join(f"M{x - size:.1f},{y:.1f}{_OUTLINES[shape](size)}" for x, y in points)
        edge = f' stroke="{rim}" stroke-width="1.2"' if rim else ""
        faint = f' fill-opacity="{opacity:g}"' if opacity < 1.0 else ""
        self._marks.append(f'<path d="{outline}" fill="{fill}"{faint}{edge}/>')

    def text(
        self, at: Point, words: str, anchor: str = "start", style: str = "", turn: float = 0.0
    ) -> None:
        """Write words; `style` names classes of the page, `turn` degrees clockwise."""
        turned = f' transform="rotate({turn:g} {at[0]:.1f} {at[1]:.1f})"' if turn else ""
        self._marks.append(
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" '
            f'class="{style}"{turned}>{escape(words)}</text>'
        )

    def svg(self) -> str:
        """Return the drawing."""
        marks = "".join(self._marks)
        hatch = HATCH if UNKNOWN in marks else ""
        about = ""
        if self._about:
            about = f"<title>{escape(self._title)}</title><desc>{escape(self._about)}</desc>"
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-label="{escape(self._title)}" xmlns="http://www.w3.org/2000/svg">'
            f"{about}{hatch}{marks}</svg>"
        )


def _joined(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def clock(seconds: float) -> str:
    """Return a time within the session as m:ss, or h:mm:ss from an hour on."""
    whole = round(seconds)
    sign, whole = ("−", -whole) if whole < 0 else ("", whole)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{sign}{hours}:{minutes:02d}:{rest:02d}" if hours else f"{sign}{minutes}:{rest:02d}"


def ticks(low: float, high: float, most: int = 12) -> list[float]:
    """Return round times between two, at most `most` of them."""
    step = next((s for s in STEPS if (high - low) / s <= most), STEPS[-1])
    first = int(np.ceil(low / step - 1e-9))
    return [float(step * k) for k in range(first, int(high / step + 1e-9) + 1)]


def bins(
    times: Array, values: Array, limit: int, fold: Callable[..., Array] = np.mean
) -> tuple[Array, Array]:
    """Return at most `limit` points, each folded from its neighbours.

    Parameters
    ----------
    times : array of shape (n_points,)
        In seconds.
    values : array of shape (n_points, n_values)
        What is to be drawn.
    limit : int
        More points than that are not seen.
    fold : callable
        Makes one value of several, along axis 0; `np.min` keeps what is rare and low.
    """
    if len(times) <= limit:
        return times, values
    edges = np.linspace(0, len(times), limit + 1).astype(int)
    pairs = list(pairwise(edges))
    folded = np.array([fold(values[a:b], axis=0) for a, b in pairs])
    return np.array([times[a:b].mean() for a, b in pairs]), folded


def runs(times: Array, hole: float) -> list[slice]:
    """Return the stretches without a hole of more than `hole` seconds."""
    if not len(times):
        return []
    cuts = [0, *(np.flatnonzero(np.diff(times) > hole) + 1).tolist(), len(times)]
    return [slice(a, b) for a, b in pairwise(cuts)]
