"""`rym check level`: the person sets how loud it is, from silence, on the loudest that can come.

Nobody else can: what is pleasant or too loud is known at the ear alone, and afterwards the level
only goes down. With `--spl` it is a sound level meter that is listened to, and what is kept is the
sound pressure of full scale, for this device at this system volume.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from player.level import volume as system_volume
from player.level.calibration import calibration
from player.level.dose import CAP
from player.level.loudness import k_weights, loudness
from player.output import flac
from player.output.devices import open_sink
from player.output.sink import Sink
from player.settings import BLOCK, RATE, PlayerSettings
from rym import bank as bank_format
from rym.clock import Clock
from rym.errors import UsageError

from .turning import Turning

TARGET = -20.0
"""LUFS of the sound that stands in where there is no bank: that of a bank."""
PAUSE_S = 0.005
"""Seconds between two looks at the device: half a control block."""
POSSIBLE = (60.0, 150.0)
"""dB(A) between which a sine of full scale can be at the ear."""

Frames = npt.NDArray[np.float32]
Tell = Callable[[str], None]


class Answer(NamedTuple):
    """What the check found."""

    taken: bool
    level_db: float
    device: str
    volume: str
    full_scale_dba: float | None
    """Where a meter was read; else None."""

    @property
    def values(self) -> dict[str, float | str]:
        """Return what is kept in `[player]`; nothing where nothing was taken."""
        if not self.taken:
            return {}
        if self.full_scale_dba is None:
            return {"level_db": self.level_db}
        return {
            "full_scale_dba": round(self.full_scale_dba, 1),
            "calibrated_device": self.device,
            "calibrated_volume": self.volume,
        }

    def note(self, date: str) -> str:
        """Return where the values come from, as a comment of the settings file."""
        what = "set by the person who listens" if self.full_scale_dba is None else "by a meter"
        words = f"rym check level: {what}, {self.device}, {date}"
        return words.replace("\n", " ").replace("\r", " ")

    @property
    def sentence(self) -> str:
        """Return the answer for people."""
        if not self.taken:
            return "Nothing was changed."
        if self.full_scale_dba is None:
            return f"The level is {self.level_db:.0f} dB on {self.device}, and only goes down."
        at = f"system volume {self.volume}" if self.volume else "system volume not known"
        return (
            f"A sine of full scale has {self.full_scale_dba:.1f} dB(A) at the ear on {self.device}"
            f" ({at}). Another device or volume voids this."
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "taken": self.taken,
            "level_db": self.level_db if self.taken else None,
            "device": self.device,
            "volume": self.volume or None,
            "full_scale_dba": self.full_scale_dba,
        }


def steady() -> Frames:
    """Return ten seconds of soft noise that goes round without a seam, −20 LUFS.

    Its power falls by 3 dB an octave from 60 Hz to 12 kHz, as that of music does; both ears get the
    same, so that a meter may be held to either.
    """
    n = 10 * RATE
    hz = np.arange(n // 2 + 1, dtype=np.float64) * RATE / n
    inside = (hz >= 60.0) & (hz <= 12_000.0)
    fall = np.where(inside, 1.0 / np.sqrt(np.maximum(hz, 1.0)), 0.0)
    phases = np.random.default_rng(0).uniform(0.0, 2 * np.pi, len(hz))
    power = 2 * 2 * np.sum(fall**2 * k_weights(hz)) / n**2
    scale = np.sqrt(10.0 ** ((TARGET + 0.691) / 10.0) / power)
    one = np.fft.irfft(scale * fall * np.exp(1j * phases), n)
    return np.repeat(one[:, None], 2, axis=1).astype(np.float32)


def loudest(folder: Path) -> tuple[Frames, str]:
    """Return a bank's loudest loop, and what it is called.

    Raises
    ------
    FormatError
        If the bank or that clip cannot be read.
    """
    manifest = bank_format.read(folder)
    bank_format.check_form(manifest, folder)
    loops = (clip for clip in manifest.clips if clip.kind == "loop")
    clip = max(loops, key=lambda clip: clip.lufs)
    bank_format.check_file(folder, clip.file, clip.sha256)
    sound, _ = flac.read(folder / clip.file)
    return sound, f"the loudest clip of {folder.name} ({clip.file})"


async def check_level(
    player: PlayerSettings,
    clock: Clock,
    keys: asyncio.Queue[str] | None,
    tell: Tell,
    *,
    bank: Path | None = None,
    spl: float | None = None,
    opening: Callable[[PlayerSettings, Clock], Sink] = open_sink,
) -> Answer:
    """Let a person turn the level up from silence.

    Parameters
    ----------
    player : PlayerSettings
        As a session would use them, so that device and volume are a session's.
    clock : Clock
        The rig's.
    keys : queue of str, or None
        Keys as they are pressed; None where there is no terminal.
    tell : callable
        Gets what happens, in words.
    bank : Path, optional
        Whose loudest clip is played; without one a steady sound of a bank's loudness.
    spl : float, optional
        What the meter at the ear will read in dB(A) when Return is pressed.
    opening : callable
        Opens what the settings ask for.

    Raises
    ------
    UsageError
        If nobody can press a key, the meter's reading cannot be true, or the system volume was
        changed meanwhile.
    FormatError
        If the bank cannot be read.
    DeviceError
        If the audio device cannot be had, or is lost.
    """
    if keys is None:
        raise UsageError(
            "There is no terminal here, so that nobody could turn the level.",
            "Run `rym check level` in a terminal, with the person who listens beside you.",
        )
    sound, name = (steady(), "a steady sound")
    if bank is not None and spl is None:
        sound, name = await asyncio.to_thread(loudest, bank)
    volume = await asyncio.to_thread(system_volume.read, player.device)
    sink = opening(msgspec.structs.replace(player, sink="portaudio"), clock)
    at_full = loudness(sound).level_dba
    known = calibration(player, sink.name, volume).full_scale_dba if spl is None else None
    turning = Turning(sound, 0.0 if known is None else CAP - known - at_full)
    try:
        tell(_invitation(name, sink.name, spl))
        at_zero = None if known is None else known + at_full
        await _turn(turning, sink, clock, keys, tell, at_zero=at_zero)
    finally:
        sink.close()
    taken, full = turning.ended == "taken", None
    if taken and (spl is not None or known is not None):
        unmoved(volume, await asyncio.to_thread(system_volume.read, player.device))
    if taken and spl is not None:
        full = plausible(spl - turning.level_db - at_full, spl, turning.level_db)
    return Answer(taken, turning.level_db, sink.name, volume, full)


def unmoved(before: str, after: str) -> None:
    """Check that the system volume is still the one that the check's sound pressures rest on.

    Raises
    ------
    UsageError
        If it is another one.
    """
    if before != after:
        raise UsageError(
            f"The system volume was {before or 'not known'} when the check began and is "
            f"{after or 'not known'} now, so that no sound pressure can be told.",
            "Repeat the check, and leave the system volume alone meanwhile.",
        )


def plausible(full_scale_dba: float, spl: float, level_db: float) -> float:
    """Return the sound pressure level of full scale if it can be true.

    Raises
    ------
    UsageError
        If it cannot.
    """
    least, most = POSSIBLE
    if least <= full_scale_dba <= most:
        return full_scale_dba
    raise UsageError(
        f"{spl:g} dB(A) at a level of {level_db:.0f} dB would make a sine of full scale "
        f"{full_scale_dba:.0f} dB(A) at the ear; {least:.0f} to {most:.0f} is possible.",
        "Read the meter at the ear, A-weighted and slow, and repeat the check.",
    )


def _invitation(name: str, device: str, spl: float | None) -> str:
    until = "it is as loud as you like it"
    if spl is not None:
        until = f"the meter at the ear shows {spl:g} dB(A), slow"
    return (
        f"Now {name} sounds from {device}, very softly. ↑ louder, ↓ softer, until {until}. "
        "Return takes it, q leaves all as it was."
    )


async def _turn(
    turning: Turning,
    sink: Sink,
    clock: Clock,
    keys: asyncio.Queue[str],
    tell: Tell,
    *,
    at_zero: float | None,
) -> None:
    """Play, and follow the keys, until it is taken or left and silent."""
    block = np.zeros((BLOCK, 2), dtype=np.float32)
    while not turning.silent:
        while not keys.empty():
            if turning.press(keys.get_nowait()):
                known = "" if at_zero is None else f", {at_zero + turning.level_db:.0f} dB(A)"
                tell(f"{turning.level_db:.0f} dB{known}")
        while sink.room() >= BLOCK and not turning.silent:
            turning.render(block)
            sink.write(block)
        sink.check()
        await clock.sleep_until(clock.now() + PAUSE_S)
    end = clock.now() + 2.0
    while not sink.drained() and clock.now() < end:
        await clock.sleep_until(clock.now() + PAUSE_S)
