"""Phases, step functions of a state over time, and the score of a run; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from decoder.scoring import balanced_accuracy, chance_band
from rym import messages as m

SHORTEST = 1.0
"""Seconds that a state must last to count as one: the length of a window."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One phase as it happened, in rig time."""

    name: str
    index: int
    start: float
    end: float
    cut: bool
    """True where it ended more than one second before its plan."""


def spans(said: Sequence[m.Message], end: float) -> tuple[Span, ...]:
    """Return the phases as they happened.

    A phase lasts until the next one begins; the last one until the journal ends. A phase that was
    announced again keeps its newest announcement.

    Parameters
    ----------
    said : sequence of Message
        Messages of `session/phase`.
    end : float
        Rig time of the journal's last message, in seconds.

    Returns
    -------
    tuple of Span
        In order; without phases that last no time, such as `ended`.
    """
    newest = {x.content.index: x.content for x in said}
    rows = sorted(newest.values(), key=lambda p: (p.starts, p.index))
    out = []
    for i, row in enumerate(rows):
        stop = rows[i + 1].starts if i + 1 < len(rows) else end
        if row.name == "ended" or stop <= row.starts:
            continue
        cut = row.ends is not None and stop < row.ends - 1.0
        out.append(Span(name=row.name, index=row.index, start=row.starts, end=stop, cut=cut))
    return tuple(out)


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """A state that holds from one time until the next."""

    times: tuple[float, ...] = ()
    states: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, str]]) -> Steps:
        """Build from (time, state) in any order; repeats are merged, the later of equal times wins.

        Parameters
        ----------
        pairs : iterable of (float, str)
            Rig time in seconds, and the state from then on.
        """
        times: list[float] = []
        states: list[str] = []
        for t, state in sorted(pairs, key=lambda pair: pair[0]):
            if times and t == times[-1]:
                times.pop()
                states.pop()
            if not states or states[-1] != state:
                times.append(t)
                states.append(state)
        return cls(times=tuple(times), states=tuple(states))

    def at(self, t: float) -> str | None:
        """Return the state at rig time `t`, null before the first."""
        i = bisect_right(self.times, t)
        return self.states[i - 1] if i else None

    def pieces(self, start: float, end: float) -> list[tuple[float, float, str]]:
        """Return (from, to, state) of every stretch within `start` … `end`, in seconds."""
        edges = (*self.times[1:], float("inf"))[: len(self.times)]
        found = [
            (max(a, start), min(b, end), s)
            for a, b, s in zip(self.times, edges, self.states, strict=True)
        ]
        return [piece for piece in found if piece[0] < piece[1]]

    def episodes(self, start: float, end: float) -> list[tuple[float, float, str]]:
        """Return the stretches within `start` … `end` that report a state (not `none`).

        Those of less than `SHORTEST` seconds are left out: they hold no window of their own, and
        the tail of a state that a phase cuts off is no independent state.
        """
        found = self.pieces(start, end)
        return [(a, b, state) for a, b, state in found if state != "none" and b - a >= SHORTEST]

    def changes(self, start: float, end: float) -> list[tuple[float, str]]:
        """Return (time, new state) of every change to a reported state within `start` … `end`."""
        pairs = list(zip(self.times, self.states, strict=True))[1:]
        return [(t, s) for t, s in pairs if start <= t < end and s != "none"]


def typical(steps: Steps, phases: Sequence[Span], name: str = "feedback") -> float | None:
    """Return the median length in seconds of the states in all phases of a name; null without any.

    A state that a phase cuts off counts as long as it lasted there.
    """
    lengths = [
        b - a for p in phases if p.name == name for a, b, _ in steps.episodes(p.start, p.end)
    ]
    return float(np.median(lengths)) if lengths else None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How well the decoded class agreed with a reference during feedback."""

    reference: str
    """`truth` or `keys`."""
    delay: float
    """The class decoded at t is compared with the reference at t − delay, in seconds."""
    declared: bool
    """True at the delay that was declared before the session, False without any."""
    balanced_accuracy: float | None
    """Mean over the reference's classes of the share of their windows that were decoded as such."""
    n_windows: int
    n_states: int
    """Independent states: stretches of one reference class that hold at least one window."""
    classes: tuple[str, ...]
    chance: float | None
    chance_low: float | None
    chance_high: float | None


def score(
    reference: str,
    decoded: Sequence[m.Valence],
    steps: Steps,
    phases: Sequence[Span],
    delay: float,
    *,
    declared: bool,
) -> Score:
    """Compare the most probable class of every window with the reference `delay` seconds earlier.

    The gate is not asked: a gate that answers `unknown` must not hide what lies behind it. How
    often it answers is the coverage, a number of its own.

    Parameters
    ----------
    reference : str
        `truth` or `keys`.
    decoded : sequence of Valence
        One per window.
    steps : Steps
        The reference over rig time.
    phases : sequence of Span
        Window and reference must lie in the same one of these.
    delay : float
        In seconds; may be negative.
    declared : bool
        Whether this is the declared delay.

    Returns
    -------
    Score
        With nulls where no window can be compared.
    """
    states, answers, n_states = _pairs(decoded, steps, phases, delay)
    occurring = sorted(set(states))
    # Counted in independent states, not windows: the windows of one state are right or wrong
    # together, and a band over windows would call most lucky runs remarkable.
    band = chance_band(n_states, len(occurring)) if occurring else (None, None)
    found = balanced_accuracy(np.array(states), np.array(answers)) if occurring else None
    return Score(
        reference=reference,
        delay=delay,
        declared=declared,
        balanced_accuracy=found,
        n_windows=len(states),
        n_states=n_states,
        classes=tuple(m.AFFECTS[i] for i in occurring),
        chance=1.0 / len(occurring) if occurring else None,
        chance_low=band[0],
        chance_high=band[1],
    )


def _pairs(
    decoded: Sequence[m.Valence], steps: Steps, phases: Sequence[Span], delay: float
) -> tuple[list[int], list[int], int]:
    """Return true and answered classes, window by window, and from how many episodes they are."""
    states: list[int] = []
    answers: list[int] = []
    held: set[int] = set()
    episodes = [e for p in phases for e in steps.episodes(p.start, p.end)]
    begins = [e[0] for e in episodes]
    for v in decoded:
        if v.probabilities is None or not any(p.start <= v.t < p.end for p in phases):
            continue
        i = bisect_right(begins, v.t - delay) - 1
        if i < 0 or v.t - delay >= episodes[i][1]:
            continue
        held.add(i)
        states.append(m.AFFECTS.index(episodes[i][2]))
        answers.append(int(np.argmax(v.probabilities)))
    return states, answers, len(held)
