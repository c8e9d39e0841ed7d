"""Verdicts: what may be said of a score (pure).

Two questions, two rules. The gate of a session asks about one person's calibration, at once, and
counts episodes (`judge`). An evaluation asks about a data set and has nulls and controls
(`conclude`).

**The gate.** The rows of one episode (one uninterrupted stretch of one state) are not independent:
their windows overlap and the signal drifts. The unit that is counted is therefore the episode,
whatever the number of rows.

Its verdict, from the balanced accuracy of held-out rows, n episodes and C states:

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
TINY = 1e-12
"""Scores that differ by less are equal."""
ALIKE = (
    "Within a person nothing can be significant here: a state has one unit, and all ways to deal "
    "the labels give one and the same score."
)
"""Said where the smallest p is 1: all relabelings of a person are renamings of the states."""


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
    """Return the gate's verdict by the rule of this module.

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


class Rival(NamedTuple):
    """A control beside the candidate that the verdict rests on."""

    name: str
    difference: float
    """Candidate less control: mean of the paired differences over people (over units with one)."""
    standard_error: float | None
    """Of the difference; None where there is one observation: then only a control that is at least
    as good counts."""
    by_design: bool = False
    """Whether it cannot differ from the state in this data set, as file identity where every file
    holds one state."""

    @property
    def close(self) -> bool:
        """Whether it explains the score as well: it is within one standard error."""
        return self.by_design or self.difference <= (self.standard_error or 0.0) + TINY


class Evidence(NamedTuple):
    """All that the verdict over a data set rests on."""

    leaky: bool
    candidate: str
    """The best of the candidates whose null was drawn; empty where none was."""
    score: float
    """Its mean balanced accuracy over people."""
    p: float | None
    """Its p against the best that chance gives any candidate (`nulls.best_of`); None: no null."""
    null_95: float | None
    """95 % of its own null's mean scores lie at or below."""
    n_people: int
    n_relabelings: int
    smallest_p: float
    rivals: tuple[Rival, ...]
    cut: bool
    """Whether units were cut because a state has one (`protocols.one_unit`)."""


class Conclusion(NamedTuple):
    """A verdict over a data set."""

    verdict: str
    """`follows`, `unclear`, `guessing`, `confounded by …`; of a leaky protocol `LEAKY`."""
    why: str
    confounds: tuple[str, ...]
    """Controls within one standard error, the closest first."""


def conclude(evidence: Evidence) -> Conclusion:
    """Return the verdict over a data set, by the first rule that applies.

    1. A leaky protocol: `LEAKY`.
    2. No null, or so few relabelings that no score could be significant: `unclear`.
    3. Not above chance (p > 0.05): `guessing` where the score is within 95 % of its own null;
       `unclear` where it is not but the best of several candidates may be so good by chance.
    4. Above chance, and a control within one standard error: `confounded by …`.
    5. Above chance, but the units of a state that has one were cut: `unclear`.
    6. `follows`.
    """
    e = evidence
    if e.leaky:
        return Conclusion("LEAKY", "The answer was let in: this score says nothing.", ())
    close = tuple(r.name for r in sorted(e.rivals, key=lambda r: r.difference) if r.close)
    if e.p is None or e.null_95 is None:
        return Conclusion("unclear", "No null was run, so nothing says what chance gives.", close)
    who = f"{e.n_people} people" if e.n_people > 1 else "one person"
    if e.smallest_p > LEVEL:
        return Conclusion("unclear", _cannot(e, who), close)
    what = f"The candidate {e.candidate} scores {e.score:.2f} over {who}, {_p_text(e.p)}"
    if e.p > LEVEL:
        return Conclusion(*_not_above(e.score, e.null_95, what), close)
    return _above(e, what, close)


def _cannot(e: Evidence, who: str) -> str:
    if e.cut and e.smallest_p >= 1.0 - TINY:
        return f"{ALIKE} The score is {e.score:.2f}."
    return (
        f"It cannot be significant with {who} ({e.n_relabelings} relabelings, "
        f"{_p_text(e.smallest_p)} at best); the score is {e.score:.2f}."
    )


def _not_above(score: float, null_95: float, what: str) -> tuple[str, str]:
    if score <= null_95 + TINY:
        return "guessing", f"{what}: chance alone gives up to {null_95:.2f}."
    return "unclear", f"{what}: the best of several candidates can be so good by chance."


def _above(e: Evidence, what: str, close: tuple[str, ...]) -> Conclusion:
    if close:
        why = f"{what}, but {_listed(close)} within one standard error of it or better."
        return Conclusion(f"confounded by {close[0]}", why, close)
    if e.cut:
        why = f"{what}, but a state has one unit: what differs may be the file or the hour."
        return Conclusion("unclear", why, ())
    return Conclusion("follows", f"{what}, and no control explains it as well.", ())


def _p_text(p: float) -> str:
    return f"p = {p:.3g}" if p >= 0.001 else "p < 0.001"


def _listed(names: tuple[str, ...]) -> str:
    """Return names with their verb."""
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"
