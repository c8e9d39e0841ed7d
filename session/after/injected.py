"""What became of every fault that was put into the signal on purpose; pure.

The simulator tells when a fault begins and ends. What the parts said from then until the next fault
is taken as what followed from it: a script that leaves a calm stretch behind every fault makes that
true.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from rym import messages as m
from rym import topics

Log = Mapping[str, Sequence[m.Message]]
Counts = tuple[tuple[str, int], ...]

BREAK_S = 0.75
"""Seconds without a usable window that count as an interruption: three hops."""
FEW = 4
"""Changes of the player's state that are told one by one."""
COUNTED = ("gaps", "lost", "dropped", "returns")
"""Numbers of the stream's status that only grow within one start."""


class Aftermath(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one fault, until the next one began."""

    t: float
    """Rig time in seconds of the first sample that it touched."""
    kind: str
    what: str
    """Its settings in short."""
    planned: float
    """Seconds that it was to last; 0: from then on."""
    over: float | None
    """Rig time in seconds from which it was over; null where that was never told."""
    counted: dict[str, int]
    """By how much the stream's counts grew: `gaps` (new segments), `lost` (samples filled in),
    `dropped` (samples that came twice, too late or out of order), `returns` (a sender started
    anew)."""
    n_windows: int
    n_invalid: int
    reasons: Counts
    """(why a window was not valid, windows); numbers within a reason are left out."""
    bad: tuple[tuple[str, str], ...]
    """(channel, reason given most often) of the channels that were good before."""
    artifacts: Counts
    """(what disturbed the window as a whole, windows)."""
    filled: int
    """Windows that hold samples that were filled in."""
    notes: Counts
    """(why a trigger cannot be trusted, triggers)."""
    silence: float
    """Longest time without any window, in seconds."""
    back: float | None
    """Seconds from the fault's end until usable windows came steadily again; null where they never
    broke off."""
    lasting: bool
    """Whether no usable window came any more until the next fault."""
    safety: tuple[tuple[str, float], ...]
    """(state of the player, seconds after the fault's beginning), in order."""
    said: tuple[str, ...]
    """Sentences of the parts, each once."""
    started_again: Counts
    """(part, how often)."""

    @property
    def running_again(self) -> float | None:
        """Seconds from the fault's end until the player followed again; null where it did not."""
        if not self.safety or self.safety[-1][0] != "RUN":
            return None
        return self.safety[-1][1] - ((self.over or self.t) - self.t)

    @property
    def name(self) -> str:
        """The fault in words: `drop (share 0.1, run 50)`."""
        return f"{self.kind} ({self.what})" if self.what else self.kind

    @property
    def noticed(self) -> bool:
        """Whether anything at all was said of it or counted."""
        told = (self.reasons, self.bad, self.artifacts, self.notes, self.safety, self.said)
        return any(told) or bool(self.filled or self.started_again) or any(self.counted.values())


def aftermaths(log: Log, end: float) -> tuple[Aftermath, ...]:
    """Return what came of every fault that was put into the signal, in order.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per short topic.
    end : float
        Rig time in seconds until which the last fault is followed.

    Returns
    -------
    tuple of Aftermath
        Empty where nothing was put in.
    """
    told = [x.content for x in log.get(topics.FAULT.short, ())]
    begun = sorted((f for f in told if not f.over), key=lambda f: f.t)
    edges = [*(f.t for f in begun), max([end, *(f.t for f in begun)])]
    ears = _Ears(log)
    return tuple(
        _follow(fault, span, _over(fault, told), ears)
        for fault, span in zip(begun, pairwise(edges), strict=True)
    )


class _Ears:
    """The messages that matter, each topic in the order in which it was sent."""

    def __init__(self, log: Log) -> None:
        self._rows: dict[str, tuple[list[float], list[m.Message]]] = {}
        for topic in (topics.WINDOW, topics.QUALITY, topics.MARKER, topics.SAFETY):
            self._put(topic.short, log.get(topic.short, ()))
        self._put("status", [x for t in topics.STATUS.values() for x in log.get(t.short, ())])

    def _put(self, name: str, messages: Iterable[m.Message]) -> None:
        rows = sorted(messages, key=lambda x: x.meta.mono)
        self._rows[name] = [x.meta.mono for x in rows], rows

    def within(self, name: str, start: float, stop: float) -> list[m.Message]:
        """Return what was sent from `start` to `stop`, in seconds."""
        times, rows = self._rows[name]
        return rows[bisect_left(times, start) : bisect_left(times, stop)]

    def before(self, name: str, t: float) -> list[m.Message]:
        """Return what was sent before `t`, the newest last."""
        times, rows = self._rows[name]
        return rows[: bisect_left(times, t)]


def _over(fault: m.Injected, told: Sequence[m.Injected]) -> float | None:
    """Return when a fault was over: the first end of its kind and settings after its beginning."""
    ends = [
        f.t
        for f in told
        if f.over and (f.kind, f.what) == (fault.kind, fault.what) and f.t > fault.t
    ]
    return min(ends, default=None)


def _follow(
    fault: m.Injected, span: tuple[float, float], over: float | None, ears: _Ears
) -> Aftermath:
    windows = ears.within(topics.WINDOW.short, *span)
    told = [x.content for x in ears.within(topics.QUALITY.short, *span)]
    status = ears.within("status", *span)
    back, lasting = _back([x.meta.mono for x in windows if x.content.valid], span, over)
    return Aftermath(
        t=fault.t,
        kind=fault.kind,
        what=fault.what,
        planned=fault.seconds,
        over=over,
        counted=_counted(ears.before("status", span[0]), status),
        n_windows=len(windows),
        n_invalid=sum(not x.content.valid for x in windows),
        reasons=_most(_kind(x.content.reason) for x in windows if not x.content.valid),
        bad=_bad(told, ears.before(topics.QUALITY.short, span[0])[-1:]),
        artifacts=_most(name for q in told for name in q.artifacts),
        filled=sum(q.lost > 0 for q in told),
        notes=_most(
            x.content.note for x in ears.within(topics.MARKER.short, *span) if x.content.note
        ),
        silence=_longest([x.meta.mono for x in windows], span),
        back=back,
        lasting=lasting,
        safety=_safety(ears, span),
        said=_said(status),
        started_again=_started_again(ears.before("status", span[0]), status),
    )


def _most(names: Iterable[str]) -> Counts:
    """Count, the most frequent first."""
    return tuple(sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0])))


def _kind(reason: str) -> str:
    """Return a reason without the numbers that differ from window to window."""
    head, _, rest = reason.partition(" level")
    return head + (" level" if rest else "")


def _bad(told: Sequence[m.Quality], before: Sequence[m.Message]) -> tuple[tuple[str, str], ...]:
    """Return the channels that were not ok, with the reason that was given most often.

    Those that were not ok just before are left out: nothing says that this fault is why.
    """
    known = {c.name for x in before for c in x.content.channels if not c.ok}
    reasons: dict[str, Counter[str]] = {}
    for channel in (c for q in told for c in q.channels if not c.ok and c.name not in known):
        reasons.setdefault(channel.name, Counter())[_kind(channel.reason)] += 1
    return tuple((name, counts.most_common(1)[0][0]) for name, counts in reasons.items())


def _longest(times: Sequence[float], span: tuple[float, float]) -> float:
    edges = [span[0], *times, span[1]]
    return max(b - a for a, b in pairwise(edges))


def _back(
    valid: Sequence[float], span: tuple[float, float], over: float | None
) -> tuple[float | None, bool]:
    """Return when usable windows came steadily again, and whether they were away at the end."""
    edges = [span[0], *valid]
    breaks = [b for a, b in pairwise(edges) if b - a > BREAK_S]
    lasting = span[1] - edges[-1] > BREAK_S
    if lasting or not breaks:
        return None, lasting
    return breaks[-1] - (over if over is not None else span[0]), False


def _safety(ears: _Ears, span: tuple[float, float]) -> tuple[tuple[str, float], ...]:
    """Return the player's states as they changed."""
    state = next((x.content.state for x in ears.before(topics.SAFETY.short, span[0])[-1:]), "RUN")
    found = []
    for x in ears.within(topics.SAFETY.short, *span):
        if x.content.state != state:
            state = x.content.state
            found.append((state, x.meta.mono - span[0]))
    return tuple(found)


def _said(status: Sequence[m.Message]) -> tuple[str, ...]:
    """Return what the parts had to say, and why one of them ended."""
    told = []
    for x in status:
        c = x.content
        error = c.facts.get("error")
        if c.service == "simulator" and c.life == "ready":
            continue  # who sends; nothing of what came of a fault
        if c.life in ("failed", "gone") or (c.life == "ready" and c.detail):
            told.append(f"{c.service}: {error or c.detail or c.life}")
    return tuple(dict.fromkeys(told))


def _started_again(before: Sequence[m.Message], status: Sequence[m.Message]) -> Counts:
    known = {(x.content.service, x.content.epoch) for x in before}
    fresh = {(x.content.service, x.content.epoch) for x in status} - known
    return _most(service for service, _ in fresh)


def _counted(before: Sequence[m.Message], status: Sequence[m.Message]) -> dict[str, int]:
    """Return by how much the stream's counts grew; they begin again at 0 with every start."""
    last: dict[tuple[int, str], int] = {}
    grown = dict.fromkeys(COUNTED, 0)
    stream = [x for x in before if x.content.service == "stream"][-50:]
    for new, x in [*((False, x) for x in stream), *((True, x) for x in status)]:
        facts: Mapping[str, Any] = x.content.facts if x.content.service == "stream" else {}
        for name in COUNTED:
            if name in facts:
                key = (x.content.epoch, name)
                if new:
                    grown[name] += int(facts[name]) - last.get(key, 0)
                last[key] = int(facts[name])
    return grown


HEAD = ("fault", "lasted", "said of the signal", "said of channels and windows", "windows",
        "usable again", "player", "said by the parts")  # fmt: skip


def cells(a: Aftermath) -> tuple[str, ...]:
    """Return one row of a table with the columns of `HEAD`."""
    return (
        a.name,
        _lasted(a),
        _signal(a) or "–",
        _channels(a) or "–",
        f"{a.n_windows}, {a.n_invalid} left out",
        _again(a),
        _player(a),
        " ".join(_ended(words) for words in (*a.said, *_restarts(a))) or "–",
    )


def _lasted(a: Aftermath) -> str:
    if a.over is None:
        return "to the end" if not a.planned else f"{a.planned:g} s planned, its end was not told"
    return f"{a.over - a.t:.1f} s"


def _signal(a: Aftermath) -> str:
    words = {
        "gaps": ("segment begun anew", "segments begun anew"),
        "lost": ("sample filled in", "samples filled in"),
        "dropped": ("sample dropped", "samples dropped"),
        "returns": ("return of a sender", "returns of a sender"),
    }
    told = [f"{n} {words[name][n != 1]}" for name, n in a.counted.items() if n > 0]
    if a.silence > BREAK_S:
        told.append(f"no window for {a.silence:.2f} s")
    told += [f"trigger {note} {n}×" for note, n in a.notes]
    return ", ".join(told)


def _channels(a: Aftermath) -> str:
    kinds: dict[str, list[str]] = {}
    for name, reason in a.bad:
        kinds.setdefault(reason, []).append(name)
    told = [
        f"{' '.join(names) if len(names) <= 4 else f'{len(names)} channels'}: {reason}"
        for reason, names in kinds.items()
    ]
    told += [f"{name} {n}×" for name, n in a.artifacts]
    told += [f"left out: {reason} {n}×" for reason, n in a.reasons]
    return "; ".join(told)


def _again(a: Aftermath) -> str:
    if a.lasting:
        return "not before the next fault"
    if a.back is None:
        return "never broke off"
    where = "after the end" if a.back >= 0 else "before the end"
    return f"{abs(a.back):.1f} s {where}"


def _player(a: Aftermath) -> str:
    if len(a.safety) <= FEW:
        return ", ".join(f"{state} {t:.1f} s" for state, t in a.safety) or "went on"
    first, last = a.safety[0], a.safety[-1]
    counted = ", ".join(f"{state} {n}×" for state, n in _most(state for state, _ in a.safety))
    return f"{counted}, from {first[0]} {first[1]:.1f} s to {last[0]} {last[1]:.1f} s"


def _restarts(a: Aftermath) -> list[str]:
    return [f"{name} was started again {n}×" for name, n in a.started_again]


def _ended(words: str) -> str:
    return words if words.endswith(".") else f"{words}."
