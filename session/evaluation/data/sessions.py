"""RYM's own session folders → one `Table`: keys as labels, episodes as units.

Looked at are the phases with keys, `calibration` and `feedback`; the z-score rests on `rest`. What
was audible is told by the player's own words. The recordings go through the line as they came,
clock offsets included, so that every window is the one that the session had.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from decoder.settings import DecoderSettings
from rym.errors import FormatError, SignalError, UsageError
from rym.messages import AFFECTS
from rym.topics import LABEL, NOW, PHASE
from stream.settings import StreamSettings

from ...after.episodes import Span, Steps, spans
from ...after.recordings import recordings
from ...after.training import marked, newest
from ...after.triggers import labels_of
from ...folder import Folder, Record
from ...live.lines import Journal, read
from .assemble import Gathered, Progress, Rules, Source, about_rows, silent, table_of
from .gather import Each, common_channels, data_hash, facts_of, one_rate, reported
from .kept import file_rows, looked
from .labels import Stretch
from .plans import Plan
from .windows import FileRows, Looked, Reading, Shape

PHASES = ("calibration", "feedback")
"""Phases in which people hold keys."""
SILENT_DB = -100.0
"""Level in dB up to which nothing is audible."""


class Told(NamedTuple):
    """What a session's folder tells beside its signal; times in rig time."""

    folder: Folder
    stream: StreamSettings
    decoder: DecoderSettings
    phases: tuple[Span, ...]
    """Those with keys."""
    rest: tuple[Span, ...]
    stretches: tuple[Stretch, ...]
    heard: Steps
    offset: float
    """Seconds from rig time to seconds since 1970."""
    files: tuple[Path, ...]
    simulated: bool


def gather_sessions(
    folders: Sequence[Path],
    cache: Path | None,
    *,
    each: Each = map,
    progress: Progress = silent,
    samples: bool = False,
) -> Gathered:
    """Return the rows of sessions.

    Parameters
    ----------
    folders : sequence of Path
        Session folders, of one person or of several.
    cache, each, progress, samples
        As for `gather.gather`.

    Raises
    ------
    UsageError
        If a path is no session's folder, or is given twice.
    FormatError
        If a folder lacks journal, recording, or a phase with keys.
    SignalError
        If sessions differ in filters, rate or channels, or no row can be used.
    """
    told = [_told(folder) for folder in _different(folders)]
    for other in told:
        _check_alike(told[0], other)
    plans = [_plan(one, path) for one in told for path in one.files]
    of_plan = [one for one in told for _ in one.files]
    look = partial(looked, reading=Reading(), cache=cache)
    paths = [plan.path for plan in plans]
    files: list[Looked] = reported(each(look, paths), plans, progress, 0.0, 0.2)
    names = [plan.name for plan in plans]
    rate = one_rate(names, [file.rate for file in files])
    channels, notes = common_channels(told[0].decoder.features.channels, names, files)
    shapes = [_shape(one, channels, samples) for one in of_plan]
    work = list(zip(plans, shapes, strict=True))
    rows = reported(each(partial(_rows, cache=cache), work), plans, progress, 0.2, 1.0)
    sources = [_source(*of) for of in zip(plans, of_plan, rows, strict=True)]
    table = table_of(sources, shapes[0], rate, _rules(told))
    said = [_said(one) for one in told]
    return Gathered(
        name=", ".join(dict.fromkeys(_label(one) for one in told)),
        table=table,
        facts=tuple(facts_of(p, f) for p, f in zip(plans, files, strict=True)),
        sha256=data_hash(said, zip(names, (file.sha256 for file in files), strict=True)),
        unit="episode",
        dealt="session",
        primary="within",
        smoothing=max(one.decoder.longest_smoothing for one in told),
        delay=max(one.decoder.training.reaction_lag for one in told),
        simulated=any(one.simulated for one in told),
        notes=(*notes, *about_rows(sources, table)),
        margin=_rules(told).margin,
    )


def _different(folders: Sequence[Path]) -> list[Path]:
    found = [path.resolve() for path in folders]
    if not found or len(set(found)) < len(found):
        raise UsageError(
            f"{len(found)} sessions are given, {len(set(found))} of them different.",
            "Give each session's folder once.",
        )
    return found


def _told(path: Path) -> Told:
    """Read what a session's folder tells."""
    folder = Folder(path)
    record, journal = folder.read(), read(folder)
    phases = spans(journal.of(PHASE), newest(journal))
    keyed = tuple(span for span in phases if span.name in PHASES)
    files = tuple(path for _, path in recordings(folder, journal))
    if not keyed or not files:
        raise FormatError(
            f"{folder.path} has {len(files)} recordings and the phases "
            f"{', '.join(span.name for span in phases) or 'none'}.",
            f"Give a session with a recording and a phase {' or '.join(PHASES)}.",
        )
    steps = Steps.of(_labels(record, journal))
    return Told(
        folder=folder,
        stream=msgspec.convert(record.settings.get("stream", {}), StreamSettings),
        decoder=msgspec.convert(record.settings.get("decoder", {}), DecoderSettings),
        phases=keyed,
        rest=tuple(span for span in phases if span.name == "rest"),
        stretches=tuple(
            Stretch(start, end, state)
            for span in keyed
            for start, end, state in steps.pieces(span.start, span.end)
            if state != "none"
        ),
        heard=_heard(journal),
        offset=float(np.median([x.meta.wall - x.meta.mono for x in journal.of(PHASE)])),
        files=files,
        simulated=record.simulated,
    )


def _labels(record: Record, journal: Journal) -> list[tuple[float, str]]:
    """Return keys, or hardware markers where the session went by them."""
    if record.settings.get("session", {}).get("labels") == "markers":
        return [(t, str(s)) for t, s in labels_of(marked(record, journal, newest(journal)))]
    return [(message.content.t, message.content.state) for message in journal.of(LABEL)]


def _heard(journal: Journal) -> Steps:
    """Return what was audible from when on; `none` is silence."""
    return Steps.of(
        (
            x.meta.mono if x.meta.audible_at is None else x.meta.audible_at,
            x.content.audible if x.content.level_db > SILENT_DB else "none",
        )
        for x in journal.of(NOW)
    )


def _check_alike(first: Told, other: Told) -> None:
    """Refuse sessions whose rows would not mean the same."""
    for what in ("window", "hop", "fill", "conditioning", "quality"):
        a, b = getattr(first.stream, what), getattr(other.stream, what)
        if a != b:
            raise SignalError(
                f"[stream] {what} is {_short(b)} in {other.folder.path}, {_short(a)} in "
                f"{first.folder.path}.",
                "Evaluate sessions of the same settings together, the others by themselves.",
            )
    if first.decoder.features != other.decoder.features:
        raise SignalError(
            f"[decoder.features] are {_short(other.decoder.features)} in {other.folder.path}, "
            f"{_short(first.decoder.features)} in {first.folder.path}.",
            "Evaluate sessions of the same settings together, the others by themselves.",
        )


def _short(value: object) -> str:
    """Return a setting in words: of a table, what differs from the defaults."""
    if not isinstance(value, msgspec.Struct):
        return str(value)
    usual = type(value)()
    names = [n for n in value.__struct_fields__ if getattr(value, n) != getattr(usual, n)]
    return ", ".join(f"{n} = {getattr(value, n)}" for n in names) or "as by default"


def _label(told: Told) -> str:
    return f"sub-{told.folder.subject}/ses-{told.folder.session}"


def _plan(told: Told, path: Path) -> Plan:
    name = f"{_label(told)}/{told.folder.path.name}/{path.name}"
    return Plan(path, name, told.folder.subject, f"ses-{told.folder.session}")


def _shape(told: Told, channels: tuple[str, ...], samples: bool) -> Shape:
    return Shape(
        stream=told.stream,
        channels=channels,
        preset=told.decoder.features.preset,
        as_recorded=True,
        samples=samples,
    )


def _rows(work: tuple[Plan, Shape], cache: Path | None) -> FileRows:
    plan, shape = work
    return file_rows(plan.path, shape, cache)


def _rules(told: Sequence[Told]) -> Rules:
    """Return what makes rows learnable: the states that occur, the widest margins of all."""
    occurring = {stretch.state for one in told for stretch in one.stretches}
    if len(occurring) < 2:
        raise SignalError(
            f"The keys tell {', '.join(sorted(occurring)) or 'no state'}; two are needed.",
            "Evaluate sessions in which two states or more were held.",
        )
    return Rules(
        states=tuple(affect for affect in AFFECTS if affect in occurring),
        features=told[0].decoder.features,
        margin=max(one.decoder.training.margin for one in told),
        edge=max(one.decoder.training.edge for one in told),
        smoothing=max(one.decoder.longest_smoothing for one in told),
    )


def _source(plan: Plan, told: Told, rows: FileRows) -> Source:
    return Source(
        name=plan.name,
        person=plan.person,
        session=f"{plan.person} {plan.session}",
        rows=rows,
        stretches=told.stretches,
        scope=str(told.folder.path),
        baseline=[(span.start, span.end) for span in told.rest],
        learn=[(span.start, span.end) for span in told.phases],
        offset=told.offset,
        lag=told.decoder.training.reaction_lag,
        heard=told.heard,
    )


def _said(told: Told) -> dict[str, object]:
    """Return what the data set's hash counts beside the recordings."""
    return {
        "session": f"{_label(told)}/{told.folder.path.name}",
        "decoder": told.decoder,
        "stretches": told.stretches,
        "rest": told.rest,
        "phases": told.phases,
        "heard": told.heard,
    }
