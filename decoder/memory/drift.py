"""Whether what comes still is what was learned: drift over minutes, novelty of one moment.

Both are measured against answers about data that the encoder and the memory had not seen. Against
their own rows, memories look near whatever comes: on noise 0.008, where live rows lie at 0.054.
Nothing here changes anything: a flag and a suggestion, on which a person decides.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import SignalError

from ..embedding import FIELD
from .adwin import Adwin

Array = npt.NDArray[np.float64]
Measure = Literal["distance", "level"]

LEAST = 20
"""Moments below which nothing can be said of what is usual."""
_CLOCK = 4
"""The windows are looked at once in so many fields: every 10 s at 4 Hz."""
_SUGGESTIONS: dict[Measure, str] = {
    "distance": "Moments lie elsewhere among what was learned than they did: hold keys for some "
    "minutes while learning is on, or calibrate again.",
    "level": "The features' level has moved: look at the electrodes, then measure the rest anew.",
}


def novelty_threshold(distance: Array, share: float = 0.99) -> float:
    """Return the distance beyond which a moment is like nothing that was learned.

    Parameters
    ----------
    distance : array of shape (n,)
        Mean distances to the voters, out of fold; NaN where there was no answer.
    share : float
        Share of them that are not novel.

    Returns
    -------
    float
        Infinite with fewer than `LEAST` answers: nothing is called novel then.
    """
    known = distance[~np.isnan(distance)]
    return float(np.quantile(known, share, method="higher")) if len(known) >= LEAST else math.inf


class Usual(NamedTuple):
    """What a measure is like in data that nothing was fitted to, in order of time."""

    values: Array
    """One per row, shape (n,)."""

    def rank(self, value: float) -> float:
        """Return the share of the values that lie below, ties half: 0.5 on average."""
        below = np.count_nonzero(self.values < value)
        return float((below + np.count_nonzero(self.values <= value)) / (2 * len(self.values)))


class Drift(NamedTuple):
    """A measure has changed."""

    t: float
    """Data time in seconds."""
    measure: Measure
    before: float
    """Mean rank among the usual values until then, 0…1."""
    after: float
    """Mean rank since."""
    suggestion: str
    """For the operator, one sentence."""


class Watch:
    """Gives one value per receptive field to ADWIN, for each measure.

    Ranks among the usual values, not the values: ADWIN's bound is for numbers between 0 and 1. Its
    window begins with the usual values themselves, so that a change that came between the
    calibration and the first moment is seen, too.

    Parameters
    ----------
    distance : array of shape (n,)
        Mean distances to the voters, out of fold, in order of time; NaN where there was no answer.
    level : array of shape (n,)
        Mean of each row's standardized features, in the same data.
    delta : float
        ADWIN's probability of a false alarm at one cut.

    Raises
    ------
    SignalError
        If one of them has fewer than `LEAST` values.
    """

    def __init__(self, distance: Array, level: Array, delta: float = 0.002) -> None:
        given: dict[Measure, Array] = {"distance": distance, "level": level}
        self._usual = {name: Usual(of[~np.isnan(of)]) for name, of in given.items()}
        for name, usual in self._usual.items():
            if len(usual.values) < LEAST:
                raise SignalError(
                    f"Of the usual {name} {len(usual.values)} values are known, {LEAST} are "
                    "needed to watch for drift.",
                    "Calibrate for longer.",
                )
        self._adwin = {name: self._begun(usual, delta) for name, usual in self._usual.items()}
        self._field: dict[Measure, list[float]] = {"distance": [], "level": []}
        self.flags: dict[Measure, Drift] = {}
        """The newest drift of each measure; they stay until a new watch is made."""

    @staticmethod
    def _begun(usual: Usual, delta: float) -> Adwin:
        """Return an ADWIN that has seen the usual values, field by field."""
        adwin = Adwin(delta, clock=_CLOCK)
        ranks = np.array([usual.rank(value) for value in usual.values.tolist()])
        for i in range(0, len(ranks) - FIELD + 1, FIELD):
            adwin.update(float(ranks[i : i + FIELD].mean()))
        return adwin

    def push(self, t: float, distance: float, level: float) -> tuple[Drift, ...]:
        """Take in one moment that was answered.

        Parameters
        ----------
        t : float
            Data time in seconds.
        distance : float
            Mean distance to the voters; NaN where there were none.
        level : float
            Mean of the newest row's standardized features.

        Returns
        -------
        tuple of Drift
            What has changed just now.
        """
        values: dict[Measure, float] = {"distance": distance, "level": level}
        found = (self._update(name, t, value) for name, value in values.items())
        return tuple(drift for drift in found if drift is not None)

    def _update(self, name: Measure, t: float, value: float) -> Drift | None:
        if math.isnan(value):
            return None
        field, adwin = self._field[name], self._adwin[name]
        field.append(self._usual[name].rank(value))
        if len(field) < FIELD:
            return None
        one = sum(field) / len(field)
        field.clear()
        before = adwin.mean
        if not adwin.update(one):
            return None
        self.flags[name] = Drift(t, name, before, adwin.mean, _SUGGESTIONS[name])
        return self.flags[name]
