"""Which candidate answers, why, and what the choice is worth (pure).

The default unless another is better by more than one standard error over blocks: of candidates that
cannot be told apart, the one that was built for this. Whoever tries several and quotes the best one
quotes its luck as well, so what is quoted is nested: each fold is answered by the candidate that
was chosen without it, by fits that saw nothing of it (Stone 1974; Varma & Simon 2006).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .scoring import Fold, blocks_of
from .scoring.intervals import Estimate
from .scoring.pairs import deciding, preferred, score_within, within
from .settings import Candidate

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Held = Mapping[Candidate, Array]
"""Out-of-fold probabilities of every candidate, the default first, shape (n, 3) each; NaN where
there are none."""


class Choice(NamedTuple):
    """What was chosen."""

    candidate: Candidate
    why: str
    """One sentence with the numbers."""


def choose(held: Held, label: Ints, episode: Ints) -> Choice:
    """Return the first candidate unless another is better by more than one standard error.

    Parameters
    ----------
    held : mapping of str to array of shape (n, 3)
        See `Held`; one candidate or more.
    label, episode : array of shape (n,)
        Of the same rows. The only episode of a state counts as two, see `scoring.blocks_of`.
    """
    default, *others = held
    if not others:
        return Choice(default, f"{default}, as asked for.")
    known = ~np.any([np.isnan(p).any(axis=1) for p in held.values()], axis=0)
    if not known.any():
        return Choice(default, f"{default}, the default: nothing could be held out.")
    block = blocks_of(label, episode)[known]
    gains = {
        name: within(label[known], block, held[name][known], held[default][known])
        for name in others
    }
    scores = {name: score_within(label[known], block, held[name][known]) for name in others}
    best = preferred(default, gains, scores)
    over = _counted(block, episode[known])
    if best == default:
        return Choice(default, _kept(default, gains, over))
    gain = gains[best]._replace(standard_error=deciding(gains[best], scores[best]))
    return Choice(best, f"{best}, since it was better than {default} by {_size(gain)} over {over}.")


def _kept(default: Candidate, gains: Mapping[Candidate, Estimate], over: str) -> str:
    def said(name: Candidate) -> str:
        gain = gains[name]
        if gain.mean > 0:
            return f"{name} was better by {_size(gain)} only"
        return f"{name} was {'as good' if gain.mean == 0 else f'worse by {_size(gain)}'}"

    return f"{default}, the default: {', '.join(said(name) for name in gains)}, over {over}."


def _size(gain: Estimate) -> str:
    if gain.standard_error is None:
        return f"{abs(gain.mean):.2f}"
    return f"{abs(gain.mean):.2f} ± {gain.standard_error:.2f}"


def _counted(block: Ints, episode: Ints) -> str:
    n, n_episodes = len(np.unique(block)), len(np.unique(episode))
    return f"{n} episodes" if n == n_episodes else f"{n} parts of {n_episodes} episodes"


def nested(
    held: Held,
    folds: Sequence[Fold],
    label: Ints,
    episode: Ints,
    *,
    fit: Callable[[Candidate, Bools, list[Bools]], list[Array]],
) -> Array:
    """Return out-of-fold probabilities with the candidate of each fold chosen without it.

    What is learned from without two folds serves both: it is scored on the one to choose for the
    other. So n folds need n·(n − 1)/2 fits more of every candidate, half of what folds within each
    would.

    Parameters
    ----------
    held : mapping of str to array of shape (n, 3)
        See `Held`, over these folds.
    folds : sequence of Fold
        What is held out together.
    label, episode : array of shape (n,)
        Of all rows.
    fit : callable
        Takes a candidate, the rows to learn from, and parts to answer; gives each part's answers.

    Returns
    -------
    array of shape (n, 3)
    """
    default = next(iter(held))
    if len(held) == 1:
        return held[default]
    inner = [{name: np.full(p.shape, np.nan) for name, p in held.items()} for _ in folds]
    for a, b in combinations(range(len(folds)), 2):
        train = folds[a].train & folds[b].train
        if len(np.unique(label[train])) < 2:
            continue
        tests = [folds[a].test, folds[b].test]
        for name in held:
            inner[b][name][tests[0]], inner[a][name][tests[1]] = fit(name, train, tests)
    p = np.full(held[default].shape, np.nan)
    for fold, own in zip(folds, inner, strict=True):
        p[fold.test] = held[choose(own, label, episode).candidate][fold.test]
    return p
