"""From what was heard back to the samples that it rests on: the `cause` of every message; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from rym import messages as m
from rym import topics

from .latency import PlayerClock, by_start, fades, index

Kind = Literal["start", "fade", "order", "safety"]
Log = Mapping[str, Sequence[m.Message]]
ORDERS = (topics.COMMAND.short, topics.STOP.short)


class SampleRange(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a recording that a decision rests on."""

    file: str
    """Recording in the session's folder, such as `eeg.xdf`."""
    segment: int
    first: int
    """Counts samples from 0 within that file."""
    n: int
    t_last: float
    """Rig time of the newest sample, in seconds."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of what is heard."""

    t: float
    """Rig time at which it becomes audible, in seconds."""
    kind: Kind
    what: str
    """Affect that is faded to, order that was carried out, or state of the dead-man switch."""
    why: str
    played: m.Identity
    chain: tuple[m.Identity, ...]
    """Every message that it rests on, from the nearest to the farthest."""
    samples: SampleRange | None
    missing: tuple[m.Identity, ...]
    """Messages that are named as a cause and that the journal lacks."""


def recording_names(log: Log) -> dict[int, str]:
    """Return the file that each start of the stream wrote, by epoch.

    The stream names it when it is ready. Where that is lost, the rule by which files are named
    stands in: `eeg.xdf` is the first start's, `eeg-02.xdf` the second's.
    """
    told = {
        x.content.epoch: str(x.content.facts["recording"])
        for x in log.get(topics.STATUS["stream"].short, ())
        if x.content.facts.get("recording")
    }
    epochs = {x.id.epoch for x in log.get(topics.WINDOW.short, ())}
    epochs |= {x.content.epoch for x in log.get(topics.STATUS["stream"].short, ())}
    ranks = enumerate(sorted(epochs), start=1)
    return {e: "eeg.xdf" if i == 1 else f"eeg-{i:02d}.xdf" for i, e in ranks} | told


def n_times(window: Any) -> int:
    """Return how many samples a window holds; one by reference carries their number itself."""
    return int(window.n_times) if hasattr(window, "n_times") else len(window.samples)


def t_last(window: Any) -> float:
    """Return the rig time of a window's newest sample, in seconds."""
    return float(window.t_first + (n_times(window) - 1) / window.rate)


def sample_range(window: m.Message, files: Mapping[int, str]) -> SampleRange:
    """Return the rows of the recording that a window holds."""
    c = window.content
    return SampleRange(
        file=files[window.id.epoch],
        segment=c.segment,
        first=c.first_sample,
        n=n_times(c),
        t_last=t_last(c),
    )


def follow(
    message: m.Message, known: Mapping[m.Identity, m.Message]
) -> tuple[tuple[m.Identity, ...], tuple[m.Identity, ...]]:
    """Follow `cause` from a message to where it ends.

    Returns
    -------
    tuple of (tuple of Identity, tuple of Identity)
        What it rests on, nearest first, each once; and those among them that are not known.
    """
    chain: list[m.Identity] = []
    queue = list(message.cause)
    while queue:
        name = queue.pop(0)
        if name not in chain:
            chain.append(name)
            queue += known[name].cause if name in known else ()
    return tuple(chain), tuple(name for name in chain if name not in known)


def trace(
    message: m.Message, known: Mapping[m.Identity, m.Message], files: Mapping[int, str]
) -> SampleRange | None:
    """Return the newest samples that a message rests on; null where no window is among its causes.

    Parameters
    ----------
    message : Message
        Any message, such as the `Played` of an audible change.
    known : mapping of Identity to Message
        The journal's messages.
    files : mapping of int to str
        Recording per epoch of the stream.
    """
    chain, _ = follow(message, known)
    windows = [known[c] for c in chain if c.topic == topics.WINDOW.short and c in known]
    ranges = [sample_range(w, files) for w in windows]
    return max(ranges, key=lambda r: r.t_last, default=None)


def changes(log: Log, clock: PlayerClock) -> tuple[Change, ...]:
    """Return every audible change with the samples that it rests on.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per topic.
    clock : PlayerClock
        Maps frames to rig time.

    Returns
    -------
    tuple of Change
        In the order in which they were heard: beginnings, fades, orders, safety states.
    """
    known, files = index(log), recording_names(log)
    out = [_change(f.first, f.start, ("fade", f.to), known, files) for f in fades(log, clock)]
    for start, said in by_start(log.get(topics.NOW.short, ())).items():
        for before, x in zip([None, *said[:-1]], said, strict=True):
            found = _other(before, x, known)
            if found is not None:
                t = clock.rig(start, x.content.frame)
                out.append(_change(x, t, found, known, files))
    return tuple(sorted(out, key=lambda change: change.t))


def _other(
    before: m.Message | None, x: m.Message, known: Mapping[m.Identity, m.Message]
) -> tuple[Kind, str] | None:
    """Say what else than a fade changed with this message."""
    if before is None:
        return "start", ""
    if x.content.safety != before.content.safety:
        return "safety", x.content.safety
    fresh = [c for c in x.cause if c.topic == topics.COMMAND.short and c not in before.cause]
    if not fresh:
        return None
    orders = [known[c].content for c in fresh if c in known]
    return "order", ", ".join(f"{o.action} {o.value}".rstrip() for o in orders) or "not known"


def _change(
    x: m.Message,
    t: float,
    what: tuple[Kind, str],
    known: Mapping[m.Identity, m.Message],
    files: Mapping[int, str],
) -> Change:
    # Beside what moved this, a Played names the valence behind what was asked for before it.
    moved = [c for c in x.cause if c.topic in ORDERS and what[0] in ("order", "safety")]
    resting = msgspec.structs.replace(x, cause=tuple(moved)) if moved else x
    chain, missing = follow(resting, known)
    return Change(
        t=t,
        kind=what[0],
        what=what[1],
        why=x.content.why,
        played=x.id,
        chain=chain,
        samples=trace(resting, known, files),
        missing=missing,
    )
