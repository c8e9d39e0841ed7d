"""What an evaluation's page says beyond what is stored; derived from that alone (pure).

Everything here is a function of `result.Evaluation`, never of the data, so that whoever has
`evaluation.json` has the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ...drawing.markup import share
from ...drawing.svg import COLOURS
from ..result import Evaluation, MethodResult, PersonScore, ProtocolResult

COUNTERPARTS = {"paper": "leave-one-person-out", "random": "within", "fitted": "within"}
"""The honest protocol that asks what a leaky one pretends to ask."""
LEVEL = 0.05
"""How often chance may pass for more, at most."""
PALETTE = ("#123f63", "#c98a00", "#8cc4e4", "#9b4f96", "#4d4d4d")
"""Colours of states that are no affect: apart in lightness as well as in hue, so that they stay
apart for every kind of colour vision and in grey print; neither green nor red."""
MEANS = {
    "time index": "the time at which it was recorded, without any signal",
    "EOG": "eye movements",
    "EMG": "muscle tension of forehead and temples",
    "motor": "activity over the hand's part of the brain, as when a key is held",
    "audible clip": "what was heard, without any signal",
    "stimulus": "what was shown, without any signal",
    "previous label": "the order in which the states came, without any signal",
    "file identity": "which file it lies in, without any signal",
    "frontal asymmetry": "the difference of right and left forehead",
    "nearness to rest": "being of the file that the rest was taken from",
    "majority": "the commonest state, without any signal",
}
"""What a control looks at, in words for people who decode nothing."""


class Difference(NamedTuple):
    """One method under a leaky protocol and under an honest one."""

    method: str
    kind: str
    leaky: str
    """Name of the leaky protocol."""
    honest: str
    leaky_score: float
    """Balanced accuracy, mean over people."""
    honest_score: float
    chance: float
    people: tuple[tuple[str, float, float], ...]
    """Name, leaky and honest score of everybody who has both."""

    @property
    def difference(self) -> float:
        """Leaky less honest."""
        return self.leaky_score - self.honest_score


def primary(evaluation: Evaluation) -> ProtocolResult | None:
    """Return the protocol on which the verdict rests; else the first honest one, else the first."""
    protocols = evaluation.protocols
    marked = [p for p in protocols if p.primary]
    honest = [p for p in protocols if not p.leaky]
    return next(iter([*marked, *honest, *protocols]), None)


def in_order(evaluation: Evaluation) -> list[ProtocolResult]:
    """Return the protocols as they are to be seen: the primary one, the honest, the leaky."""
    first = primary(evaluation)
    return sorted(evaluation.protocols, key=lambda p: (p.leaky, p is not first))


def candidates(protocol: ProtocolResult) -> list[MethodResult]:
    """Return what may be chosen as a decoder."""
    return [m for m in protocol.decoders if m.kind == "candidate"]


def best(protocol: ProtocolResult) -> MethodResult | None:
    """Return the candidate that the verdict is about: the best whose null was drawn.

    The best of all where no null was drawn; None without a candidate.
    """
    found = candidates(protocol)
    drawn = [m for m in found if m.null.p is not None]
    return max(drawn or found, key=lambda m: m.balanced_accuracy, default=None)


def leaky_minus_honest(evaluation: Evaluation) -> tuple[Difference, ...]:
    """Return every method that was scored both ways, candidates first.

    A leaky protocol stands beside the honest one that asks the same (`COUNTERPARTS`); where that
    was not run, beside the primary one.
    """
    found = []
    for protocol in evaluation.protocols:
        beside = _honest_beside(evaluation, protocol) if protocol.leaky else None
        if beside is None:
            continue
        own = {m.name: m for m in beside.decoders}
        found += [
            _difference(protocol, beside, m, own[m.name])
            for m in protocol.decoders
            if m.name in own
        ]
    return tuple(sorted(found, key=lambda d: d.kind != "candidate"))


def _honest_beside(evaluation: Evaluation, leaky: ProtocolResult) -> ProtocolResult | None:
    honest = [p for p in evaluation.protocols if not p.leaky]
    same = [p for p in honest if p.name == COUNTERPARTS.get(leaky.name)]
    marked = [p for p in honest if p.primary]
    return next(iter([*same, *marked, *honest]), None)


def _difference(
    leaky: ProtocolResult, honest: ProtocolResult, a: MethodResult, b: MethodResult
) -> Difference:
    own = {p.person: p.balanced_accuracy for p in b.people}
    both = tuple(
        (p.person, p.balanced_accuracy, own[p.person]) for p in a.people if p.person in own
    )
    return Difference(
        a.name, a.kind, leaky.name, honest.name,
        a.balanced_accuracy, b.balanced_accuracy, honest.chance, both,
    )  # fmt: skip


def above(person: PersonScore) -> bool | None:
    """Return whether a person's score lies above 95 % of the own null; None without a null."""
    return None if person.null_95 is None else person.balanced_accuracy > person.null_95


def n_above(people: Sequence[PersonScore]) -> tuple[int, int] | None:
    """Return how many lie above 95 % of their own null, of how many; None without any null."""
    told = [above(p) for p in people if p.null_95 is not None]
    return (sum(map(bool, told)), len(told)) if told else None


def cannot_be_significant(protocol: ProtocolResult) -> MethodResult | None:
    """Return a method whose relabelings are too few for any score to be significant."""
    return next(
        (m for m in protocol.decoders if m.null.smallest_p > LEVEL and m.null.n_relabelings), None
    )


def ends(interval: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of an interval as they are shown: no balanced accuracy lies beyond 0…1.

    Student's t knows of no bounds. What is stored stays as it was computed.
    """
    return max(interval[0], 0.0), min(interval[1], 1.0)


def between(interval: tuple[float, float]) -> str:
    """Return an interval in words, two digits each."""
    low, high = ends(interval)
    return f"{share(low)} … {share(high)}"


def right_in_a_hundred(score: float) -> int:
    """Return how many of 100 moments, spread equally over the states, are answered rightly."""
    return round(100 * score)


def answered(seconds: Sequence[float]) -> tuple[tuple[float, ...], int]:
    """Return the delays until the right answer that came, and how many never came.

    Parameters
    ----------
    seconds : sequence of float
        As in `result.Timing`; infinite or negative where none came.
    """
    came = tuple(sorted(s for s in seconds if math.isfinite(s) and s >= 0))
    return came, len(seconds) - len(came)


def confound(verdict: str) -> str:
    """Return the control that a verdict names; empty where it names none."""
    head = "confounded by "
    return verdict.removeprefix(head) if verdict.startswith(head) else ""


def colours(states: Sequence[str]) -> tuple[str, ...]:
    """Return a colour for each state: those of the affects where all are affects."""
    if set(states) <= COLOURS.keys():
        return tuple(COLOURS[s] for s in states)
    return tuple(PALETTE[i % len(PALETTE)] for i in range(len(states)))
