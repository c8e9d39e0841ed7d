"""The continuous mix: a place between the poles that follows a valence, smoothly.

A place runs from −1 (negative alone) over 0 (neutral alone) to 1 (positive alone), and turns the
direction of the gains as the time of a fade does: by 45° · (1 − cos π·|place|). So nothing has a
kink where a pole comes in, goes out, or is reached, however fast the place itself moves there.

The valence names an angle (|v| · 90° from neutral), which is turned into a place. The place moves
towards it with bounded speed and bounded acceleration, and stops there without passing it: in each
control block the speed is the largest from which it can still come to rest at the target, slowing
down by `_PULL` a block (discrete time-optimal control of a double integrator). On its way to the
other pole it comes to rest at neutral, so that a pole which is not the target is never touched.
"""

from __future__ import annotations

import math

from ..settings import BLOCK, RATE

SWING = 4.0
"""Seconds from neutral to a pole at full speed: the decoder's answers are a second of EEG each and
scatter, and a mixture that followed faster would say so aloud."""
GATHER = 0.5
"""Seconds from rest to full speed: the gains bend less than in the fade of 0.4 s of `close`."""

_FASTEST = BLOCK / (SWING * RATE)
"""Largest way of one control block."""
_PULL = _FASTEST * BLOCK / (GATHER * RATE)
"""Largest change of it from one block to the next."""
_THERE = 1e-9
"""What rounding may leave of a way; far below what a sample can show."""


def place_of(valence: float) -> float:
    """Return the place at which the direction stands |valence| · 90° from neutral."""
    return math.copysign(math.acos(1.0 - 2.0 * abs(valence)) / math.pi, valence)


class Glide:
    """A place, and how it moves in the control block that is being rendered."""

    def __init__(self) -> None:
        self.target = 0.0
        """Where it goes, −1…1."""
        self.at = 0.0
        """Where it is at the end of the block."""
        self.speed = 0.0
        """Way per block at the end of the block."""
        self._begin = self._before = 0.0

    def put(self, place: float) -> None:
        """Stand still at a place."""
        self.target = self.at = self._begin = place
        self.speed = self._before = 0.0

    @property
    def still(self) -> bool:
        """True where the place does not move within the block."""
        return self.speed == self._before == 0.0

    @property
    def side(self) -> float:
        """The place within the block that lies farthest from neutral: its sign is the pole's."""
        return self._begin if abs(self._begin) > abs(self.at) else self.at

    def step(self) -> None:
        """Go through one control block."""
        self._begin, self._before = self.at, self.speed
        goal = 0.0 if self.at * self.target < 0.0 else self.target
        sign = 1.0 if goal >= self.at else -1.0
        way, speed = sign * (goal - self.at), sign * self.speed
        wanted = min(_FASTEST, _largest(way - speed / 2.0))
        speed = sign * min(max(wanted, speed - _PULL), speed + _PULL)
        self.at += (self._before + speed) / 2.0
        self.speed = speed
        if abs(self.at) < _THERE:  # or rounding would touch the other pole
            self.at = 0.0
        if abs(self.at - goal) < _THERE and abs(speed) < _THERE:
            self.at, self.speed = goal, 0.0

    def arrive(self) -> None:
        """Be at the block's end, before the next one is known."""
        self._begin, self._before = self.at, self.speed

    def course(self, i: int) -> tuple[float, float, float]:
        """Return |place| at frame `i` of the block, its slope, and what a frame adds to that."""
        bend = (self.speed - self._before) / (BLOCK * BLOCK)
        slope = self._before / BLOCK
        place = self._begin + slope * i + bend * i * i / 2.0
        sign = math.copysign(1.0, self.side)
        return sign * place, sign * (slope + bend * i), sign * bend

    def to_neutral(self) -> int:
        """Return a number of frames, after the block, within which it can be at neutral.

        It is not less than what it takes: first to slow down where it moves away, then a way with
        full speed in the middle.
        """
        away = self.speed * self.speed / (2.0 * _PULL)
        blocks = (abs(self.at) + away) / _FASTEST + abs(self.speed) / _PULL + _FASTEST / _PULL
        return (math.ceil(blocks) + 2) * BLOCK


def _largest(way: float) -> float:
    """Return the largest speed from which a way can end in rest.

    With n blocks left the speeds fall evenly to zero and their mean is half the first, so that the
    whole way, this block's share included, is speed · (n + 1) / 2; n is the least number with which
    no block slows down by more than `_PULL`.
    """
    if way <= 0.0:
        return 0.0
    n = max(1, math.ceil((math.sqrt(1.0 + 8.0 * way / _PULL) - 1.0) / 2.0))
    return 2.0 * way / (n + 1)
