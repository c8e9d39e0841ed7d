"""Controls that explain the score as well: time, rest, the hand, what was heard (pure)."""

from __future__ import annotations

from typing import NamedTuple

from .found import Found

TINY = 1e-12

MEANINGS = {
    "time index": (
        "States can be told by the clock alone: whatever drifts with time passes for a state.",
        "The order of the states gives nothing away that a line and a bow over time could hold.",
    ),
    "nearness to rest": (
        "The rest that people are measured by is of a scored file, which may be what is followed.",
        "The score is not explained by being of the file that the rest was taken from.",
    ),
    "motor": (
        "The hand that holds the key explains the score as well: what is followed may be movement.",
        "The score is not explained by power over the hand's cortex.",
    ),
    "audible clip": (
        "What was heard explains the score as well: what is followed may be the sound.",
        "The score is not explained by what was heard.",
    ),
}
"""What it means where a control explains the score, and where it does not."""


class Rivalry(NamedTuple):
    """A control beside the best candidate under one protocol."""

    protocol: str
    control: str
    """One of `MEANINGS`."""
    chance: float
    score: float | None = None
    """The control's mean balanced accuracy over people; None where it was not run."""
    null_95: float | None = None
    """95 % of its null's scores lie at or below; None where none was drawn."""
    candidate: str = ""
    """The best candidate; empty where none was run."""
    best: float = 0.0
    """Its score."""
    difference: float = 0.0
    """Candidate less control, mean over people."""
    standard_error: float | None = None
    """Of the difference."""
    why_not: str = ""
    """Why the control was not run, one sentence."""


def critical_of(rivalry: Rivalry) -> float:
    """Return the score above which a control tells states.

    The 95 % line of its null; or half of what guessing leaves, where so few labelings exist that
    even a perfect score lies on that line: a control that is right more often than that does tell
    the states of *this* data set, whether by chance or not.
    """
    half = 0.5 * (1.0 + rivalry.chance)
    return half if rivalry.null_95 is None else min(rivalry.null_95, half)


def confound(rivalry: Rivalry) -> Found:
    """Tell whether a control explains the score.

    The clock alone is a leak if it tells states at all. The others are one if they also come within
    one standard error of the best candidate.

    Parameters
    ----------
    rivalry : Rivalry
        Scores of the control and of the best candidate.
    """
    name = rivalry.control
    if rivalry.score is None:
        why = rivalry.why_not or f"The control {name} was not run under {rivalry.protocol}."
        return Found(name, None, None, None, why, f"Whether {name} explains a score is not known.")
    critical = critical_of(rivalry)
    above = rivalry.score > critical + TINY
    reach = (rivalry.standard_error or 0.0) + TINY
    close = not rivalry.candidate or rivalry.difference <= reach
    found = above and (close or name == "time index")
    beside = ""
    if rivalry.candidate:
        beside = f"; {rivalry.candidate}, the best candidate, scores {rivalry.best:.2f}"
    yes, no = MEANINGS[name]
    return Found(
        name,
        found,
        rivalry.score,
        critical,
        f"The control {name} scores {rivalry.score:.2f} under {rivalry.protocol} (chance "
        f"{rivalry.chance:.2f}, it tells states above {critical:.2f}){beside}.",
        yes if found else no,
    )
