"""The one thing that makes sound: layers in step, and gains that move between them.

Live, offline and in tests the same object renders the same frames. It works in control blocks of
480 frames counted from its first frame; whoever asks the engine for other sizes gets cuts of these
(`player.music.blocks`), so that the sizes asked for cannot change a bit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS, Affect, Fade

from ..deciding.presets import PRESETS, Rule
from ..settings import BLOCK, PlayerSettings
from . import crossfade, homecoming
from .crossfade import Base, Curve, Pairs
from .homecoming import Homecoming, Veil
from .material import Material
from .mixer import Mixer
from .moves import Moves
from .score import SEAM, Score, Spot, bar_of

Frames = npt.NDArray[np.float32]


class View(NamedTuple):
    """What is heard at one frame."""

    gains: Base
    audible: Affect
    fade: Fade | None
    """The running fade, else the next one."""
    spot: Spot
    """In an ending the position counts from its beginning, which is a bar line, too."""
    level: float = 1.0
    """Linear level of the music: it falls where the music ends, and is 0 from there on."""

    @property
    def level_db(self) -> float:
        """The same in dB; minus infinity for silence."""
        return 20.0 * math.log10(self.level) if self.level > 0.0 else -math.inf


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
        self.heard = [0, 0, 0]
        """Frames in which each layer, in the order of `AFFECTS`, had a gain so far."""
        self.marks: list[Mark] = []
        self._material = material
        self._score = Score(material, settings.loops)
        self._moves = Moves(PRESETS[settings.preset], self._score, place, self._mark)
        self._home: Homecoming | None = None
        self._events: list[tuple[int, str]] = []
        self._turn = self._score.spot(place).turn
        self._rho = (self._rho_at(0), self._rho_at(BLOCK))
        self._curve = Curve()
        self._veil = Veil()
        self._mixer = Mixer(material, self._score, self._moves, self._curve)

    # -- asking ----------------------------------------------------------------------------------

    @property
    def goal(self) -> Affect:
        """What was asked for last."""
        return self._moves.goal

    @property
    def fade_end(self) -> int | None:
        """Frame at which the last fade that has begun ends.

        Where the continuous mix leaves a pole, the frame by which it is silent.
        """
        return self._moves.fade_end

    @property
    def heading(self) -> Affect:
        """The layer that is heard alone once the running fade is over.

        In the continuous mix the pole towards which it goes, however far, or neutral.
        """
        return self._moves.heading

    @property
    def waiting(self) -> bool:
        """True where a fade is planned that has not begun: it may still be withdrawn."""
        return self._moves.coming is not None

    @property
    def coming(self) -> Fade | None:
        """The fade that is planned and has not begun."""
        return self._moves.coming

    def over(self, affect: Affect, frame: int) -> int:
        """Return when a fade from what is heading to another affect would be over.

        Parameters
        ----------
        affect : {"negative", "neutral", "positive"}
            Not the one that is heading.
        frame : int
            At which it would be asked for.
        """
        return self._moves.over(affect, frame)

    def begun_since(self, frame: int) -> int:
        """Return how many fades have begun after `frame`."""
        return self._moves.begun_since(frame)

    def request(self, affect: Affect, rule: Rule | None = None, at: int | None = None) -> None:
        """Ask for an affect from the next control block on.

        Parameters
        ----------
        affect : {"negative", "neutral", "positive"}
            One of the bank's. Asking for what is already heard, or on its way, drops a fade that
            has not begun.
        rule : Rule or None
            Overrides the preset's row, and its way through neutral.
        at : int or None
            Frame at which the fade begins, whatever the row says of beats and bars; `fade_end` or
            a bar of neutral that has to come first may put it off.

        Raises
        ------
        ValueError
            If the bank has no such affect, or the frame has been rendered.
        """
        self._have(affect)
        if at is not None and at < self.frame:
            raise ValueError(f"Frame {at} has been rendered; the next one is {self.frame}.")
        self._moves.request(affect, rule, at)

    def glide(self, valence: float) -> None:
        """Follow a valence in the continuous mix, from the next control block on.

        The direction of the gains turns |valence| · 90° from neutral to the pole of its sign, with
        bounded speed and acceleration (`player.music.glide`). A fade that is planned or runs comes
        first; `request` is what interrupts a glide, and drops what was asked for here before.

        Parameters
        ----------
        valence : float
            −1: negative alone; 0: neutral alone; 1: positive alone.

        Raises
        ------
        ValueError
            If it lies outside −1…1 or is no number, or the bank lacks that pole.
        """
        if not -1.0 <= valence <= 1.0:
            raise ValueError(f"The valence is {valence}, it must lie within -1 and 1.")
        if valence:
            self._have("positive" if valence > 0.0 else "negative")
        self._moves.glide(valence)

    def come_back(self) -> int:
        """End the music (`player.music.homecoming`); return the frame at which all is over.

        A fade that has not begun is dropped. Asked for again, it goes on as it does.
        """
        if self._home is None:
            self._moves.settle_down()
            self._home = homecoming.plan(self._material, self._score, self.place, self.frame)
            self._events = self._home.events()
        return self._home.over

    def _have(self, affect: Affect) -> None:
        if affect not in self._material.affects:
            raise ValueError(f"The bank has {self._material.affects}, not {affect!r}.")

    # -- knowing ---------------------------------------------------------------------------------

    def view(self, frame: int) -> View:
        """Return what is heard at a frame of the current control block, or its border.

        Only what has begun already is known: call `settle` first at a border.
        """
        moves = self._moves
        gains = crossfade.gains(moves.direction(frame), self._rho_near(frame))
        # Half-way both are equal but for rounding: from there on it is the new one that is heard.
        loudest = max(range(3), key=lambda i: gains[i] + (1e-9 if i == moves.to else 0.0))
        level = 1.0 if self._home is None else self._home.level(frame)
        fade = moves.running or moves.coming
        return View(gains, AFFECTS[loudest], fade, self._spot(frame), level)

    def _spot(self, frame: int) -> Spot:
        home = self._home
        if home and home.at(frame):
            return home.spot(frame, self._turn)
        return self._score.spot(self.place + frame)

    def _rho_at(self, frame: int) -> Pairs:
        home = self._home
        ending = home.at(frame) if home else None
        if home and ending:
            return ending.rho[bar_of(ending.bars, frame - home.start)]
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
        self._moves.happen(frame)
        while self._events and frame >= self._events[0][0]:
            self._mark(*self._events.pop(0))
        turn = self._spot(frame).turn
        if turn != self._turn:
            self._turn = turn
            self._mark(frame, "section")

    def _mark(self, frame: int, why: str) -> None:
        self.marks.append(Mark(frame, why, self.view(frame)))

    def render_block(self, out: Frames) -> None:
        """Fill `out` with the next control block.

        Parameters
        ----------
        out : array of shape (480, 2)
            Linear, before level and limiter. Written in place; nothing is allocated.
        """
        begin, end = self.frame, self.frame + BLOCK
        self._moves.begin_block()
        frame = begin
        while frame < end:
            self._happen(frame)
            stop = self._until(frame, end)
            self._span(out[frame - begin : stop - begin], frame, stop)
            frame = stop
        self._moves.end_block()
        self._rho = (self._rho[1], self._rho_at(end + BLOCK))
        self.frame = end

    def _until(self, frame: int, end: int) -> int:
        """Return the end of the span that begins with `frame` and holds no event within."""
        stop = self._moves.until(end)
        stop = self._home.until(frame, stop) if self._home else stop
        spot = self._spot(frame)
        stop = min(stop, frame + spot.left)
        if spot.position < SEAM:
            stop = min(stop, frame + SEAM - spot.position)
        return max(stop, frame + 1)

    def _span(self, out: Frames, frame: int, stop: int) -> None:
        home = self._home
        if home and frame >= home.silent:
            self._mixer.after(out, home, frame)
            return
        if self._moves.alone is None:
            a, b = self._rho
            slope = ((b[0] - a[0]) / BLOCK, (b[1] - a[1]) / BLOCK, (b[2] - a[2]) / BLOCK)
            self._moves.fill(self._curve, frame, stop - frame, self._rho_near(frame), slope)
        if home and home.at(frame):
            self._mixer.ending(out, home, frame)
        else:
            self._mixer.loop(out, self._score.spot(self.place + frame))
        if home and frame >= home.fade:
            self._veil.lay(out, frame, home)
        for i in range(3):
            if self._moves.shares(i):
                self.heard[i] += stop - frame
