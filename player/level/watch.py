"""Whether the system volume stays as it was calibrated, looked at while music plays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from rym.clock import Clock

from .calibration import AGAIN
from .dose import UNKNOWN

EVERY = 10.0
"""Seconds between two looks; each asks the sound server beside the player's loop."""


LOG = logging.getLogger(__name__)


class Watch:
    """Looks until the volume has changed; from then on the calibration is void for good.

    The cap of 85 dB(A) goes on with the calibration that the player began with: turned up outside,
    it comes too late, and turned down too early. That is why it is said.

    Parameters
    ----------
    volume : str
        As it was at the start; empty where it cannot be read, and nothing is looked at.
    read : callable
        Reads it again; called in a thread of its own.
    clock : Clock
        The rig's.
    """

    def __init__(self, volume: str, read: Callable[[], str], clock: Clock) -> None:
        self._volume, self._read, self._clock = volume, read, clock
        self.void = ""
        """One sentence, once it has changed; empty until then."""

    @property
    def facts(self) -> dict[str, bool]:
        """What the player's status has to say of it."""
        return {"calibrated": False} if self.void else {}

    def start(self) -> asyncio.Task[None]:
        """Begin `run` beside the loop; where it fails, that is said, and the music goes on."""
        task = asyncio.create_task(self.run(), name="volume")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("the system volume is looked at no more", exc_info=error)
            self.void = f"The system volume cannot be looked at any more ({error}). {UNKNOWN}"

    async def run(self) -> None:
        """Look every ten seconds."""
        while self._volume and not self.void:
            await self._clock.sleep_until(self._clock.now() + EVERY)
            now = await asyncio.to_thread(self._read)
            # A server that does not answer is one that is started again, or busy.
            if now and now != self._volume:
                self.void = (
                    f"The system volume was {self._volume} and is {now} now. {UNKNOWN} {AGAIN}"
                )
