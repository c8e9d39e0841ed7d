"""Opens devices by name, and again as they were (beside the adapters; pure but for them)."""

from __future__ import annotations

from typing import Any, NamedTuple

from rym.clock import Clock
from rym.errors import DeviceError

from ..settings import PlayerSettings
from .choosing import Found, Kind, again, alone, choose
from .portaudio import PortAudio
from .pulse import Place, Watch
from .ringed import RING, RingedSink

THROUGH = ("pulse", "pipewire", "default")
"""ALSA's names that lead to any device of a sound server, the most definite first."""


class Target(NamedTuple):
    """A device that was opened, as it is wanted back."""

    found: Found
    via: str
    """Its name at the sound server that its stream leads through; empty without one."""
    name: str
    """What people call it."""


class Opener:
    """One process's access to devices.

    It is used by one thread at a time.

    Parameters
    ----------
    settings : PlayerSettings
        Depth, latency, rate and device_delay are used.
    clock : Clock
        Tells when a frame is heard.
    """

    def __init__(self, settings: PlayerSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.door = PortAudio()
        self._watch: Watch | None = None

    def list_again(self) -> None:
        """Look for devices anew; every open stream dies."""
        self.door.list_again()

    def find(self, wanted: str, kind: Kind = "output") -> Target:
        """Return what a name means: a device of PortAudio, else one of the sound server.

        Raises
        ------
        DeviceError
            If there is none, or more than one.
        """
        devices = self.door.devices(kind)
        places = self._places(devices, kind) if wanted else []
        low = wanted.lower()
        # Whole names first: `a` is no part of `default` where there is an `a`.
        exact = [one for one in places if low in {one.name.lower(), one.description.lower()}]
        if exact and not any(low == one.name.lower() for one in devices):
            return self._at_server(devices, wanted, exact)
        try:
            found = choose(devices, wanted, kind)
        except DeviceError:
            partly = [one for one in places if low in f"{one.name}\n{one.description}".lower()]
            if not partly:
                raise
            return self._at_server(devices, wanted, partly)
        return Target(found, "", found.name)

    def output(
        self, wanted: str, before: Target | None = None, *, depth: float, exclusive: bool = False
    ) -> tuple[RingedSink, Target]:
        """Open a device for sound.

        Parameters
        ----------
        wanted : str
            Its name or a part of it; empty for the default.
        before : Target, optional
            What it was when it was opened first: it, and no other, is opened again.
        depth : float
            Seconds that may be written ahead.
        exclusive : bool
            Whether no other program may sound through it.

        Returns
        -------
        RingedSink
            Silent until it is written to.
        Target
            What was opened.

        Raises
        ------
        DeviceError
            If it cannot be had.
        """
        target = self._target(wanted, before, "output")
        found = target.found
        if exclusive:
            alone(found)
        settings = self._settings
        rate = self.door.rate(found, settings.device_rate)
        stream, via = self._stream(found, rate, target.via, exclusive=exclusive)
        if via and not target.via:
            # Once more, by the server's own name: else it would follow when the default changes.
            _end(stream)
            target = target._replace(via=via)
            stream, via = self._stream(found, rate, via, exclusive=exclusive)
        if via != target.via:
            _end(stream)
            raise DeviceError(
                f"The sound server would play on {via!r} in place of {target.via!r}.",
                "Connect the device again.",
            )
        sink = RingedSink(
            stream,
            self.door.ring(2, RING),
            name=target.name,
            clock=self._clock,
            rate=rate,
            depth=depth,
            delay=settings.device_delay,
        )
        return sink, target

    def _stream(self, found: Found, rate: int, via: str, *, exclusive: bool) -> tuple[Any, str]:
        """Open a stream; return it with its place at the sound server, if it leads through one."""
        watch = self._server(found)
        known = watch.clients() if watch else set()
        stream = self.door.mixer(found, rate, self._settings.latency, exclusive=exclusive, via=via)
        return stream, watch.bind(known) if watch else ""

    def microphone(
        self, wanted: str, before: Target | None, frames: int
    ) -> tuple[Any, int, Any, Target]:
        """Open a microphone; arguments and errors as of `output`.

        Returns
        -------
        tuple
            Its stream, frames per second, an empty ring of `frames`, and what was opened.
        """
        target = self._target(wanted, before, "input")
        rate = self.door.rate(target.found, 0, "input")
        stream = self.door.recorder(target.found, rate, self._settings.latency, target.via)
        return stream, rate, self.door.ring(1, frames), target

    def close(self) -> None:
        """End the connection to the sound server."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _target(self, wanted: str, before: Target | None, kind: Kind) -> Target:
        if before is None:
            return self.find(wanted, kind)
        return before._replace(found=again(self.door.devices(kind), before.found, kind))

    def _places(self, devices: list[Found], kind: Kind) -> list[Place]:
        """Return the sound server's own devices, which ALSA does not list."""
        way = _way(devices)
        watch = self._server(way) if way else None
        return watch.places("sink" if kind == "output" else "source") if watch else []

    def _at_server(self, devices: list[Found], wanted: str, places: list[Place]) -> Target:
        """Return the way to a device of the sound server."""
        if len(places) > 1:
            raise DeviceError(
                f"{wanted!r} fits more than one device of the sound server: "
                f"{', '.join(one.name for one in places)}.",
                "Give more of the name.",
                device=wanted,
            )
        way = _way(devices)
        assert way is not None, "places are listed only where a way leads to them"
        return Target(way, places[0].name, places[0].name)

    def _server(self, found: Found) -> Watch | None:
        """Return the sound server's watch where a device may lead through one."""
        if "ALSA" not in found.host or "(hw:" in found.name:
            return None
        if self._watch is not None and not self._watch.alive:
            self._watch.close()
            self._watch = None
        if self._watch is None:
            self._watch = Watch.begin()
        return self._watch


def same(one: Target, other: Target) -> bool:
    """Return whether two names lead to one device, as far as names tell.

    Under two host APIs it has one name, of which MME keeps 31 characters.
    """
    if one.via or other.via:
        return one.via == other.via
    a, b = one.found, other.found
    return a.name == b.name if a.host == b.host else a.name[:31] == b.name[:31]


def _way(devices: list[Found]) -> Found | None:
    """Return the device of ALSA's that leads to any of the sound server's."""
    ways = {one.name: one for one in devices if "ALSA" in one.host}
    return next((ways[name] for name in THROUGH if name in ways), None)


def _end(stream: Any) -> None:
    stream.abort()
    stream.close()
