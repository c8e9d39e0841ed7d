"""What the acquisition knew of the signal: gaps, losses, disturbances, clocks, triggers; pure.

Gaps are found in the windows themselves, so that a stream that died and came back is told like one
whose sender fell silent. Everything else is what `stream` said at the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from rym import messages as m
from rym import topics

from .provenance import n_times, t_last

Log = Mapping[str, Sequence[m.Message]]
Counts = tuple[tuple[str, int], ...]

NO_GAP_S = 0.005
"""Seconds up to which nothing is missing between two segments: what came was not usable."""
FEW = "too few channels ok"


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A time of which no window tells, between two segments."""

    t: float
    """Rig time of its beginning, in seconds."""
    seconds: float
    reason: str


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the signal of a whole session."""

    gaps: tuple[Gap, ...] = ()
    broke_off: int = 0
    """How often a new segment began; pieces that are too short for a window count as well."""
    n_windows: int = 0
    invalid: Counts = ()
    """(why windows were left out, windows), most frequent first; numbers are left out."""
    lost: int = 0
    """Samples that never came and were filled in."""
    dropped: int = 0
    """Samples that came twice, out of order or without a time."""
    artifacts: Counts = ()
    """(what disturbed a window as a whole, windows)."""
    hints: Counts = ()
    """(what is worth knowing and changes nothing, windows)."""
    interpolated: Counts = ()
    """(channel that was replaced by what its neighbours say, windows)."""
    removed: tuple[float, float] | None = None
    """Share of the power that reconstruction took out: median and 95 % of the windows; null where
    it was off."""
    asr_delay: float | None = None
    """Delay of everything by reconstruction, in seconds; null where it was off."""
    conditioning: str = ""
    group_delay: float | None = None
    """Delay of a rhythm of 10 Hz by the filters, in seconds."""
    rate: float | None = None
    """Samples per second as the stream declared them."""
    rate_measured: float | None = None
    uncertainty: tuple[float, float] | None = None
    """Of the offset to the sender's clock, in seconds: median and largest."""
    n_offsets: int = 0
    returns: int = 0
    """How often a sender came back started anew."""
    elsewhere: bool = False
    """Whether one came back from another machine."""
    sides: tuple[str, ...] = ()
    """The device's other streams that were there."""
    n_triggers: int = 0
    codes: tuple[tuple[int, int], ...] = ()
    """(code, triggers)."""
    notes: Counts = ()
    """(why a trigger cannot be trusted, triggers)."""
    recordings: tuple[str, ...] = ()
    """What became of every file, a sentence each."""


def signal(log: Log, end: float) -> Signal:
    """Sum up what the acquisition knew.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per short topic; any may be absent.
    end : float
        Rig time in seconds at which the session ends.
    """
    windows = log.get(topics.WINDOW.short, ())
    told = [x.content for x in log.get(topics.QUALITY.short, ())]
    starts = last_facts(log)
    newest: dict[str, Any] = {k: v for facts in starts.values() for k, v in facts.items()}
    removed = [q.removed for q in told if q.removed is not None]
    offsets = [x.content.uncertainty for x in log.get(topics.CLOCK.short, ())]
    triggers = [x.content for x in log.get(topics.MARKER.short, ())]
    return Signal(
        gaps=(*gaps(windows), *_away(windows, newest, end)),
        broke_off=_sum(starts, "gaps"),
        n_windows=len(windows),
        invalid=_most(_kind(x.content.reason) for x in windows if not x.content.valid),
        lost=_sum(starts, "lost"),
        dropped=_sum(starts, "dropped"),
        artifacts=_most(name for q in told for name in q.artifacts),
        hints=_most(name for q in told for name in q.hints),
        interpolated=_most(name for x in windows for name in x.content.interpolated),
        removed=_typical(removed, 95.0),
        asr_delay=_number(newest, "asr_delay"),
        conditioning=str(newest.get("conditioning", "")),
        group_delay=_number(newest, "group_delay"),
        rate=_number(newest, "rate"),
        rate_measured=_number(newest, "rate_measured"),
        uncertainty=_typical(offsets, 100.0),
        n_offsets=len(offsets),
        returns=_sum(starts, "returns"),
        elsewhere=any(bool(facts.get("host_changed")) for facts in starts.values()),
        sides=tuple(str(newest.get("sides", "")).split()),
        n_triggers=len(triggers),
        codes=tuple(sorted(Counter(x.code for x in triggers).items())),
        notes=_most(x.note for x in triggers if x.note),
        recordings=tuple(_recorded(facts) for facts in starts.values() if facts.get("recording")),
    )


def last_facts(log: Log) -> dict[int, dict[str, Any]]:
    """Return what every start of the stream said of itself in the end, in order of the starts."""
    found: dict[int, dict[str, Any]] = {}
    for x in log.get(topics.STATUS["stream"].short, ()):
        # The broker speaks the will of a part that was killed, without any facts.
        found.setdefault(x.content.epoch, {}).update(x.content.facts)
    return dict(sorted(found.items()))


def gaps(windows: Sequence[m.Message]) -> list[Gap]:
    """Return the time between the last window of each segment and the first one of the next.

    Parameters
    ----------
    windows : sequence of Message
        In order.
    """
    found = []
    for before, after in pairwise(windows):
        if before.id.epoch != after.id.epoch:
            t = t_last(before.content)
            restarted = "the stream was started again"
            found.append(Gap(t=t, seconds=after.content.t_first - t, reason=restarted))
        elif before.content.segment != after.content.segment:
            found.append(_between(before, after))
    return found


def _between(before: m.Message, after: m.Message) -> Gap:
    """Tell from samples, stamps and arrival what lies between two windows of one start."""
    old, new = before.content, after.content
    passed = new.first_sample - old.first_sample - n_times(old)
    t = t_last(old) + passed / old.rate
    missing = new.t_first - t - 1 / old.rate
    arrived = after.meta.mono - before.meta.mono - (passed + n_times(new)) / old.rate
    if abs(missing) <= NO_GAP_S and not passed:
        words = "nothing is missing: filters began anew behind a signal that could not be used"
        return Gap(t=t, seconds=0.0, reason=words)
    if abs(missing) <= NO_GAP_S:
        t -= passed / old.rate
        # Among them may be the end of the segment before, less than a hop and what was pending.
        words = f"up to {passed} samples came too late or without a time"
        return Gap(t=t, seconds=passed / old.rate, reason=words)
    if missing < 0:
        return Gap(t=t, seconds=0.0, reason=f"the sender's clock went back by {-missing:.2f} s")
    if missing - arrived > max(1.0, missing / 2):
        return Gap(t=t, seconds=0.0, reason=f"the sender's clock went ahead by {missing:.2f} s")
    beside = f"; up to {passed} samples came too late or in pieces" if passed > n_times(new) else ""
    return Gap(t=t, seconds=missing, reason=f"nothing came{beside}")


def _away(windows: Sequence[m.Message], newest: Mapping[str, Any], end: float) -> list[Gap]:
    """Return the outage that lasted to the end, if there was one."""
    if not windows or not newest.get("away"):
        return []
    t = t_last(windows[-1].content)
    return [Gap(t=t, seconds=max(0.0, end - t), reason="nothing came until the end")]


def _kind(reason: str) -> str:
    return FEW if reason.endswith("needed") else reason


def _most(names: Iterable[str]) -> Counts:
    """Count, the most frequent first."""
    return tuple(sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0])))


def _sum(starts: Mapping[int, Mapping[str, Any]], name: str) -> int:
    return sum(int(facts.get(name, 0)) for facts in starts.values())


def _number(facts: Mapping[str, Any], name: str) -> float | None:
    return float(facts[name]) if facts.get(name) else None


def _typical(values: Sequence[float], most: float) -> tuple[float, float] | None:
    """Return the median and a percentile of values; nothing of none."""
    if not values:
        return None
    middle, high = np.percentile(values, [50.0, most])
    return float(middle), float(high)


def _recorded(facts: Mapping[str, Any]) -> str:
    name, kept, missing = facts["recording"], facts.get("recorded"), facts.get("missing")
    if kept is None:
        return f"{name} was not closed in good order; it can be read up to its last second"
    lacks = f"{missing} could not be written" if missing else "none missing"
    return f"{name} holds {kept} samples, {lacks}"
