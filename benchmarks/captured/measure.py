"""Gains, levels and times read off a captured sound whose three signals are known (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from player.settings import RATE
from rym.messages import AFFECTS

from .bank import MARK, RHOS, SECTION, marker, signals

Array = npt.NDArray[np.float64]

WINDOW = RATE // 200
"""Frames of one projection, 5 ms."""
UNEXPLAINED = 0.05
"""Largest sample that may be left when the known signals are taken out, in shares of full scale:
within 5 ms of a fade of 40 ms the gains move by 12 %; a frame too few leaves more than that."""
SILENT = -20.0
"""Level in dB at and below which a fade holds a hole, not a dip."""
CLEAN_HZ = 12_000.0
"""Nothing of signals, markers and fades lies above it; a break does, by about half its step."""
MARGIN = 20
"""Windows looked at before and after a fade."""


class Fade(NamedTuple):
    """One fade as captured."""

    rho: float
    start: int
    """Player frame at which it was declared to begin."""
    at: Array
    """Seconds since the declared half-way frame, shape (n_windows,), middle of each window."""
    gains: Array
    """Shape (n_windows, 3); all NaN where the three signals are one."""
    level_db: Array
    """Level of the mixture against one signal alone, shape (n_windows,)."""
    middle: float
    """Seconds from the declared half-way frame to the fitted one; NaN where signals are one."""
    whole: bool
    """Whether the known signals explain what was captured: the device gave out every frame."""


def marks(sound: Array) -> Array:
    """Return where the markers begin, in frames to a fraction, shape (n_marks,)."""
    shape = marker()
    n = 1 << (len(sound) + len(shape)).bit_length()
    found = np.fft.irfft(np.fft.rfft(sound, n) * np.conj(np.fft.rfft(shape, n)), n)[: len(sound)]
    places = []
    least = 0.5 * float(shape @ shape)
    while True:
        k = int(np.argmax(found))
        if found[k] < least:
            return np.sort(np.array(places))
        a, b, c = found[k - 1 : k + 2]
        places.append(k + 0.5 * (a - c) / (a - 2 * b + c))
        found[max(0, k - SECTION // 2) : k + SECTION // 2] = 0.0


def declared_marks(played: Sequence[Mapping[str, Any]], found: Array) -> Array:
    """Return the player frames at which the markers that were found begin, shape (n_marks,).

    The music begins with the first section's first frame; a device that was interrupted shifts a
    marker by less than half a section, and may lose one.
    """
    first = played[0]["frame"] - played[0]["position"] - played[0]["section"] * SECTION
    return first + MARK + SECTION * np.round((found - found[0]) / SECTION)


def audible(played: Sequence[Mapping[str, Any]], frame: float) -> float:
    """Return the rig time at which a frame is heard, as the nearest message has it."""
    near = min(played, key=lambda one: abs(one["frame"] - frame))
    return float(near["audible_at"] + (frame - near["frame"]) / RATE)


def fades(played: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages that a fade is half-way, whole sections only."""
    found = [one for one in played if "half-way" in one["why"] and one["fade"]]
    last = played[-1]["frame"]
    return [one for one in found if one["fade"]["end"] + RATE // 2 < last]


def read(sound: Array, offset: int, said: Mapping[str, Any], before: str) -> Fade:
    """Read one fade off the captured sound.

    Parameters
    ----------
    sound : array of shape (n_frames,)
        One channel.
    offset : int
        Captured frame at which the player's frame 0 is.
    said : mapping
        The message that the fade is half-way.
    before : str
        Affect that it leads away from.
    """
    fade, section = said["fade"], said["section"]
    rho = RHOS[section]
    layers = signals(section, rho)
    base = said["frame"] - said["position"]
    begins = range(fade["start"] - MARGIN * WINDOW, fade["end"] + MARGIN * WINDOW, WINDOW)
    at = np.array([(b + WINDOW / 2 - fade["half"]) / RATE for b in begins])
    gains = np.full((len(at), 3), np.nan)
    level, left = np.empty(len(at)), 0.0
    r = np.full((3, 3), rho) + (1 - rho) * np.eye(3)
    for k, begin in enumerate(begins):
        heard = sound[begin + offset : begin + offset + WINDOW]
        known = layers[:, begin - base : begin - base + WINDOW]
        if rho == 1.0:
            gain = heard @ known[0] / (known[0] @ known[0])
            power, told = gain**2, gain * known[0]
        else:
            gains[k] = np.linalg.lstsq(known.T, heard, rcond=None)[0]
            power, told = gains[k] @ r @ gains[k], gains[k] @ known
        level[k] = 10 * np.log10(max(power, 1e-12))
        left = max(left, float(np.abs(heard - told).max()))
    whole = left < UNEXPLAINED and float(level.min()) > SILENT
    fitted = whole and rho < 1.0
    middle = _middle(at, gains, before, fade) if fitted else np.nan
    return Fade(rho, fade["start"], at, gains, level, middle, whole)


def _middle(at: Array, gains: Array, before: str, fade: Mapping[str, Any]) -> float:
    """Fit the share of the fade's time, a straight line in time, through all that is in between."""
    old, new = (gains[:, AFFECTS.index(name)] for name in (before, fade["to"]))  # type: ignore[arg-type]
    angle = np.arctan2(np.maximum(new, 0.0), np.maximum(old, 0.0))
    share = np.arccos(np.clip(1 - 4 * angle / np.pi, -1, 1)) / np.pi
    inside = (share > 0.1) & (share < 0.9)
    slope, zero = np.polyfit(at[inside], share[inside], 1)
    return float((0.5 - zero) / slope)


def broken(sound: Array) -> float:
    """Return the largest value above `CLEAN_HZ`, but for the first 10 ms, where the filter rises.

    Parameters
    ----------
    sound : array of shape (n_frames,)
        One channel at 48 kHz.
    """
    sos = butter(8, CLEAN_HZ, "highpass", fs=RATE, output="sos")
    return float(np.abs(sosfilt(sos, sound)[RATE // 100 :]).max())


class Run(NamedTuple):
    """One captured run."""

    drift_ms: Array
    """Of every marker after the first: captured against declared place in the player's frames."""
    clock_ms: Array
    """Of every marker after the first: captured time against declared audible time."""
    late_ms: Array
    """Of every fade: fitted half-way point against its declared audible time."""
    fades: list[Fade]
    broken: float
    """Largest value above `CLEAN_HZ` from the first marker to the last, in shares of full scale."""

    @property
    def undisturbed(self) -> bool:
        """Whether the device was given, and gave out, every frame in time."""
        return all(fade.whole for fade in self.fades) and bool((np.abs(self.drift_ms) < 1.0).all())


def compare(sound: Array, played: Sequence[Mapping[str, Any]]) -> Run:
    """Align a captured sound by its first marker, once, and compare all that follows.

    Parameters
    ----------
    sound : array of shape (n_frames,)
        One channel at 48 kHz.
    played : sequence of mapping
        What the player said, in order.
    """
    found = marks(sound)
    declared = declared_marks(played, found)
    offsets = found - declared
    early = [one for one in played if RATE // 2 < one["frame"] < 4 * RATE]
    start = float(np.median([one["audible_at"] - one["frame"] / RATE for one in early]))
    start += declared[0] / RATE
    heard_at = start + (found - found[0]) / RATE
    said_at = np.array([audible(played, frame) for frame in declared])
    read_fades, late = [], []
    before = "neutral"
    for said in fades(played):
        # Where the device was interrupted, the section's own marker says where its frames are.
        newest = max(0, int(np.searchsorted(declared, said["fade"]["start"])) - 1)
        one = read(sound, round(offsets[newest]), said, before)
        before = said["fade"]["to"]
        read_fades.append(one)
        middle = said["fade"]["half"] + one.middle * RATE + offsets[newest]
        late.append(1000 * (start + (middle - found[0]) / RATE - said["audible_at"]))
    return Run(
        1000 * (offsets - offsets[0])[1:] / RATE,
        1000 * (heard_at - said_at)[1:],
        np.array(late),
        read_fades,
        broken(sound[round(found[0]) : round(found[-1])]),
    )
