"""The one thing that makes sound: layers in step, and gains that move between them.

Live, offline and in tests the same object renders the same frames. It works in control blocks of
480 frames counted from its first frame; whoever asks for other sizes gets cuts of these, so that
the sizes asked for cannot change a bit.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS, Affect, Fade

from ..deciding.presets import PRESETS, Preset, Rule
from ..settings import BLOCK, RATE, PlayerSettings
from . import crossfade
from .blocks import Blocks
from .crossfade import Base, Curve, Pairs
from .material import Material
from .score import Score, Spot

Frames = npt.NDArray[np.float32]

NEUTRAL = AFFECTS.index("neutral")
SEAM = BLOCK
"""Frames over which one section takes over from another: the old one's loop goes on underneath, so
that the waveform does not break where the new one begins."""


class View(NamedTuple):
    """What is heard at one frame."""

    gains: Base
    audible: Affect
    fade: Fade | None
    """The running fade, else the next one."""
    spot: Spot


class Mark(NamedTuple):
    """A change of what is heard, at its frame."""

    frame: int
    why: str
    view: View


class Timeline:
    """Renders the music frame by frame.

    Parameters
    ----------
    material : Material
        The bank's arrays; never written to.
    settings : PlayerSettings
        Preset and loops are used.
    place : int
        Frames since the music's origin at which this timeline begins; its own count starts at 0.
    """

    def __init__(self, material: Material, settings: PlayerSettings, *, place: int = 0) -> None:
        self.place = place
        self.frame = 0
        """Next frame to be rendered; always the border of a control block."""
        self.goal: Affect = "neutral"
        """What was asked for last."""
        self.fade_end: int | None = None
        """Frame at which the last fade that has begun ends."""
        self.heard = [0, 0, 0]
        """Frames in which each layer, in the order of `AFFECTS`, had a gain so far."""
        self.marks: list[Mark] = []
        self._material = material
        self._preset: Preset = PRESETS[settings.preset]
        self._score = Score(material, settings.loops)
        self._base: Base = crossfade.only(NEUTRAL)
        self._to = NEUTRAL
        self._running: Fade | None = None
        self._next: Fade | None = None
        self._pole: int | None = None
        self._halved = True
        self._starts: deque[int] = deque(maxlen=1024)
        self._turn = self._score.spot(place).turn
        self._rho = (self._rho_at(0), self._rho_at(BLOCK))
        self._curve = Curve()
        self._work = np.empty((BLOCK, 2), dtype=np.float32)
        self._under = np.empty((BLOCK, 2), dtype=np.float32)
        rise = (1.0 - np.cos(np.pi * (np.arange(SEAM) + 0.5) / SEAM)) / 2.0
        self._rise = rise.astype(np.float32)[:, None]
        self._fall = (1.0 - rise).astype(np.float32)[:, None]
        self._block = Blocks(self.render_block)

    # -- asking ----------------------------------------------------------------------------------

    @property
    def heading(self) -> Affect:
        """The layer that is heard alone once the running fade is over."""
        return AFFECTS[self._to]

    @property
    def waiting(self) -> bool:
        """True where a fade is planned that has not begun: it may still be withdrawn."""
        return self._next is not None

    @property
    def coming(self) -> Fade | None:
        """The fade that is planned and has not begun."""
        return self._next

    def over(self, affect: Affect, frame: int) -> int:
        """Return when a fade from what is heading to another affect would be over.

        Parameters
        ----------
        affect : {"negative", "neutral", "positive"}
            Not the one that is heading.
        frame : int
            At which it would be asked for.
        """
        rule = self._preset.rules[self.heading, affect]
        start = self._start(rule, frame)
        return start + self._length(rule, start)

    def begun_since(self, frame: int) -> int:
        """Return how many fades have begun after `frame`."""
        return sum(start > frame for start in self._starts)

    def request(self, affect: Affect, rule: Rule | None = None) -> None:
        """Ask for an affect from the next control block on.

        Parameters
        ----------
        affect : {"negative", "neutral", "positive"}
            One of the bank's. Asking for what is already heard, or on its way, drops a fade that
            has not begun.
        rule : Rule or None
            Overrides the preset's row, and its way through neutral.

        Raises
        ------
        ValueError
            If the bank has no such affect.
        """
        if affect not in self._material.affects:
            raise ValueError(f"The bank has {self._material.affects}, not {affect!r}.")
        if affect == self.goal and rule is None:
            return
        self.goal = affect
        self._plan(self.frame, rule)

    def _plan(self, now: int, rule: Rule | None = None) -> None:
        self._next = None
        goal = AFFECTS.index(self.goal)
        there = goal == self._to
        if there and (rule is None or self._running is None):
            return
        to, earliest = (goal, now) if rule else self._step(goal, now)
        rule = rule or self._preset.rules[AFFECTS[self._to], AFFECTS[to]]
        start = self._start(rule, earliest)
        length = self._length(rule, start)
        if there and self._running and self._running.end <= start + length:
            return
        self._next = self._fade(to, start, length)

    def _step(self, goal: int, now: int) -> tuple[int, int]:
        """Return the next layer on the way to the goal and the first frame at which to go there."""
        opposite = 2 - goal
        if not self._preset.through_neutral or goal == NEUTRAL:
            return goal, now
        if self._to == opposite:
            return NEUTRAL, now
        if self._pole != opposite or self.fade_end is None:
            return goal, now
        return goal, max(now, self.fade_end + self._score.bar_length(self.place + self.fade_end))

    def _start(self, rule: Rule, earliest: int) -> int:
        m = self.place + earliest
        if rule.when == "at once":
            return earliest
        if rule.when == "next bar":
            bar = self._score.next_bar(m)
            if bar - m <= rule.patience * RATE:
                return bar - self.place
        return self._score.next_beat(m) - self.place

    def _length(self, rule: Rule, start: int) -> int:
        unit = RATE if rule.unit == "seconds" else self._score.bar_length(self.place + start)
        return max(1, round(rule.fade * unit))

    def _fade(self, to: int, start: int, length: int) -> Fade:
        share = crossfade.half(self._base_at(start), to)
        middle = start + min(length, max(0, int(np.ceil(share * length))))
        return Fade(to=AFFECTS[to], start=start, half=middle, end=start + length)

    # -- knowing ---------------------------------------------------------------------------------

    def view(self, frame: int) -> View:
        """Return what is heard at a frame of the current control block, or its border.

        Only what has begun already is known: call `settle` first at a border.
        """
        gains = crossfade.gains(self._base_at(frame), self._rho_near(frame))
        # Half-way both are equal but for rounding: from there on it is the new one that is heard.
        loudest = max(range(3), key=lambda i: gains[i] + (1e-9 if i == self._to else 0.0))
        spot = self._score.spot(self.place + frame)
        return View(gains, AFFECTS[loudest], self._running or self._next, spot)

    def _base_at(self, frame: int) -> Base:
        if self._running is None:
            return crossfade.only(self._to)
        length = self._running.end - self._running.start
        return crossfade.turn(self._base, self._to, (frame - self._running.start) / length)

    def _rho_at(self, frame: int) -> Pairs:
        return self._score.rho(self.place + frame)

    def _rho_near(self, frame: int) -> Pairs:
        share = (frame - self.frame) / BLOCK
        a, b = self._rho
        return (
            a[0] + share * (b[0] - a[0]),
            a[1] + share * (b[1] - a[1]),
            a[2] + share * (b[2] - a[2]),
        )

    # -- moving ----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything that is due at `frame` happen, without rendering."""
        self._happen(self.frame)

    def _happen(self, frame: int) -> None:
        fade = self._running
        if fade and not self._halved and frame >= fade.half:
            self._halved = True
            self._mark(fade.half, "half-way")
        if fade and frame >= fade.end:
            self._running = None
            self._base = crossfade.only(self._to)
            self._mark(fade.end, "faded")
        if self._next and frame >= self._next.start:
            self._begin(self._next)
        turn = self._score.spot(self.place + frame).turn
        if turn != self._turn:
            self._turn = turn
            self._mark(frame, "section")

    def _begin(self, fade: Fade) -> None:
        length = fade.end - fade.start
        self._base = self._base_at(fade.start)
        if self._to != NEUTRAL:
            self._pole = self._to
        self._to = AFFECTS.index(fade.to)
        share = crossfade.half(self._base, self._to)
        middle = fade.start + min(length, int(np.ceil(share * length)))
        self._running = Fade(to=fade.to, start=fade.start, half=middle, end=fade.end)
        self._halved = False
        self.fade_end = fade.end
        self._starts.append(fade.start)
        self._mark(fade.start, "fade")
        self._plan(fade.start)

    def _mark(self, frame: int, why: str) -> None:
        self.marks.append(Mark(frame, why, self.view(frame)))

    def render(self, out: Frames) -> None:
        """Fill `out` with the next frames.

        Parameters
        ----------
        out : array of shape (n_times, 2)
            Linear, before level and limiter. Written in place; nothing is allocated.
        """
        self._block.render(out)

    def render_block(self, out: Frames) -> None:
        """Fill `out`, of shape (480, 2), with the next control block."""
        begin, end = self.frame, self.frame + BLOCK
        frame = begin
        while frame < end:
            self._happen(frame)
            stop = self._until(frame, end)
            self._span(out[frame - begin : stop - begin], frame, stop)
            self._count(stop - frame)
            frame = stop
        self._rho = (self._rho[1], self._rho_at(end + BLOCK))
        self.frame = end

    def _count(self, n: int) -> None:
        for i in range(3):
            if i == self._to or (self._running and self._base[i] > 0.0):
                self.heard[i] += n

    def _until(self, frame: int, end: int) -> int:
        """Return the end of the span that begins with `frame` and holds no event within."""
        spot = self._score.spot(self.place + frame)
        stop = min(end, frame + spot.left)
        if spot.position < SEAM:
            stop = min(stop, frame + SEAM - spot.position)
        if self._next:
            stop = min(stop, self._next.start)
        if self._running:
            if not self._halved:
                stop = min(stop, self._running.half)
            stop = min(stop, self._running.end)
        return max(stop, frame + 1)

    def _span(self, out: Frames, frame: int, stop: int) -> None:
        n = stop - frame
        spot = self._score.spot(self.place + frame)
        if self._running:
            self._fill_gains(frame, n)
        self._mix(out, spot.section, spot.variant, spot.position)
        if spot.position < SEAM and spot.turn > 0:
            before = self._score.clip(spot.turn - 1)
            if before != (spot.section, spot.variant):
                under = self._under[:n]
                self._mix(under, *before, spot.position)
                cut = slice(spot.position, spot.position + n)
                np.multiply(out, self._rise[cut], out=out)
                np.multiply(under, self._fall[cut], out=under)
                np.add(out, under, out=out)

    def _fill_gains(self, frame: int, n: int) -> None:
        assert self._running is not None
        step = 1.0 / (self._running.end - self._running.start)
        a, b = self._rho
        slope = ((b[0] - a[0]) / BLOCK, (b[1] - a[1]) / BLOCK, (b[2] - a[2]) / BLOCK)
        t = ((frame - self._running.start) * step, step)
        self._curve.fill(n, self._base, self._to, t=t, rho=self._rho_near(frame), slope=slope)

    def _mix(self, out: Frames, section: int, variant: int, position: int) -> None:
        layers = self._material.sections[section].sounds[variant]
        n = len(out)
        if self._running is None:
            sound = layers[self._to]
            assert sound is not None
            np.copyto(out, sound[position : position + n])
            return
        out.fill(0.0)
        work = self._work[:n]
        for i, sound in enumerate(layers):
            if sound is not None and (self._base[i] > 0.0 or i == self._to):
                gain = self._curve.gains[i][:n, None]
                np.multiply(sound[position : position + n], gain, out=work)
                np.add(out, work, out=out)
