"""From a simulated life to numbers (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from player.settings import RATE
from rym.messages import AFFECTS, Affect, Identity, Message, Meta, Played, Valence
from rym.topics import NOW

from ..after.episodes import Span, Steps, score
from ..after.latency import PlayerClock, felt_to_heard
from .life import Life, Told

QUARTERS = 4


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """How much was heard of one affect, fades towards it and away from it included."""

    longest: float
    """Seconds in one go."""
    share: float
    """Of the feedback, 0…1."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """How soon what was felt was heard, as the report of a session counts it."""

    seconds: tuple[float, ...]
    """From every answered change of what is felt to half-way heard."""
    already: int
    """Changes to what was being heard anyway."""
    never: int
    """Changes that were not answered before the next one."""

    @property
    def median(self) -> float | None:
        """Of `seconds`; null where nothing was answered."""
        return float(np.median(self.seconds)) if self.seconds else None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one decoder did in one life."""

    balanced_accuracy: float
    """At the declared delay, against what the person felt."""
    undelayed: float
    """The same without any delay."""
    quarters: tuple[float, ...]
    """At the declared delay, quarter by quarter of the feedback."""
    n_states: int
    """Independent states in feedback."""
    to_right: tuple[float | None, ...]
    """Seconds from every change of what is felt to the first answer that names it; null where none
    did before the next change."""
    unknown: float
    """Share of the windows that were answered with `unknown`."""
    lessons: int
    """Rows learned from keys."""
    drifts: dict[str, int]
    """How often a flag went up, by what had changed."""
    delay: float
    """Declared, in seconds."""

    @property
    def median_to_right(self) -> float:
        """Median of `to_right` in seconds; what was never found counts as later than all that was.

        NaN without a change, infinite where most were never found.
        """
        if not self.to_right:
            return math.nan
        return float(np.median([math.inf if s is None else s for s in self.to_right]))


def measure(life: Life, told: Told) -> Measured:
    """Return what one decoder did.

    Parameters
    ----------
    life : Life
        What was felt.
    told : Told
        What this decoder said in it.
    """
    start, end = life.plan.turn, life.plan.end
    whole = _agreement(told, life.felt, start, end, told.delay)
    at_once = _agreement(told, life.felt, start, end, 0.0)
    edges = np.linspace(start, end, QUARTERS + 1).tolist()
    quarters = [_agreement(told, life.felt, a, b, told.delay)[0] for a, b in pairwise(edges)]
    names = [drift.measure for drift in told.drifts]
    return Measured(
        balanced_accuracy=whole[0],
        undelayed=at_once[0],
        quarters=tuple(quarters),
        n_states=whole[1],
        to_right=seconds_to_right(told.answers, life.felt, start, end),
        unknown=float(np.mean([answer.state == "unknown" for answer in told.answers])),
        lessons=told.lessons,
        drifts={name: names.count(name) for name in sorted(set(names))},
        delay=told.delay,
    )


def _agreement(
    told: Told, felt: Steps, start: float, end: float, delay: float
) -> tuple[float, int]:
    """Return balanced accuracy, 0 where nothing was answered, and the number of states."""
    span = [Span(name="feedback", index=2, start=start, end=end, cut=False)]
    found = score("truth", told.answers, felt, span, delay, declared=bool(delay))
    return found.balanced_accuracy or 0.0, found.n_states


def seconds_to_right(
    answers: Sequence[Valence], felt: Steps, start: float, end: float
) -> tuple[float | None, ...]:
    """Return how long after every change of what is felt an answer first names it.

    Parameters
    ----------
    answers : sequence of Valence
        In order of time.
    felt : Steps
        What was felt from when on.
    start, end : float
        Rig time in seconds; only changes within count, not the state that holds at `start`.

    Returns
    -------
    tuple of float or None
        In seconds; None where the state changed again before it was named. The last state, which
        the end cuts short, is left out.
    """
    found: list[float | None] = []
    for begin, until, state in felt.pieces(start, end)[1:-1]:
        named = next((a.t for a in answers if begin <= a.t < until and a.state == state), None)
        found.append(None if named is None else named - begin)
    return tuple(found)


def answered(life: Life) -> Answered:
    """Return how soon every change of what was felt in feedback was half-way heard.

    Parameters
    ----------
    life : Life
        What was felt and what was played.
    """
    said = [
        Message(
            id=Identity("player", 0, NOW.short, n),
            cause=(),
            content=played,
            meta=Meta(wall=t, mono=t, host="", pid=0, audible_at=t),
        )
        for n, (t, played) in enumerate(life.played)
    ]
    log = {NOW.short: said}
    feedback = Span(name="feedback", index=2, start=life.plan.turn, end=life.plan.end, cut=False)
    found = felt_to_heard(log, PlayerClock.of(said, RATE), life.felt, [feedback])
    outcomes = [one.outcome for one in found]
    return Answered(
        seconds=tuple(one.seconds for one in found if one.seconds is not None),
        already=outcomes.count("already heard"),
        never=outcomes.count("not heard"),
    )


def heard(played: Sequence[tuple[float, Played]], start: float, end: float) -> dict[Affect, Heard]:
    """Return how much was heard of every affect.

    Parameters
    ----------
    played : sequence of (float, Played)
        In order, with the rig time from which each is heard: at every beginning and end of a fade
        at least.
    start, end : float
        Rig time in seconds.
    """
    times = [min(max(t, start), end) for t, _ in played] + [end]
    return {affect: _heard(i, played, times, end - start) for i, affect in enumerate(AFFECTS)}


def _heard(
    i: int, played: Sequence[tuple[float, Played]], times: Sequence[float], length: float
) -> Heard:
    longest = total = now = 0.0
    for j, (_, before) in enumerate(played):
        after = played[min(j + 1, len(played) - 1)][1]
        # Within a fade both ends of a piece may have a gain of 0 for what comes or goes.
        fading = before.fade is not None and before.fade.start <= before.frame < before.fade.end
        sounds = before.gains[i] > 0 or (fading and after.gains[i] > 0)
        if sounds and before.heard is not None:
            piece = times[j + 1] - times[j]
            now, total = now + piece, total + piece
            longest = max(longest, now)
        else:
            now = 0.0
    return Heard(longest=longest, share=total / length)
