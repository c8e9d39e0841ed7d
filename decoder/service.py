"""The decoder as a service: its loop reads as its arrow, Window → Valence."""

from __future__ import annotations

from pathlib import Path

from rym.bus import ALL, Bus, queue
from rym.errors import FormatError, UsageError
from rym.messages import Applied, Command, Identity, Message
from rym.service import Shell
from rym.topics import APPLIED, COMMAND, VALENCE, WINDOW

from .decoder import Decoder
from .model import load
from .presets import RULES
from .settings import DecoderSettings

WAITING = 8
"""Windows kept for a decoder that is behind (two seconds); then the oldest are given up."""
NO_MODEL = "There is no model: the state is not known, and the music stays neutral."


class Orders:
    """Carries out `load-model` once per identity, and answers every repetition.

    Parameters
    ----------
    decoder : Decoder
        Gets the model.
    bus : Bus
        Gets the `Applied`.
    """

    def __init__(self, decoder: Decoder, bus: Bus) -> None:
        self._decoder = decoder
        self._bus = bus
        self._applied: dict[Identity, Applied] = {}
        self.refused = ""
        """Why the last model was refused; empty if it was not. The one before stays in use."""

    def take(self, messages: list[Message], seq: int) -> bool:
        """Carry out what is new; return whether there was anything.

        Parameters
        ----------
        messages : list of Message
            Commands, whoever they are for.
        seq : int
            Number of the window before which they take effect.
        """
        new = False
        for message in messages:
            command: Command = message.content
            if command.to != "decoder" or command.action != "load-model":
                continue
            if message.id not in self._applied:
                new = True
                self._carry_out(command)
                self._applied[message.id] = Applied(input=message.id, at=seq)
            self._bus.publish(APPLIED["decoder"], self._applied[message.id], cause=(message.id,))
        return new

    def _carry_out(self, command: Command) -> None:
        self.refused = ""
        try:
            self._decoder.load(load(Path(command.value)))
        except (FormatError, UsageError) as error:
            self.refused = str(error)


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
        If it is of another preset than the settings.
    """
    decoder = Decoder(settings)
    if settings.model:
        decoder.load(load(Path(settings.model)))
    windows = shell.bus.subscribe(WINDOW, overload=queue(WAITING))
    commands = shell.bus.subscribe(COMMAND, overload=ALL)
    orders = Orders(decoder, shell.bus)
    _say(shell, decoder, orders)
    async for message in windows:
        if orders.take(commands.drain(), message.id.seq):
            _say(shell, decoder, orders)
        valence = decoder.step(message.content)
        age = shell.clock.now() - valence.t
        shell.bus.publish(VALENCE, valence, cause=(message.id,), age=age)


def _say(shell: Shell, decoder: Decoder, orders: Orders) -> None:
    """Publish which model answers, its verdict, and its delay in named parts."""
    model, delay = decoder.model, decoder.declared_delay
    if model is None or delay is None:
        shell.ready(orders.refused or NO_MODEL, model="")
        return
    says = RULES[model.manifest.preset].says
    shell.ready(
        orders.refused or " ".join(filter(None, (model.manifest.why, says))),
        model=model.id,
        verdict=model.manifest.verdict,
        decoder=model.manifest.kind,
        states=" ".join(model.manifest.states),
        delay=delay.total,
        half_window=delay.half_window,
        half_field=delay.half_field,
        smoothing=delay.smoothing,
    )
