"""Where frames go (adapter of PortAudio): a device through `rtmixer`, or a clock that keeps time.

The device is fed by a callback in C that reads a ring; Python only fills the ring. Measured on a
PulseAudio null sink, 48 kHz, device latency 50 ms, another thread holding the GIL for 150 ms every
250 ms, six seconds: `rtmixer` with a ring of 200 ms had no underflow and no break in the captured
sine; a Python callback had 19 underflows and 36 breaks. A Python callback with a device buffer of
250 ms had none either, but then every input waits for it even where the device could do with less,
and a stop cannot be quick; hence the ring.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rym.clock import Clock
from rym.errors import DeviceError

from ..settings import RATE, PlayerSettings

Frames = npt.NDArray[np.float32]

RING = 1 << 16
"""Frames that the ring could hold, a power of two as PortAudio's ring wants it."""
STALLED = 1.0
"""Seconds without a frame taken after which a device counts as lost."""
SETTLING = 5.0
"""Seconds from a stream's start in which a stall means nothing: a sound server may take the first
buffer and then sleep for up to two seconds before it asks for more, as PulseAudio's null sink does.
"""
SLOTS = 8
"""Eighths of a second over which the device's pace is observed."""

LOG = logging.getLogger(__name__)


class Sink(Protocol):
    """What the player's loop needs of an output."""

    name: str
    xruns: int
    note: str
    """What a person should know of this output; mostly empty."""

    def room(self) -> int:
        """Return the number of frames that may be written now."""
        ...

    def write(self, block: Frames) -> None:
        """Take frames, shape (n_times, 2)."""
        ...

    def audible_at(self, frame: int) -> float:
        """Return the rig time in seconds at which a frame leaves the device."""
        ...

    def check(self) -> None:
        """Raise DeviceError if the device is lost."""
        ...

    def drained(self) -> bool:
        """Return True once everything that was written has been heard; nothing more is written."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


class PacedSink:
    """Takes frames as fast as a device would, and sounds nowhere.

    Parameters
    ----------
    clock : Clock
        Keeps the pace.
    depth : float
        Seconds that may be written ahead.
    note : str
        Why it stands in for a device, where it does.
    """

    def __init__(self, clock: Clock, depth: float, note: str = "") -> None:
        self.name = "null"
        self.xruns = 0
        self.note = note
        self._clock = clock
        self._depth = round(depth * RATE)
        self._start = clock.now()
        self._written = 0

    def room(self) -> int:
        """Return how far the clock has come, less what was written."""
        ahead = self._written - (self._clock.now() - self._start) * RATE
        if ahead < 0 < self._written:
            self.xruns += 1
            self._start -= ahead / RATE
            ahead = 0.0
        return int(self._depth - ahead)

    def write(self, block: Frames) -> None:
        """Count the frames."""
        self._written += len(block)

    def audible_at(self, frame: int) -> float:
        """Return when a device that began with the first frame would be at this one."""
        return self._start + frame / RATE

    def check(self) -> None:
        """Find nothing: a clock is never lost."""

    def drained(self) -> bool:
        """Return True once the clock has come to the last frame."""
        return self._clock.now() >= self.audible_at(self._written)

    def close(self) -> None:
        """Give nothing back."""


class PortAudioSink:
    """A device, fed by `rtmixer`'s callback from a ring.

    Parameters
    ----------
    mixer : module
        `rtmixer`, imported.
    device : int
        PortAudio's number of the device.
    settings : PlayerSettings
        Depth, latency and device_delay are used.
    clock : Clock
        Tells when a frame is heard.
    """

    def __init__(self, mixer: Any, device: dict[str, Any], settings: PlayerSettings, clock: Clock):
        self.name = str(device["name"])
        self.xruns = 0
        self.note = ""
        self._clock = clock
        self._depth = round(settings.depth * RATE)
        self._ring = mixer.RingBuffer(8, RING)
        self._stream = mixer.Mixer(
            device=device["index"],
            channels=2,
            samplerate=RATE,
            latency=settings.latency,
            blocksize=0,
        )
        self._action: Any = None
        self._written = self._taken = 0
        self._moved = self._opened = clock.now()
        self._pace: deque[tuple[int, float]] = deque(maxlen=SLOTS)
        self._stream.start()
        self.latency = float(self._stream.latency) + settings.device_delay

    def room(self) -> int:
        """Return what is missing to the depth, and observe the device's pace."""
        now = self._clock.now()
        waiting = RING - int(self._ring.write_available)
        taken = self._written - waiting
        if taken > self._taken:
            self._taken, self._moved = taken, now
        self._observe(now)
        if self._action is not None and self._action not in self._stream.actions:
            # The callback found too little in the ring and gave it up, whatever is in it by now.
            self.xruns += 1
            self._action = None
        return self._depth - waiting

    def write(self, block: Frames) -> None:
        """Put frames into the ring; the device begins with them once the depth is reached."""
        self._ring.write(block)
        self._written += len(block)
        if self._action is None and self._written - self._taken >= self._depth - len(block):
            self._action = self._stream.play_ringbuffer(self._ring)
            self._moved = self._clock.now()

    def audible_at(self, frame: int) -> float:
        """Return when a frame is heard, from the pace at which the device takes frames.

        It takes them a bufferful at a time, so that the time at which frame 0 would have been due
        seems to wander between two buffers; its latest value is the true one.
        """
        due = max((due for _, due in self._pace), default=self._clock.now())
        return due + frame / RATE + self.latency

    def check(self) -> None:
        """Raise DeviceError if the device has taken nothing for a second.

        The supervisor then starts the player again, which goes on at its place, on the same device
        if it is back. PortAudio itself reports no loss.
        """
        now = self._clock.now()
        if self._action is None or now < self._opened + SETTLING:
            return
        if now - self._moved > STALLED:
            raise DeviceError(
                f"The audio device {self.name!r} has taken no sound for {STALLED} s.",
                "Plug it in again, or name another one with [player] device.",
                device=self.name,
            )

    def drained(self) -> bool:
        """Return True once the ring is empty and the device's own buffer has been heard."""
        if self._action is None:
            return True
        if RING - int(self._ring.write_available) > 0:
            self._moved = self._clock.now()
            return False
        return self._clock.now() > self._moved + self.latency

    def close(self) -> None:
        """Stop the stream at once: to wait for a lost device is to wait for ever."""
        self._stream.abort()
        self._stream.close()

    def _observe(self, now: float) -> None:
        slot, due = int(now * SLOTS), now - self._taken / RATE
        if self._pace and self._pace[-1][0] == slot:
            due = max(due, self._pace.pop()[1])
        self._pace.append((slot, due))


def open_sink(settings: PlayerSettings, clock: Clock) -> Sink:
    """Open what the settings ask for.

    Parameters
    ----------
    settings : PlayerSettings
        Sink, device, depth, latency and device_delay are used.
    clock : Clock
        Paces the sinks without a device.

    Returns
    -------
    Sink
        A device; or, for `auto` without a named device, a paced one after one line of warning.

    Raises
    ------
    DeviceError
        If a device was asked for, by name or with `portaudio`, and cannot be had.
    """
    if settings.sink in ("null", "wav"):
        return PacedSink(clock, settings.depth)
    try:
        return _device(settings, clock)
    except DeviceError as error:
        if settings.sink == "portaudio" or settings.device:
            raise
        note = f"{error.error} The music goes to heard-NN.flac only."
        LOG.warning("%s", note)
        return PacedSink(clock, settings.depth, note)


def device_name(settings: PlayerSettings) -> str:
    """Return the name of the device that would be opened; nothing is opened.

    Raises
    ------
    DeviceError
        If there is no PortAudio, no device, or none of that name.
    """
    _, sounddevice, names = _port_audio(settings)
    try:
        return str(sounddevice.query_devices(settings.device or None, "output")["name"])
    except (ValueError, sounddevice.PortAudioError) as error:
        raise _refused(settings, names, error) from None


def _device(settings: PlayerSettings, clock: Clock) -> Sink:
    rtmixer, sounddevice, names = _port_audio(settings)
    try:
        device = sounddevice.query_devices(settings.device or None, "output")
        return PortAudioSink(rtmixer, device, settings, clock)
    except (ValueError, sounddevice.PortAudioError) as error:
        raise _refused(settings, names, error) from None


def _port_audio(settings: PlayerSettings) -> tuple[Any, Any, list[str]]:
    """Return both libraries and the names of all devices."""
    try:
        import rtmixer  # noqa: PLC0415 - there may be no PortAudio library
        import sounddevice  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise DeviceError(
            f"There is no PortAudio here ({error}).",
            'Install it (Debian: libportaudio2) or set [player] sink = "null".',
        ) from None
    names = [str(d["name"]) for d in sounddevice.query_devices() if d["max_output_channels"] >= 2]
    if not names:
        wanted = f", wanted was {settings.device!r}" if settings.device else ""
        raise DeviceError(
            f"There is no audio device with two output channels here{wanted}.",
            'Connect one, or set [player] sink = "null".',
            device=settings.device,
            devices=names,
        )
    return rtmixer, sounddevice, names


def _refused(settings: PlayerSettings, names: list[str], error: Exception) -> DeviceError:
    wanted = repr(settings.device) if settings.device else "the default output"
    return DeviceError(
        f"{wanted} is not an audio device that can be opened ({error}); there are: "
        f"{', '.join(names)}.",
        'Name one of these with [player] device, or set sink = "null".',
        device=settings.device,
        devices=names,
    )
