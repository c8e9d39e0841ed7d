"""From the nearness of every stretch to probabilities at equal priors.

Votes are uniform: weights by distance grow without limit near a duplicate. Stretches that are
equally near and do not all fit among the k share what is left of them, so that neither the order of
learning nor the number of a class decides between duplicates.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_PARTS = 16
_ROUNDING = 1e-9


def odd_root(n: float) -> int:
    """Return √n made odd, within 3 and 51.

    The study says "square of the number of time points", which is more neighbours than there are;
    √n is the reading that fits its published k = 15.

    Parameters
    ----------
    n : float
        Number of votes that there are.
    """
    k = round(math.sqrt(n))
    return min(51, max(3, k if k % 2 else k + 1))


class Electorate(NamedTuple):
    """The stretches that may vote, and how much a vote of theirs counts."""

    places: Ints | None
    """Which of all stretches, shape (n,); None: all."""
    classes: Ints
    """Class of every stretch that may vote, shape (n,)."""
    share: Array | None
    """What forgetting has left of it, 0…1, shape (n,); None: all of it."""
    weights: Array
    """Of one vote by class, shape (n_classes,); 0 for a class without a stretch."""
    present: npt.NDArray[np.bool_]
    """Classes that have a stretch, shape (n_classes,)."""

    def seats(self, asked: int | None) -> float:
        """Return the votes to be counted: as asked for, or √n made odd, of n that are left.

        What is half forgotten is half a vote. Seats are for votes, not for stretches: filled with
        what is forgotten they would leave the decision to the prior, the more so the longer a
        memory learns.

        Parameters
        ----------
        asked : int or None
            k as it was fixed; None: it follows from the votes.
        """
        n = float(len(self.classes)) if self.share is None else float(self.share.sum())
        return min(asked or odd_root(n), n)


def electorate(
    classes: Ints, share: Array | None, n_classes: int, places: Ints | None = None
) -> Electorate:
    """Return what a vote of each class counts, so that all classes together weigh alike.

    Parameters
    ----------
    classes : array of shape (n,)
        Class of every stretch.
    share : array of shape (n,) or None
        What forgetting has left of it.
    n_classes : int
        Number of classes.
    places : array of shape (n,) or None
        See `Electorate`.
    """
    present = np.bincount(classes, minlength=n_classes) > 0
    mass = np.bincount(classes, share, minlength=n_classes)
    weights = np.zeros(n_classes)
    weights[present] = mass.sum() / (present.sum() * mass[present])
    return Electorate(places, classes, share, weights, present)


class Votes(NamedTuple):
    """What the memory answers for one moment."""

    p: Array
    """Probabilities at equal priors, shape (n_classes,); all zero where nobody may vote."""
    k: int
    """How many stretches voted."""
    distance: float
    """Mean distance to them; NaN where there are none."""


def count(nearness: Array, of: Electorate, k: float, prior: float) -> tuple[Array, Array]:
    """Count the k nearest votes.

    Parameters
    ----------
    nearness : array of shape (n,)
        Of every stretch that may vote.
    of : Electorate
        The same n stretches.
    k : float
        Votes, above 0, no more than there are; see `Electorate.seats`.
    prior : float
        Votes that are spread over the classes present beforehand (Laplace's rule for 1).

    Returns
    -------
    p : array of shape (n_classes,)
        Probabilities; 0 for a class that is not present.
    nearness : array of shape (n_voters,)
        Of those that voted: k, or more where some were equally near or count for less than one.
    """
    least = _kth(nearness, int(k)) if of.share is None else _last(nearness, of.share, k)
    voters = np.flatnonzero(nearness >= least)
    near = nearness[voters]
    votes = np.ones(len(voters)) if of.share is None else of.share[voters]
    tied = near == least
    above, last = float(votes[~tied].sum()), float(votes[tied].sum())
    if above + last > k:
        votes[tied] *= (k - above) / last
    p = np.bincount(of.classes[voters], votes, minlength=len(of.weights)) * of.weights
    p[of.present] += prior / np.count_nonzero(of.present)
    total = p.sum()
    return (p / total if total > 0 else np.where(of.present, 1 / of.present.sum(), 0.0)), near


def _last(nearness: Array, share: Array, k: float) -> float:
    """Return the nearness at which the shares of what is nearer add up to k."""
    order = np.argsort(-nearness, kind="stable")
    place = int(np.searchsorted(np.cumsum(share[order]), k - _ROUNDING))
    return float(nearness[order[min(place, len(order) - 1)]])


def _kth(values: Array, k: int) -> float:
    """Return the k-th largest value.

    Of many values most are ruled out first: at least k of them reach the k-th largest of the
    maxima of disjoint parts.
    """
    width = len(values) // _PARTS
    if width > k:
        tops = values[: _PARTS * width].reshape(_PARTS, width).max(axis=0)
        values = values[values >= np.partition(tops, width - k)[width - k]]
    n = len(values)
    return float(np.partition(values, n - k)[n - k])
