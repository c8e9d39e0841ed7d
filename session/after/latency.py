"""Where the time goes between a feeling and its sound; arithmetic on identities and stamps, pure.

Two kinds of delay stand side by side and are never mixed: what a *design* costs (the middle of a
window, the rows that a decision rests on, smoothing, the wait for a bar), known from the settings,
and what the *machine* costs, measured from the messages of this very session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from rym import messages as m
from rym import topics

from .episodes import Span, Steps

Log = Mapping[str, Sequence[m.Message]]
PlayerStart = tuple[str, int]

AGE = "newest sample → window sent"
DECODED = "window sent → valence sent"
TAKEN = "valence sent → taken in by the player"
TOTAL = "newest sample → taken in by the player (software, total)"
DWELL = "state decoded → change requested"
WAIT = "change requested → fade begins"
PASSAGE = "passage through the neutral version"
HALF = "fade begins → half-way heard"
OUTPUT = "sound made → leaves the device"


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """A delay that follows from the settings alone."""

    name: str
    seconds: float | None
    """Null where only a rule is known, such as a dwell time that most changes never meet."""
    why: str
    """How it comes about, for people."""


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """A measured step of the chain, in seconds."""

    name: str
    n: int
    p50: float
    p99: float


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the latency budget, in seconds."""

    name: str
    kind: Literal["design", "software", "music", "device"]
    declared: float | None
    p50: float | None
    p99: float | None
    why: str

    @property
    def typical(self) -> float | None:
        """What to draw: the measured median, else what was declared."""
        return self.declared if self.p50 is None else self.p50


class Fade(msgspec.Struct, frozen=True, kw_only=True):
    """A change of sound that at least began, in rig time."""

    first: m.Message
    """The `Played` that told of it first."""
    to: m.Affect
    start: float
    half: float
    end: float
    reached: bool
    """Whether old and new were equally loud before it was replaced, and could be heard."""


class Felt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one change of what the person felt (or reported)."""

    t: float
    """Rig time of the change, in seconds."""
    state: str
    outcome: Literal["heard", "already heard", "not heard"]
    seconds: float | None
    """Until the fade towards it was half-way audible; null where there was none in time."""
    by: str
    """What the fade rests on: `valence`, `command`, …; empty where there was none."""


class PlayerClock:
    """Maps a player's frames to rig time, through the audible times that it published.

    Linear between neighbours, at the nominal rate beyond the ends. One straight line over the whole
    session would be wrong after a device was opened again.

    Parameters
    ----------
    points : mapping of (str, int) to array of shape (n, 2)
        Per (service, epoch) of a player: frame and rig time in seconds, by rising frame.
    rate : int
        Nominal frames per second.
    """

    def __init__(self, points: Mapping[PlayerStart, npt.NDArray[np.float64]], rate: int) -> None:
        self._points = points
        self._rate = rate

    @classmethod
    def of(cls, played: Sequence[m.Message], rate: int) -> PlayerClock:
        """Build from the messages of `player/now`.

        A player without a device knows no audible time; the time at which it spoke stands in.
        """
        rows: dict[PlayerStart, dict[int, float]] = {}
        for x in played:
            t = x.meta.mono if x.meta.audible_at is None else x.meta.audible_at
            rows.setdefault((x.id.service, x.id.epoch), {})[x.content.frame] = t
        return cls({k: np.array(sorted(v.items())) for k, v in rows.items()}, rate)

    def rig(self, start: PlayerStart, frame: float) -> float:
        """Return the rig time, in seconds, at which a frame of that player leaves the device."""
        rows = self._points[start]
        if frame <= rows[0, 0]:
            return float(rows[0, 1] + (frame - rows[0, 0]) / self._rate)
        if frame >= rows[-1, 0]:
            return float(rows[-1, 1] + (frame - rows[-1, 0]) / self._rate)
        return float(np.interp(frame, rows[:, 0], rows[:, 1]))


def by_start(played: Iterable[m.Message]) -> dict[PlayerStart, list[m.Message]]:
    """Return each player's messages in the order in which it sent them."""
    out: dict[PlayerStart, list[m.Message]] = {}
    for x in sorted(played, key=lambda x: (x.id.epoch, x.id.seq)):
        out.setdefault((x.id.service, x.id.epoch), []).append(x)
    return out


def fades(log: Log, clock: PlayerClock) -> list[Fade]:
    """Return every fade that began, in order; withdrawn ones are left out.

    A fade is announced before it begins and may be withdrawn or turned. What counts is until which
    frame it stood: the frame of the first later message that shows another one.
    """
    out = []
    for start, said in by_start(log.get(topics.NOW.short, ())).items():
        for run in _runs(said):
            fade, until = run[0].content.fade, run[-1].content.frame
            if fade is None or until < fade.start:
                continue
            levels = [x.content.level_db for x in run if x.content.frame <= fade.half]
            audible = (levels or [run[0].content.level_db])[-1] > m.SILENT_DB
            out.append(
                Fade(
                    first=run[0],
                    to=fade.to,
                    start=clock.rig(start, fade.start),
                    half=clock.rig(start, fade.half),
                    end=clock.rig(start, fade.end),
                    reached=until >= fade.half and audible,
                )
            )
    return out


def _runs(said: Sequence[m.Message]) -> list[list[m.Message]]:
    """Split where the fade changes; each run also holds the first message after it."""
    runs: list[list[m.Message]] = []
    for x in said:
        if runs and runs[-1][0].content.fade == x.content.fade:
            runs[-1].append(x)
        else:
            if runs:
                runs[-1].append(x)
            runs.append([x])
    return runs


def index(log: Log) -> dict[m.Identity, m.Message]:
    """Return every message by its identity."""
    return {x.id: x for messages in log.values() for x in messages}


def hops(log: Log, clock: PlayerClock) -> tuple[Hop, ...]:
    """Measure every step from the newest sample to the device.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per topic.
    clock : PlayerClock
        Maps frames to rig time.

    Returns
    -------
    tuple of Hop
        In the order of the chain, the software's total last; steps that never happened are absent.
    """
    found: dict[str, list[float]] = {AGE: [], DECODED: [], TAKEN: []}
    total: list[float] = []
    known = index(log)
    found[AGE] = [x.meta.age for x in log.get(topics.WINDOW.short, ()) if x.meta.age is not None]
    for x in log.get(topics.VALENCE.short, ()):
        causes = [known[c] for c in x.cause if c in known and c.topic == topics.WINDOW.short]
        found[DECODED] += [x.meta.mono - c.meta.mono for c in causes]
    for x in log.get(topics.APPLIED["player"].short, ()):
        valence = known.get(x.content.input)
        if valence is not None and valence.id.topic == topics.VALENCE.short:
            found[TAKEN].append(x.meta.mono - valence.meta.mono)
            total.append(x.meta.mono - valence.content.t)
    found |= _musical(log, clock)
    found[OUTPUT] = [
        x.meta.audible_at - x.meta.mono
        for x in log.get(topics.NOW.short, ())
        if x.meta.audible_at is not None
    ]
    found[TOTAL] = total
    return tuple(_hop(name, values) for name, values in found.items() if values)


def _hop(name: str, values: Sequence[float]) -> Hop:
    p50, p99 = np.percentile(values, [50, 99])
    return Hop(name=name, n=len(values), p50=float(p50), p99=float(p99))


def _musical(log: Log, clock: PlayerClock) -> dict[str, list[float]]:
    """Measure decoded → requested → fade → half, of the fades that were heard.

    Where the way leads through neutral, the wait ends with the fade to neutral; what lies between
    that one and the fade to the goal is the passage.
    """
    out: dict[str, list[float]] = {DWELL: [], WAIT: [], PASSAGE: [], HALF: []}
    played = by_start(log.get(topics.NOW.short, ()))
    began = fades(log, clock)
    for fade in began:
        if not fade.reached:
            continue
        start = (fade.first.id.service, fade.first.id.epoch)
        before = [x for x in played[start] if x.id.seq <= fade.first.id.seq]
        requested = clock.rig(start, _since(before, "requested", before[-1].content.requested))
        # A passage through neutral is not what was decoded; its dwell is counted at its goal.
        if before[-1].content.decided == fade.to == before[-1].content.requested:
            decided = clock.rig(start, _since(before, "decided", fade.to))
            out[DWELL].append(max(0.0, requested - decided))
            between = [f.start for f in began if requested <= f.start < fade.start]
            first = min([*between, fade.start])
            out[WAIT].append(max(0.0, first - requested))
            out[PASSAGE] += [fade.start - first] if between else []
        out[HALF].append(fade.half - fade.start)
    return out


def _since(said: Sequence[m.Message], field: str, value: str) -> int:
    """Return the frame since which a field has had this value, looking back from the last one."""
    frame: int = said[-1].content.frame
    for x in reversed(said):
        if getattr(x.content, field) != value:
            break
        frame = x.content.frame
    return frame


def audible(log: Log, clock: PlayerClock) -> Steps:
    """Return what was heard (the loudest layer) over rig time."""
    return Steps.of(
        (clock.rig((x.id.service, x.id.epoch), x.content.frame), x.content.audible)
        for x in log.get(topics.NOW.short, ())
    )


def felt_to_heard(
    log: Log, clock: PlayerClock, felt: Steps, phases: Sequence[Span]
) -> tuple[Felt, ...]:
    """Follow every change of the felt state during feedback to the sound that answers it.

    An answer must come before the next change: a later fade cannot be told from an answer to that
    one. Changes without an answer are returned too, so that a median over the answered ones cannot
    look better than the session was.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per topic.
    clock : PlayerClock
        Maps frames to rig time.
    felt : Steps
        What was felt (simulated) or reported with keys.
    phases : sequence of Span
        Only those named `feedback` count.

    Returns
    -------
    tuple of Felt
        One per change, in order.
    """
    reached = [f for f in fades(log, clock) if f.reached]
    heard = audible(log, clock)
    out = []
    for phase in (p for p in phases if p.name == "feedback"):
        changed = felt.changes(phase.start, phase.end)
        for t, state in changed:
            later = [x for x in felt.times if x > t]
            over = min(later[0] if later else phase.end, phase.end)
            answer = next((f for f in reached if f.to == state and t < f.half <= over), None)
            if answer is not None:
                by = answer.first.cause[0].topic.split("/")[-1] if answer.first.cause else ""
                out.append(Felt(t=t, state=state, outcome="heard", seconds=answer.half - t, by=by))
                continue
            already = heard.at(t) == state
            outcome: Literal["already heard", "not heard"]
            outcome = "already heard" if already else "not heard"
            out.append(Felt(t=t, state=state, outcome=outcome, seconds=None, by=""))
    return tuple(out)


def by_cause(felt: Iterable[Felt]) -> dict[str, list[float]]:
    """Return the seconds to half-way heard by what the fade rests on, as `valence` or `command`.

    A limit, or a sequence known beforehand, is no message.
    """
    out: dict[str, list[float]] = {}
    for one in felt:
        if one.seconds is not None:
            out.setdefault(one.by or "no message", []).append(one.seconds)
    return dict(sorted(out.items()))


WHY: tuple[tuple[str, Literal["software", "music", "device"], str], ...] = (
    (AGE, "software", "transport, and the wait for the rest of a chunk"),
    (DECODED, "software", "broker, features, network, neighbours"),
    (TAKEN, "software", "broker, and the wait for a control block"),
    (DWELL, "music", "a state is kept for a while before the next one may be asked for"),
    (WAIT, "music", "a change waits for its place in the music"),
    (PASSAGE, "music", "only between pleasant and unpleasant, where the preset asks for it"),
    (HALF, "music", "half of the fade"),
    (OUTPUT, "device", "ring, host buffer and device"),
)


def fold_budget(declared: Sequence[Delay], measured: Sequence[Hop]) -> tuple[Budget, ...]:
    """Return the latency budget: every delay by name, declared ones first, then measured ones.

    A measured step that is also declared under the same name becomes one line with both figures.
    """
    found = {hop.name: hop for hop in measured}
    told = {delay.name: delay for delay in declared}
    names = {name for name, _, _ in WHY}
    design = [
        Budget(name=d.name, kind="design", declared=d.seconds, p50=None, p99=None, why=d.why)
        for d in declared
        if d.name not in names
    ]
    rest = []
    for name, kind, why in WHY:
        hop, delay = found.get(name), told.get(name)
        rest.append(
            Budget(
                name=name,
                kind=kind,
                declared=delay.seconds if delay else None,
                p50=hop.p50 if hop else None,
                p99=hop.p99 if hop else None,
                why=delay.why if delay else why,
            )
        )
    return (*design, *rest)
