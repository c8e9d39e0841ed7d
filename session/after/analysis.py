"""What a session's messages say, as numbers; pure.

In: the journal's messages, a list per topic, and the `Facts` that stand elsewhere. Out: one
`Analysis`, from which the report and the `summary` are written. Whatever is absent (a
session that was cut short, no model, no feedback) leaves an empty tuple or a null, never an
exception: a report is most needed where something went wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from rym import messages as m
from rym import topics

from .episodes import Score, Span, Steps, score, spans
from .facts import Facts
from .injected import Aftermath, aftermaths
from .latency import (
    Budget,
    Felt,
    Hop,
    PlayerClock,
    felt_to_heard,
    fold_budget,
    hops,
)
from .learning import Learning, learning
from .provenance import Change, changes
from .signal import Signal, signal

Log = Mapping[str, Sequence[m.Message]]
"""Messages per short topic, in the order in which the journal holds them."""


class ChannelShare(msgspec.Struct, frozen=True, kw_only=True):
    """How often one channel could not be trusted."""

    name: str
    share: float
    """Share of the windows in which it was not ok, 0…1."""
    reason: str
    """The reason that was given most often."""


class QualityFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Signal quality over the whole session."""

    n_windows: int = 0
    n_invalid: int = 0
    """Windows that no decoder was allowed to use."""
    overall: float | None = None
    """Mean share of ok scalp channels, 0…1."""
    levels: tuple[tuple[str, float], ...] = ()
    """(level, share of the windows)."""
    bad: tuple[ChannelShare, ...] = ()
    """Channels that were not ok at least once, worst first."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One start of one service."""

    service: str
    epoch: int
    first: float
    """Rig time of its first status, in seconds."""
    last: float
    life: str
    """What its last status said."""
    detail: str
    drops: tuple[tuple[str, int], ...]
    """Messages given up by overload, per topic; zeros left out."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One state of the player's dead-man switch, from `t` on."""

    t: float
    state: str
    reason: str
    text: str


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a report says."""

    facts: Facts
    start: float
    """Rig time from which the report counts, in seconds."""
    end: float
    n_messages: int
    n_estimates: int
    """Windows for which the decoder gave probabilities."""
    ended: bool
    """Whether the session announced its own end."""
    phases: tuple[Span, ...]
    keys: Steps
    truth: Steps
    scores: tuple[Score, ...]
    """The main one first; empty where there was no feedback."""
    coverage: float | None
    """Share of feedback windows whose state was not `unknown`, 0…1."""
    n_calibration: int
    """Independent states that the keys showed during calibration."""
    n_feedback: int
    """Independent states that the keys showed during feedback."""
    hops: tuple[Hop, ...]
    felt: tuple[Felt, ...]
    budget: tuple[Budget, ...]
    changes: tuple[Change, ...]
    quality: QualityFacts
    signal: Signal
    learning: Learning
    faults: tuple[Aftermath, ...]
    """Faults that were put into a simulated signal, and what came of them."""
    lives: tuple[Life, ...]
    safety: tuple[Moment, ...]
    holes: tuple[m.Missing, ...]
    """Messages that were sent, as the numbers around them show, and that the journal lacks."""
    unknown: tuple[tuple[str, int], ...]
    """(why the state was unknown, windows) during feedback, most frequent first."""


def of(log: Log, topic: topics.Topic) -> Sequence[m.Message]:
    """Return a topic's messages; none where the journal has none."""
    return log.get(topic.short, ())


def everything(log: Log) -> Iterable[m.Message]:
    """Yield every message of every topic."""
    for messages in log.values():
        yield from messages


def keys(log: Log) -> Steps:
    """Return what the person reported, as a step function of rig time."""
    return Steps.of((x.content.t, x.content.state) for x in of(log, topics.LABEL))


def truth(log: Log) -> Steps:
    """Return what a simulated person felt, as a step function of rig time."""
    return Steps.of((x.content.t, x.content.state) for x in of(log, topics.TRUTH))


def extent(log: Log) -> tuple[float, float]:
    """Return the rig times of the first phase (else the first message) and of the last message."""
    monos = [x.meta.mono for x in everything(log)]
    if not monos:
        return 0.0, 0.0
    begin = min([x.content.starts for x in of(log, topics.PHASE)] or [min(monos)])
    return begin, max([begin, *monos])


def _ended(log: Log, end: float) -> float:
    """Return the rig time from which a session only came to its end: nothing is missed there."""
    phases: list[m.Phase] = [x.content for x in of(log, topics.PHASE)]
    return min([end, *(phase.starts for phase in phases if phase.name == "ended")])


def scores(log: Log, facts: Facts, phases: Sequence[Span]) -> tuple[Score, ...]:
    """Compare what was decoded during feedback with truth (where simulated) and with the keys.

    Each is given at the declared delay and without any. A key comes `reaction_lag` after what it
    reports, so that against keys the declared delay is that much shorter.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per topic.
    facts : Facts
        Gives the delays.
    phases : sequence of Span
        Only those named `feedback` are scored.

    Returns
    -------
    tuple of Score
        Truth before keys, with the delay before without; none where nothing can be compared.
    """
    parts = [p for p in phases if p.name == "feedback"]
    decoded = [x.content for x in of(log, topics.VALENCE)]
    delay = facts.delay or 0.0
    out = []
    for name, steps, shift in (
        ("truth", truth(log), delay),
        ("keys", keys(log), delay - facts.reaction_lag),
    ):
        if not parts or not steps.times:
            continue
        out.append(score(name, decoded, steps, parts, shift, declared=True))
        out.append(score(name, decoded, steps, parts, 0.0, declared=False))
    return tuple(out)


def _in_feedback(log: Log, phases: Sequence[Span]) -> list[m.Valence]:
    parts = [p for p in phases if p.name == "feedback"]
    found = [x.content for x in of(log, topics.VALENCE)]
    return [v for v in found if any(p.start <= v.t < p.end for p in parts)]


def coverage(log: Log, phases: Sequence[Span]) -> float | None:
    """Return the share of feedback windows with a known state; null where there are none."""
    inside = _in_feedback(log, phases)
    return float(np.mean([v.state != "unknown" for v in inside])) if inside else None


def unknown_reasons(log: Log, phases: Sequence[Span]) -> tuple[tuple[str, int], ...]:
    """Count why the state was unknown during feedback; numbers within a reason are left out."""
    counts: dict[str, int] = {}
    for v in _in_feedback(log, phases):
        if v.state == "unknown":
            reason = v.reason.rstrip("0123456789/ ") or "no reason given"
            counts[reason] = counts.get(reason, 0) + 1
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def n_states(steps: Steps, phases: Sequence[Span], name: str) -> int:
    """Count the independent states of all phases with this name."""
    return sum(len(steps.episodes(p.start, p.end)) for p in phases if p.name == name)


def quality(log: Log) -> QualityFacts:
    """Sum up signal quality: levels, and every channel that was not ok at least once."""
    told = [x.content for x in of(log, topics.QUALITY)]
    invalid = sum(not x.content.valid for x in of(log, topics.WINDOW))
    if not told:
        return QualityFacts(n_invalid=invalid)
    reasons: dict[str, dict[str, int]] = {}
    for q in told:
        for channel in q.channels:
            if not channel.ok:
                given = reasons.setdefault(channel.name, {})
                given[channel.reason] = given.get(channel.reason, 0) + 1
    bad = [
        ChannelShare(name=name, share=sum(c.values()) / len(told), reason=max(c, key=c.__getitem__))
        for name, c in reasons.items()
    ]
    level = [q.level for q in told]
    return QualityFacts(
        n_windows=len(told),
        n_invalid=invalid,
        overall=float(np.mean([q.overall for q in told])),
        levels=tuple((name, level.count(name) / len(told)) for name in ("good", "fair", "low")),
        bad=tuple(sorted(bad, key=lambda c: (-c.share, c.name))),
    )


def lives(log: Log) -> tuple[Life, ...]:
    """Return every start of every service, in the order of the starts.

    The broker speaks the will `gone` in the service's name and with its epoch, so that it closes
    the start that it belongs to.
    """
    seen: dict[tuple[str, int], list[m.Message]] = {}
    for topic in topics.STATUS.values():
        for x in of(log, topic):
            seen.setdefault((x.content.service, x.content.epoch), []).append(x)
    out = []
    for (service, epoch), said in seen.items():
        newest = said[-1].content
        drops: dict[str, int] = {}
        for x in said:
            drops |= {k: max(n, drops.get(k, 0)) for k, n in x.content.drops.items() if n}
        out.append(
            Life(
                service=service,
                epoch=epoch,
                first=said[0].meta.mono,
                last=said[-1].meta.mono,
                life=newest.life,
                detail=newest.detail,
                drops=tuple(sorted(drops.items())),
            )
        )
    return tuple(sorted(out, key=lambda x: (x.first, x.service)))


def safety(log: Log) -> tuple[Moment, ...]:
    """Return the states of the dead-man switch in order; repeats of one state are merged."""
    out: list[Moment] = []
    for x in sorted(of(log, topics.SAFETY), key=lambda x: (x.id.epoch, x.id.seq)):
        c = x.content
        if not out or (out[-1].state, out[-1].reason) != (c.state, c.reason):
            out.append(Moment(t=x.meta.mono, state=c.state, reason=c.reason, text=c.text))
    return tuple(out)


def holes(log: Log) -> tuple[m.Missing, ...]:
    """Return the ranges of numbers that are missing between 0 and the highest number seen."""
    out: list[m.Missing] = []
    before = m.Identity("", 0, "", -1)
    for x in sorted(x.id for x in everything(log)):
        same = (x.service, x.epoch, x.topic) == (before.service, before.epoch, before.topic)
        first = before.seq + 1 if same else 0
        if x.seq > first:
            out.append(
                m.Missing(
                    service=x.service, epoch=x.epoch, topic=x.topic, first=first, last=x.seq - 1
                )
            )
        before = x
    return tuple(out)


def analyse(log: Log, facts: Facts) -> Analysis:
    """Compute everything that the report says.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per short topic; any topic may be absent.
    facts : Facts
        What no message carries.

    Returns
    -------
    Analysis
        Complete also for an empty journal.
    """
    begin, end = extent(log)
    phases = spans(of(log, topics.PHASE), end)
    clock = PlayerClock.of(of(log, topics.NOW), facts.rate)
    felt = felt_to_heard(log, clock, truth(log) if truth(log).times else keys(log), phases)
    measured = hops(log, clock)
    return Analysis(
        facts=facts,
        start=begin,
        end=end,
        n_messages=sum(len(x) for x in log.values()),
        n_estimates=sum(x.content.probabilities is not None for x in of(log, topics.VALENCE)),
        ended=any(x.content.name == "ended" for x in of(log, topics.PHASE)),
        phases=phases,
        keys=keys(log),
        truth=truth(log),
        scores=scores(log, facts, phases),
        coverage=coverage(log, phases),
        n_calibration=n_states(keys(log), phases, "calibration"),
        n_feedback=n_states(keys(log), phases, "feedback"),
        hops=measured,
        felt=felt,
        budget=fold_budget(facts.delays, measured),
        changes=changes(log, clock),
        quality=quality(log),
        signal=signal(log, end),
        learning=learning(log, facts, phases),
        faults=aftermaths(log, _ended(log, end)),
        lives=lives(log),
        safety=safety(log),
        holes=holes(log),
        unknown=unknown_reasons(log, phases),
    )


def percentile(values: Sequence[float], q: float) -> float | None:
    """Return a percentile (linear between neighbours), null where there are no values."""
    return float(np.percentile(values, q)) if len(values) else None


def heard_after(a: Analysis) -> list[float]:
    """Return the seconds from a felt change to half-way heard, of those that were answered."""
    return [f.seconds for f in a.felt if f.seconds is not None]
