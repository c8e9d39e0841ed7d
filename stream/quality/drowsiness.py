"""Hints that a person may be falling asleep; information, which changes nothing (pure)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from ..settings import QualitySettings
from .measures import Flags, Floats

ALPHA_GONE = "alpha gone"
SLOW_EYES = "slow eye movements"

NOW_S = 5.0
"""Seconds over which the present alpha is averaged; a drop-out lasts longer than that."""
OWN_S = 120.0
"""Time constant of the person's own level in seconds; a mean of this length outlasts a drop-out."""
KNOWN_S = 30.0
"""Seconds of signal from which the person's own level is known."""
ROLL_S = 10.0
"""Seconds in which slow eye movements are looked for: two to six of them."""
LOOK_S = 1.0
"""Seconds between two looks."""
ROLL_BAND = (0.2, 0.6)
"""Hz."""
ROLL_SHARE = 0.6
"""Share of the slow signal's power that must lie in that band; steps and drifts are wider."""
PAIRS = (("F7", "F8"), ("AF7", "AF8"), ("FT7", "FT8"), ("F9", "F10"), ("Fp1", "Fp2"))
"""Left and right of the eyes, the pair that sees them turn best first."""


class Alpha:
    """Alpha against the person's own running level.

    Parameters
    ----------
    settings : QualitySettings
        What counts as present and as gone.
    names : sequence of str
        Scalp channels in the order in which they are measured.
    rate : float
        Samples per second.
    """

    def __init__(self, settings: QualitySettings, names: Sequence[str], rate: float) -> None:
        back = np.array([name.startswith(("O", "PO", "P")) for name in names], bool)
        # Without an electrode at the back, alpha is looked for everywhere.
        self._back = back if back.any() else np.ones(len(names), bool)
        self._settings = settings
        self._rate = rate
        self._known = 0.0
        self._own = np.zeros(2)
        self._now = np.zeros(2)

    def push(self, alpha: Floats, flanks: Floats, good: Flags, n_new: int) -> bool:
        """Take in a window and say whether alpha is gone.

        Parameters
        ----------
        alpha, flanks : array of shape (n_channels,)
            Power per Hz at 8 to 12 Hz and on both sides, in µV².
        good : array of shape (n_channels,)
            Channels that may be looked at.
        n_new : int
            Samples since the last window.
        """
        used = self._back & good & (alpha > 0) & (flanks > 0)
        if not used.any():
            return False
        seconds = n_new / self._rate
        level = np.array([np.log(alpha[used]).mean(), np.log(flanks[used]).mean()])
        self._known += seconds
        # A plain mean at first, so that the first window has no more weight than the others.
        self._own += (level - self._own) * max(seconds / OWN_S, seconds / self._known)
        self._now += (level - self._now) * max(seconds / NOW_S, seconds / self._known)
        if self._known < KNOWN_S:
            return False
        present = self._own[0] - self._own[1] >= np.log(self._settings.alpha_present)
        fall = 10 / np.log(10) * (self._own[0] - self._now[0])
        return bool(present and fall >= self._settings.alpha_gone)


class SlowEyes:
    """Slow rolling movements of the eyes, between left and right.

    Parameters
    ----------
    settings : QualitySettings
        How large they are.
    names : sequence of str
        Scalp channels in the order in which they are measured.
    rate : float
        Samples per second.
    """

    def __init__(self, settings: QualitySettings, names: Sequence[str], rate: float) -> None:
        pair = next((pair for pair in PAIRS if set(pair) <= set(names)), None)
        self._pair = [list(names).index(name) for name in pair] if pair else []
        self._settings = settings
        self._rate = rate
        self._hop = 0
        self._course: deque[float] = deque()
        self.clear()

    def clear(self) -> None:
        """Forget what was seen: time has passed that nobody saw."""
        self._course.clear()
        self._rolling = False
        self._waited = 0

    def push(self, raw: Floats, good: Flags, n_new: int) -> bool:
        """Take in a window and say whether the eyes roll slowly.

        Parameters
        ----------
        raw : array of shape (n_channels, n_times)
            As recorded, in µV: a high-pass would take the movements away.
        good : array of shape (n_channels,)
            Channels that may be looked at.
        n_new : int
            Samples since the last window.
        """
        if not self._pair:
            return False
        if n_new != self._hop:
            self._hop = n_new
            self.clear()
        if not good[self._pair].all():
            self.clear()
            return False
        left, right = raw[self._pair, -n_new:].mean(axis=1)
        self._course.append(float(left - right))
        n = round(ROLL_S * self._rate / n_new)
        self._waited += n_new
        if len(self._course) < n:
            return False
        while len(self._course) > n:
            self._course.popleft()
        # A window of ten seconds says little that is new in a quarter of one.
        if self._waited >= LOOK_S * self._rate:
            self._waited = 0
            step = n_new / self._rate
            self._rolling = rolls(np.array(self._course), step, self._settings.slow_eyes)
        return self._rolling


def rolls(course: Floats, step: float, least: float) -> bool:
    """Say whether most of a slow signal lies between 0.2 and 0.6 Hz.

    Parameters
    ----------
    course : array of shape (n,)
        Left minus right in µV.
    step : float
        Seconds from one value to the next.
    least : float
        RMS in that band in µV that it must have.
    """
    n = len(course)
    if n < 8:
        return False
    t = np.arange(n) - (n - 1) / 2
    centred = course - course.mean()
    window = np.hanning(n + 2)[1:-1]
    bins = np.fft.rfft((centred - t * (np.sum(t * centred) / np.sum(t * t))) * window)
    power = 2 * (bins.real**2 + bins.imag**2) / (n * np.sum(window**2))
    frequency = np.fft.rfftfreq(n, step)
    inside = power[(frequency >= ROLL_BAND[0]) & (frequency <= ROLL_BAND[1])].sum()
    return bool(np.sqrt(inside) >= least and inside >= ROLL_SHARE * power.sum())
