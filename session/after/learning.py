"""What was learned live, what was asked of the memory, and what it found to have changed; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from rym import messages as m
from rym import topics

from .episodes import Span, Steps
from .facts import MEMORY, Facts
from .latency import PlayerClock

Log = Mapping[str, Sequence[m.Message]]

ORDERS = ("freeze", "thaw", "undo", "mark", "roll-back")
MEASURES = {
    "distance": "distance to what is remembered",
    "level": "level of the features",
    "balance": "balance of the answers",
}


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """One row that was learned from a held key."""

    t: float
    """Rig time of its newest sample, in seconds."""
    state: m.Affect
    audible: str
    """The affect that was heard meanwhile, or `silence`."""
    model: str
    taken_back: bool
    """Whether it was forgotten again before the session ended."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked of the memory."""

    t: float
    """Rig time in seconds."""
    action: str
    value: str
    taken: bool
    """Whether the decoder took it in."""
    refused: str
    """Why it was not carried out; empty where it was."""


class Learning(msgspec.Struct, frozen=True, kw_only=True):
    """All that became of the memory while the session ran."""

    lessons: tuple[Lesson, ...] = ()
    """Each once, in order of their times."""
    orders: tuple[Order, ...] = ()
    drifts: tuple[m.Drift, ...] = ()
    n_moments: int = 0
    """Moments of feedback that were placed in the latent space."""
    n_novel: int = 0
    """Those of them that lay further from the remembered rows than was usual."""
    why_none: str = ""
    """One sentence, where no row was learned."""

    def rows(self, state: str = "", audible: str = "") -> int:
        """Count the rows that stayed, of a state and a clip where these are named."""
        return sum(
            not one.taken_back and state in ("", one.state) and audible in ("", one.audible)
            for one in self.lessons
        )

    @property
    def n_taken_back(self) -> int:
        """Rows that were learned and forgotten again."""
        return sum(one.taken_back for one in self.lessons)

    @property
    def novel(self) -> float | None:
        """Share of the moments that were novel, 0…1; null where there was none."""
        return self.n_novel / self.n_moments if self.n_moments else None


def learning(log: Log, facts: Facts, phases: Sequence[Span]) -> Learning:
    """Return what became of the memory.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per short topic; any may be absent.
    facts : Facts
        Gives the kind of the decoder and whether the session began frozen.
    phases : sequence of Span
        Moments count in those named `feedback`.
    """
    moments = moments_of(log, phases)
    found, orders = lessons(log), orders_of(log)
    return Learning(
        lessons=found,
        orders=orders,
        drifts=tuple(sorted(_contents(log, topics.DRIFT), key=lambda d: d.t)),
        n_moments=len(moments),
        n_novel=sum(one.novel for one in moments),
        why_none="" if found else why_none(log, facts, phases, orders),
    )


def _contents(log: Log, topic: topics.Topic) -> list[Any]:
    return [x.content for x in log.get(topic.short, ())]


def moments_of(log: Log, phases: Sequence[Span]) -> list[m.Latent]:
    """Return the moments of feedback that were placed in the latent space, in order."""
    parts = [p for p in phases if p.name == "feedback"]
    found: list[m.Latent] = _contents(log, topics.LATENT)
    inside = [x for x in found if any(p.start <= x.t < p.end for p in parts)]
    return sorted(inside, key=lambda x: x.t)


def lessons(log: Log) -> tuple[Lesson, ...]:
    """Return every row that was learned, with whether it stayed.

    A number is never given twice within a model, so that whatever was taken back stays away.
    """
    said: list[m.Learned] = _contents(log, topics.LEARNED)
    gone = {(x.model, x.number) for x in said if x.taken_back}
    each = {(x.model, x.number): x for x in said}
    rows = [
        Lesson(t=x.t, state=x.state, audible=x.audible, model=x.model, taken_back=name in gone)
        for name, x in each.items()
    ]
    return tuple(sorted(rows, key=lambda row: row.t))


def orders_of(log: Log) -> tuple[Order, ...]:
    """Return what was asked of the memory, in order, and whether it was carried out."""
    answers = log.get(topics.APPLIED["decoder"].short, ())
    applied = {x.content.input: x for x in reversed(answers)}  # the first: the others repeat it
    asked = {
        x.id: x
        for x in log.get(topics.COMMAND.short, ())
        if x.content.to == "decoder" and x.content.action in ORDERS
    }
    rows = [_order(x, applied.get(name)) for name, x in asked.items()]
    return tuple(sorted(rows, key=lambda row: row.t))


def _order(asked: m.Message, taken: m.Message | None) -> Order:
    return Order(
        t=asked.meta.mono,
        action=asked.content.action,
        value=asked.content.value,
        taken=taken is not None,
        refused="" if taken is None else taken.content.refused,
    )


def why_none(log: Log, facts: Facts, phases: Sequence[Span], orders: Sequence[Order]) -> str:
    """Return why no row was learned, as far as the journal tells.

    Parameters
    ----------
    log, facts, phases
        See `learning`.
    orders : sequence of Order
        Those to the memory.
    """
    parts = [p for p in phases if p.name == "feedback"]
    return _no_memory(facts, parts) or _frozen(facts, orders) or _no_keys(log, facts, parts)


def _no_memory(facts: Facts, parts: Sequence[Span]) -> str:
    if not parts:
        return "There was no feedback, so nothing could be learned during it."
    if not facts.decoder:
        return "There was no model that could have learned."
    if facts.decoder != MEMORY:
        return f"The decoder {facts.decoder} has no memory that could learn while it runs."
    return ""


def _no_keys(log: Log, facts: Facts, parts: Sequence[Span]) -> str:
    held = _held(log, parts)
    if not held:
        return "No key was held during feedback, and rows are learned from held keys alone."
    if all(len(_heard_under(log, facts.rate, pieces)) < 2 for pieces in held.values()):
        return (
            "Each state was heard under one clip only: the clip might have been learned in its "
            "place."
        )
    return "Why no row was learned cannot be told from the journal."


def _frozen(facts: Facts, orders: Sequence[Order]) -> str:
    done = [x.action for x in orders if x.taken and not x.refused and x.action in ORDERS[:2]]
    if done:
        return "Learning was frozen by an order." if done[-1] == "freeze" else ""
    return "Learning was frozen, as the settings ask." if facts.frozen else ""


def _held(log: Log, parts: Sequence[Span]) -> dict[str, list[tuple[float, float]]]:
    """Return when each state was reported during feedback."""
    keys = Steps.of((x.content.t, x.content.state) for x in log.get(topics.LABEL.short, ()))
    out: dict[str, list[tuple[float, float]]] = {}
    for part in parts:
        for start, end, state in keys.episodes(part.start, part.end):
            out.setdefault(state, []).append((start, end))
    return out


def _heard_under(log: Log, rate: int, pieces: Sequence[tuple[float, float]]) -> set[str]:
    """Return the clips that were heard during these stretches, silence among them."""
    clock = PlayerClock.of(log.get(topics.NOW.short, ()), rate)
    heard = Steps.of(
        (
            clock.rig((x.id.service, x.id.epoch), x.content.frame),
            x.content.heard or "silence",
        )
        for x in log.get(topics.NOW.short, ())
    )
    return {clip for start, end in pieces for _, _, clip in heard.pieces(start, end)}
