"""The report's sections on the latent space and on what was learned live: figure, table, words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS

from ..drawing import svg
from ..drawing.markup import caption, figure, paragraph, percent, rows_of, section
from ..words import WORDS
from .analysis import Analysis, Log
from .facts import MEMORY
from .latent import Moments, moments
from .learning import MEASURES, Learning, Order
from .remembered import Remembered

TITLE = "Latent space"
LEARNED = "Learned while it ran"
WIDTH, SIDE, TOP = 1120.0, 500.0, 62.0
LEFTS = (36.0, 604.0)
N_ROWS, N_MOMENTS, N_MARKS = 450, 700, 150
"""Rows of the calibration (drawn twice), moments, and marks of each kind that are drawn at most:
2000 in all, since more are not seen."""
ROUNDS = 4
"""Each state is drawn in so many parts, in turn: else the last one would cover the others."""
SHAPES: dict[str, svg.Shape] = {
    "negative": "round",
    "neutral": "square",
    "positive": "triangle",
    "none": "round",
    "unknown": "round",
}
ORDER_WORDS = {
    "freeze": "learn nothing more",
    "thaw": "learn again",
    "undo": "take back the last {} s",
    "mark": "name this state “{}”",
    "roll-back": "go back to “{}”",
}

Array = npt.NDArray[np.float64]


def render(a: Analysis, log: Log) -> str:
    """Return both sections; `log` holds the messages for the figure."""
    return section(TITLE, _space(a, log)) + section(LEARNED, _learned(a))


def _space(a: Analysis, log: Log) -> str:
    if not a.facts.decoder:
        return paragraph("There was no model, so there is no latent space.")
    if a.facts.decoder != MEMORY:
        return paragraph(
            f"The decoder {a.facts.decoder} has no latent space: it answers from the features "
            "themselves."
        )
    rows = a.facts.remembered
    found = moments(log, a.phases, a.learning.lessons, a.facts.model, a.facts.reaction_lag)
    if rows is None and not len(found.points):
        return paragraph(
            "Nothing can be drawn: the model's memory is not in this folder, and no moment of "
            "feedback was placed in it."
        )
    return figure(drawn(rows, found)) + caption(_how_to_read(rows, found)) + caption(_limits(rows))


def drawn(rows: Remembered | None, found: Moments) -> str:
    """Draw the remembered rows, and the moments of feedback over them.

    Parameters
    ----------
    rows : Remembered or None
        None where they are not known: only moments are drawn then, along the first two axes.
    found : Moments
        There may be none.
    """
    canvas = svg.Canvas(
        WIDTH, TOP + SIDE + 30.0,
        "Latent space: what the model remembers, and the moments of feedback over it",
        "Two drawings with the same two axes. On the left the rows of the calibration that are "
        "remembered, on the right the moments of feedback over the same rows, faint. Colour and "
        "shape tell the state; rims mark moments that were learned, rings those that were novel.",
    )  # fmt: skip
    axes = (0, 1) if rows is None else rows.axes()
    known = np.zeros((0, 2)) if rows is None else rows.points[:, axes]
    places = found.points[:, axes]
    span = _span(np.concatenate([known, places]))
    below = () if rows is None else rows.states
    names = ("calibration: what is remembered", "feedback, over what is remembered")
    _legend(canvas, found)
    for left, name in zip(LEFTS, names, strict=True):
        _frame(canvas, left, name, axes)
    faint = _thinned(len(known), N_ROWS)
    _states(canvas, _at(LEFTS[0], span, known[faint]), [below[i] for i in faint], 3.0, 0.6)
    _states(canvas, _at(LEFTS[1], span, known[faint]), [below[i] for i in faint], 3.0, 0.16)
    _moments(canvas, found, lambda z: _at(LEFTS[1], span, z[:, axes]))
    return canvas.svg()


def _span(points: Array) -> tuple[Array, Array]:
    """Return what both axes show: all points in the middle, as many units on either."""
    if not len(points):
        return np.full(2, -1.0), np.full(2, 1.0)
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) * 0.53, 1e-9)
    return (low + high) / 2.0 - half, (low + high) / 2.0 + half


def _at(left: float, span: tuple[Array, Array], points: Array) -> list[svg.Point]:
    share = (points - span[0]) / (span[1] - span[0])
    return [(left + SIDE * x, TOP + SIDE * (1.0 - y)) for x, y in share.tolist()]


def _thinned(n: int, most: int) -> list[int]:
    """Return which of `n` are drawn: evenly fewer where there are too many."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int)).tolist() if n else []


def _frame(canvas: svg.Canvas, left: float, name: str, axes: tuple[int, int]) -> None:
    right, bottom = left + SIDE, TOP + SIDE
    canvas.text((left, TOP - 10), name, style="row")
    for a, b in (((left, TOP), (right, TOP)), ((left, bottom), (right, bottom)),
                 ((left, TOP), (left, bottom)), ((right, TOP), (right, bottom))):  # fmt: skip
        canvas.line(a, b)
    canvas.text((left + SIDE / 2, bottom + 20), f"axis {axes[0] + 1}", "middle", "tick")
    canvas.text((left - 12, TOP + SIDE / 2), f"axis {axes[1] + 1}", "middle", "tick", -90)


def _states(
    canvas: svg.Canvas, at: Sequence[svg.Point], states: Sequence[str], size: float, opacity: float
) -> None:
    for part in range(ROUNDS):
        for state in AFFECTS:
            mine = [p for p, s in zip(at, states, strict=True) if s == state][part::ROUNDS]
            canvas.marks(mine, SHAPES[state], svg.COLOURS[state], size, opacity=opacity)


def _moments(canvas: svg.Canvas, found: Moments, at: Callable[[Array], list[svg.Point]]) -> None:
    few = _thinned(len(found.points), N_MOMENTS)
    shown, states = at(found.points[few]), [found.states[i] for i in few]
    nameless = [p for p, s in zip(shown, states, strict=True) if s not in AFFECTS]
    canvas.marks(nameless, "round", "#ffffff", 2.2, rim=svg.SOFT, opacity=0.6)
    _states(canvas, shown, states, 3.4, 0.85)
    for state in AFFECTS:
        mine = np.flatnonzero(found.learned & (np.array(found.states) == state))
        kept = mine[_thinned(len(mine), N_MARKS // len(AFFECTS))]
        fill = svg.COLOURS[state]
        canvas.marks(at(found.points[kept]), SHAPES[state], fill, 4.6, rim=svg.INK)
    novel = np.flatnonzero(found.novel)
    kept = novel[_thinned(len(novel), N_MARKS)]
    canvas.marks(at(found.points[kept]), "round", "none", 7.0, rim=svg.INK)


def _legend(canvas: svg.Canvas, found: Moments) -> None:
    x, y = LEFTS[0] + 6.0, 16.0
    for state in reversed(AFFECTS):
        canvas.marks([(x, y)], SHAPES[state], svg.COLOURS[state], 5.0)
        x = _word(canvas, x, y, WORDS[state])
    if any(state not in AFFECTS for state in found.states):
        canvas.marks([(x, y)], "round", "#ffffff", 3.6, rim=svg.SOFT)
        x = _word(canvas, x, y, WORDS["none" if found.by_keys else "unknown"])
    if found.learned.any():
        canvas.marks([(x, y)], "round", svg.HAIR, 5.0, rim=svg.INK)
        x = _word(canvas, x, y, "dark rim: learned")
    if found.novel.any():
        canvas.marks([(x, y)], "round", "none", 6.5, rim=svg.INK)
        _word(canvas, x, y, "ring: novel")


def _word(canvas: svg.Canvas, x: float, y: float, word: str) -> float:
    """Write a word of the legend and return where the next mark goes."""
    canvas.text((x + 13, y + 4.5), word, style="row")
    return x + 43.0 + 6.8 * len(word)


def _how_to_read(rows: Remembered | None, found: Moments) -> str:
    told = "How to read it: each mark is one moment of ten windows, and what lies near to one "
    told += "another is alike to the encoder. "
    if rows is None:
        told += "The model's memory is not in this folder: its rows are not drawn. "
    else:
        told += f"{_count(len(rows.points), 'row')} of the calibration {_are(len(rows.points))} "
        told += "remembered. "
    n = len(found.points)
    if not n:
        return f"{told}No moment of feedback was placed among them."
    colour = "what was estimated, as no key was held"
    if found.by_keys:
        colour = "the key that was held (just after a change they lie where they lay before)"
    told += f"{_count(n, 'moment')} of feedback {_are(n)} coloured by {colour}"
    if not found.novel.any():
        return f"{told}; none was novel."
    return (
        f"{told}; a ring marks those that were novel, further from what is remembered than all but "
        "1 % of what the model was not fitted to."
    )


def _limits(rows: Remembered | None) -> str:
    told = (
        "What it cannot show: the calibration's own marks lie apart because the encoder was fitted "
        "to their keys, so that their lying apart proves nothing; only scores of held-out parts do."
    )
    if rows is None:
        return told
    between, within = rows.shown()
    states = len(set(rows.states))
    shown = f" The two axes hold {percent(within)} of all the spread of these rows"
    if states > 1:
        shown = (
            f" Of the spread between the states the two axes hold {percent(between)}, of all the "
            f"spread of these rows {percent(within)}"
        )
    return f"{told}{shown}; distances are never drawn larger than they are."


def _learned(a: Analysis) -> str:
    one = a.learning
    parts = [paragraph(one.why_none)] if one.why_none else [_table(one), caption(_kept(one))]
    if one.novel is not None:
        parts.append(
            caption(
                f"Novel: {one.n_novel} of {_count(one.n_moments, 'moment')} of feedback "
                f"({percent(one.novel)}); of data like the calibration 1 % or fewer would be."
            )
        )
    parts += [_orders(a), _drifts(a)]
    return "".join(parts)


def _table(one: Learning) -> str:
    """Return the rows that stayed, per state and under which clip."""
    clips = [*reversed(AFFECTS), "silence"]
    head = ("learned as", *(f"heard: {WORDS.get(clip, clip)}" for clip in clips), "together")
    rows = [
        (
            WORDS[state],
            *(str(one.rows(state, clip)) for clip in clips),
            str(one.rows(state)),
        )
        for state in reversed(AFFECTS)
    ]
    return rows_of(head, rows)


def _kept(one: Learning) -> str:
    n, gone = one.rows(), one.n_taken_back
    told = f"{_count(n, 'row')} learned from held keys stayed"
    told += f"; {gone} more {'was' if gone == 1 else 'were'} taken back. " if gone else ". "
    return (
        f"{told}A state is learned only once it was heard under two clips: else the clip might be "
        "learned in its place."
    )


def _orders(a: Analysis) -> str:
    rows = [
        (svg.clock(x.t - a.start), ORDER_WORDS[x.action].format(x.value), _outcome(x))
        for x in a.learning.orders
    ]
    return rows_of(("at", "asked of the memory", "what came of it"), rows)


def _outcome(order: Order) -> str:
    if not order.taken:
        return "not taken in"
    return f"refused: {order.refused}" if order.refused else "carried out"


def _drifts(a: Analysis) -> str:
    rows = [
        (
            svg.clock(x.t - a.start),
            MEASURES[x.measure],
            f"{x.before:.2f} → {x.after:.2f}",
            x.suggestion,
        )
        for x in a.learning.drifts
    ]
    head = ("at", "drift of the", "mean rank", "suggestion")
    note = (
        "Ranks count from 0 to 1 among what was usual, where the mean is 0.50. Nothing is changed "
        "by a drift: it is told, and a person decides."
    )
    return rows_of(head, rows) + caption(note) if rows else ""


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
