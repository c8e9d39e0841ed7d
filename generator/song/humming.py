"""Humming into a microphone (adapter of PortAudio)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import DeviceError, FormatError

from . import sound_file

LONGEST_S = 20.0
SHORTEST_S = sound_file.SHORTEST_S
COUNTDOWN_S = 3.0
STEP_S = 0.1
"""How often it is told how far the recording is, in seconds."""
STALLED_S = 2.0
"""A device that gives nothing for this long is gone."""
SILENT_DB, SOFT_DB = -60.0, -38.0
"""Level of the loudest tenth of a second: below the first nobody hummed, below the second a
room's noise is nearly as loud."""
CLIPPED = 1e-3
"""Share of the samples at full scale from which it is said."""

Frames = npt.NDArray[np.float32]


class Moment(NamedTuple):
    """How far a recording is."""

    before: float
    """Seconds until it begins; 0 while it runs."""
    left: float
    """Seconds until it ends."""
    level_db: float
    """RMS of the last tenth of a second against full scale, in dB."""


class Hummed(NamedTuple):
    """A recording that was kept."""

    path: Path
    seconds: float
    remarks: tuple[str, ...]


def microphones() -> list[str]:
    """Return the names of the devices that have an input.

    Raises
    ------
    DeviceError
        If there is no PortAudio.
    """
    devices = _sounddevice().query_devices()
    return [str(device["name"]) for device in devices if device["max_input_channels"] > 0]


def record(
    path: Path,
    told: Callable[[Moment], None],
    seconds: float = LONGEST_S,
    device: str = "",
    stop: threading.Event | None = None,
) -> Hummed:
    """Record somebody who hums, after a countdown.

    Parameters
    ----------
    path : Path
        Of the WAV file to be written, for its owner alone; one that is there is replaced.
    told : callable
        Called ten times a second with a `Moment`: for a countdown and a level on the screen.
    seconds : float
        How long, at most 20.
    device : str
        Name of the microphone, or a part of it; empty for the default one.
    stop : Event, optional
        Ends the recording early; what was recorded is kept.

    Returns
    -------
    Hummed
        With remarks where it is too soft or clipped.

    Raises
    ------
    DeviceError
        If there is no PortAudio, no such device, or it stops giving sound.
    FormatError
        If nothing was to be heard, or it was stopped within two seconds; nothing is written.
    """
    taken, rate = _taken(min(seconds, LONGEST_S), device, told, stop or threading.Event())
    remarks = judged(taken, rate)
    sound_file.keep(sound_file.wav(taken, rate), path)
    return Hummed(path, len(taken) / rate, remarks)


def judged(samples: Frames, rate: int) -> tuple[str, ...]:
    """Return what is to be said of a recording's level.

    Parameters
    ----------
    samples : array of shape (n_times,)
        As recorded, within ±1.
    rate : int
        Frames per second.

    Raises
    ------
    FormatError
        If it is shorter than two seconds or silent.
    """
    if len(samples) < SHORTEST_S * rate:
        raise FormatError(
            f"Only {len(samples) / rate:.1f} s were hummed, at least {SHORTEST_S:g} s are needed.",
            "Hum it again.",
        )
    loudest = _loudest_db(samples, rate)
    if loudest < SILENT_DB:
        raise FormatError(
            f"Nothing was heard: the loudest moment has {loudest:.0f} dB, at least {SILENT_DB:g} "
            "dB are needed.",
            "Is the microphone the right one, and not muted? Hum it again.",
        )
    if loudest < SOFT_DB:
        wanted = f"{SOFT_DB:g} dB or more are good; go nearer to the microphone."
        return (f"It is too soft: {loudest:.0f} dB, {wanted}",)
    share = float(np.mean(np.abs(samples) > 0.999))
    if share > CLIPPED:
        return (f"{100 * share:.1f} % of it is clipped: hum softer, or go away a little.",)
    return ()


def _loudest_db(samples: Frames, rate: int) -> float:
    step = round(STEP_S * rate)
    pieces = samples[: len(samples) // step * step].reshape(-1, step)
    # A microphone's offset is no sound.
    return _db(float(np.sqrt(np.mean((pieces - pieces.mean()) ** 2, axis=1).max())))


def _db(amplitude: float) -> float:
    return 20 * float(np.log10(max(amplitude, 1e-6)))


class _Tape:
    """What the device's own thread fills."""

    def __init__(self, n_before: int, n_times: int) -> None:
        self.samples = np.zeros(n_times, np.float32)
        self.n_before = n_before
        self.count = 0
        """Frames that came, those of the countdown included."""
        self.level_db = -120.0

    def add(self, block: Frames, *_: object) -> None:
        """Take a block; called by the device."""
        first = block[:, 0]
        self.level_db = _db(float(np.sqrt(np.mean(first**2))))
        start = self.count - self.n_before
        self.count += len(first)
        kept = first[max(0, -start) :]
        start = min(max(0, start), len(self.samples))
        kept = kept[: len(self.samples) - start]
        self.samples[start : start + len(kept)] = kept

    @property
    def kept(self) -> int:
        """Frames that were kept."""
        return max(0, min(self.count - self.n_before, len(self.samples)))


def _taken(
    seconds: float, device: str, told: Callable[[Moment], None], stop: threading.Event
) -> tuple[Frames, int]:
    sounddevice = _sounddevice()
    try:
        found = sounddevice.query_devices(device or None, "input")
        rate = int(found["default_samplerate"])
        tape = _Tape(round(COUNTDOWN_S * rate), round(seconds * rate))
        with sounddevice.InputStream(
            device=found["index"], channels=1, samplerate=rate, dtype="float32", callback=tape.add
        ):
            _wait(tape, rate, told, stop)
    except (ValueError, sounddevice.PortAudioError) as error:
        try:
            there = ", ".join(microphones()) or "none"
        except (ValueError, sounddevice.PortAudioError):
            there = "none that can be listed"
        raise DeviceError(
            f"{device or 'The default input'!r} is no microphone that can be opened ({error}); "
            f"there are: {there}.",
            "Name one of these, or record with another program and give the file.",
        ) from None
    return tape.samples[: tape.kept], rate


def _wait(tape: _Tape, rate: int, told: Callable[[Moment], None], stop: threading.Event) -> None:
    """Wait until the tape is full, and tell how far it is."""
    before, still = -1, 0.0
    while tape.kept < len(tape.samples) and not stop.wait(STEP_S):
        still = still + STEP_S if tape.count == before else 0.0
        before = tape.count
        if still > STALLED_S:
            raise DeviceError(
                f"The microphone has given no sound for {STALLED_S:g} s.",
                "Plug it in again, or name another one.",
            )
        begins = max(0.0, (tape.n_before - tape.count) / rate)
        left = begins + (len(tape.samples) - tape.kept) / rate
        told(Moment(begins, left, tape.level_db))


def _sounddevice() -> Any:
    try:
        import sounddevice  # noqa: PLC0415 - there may be no PortAudio library
    except (ImportError, OSError) as error:
        raise DeviceError(
            f"There is no PortAudio here ({error}).",
            "Install it (Debian: libportaudio2), or record with another program and give the file.",
        ) from None
    return sounddevice
