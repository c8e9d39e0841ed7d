"""Where the music is: section, variant, bars and beats as a function of the frame alone.

Every section is played `loops` times, in order; after the last comes the first again with the next
variant; what the material leaves out is passed over. Since the place depends on nothing but the
frame count, a player that was started again knows where the music would be.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ..settings import BLOCK
from .crossfade import Pairs
from .material import Material

SEAM = BLOCK
"""Frames over which one section takes over from another, or an ending from its loop: the old one
goes on underneath, so that the waveform does not break where the new one begins."""


class Spot(NamedTuple):
    """One frame's place."""

    section: int
    variant: int
    position: int
    """Frames since the section's beginning."""
    left: int
    """Frames up to the section's end, at least 1."""
    turn: int
    """Counts the sections played since the music's first frame."""


class Score:
    """The order of sections, as a grid.

    Parameters
    ----------
    material : Material
        What is played.
    loops : int
        Times that each section is played before the next.
    """

    def __init__(self, material: Material, loops: int) -> None:
        self._material = material
        self._turns = [stretch for stretch in material.turns for _ in range(loops)]
        self._starts: list[int] = []
        self._bars: list[int] = []
        self._beats: list[int] = []
        at = 0
        for number, _ in self._turns:
            section = material.sections[number]
            self._starts.append(at)
            self._bars.extend(at + bar for bar in section.bars)
            self._beats.extend(at + beat for beat in section.beats)
            at += section.n_frames
        self.total = at
        around = [*self._beats, *(at + beat for beat in self._beats[:1])]
        midways = ((a + b) // 2 % at for a, b in pairwise(around))
        self._half_beats = sorted({*self._beats, *midways})

    def clip(self, turn: int) -> tuple[int, int]:
        """Return section and variant of the `turn`-th section played."""
        return self._turns[turn % len(self._turns)]

    def spot(self, m: int) -> Spot:
        """Return the place of the music's frame `m`."""
        cycle, rest = divmod(m, self.total)
        turn = bisect_right(self._starts, rest) - 1
        section, variant = self._turns[turn]
        position = rest - self._starts[turn]
        left = self._material.sections[section].n_frames - position
        return Spot(section, variant, position, left, cycle * len(self._turns) + turn)

    def next_bar(self, m: int) -> int:
        """Return the first frame from `m` on with which a bar begins."""
        return _next(self._bars, self.total, m)

    def next_beat(self, m: int) -> int:
        """Return the first frame from `m` on with which a beat begins."""
        return _next(self._beats, self.total, m)

    def next_half_beat(self, m: int) -> int:
        """Return the first frame from `m` on with a beat, or midway between two."""
        return _next(self._half_beats, self.total, m)

    def bar_length(self, m: int) -> int:
        """Return the number of frames of the bar that holds `m`."""
        end = self.next_bar(m + 1)
        cycle, rest = divmod(end - 1, self.total)
        before = bisect_right(self._bars, rest) - 1
        begin = self._bars[before] + (cycle if before >= 0 else cycle - 1) * self.total
        return end - begin

    def rho(self, m: int) -> Pairs:
        """Return the correlations of the bar that holds `m`."""
        spot = self.spot(m)
        section = self._material.sections[spot.section]
        return section.rho[spot.variant][bar_of(section.bars, spot.position)]


def bar_of(bars: Sequence[int], position: int) -> int:
    """Return the number of the bar that holds a position; what lies before the first is its own."""
    return max(0, bisect_right(bars, position) - 1)


def _next(grid: list[int], total: int, m: int) -> int:
    cycle, rest = divmod(m, total)
    i = bisect_left(grid, rest)
    if i == len(grid):
        return (cycle + 1) * total + grid[0]
    return cycle * total + grid[i]
