"""The report's figures: what was felt and heard, the signal, the sound, and where the time goes.

All figures over time share one axis, so that they can be read one below the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from rym import messages as m
from rym import topics

from ..drawing import svg
from ..drawing.markup import milliseconds
from ..words import WORDS
from .analysis import Analysis, Log, of
from .episodes import Steps
from .latency import PlayerClock, audible, by_start
from .provenance import t_last

WIDTH = 1120.0
LEFT = 128.0
RIGHT = 1104.0
STRIP = 18.0
LIMIT = 1500
"""Points per line; a figure has no more pixels than that."""
HOLE = 1.2
"""Seconds without a message after which a line is broken: any new segment lacks a whole window."""
STEP = 0.25
"""Seconds for which the last message before such a hole counts."""

FILLS = {**svg.COLOURS, "unknown": svg.UNKNOWN, "none": "#ffffff"}
KINDS = {"design": "#b9aec6", "software": "#4a4f59", "music": "#8f879f", "device": "#22252b"}


class TimeFigure:
    """A canvas with the session's time from left to right, filled from the top down.

    Parameters
    ----------
    a : Analysis
        Gives the time axis and the phases.
    height : float
        Room below the strip of phases, axis included.
    title : str
        Read aloud in place of the figure.
    """

    def __init__(self, a: Analysis, height: float, title: str) -> None:
        self.start = a.start
        self.x = svg.Scale((a.start, a.end), (LEFT, RIGHT))
        self.canvas = svg.Canvas(WIDTH, height + 28.0, title)
        self.y = 26.0
        self._phases(a, height)

    def _phases(self, a: Analysis, height: float) -> None:
        for i, p in enumerate(a.phases):
            x, w = self.x(p.start), self.x(p.end) - self.x(p.start)
            self.canvas.rect((x, 2, w, STRIP), "#ecebe6" if i % 2 else "#f5f4f0")
            self.canvas.line((x, 2), (x, height), svg.HAIR)
            if w > 6.2 * len(p.name):
                self.canvas.text((x + 6, 15), p.name, style="phase")

    def label(self, words: str, at: float) -> None:
        """Name a row at its left."""
        self.canvas.text((LEFT - 10, at), words, "end", "row")

    def strip(self, name: str, pieces: Sequence[tuple[float, float, str]]) -> None:
        """Draw a row of states as coloured stretches."""
        self.label(name, self.y + 13)
        self.canvas.rect((LEFT, self.y, RIGHT - LEFT, STRIP), "#fafaf8")
        for a, b, state in pieces:
            x, w = self.x(a), self.x(b) - self.x(a)
            tip = f"{name}: {WORDS.get(state, state)}, {self.at(a)} to {self.at(b)}"
            fill = FILLS.get(state) or svg.STATES.get(state, "#efeee9")
            self.canvas.rect((x, self.y, w, STRIP), fill, tip)
        self.y += STRIP + 5

    def panel(
        self,
        name: str,
        values: tuple[float, float],
        marks: Sequence[tuple[float, str]],
        high: float,
    ) -> svg.Scale:
        """Open a panel of `high` units with marked values; return its vertical scale."""
        self.y += 8
        scale = svg.Scale(values, (self.y + high, self.y))
        for value, words in marks:
            self.canvas.line((LEFT, scale(value)), (RIGHT, scale(value)))
            self.canvas.text((LEFT - 10, scale(value) + 4), words, "end", "tick")
        if name:
            self.canvas.text((LEFT - 10, self.y + high / 2 + 4), name, "end", "row")
        self.y += high + 8
        return scale

    def at(self, t: float) -> str:
        """Return a rig time as the time within the session."""
        return svg.clock(t - self.start)

    def close(self) -> str:
        """Draw the time axis and return the figure."""
        y = self.y + 4
        self.canvas.line((LEFT, y), (RIGHT, y), svg.SOFT)
        for t in svg.ticks(0.0, self.x.high - self.start):
            x = self.x(self.start + t)
            self.canvas.line((x, y), (x, y + 4), svg.SOFT)
            self.canvas.text((x, y + 17), svg.clock(t), "middle", "tick")
        return self.canvas.svg()


def _estimates(log: Log) -> list[m.Valence]:
    return sorted((x.content for x in of(log, topics.VALENCE)), key=lambda v: v.t)


def held(said: Sequence[tuple[float, str]], end: float) -> list[tuple[float, float, str]]:
    """Return (from, to, state) of what is said again and again; none where nothing was said.

    Parameters
    ----------
    said : sequence of (float, str)
        Rig time in seconds and state, in order.
    end : float
        Rig time at which the figure ends.
    """
    times = [*(t for t, _ in said), np.inf]
    silent = [(t + STEP, "") for t, after in pairwise(times) if after - t > HOLE]
    found = Steps.of([*said, *silent]).pieces(-np.inf, end)
    return [piece for piece in found if piece[2]]


def _state_pieces(log: Log, end: float) -> list[tuple[float, float, str]]:
    return held([(v.t, v.state) for v in _estimates(log)], end)


def affect(a: Analysis, log: Log, clock: PlayerClock) -> str:
    """Draw what was felt, pressed, estimated and heard, with the probabilities behind it."""
    rows = 3 + bool(a.truth.times)
    panels = 2 if a.n_estimates else 0
    height = 26 + rows * (STRIP + 5) + panels * (110 + 16) + 8
    fig = TimeFigure(a, height, "What was felt, pressed, estimated and heard over time")
    if a.truth.times:
        fig.strip("felt (simulated)", a.truth.pieces(a.start, a.end))
    fig.strip("files" if a.facts.n_labels else "keys", a.keys.pieces(a.start, a.end))
    fig.strip("estimate", _state_pieces(log, a.end))
    fig.strip("heard", audible(log, clock).pieces(a.start, a.end))
    if panels:
        _probabilities(fig, log)
        _valence(fig, log)
    return fig.close()


def _probabilities(fig: TimeFigure, log: Log) -> None:
    marks = ((0.0, "0"), (0.5, "½"), (1.0, "1"))
    y = fig.panel("probability", (0.0, 1.0), (marks[0], marks[2]), 110)
    told = [v for v in _estimates(log) if v.probabilities is not None]
    times = np.array([v.t for v in told])
    table = np.array([v.probabilities for v in told], float).reshape(-1, 3)
    for part in svg.runs(times, HOLE):
        t, p = svg.bins(times[part], table[part], LIMIT)
        level = np.zeros(len(t))
        for i, name in enumerate(m.AFFECTS):
            lower = [(fig.x(x), y(v)) for x, v in zip(t, level, strict=True)]
            level = level + p[:, i]
            upper = [(fig.x(x), y(v)) for x, v in zip(t, level, strict=True)]
            fig.canvas.area([*lower, *reversed(upper)], svg.COLOURS[name])


def _valence(fig: TimeFigure, log: Log) -> None:
    marks = ((-1.0, "unpleasant −1"), (0.0, "0"), (1.0, "pleasant +1"))
    y = fig.panel("", (-1.0, 1.0), marks, 110)
    fig.canvas.text((LEFT - 10, y(0.5) + 4), "valence", "end", "row")
    told = [v for v in _estimates(log) if v.probabilities is not None]
    times = np.array([v.t for v in told])
    values = np.array([[v.probabilities[2] - v.probabilities[0]] for v in told if v.probabilities])
    for part in svg.runs(times, HOLE):
        t, v = svg.bins(times[part], values[part], LIMIT)
        points = [(fig.x(x), y(float(z[0]))) for x, z in zip(t, v, strict=True)]
        fig.canvas.path(points, svg.SOFT, 1.2)
    shown = [v for v in told if v.valence is not None]
    for one in shown[:: max(1, len(shown) // LIMIT)]:
        fig.canvas.dot((fig.x(one.t), y(one.valence or 0.0)), FILLS[one.state], 1.9)


def quality(a: Analysis, log: Log) -> str:
    """Draw the share of usable channels, the channels that were not, and unusable windows."""
    names = [c.name for c in a.quality.bad[:20]]
    height = 26 + 80 + 24 + 14.0 * len(names) + 2 * (STRIP + 5) + 16
    fig = TimeFigure(a, height, "Signal quality over time, channel by channel")
    said = sorted((x.content for x in of(log, topics.QUALITY)), key=lambda q: q.t)
    y = fig.panel("usable", (0.0, 1.0), ((0.0, "0 %"), (1.0, "100 %")), 80)
    times = np.array([q.t for q in said])
    overall = np.array([[q.overall] for q in said])
    for part in svg.runs(times, HOLE):
        t, v = svg.bins(times[part], overall[part], LIMIT, np.min)
        fig.canvas.path(
            [(fig.x(x), y(float(z[0]))) for x, z in zip(t, v, strict=True)], svg.QUALITY
        )
    fig.y += 8
    for name in names:
        fig.label(name, fig.y + 9)
        fig.canvas.line((LEFT, fig.y + 6), (RIGHT, fig.y + 6))
        flags = [(q.t, any(c.name == name and not c.ok for c in q.channels)) for q in said]
        for start, end, state in held([(t, "bad" if bad else "ok") for t, bad in flags], a.end):
            if state == "bad":
                x = fig.x(start)
                fig.canvas.rect(
                    (x, fig.y + 2, fig.x(end) - x, 9), svg.QUALITY, f"{name} not usable"
                )
        fig.y += 14
    fig.y += 4
    windows = [(t_last(x.content), x.content.valid) for x in of(log, topics.WINDOW)]
    invalid = held([(t, "RUN" if ok else "SAFE") for t, ok in windows], a.end)
    fig.strip("windows left out", [p for p in invalid if p[2] == "SAFE"])
    _starts(fig, a)
    return fig.close()


def _starts(fig: TimeFigure, a: Analysis) -> None:
    fig.label("started again", fig.y + 13)
    seen: set[str] = set()
    for life in a.lives:
        if life.service in seen:
            x = fig.x(life.first)
            fig.canvas.line((x, fig.y + 2), (x, fig.y + STRIP - 2), svg.INK, 2)
            fig.canvas.text((x + 5, fig.y + 13), life.service, style="tick")
        seen.add(life.service)
    fig.y += STRIP + 5


def played(a: Analysis, log: Log, clock: PlayerClock) -> str:
    """Draw gains and level of what was played, with its fades, sections and safety states."""
    height = 26 + 3 * (STRIP + 5) + 110 + 16 + 6 + 50 + 16 + 22
    fig = TimeFigure(a, height, "What was played over time, with fades and safety states")
    fig.strip("heard", audible(log, clock).pieces(a.start, a.end))
    _numbers(fig, a)
    gain = fig.panel("gain", (0.0, 1.0), ((0.0, "0"), (1.0, "1")), 110)
    fig.y += 6
    level = fig.panel("level", (-60.0, 0.0), ((-60.0, "−60 dB"), (0.0, "0 dB")), 50)
    sections: list[tuple[float, str]] = []
    for start, said in by_start(of(log, topics.NOW)).items():
        times = np.array([clock.rig(start, x.content.frame) for x in said])
        table = np.array([(*x.content.gains, x.content.level_db) for x in said])
        sections += [(t, f"{x.content.section + 1}") for t, x in zip(times, said, strict=True)]
        for part in svg.runs(times, HOLE):
            t, v = svg.bins(times[part], table[part], LIMIT)
            xs = [fig.x(z) for z in t]
            for i, name in ((1, "neutral"), (0, "negative"), (2, "positive")):
                points = [(x, gain(g)) for x, g in zip(xs, v[:, i], strict=True)]
                fig.canvas.path(points, svg.COLOURS[name], 1.8)
            fig.canvas.path([(x, level(g)) for x, g in zip(xs, v[:, 3], strict=True)], svg.INK, 1.2)
    _named_strip(fig, "section", Steps.of(sections).pieces(a.start, a.end))
    safety = Steps.of((s.t, s.state) for s in a.safety).pieces(a.start, a.end)
    _named_strip(fig, "safety", safety)
    return fig.close()


def _named_strip(fig: TimeFigure, name: str, pieces: Sequence[tuple[float, float, str]]) -> None:
    y = fig.y
    fig.strip(name, pieces)
    for a, b, state in pieces:
        if fig.x(b) - fig.x(a) > 7 * len(state) + 6:
            dark = state in ("SAFE", "STOP")
            fig.canvas.text((fig.x(a) + 5, y + 13), state, style="onDark" if dark else "tick")
        fig.canvas.line((fig.x(a), y), (fig.x(a), y + STRIP), "#ffffff", 1.5)


def _numbers(fig: TimeFigure, a: Analysis) -> None:
    """Write the numbers that the changes have in the table; where it is crowded, some."""
    last = -np.inf
    for number, change in enumerate(a.changes, start=1):
        x = fig.x(change.t)
        fig.canvas.line((x, fig.y - 4), (x, fig.y), svg.SOFT)
        if x - last > 16:
            fig.canvas.text((x, fig.y + 10), f"{number}", "middle", "tick")
            last = x
    fig.y += 14


def budget(a: Analysis) -> str:
    """Draw where the time between a feeling and its sound goes, delay after delay."""
    lines = [(line, line.typical) for line in a.budget if line.typical is not None]
    left, right, row = 330.0, 1040.0, 24.0
    canvas = svg.Canvas(WIDTH, row * len(lines) + 34, "Latency budget, delay after delay")
    x = svg.Scale((0.0, sum(t for _, t in lines)), (left, right))
    for t in svg.ticks(0.0, x.high, 10):
        canvas.line((x(t), 0), (x(t), row * len(lines)))
        canvas.text((x(t), row * len(lines) + 17), f"{t:g} s", "middle", "tick")
    begin = 0.0
    for i, (line, seconds) in enumerate(lines):
        y = i * row
        canvas.text((left - 12, y + 15), line.name, "end", "row")
        canvas.rect((x(begin), y + 4, max(x(begin + seconds) - x(begin), 1.5), row - 8),
                    KINDS[line.kind], f"{line.name}: {milliseconds(seconds)} ms")  # fmt: skip
        words = f"{milliseconds(seconds)} ms"
        canvas.text((x(begin + seconds) + 6, y + 16), words, style="tick")
        begin += seconds
    return canvas.svg()
