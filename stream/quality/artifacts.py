"""What disturbs a window beyond single electrodes: muscle, blinks, mains, motion (pure)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..settings import Artifact, QualitySettings
from .measures import BLOCK_S, Flags, Floats, Measures

_MUSCLE = re.compile(r"(Fp|AF|FT|F|TP|T)(z|\d+)$")
"""Electrodes over muscle: forehead and temples."""
_EYES = re.compile(r"(Fp|AF)(z|\d+)$")
_FRONT = re.compile(r"(Fp|AF|F|FT)(z|\d+)$")
QUIET_S = 60.0
"""Seconds over which a person's quiet level of muscle is measured."""
QUIET_SHARE = 0.25
"""Share of these seconds that must be quiet: tension that lasts longer becomes the level itself."""
KNOWN_S = 10
"""Seconds from which the quiet level is known."""
BLINK_S = (0.04, 0.5)
"""Shortest and longest time in seconds for which a blink is above half its height."""


class Disturbed(NamedTuple):
    """One artifact and whom it touches."""

    artifact: Artifact
    whole: bool
    """Whether it disturbs the window as a whole, and not a channel here and there."""
    channels: Flags
    """Array of shape (n_channels,), the channels that it touches."""


class Places:
    """Where the channels of a stream lie, as far as artifacts care.

    Parameters
    ----------
    names : sequence of str
        Scalp channels in the order in which they are measured.
    rate : float
        Samples per second.
    """

    def __init__(self, names: Sequence[str], rate: float) -> None:
        self.block = max(1, round(BLOCK_S * rate))
        self.muscle = _matching(_MUSCLE, names)
        if not self.muscle.any():
            self.muscle[:] = True
        self.eyes = _matching(_EYES, names)
        self.back = ~_matching(_FRONT, names)


def disturbances(
    m: Measures, good: Flags, places: Places, settings: QualitySettings
) -> list[Disturbed]:
    """Return what disturbs a window, judged on the channels that are not bad.

    Parameters
    ----------
    m : Measures
        Of the window.
    good : array of shape (n_channels,)
        Channels without a fault.
    places : Places
        Of the same channels.
    settings : QualitySettings
        Thresholds.
    """
    over = places.muscle & good
    found = [
        widespread("line", good, m.mains >= settings.line, settings),
        widespread("muscle", over, m.muscle >= settings.muscle, settings),
        widespread("muscle burst", over, m.muscle >= settings.muscle_burst, settings),
        widespread("motion", good, m.level >= settings.motion_level, settings),
    ]
    eyes, back = places.eyes & good, places.back & good
    if is_blink(m.centred[eyes], m.centred[back], places.block, settings.blink):
        found.append(Disturbed("blink", True, places.eyes & good))
    return found


def widespread(
    artifact: Artifact, of: Flags, touched: Flags, settings: QualitySettings
) -> Disturbed:
    """Return an artifact that is whole where it touches more than a share of the channels `of`."""
    n = int(np.count_nonzero(touched & of))
    whole = n > settings.widespread * int(np.count_nonzero(of))
    return Disturbed(artifact, whole, touched & of)


def is_blink(eyes: Floats, back: Floats, block: int, height: float) -> bool:
    """Say whether the signal over the eyes has a blink's shape.

    Parameters
    ----------
    eyes : array of shape (n_eyes, n_times)
        Conditioned channels over the eyes, in µV.
    back : array of shape (n_back, n_times)
        The same of channels behind, where a blink is weak.
    block : int
        Samples in 20 ms, over which the signal is averaged: muscle is faster.
    height : float
        Least height in µV, above or below what the channel shows most of the time: the sign
        depends on the reference.
    """
    if not len(eyes) or eyes.shape[1] < block:
        return False
    course = _smooth(eyes, block)
    if course.max() - course.min() < height:
        return False
    course = np.abs(course - np.median(course))
    peak = int(course.argmax())
    # What is largest at the window's edge has not shown its shape yet.
    if course[peak] < height or peak in (0, len(course) - 1):
        return False
    wide = _width(course >= course[peak] / 2, peak) * BLOCK_S
    if not BLINK_S[0] <= wide <= BLINK_S[1]:
        return False
    if not len(back):
        return True
    behind = _smooth(back, block)
    return bool(np.abs(behind - np.median(behind))[peak] <= course[peak] / 2)


def _smooth(signals: Floats, block: int) -> Floats:
    """Return the mean of channels as means over blocks."""
    mean = signals.sum(axis=0) / len(signals)
    n = len(mean) // block
    return np.asarray(mean[len(mean) - n * block :].reshape(n, block).mean(axis=1))


def _width(above: Flags, peak: int) -> int:
    """Return the length of the run of true values that holds `peak`."""
    left = np.flatnonzero(~above[:peak])
    right = np.flatnonzero(~above[peak:])
    start = int(left[-1]) + 1 if len(left) else 0
    return (peak + int(right[0]) if len(right) else len(above)) - start


class Tension:
    """Muscle against what each electrode has when the person is quiet.

    That is the lower quartile of the last minute, once a second: the windows of a second overlap.

    Parameters
    ----------
    places : array of shape (n_channels,)
        Electrodes over muscle.
    rate : float
        Samples per second.
    """

    def __init__(self, places: Flags, rate: float) -> None:
        self._places = places
        self._rate = rate
        self._waited = 0
        self._seen: deque[Floats] = deque(maxlen=round(QUIET_S))
        self._quiet = np.full(len(places), np.inf)

    def push(self, muscle: Floats, good: Flags, n_new: int, times: float) -> Flags:
        """Take in a window and return on which channels muscle has risen.

        Parameters
        ----------
        muscle : array of shape (n_channels,)
            RMS in µV; 0 where it is not known.
        good : array of shape (n_channels,)
            Channels that may be looked at.
        n_new : int
            Samples since the last window.
        times : float
            From which multiple of the quiet level.
        """
        looked = self._places & good & (muscle > 0)
        risen: Flags = looked & (muscle >= times * self._quiet)
        self._waited += n_new
        if self._waited >= self._rate:
            self._waited = 0
            self._seen.append(np.where(looked, muscle, np.nan))
            self._quiet = self._level()
        return risen

    def _level(self) -> Floats:
        """Return each channel's quiet level; infinite where it is not known."""
        ordered = np.sort(np.array(self._seen), axis=0)  # what is not known comes last
        n = np.count_nonzero(np.isfinite(ordered), axis=0)
        place = (np.maximum(n - 1, 0) * QUIET_SHARE).astype(np.int64)
        level = ordered[place, np.arange(len(n))]
        return np.where(n >= KNOWN_S, level, np.inf)


class Motion:
    """Acceleration over the time of the newest window."""

    def __init__(self) -> None:
        self._parts: deque[tuple[int, npt.NDArray[np.float64]]] = deque()

    def push(self, n_new: int, n_times: int, motion: npt.NDArray[np.float32]) -> float:
        """Take in what came with a window and return the acceleration's SD in mm/s².

        Parameters
        ----------
        n_new : int
            Samples of EEG since the last window.
        n_times : int
            Samples of EEG in a window; what came before those is forgotten.
        motion : array of shape (m, 3)
            In mm/s²; rows that are not finite are left out.
        """
        usable = np.isfinite(motion).all(axis=1)
        self._parts.append((n_new, motion[usable].astype(np.float64)))
        while sum(n for n, _ in self._parts) > n_times and len(self._parts) > 1:
            self._parts.popleft()
        rows = np.concatenate([part for _, part in self._parts])
        return float(np.sqrt(rows.var(axis=0).sum())) if len(rows) > 1 else 0.0

    def clear(self) -> None:
        """Forget what was pushed."""
        self._parts.clear()


def _matching(pattern: re.Pattern[str], names: Sequence[str]) -> Flags:
    return np.array([pattern.match(name) is not None for name in names], bool)
