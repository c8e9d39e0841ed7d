"""Honest scores: held-out blocks, and how sure so few episodes let one be.

The rows of one episode (one uninterrupted stretch of one state) are not independent: their windows
overlap and the signal drifts. The unit that is counted is therefore the episode, whatever the
number of rows.

The verdict, from the balanced accuracy of held-out rows, n episodes and C states:

- The *critical value* is the smallest k/n that n independent guesses among C states reach with a
  probability of at most 5 %. Two states: 10/12 = 0.83 for 12 episodes, 15/20 = 0.75 for 20. Three
  states: 11/19 = 0.58 for 19.
- `follows`: the score reaches the critical value and every state has at least two episodes (a
  state with one can be held out only in halves, and halves of one episode are not independent).
- `guessing`: the score is no more than what chance gives, (k − 1)/n, k/n being the critical value;
  where every score of n guesses is likely by chance, no more than 1/C.
- `unclear`: in between, or a high score from too few episodes.

A decoder at chance passes more seldom than the 5 %: the rows of an episode are not all right or
wrong together, which narrows the spread, and what is held out is lacking in what is learned from,
which lowers the score (on noise with three states and 19 episodes LDA scores 0.29, standard
deviation 0.05, where 0.58 is critical).
"""

from __future__ import annotations

from math import comb
from typing import Literal, NamedTuple

Verdict = Literal["follows", "unclear", "guessing"]

LEVEL = 0.05
"""How often chance may pass for more, at most."""


def tail(k: int, n: int, p: float) -> float:
    """Return the probability that n independent guesses, each right with p, give k or more."""
    return sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


def critical_value(n_episodes: int, n_states: int) -> float | None:
    """Return the smallest share of right episodes that chance reaches with at most 5 %.

    Returns
    -------
    float or None
        None where even n of n is likelier than that.
    """
    for k in range(n_episodes + 1):
        if tail(k, n_episodes, 1.0 / n_states) <= LEVEL:
            return k / n_episodes
    return None


def chance_band(n_episodes: int, n_states: int) -> tuple[float, float]:
    """Return the shares between which 95 % of guesses over n episodes lie (2.5 % on each side)."""
    p = 1.0 / n_states
    n = n_episodes
    inside = [
        k for k in range(n + 1) if tail(k, n, p) > LEVEL / 2 and 1.0 - tail(k + 1, n, p) > LEVEL / 2
    ]
    return (inside[0] / n, inside[-1] / n) if inside else (0.0, 1.0)


class Judgement(NamedTuple):
    """A verdict and the numbers behind it."""

    verdict: Verdict
    why: str
    """One sentence with both numbers."""
    score: float
    """Balanced accuracy of held-out rows."""
    critical: float | None
    n_episodes: int
    n_states: int


def judge(score: float, episodes_per_state: tuple[int, ...]) -> Judgement:
    """Return the verdict by the rule of this module.

    Parameters
    ----------
    score : float
        Balanced accuracy of held-out rows.
    episodes_per_state : tuple of int
        Episodes of every state that occurs; two states or more.
    """
    n, n_states = sum(episodes_per_state), len(episodes_per_state)
    critical = critical_value(n, n_states)
    chance = 1.0 / n_states if critical is None else critical - 1.0 / n
    what = f"Held-out score {score:.2f} over {n} episodes of {n_states} states"
    verdict: Verdict
    if score <= chance + 1e-9:
        verdict, why = "guessing", f"{what}: chance alone gives up to {chance:.2f}."
    elif critical is None or min(episodes_per_state) < 2:
        verdict, why = "unclear", f"{what}: too few episodes to tell it from chance."
    elif score < critical - 1e-9:
        verdict, why = "unclear", f"{what}: {critical:.2f} is needed to tell it from chance."
    else:
        verdict, why = "follows", f"{what}: chance reaches {critical:.2f} in at most 5 of 100 runs."
    return Judgement(verdict, why, score, critical, n, n_states)
