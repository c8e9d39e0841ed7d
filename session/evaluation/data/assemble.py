"""From every file's windows and stretches to one `Table` (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from decoder.embedding import FIELD
from decoder.rows import clean_of, runs, steady, with_a_past
from decoder.settings import FeatureSettings
from decoder.table import Table
from rym.errors import SignalError
from rym.messages import AFFECTS

from ...after.episodes import Steps
from .facts import RecordingFacts
from .labels import Stretch, borders, place_of
from .windows import ARTIFACTS, FileRows, Shape, sizes

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Spans = Sequence[tuple[float, float]]
T = TypeVar("T", Array, npt.NDArray[np.float32])


class Source(NamedTuple):
    """One recording with all that is known of it; times in seconds on its own axis."""

    name: str
    person: str
    session: str
    """Different for two people's sessions."""
    rows: FileRows
    stretches: Sequence[Stretch]
    """Units of the data set, in order; those of a name that is no state bear no label."""
    scope: str
    """Recordings of one scope share their stretches: a session that was recorded in two files."""
    baseline: Spans
    learn: Spans
    """What may be learned from and scored."""
    offset: float
    """Seconds from this axis to that of the session."""
    lag: float
    """Seconds by which the label comes later than the state."""
    heard: Steps | None = None
    """What was audible from when on; None where it is not known."""


class Rules(NamedTuple):
    """What makes rows learnable, for all recordings alike."""

    states: tuple[str, ...]
    features: FeatureSettings
    margin: float
    edge: float
    smoothing: float


@dataclass(frozen=True, eq=False)
class Gathered:
    """A data set, ready to be evaluated."""

    name: str
    table: Table
    facts: tuple[RecordingFacts, ...]
    """One per recording, in the order of `table.recordings`."""
    sha256: str
    """Of every file's content and of what was said about them; hex."""
    unit: Literal["file", "trial", "episode"]
    dealt: Literal["person", "session"]
    """Within what labels were dealt."""
    primary: str
    """Name of the protocol on which the verdict rests."""
    smoothing: float
    """Seconds over which answers are smoothed."""
    delay: float
    """Seconds after a row until its label is known."""
    simulated: bool
    notes: tuple[str, ...]
    """What was left out and what is odd, one sentence each."""
    about: str = ""
    """What the TOML says of the data, for people."""
    margin: float = 1.0
    """Seconds on either side of a change of state that are neither learned from nor scored."""

    @property
    def seconds(self) -> float:
        """Signal behind the usable rows."""
        return len(self.table.newest) * self.table.hop / self.table.rate


def table_of(sources: Sequence[Source], shape: Shape, rate: float, rules: Rules) -> Table:
    """Return the rows of all recordings.

    Parameters
    ----------
    sources : sequence of Source
        In the order in which they are to stand.
    shape : Shape
        What shaped the rows of all of them.
    rate : float
        Samples per second of all of them.
    rules : Rules
        States and margins.

    Raises
    ------
    SignalError
        If no row can be used, or a state has none.
    """
    kinds = {person: _unusual(sources, person, rules.features) for person in _names(sources, 1)}
    stimuli = _stimuli(sources)
    units: dict[tuple[str, float], int] = {}
    empty = _empty(sources, shape, rate, rules.states)
    all_laid = [_laid(source, kinds[source.person], empty.hop) for source in sources]
    field = replace(empty, stood_in=np.concatenate([one.touched for one in all_laid])).field_seconds
    parts, run = [], 0
    for number, (source, laid) in enumerate(zip(sources, all_laid, strict=True)):
        said = _labelled(source, laid, rules, field)
        units_of = [units.setdefault((source.scope, s.start), len(units)) for s in source.stretches]
        shown = [stimuli[s.stimulus] for s in source.stretches]
        n = len(laid.rows.first)
        part = replace(
            empty,
            features=laid.rows.features,
            label=said.label,
            person=np.full(n, empty.people.index(source.person)),
            session=np.full(n, empty.sessions.index(source.session)),
            recording=np.full(n, number),
            unit=np.where(said.label >= 0, np.array([*units_of, -1])[said.place], -1),
            stimulus=np.array([*shown, -1])[said.place],
            audible=_audible(source.heard, laid.rows.t_last),
            first=laid.rows.first,
            t=source.offset + laid.rows.t_last,
            run=laid.run + run,
            usable=said.usable,
            baseline=said.baseline,
            muscle=laid.rows.muscle,
            motor=laid.rows.motor,
            covariance=laid.rows.covariance,
            stood_in=laid.touched,
        )
        parts.append(part)
        run += int(laid.run.max(initial=-1)) + 1
    table = _unspent(_joined(parts))
    if shape.samples:
        table = replace(table, samples=tuple(source.rows.samples for source in sources))
    _check_states(table)
    return table


def _empty(sources: Sequence[Source], shape: Shape, rate: float, states: tuple[str, ...]) -> Table:
    """Return a table of all names, without a row."""
    n_times, hop = sizes(shape, rate)
    none, no = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    return Table(
        features=np.zeros((0, len(shape.channels) * len(shape.bands))),
        label=none,
        person=none,
        session=none,
        recording=none,
        unit=none,
        stimulus=none,
        audible=none,
        first=none,
        t=np.zeros(0),
        run=none,
        usable=no,
        baseline=no,
        states=states,
        people=tuple(_names(sources, 1)),
        sessions=tuple(_names(sources, 2)),
        recordings=tuple(source.name for source in sources),
        channels=shape.channels,
        bands=shape.bands,
        rate=rate,
        n_times=n_times,
        hop=hop,
    )


_COLUMNS = (
    *("features", "label", "person", "session", "recording", "unit", "stimulus", "audible"),
    *("first", "t", "run", "usable", "baseline", "muscle", "motor", "covariance"),
    "stood_in",
)


def _joined(parts: Sequence[Table]) -> Table:
    # A recording without a row does not know how wide its columns are.
    parts = [part for part in parts if len(part)] or parts
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(p, name) for p in parts]) for name in _COLUMNS
    }
    for name in ("muscle", "motor"):
        if not columns[name].shape[1]:
            columns[name] = np.zeros((0, 0))
    used = np.unique(columns["unit"][columns["unit"] >= 0])
    number = np.full(int(used.max(initial=-1)) + 2, -1, dtype=np.int64)
    number[used] = np.arange(len(used))
    columns["unit"] = number[columns["unit"]]
    return replace(parts[0], **columns)


def _unspent(table: Table) -> Table:
    """Leave out what is left of a unit that a baseline was taken from.

    It lies near the baseline for being of that unit, whatever the state. Only where a person has no
    other unit of that state it has to stay; the control *nearness to rest* tells what it does then.
    """
    usable = table.usable.copy()
    spent = np.unique(table.unit[table.baseline & (table.unit >= 0)])
    fresh = table.usable & ~np.isin(table.unit, spent)
    for unit in spent.tolist():
        own = table.unit == unit
        at = int(np.argmax(own))
        if (fresh & (table.person == table.person[at]) & (table.label == table.label[at])).any():
            usable[own] = False
    return replace(table, usable=usable)


def _names(sources: Sequence[Source], field: int) -> list[str]:
    return list(dict.fromkeys(str(source[field]) for source in sources))


def _stimuli(sources: Sequence[Source]) -> dict[str, int]:
    """Return the number of every stimulus by its name; nothing is −1."""
    found = {"": -1}
    numbers = count()
    for name in (s.stimulus for source in sources for s in source.stretches):
        if name not in found:
            found[name] = next(numbers)
    return found


def _unusual(sources: Sequence[Source], person: str, features: FeatureSettings) -> Bools:
    """Return which artifacts are not there most of a person's time, see `ARTIFACTS`.

    Over all of a person's recordings together: were it judged for each, a file with many blinks
    would be treated otherwise than one with few, and could be told by that.
    """
    own = [source.rows.touched for source in sources if source.person == person]
    share = np.concatenate(own).mean(axis=0) if sum(map(len, own)) else np.zeros(len(ARTIFACTS))
    named = np.array([name in features.stand_in for name in ARTIFACTS])
    unusual: Bools = named & (share <= features.usual)
    return unusual


class _Laid(NamedTuple):
    """Rows of one recording behind the stand-ins."""

    rows: FileRows
    run: Ints
    touched: Bools


def _laid(source: Source, kinds: Bools, hop: int) -> _Laid:
    """Leave out the rows for which nothing stands in, and put stand-ins in for the others."""
    rows = source.rows
    touched: Bools = np.any(rows.touched[:, kinds], axis=1)
    kept = with_a_past(touched, runs(rows.first, rows.segment, hop))
    touched, run = touched[kept], runs(rows.first[kept], rows.segment[kept], hop)

    def mend(values: T) -> T:
        return _stood_in(values[kept], touched, run)

    mended = replace(
        rows,
        features=mend(rows.features),
        muscle=mend(rows.muscle),
        motor=mend(rows.motor),
        covariance=mend(rows.covariance),
        t_first=rows.t_first[kept],
        t_last=rows.t_last[kept],
        first=rows.first[kept],
        segment=rows.segment[kept],
        touched=rows.touched[kept],
    )
    return _Laid(mended, run, touched)


def _stood_in(values: T, touched: Bools, run: Ints) -> T:
    """Return rows with the mean of the clean ones before in place of those an artifact touches.

    As `decoder.rows.stood_in` does on standardized rows, so that candidates learn from what they
    would be given live; controls look at the same rows. Before the z-score, as each fit has a
    z-score of its own: the mean of z-scores is the z-score of the mean, but for what is clipped.
    """
    out = values.copy()
    for i in np.flatnonzero(touched).tolist():
        past = np.arange(max(0, i - FIELD + 1), i)
        past = past[(run[past] == run[i]) & ~touched[past]]
        there = np.isfinite(values[past])
        n = there.sum(axis=0)
        total = np.where(there, values[past], 0.0).sum(axis=0)
        out[i] = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return out


class _Labelled(NamedTuple):
    label: Ints
    place: Ints
    """Which stretch, −1 none."""
    usable: Bools
    baseline: Bools


def _labelled(source: Source, laid: _Laid, rules: Rules, field: float) -> _Labelled:
    """Return what may be learned from one recording; `field` is the seconds behind an answer."""
    rows, features = laid.rows, rules.features
    place = place_of(source.stretches, rows.t_last + source.lag)
    place[~_within(rows.t_last, source.learn, 0.0)] = -1
    number = {state: i for i, state in enumerate(rules.states)}
    label = np.array([*(number.get(s.state, -1) for s in source.stretches), -1])[place]
    changes = borders(source.stretches) - source.lag
    usable = (label >= 0) & steady(rows.t_first, rows.t_last, laid.run, changes, rules.margin)
    usable &= ~laid.touched & (clean_of(laid.touched) >= features.clean_rows)
    usable &= _within(rows.t_last, source.learn, rules.edge)
    baseline = np.zeros(len(label), dtype=bool)
    purge = field + rules.smoothing
    for start, end in source.baseline:
        baseline |= (rows.t_first >= start) & (rows.t_last <= end) & ~laid.touched
        usable &= (rows.t_last <= start - purge) | (rows.t_last >= end + purge)
    return _Labelled(label, place, usable, baseline)


def _within(t: Array, spans: Spans, edge: float) -> Bools:
    inside = np.zeros(len(t), dtype=bool)
    for start, end in spans:
        inside |= (t >= start + edge) & (t <= end - edge)
    return inside


def _audible(heard: Steps | None, t: Array) -> Ints:
    """Return what was audible at each time, −1 for silence or where it is not known."""
    if heard is None or not heard.times:
        return np.full(len(t), -1, dtype=np.int64)
    codes = [AFFECTS.index(state) if state in AFFECTS else -1 for state in heard.states]
    place = np.searchsorted(np.array(heard.times), t, side="right")
    return np.array([-1, *codes], dtype=np.int64)[place]


def _check_states(table: Table) -> None:
    counts = np.bincount(table.label[table.newest], minlength=table.n_states)
    if (counts == 0).any():
        said = ", ".join(f"{s} {n}" for s, n in zip(table.states, counts.tolist(), strict=True))
        raise SignalError(
            f"Of {len(table)} rows {len(table.newest)} can be learned from ({said}); every state "
            f"needs some.",
            "Check pattern and labels, shorten the baseline, or lessen margin and edge in "
            "[labels]; `rym inspect` tells how good the signal is.",
            rows=counts.tolist(),
        )


def about_rows(sources: Sequence[Source], table: Table) -> list[str]:
    """Return what is odd about the rows, one sentence each.

    Parameters
    ----------
    sources : sequence of Source
        What the table was made of.
    table : Table
        All rows.
    """
    notes = []
    for source in sources:
        n, left = source.rows.n_windows, len(source.rows.first)
        if n and left < (1 - MANY) * n:
            notes.append(f"{source.name}: {n - left} of {n} windows are not usable.")
    for number, person in enumerate(table.people):
        own = table.newest[table.person[table.newest] == number]
        held = [table.states[i] for i in np.unique(table.label[own]).tolist()]
        if len(held) < 2:
            which = held[0] if held else "none"
            notes.append(f"{person} has usable rows of {which} only, and is not scored.")
    return notes + _without_baseline(table)


MANY = 0.2
"""Share of unusable windows from which a file is named."""


def _without_baseline(table: Table) -> list[str]:
    lack = [
        person
        for number, person in enumerate(table.people)
        if not (table.baseline & (table.person == number)).any()
    ]
    if not lack:
        return []
    who = "Nobody has" if len(lack) == len(table.people) else f"{', '.join(lack)} lack"
    return [f"{who} a baseline: the z-score rests on what is learned from."]


Progress = Callable[[float, str], None]
"""Called with the share done, 0…1, and what was done."""


def silent(_share: float, _what: str) -> None:
    """Report to nobody."""
