"""Whether what comes still is what was learned: drift over minutes, novelty of one moment.

Three measures drift: how far moments lie from what was learned, the level of the features, and the
balance of the answers. All are measured against data that the encoder and the memory had not seen.
Against their own rows, memories look near whatever comes: on noise 0.008, where live rows lie at
0.054. Which of them moves says where to look: electrodes move the level, music that holds a state
moves the balance.
Nothing here changes anything: a flag and a suggestion, on which a person decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ..embedding import FIELD
from .adwin import Adwin

Array = npt.NDArray[np.float64]
Measure = Literal["distance", "level", "balance"]
MEASURES: tuple[Measure, ...] = ("distance", "level", "balance")
Watched = Literal["distance", "level", "balance", "extent"]
Value = TypeVar("Value", float, Array)

LEAST = 20
"""Moments below which nothing can be said of what is usual."""
_CLOCK = 4
"""The windows are looked at once in so many fields: every 10 s at 4 Hz."""
_SUGGESTIONS: dict[Watched, str] = {
    "distance": "Moments lie elsewhere among what was learned than they did: hold keys for some "
    "minutes while learning is on, or calibrate again.",
    "level": "The features' level has moved: look at the electrodes, then measure the rest anew.",
    "balance": "Answers have moved to one side and stayed there: the music may be holding them, so "
    "pause it and see whether they come back.",
    "extent": "Answers have moved to the middle, or away from it, and stayed there: the music may "
    "be holding them, so pause it and see whether they come back.",
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


class Usual:
    """What a measure is like in data that nothing was fitted to.

    Parameters
    ----------
    values : array of shape (n,)
        One per row, in order of time.
    """

    def __init__(self, values: Array) -> None:
        self.values = values
        self._sorted = np.sort(values)

    def rank(self, value: float) -> float:
        """Return the share of the values that lie below, ties half: 0.5 on average."""
        below = self._sorted.searchsorted(value, "left")
        return float((below + self._sorted.searchsorted(value, "right")) / (2 * len(self.values)))


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

    Ranks among the usual values, not the values: ADWIN's bound is for numbers between 0 and 1. For
    level and balance its window begins with the usual values themselves, so that a change that came
    between the calibration and the first moment is seen, too.

    Not for the distance: what is usual of it comes from the networks of the folds, each a little
    different from the one that answers, so that a person's distances may lie a tenth in rank away
    from it from the first moment on (3 false alarms in 15 persons). And a memory that learns comes
    nearer to whatever is asked: only a distance that grows is a drift.

    ADWIN supposes values that do not depend on one another, which these do: states last for 12 to
    20 s. Its bound leaves room for that. Over 100 simulated cases each, after five minutes of
    calibration:

    - balance of three states in episodes of 12 to 20 s, under noise: no false alarm in 30 min; five
      minutes on one side after ten that change are found in 0.99 to 1.00 of the cases (the middle
      one after 118 to 148 s), where answers are faint (a third of the noise's spread between
      states) in 0.55. To be held in the middle leaves the balance where it was,
      and moves its size: five minutes of it were found in 48 of 60, 30 min like before in none.
    - level or distance as AR(1): no false alarm in 30 min at a memory of 2.4 s, 0.12 at 5 s, 0.65
      at 10 s; a shift by one standard deviation is found within 5 min in 0.70. The level's memory
      is 1.2 to 1.5 s (integrated autocorrelation) in simulated persons and 0.6 to 2.7 s in six
      recordings of rest and arithmetic, where that of AR(1) at 2.4 s is 4.8 s.

    Whole simulated sessions that stay as they were (15 persons, 20 min of feedback, LDA and CEBRA +
    kNN): level and balance raised no flag in 30.

    One value per 6 or 10 s instead finds what stays on one side too late or never: too few are left
    for the bound.

    Parameters
    ----------
    usual : mapping of str to array of shape (n,)
        Measures in data that nothing was fitted to, in order of time; NaN where there was no
        answer. One with fewer than `LEAST` values is not watched: with none at all, nothing is.
    delta : float
        ADWIN's probability of a false alarm at one cut.
    """

    def __init__(self, usual: Mapping[Measure, Array], delta: float = 0.002) -> None:
        watched = _watched(usual)
        known = {name: values[~np.isnan(values)] for name, values in watched.items()}
        self._usual = {name: Usual(of) for name, of in known.items() if len(of) >= LEAST}
        self._adwin = {
            name: Adwin(delta, clock=_CLOCK) if name == "distance" else self._begun(usual, delta)
            for name, usual in self._usual.items()
        }
        self._field: dict[Watched, list[float]] = {name: [] for name in self._usual}
        self.flags: dict[Measure, Drift] = {}
        """The newest drift of each measure; they stay until a new watch is made."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is watched."""
        return tuple(name for name in MEASURES if name in self._usual)

    @staticmethod
    def _begun(usual: Usual, delta: float) -> Adwin:
        """Return an ADWIN that has seen the usual values, field by field."""
        adwin = Adwin(delta, clock=_CLOCK)
        ranks = np.array([usual.rank(value) for value in usual.values.tolist()])
        for i in range(0, len(ranks) - FIELD + 1, FIELD):
            adwin.update(float(ranks[i : i + FIELD].mean()))
        return adwin

    def push(self, t: float, values: Mapping[Measure, float]) -> tuple[Drift, ...]:
        """Take in one moment that was answered.

        Parameters
        ----------
        t : float
            Data time in seconds.
        values : mapping of str to float
            `distance` to the voters, `level` of the newest row, `balance` of the answer; NaN, or
            left out, where there is none. What is not watched is passed over.

        Returns
        -------
        tuple of Drift
            What has changed just now.
        """
        watched = _watched(values)
        found = (self._update(name, t, watched.get(name, math.nan)) for name in self._usual)
        return tuple(drift for drift in found if drift is not None)

    def _update(self, name: Watched, t: float, value: float) -> Drift | None:
        if math.isnan(value):
            return None
        field, adwin = self._field[name], self._adwin[name]
        field.append(self._usual[name].rank(value))
        if len(field) < FIELD:
            return None
        one = sum(field) / len(field)
        field.clear()
        before = adwin.mean
        if not adwin.update(one) or (name == "distance" and adwin.mean <= before):
            return None
        measure: Measure = "balance" if name == "extent" else name
        self.flags[measure] = Drift(t, measure, before, adwin.mean, _SUGGESTIONS[name])
        return self.flags[measure]


def _watched(values: Mapping[Measure, Value]) -> dict[Watched, Value]:
    """Return the measures, and with the balance its size: answers may stay in the middle, too."""
    found: dict[Watched, Value] = dict(values.items())
    if "balance" in values:
        found["extent"] = abs(values["balance"])
    return found
