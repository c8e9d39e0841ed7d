"""What is told of which message: OSC packets and MIDI messages (pure).

    message            OSC, one float per address                  MIDI
    -----------------  ------------------------------------------  -------------------------------
    what is heard      /rym/valence        −1 … 1                  controller: 64 + 63 × valence
                       /rym/state          −1, 0, 1                one note held per state
    each answer        /rym/prob/negative  0 … 1
                       /rym/prob/neutral   0 … 1
                       /rym/prob/positive  0 … 1
    each quality       /rym/quality        0 … 1
    safety             /rym/stopped        1 stopped, 0 not        stopped: the note ends

Valence and state are those of the music that is heard, as the pictures have them, and not the
decoder's: a light or a second instrument that followed the decoder itself would go on where the
limits let the music rest at neutral, where somebody steers, and in an arm in which the music
follows something else; it would get round the limits and be feedback where there must be none.

The probabilities are the decoder's own words and say nothing of the music. They are told where the
music follows the decoder: in the arm `real` alone, and not while it rests at neutral for having
been heard too long. While somebody pins or steers the music they go on.

What is not known is not sent: no valence and no state of silence, no probabilities where there are
none; a MIDI note ends then. A receiver that wants to fall back by itself does so when nothing has
come for 2 s, as the player does.

In SAFE and STOP no valence, state, note or probability is sent either: what is steered from here
must rest where the music rests. Quality, the stop itself and the beat of what sounds are told.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from rym.messages import AFFECTS, Affect, Content, Played, Quality, Safety, Valence

from ..pictures.path import place_of
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
        Notes, controller and whether probabilities are told are used.
    """

    def __init__(self, settings: OutwardSettings) -> None:
        self._notes = dict(zip(AFFECTS, settings.midi_notes, strict=True))
        self._control = settings.midi_control
        self._probabilities = settings.probabilities
        self._following = True
        self._resting = False
        self._note: int | None = None
        self._value: int | None = None

    def take(self, content: Content) -> tuple[list[Packet], list[Midi]]:
        """Return what is to be told because of a message.

        Parameters
        ----------
        content : Played, Valence, Quality or Safety
            Anything else is told to nobody.
        """
        match content:
            case Played():
                return self._played(content)
            case Valence():
                return self._answer(content), []
            case Quality():
                return [("/rym/quality", content.overall)], []
            case Safety():
                return self._safety(content)
        return [], []

    def silence(self) -> list[Midi]:
        """Return what ends the note that is held."""
        return self._hold(None)

    def _played(self, played: Played) -> tuple[list[Packet], list[Midi]]:
        self._resting = "resting" in played.why.split(", ")
        heard = played.heard
        if heard is None or not self._following:
            return [], self.silence()
        valence = place_of(played.gains)
        packets = [("/rym/valence", valence), ("/rym/state", AFFECTS.index(heard) - 1.0)]
        return packets, [*self._controller(valence), *self._hold(heard)]

    def _answer(self, said: Valence) -> list[Packet]:
        follows = self._probabilities and self._following and not self._resting
        if said.probabilities is None or not follows:
            return []
        pairs = zip(AFFECTS, said.probabilities, strict=True)
        return [(f"/rym/prob/{affect}", p) for affect, p in pairs]

    def _controller(self, valence: float) -> list[Midi]:
        value = 64 + round(63 * valence)
        if value == self._value:
            return []
        self._value = value
        return [Midi("control_change", self._control, value)]

    def _hold(self, heard: Affect | None) -> list[Midi]:
        note = None if heard is None else self._notes[heard]
        before, self._note = self._note, note
        if before == note:
            return []
        ends = [] if before is None else [Midi("note_off", before, VELOCITY)]
        return ends if note is None else [*ends, Midi("note_on", note, VELOCITY)]

    def _safety(self, said: Safety) -> tuple[list[Packet], list[Midi]]:
        self._following = said.state in FOLLOWED
        packets = [("/rym/stopped", float(said.state == "STOP"))]
        return packets, ([] if self._following else self.silence())
