"""The decoder as a service: its loop reads as its arrow, Window → Valence.

Keys and what is heard are inputs as orders are: taken in between two windows, in one order, and
answered by an `Applied` that names the next window. So replay puts them back where they were.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from rym.bus import ALL, Bus, queue
from rym.errors import FormatError, UsageError
from rym.messages import Affect, Applied, Command, Identity, Label, Learned, Message, Played
from rym.service import Shell
from rym.topics import (
    APPLIED,
    COMMAND,
    DRIFT,
    LABEL,
    LATENT,
    LEARNED,
    NOW,
    VALENCE,
    WINDOW,
)

from .decoder import Decoder
from .model import load
from .presets import RULES
from .settings import DecoderSettings

WAITING = 8
"""Windows kept for a decoder that is behind (two seconds); then the oldest are given up."""
HEARD_WAITING = 64
"""Sayings of the player kept between two windows: it speaks at every change and 4 times a
second."""
REMEMBERED = 20_000
"""Inputs whose repetition is known: an order is repeated for seconds, a flood of keys is not."""
NOT_LEARNED = "It came too late to be learned from, or in a flood."
EARLY = "The order was given before this decoder was started; give it again if it is still meant."
NO_MODEL = "There is no model: the state is not known, and the music stays neutral."
TOPIC_OF = {topic.content: topic for topic in (LEARNED, LATENT, DRIFT)}


class Desk:
    """Between the bus and the decoder: takes in what came before a window, sends what follows it.

    Orders, keys and what is heard are taken in once per identity, and every repetition is answered.

    Parameters
    ----------
    decoder : Decoder
        Gets them.
    bus : Bus
        Brings them, and gets the answers.
    """

    def __init__(self, decoder: Decoder, bus: Bus) -> None:
        self._decoder = decoder
        self._bus = bus
        self._commands = bus.subscribe(COMMAND, overload=ALL)
        self._labels = bus.subscribe(LABEL, overload=ALL)
        # Not all of them: one that was sent again for the journal must not come after a newer one.
        self._heard = bus.subscribe(NOW, overload=queue(HEARD_WAITING))
        self._applied: dict[Identity, Applied] = {}
        self._began = bus.clock.now()
        self._clip: Affect | Literal["not known"] | None = "not known"
        self.refused = ""
        """Why the last order was refused; empty if it was not. A model that is refused leaves the
        one before in use."""

    def take(self, message: Message) -> bool:
        """Answer a window; return whether an order was carried out before it."""
        seq = message.id.seq
        ordered = self._order(self._commands.drain(), seq)
        self._label(self._labels.drain(), seq)
        self._hear(self._heard.drain(), seq)
        valence = self._decoder.step(message.content)
        age = self._bus.clock.now() - valence.t
        self._bus.publish(VALENCE, valence, cause=(message.id,), age=age)
        for content in self._decoder.events():
            self._bus.publish(TOPIC_OF[type(content)], content, cause=(message.id,), age=age)
        return ordered

    def _order(self, messages: list[Message], seq: int) -> bool:
        mine = [message for message in messages if message.content.to == "decoder"]
        ordered = False
        for message in mine:
            if message.id not in self._applied:
                ordered = True
                # Sent again for the journal it may be one that the decoder before this carried out.
                early = message.meta.mono < self._began
                self.refused = EARLY if early else carry_out(self._decoder, message.content)
                self._note(message.id, seq, self.refused)
            self._answer(message)
        return ordered

    def _label(self, messages: list[Message], seq: int) -> None:
        for message in messages:
            label: Label = message.content
            if message.id not in self._applied:
                taken = self._decoder.label(label.t, label.state)
                self._note(message.id, seq, "" if taken else NOT_LEARNED)
            self._answer(message)

    def _hear(self, messages: list[Message], seq: int) -> None:
        """Take in where the player says that something else is heard than before."""
        for message in messages:
            played: Played = message.content
            clip = played.heard
            if clip != self._clip and message.id not in self._applied:
                taken = self._decoder.audible(heard_at(message), clip)
                # Where it came too late, the next saying of the same clip is not.
                self._clip = clip if taken else "not known"
                self._note(message.id, seq, "" if taken else NOT_LEARNED)
                self._answer(message)

    def _note(self, name: Identity, seq: int, refused: str) -> None:
        self._applied[name] = Applied(input=name, at=seq, refused=refused)
        if len(self._applied) > REMEMBERED:
            del self._applied[next(iter(self._applied))]

    def _answer(self, message: Message) -> None:
        self._bus.publish(APPLIED["decoder"], self._applied[message.id], cause=(message.id,))


def carry_out(decoder: Decoder, command: Command) -> str:
    """Carry out an order; return why it was refused, or nothing.

    Parameters
    ----------
    decoder : Decoder
        As it was, where the order is refused.
    command : Command
        For the decoder.
    """
    try:
        if command.action == "load-model":
            decoder.load(load(Path(command.value)))
        else:
            decoder.order(command.action, command.value)
    except (FormatError, UsageError) as error:
        return str(error)
    return ""


def heard_at(message: Message) -> float:
    """Return the rig time at which a saying of the player is heard, in seconds."""
    at = message.meta.audible_at
    return message.meta.mono if at is None else at


async def serve(shell: Shell, settings: DecoderSettings) -> None:
    """Answer every window until the bus closes.

    Parameters
    ----------
    shell : Shell
        Bus, clock and life line.
    settings : DecoderSettings
        Table `[decoder]`.

    Raises
    ------
    FormatError
        If the model named in the settings cannot be loaded.
    UsageError
        If the model is of another preset than the settings.
    """
    decoder = Decoder(settings)
    if settings.model:
        decoder.load(load(Path(settings.model)))
    lost = _relearn(decoder, settings.lessons)
    windows = shell.bus.subscribe(WINDOW, overload=queue(WAITING))
    desk = Desk(decoder, shell.bus)
    desk.refused = lost
    _say(shell, decoder, desk)
    async for message in windows:
        if desk.take(message):
            _say(shell, decoder, desk)


def _relearn(decoder: Decoder, path: str) -> str:
    """Know again what was learned before a restart; return why not, or nothing.

    Somebody is listening: a decoder that knows less is better than one that does not start.
    """
    try:
        decoder.relearn(lessons_in(Path(path)) if path else [])
    except FormatError as error:
        return str(error)
    return ""


def lessons_in(path: Path) -> list[Learned]:
    """Return the lessons that a file of JSON lines holds.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    try:
        return msgspec.json.Decoder(Learned).decode_lines(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise FormatError(
            f"The lessons in {path} cannot be read: {error}.",
            "Start without them, with [decoder] lessons empty.",
        ) from None


def _say(shell: Shell, decoder: Decoder, desk: Desk) -> None:
    """Publish which model answers, its verdict, whether it learns, and its delay in parts."""
    model, delay = decoder.model, decoder.declared_delay
    if model is None or delay is None:
        shell.ready(desk.refused or NO_MODEL, model="", frozen=decoder.frozen)
        return
    says = RULES[model.manifest.preset].says
    doubt = f"Doubtful: {model.manifest.doubt}" if model.manifest.doubt else ""
    shell.ready(
        desk.refused or " ".join(filter(None, (model.manifest.why, doubt, says))),
        model=model.id,
        verdict=model.manifest.verdict,
        decoder=model.manifest.kind,
        states=" ".join(model.manifest.states),
        learning=decoder.learning,
        frozen=decoder.frozen,
        lessons=decoder.settings.lessons,
        delay=delay.total,
        half_window=delay.half_window,
        half_field=delay.half_field,
        smoothing=delay.smoothing,
    )
