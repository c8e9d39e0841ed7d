"""How the music ends: cadence, a fade of 15 s, silence, a soft tone.

    from                      what is heard
    ------------------------  --------------------------------------------------------------------
    the next bar line, or at  the section's ending in place of its loop, in whatever mixture is
    once where that is more   heard; a fade or glide that runs goes on in it
    than 4 s away
    15 s before the ending    all of it fades: so the fade lies over the last chord's ringing, and
    has rung out              the way there is heard almost in full
    then                      half a second of silence, a tone of 3 s, the end

A section without an ending goes round and fades from at once. An ending that rings for more than
22 s has faded by then, so that the whole takes no more than `LONGEST`: a person who was told that
the music ends waits for it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..safety import END_FADE
from ..settings import BLOCK, RATE
from . import tone
from .material import Ending, Material
from .score import SEAM, Score, Spot

PATIENCE = 4.0
"""Seconds to a bar line that are waited for."""
RINGING = 22.0
"""Seconds after which an ending has faded, however long it is."""
SILENCE = 0.5
"""Seconds between the music and the tone."""
LONGEST = PATIENCE + RINGING + SILENCE + tone.LENGTH
"""Seconds from the order to the end, at most, but for a seam (10 ms) that has to be over first."""


class Homecoming(NamedTuple):
    """What happens at which frame."""

    ending: Ending | None
    """None: the loop goes on."""
    start: int
    """First frame of the ending."""
    loop: tuple[int, int, int]
    """Section and variant of the loop that gives way, and the frame of it that would come next."""
    wrap: int
    """Frame at which that loop would begin again."""
    fade: int
    silent: int
    tone: int
    over: int
    """First frame of the fade, of the silence, of the tone, and after it."""

    def at(self, frame: int) -> Ending | None:
        """Return the ending where it is in its loop's place, up to the very end."""
        return self.ending if frame >= self.start else None

    def spot(self, frame: int, turn: int) -> Spot:
        """Return the ending's place at a frame; it never leaves it."""
        section, variant, _ = self.loop
        return Spot(section, variant, frame - self.start, max(BLOCK, self.over - frame), turn)

    def level(self, frame: int) -> float:
        """Return the linear level of the music at a frame."""
        share = (frame - self.fade) / (self.silent - self.fade)
        return (1.0 + math.cos(math.pi * min(1.0, max(0.0, share)))) / 2.0

    def until(self, frame: int, stop: int) -> int:
        """Return the first frame after `frame`, up to `stop`, at which something else is heard."""
        edges = (self.start, self.start + SEAM, self.wrap, self.fade, self.silent, self.tone)
        for edge in (*edges, self.over):
            if frame < edge < stop:
                stop = edge
        return stop

    def events(self) -> list[tuple[int, str]]:
        """Return what is to be said at which frame, in order."""
        begins = [(self.start, "ending")] if self.ending else []
        return [*begins, (self.silent, "rung out"), (self.tone, "tone"), (self.over, "over")]


def plan(material: Material, score: Score, place: int, frame: int) -> Homecoming:
    """Return how the music ends if that is asked for at a frame.

    Parameters
    ----------
    material : Material
        Has the endings.
    score : Score
        Has the bars.
    place : int
        Frames since the music's origin at which frame 0 lies.
    frame : int
        Border of the next control block.
    """
    m = place + frame
    bar = score.next_bar(m)
    start = bar if bar - m <= PATIENCE * RATE else m
    # What gives way is what is heard just before: at a section's end that is the old one.
    spot = score.spot(max(0, start - 1))
    position = spot.position + (start > 0)
    if spot.turn > 0 and 0 < position < SEAM:
        start += SEAM - position  # two sections sound until their seam is over
        position = SEAM
    section = material.sections[spot.section]
    ending = section.ending
    loop = (spot.section, spot.variant, position % section.n_frames)
    start -= place
    if ending is None:
        start, silent = frame, frame + round(END_FADE * RATE)
    else:
        silent = start + min(ending.n_frames, round(RINGING * RATE))
    sound = silent + round(SILENCE * RATE)
    return Homecoming(
        ending=ending,
        start=start,
        loop=loop,
        wrap=start + section.n_frames - loop[2],
        fade=max(start, silent - round(END_FADE * RATE)),
        silent=silent,
        tone=sound,
        over=sound + round(tone.LENGTH * RATE),
    )


class Veil:
    """The level of a homecoming, frame by frame, laid over arrays."""

    def __init__(self) -> None:
        self._index = np.arange(BLOCK, dtype=np.float64)
        self._curve = np.empty(BLOCK)
        self._gain = np.empty(BLOCK, dtype=np.float32)

    def lay(self, out: npt.NDArray[np.float32], frame: int, home: Homecoming) -> None:
        """Scale the frames from `frame` on, all before `home.silent`, in place."""
        n = len(out)
        curve, gain = self._curve[:n], self._gain[:n]
        step = math.pi / (home.silent - home.fade)
        np.multiply(self._index[:n], step, out=curve)
        np.add(curve, step * (frame - home.fade), out=curve)
        np.cos(curve, out=curve)
        np.multiply(curve, 0.5, out=curve)
        np.add(curve, 0.5, out=curve)
        np.copyto(gain, curve, casting="same_kind")
        np.multiply(out, gain[:, None], out=out)
