"""Whether the sound pressure at the ear is known for this start; pure.

`rym check level --spl` says what a sine of full scale gives at the ear with one device at one
system volume. With another device, or at another volume, that number means nothing: it is left out
and said so, rather than corrected.
"""

from __future__ import annotations

from typing import NamedTuple

from ..settings import PlayerSettings
from .dose import UNKNOWN

AGAIN = "`rym check level --spl` calibrates it again."
BLIND = "The system volume cannot be read here and has to be as it was then."


class Calibration(NamedTuple):
    """What holds for one start."""

    full_scale_dba: float | None
    """Level in dB(A) at the ear of a sine of full scale; None where it is not known."""
    sentence: str
    """For people."""
    void: bool = False
    """True where there was a calibration that holds no longer."""


def calibration(settings: PlayerSettings, device: str, volume: str) -> Calibration:
    """Compare what was calibrated with what is there.

    Parameters
    ----------
    settings : PlayerSettings
        `full_scale_dba`, `calibrated_device` and `calibrated_volume` are used.
    device : str
        Name of the device that sounds.
    volume : str
        The system volume as `player.level.volume` reads it; empty where it cannot be read.
    """
    full, then = settings.full_scale_dba, settings.calibrated_device
    if full is None:
        return Calibration(None, UNKNOWN)
    if device != then:
        what = f"was calibrated for the device {then!r}, sound goes to {device!r} now"
        return Calibration(None, f"The sound pressure {what}. {UNKNOWN} {AGAIN}", void=True)
    if volume != settings.calibrated_volume:
        before = settings.calibrated_volume or "one that could not be read"
        what = f"was calibrated at the system volume {before}, now it is {volume or 'not known'}"
        return Calibration(None, f"The sound pressure {what}. {UNKNOWN} {AGAIN}", void=True)
    told = f"A sine of full scale has {full:.1f} dB(A) at the ear with {device}"
    return Calibration(full, f"{told}, by calibration.{'' if volume else f' {BLIND}'}")
