"""A MIDI port (adapter of mido), in a thread of its own: a port that hangs holds up nobody.

The thread opens the port, sends, and looks every two seconds whether it is still there, since a
port that was unplugged takes messages without a word. What waits too long for it is given up, but
for the note and the controllers that should be so now: a beat that is lost is over, a note that is
never ended sounds on.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol

from rym.errors import DeviceError

from .mapping import Midi

WAITING = 64
"""Messages that may wait for the port: a second and more of clock."""
LOOK_EVERY = 2.0
"""Seconds between two looks for the port."""
GONE = OSError, RuntimeError, ValueError
"""What mido's backends raise where a port cannot be had or does not take a message; rtmidi's own
errors are RuntimeErrors or made into OSErrors."""


class Port(Protocol):
    """What is needed of an open port of mido."""

    def send(self, message: Any) -> None:
        """Send one message."""
        ...

    def close(self) -> None:
        """Give the port back."""
        ...


class Ports(Protocol):
    """What is needed of mido's backend."""

    def names(self) -> list[str]:
        """Return the names of the ports that are there."""
        ...

    def open(self, name: str) -> Port:
        """Open a port."""
        ...


class MidoPorts:
    """The ports of this machine.

    Raises
    ------
    DeviceError
        If mido or the library beneath it is not installed.
    """

    def __init__(self) -> None:
        try:
            import mido  # noqa: PLC0415 - an extra

            mido.backend.load()
        except ImportError as error:
            raise DeviceError(
                f"MIDI cannot be sent: {error}.", "Install the extra `midi`: pip install rym[midi]."
            ) from None
        self._mido = mido

    def names(self) -> list[str]:
        """Return the names of the output ports."""
        return list(self._mido.get_output_names())

    def open(self, name: str) -> Port:
        """Open an output port."""
        port: Port = self._mido.open_output(name, autoreset=True)
        return port


def encoded(message: Midi, channel: int) -> Any:
    """Return a message as mido has it.

    Parameters
    ----------
    message : Midi
        One message.
    channel : int
        1 to 16.
    """
    import mido  # noqa: PLC0415 - an extra

    match message.kind:
        case "control_change":
            words = {"control": message.number, "value": message.value}
        case "note_on" | "note_off":
            words = {"note": message.number, "velocity": message.value}
        case _:
            return mido.Message(message.kind)
    return mido.Message(message.kind, channel=channel - 1, **words)


class Held:
    """Which notes sound and where the controllers stand, by the messages taken in (pure)."""

    def __init__(self) -> None:
        self._notes: dict[int, Midi] = {}
        self._controls: dict[int, Midi] = {}

    def take(self, message: Midi) -> None:
        """Take a message in."""
        match message.kind:
            case "note_on":
                self._notes[message.number] = message
            case "note_off":
                self._notes.pop(message.number, None)
            case "control_change":
                self._controls[message.number] = message

    def has(self, message: Midi) -> bool:
        """Return whether a message would change nothing; one of the beat always does."""
        match message.kind:
            case "note_on":
                return message.number in self._notes
            case "note_off":
                return message.number not in self._notes
            case "control_change":
                return self._controls.get(message.number) == message
        return False

    def since(self, other: Held) -> list[Midi]:
        """Return what makes another state this one: notes end before others begin."""
        ends = [Midi("note_off", n, one.value) for n, one in other._notes.items()]
        wanted = [*self._controls.values(), *self._notes.values()]
        return [one for one in ends if self.has(one)] + [x for x in wanted if not other.has(x)]


class Sender:
    """Sends to a port by name, for as long as it is there, and again when it has come back.

    Parameters
    ----------
    wanted : str
        The port's name, or a part that only one has.
    channel : int
        1 to 16.
    ports : callable
        Returns the machine's ports; called in the thread.
    """

    def __init__(self, wanted: str, channel: int, ports: Callable[[], Ports] = MidoPorts) -> None:
        self.trouble = f"The MIDI port {wanted!r} is being looked for."
        """Why nothing is sent now; empty where it is."""
        self.lost = 0
        """Messages that were given up so far."""
        self._wanted = wanted
        self._channel = channel
        self._ports = ports
        self._port: Port | None = None
        self._waiting: queue.Queue[Midi] = queue.Queue(WAITING)
        self._state = Held()
        self._guard = threading.Lock()
        self._behind = threading.Event()
        self._at_port = Held()
        self._look, self._ended = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._look.set()
        # A daemon: a port that never returns from `send` must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name="midi", daemon=True)
        self._thread.start()

    def send(self, messages: list[Midi]) -> None:
        """Hand messages over; they are given up where the port keeps the thread waiting.

        Where there is no thread any more, what it said of that stands, and nothing is counted.
        """
        if not self._thread.is_alive():
            return
        for message in messages:
            with self._guard:
                self._state.take(message)
            try:
                self._waiting.put_nowait(message)
            except queue.Full:
                self.lost += 1
                self._behind.set()
                self.trouble = f"The MIDI port {self._wanted!r} does not take what is sent to it."

    def look(self) -> None:
        """Have the thread look whether the port is there; to be called every `LOOK_EVERY`.

        Raises
        ------
        Exception
            What the thread ended with, where nobody knew it.
        """
        self._look.set()
        if self._error is not None:
            raise self._error

    def close(self, within: float = 1.0) -> None:
        """Send what waits and give the port back; one that hangs is left alone."""
        self._ended.set()
        self._thread.join(within)

    # -- in the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            ports = self._ports()
            while not self._ended.is_set() or not self._waiting.empty():
                if self._look.is_set():
                    self._look.clear()
                    self._find(ports)
                with contextlib.suppress(queue.Empty):
                    self._give(self._waiting.get(timeout=0.05))
                if self._behind.is_set() and self._waiting.empty():
                    self._catch_up()
            self._leave("")
        except DeviceError as error:
            self.trouble = str(error)
        except Exception as error:  # told to whoever looks
            self._error = error

    def _find(self, ports: Ports) -> None:
        """Open the port where it has come, leave it where it has gone."""
        try:
            names = [name for name in ports.names() if self._wanted.lower() in name.lower()]
            names = [name for name in names if name == self._wanted] or names
            if len(names) != 1:
                self._leave(self._missing(names))
            elif self._port is None:
                self._port = ports.open(names[0])
                self._at_port = Held()
                self._behind.set()
                self.trouble = ""
        except GONE as error:
            self._leave(f"MIDI cannot be sent: {error}.")

    def _missing(self, names: list[str]) -> str:
        if names:
            return f"[outward] midi is {self._wanted!r}, which {', '.join(names)} all have."
        return f"The MIDI port {self._wanted!r} is not there; it is looked for."

    def _catch_up(self) -> None:
        """Bring the port to what should be so now."""
        self._behind.clear()
        with self._guard:
            messages = self._state.since(self._at_port)
        for message in messages:
            self._give(message)

    def _give(self, message: Midi) -> None:
        if self._port is None or self._at_port.has(message):
            return
        try:
            self._port.send(encoded(message, self._channel))
        except GONE as error:
            self._leave(f"The MIDI port {self._wanted!r} is lost: {error}.")
        else:
            self._at_port.take(message)
            self.trouble = ""

    def _leave(self, why: str) -> None:
        self.trouble = why
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(*GONE):
                port.close()
