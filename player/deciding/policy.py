"""Whether to change: from what the decoder decides to what is asked of the timeline.

Hysteresis and the confidence gate proper are the decoder's. Here a change is held back while the
last fade is younger than the dwell, and while the minute has seen enough fades; a fade that has not
begun may always be withdrawn or turned. A person's `steer` waits for neither, and the decoder has
to leave it alone until it is heard and its dwell is over. What the exposure limits bar
(`player.deciding.exposure`) is answered with neutral; a barred `steer` is refused.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from rym.messages import Affect, Identity, State, Valence

from ..settings import RATE, PlayerSettings


class Heard(Protocol):
    """What the policy looks at in a timeline."""

    goal: Affect
    fade_end: int | None

    @property
    def heading(self) -> Affect:
        """Layer that is heard alone once the running fade is over."""
        ...

    @property
    def waiting(self) -> bool:
        """True where a fade is planned that has not begun."""
        ...

    def begun_since(self, frame: int) -> int:
        """Return how many fades have begun after `frame`."""
        ...


class Policy:
    """Keeps what was decided and what is requested apart.

    Parameters
    ----------
    affects : tuple of str
        What the bank can give; anything else is answered with neutral.
    settings : PlayerSettings
        Dwell, changes per minute and least confidence are used.
    """

    def __init__(self, affects: tuple[Affect, ...], settings: PlayerSettings) -> None:
        self.decided: State = "unknown"
        self.requested: Affect = "neutral"
        self.following = True
        self._affects = affects
        self._dwell = round(settings.dwell * RATE)
        self._most = settings.max_changes
        self._least = settings.min_confidence
        self._valence: Identity | None = None
        self._wanted: Affect = "neutral"
        self._steered = False

    def take(self, valence: Valence, identity: Identity) -> bool:
        """Take in a usable answer; return True where it differs from the one before."""
        before, self.decided = self.decided, valence.state
        self._valence = identity
        self._wanted = "neutral"
        if valence.state != "unknown" and valence.confidence >= self._least:
            self._wanted = self.possible(valence.state)
        return self.decided != before

    def possible(self, affect: Affect) -> Affect:
        """Return the affect itself where the bank has it, else neutral."""
        return affect if affect in self._affects else "neutral"

    def steer(self, affect: Affect) -> None:
        """Request what a person asks for, whatever the dwell says."""
        self.requested = self.possible(affect)
        self._steered = True

    def reset(self) -> None:
        """Request neutral; the decoder has to earn every change anew."""
        self.requested = self._wanted = "neutral"
        self._steered = False

    def hold(self, heading: Affect) -> None:
        """Request what is heard, or about to be."""
        self.requested = heading

    @property
    def cause(self) -> tuple[Identity, ...]:
        """The newest usable valence, on which `decided` rests."""
        return () if self._valence is None else (self._valence,)

    def end(self) -> None:
        """Request neutral where an affect has to end; what the decoder last said still stands."""
        self.requested = "neutral"
        self._steered = False

    def step(self, frame: int, heard: Heard, barred: Collection[Affect] = ()) -> str:
        """Look whether a change is due.

        Parameters
        ----------
        frame : int
            Next player frame.
        heard : Timeline
            What is heard and planned.
        barred : collection of str
            Affects that must not be asked for now.

        Returns
        -------
        str
            Why `requested` changed: `valence`, `dwell` (it had to wait), `withdrawn`; empty where
            it did not.
        """
        if self._steered and heard.heading != self.requested:
            return ""
        self._steered = False
        wanted: Affect = "neutral" if self._wanted in barred else self._wanted
        if not self.following or wanted == self.requested:
            return ""
        if wanted == heard.heading and heard.waiting:
            self.requested = wanted
            return "withdrawn"
        held = heard.fade_end is not None and frame < heard.fade_end + self._dwell
        if held and not heard.waiting:
            return ""
        if heard.begun_since(frame - 60 * RATE) >= self._most:
            return ""
        waited = heard.fade_end is not None and frame == heard.fade_end + self._dwell
        self.requested = wanted
        return "dwell" if waited else "valence"
