"""The door to PortAudio (adapter of sounddevice and rtmixer).

PortAudio lists devices once, when it is initialised. A device that was plugged in later is seen
only after it was ended and initialised again, which no open stream survives: `list_again` is for
whoever holds none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rym.errors import DeviceError

from ..settings import RATE
from .choosing import CHANNELS, Found, Kind, alone, fitting


class PortAudio:
    """Devices and streams.

    Parameters
    ----------
    remedy : str
        What can be done where there is no PortAudio, or no device.

    Raises
    ------
    DeviceError
        If there is no PortAudio library.
    """

    def __init__(self, remedy: str = 'Set [player] sink = "null".') -> None:
        try:
            import rtmixer  # noqa: PLC0415 - there may be no PortAudio library
            import sounddevice  # noqa: PLC0415
        except (ImportError, OSError) as error:
            raise DeviceError(
                f"There is no PortAudio here ({error}).",
                f"Install it (Debian: libportaudio2). {remedy}",
            ) from None
        self._mixing: Any = rtmixer
        self._sound: Any = sounddevice

    def devices(self, kind: Kind) -> list[Found]:
        """Return all devices as they were listed last."""
        hosts = self._sound.query_hostapis()
        default = self._default(kind)
        return [
            Found(
                number=one["index"],
                name=str(one["name"]),
                host=str(hosts[one["hostapi"]]["name"]),
                rate=float(one["default_samplerate"]),
                n_in=one["max_input_channels"],
                n_out=one["max_output_channels"],
                default=one["index"] == default,
            )
            for one in self._sound.query_devices()
        ]

    def list_again(self) -> None:
        """Look for devices anew; every open stream dies."""
        # No public name leads to Pa_Terminate and Pa_Initialize. Where the second failed last time,
        # as while the system's audio service starts, the first has nothing to end.
        with suppress(self._sound.PortAudioError):
            self._sound._terminate()
        try:
            self._sound._initialize()
        except self._sound.PortAudioError as error:
            raise DeviceError(
                f"PortAudio cannot be started again ({error}).", "Start the session again."
            ) from None

    def rate(self, found: Found, wanted: int, kind: Kind = "output") -> int:
        """Return the rate at which a device is opened.

        Parameters
        ----------
        found : Found
            The device.
        wanted : int
            As in the settings; 0: 48 000 where it takes them, else its own.
        kind : {"output", "input"}
            What it is for.
        """
        if wanted:
            return wanted
        check = getattr(self._sound, f"check_{kind}_settings")
        try:
            check(device=found.number, channels=CHANNELS[kind], dtype="float32", samplerate=RATE)
        except (ValueError, self._sound.PortAudioError):
            return round(found.rate)
        return RATE

    def ring(self, channels: int, frames: int) -> Any:
        """Return a ring of float32 frames; `frames` is a power of two, as PortAudio wants it."""
        return self._mixing.RingBuffer(4 * channels, frames)

    def mixer(
        self, found: Found, rate: int, latency: float, *, exclusive: bool = False, via: str = ""
    ) -> Any:
        """Open a stream to a device and start it.

        Parameters
        ----------
        found : Found
            The device.
        rate : int
            Frames per second.
        latency : float
            Seconds of buffer asked of the device.
        exclusive : bool
            Whether no other program may sound through it.
        via : str
            Sink of a PulseAudio server that is meant by a device that leads to any of them.

        Raises
        ------
        DeviceError
            If it cannot be opened.
        """
        extra = self._extra(found) if exclusive else None
        with _environment("PULSE_SINK", via):
            return self._opened(self._mixing.Mixer, found, rate, 2, latency, extra_settings=extra)

    def recorder(self, found: Found, rate: int, latency: float, via: str = "") -> Any:
        """Open a stream from a microphone and start it; arguments as of `mixer`, one channel."""
        with _environment("PULSE_SOURCE", via):
            return self._opened(self._mixing.Recorder, found, rate, 1, latency)

    def _opened(
        self, kind: Any, found: Found, rate: int, channels: int, latency: float, **more: Any
    ) -> Any:
        try:
            stream = kind(
                device=found.number,
                channels=channels,
                samplerate=rate,
                latency=latency,
                blocksize=0,
                **more,
            )
            try:
                stream.start()
            except BaseException:
                stream.close()
                raise
        except (ValueError, self._sound.PortAudioError) as error:
            busy = "unavailable" in str(error) or "busy" in str(error)
            why = f"it is in use by another program ({error})" if busy else str(error)
            raise DeviceError(
                f"The audio device {found.name!r} cannot be opened at {rate} Hz: {why}.",
                "Close what else uses it, or name another one; there are: "
                f"{', '.join(one.name for one in fitting(self.devices('output'), 'output'))}.",
                device=found.name,
                rate=rate,
            ) from None
        return stream

    def _extra(self, found: Found) -> Any:
        if alone(found) == "wasapi":
            return self._sound.WasapiSettings(exclusive=True)
        return None

    def _default(self, kind: Kind) -> int:
        try:
            return int(self._sound.query_devices(None, kind)["index"])
        except (ValueError, self._sound.PortAudioError):
            return -1  # there is none


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable that libpulse reads when a connection is begun; the settings' only road."""
    before = os.environ.get(name)
    if value:
        os.environ[name] = value
    try:
        yield
    finally:
        if value and before is None:
            del os.environ[name]
        elif value and before is not None:
            os.environ[name] = before
