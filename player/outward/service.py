"""The service `outward`: tells other programs by OSC and MIDI (thin shell).

It hears what everybody hears and answers nobody: a receiver that hangs, a port that was pulled out
or a name that cannot be found cost this process's own packets and nothing else. What is wrong
stands in its status, and it is tried again every two seconds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

from rym import bank
from rym.bus import LATEST, queue
from rym.errors import FormatError
from rym.messages import Content, Message, Played
from rym.service import Shell
from rym.topics import NOW, QUALITY, SAFETY, VALENCE

from .beats import Beats, grids
from .mapping import Mapping
from .midi import LOOK_EVERY, Sender
from .osc import Receiver
from .settings import OutwardSettings, address

LOOK = 0.02
"""Seconds between two looks for messages where no tick is due earlier."""
HELD = 64
"""Places in the music that may wait to be taken in: each is an anchor of the beat."""
STALE = 2.0
"""Seconds after which an answer is too old to be told, since the player would not follow it either;
and without a word of the player, who speaks four times a second, after which a held note ends."""


async def serve(shell: Shell, settings: OutwardSettings) -> None:
    """Tell until told to end.

    Parameters
    ----------
    shell : Shell
        Bus and clock.
    settings : OutwardSettings
        Table `[outward]`.
    """
    outward = Outward(shell, settings)
    try:
        await outward.tell()
    finally:
        outward.close()


class Outward:
    """Both bridges on one bus.

    Parameters
    ----------
    shell : Shell
        Bus and clock.
    settings : OutwardSettings
        Table `[outward]`.
    """

    def __init__(self, shell: Shell, settings: OutwardSettings) -> None:
        self._shell = shell
        self._clock = shell.clock
        # The newest alone counts of what is a state; a beat rests on every place that is said.
        self._state = shell.bus.subscribe(VALENCE, QUALITY, SAFETY, overload=LATEST)
        self._now = shell.bus.subscribe(NOW, overload=queue(HELD))
        self._ahead: deque[tuple[float, Played]] = deque(maxlen=HELD)
        self._heard = self._clock.now()
        self._mapping = Mapping(settings)
        self._receiver = Receiver(address(settings.osc)) if settings.osc else None
        self._sender = Sender(settings.midi, settings.midi_channel) if settings.midi else None
        self._beats = Beats({})
        self._note = ""
        if self._sender and settings.midi_clock and settings.bank:
            self._beats, self._note = _beats(Path(settings.bank))
        self._told = self._note, 0

    async def tell(self) -> None:
        """Take in what comes and tell it, for ever."""
        self._shell.ready(self._note)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_looking(), name="look")
            group.create_task(self._keep_telling(), name="tell")

    async def _keep_telling(self) -> None:
        while True:
            self.look()
            await self._clock.sleep_until(self._next(self._clock.now()))

    def look(self) -> None:
        """Take in what has come, and tell what is true now."""
        now = self._clock.now()
        self._hear(now)
        for message in self._state.drain():
            self._tell(message, now)
        while self._ahead and self._ahead[0][0] <= now:
            self._pass_on(self._ahead.popleft()[1])
        if self._sender is not None:
            if now > self._heard + STALE:
                self._sender.send(self._mapping.silence())
            self._sender.send(self._beats.due(now))

    def close(self) -> None:
        """End the note that is held and give the port back."""
        if self._sender is not None:
            self._sender.send([*self._beats.stop(), *self._mapping.silence()])
            self._sender.close()

    def _tell(self, message: Message, now: float) -> None:
        # A retained message may be an hour old; what is decided is told while it is true.
        if message.id.topic == VALENCE.short and now - message.content.t > STALE:
            return
        self._pass_on(message.content)

    def _pass_on(self, content: Content) -> None:
        packets, midi = self._mapping.take(content)
        if self._receiver is not None:
            self._receiver.send(packets)
        if self._sender is not None:
            self._sender.send(midi)

    def _hear(self, now: float) -> None:
        """Take in what the player says ahead; it is told when it is heard."""
        for message in self._now.drain():
            content, at = message.content, message.meta.audible_at
            if isinstance(content, Played) and at is not None and at > now - STALE:
                self._heard = now
                self._ahead.append((at, content))
                self._beats.hear(content, at, now)

    def _next(self, now: float) -> float:
        tick = self._beats.next_at()
        return now + LOOK if tick is None else min(now + LOOK, max(tick, now))

    async def _keep_looking(self) -> None:
        """Look for what is missing; beside the telling, since a name may take seconds."""
        while True:
            if self._receiver is not None:
                await asyncio.to_thread(self._receiver.find)
            if self._sender is not None:
                self._sender.look()
            await self._clock.sleep_until(self._clock.now() + LOOK_EVERY)
            self._say()

    def _say(self) -> None:
        """Say what is wrong where that is new."""
        parts = (self._receiver, self._sender)
        wrong = " ".join(part.trouble for part in parts if part is not None and part.trouble)
        said = " ".join(filter(None, (wrong, self._note)))
        lost = self._sender.lost if self._sender else 0
        if (said, lost) != self._told:
            self._told = said, lost
            self._shell.ready(said, midi_lost=lost)


def _beats(folder: Path) -> tuple[Beats, str]:
    """Return the beats of a bank; none, and a sentence, where it cannot be read."""
    try:
        return Beats(grids(bank.read(folder))), ""
    except (FormatError, KeyError) as error:
        return Beats({}), f"No MIDI clock is sent: {error}"
