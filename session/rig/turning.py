"""The level that a person turns with keys while a sound goes round; pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from player.level.gain import Level
from player.level.limiter import Limiter
from player.level.master import LOWEST
from player.music.blocks import Blocks
from player.settings import BLOCK

Frames = npt.NDArray[np.float32]

STEP = 2.0
"""dB of one press, up or down."""
MOVE = 0.3
"""Seconds in which one press is carried out. A press upwards counts only once the one before it is
over: a key that is held would otherwise rise by 60 dB a second."""
LEAVE = 0.3
"""Seconds of going down to silence in the end."""


class Turning:
    """The sound that goes round, and the level that keys turn; pure.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
        Played again and again, of any length.
    most : float
        Level in dB that cannot be exceeded.
    """

    def __init__(self, sound: Frames, most: float = 0.0) -> None:
        self.level_db = LOWEST
        self.ended = ""
        """`taken` or `left` once the person has said so."""
        self._most = min(0.0, most)
        self._sound, self._at, self._frame = sound, 0, 0
        self._level, self._limiter = Level(), Limiter()
        self._mixed = np.zeros((BLOCK, 2), dtype=np.float32)
        self._blocks = Blocks(self._next)
        self._move(LOWEST)

    def press(self, key: str) -> bool:
        """Do what a key asks for; return whether the level changed."""
        if self.ended:
            return False
        before = self.level_db
        if key == "up" and self._frame >= self._level.end:
            self.level_db = max(before, min(before + STEP, self._most))
        elif key == "down":
            self.level_db = max(before - STEP, LOWEST)
        elif key in ("\r", "\n"):
            self.ended = "taken"
        elif key in ("q", " "):
            self.ended = "left"
        if self.ended:
            self._level.move(self._frame, 0.0, LEAVE)
        elif self.level_db != before:
            self._move(self.level_db)
        return self.level_db != before

    @property
    def silent(self) -> bool:
        """True once it has ended and nothing more is heard."""
        return bool(self.ended) and self._frame >= self._level.end + BLOCK

    def render(self, out: Frames) -> None:
        """Fill `out`, of shape (n_times, 2), with what comes next."""
        self._blocks.render(out)

    def _move(self, level_db: float) -> None:
        self._level.move(self._frame, 10.0 ** (level_db / 20.0), MOVE)

    def _next(self, out: Frames) -> None:
        done = 0
        while done < BLOCK:
            take = min(BLOCK - done, len(self._sound) - self._at)
            self._mixed[done : done + take] = self._sound[self._at : self._at + take]
            self._at = (self._at + take) % len(self._sound)
            done += take
        self._level.apply(self._mixed, self._frame)
        self._limiter.process(self._mixed, out)
        self._frame += BLOCK
