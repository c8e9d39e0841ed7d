"""What one start of the player leaves to the next of the same session.

A player that dies is started again within seconds, and nobody is asked. So what made the music
quieter or silent, and what limits how long an affect is heard, must not be lost with it: the newest
is in its status, from which the supervisor hands it to the next start. A STOP is latched on disk
besides (`player.latch`), since it must hold whatever happened to the supervisor's knowledge.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Frames = Annotated[int, msgspec.Meta(ge=0)]

OFTEN = 480_000
"""Frames of run after which it is said anew: 10 s, so that a death loses no more of the count than
a third of the neutral with which the next start begins."""


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds on from start to start; without an earlier start: nothing."""

    level_db: Annotated[float, msgspec.Meta(ge=-60.0, le=0.0)] = 0.0
    """Level in dB to which it had been lowered; the lower one of this and the settings' counts."""
    armed: bool = False
    """Whether an answer had come: where none comes any more, the music does not go on."""
    paused: bool = False
    """Whether the music was paused: silence until `resume`."""
    run: Frames = 0
    """Frames heard since the first start."""
    negative: Frames = 0
    """Those of them with negative in them."""
    positive: Frames = 0

    def news(self, before: Kept) -> bool:
        """Return whether it is to be said anew, `before` being what was said last.

        The counts alone are not, until the run is 10 s longer.
        """
        longer = self.run - before.run
        counts = {"run": self.run, "negative": self.negative, "positive": self.positive}
        return longer >= OFTEN or msgspec.structs.replace(before, **counts) != self

    def line(self) -> str:
        """Return it as a fact of a status: JSON."""
        return msgspec.json.encode(self).decode()


FIRST = Kept()
"""What the first start of a session finds."""


def read(line: str) -> Kept:
    """Return what a status says; `ValueError` where that is something else."""
    return msgspec.json.decode(line, type=Kept)
