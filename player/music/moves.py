"""Whereto the mixture moves: fades that are asked for, and the glide of the continuous mix.

    what is asked for       when it begins               until then
    ----------------------  ---------------------------  -------------------------------------------
    a fade (`request`)      as the preset's row says, or all goes on as it is; it may be withdrawn
                            exactly at a frame           or turned
    a valence (`glide`)     with the next control block  the newest is kept while a fade is planned
                                                         or runs: a fade always comes first

A fade begins at whatever direction is heard, a running fade's or a glide's; a glide begins at the
layer at which the last fade ended. Asking for the affect that is heading already changes nothing
but drops a planned fade: the glide then stays with its target.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from rym.messages import AFFECTS, Affect, Fade

from ..deciding.presets import Preset, Rule
from ..settings import BLOCK, RATE
from . import crossfade
from .crossfade import Base, Curve, Pairs
from .glide import Glide, place_of
from .score import Score

NEUTRAL = AFFECTS.index("neutral")
_ONLY_NEUTRAL = crossfade.only(NEUTRAL)


def _layer(place: float) -> int:
    """Return neutral or the pole on which side a place lies."""
    return NEUTRAL + (place > 0.0) - (place < 0.0)


class Moves:
    """The direction of the gains at every frame.

    Parameters
    ----------
    preset : Preset
        When fades begin, and how long they take.
    score : Score
        Bars and beats.
    place : int
        Frames since the music's origin at which frame 0 lies.
    tell : callable
        Called with the frame and a word where a fade begins, is half-way, and ends.
    """

    def __init__(
        self, preset: Preset, score: Score, place: int, tell: Callable[[int, str], None]
    ) -> None:
        self.frame = 0
        """Border of the control block that is rendered or comes next."""
        self.goal: Affect = "neutral"
        """What was asked for last."""
        self.running: Fade | None = None
        self.coming: Fade | None = None
        """Planned, and not begun."""
        self._preset = preset
        self._score = score
        self._place = place
        self._tell = tell
        self._base: Base = _ONLY_NEUTRAL
        self._to = NEUTRAL
        self._glide: Glide | None = None
        self._parked = Glide()
        self._wanted: float | None = None
        self._pole: int | None = None
        self._halved = True
        self._fade_end: int | None = None
        self._starts: deque[int] = deque(maxlen=1024)

    # -- asking ----------------------------------------------------------------------------------

    def request(self, affect: Affect, rule: Rule | None, at: int | None) -> None:
        """Plan a fade to an affect, or drop the planned one: see `Timeline.request`."""
        self._wanted = None
        if affect == self.goal and rule is None and at is None:
            return
        self.goal = affect
        self._plan(self.frame, rule, at)

    def glide(self, valence: float) -> None:
        """Follow a valence from the next control block on: see `Timeline.glide`."""
        self._wanted = valence
        if self.coming is None and self.running is None:
            self._follow()

    def settle_down(self) -> None:
        """Drop what has not begun; a fade or a glide that runs goes on to its end."""
        self.coming = self._wanted = None
        self.goal = self.heading

    def _follow(self) -> None:
        assert self._wanted is not None
        if self._glide is None:
            self._glide = self._parked
            self._glide.put(float(self._to - NEUTRAL))
        self._glide.target = place_of(self._wanted)
        self._wanted = None
        self._to = _layer(self._glide.target)
        self.goal = AFFECTS[self._to]

    def _plan(self, now: int, rule: Rule | None = None, at: int | None = None) -> None:
        self.coming = None
        goal = AFFECTS.index(self.goal)
        there = goal == self._to
        if there and (rule is None or self.alone == goal):
            return
        to, earliest = (goal, now) if rule else self._step(goal, now)
        if rule is None:
            rule = self._preset.rules[AFFECTS[self._to], AFFECTS[to]]
        start = at if at is not None and at >= earliest else self._start(rule, earliest)
        length = self._length(rule, start)
        if there and self._arrives(goal) <= start + length:
            return
        self.coming = self._fade(to, start, length)

    def _arrives(self, goal: int) -> float:
        """Return by when a layer that is heading is heard alone, if nothing else happens."""
        if self.running:
            return self.running.end
        if self._glide is None or goal != NEUTRAL:
            return float("inf")  # a glide towards a pole may stop half-way
        return self.frame + self._glide.to_neutral()

    def _step(self, goal: int, now: int) -> tuple[int, int]:
        """Return the next layer on the way to the goal and the first frame at which to go there."""
        opposite = 2 - goal
        if not self._preset.through_neutral or goal == NEUTRAL:
            return goal, now
        if self._to == opposite:
            return NEUTRAL, now
        if self._pole != opposite or self._fade_end is None:
            return goal, now
        return goal, max(now, self._fade_end + self._bar_length(self._fade_end))

    def _start(self, rule: Rule, earliest: int) -> int:
        m = self._place + earliest
        if rule.when == "at once":
            return earliest
        if rule.when == "next bar":
            bar = self._score.next_bar(m)
            if bar - m <= rule.patience * RATE:
                return bar - self._place
        if rule.when == "next half-beat":
            return self._score.next_half_beat(m) - self._place
        return self._score.next_beat(m) - self._place

    def _bar_length(self, frame: int) -> int:
        return self._score.bar_length(self._place + frame)

    def _length(self, rule: Rule, start: int) -> int:
        unit = RATE if rule.unit == "seconds" else self._bar_length(start)
        return max(1, round(rule.fade * unit))

    def _fade(self, to: int, start: int, length: int) -> Fade:
        share = crossfade.half(self.direction(start), to)
        middle = start + min(length, max(0, int(np.ceil(share * length))))
        return Fade(to=AFFECTS[to], start=start, half=middle, end=start + length)

    # -- knowing ---------------------------------------------------------------------------------

    @property
    def heading(self) -> Affect:
        """The layer that is heard alone once the fade is over, or towards which it glides."""
        return AFFECTS[self._to]

    @property
    def to(self) -> int:
        """The number of the layer that is heading."""
        return self._to

    @property
    def fade_end(self) -> int | None:
        """Frame at which the last fade that has begun ends, or a pole that the glide leaves."""
        glide = self._glide
        if glide is None or _layer(glide.side) in (NEUTRAL, self._to):
            return self._fade_end
        return self.frame + glide.to_neutral()

    @property
    def alone(self) -> int | None:
        """The layer that is heard alone within this block as far as is known; None: a mixture."""
        if self.running:
            return None
        glide = self._glide
        if glide is None:
            return self._to
        return NEUTRAL + int(glide.at) if glide.still and glide.at in (-1.0, 0.0, 1.0) else None

    def over(self, affect: Affect, frame: int) -> int:
        """Return when a fade to another affect, asked for at `frame`, would be over."""
        rule = self._preset.rules[self.heading, affect]
        start = self._start(rule, frame)
        return start + self._length(rule, start)

    def begun_since(self, frame: int) -> int:
        """Return how many fades have begun after `frame`."""
        return sum(start > frame for start in self._starts)

    def direction(self, frame: int) -> Base:
        """Return the direction at a frame of this control block; later ones are not known yet."""
        fade = self.running
        if fade:
            share = (frame - fade.start) / (fade.end - fade.start)
            return crossfade.turn(self._base, self._to, share)
        alone = self.alone
        if self._glide is None or alone is not None:
            return crossfade.only(self._to if alone is None else alone)
        i = min(BLOCK, max(0, frame - self.frame))
        return crossfade.turn(
            _ONLY_NEUTRAL, _layer(self._glide.side), abs(self._glide.course(i)[0])
        )

    def shares(self, layer: int) -> bool:
        """Return True where a layer has a gain in the span that is rendered."""
        alone = self.alone
        if alone is not None:
            return layer == alone
        if self.running:
            return layer == self._to or self._base[layer] > 0.0
        assert self._glide is not None
        return layer in (NEUTRAL, _layer(self._glide.side))

    # -- moving ----------------------------------------------------------------------------------

    def begin_block(self) -> None:
        """Move on by one control block; the glide is known up to its end from here on."""
        if self._wanted is not None and self.coming is None and self.running is None:
            self._follow()
        if self._glide:
            self._glide.step()

    def end_block(self) -> None:
        """Be at the next border, where the glide stands at its block's end."""
        self.frame += BLOCK
        if self._glide:
            self._glide.arrive()

    def happen(self, frame: int) -> None:
        """Let everything happen that is due at a frame."""
        fade = self.running
        if fade and not self._halved and frame >= fade.half:
            self._halved = True
            self._tell(fade.half, "half-way")
        if fade and frame >= fade.end:
            self.running = None
            self._base = crossfade.only(self._to)
            self._tell(fade.end, "faded")
        if self.coming and frame >= self.coming.start:
            self._begin(self.coming)

    def _begin(self, fade: Fade) -> None:
        length = fade.end - fade.start
        self._base = self.direction(fade.start)
        left = self._to if self._glide is None else _layer(self._glide.side)
        if left != NEUTRAL:
            self._pole = left
        self._glide = None
        self._to = AFFECTS.index(fade.to)
        share = crossfade.half(self._base, self._to)
        middle = fade.start + min(length, int(np.ceil(share * length)))
        self.running = Fade(to=fade.to, start=fade.start, half=middle, end=fade.end)
        self._halved = False
        self._fade_end = fade.end
        self._starts.append(fade.start)
        self._tell(fade.start, "fade")
        self._plan(fade.start)

    def until(self, stop: int) -> int:
        """Return the first frame up to `stop` at which something happens."""
        if self.coming:
            stop = min(stop, self.coming.start)
        if self.running:
            if not self._halved:
                stop = min(stop, self.running.half)
            stop = min(stop, self.running.end)
        return stop

    def fill(self, curve: Curve, frame: int, n: int, rho: Pairs, slope: Pairs) -> None:
        """Put the gains of `n` frames into `curve`, where more than one layer is heard."""
        if self.running:
            step = 1.0 / (self.running.end - self.running.start)
            t = ((frame - self.running.start) * step, step, 0.0)
            curve.fill(n, self._base, self._to, t=t, rho=rho, slope=slope)
        elif self._glide:
            pole = _layer(self._glide.side)
            t = self._glide.course(frame - self.frame)
            curve.fill(n, _ONLY_NEUTRAL, pole, t=t, rho=rho, slope=slope)
