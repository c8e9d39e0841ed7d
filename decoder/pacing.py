"""How much answers are smoothed and held, and above which confidence they are given (pure).

Chosen on out-of-fold answers that are played in order of time through the very `Smoother` and
`Gate` that answer live, the seconds around a change included: only there can be seen how long an
answer takes to turn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS

from .embedding import FIELD
from .gate import CLOSED, Gate, fit_threshold, smooth
from .scoring.intervals import Estimate, over_units
from .settings import HYSTERESES, SMOOTHINGS, DecoderSettings

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNKNOWN = -1


class Line(NamedTuple):
    """Out-of-fold answers in order of time."""

    p: Array
    """After temperature, shape (n, 3); no NaN."""
    label: Ints
    """True states, shape (n,)."""
    episode: Ints
    """Uninterrupted stretches of one state, shape (n,)."""
    t: Array
    """Seconds, shape (n,)."""
    start: Array
    """Seconds at which the episode of each row began, shape (n,); NaN for one that followed on no
    other."""
    follows: Bools
    """False where a row does not follow the one before without a hole, shape (n,)."""
    clear: Bools
    """Rows that may be scored: not so near a change that both states are in the field."""
    hop: float
    """Seconds from row to row."""


class Pace(NamedTuple):
    """What smoothing and hysteresis do to a line of answers."""

    smoothing: float
    """Seconds."""
    hysteresis: float
    threshold: float
    needless: float
    """Changes of the answer per minute beyond those of the state."""
    seconds: float
    """Median time from a change of the state to the first right answer that lasts; infinite where
    most never come."""
    right: Array
    """Of every clear row, whether the answer was right; `unknown` is not."""


def pace_for(line: Line, settings: DecoderSettings) -> Pace | None:
    """Return the pace of those that are steady and right enough which is soonest right.

    Steady enough: no more needless changes per minute than `settings.needless`; if none is, the
    steadiest. Right enough: not worse than the best by more than one standard error of the best,
    counted in episodes. By the standard error of the paired difference, a tenth of it, whatever is
    right in a few rows more would decide, and the limit hardly matters.

    Parameters
    ----------
    line : Line
        Out-of-fold answers.
    settings : DecoderSettings
        `smoothing` and `hysteresis` where they are set, `needless` and `gate_target`.

    Returns
    -------
    Pace or None
        None where the gate stays closed, however much is smoothed.
    """
    paces = list(_paces(line, settings))
    if not paces:
        return None
    shares = [_share(line, pace) for pace in paces]
    best = max(shares, key=lambda share: share.mean)
    least = best.mean - (best.standard_error or 0.0)
    fair = [pace for pace, share in zip(paces, shares, strict=True) if share.mean >= least]
    steady = [pace for pace in fair if pace.needless <= settings.needless]
    if not steady:
        return min(fair, key=lambda pace: (pace.needless, pace.seconds))
    return min(steady, key=lambda pace: (pace.seconds, pace.needless))


def _paces(line: Line, settings: DecoderSettings) -> Iterator[Pace]:
    """Yield what every smoothing for which the gate opens does with every hysteresis."""
    asked, held = settings.smoothing, settings.hysteresis
    clear, label = line.clear, line.label[line.clear]
    for tau in SMOOTHINGS if asked is None else (asked,):
        smoothed = smooth(line.p, line.follows, line.hop, tau)
        threshold = fit_threshold(smoothed[clear], label, line.episode[clear], settings.gate_target)
        if threshold >= CLOSED:
            continue
        for hysteresis in HYSTERESES if held is None else (held,):
            yield pace_of(line, tau, hysteresis, threshold)


def pace_of(line: Line, smoothing: float, hysteresis: float, threshold: float) -> Pace:
    """Return what a smoothing and a hysteresis do to a line of answers.

    Parameters
    ----------
    line : Line
        The answers.
    smoothing : float
        Time constant in seconds.
    hysteresis, threshold : float
        See `gate.Gate`.
    """
    smoothed = smooth(line.p, line.follows, line.hop, smoothing)
    state = played(line, smoothed, threshold, hysteresis)
    waits = seconds_to_right(line, state)
    return Pace(
        smoothing=smoothing,
        hysteresis=hysteresis,
        threshold=threshold,
        needless=needless(line, state),
        seconds=float(np.median(waits)) if len(waits) else math.inf,
        right=(state == line.label)[line.clear].astype(np.float64),
    )


def _share(line: Line, pace: Pace) -> Estimate:
    """Return the balanced share of right answers; `unknown` is none."""
    return over_units(pace.right, line.label[line.clear], line.episode[line.clear])


def played(line: Line, smoothed: Array, threshold: float, hysteresis: float) -> Ints:
    """Return the states that the gate gives, shape (n,); `UNKNOWN` among them.

    Parameters
    ----------
    line : Line
        The answers.
    smoothed : array of shape (n, 3)
        Their probabilities after smoothing.
    threshold, hysteresis : float
        See `gate.Gate`.
    """
    gate = Gate(threshold, hysteresis)
    states: dict[str, int] = {name: i for i, name in enumerate(AFFECTS)}
    out = np.empty(len(smoothed), dtype=np.int64)
    for i, p in enumerate(smoothed):
        if not line.follows[i]:
            gate.reset()
        out[i] = states.get(gate.step(p).state, UNKNOWN)
    return out


def needless(line: Line, state: Ints) -> float:
    """Return the changes of what is answered per minute, beyond one for every change of the truth.

    `unknown` between two answers is passed over: it is no answer, and counts where it is not right.
    """
    told = state != UNKNOWN
    given, episode = state[told], line.episode[told]
    changed = np.flatnonzero(given[1:] != given[:-1]) + 1
    per_episode = np.unique(episode[changed], return_counts=True)
    first = episode[:1]
    extra = [n - (name not in first) for name, n in zip(*per_episode, strict=True)]
    minutes = len(state) * line.hop / 60.0
    return float(sum(extra) / minutes) if minutes else 0.0


def seconds_to_right(line: Line, state: Ints) -> Array:
    """Return the time from every change of the truth to the first right answer that lasts.

    Lasts: for a receptive field. Infinite where none came before the next change.
    """
    right = state == line.label
    begun = np.isfinite(line.start)
    return np.array(
        [
            _first_lasting(right[own], line.t[own] - line.start[own])
            for name in np.unique(line.episode[begun])
            for own in [np.flatnonzero(line.episode == name)]
        ]
    )


def _first_lasting(right: Bools, since: Array) -> float:
    if len(right) < FIELD:
        return math.inf
    lasting = np.lib.stride_tricks.sliding_window_view(right, FIELD).all(axis=1)
    return float(since[lasting.argmax()]) if lasting.any() else math.inf
