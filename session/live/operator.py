"""What the operator's keys do: each an order to a part, or something said for the person."""

from __future__ import annotations

import asyncio
from typing import Literal

from rym import topics
from rym.bus import order
from rym.errors import DeviceError
from rym.messages import Command, Label, LabelState

from .supervisor import Supervisor

LABEL_KEYS: dict[str, LabelState] = {"1": "positive", "2": "neutral", "3": "negative"}
UNDO = 30.0
"""Seconds of learning that one key takes back."""
QUIETER = 3.0
"""dB by which one key lowers the music. None makes it louder: nobody is to be startled."""
HELD = 0.7
"""Seconds within which the same key again is one that is held: a terminal repeats it, first after
0.25 to 0.66 s, and two distresses would end the run."""
AT_ONCE = " q"
"""Keys that may come as often as they like, and a stop must not be missed."""


class Operator:
    """Turns keys into orders.

    Parameters
    ----------
    supervisor : Supervisor
        Gives them.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._held: LabelState = "none"
        self._ducked = (False, 0)
        self._ducking = asyncio.Lock()
        self._level_db = 0.0
        self._lowering = asyncio.Lock()
        self._releasing: asyncio.Task[object] | None = None
        self._last = ("", float("-inf"))

    async def press(self, key: str) -> None:
        """Do what a key asks for; one without a meaning does nothing.

        Only a stop is waited for: nothing may wait behind a part that does not answer. A key that
        is held counts once.
        """
        supervisor = self._supervisor
        if self._is_held(key) and key not in AT_ONCE:
            return
        decodes = "decoder" in supervisor.parts
        labels = decodes and supervisor.tables.session.attended
        match key:
            case "q":
                supervisor.stopping.set()
            case " ":
                self._keep_silent()
                await supervisor.stop()
            case "d":
                self._keep_silent()
                await supervisor.stop("distress")
            case "r":
                self._keep_silent()
                self._releasing = supervisor.beside(self._release(), "release")
            case "y":
                self._confirm()
            case "t":
                supervisor.beside(self._duck(), "duck")
            case "-":
                supervisor.beside(self._lower(), "set-level")
            case "f" if decodes:
                self._to_memory("thaw" if supervisor.frozen else "freeze")
            case "u" if decodes:
                self._to_memory("undo", f"{UNDO:g}")
            case "1" | "2" | "3" if labels:
                self._report(LABEL_KEYS[key])

    def _is_held(self, key: str) -> bool:
        before, self._last = self._last, (key, self._supervisor.clock.now())
        return key == before[0] and self._last[1] - before[1] < HELD

    def _keep_silent(self) -> None:
        """Give up a release that is under way: it must not end a stop that came after it."""
        if self._releasing is not None:
            self._releasing.cancel()

    async def _release(self) -> None:
        """Let the music come back: sound that is still latched away is not asked for."""
        name = self._supervisor.folder.path.name
        for action in ("release-stop", "resume"):
            command = Command(to="player", action=action, value=name)
            if not await self._supervisor.command(command):
                return

    async def _duck(self) -> None:
        """Let the music step back while somebody speaks, and come forward again.

        A player that was started again is not ducked, so that the key then means to duck. What is
        not carried out changes nothing, and a second key waits to know.
        """
        async with self._ducking:
            starts = self._supervisor.parts["player"].starts
            ducked = self._ducked != (True, starts)
            value = "on" if ducked else "off"
            command = Command(to="player", action="duck", value=value)
            if await self._supervisor.command(command):
                self._ducked = (ducked, starts)

    async def _lower(self) -> None:
        """Make the music quieter, for good; from what it is by now, whoever made it so.

        The player follows down to the lowest level that it has, and no further.
        """
        async with self._lowering:
            level_db = min(self._level_db, self._supervisor.left.level_db) - QUIETER
            command = Command(to="player", action="set-level", value=f"{level_db:g}")
            if await self._supervisor.command(command):
                self._level_db = level_db

    def _confirm(self) -> None:
        """Let a part that asked go on: started again, it takes what is there now.

        `[stream] accept_new_sender` would also say yes to every later question.
        """
        for part in self._supervisor.parts.values():
            if part.asks:
                part.again()
                said = f"{part.name} went on as the operator confirmed."
                self._supervisor.warnings.append(said)

    def _to_memory(self, action: Literal["freeze", "thaw", "undo"], value: str = "") -> None:
        command = Command(to="decoder", action=action, value=value)
        self._supervisor.beside(self._supervisor.command(command), action)

    def _report(self, state: LabelState) -> None:
        """Say what the person says. A terminal knows no key-up: the same key again lets go."""
        self._held = "none" if state == self._held else state
        label = Label(state=self._held, t=self._supervisor.clock.now(), source="terminal")
        self._supervisor.beside(self._say(label), "label")

    async def _say(self, label: Label) -> None:
        """Say it until everybody who needs it has it.

        What the decoder learns rests on when a key was let go, and so does what is heard where the
        keys lead.
        """
        leads = self._supervisor.tables.player.arm == "keys"
        receivers = {"decoder", "player"} if leads else {"decoder"}
        try:
            await order(self._supervisor.bus, topics.LABEL, label, receivers)
        except DeviceError as error:
            self._supervisor.warnings.append(str(error))
