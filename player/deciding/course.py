"""Whereto a guided session goes.

    course     what is asked for
    ---------  ----------------------------------------------------------------------------------
    follow     what leads
    hold       what is heard; a change that has not begun is dropped
    neutral    neutral, from either side in one step
    positive   one step nearer (negative, neutral, positive) at a time, then it stays

The first step is due at once and each one `course_step` seconds after the one before was asked for,
though never before that one is on its way: where dwell or limits hold a step back, the next waits
behind it, and none is left out. Every step starts from what is heard, so that a course goes on by
itself after a `steer` or after the neutral that the exposure limits force, and never leads away
from where it goes.
"""

from __future__ import annotations

from typing import Literal

from rym.messages import AFFECTS, Affect, Identity

from ..settings import RATE
from .leads import Wish

Goal = Literal["follow", "hold", "neutral", "positive"]
GOALS: tuple[Goal, ...] = ("follow", "hold", "neutral", "positive")


class Course:
    """Steps towards a goal.

    Parameters
    ----------
    goal : {"follow", "hold", "neutral", "positive"}
        Where it goes.
    step : float
        Seconds between two steps.
    """

    def __init__(self, goal: Goal, step: float) -> None:
        self.goal: Goal = goal
        self._step = round(step * RATE)
        self._cause: tuple[Identity, ...] = ()
        self._stage: Affect | None = None
        self._due = 0

    def set(self, goal: Goal, identity: Identity) -> None:
        """Go somewhere else, beginning at once."""
        self.goal, self._cause = goal, (identity,)
        self._stage, self._due = None, 0

    def forget(self) -> None:
        """Give up the step that was asked for; the next starts from what is heard then."""
        self._stage = None

    def asked(self, affect: Affect, frame: int) -> None:
        """Note that a step was asked for."""
        self._stage, self._due = affect, frame + self._step

    def wish(self, frame: int, heading: Affect) -> Wish:
        """Return what is asked for while `heading` is heard or about to be."""
        if self.goal in ("follow", "hold"):
            return Wish(heading, "hold", self._cause)
        if self._stage is not None and self._stage != heading:
            return Wish(self._stage, "course", self._cause)
        here = AFFECTS.index(heading)
        there = AFFECTS.index("neutral" if self.goal == "neutral" else "positive")
        if frame >= self._due:
            here += (there > here) - (there < here)
        return Wish(AFFECTS[here], "course", self._cause)
