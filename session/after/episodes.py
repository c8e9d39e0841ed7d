"""Phases, step functions of a state over time, and the score of a run; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from scipy.stats import binom

from rym import messages as m


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
        """Return the stretches within `start` … `end` that report a state (not `none`)."""
        return [piece for piece in self.pieces(start, end) if piece[2] != "none"]

    def changes(self, start: float, end: float) -> list[tuple[float, str]]:
        """Return (time, new state) of every change to a reported state within `start` … `end`."""
        pairs = list(zip(self.times, self.states, strict=True))[1:]
        return [(t, s) for t, s in pairs if start <= t < end and s != "none"]


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


def chance_band(n_states: int, n_classes: int) -> tuple[float, float]:
    """Return where guessing stays in 95 of 100 runs, as shares.

    Counted in independent states, not windows: the windows of one state are right or wrong
    together, and a band over windows would call most lucky runs remarkable.

    Parameters
    ----------
    n_states : int
        Independent states, 1 or more.
    n_classes : int
        Classes among them.

    Returns
    -------
    tuple of (float, float)
        2.5 % and 97.5 % quantiles of a binomial share with success probability 1 / n_classes.
    """
    low, high = (float(binom.ppf(q, n_states, 1.0 / n_classes)) for q in (0.025, 0.975))
    return low / n_states, high / n_states


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
    right: dict[str, list[bool]] = {}
    held: set[tuple[float, float, str]] = set()
    episodes = [e for p in phases for e in steps.episodes(p.start, p.end)]
    begins = [e[0] for e in episodes]
    for v in decoded:
        if v.probabilities is None or not any(p.start <= v.t < p.end for p in phases):
            continue
        i = bisect_right(begins, v.t - delay) - 1
        if i < 0 or v.t - delay >= episodes[i][1]:
            continue
        held.add(episodes[i])
        best = m.AFFECTS[int(np.argmax(v.probabilities))]
        right.setdefault(episodes[i][2], []).append(best == episodes[i][2])
    band = chance_band(len(held), len(right)) if right else (None, None)
    return Score(
        reference=reference,
        delay=delay,
        declared=declared,
        balanced_accuracy=float(np.mean([np.mean(r) for r in right.values()])) if right else None,
        n_windows=sum(len(r) for r in right.values()),
        n_states=len(held),
        classes=tuple(a for a in m.AFFECTS if a in right),
        chance=1.0 / len(right) if right else None,
        chance_low=band[0],
        chance_high=band[1],
    )
