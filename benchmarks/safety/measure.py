"""What a captured sound says about a case (pure)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import signals
from .cases import PROMISES, Case
from .signals import RMS, SPAN

Floats = npt.NDArray[np.float64]

SILENT = 1e-3
"""Largest sample that still counts as silence, 34 dB below the music."""
ENDING = 0.1
"""Seconds at the end of a case that are not looked at."""
TONE = 4e-3
"""Step allowed where the tone of an end may sound, which is in no layer."""
HOP = 480
CLOSE = 0.02
"""Share of another layer beside which neutral counts as alone."""
A_SECOND = 100
"""Steps of `HOP`."""
LEAK, SPREAD = 4e-3, 0.35
"""Gain that a layer seems to have where another one fades, whose spectrum is then no line: at
least, and as a share of what that one changes by within the 125 ms."""
LOUDER = 0.5
"""dB by which nothing may be louder than it was, measured over 125 ms."""
LOWER, BACK = 10 ** (-19 / 20), 10 ** (-1 / 20)
"""Share of its level at which the music counts as 20 dB lower, and as loud as it is."""
STEEPER = 1.1
"""Times the sources' own largest step from sample to sample."""


class Heard(NamedTuple):
    """What was heard of one case; seconds count from the act."""

    case: Case
    before: bool
    """Whether there was sound right before it, or none where there shall be none."""
    silent: float | None
    """Last sound; null where it went on to the end."""
    neutral: float | None
    """When neutral alone was heard for the rest of the sound; null where it was not."""
    sounds: float | None
    """First sound behind the act where there was none."""
    lower: float | None
    """Since when it was 20 dB lower than before, to the end; null where it was not."""
    back: float | None
    """When it first was as loud as the music is; null where it never was."""
    steepest: float
    """Largest step from sample to sample over the largest that the layers' own steps allow, in what
    the player gave out."""
    captured: float
    """The same in what was captured; larger where the device or the ear was interrupted."""
    louder: float
    """dB by which it became louder than it was, or than the music ever is."""
    xruns: int
    """Interruptions that the player counted itself."""

    @property
    def disturbed(self) -> bool:
        """Return whether the sound was broken behind the player, by a machine too busy."""
        return self.captured > STEEPER >= self.steepest

    @property
    def late(self) -> bool:
        """Return whether a promise was kept by no more than what is let pass on real parts."""
        pairs = [(getattr(self.case, name), getattr(self, name)) for name in PROMISES]
        return any(most is not None and was is not None and was > most for most, was in pairs)

    @property
    def faults(self) -> list[str]:
        """Return what of the promise was not kept."""
        case, found = self.case, []
        if not self.before:
            found.append("not as it should be before the act")
        for name in PROMISES:
            most, was = getattr(case, name), getattr(self, name)
            if most is not None and (was is None or was > most + GRACE):
                found.append(f"{name} {'never' if was is None else f'{was:.2f} s'}, not {most:g}")
        if self.steepest > STEEPER:
            found.append(f"a jump of {self.steepest:.2f} times the sources'")
        if self.louder > LOUDER:
            found.append(f"louder by {self.louder:.1f} dB")
        return found


GRACE = 0.25
"""Seconds that a deadline may be missed by on real parts."""


def gains(sound: Floats) -> Floats:
    """Return how much of each layer is heard in 125 ms around every 10 ms.

    Parameters
    ----------
    sound : array of shape (n_times,)
        One channel at 48 kHz.

    Returns
    -------
    array of shape (n_hops, 3)
        The row k holds what begins at frame k × `HOP`.
    """
    n = (len(sound) - SPAN) // HOP + 1
    wanted = np.array([signals.bins(k) for k in range(3)])
    rows = np.zeros((max(n, 0), 3))
    for k in range(len(rows)):
        part = sound[k * HOP : k * HOP + SPAN]
        if part.any():
            power = np.abs(np.fft.rfft(part)[wanted]) ** 2
            rows[k] = np.sqrt(power.sum(axis=1)) * np.sqrt(2.0) / SPAN / RMS
    return rows


def measure(
    case: Case, sound: Floats, times: Floats, act: float, *, given: Floats, xruns: int = 0
) -> Heard:
    """Look at one case.

    Parameters
    ----------
    case : Case
        What was done.
    sound : array of shape (n_times,)
        One channel as captured, at 48 kHz.
    times : array of shape (n_hops,)
        Rig time in seconds at which each `HOP` frames had arrived.
    act : float
        Rig time of the act, in seconds.
    given : array of shape (n_given,)
        The same channel as the player gave it out, from its first frame on.
    xruns : int
        Interruptions that the player counted itself.

    Returns
    -------
    Heard
        The result.
    """
    at = int(np.searchsorted(times, act))
    # Behind this the players are ended, which is no case.
    n = int(np.searchsorted(times, act + case.lasts - ENDING))
    times, sound = times[:n], sound[: n * HOP]
    peaks = np.abs(sound).reshape(-1, HOP).max(axis=1)
    rows = gains(sound)
    ends = case.act.startswith("end") or case.situation == "coming back"
    least = TONE if ends else SILENT
    captured = _steepest(sound, rows, least)
    power = np.sqrt((rows**2).sum(axis=1))
    loud = np.flatnonzero(peaks[at:] > SILENT)
    quiet = case.situation in ("stopped", "paused")
    last = times[at + loud[-1]] - act if len(loud) else 0.0
    goes_on = len(loud) > 0 and at + loud[-1] >= n - 10
    until = max(0, at - SPAN // HOP)  # a row holds the 125 ms behind its beginning
    was = float(power[max(0, until - 100) : until].max(initial=0.0))
    # From silence, and where it only comes up, the music's own level is the most.
    rises = quiet or case.situation == "rising" or case.act in ("answer", "duck off")
    most = 1.0 if rises else was
    behind = float(power[at:].max(initial=0.0))
    before = peaks[max(0, at - 30) : at]
    return Heard(
        case=case,
        before=bool((before < SILENT).all() if quiet else (before > SILENT).all()),
        silent=None if goes_on else float(last),
        # The tone of an end is in no layer.
        neutral=_neutral(rows, power, times, act, at, lasts=captured <= STEEPER and not ends),
        sounds=float(times[at + loud[0]] - act) if quiet and len(loud) else None,
        lower=_since(power[at:] <= LOWER * was, times[at:], act),
        back=_first(power[at:] >= BACK, times[at:], act),
        steepest=_steepest(given, gains(given), least),
        captured=captured,
        louder=20.0 * float(np.log10(max(behind, 1e-6) / max(most, 1e-6))) if behind else -120.0,
        xruns=xruns,
    )


def _since(true: npt.NDArray[np.bool_], times: Floats, act: float) -> float | None:
    """Return since when something was so, to the end."""
    begin = int(np.flatnonzero(~true)[-1]) + 1 if not true.all() else 0
    return float(times[begin] - act) if begin < len(true) else None


def _first(true: npt.NDArray[np.bool_], times: Floats, act: float) -> float | None:
    """Return when something first was so."""
    return float(times[np.argmax(true)] - act) if true.any() else None


def _neutral(
    rows: Floats, power: Floats, times: Floats, act: float, at: int, *, lasts: bool
) -> float | None:
    """Return since when neutral alone is heard: to the end or, where that is not, for a second."""
    heard = power > 10 * SILENT
    near = SPAN // HOP // 2
    wide = np.pad(power, near, mode="edge")
    fades = SPREAD * np.abs(wide[2 * near :] - wide[: len(power)])
    seems = np.maximum.reduce([CLOSE * power, np.full(len(power), LEAK), fades])
    other = heard & (np.hypot(rows[:, 0], rows[:, 2]) > seems)
    neutral = heard & ~other
    begin = at
    for k in at + np.flatnonzero(other[at:]):
        if not lasts and neutral[begin:k].sum() >= A_SECOND:
            break
        begin = int(k) + 1
    if not neutral[begin : begin + 5].any():
        return None
    return max(0.0, float(times[begin] - act))


def _steepest(sound: Floats, rows: Floats, least: float) -> float:
    """Return the largest step over what the layers' gains within 125 ms allow."""
    steps = np.array([signals.steepest(k) for k in range(3)])
    allowed = rows @ steps
    near = SPAN // HOP
    padded = np.pad(allowed, (near, near), mode="edge")
    reach = np.lib.stride_tricks.sliding_window_view(padded, 2 * near + 1).max(axis=1)
    jumps = np.abs(np.diff(sound, prepend=sound[:1]))[: len(reach) * HOP]
    jumps = jumps.reshape(-1, HOP).max(axis=1)
    return float((jumps / np.maximum(reach, least))[: len(jumps)].max(initial=0.0))
