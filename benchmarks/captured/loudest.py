"""Which of three known signals is the loudest, read off a captured sound (pure)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from player.settings import RATE
from rym.messages import AFFECTS
from session.after.episodes import Steps

from .bank import MARK, PERIOD, signals
from .measure import marks

Array = npt.NDArray[np.float64]

WINDOW = RATE // 100
"""Frames of one projection, 10 ms."""
UNEXPLAINED = 0.1
"""Share of the power that the signals leave unexplained above which a window tells nothing, as
where a marker lies, or a device was interrupted."""
FAINT = 1e-3
"""Gain below which nothing is heard."""


class Found(NamedTuple):
    """What became of one person's changes."""

    seconds: tuple[float, ...]
    """Of those that were answered: from felt to half-way heard."""
    already: int
    """Changes to what was heard anyway."""
    never: int
    """Changes that were not answered before the next one."""


def loudest(sound: Array, start: float) -> Steps:
    """Return which affect is the loudest from when on, in rig time.

    Two clips of equal power, parted by a fade that keeps the level, are equally loud half-way.

    Parameters
    ----------
    sound : array of shape (n_frames,)
        One channel at 48 kHz, of a bank whose clips are uncorrelated.
    start : float
        Rig time of its first frame, in seconds.
    """
    layers = signals(0, 0.0, PERIOD)
    n = PERIOD // WINDOW
    known = layers.reshape(3, n, WINDOW).transpose(1, 0, 2)
    # Gains of a window: its product with the rows of this, shape (n, 3, WINDOW).
    solved = np.linalg.inv(known @ known.transpose(0, 2, 1)) @ known
    found: list[tuple[float, str]] = []
    places = [round(k) - MARK % PERIOD for k in marks(sound)]
    if not places:
        return Steps()  # nothing was heard
    places[0] %= PERIOD  # what comes before the first marker is aligned by it
    # Each stretch is aligned by its own marker: an interrupted device shifts what follows.
    for begin, end in zip(places, [*places[1:], len(sound)], strict=True):
        whole = (end - begin) // PERIOD * PERIOD
        heard = sound[begin : begin + whole].reshape(-1, n, WINDOW)
        gains = np.einsum("pnw,niw->pni", heard, solved)
        left = heard - np.einsum("pni,niw->pnw", gains, known)
        told = (left**2).sum(axis=2) <= UNEXPLAINED * (heard**2).sum(axis=2)
        told &= gains.max(axis=2) > FAINT
        for k in np.flatnonzero(told.ravel()):
            at = start + (begin + int(k) * WINDOW + WINDOW / 2) / RATE
            found.append((at, AFFECTS[int(gains.reshape(-1, 3)[k].argmax())]))
    return Steps.of(found)


def follow(felt: Steps, heard: Steps, start: float, end: float) -> Found:
    """Follow every change of what is felt to the sound that answers it.

    An answer must come before the next change, as in a session's report.

    Parameters
    ----------
    felt, heard : Steps
        By the same clock.
    start, end : float
        Only changes within count, in seconds.
    """
    seconds, already, never = [], 0, 0
    changed = felt.changes(start, end)
    for t, state in changed:
        over = min([x for x in felt.times if x > t] or [end])
        turned = zip(heard.times, heard.states, strict=True)
        answer = next((x for x, to in turned if to == state and t < x <= min(over, end)), None)
        if answer is not None:
            seconds.append(answer - t)
        elif heard.at(t) == state:
            already += 1
        else:
            never += 1
    return Found(tuple(seconds), already, never)
