"""What the bridges may be told; both are off by default."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from rym.address import Address
from rym.errors import UsageError

Seven = Annotated[int, msgspec.Meta(ge=0, le=127)]
"""A number as MIDI has them."""


class OutwardSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[outward]`: who is told what is heard, and how the decoder answers."""

    osc: str = ""
    """Where OSC goes by UDP, as `host:port`; empty: nowhere."""
    osc_remote: bool = False
    """Whether that may be another machine: OSC has no access control and no encryption."""
    midi: str = ""
    """Name of a MIDI port, or a part that only one name has; empty: none."""
    midi_channel: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    """Channel of notes and controller, as people count them."""
    midi_control: Seven = 16
    """Number of the controller that the music's valence moves: 1 negative, 64 neutral, 127
    positive."""
    midi_notes: tuple[Seven, Seven, Seven] = (48, 60, 72)
    """Notes that are held while the music is negative, neutral, positive."""
    midi_clock: bool = True
    """Whether the music's beat is sent, 24 ticks to a quarter note."""
    probabilities: bool = True
    """Whether the decoder's probabilities are told. A session does so in the arm `real` alone: in
    every other one they would be feedback that there must not be."""
    bank: str = ""
    """Folder of the bank that is played, whose beats the clock ticks; a session fills it in."""

    @property
    def on(self) -> bool:
        """Whether anything is to be told to anybody."""
        return bool(self.osc or self.midi)

    def __post_init__(self) -> None:
        if self.osc:
            receiver = address(self.osc)
            if not (receiver.is_loopback or self.osc_remote):
                raise UsageError(
                    f"[outward] osc is {self.osc}, so that estimates from EEG would leave this "
                    "machine, unprotected.",
                    "Set osc_remote = true if that is meant, or name a port of 127.0.0.1.",
                    host=receiver.host,
                )
        if len(set(self.midi_notes)) < len(self.midi_notes):
            raise UsageError(
                f"[outward] midi_notes are {self.midi_notes}; two states would be one note.",
                "Give three different notes.",
            )


def address(osc: str) -> Address:
    """Return the receiver that `host:port` names.

    Raises
    ------
    UsageError
        If it has another form.
    """
    try:
        parts = urlsplit(f"//{osc}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.netloc != osc or "@" in osc:
        raise UsageError(
            f"[outward] osc is {osc!r}, expected host:port.", 'Write for example "127.0.0.1:9000".'
        )
    return Address(host, port, None)
