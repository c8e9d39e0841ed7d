"""What every backend hands over, and what it is asked.

A backend makes one loop, ending or picture at a time, each from the place alone: what was made
before, or in which order, must not matter, since a build may be stopped anywhere and be spread over
processes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from rym.bank import Kind, Maker, Note
from rym.clock import Clock
from rym.messages import Affect

from .music.composition import Piece
from .music.render import Grid
from .music.voices import Sound
from .sound.mastering import Stereo

Sense = Literal["sound", "sight"]
Picture = npt.NDArray[np.uint8]
"""Array of shape (height, width, 3), sRGB."""


class Place(NamedTuple):
    """Which clip of a bank."""

    section: int
    variant: int
    affect: Affect
    kind: Kind = "loop"


class Draft(NamedTuple):
    """One clip before mastering."""

    sound: Stereo
    """Array of shape (n_samples, 2): a loop as heard in the middle of many turns, or an ending."""
    performed: Sound | None
    """The loop's music once through, from silence to the last of its ringing; None where it cannot
    be had, and for an ending."""
    grid: Grid
    key: str
    mode: str
    """Empty where it is not known."""
    seed: int
    notes: tuple[Note, ...] = ()
    refrains: tuple[tuple[int, int], ...] = ()
    slow_attack: bool = False


class Musician(Protocol):
    """A backend for sound."""

    maker: Maker

    def play(self, place: Place, take: int) -> Draft:
        """Make one clip.

        Parameters
        ----------
        place : Place
            Section, variant, affect, loop or ending; siblings must share grid and length.
        take : int
            0 at first; another number must sound otherwise.

        Raises
        ------
        FormatError
            If no usable clip comes out; nothing else was spoilt.
        """
        ...


class Painter(Protocol):
    """A backend for pictures."""

    maker: Maker

    def paint(self, scene: int, take: int, frame: int) -> Picture:
        """Make one frame of a scene's strip; the first is the most negative one.

        Raises
        ------
        FormatError
            If no usable picture comes out.
        """
        ...

    def places(self, strip: list[Picture]) -> tuple[float, ...]:
        """Return the valence of every frame, rising from −1 to 1, once all are there."""
        ...


@runtime_checkable
class Slow(Protocol):
    """A backend of which people want to know beforehand how long it will take."""

    def seconds(self, clock: Clock) -> float:
        """Return about how many seconds one clip or picture takes here, from a small part of one.

        Parameters
        ----------
        clock : Clock
            By which that part is timed.
        """
        ...


class Prompter(Protocol):
    """Where prompts come from."""

    def prompt(self, affect: Affect, sense: Sense, index: int) -> str:
        """Return a prompt; of neutral the person's own text, untouched.

        Parameters
        ----------
        affect : Affect
            Whose words are drawn.
        sense : {"sound", "sight"}
            For what.
        index : int
            Number of the section or scene: other numbers may draw other words.
        """
        ...


class Guide(Protocol):
    """The procedural music, by which other backends keep time and tune."""

    maker: Maker

    @property
    def piece(self) -> Piece:
        """What all clips share."""
        ...

    def play(self, place: Place, take: int) -> Draft:
        """Make the clip from notes."""
        ...
