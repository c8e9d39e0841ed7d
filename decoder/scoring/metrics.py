"""How good answers are: scores of what was answered beside what was true (pure).

Probabilities refer to equal priors, one column per state; an answer is the likeliest state. Every
score is of rows that have an answer: rows without one are the caller's to leave out and to count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


TIE = 1e-9
"""Probabilities that differ by less are equal: the same sums, added up in another order."""


class Points(NamedTuple):
    """Points of a curve, shape (n_points,) each."""

    x: Array
    y: Array
    n: Ints
    """Rows behind each point."""


def answers_of(p: Array) -> Ints:
    """Return the likeliest state of every row, −1 where there is no answer (NaN).

    The first of several that are equally likely; a balanced accuracy lets them share (`right_of`).

    Parameters
    ----------
    p : array of shape (n, n_states)
        Probabilities.
    """
    known = ~np.isnan(p).any(axis=1)
    return np.where(known, np.nan_to_num(p).argmax(axis=1), -1)


def balanced_accuracy(truth: Ints, answer: Ints) -> float:
    """Return the mean over true states of the share of rows answered rightly.

    Parameters
    ----------
    truth : array of shape (n,)
        True states; any whole numbers.
    answer : array of shape (n,)
        What was answered; a number that is no state counts as wrong.
    """
    shares = [float((answer[truth == state] == state).mean()) for state in np.unique(truth)]
    return sum(shares) / len(shares)


def right_of(truth: Ints, p: Array) -> Array:
    """Return how rightly every row was answered: 1, 0, or 1/k where k states are equally likely.

    To take the first of them would favour whoever calls the true state the first one: where nothing
    is known of a row, and the first file is always rest, an answer "rest" would be right. Nor would
    the score be the same under other names of the states, which nulls rest on.

    Parameters
    ----------
    truth : array of shape (n,)
        True states.
    p : array of shape (n, n_states)
        Probabilities.
    """
    likely = p >= p.max(axis=1, keepdims=True) - TIE
    right: Array = likely[np.arange(len(p)), truth] / likely.sum(axis=1)
    return right


def balanced_right(truth: Ints, right: Array) -> float:
    """Return the balanced accuracy, the mean over true states of the mean of `right_of`."""
    shares = [float(right[truth == state].mean()) for state in np.unique(truth)]
    return sum(shares) / len(shares)


def confusion(truth: Ints, answer: Ints, n_states: int) -> Ints:
    """Return counts of rows, true states down, answers across, shape (n_states, n_states)."""
    flat = np.bincount(truth * n_states + answer, minlength=n_states**2)
    return flat.reshape(n_states, n_states).astype(np.int64)


def _f1(truth: Ints, answer: Ints) -> tuple[Array, Array]:
    """Return F1 and share of rows of every true state; F1 is 0 where it was never answered."""
    states, n = np.unique(truth, return_counts=True)
    hits = np.array([np.sum((truth == s) & (answer == s)) for s in states])
    said = np.array([np.sum(answer == s) for s in states])
    return 2.0 * hits / (said + n), n / len(truth)


def macro_f1(truth: Ints, answer: Ints) -> float:
    """Return the mean over true states of the harmonic mean of precision and recall."""
    return float(_f1(truth, answer)[0].mean())


def weighted_f1(truth: Ints, answer: Ints) -> float:
    """Return the mean of F1 weighted by the rows of each state; see `majority_f1` beside it."""
    f1, share = _f1(truth, answer)
    return float((f1 * share).sum())


def majority_f1(truth: Ints) -> float:
    """Return the weighted F1 of always answering the commonest state."""
    return weighted_f1(truth, np.full(len(truth), np.bincount(truth).argmax()))


def stratified_f1(truth: Ints) -> float:
    """Return the weighted F1 of guessing at random with the states' own shares.

    Precision and recall of each state are then its share, in the limit of many rows.
    """
    share = np.bincount(truth) / len(truth)
    return float((share**2).sum())


def kappa(truth: Ints, answer: Ints) -> float:
    """Return agreement beyond that of equal margins (Cohen 1960); 0 where nothing else can be."""
    n_states = int(max(truth.max(), answer.max())) + 1
    share = confusion(truth, answer, n_states) / len(truth)
    expected = float(share.sum(axis=0) @ share.sum(axis=1))
    return 0.0 if expected >= 1.0 else (float(share.trace()) - expected) / (1.0 - expected)


def brier(truth: Ints, p: Array) -> float:
    """Return the mean squared distance of the probabilities from the truth, 0…2 (Brier 1950)."""
    right = np.eye(p.shape[1])[truth]
    return float(((p - right) ** 2).sum(axis=1).mean())


def calibration_curve(truth: Ints, p: Array, n_bins: int = 10) -> Points:
    """Return how often answers of a confidence are right.

    Parameters
    ----------
    truth : array of shape (n,)
        True states.
    p : array of shape (n, n_states)
        Probabilities; the confidence is the largest.
    n_bins : int
        Bins of equal width between 0 and 1; empty ones give no point.

    Returns
    -------
    Points
        x: mean confidence of a bin, y: share right.
    """
    confidence, right = p.max(axis=1), p.argmax(axis=1) == truth
    inner = np.linspace(0.0, 1.0, n_bins + 1)[1:-1]
    place = np.searchsorted(inner, confidence)
    n = np.bincount(place, minlength=n_bins)
    used = n > 0
    x = np.bincount(place, confidence, n_bins)[used] / n[used]
    y = np.bincount(place, right.astype(np.float64), n_bins)[used] / n[used]
    return Points(x, y, n[used].astype(np.int64))


def ece(truth: Ints, p: Array, n_bins: int = 10) -> float:
    """Return the expected calibration error (Naeini, Cooper & Hauskrecht 2015).

    The mean over rows of the distance between confidence and share right in the row's bin.
    """
    curve = calibration_curve(truth, p, n_bins)
    return float((curve.n * np.abs(curve.x - curve.y)).sum() / len(truth))


def abstention_curve(truth: Ints, p: Array, n_points: int = 10) -> Points:
    """Return how good the answers are if only the confident ones are given.

    Parameters
    ----------
    truth : array of shape (n,)
        True states.
    p : array of shape (n, n_states)
        Probabilities.
    n_points : int
        Thresholds, so that 1, 1 − 1/n, … of the rows are answered; rows of equal confidence are
        answered together, so that fewer points may come.

    Returns
    -------
    Points
        x: share of rows answered, y: their balanced accuracy (mean over the states among them).
    """
    confidence, answer = p.max(axis=1), p.argmax(axis=1)
    falling = np.sort(confidence)[::-1]
    wanted = np.ceil(np.arange(n_points, 0, -1) / n_points * len(truth)).astype(int)
    thresholds = np.unique(falling[wanted - 1])
    answered = [confidence >= threshold for threshold in thresholds]
    n = np.array([some.sum() for some in answered], dtype=np.int64)
    y = np.array([balanced_accuracy(truth[some], answer[some]) for some in answered])
    return Points(n / len(truth), y, n)


def audible_balanced(truth: Ints, answer: Ints, audible: Ints) -> float | None:
    """Return the balanced accuracy among rows that heard the same, averaged over what was heard.

    Parameters
    ----------
    truth, answer : array of shape (n,)
        States.
    audible : array of shape (n,)
        What was heard; −1, silence or unknown, is left out.

    Returns
    -------
    float or None
        None where under no clip two states were felt: then nothing can be told apart within one.
    """
    scores = [
        balanced_accuracy(truth[heard], answer[heard])
        for clip in np.unique(audible[audible >= 0])
        if len(np.unique(truth[heard := audible == clip])) > 1
    ]
    return float(np.mean(scores)) if scores else None
