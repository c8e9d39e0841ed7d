"""A stop that the player has not answered yet; pure.

The topic is repeated for two seconds only, and a line down the pipe of a player that is gone is
lost: what is said between its death and its next start would be heard by nobody.
"""

from __future__ import annotations

from typing import Literal

from rym import topics
from rym.messages import Message, Stop

By = Literal["operator", "participant", "distress"]


class StandingStop:
    """Remembers the newest stop until the player has applied one that is as new."""

    def __init__(self) -> None:
        self._by: By | None = None
        self._said = self._over = float("-inf")

    @property
    def order(self) -> dict[str, str] | None:
        """What goes down the pipe of a player that starts now; None where nothing stands."""
        return None if self._by is None else {"stop": self._by}

    def say(self, by: By, t: float) -> None:
        """Remember a stop said at rig time `t`, in seconds; one that is over stays over.

        The journal has lost messages sent again, so that an old one may come late.
        """
        if t > max(self._said, self._over):
            self._by, self._said = by, t

    def end(self, t: float) -> None:
        """Forget what was said up to rig time `t`, in seconds: it is applied, or released."""
        self._over = max(self._over, t)
        if self._said <= self._over:
            self._by = None

    def take(self, message: Message) -> None:
        """Take in a Stop of anybody, or an Applied of the player.

        A player that said a stop itself had it by its pipe; its Applied follows.
        """
        content = message.content
        if isinstance(content, Stop):
            if message.id.service != "player":
                self.say(content.by, message.meta.mono)
        elif content.input.topic == topics.STOP.short:
            self.end(message.meta.mono)
