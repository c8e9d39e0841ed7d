"""Everything between the mixture and the ear: level, ducking, limiter, meter, cap.

    gain        moves                                        by whom
    ----------  -------------------------------------------  -----------------------------------
    level       up from silence (4 s), down to silence       the dead-man switch
                down only, 1 s                               `set-level`, a person
                down only, 1 s                               the cap of 85 dB(A), where calibrated
    duck        to −20 dB in 0.05 s, back in 1.5 s           `duck on`, `duck off`: heard once what
                                                         ring and device hold is over, 0.33 s

The gains are multiplied, so that whatever is ducked, a STOP is silence, and a level that was set
lower meanwhile stays lower. What is ducked is heard: the limits of exposure count it. A player that
is started again is not ducked.

The operator's voice is over the music while it is ducked, until it goes down to silence: from then
on nobody is listened to, whatever the music is, until `duck on` is said anew.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rym.messages import Loudness

from ..settings import BLOCK, RATE
from .dose import Cap
from .gain import Level, decibels
from .limiter import DELAY, Limiter
from .loudness import Meter

Frames = npt.NDArray[np.float32]

LOWEST = -60.0
"""dB; what is set below it would be silence that nobody called so."""
LOWER = 1.0
"""Seconds in which the level goes down to a lower setting."""
DUCKED = 0.1
"""Linear gain while somebody speaks, −20 dB."""
DUCK = 0.05
"""Seconds until then, behind the 0.33 s that wait in ring and device."""
BACK = 1.5
"""Seconds of coming back; within 2 s after the order."""


class Master:
    """The last stage, from a control block of the mixture to one that is given out.

    Parameters
    ----------
    level_db : float
        Where the level stands once sound has come up, in dB.
    full_scale_dba : float or None
        Level in dB(A) at the ear of a sine of full scale; None where it is not known.
    """

    def __init__(self, level_db: float, full_scale_dba: float | None = None) -> None:
        self._level_db = level_db
        self._level, self._duck = Level(), Level(1.0)
        self._speaking = False
        self._energy = 0.0
        self._limiter, self._meter = Limiter(), Meter(skip=DELAY)
        self._cap = Cap(full_scale_dba)
        self.said: Loudness | None = None
        """How loud the second was that the last block completed, where it did."""

    def rise(self, frame: int, seconds: float) -> None:
        """Come up from silence."""
        self._level.move(frame, self._gain, seconds)

    def fall(self, frame: int, seconds: float) -> None:
        """Go down to silence, and listen to nobody."""
        self._speaking = False
        self._level.move(frame, 0.0, seconds)

    def lower(self, value: str, frame: int) -> bool:
        """Set the level; only down, since nobody is to be startled by a remote hand.

        Returns False where `value` is no number of dB between −60 and the present level.
        """
        try:
            level_db = float(value)
        except ValueError:
            return False
        if not math.isfinite(level_db) or not LOWEST <= level_db <= self._level_db:
            return False
        self._lower(level_db, frame)
        return True

    def duck(self, value: str, frame: int) -> bool:
        """Step back while somebody speaks, or come forward again; False where it is neither."""
        if value not in ("on", "off"):
            return False
        self._speaking = value == "on"
        to, seconds = (DUCKED, DUCK) if value == "on" else (1.0, BACK)
        if self._duck.target != to:
            self._duck.move(frame, to, seconds)
        return True

    @property
    def voice(self) -> float:
        """Linear gain for a voice over the music: its own when it is not ducked, 0 for no voice.

        Whoever speaks to the participant is no louder than the participant wants the music.
        """
        return self._gain if self._speaking else 0.0

    @property
    def level_db(self) -> float:
        """Where the level stands once sound has come up, in dB."""
        return self._level_db

    def sounding(self, frame: int) -> bool:
        """Return False where there is silence from a frame on."""
        return self._level.sounding(frame)

    def db(self, frame: int) -> float:
        """Return the level at a frame in dB, as it is heard; −120 for silence."""
        return decibels(self._level.at(frame) * self._duck.at(frame))

    def give(self, mixed: Frames, out: Frames, frame: int) -> bool:
        """Turn a control block of the mixture into what is given out.

        Parameters
        ----------
        mixed, out : array of shape (480, 2)
            What comes in, scaled in place; in other memory, what goes out, `DELAY` frames older.
        frame : int
            First frame of `mixed`.

        Returns
        -------
        bool
            True where it had become too loud, so that the level goes down from the next block on.
        """
        self._energy += self._level.at(frame) ** 2
        self._level.apply(mixed, frame)
        self._duck.apply(mixed, frame)
        self._limiter.process(mixed, out)
        self.said = self._meter.take(out)
        if self.said is None:
            return False
        enough = self._cap.take(self.said, decibels(math.sqrt(self._energy * BLOCK / RATE)))
        self._energy = 0.0
        if enough is None or enough >= self._level_db:
            return False  # what was too loud is lower by now
        self._lower(max(LOWEST, enough), frame + BLOCK)
        return True

    def _lower(self, level_db: float, frame: int) -> None:
        """Go down within `LOWER`; what still comes up, to less now, does so as slowly as before."""
        self._level_db = level_db
        if self._level.target > 0.0:
            rest = 0.0 if self._gain < self._level.at(frame) else (self._level.end - frame) / RATE
            self._level.move(frame, self._gain, max(LOWER, rest))

    @property
    def _gain(self) -> float:
        return float(10.0 ** (self._level_db / 20.0))
