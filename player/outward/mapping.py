"""What is told of which message: OSC packets and MIDI messages (pure).

    message          OSC, one float per address                  MIDI
    ---------------  ------------------------------------------  ---------------------------------
    each answer      /rym/valence        −1 … 1                  controller: 64 + 63 × valence
                     /rym/prob/negative  0 … 1
                     /rym/prob/neutral   0 … 1
                     /rym/prob/positive  0 … 1
                     /rym/state          −1, 0, 1                one note held per state
    each quality     /rym/quality        0 … 1
    safety           /rym/stopped        1 stopped, 0 not        stopped: the note ends

What is not known is not sent: no valence and no state while the state is unknown, no probabilities
where there are none; a MIDI note ends then. A receiver that wants to fall back by itself does so
when nothing has come for 2 s, as the player does.

In SAFE and STOP nothing of the state is sent either, whatever the decoder goes on saying: a light
or a second instrument that is steered from here must rest where the music rests.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from rym.messages import AFFECTS, Content, Quality, Safety, State, Valence

from .settings import OutwardSettings

Packet = tuple[str, float]
"""An OSC address and its one argument."""
FOLLOWED = ("RUN", "DEGRADED")
"""States of the dead-man switch in which the music follows, or holds what it followed."""
VELOCITY = 64


class Midi(NamedTuple):
    """One MIDI message, named as mido names them."""

    kind: Literal["note_on", "note_off", "control_change", "clock", "start", "stop"]
    number: int = 0
    """Of the note or the controller."""
    value: int = 0
    """Velocity or the controller's value."""


class Mapping:
    """Remembers what was told last.

    Parameters
    ----------
    settings : OutwardSettings
        Notes and controller are used.
    """

    def __init__(self, settings: OutwardSettings) -> None:
        self._notes = dict(zip(AFFECTS, settings.midi_notes, strict=True))
        self._control = settings.midi_control
        self._following = True
        self._note: int | None = None
        self._value: int | None = None

    def take(self, content: Content) -> tuple[list[Packet], list[Midi]]:
        """Return what is to be told because of a message.

        Parameters
        ----------
        content : Valence, Quality or Safety
            Anything else is told to nobody.
        """
        match content:
            case Valence():
                return self._valence(content)
            case Quality():
                return [("/rym/quality", content.overall)], []
            case Safety():
                return self._safety(content)
        return [], []

    def silence(self) -> list[Midi]:
        """Return what ends the note that is held."""
        return self._hold("unknown")

    def _valence(self, said: Valence) -> tuple[list[Packet], list[Midi]]:
        if not self._following:
            return [], []
        packets: list[Packet] = []
        if said.valence is not None and said.state != "unknown":
            packets.append(("/rym/valence", said.valence))
        if said.probabilities is not None:
            pairs = zip(AFFECTS, said.probabilities, strict=True)
            packets += [(f"/rym/prob/{affect}", p) for affect, p in pairs]
        if said.state != "unknown":
            packets.append(("/rym/state", AFFECTS.index(said.state) - 1.0))
        return packets, [*self._controller(said), *self._hold(said.state)]

    def _controller(self, said: Valence) -> list[Midi]:
        if said.valence is None or said.state == "unknown":
            return []
        value = 64 + round(63 * min(1.0, max(-1.0, said.valence)))
        if value == self._value:
            return []
        self._value = value
        return [Midi("control_change", self._control, value)]

    def _hold(self, state: State) -> list[Midi]:
        note = None if state == "unknown" else self._notes[state]
        before, self._note = self._note, note
        if before == note:
            return []
        ends = [] if before is None else [Midi("note_off", before, VELOCITY)]
        return ends if note is None else [*ends, Midi("note_on", note, VELOCITY)]

    def _safety(self, said: Safety) -> tuple[list[Packet], list[Midi]]:
        self._following = said.state in FOLLOWED
        packets = [("/rym/stopped", float(said.state == "STOP"))]
        return packets, ([] if self._following else self.silence())
