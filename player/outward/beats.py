"""The music's beat as MIDI clock: when each tick is heard, from where the player is (pure).

`Played` says a third of a second ahead at which rig time a place in the music is heard. Between
two of them a place and a time lie on one straight line, so that a tick is due at its own place in
the bank's grid of beats, however the messages come. A tick is never sent twice and none is left out
while the music runs on: who follows counts them.

`start` is sent with the first tick of a bar that is heard, `stop` where silence begins, where the
music jumps (the player was started again), and where the player has said nothing for a while.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from rym.bank import Bank
from rym.messages import Played

from ..settings import RATE
from .mapping import Midi

PER_QUARTER = 24
JUMP = 0.1
"""Seconds by which a section's beginning may seem to wander between two messages: an audio device
takes its frames a bufferful at a time."""
LOST = 1.0
"""Seconds without a word of the player after which the clock stands still; it speaks four times a
second."""


class Grid(NamedTuple):
    """Ticks of one section."""

    ticks: tuple[int, ...]
    """Frame of every tick since the section's beginning."""
    bars: frozenset[int]
    """Numbers of those ticks with which a bar begins."""


@dataclass
class _Pass:
    """One time through a section."""

    section: int
    begins: float
    """Rig time at which its first frame is heard, in seconds."""
    next: int
    """Number of the next tick."""
    jumps: bool
    """Whether it does not follow from what was before."""


def grids(bank: Bank) -> dict[int, Grid]:
    """Return the ticks of every section, from its bars."""
    found = {}
    for section in range(bank.n_sections):
        clip = bank.clip(section, 0, "neutral")
        n = clip.beats_per_bar * PER_QUARTER
        edges = (*clip.downbeats, clip.n_samples)
        ticks = [round(a + (b - a) * k / n) for a, b in pairwise(edges) for k in range(n)]
        found[section] = Grid(tuple(ticks), frozenset(range(0, len(ticks), n)))
    return found


class Beats:
    """Turns what the player says into ticks.

    Parameters
    ----------
    grids : dict of int to Grid
        Ticks of each section.
    """

    def __init__(self, grids: dict[int, Grid]) -> None:
        self._grids = grids
        self._passes: deque[_Pass] = deque()
        self._heard = float("-inf")
        self._going = False
        self._sounds: deque[tuple[float, bool]] = deque()
        self._sounding = False

    def hear(self, played: Played, audible_at: float, now: float) -> None:
        """Take in where the player is.

        Parameters
        ----------
        played : Played
            What is heard at its frame.
        audible_at : float
            Rig time at which that is, in seconds.
        now : float
            Rig time in seconds.
        """
        self._heard = now
        self._sounds.append((audible_at, played.heard is not None))
        grid = self._grids.get(played.section)
        if grid is None:
            return
        begins = audible_at - played.position / RATE
        last = self._passes[-1] if self._passes else None
        if last and last.section == played.section and abs(begins - last.begins) < JUMP:
            last.begins = begins
            return
        follows = last is not None and abs(self._end(last) - begins) < JUMP
        if not follows:
            self._passes.clear()
        first = 0 if follows else bisect_left(grid.ticks, played.position)
        self._passes.append(_Pass(played.section, begins, first, jumps=not follows))

    def due(self, now: float) -> list[Midi]:
        """Return what is to be sent at rig time `now`, in order."""
        out: list[Midi] = []
        if now > self._heard + LOST:
            self._passes.clear()
            self._sounds.clear()
            return self.stop()
        while self._sounds and self._sounds[0][0] <= now:
            self._sounding = self._sounds.popleft()[1]
        if not self._sounding:
            out += self.stop()
        while (at := self.next_at()) is not None and at <= now:
            out += self._tick()
        return out

    def next_at(self) -> float | None:
        """Return the rig time of the next tick, in seconds; None where none is known."""
        while self._passes:
            here = self._passes[0]
            ticks = self._grids[here.section].ticks
            if here.next < len(ticks):
                return here.begins + ticks[here.next] / RATE
            if len(self._passes) == 1:
                return None
            self._passes.popleft()
        return None

    def _tick(self) -> list[Midi]:
        here = self._passes[0]
        out: list[Midi] = []
        if here.jumps:
            here.jumps = False
            out += self.stop()
        bar = here.next in self._grids[here.section].bars
        if bar and self._sounding and not self._going:
            self._going = True
            out.append(Midi("start"))
        here.next += 1
        return [*out, Midi("clock")]

    def stop(self) -> list[Midi]:
        """Return what ends the music for whoever follows."""
        if not self._going:
            return []
        self._going = False
        return [Midi("stop")]

    def _end(self, one: _Pass) -> float:
        """Return when a pass is over, from the grid: a tick after its last but one, as long."""
        ticks = self._grids[one.section].ticks
        return one.begins + (2 * ticks[-1] - ticks[-2]) / RATE
