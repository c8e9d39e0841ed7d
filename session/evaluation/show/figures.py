"""Figures of scores: everybody beside their null, leaky beside honest (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ...drawing.markup import share
from ...drawing.svg import HAIR, INK, SOFT, Canvas, Point
from ..result import Evaluation, MethodResult, PersonScore, ProtocolResult
from .derived import Difference, above, between, ends, in_order, leaky_minus_honest
from .plot import LEAK, NULL, PALE, STYLE, UNIT, Frame, diamond, key, short, tick, watermark

WIDTH = 1120.0
LEFT = 170.0
RIGHT = 862.0
SCORE = "balanced accuracy (share right, every state counted alike; chance is dashed)"


class _Band(NamedTuple):
    """The rows of one method: a lane for everybody, one for the mean below them."""

    method: MethodResult
    top: float
    lane: float
    radius: float

    @property
    def high(self) -> float:
        return max(self.lane * len(self.method.people) + 20.0, 36.0)

    @property
    def mean(self) -> float:
        """Height of the lane of the mean."""
        return self.top + self.high - 11.0


HEAD = 24.0
"""Height of a group's name."""


def _bands(methods: Sequence[MethodResult], top: float) -> tuple[list[_Band], float]:
    """Lay methods out below one another; those of a kind below its name."""
    found = []
    for kind, group in groupby(methods, key=lambda m: m.kind):
        top += HEAD
        for method in group:
            n = max(len(method.people), 1)
            most, room = (9.0, 160.0) if kind == "candidate" else (6.0, 90.0)
            lane = max(min(most, room / n), 2.4)
            found.append(_Band(method, top, lane, min(max(lane / 2 - 0.6, 1.3), 3.6)))
            top += found[-1].high
    return found, top


def people(protocol: ProtocolResult, water: Sequence[str] = ()) -> str:
    """Draw everybody's score beside the own null, and the mean, for every method.

    Parameters
    ----------
    protocol : ProtocolResult
        One protocol.
    water : sequence of str
        Watermarks.
    """
    methods = sorted(protocol.decoders, key=lambda m: m.kind != "candidate")
    top = 70.0
    bands, bottom = _bands(methods, top)
    canvas = Canvas(
        WIDTH,
        bottom + 46.0,
        f"Scores of {protocol.n_people} people under {protocol.name}, method by method",
        f"A dot for each person's balanced accuracy, from 0 to 1, chance {share(protocol.chance)}; "
        "a tick where 95 % of the person's null lie at or below; below them the mean with its "
        "95 % interval. The table after the figure holds the same numbers.",
    )
    key(canvas, KEY, 8.0, 0.0)
    frame = Frame(canvas, (LEFT, top, RIGHT, bottom + 2), (0.0, 1.0))
    frame.across(UNIT, SCORE)
    for value, words in UNIT:
        canvas.text((frame.x(value), top - 6), words, "middle", "tick")
    _chance(frame, protocol.chance)
    canvas.text((RIGHT + 18, top - 4), "mean (95 % interval)", style="tick")
    canvas.text((WIDTH - 8, top - 4), "p", "end", "tick")
    kind = ""
    for band in bands:
        if band.method.kind != kind:
            kind = band.method.kind
            words = "candidates" if kind == "candidate" else "controls (never chosen)"
            canvas.text((8, band.top - 8), words, style="tick")
        _band(frame, band)
    watermark(canvas, water)
    return canvas.svg()


def _chance(frame: Frame, chance: float) -> None:
    x = frame.x(chance)
    frame.canvas.line((x, frame.top), (x, frame.bottom), INK, 1.2, "5 4")
    frame.canvas.text((x, frame.top - 22), f"chance {share(chance)}", "middle")


def _band(frame: Frame, band: _Band) -> None:
    canvas, method = frame.canvas, band.method
    canvas.line((8, band.top), (WIDTH - 8, band.top), HAIR)
    middle = band.top + band.high / 2
    canvas.text((LEFT - 12, middle + 4), short(method.name, 22), "end", "row")
    for i, person in enumerate(method.people):
        y = band.top + 5.0 + band.lane * (i + 0.5)
        if person.null_95 is not None:
            tick(canvas, (frame.x(person.null_95), y), band.lane, 1.8)
        _person(canvas, (frame.x(person.balanced_accuracy), y), person, band.radius)
    _mean(frame, method, band.mean)
    canvas.text((RIGHT + 18, middle + 4), _interval(method), style="row")
    canvas.text((WIDTH - 8, middle + 4), p_text(method.null.p), "end", "row")


def _person(canvas: Canvas, at: Point, person: PersonScore, radius: float) -> None:
    fill, rim = LOOKS[above(person)]
    tip = f"{person.person}: {share(person.balanced_accuracy)}"
    if person.null_95 is not None:
        tip += f"; 95 % of the null up to {share(person.null_95)}"
    canvas.dot(at, fill, radius, rim, tip)


LOOKS = {True: (INK, INK), False: ("#fff", INK), None: (PALE, SOFT)}
"""Fill and rim of a person above the own null, not above it, without a null."""


def _mean(frame: Frame, method: MethodResult, y: float) -> None:
    canvas = frame.canvas
    if method.null.null_95 is not None:
        tick(canvas, (frame.x(method.null.null_95), y), 17.0, 3.4)
    if method.interval is not None:
        low, high = (frame.x(v) for v in ends(method.interval))
        canvas.line((low, y), (high, y), INK, 2.0)
        for end in (low, high):
            canvas.line((end, y - 3.5), (end, y + 3.5), INK, 2.0)
    diamond(canvas, (frame.x(method.balanced_accuracy), y))


KEY = (
    (lambda c, at: c.dot(at, INK, 3.4, INK), "a person, above 95 % of the own null"),
    (lambda c, at: c.dot(at, "#fff", 3.4, INK), "not above"),
    (lambda c, at: c.dot(at, PALE, 3.4, SOFT), "no null drawn"),
    (lambda c, at: tick(c, at, 9.0), "95 % of the null lie at or below (thick: of the mean)"),
    (diamond, "mean, 95 % interval over people"),
)


def _interval(method: MethodResult) -> str:
    if method.interval is None:
        return share(method.balanced_accuracy)
    return f"{share(method.balanced_accuracy)} ({between(method.interval)})"


def p_text(p: float | None) -> str:
    """Return a p as people write it."""
    if p is None:
        return "not run"
    return f"{p:.3g}" if p >= 0.001 else "< 0.001"


def signed(value: float) -> str:
    """Return a difference with its sign; none where it rounds to nothing."""
    words = f"{value:+.2f}".replace("-", "−")
    return words if words[1:] != "0.00" else "0.00"


def dumbbell(differences: Sequence[Difference], water: Sequence[str] = ("LEAKY",)) -> str:
    """Draw each method's leaky score joined to its honest one; nothing without any."""
    if not differences:
        return ""
    row, top, left = 32.0, 56.0, 330.0
    bottom = top + row * len(differences)
    canvas = Canvas(
        WIDTH,
        bottom + 46.0,
        "Leaky score beside honest score, method by method",
        "For each method and leaky protocol a line from the honest balanced accuracy to the leaky "
        "one, from 0 to 1, with chance and the difference in numbers; the table after the figure "
        "holds the same.",
    )
    key(canvas, LEAKY_KEY, 8.0, 0.0)
    frame = Frame(canvas, (left, top, 1020.0, bottom), (0.0, 1.0))
    frame.across(UNIT, SCORE)
    _chance(frame, differences[0].chance)
    canvas.text((WIDTH - 8, top - 6), "difference", "end", "tick")
    for i, d in enumerate(differences):
        y = top + row * (i + 0.5)
        canvas.line((8, y - row / 2), (WIDTH - 8, y - row / 2), HAIR)
        canvas.text((8, y + 4), short(d.method, 20), style="row")
        canvas.text((left - 12, y + 4), short(f"{d.leaky} − {d.honest}", 32), "end", "tick")
        a, b = frame.x(d.honest_score), frame.x(d.leaky_score)
        canvas.line((a, y), (b, y), LEAK, 2.4)
        canvas.dot((a, y), INK, 5.0, INK, f"honest {share(d.honest_score)}")
        canvas.dot((b, y), "#fff", 5.0, LEAK, f"leaky {share(d.leaky_score)}")
        canvas.text((WIDTH - 8, y + 4), signed(d.difference), "end", "row")
    watermark(canvas, water)
    return canvas.svg()


LEAKY_KEY = (
    (lambda c, at: c.dot(at, INK, 5.0, INK), "honest"),
    (lambda c, at: c.dot(at, "#fff", 5.0, LEAK), "LEAKY: the answer was let in"),
)


def published(evaluation: Evaluation) -> str:
    """Draw RYM's published protocol beside the honest one, everybody a line; stands alone.

    Parameters
    ----------
    evaluation : Evaluation
        Of a run that holds `paper` and an honest protocol with the same candidates.

    Returns
    -------
    str
        SVG of its own; empty where the evaluation lacks one of the two.
    """
    pairs = [
        d for d in leaky_minus_honest(evaluation) if d.leaky == "paper" and d.kind == "candidate"
    ]
    if not pairs:
        return ""
    wide, high = max(300.0 * len(pairs) + 60.0, 660.0), 486.0
    simulated = evaluation.data.simulated
    canvas = Canvas(
        wide,
        high,
        "The published protocol (transductive, LEAKY) beside the honest one",
        "A line for each person from the leaky balanced accuracy at the left to the honest one at "
        "the right, a panel for each decoder, with the means and chance.",
    )
    canvas.rect((0, 0, wide, high), "#fff")
    canvas.text((14, 26), "The published protocol beside the honest one", style="name")
    people_ = f"{len(evaluation.data.people)} {'simulated ' if simulated else ''}people"
    below = (
        f"{evaluation.data.name}: {people_}, a line for each; chance is {share(pairs[0].chance)}"
    )
    canvas.text((14, 46), below, style="tick")
    for i, d in enumerate(pairs):
        box = (64.0 + 300.0 * i, 100.0, 64.0 + 300.0 * i + 250.0, high - 92.0)
        _slopes(canvas, box, d, evaluation, first=i == 0)
    key(canvas, SLOPE_KEY, 14.0, high - 30.0)
    watermark(canvas, ["SIMULATED"] if simulated else [])
    return canvas.svg().replace(">", f">{STYLE}", 1)


def _slopes(
    canvas: Canvas,
    box: tuple[float, float, float, float],
    d: Difference,
    evaluation: Evaluation,
    *,
    first: bool,
) -> None:
    """Draw one decoder's panel: leaky scores at the left, honest ones at the right."""
    frame = Frame(canvas, box, (0.0, 1.0))
    frame.up(UNIT, "balanced accuracy (chance dashed)" if first else "")
    a, b = frame.x(0.24), frame.x(0.76)
    canvas.text((frame.left, frame.top - 18), short(d.method, 24), style="bold")
    _halves(frame, d, a, b)
    for name, leaky, honest in d.people:
        canvas.line((a, frame.y(leaky)), (b, frame.y(honest)), PALE, 1.2)
        canvas.dot((a, frame.y(leaky)), "#fff", 3.4, LEAK, f"{name}: {share(leaky)}")
        canvas.dot((b, frame.y(honest)), INK, 3.4, INK, f"{name}: {share(honest)}")
    null = _null_of(evaluation, d)
    if null is not None:
        canvas.line((b - 16, frame.y(null)), (b + 16, frame.y(null)), NULL, 3.4)
    for x, score, side, style in ((a, d.leaky_score, -1, "leak"), (b, d.honest_score, 1, "bold")):
        at = (x + 16 * side, frame.y(score))
        diamond(canvas, at, LEAK if side < 0 else INK)
        anchor = "end" if side < 0 else "start"
        canvas.text((at[0] + 9 * side, at[1] + 4), share(score), anchor, style)
    canvas.text((frame.right, frame.top - 18), f"difference {signed(d.difference)}", "end")


def _halves(frame: Frame, d: Difference, a: float, b: float) -> None:
    """Name what lies at the left and at the right, and mark the left as what it is."""
    canvas, below = frame.canvas, frame.bottom
    middle, high = (a + b) / 2, below - frame.top
    canvas.rect((frame.left, frame.top, middle - frame.left, high), f"{LEAK}12")
    canvas.text((frame.left + 50, below - 18), "LEAKY", "start", "leakwater", -62)
    canvas.text((a, below + 18), "published", "middle", "leak")
    canvas.text((a, below + 34), "LEAKY", "middle", "leak")
    canvas.text((b, below + 18), "honest", "middle")
    canvas.text((b, below + 34), short(d.honest, 24), "middle", "tick")
    y = frame.y(d.chance)
    canvas.line((frame.left, y), (frame.right, y), INK, 1.2, "5 4")


SLOPE_KEY = (
    (lambda c, at: c.dot(at, "#fff", 3.4, LEAK), "a person, answer let in"),
    (lambda c, at: c.dot(at, INK, 3.4, INK), "the same person, honest"),
    (diamond, "mean"),
    (lambda c, at: c.line((at[0] - 7, at[1]), (at[0] + 7, at[1]), NULL, 3.4),
     "95 % of the null's means"),
)  # fmt: skip


def _null_of(evaluation: Evaluation, d: Difference) -> float | None:
    for protocol in in_order(evaluation):
        for method in protocol.decoders:
            if (protocol.name, method.name) == (d.honest, d.method):
                return method.null.null_95
    return None
