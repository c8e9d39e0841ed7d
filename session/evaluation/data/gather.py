"""Files of any source → one `Table` with everything that an evaluation must know of them.

A folder whose paths a data set's TOML explains, a BIDS folder, or folders of RYM's own sessions.
Files of one data set must have one rate: to bring them to one would filter some of them and not
others, and the filter's edge would then tell which file a row is from. Channels are those that all
files have, in the order of the first.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from rym.errors import SignalError

from .assemble import Gathered, Progress, Rules, Source, about_rows, silent, table_of
from .dataset import Dataset
from .facts import RecordingFacts
from .kept import file_rows, looked
from .labels import Held, Mark, Stretch, by_keys, by_markers, heard_of, merged
from .plans import Plan, planned
from .windows import VERSION, FileRows, Looked, Reading, Shape, scalp_of

Each = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""As `map`: applies a picklable function to every argument, in order; workers may share them."""

PAUSE = 60.0
"""Seconds that are laid between two files of a session whose stamps do not say when they were."""


def gather(
    dataset: Dataset,
    folder: Path,
    cache: Path | None,
    *,
    each: Each = map,
    progress: Progress = silent,
    samples: bool = False,
) -> Gathered:
    """Return the rows of a folder that a TOML explains.

    Parameters
    ----------
    dataset : Dataset
        See `dataset.load`.
    folder : Path
        Holds the files, at any depth.
    cache : Path or None
        Folder where each file's rows are kept; None: nowhere.
    each : callable
        Applies a function to every file; `map`, or one that has workers.
    progress : callable
        Called with the share done and the file.
    samples : bool
        Whether the samples are kept, too: some 100 MB an hour at 500 Hz and 19 channels.

    Raises
    ------
    UsageError
        If no file matches, or a file's state is not known.
    SignalError
        If files differ in their rate, have no channel in common, or no row can be used.
    FormatError
        If a file cannot be read.
    """
    plans, notes = planned(dataset, folder)
    return gathered(dataset, plans, notes, cache, each=each, progress=progress, samples=samples)


def gathered(
    dataset: Dataset,
    plans: Sequence[Plan],
    notes: Sequence[str],
    cache: Path | None,
    *,
    each: Each = map,
    progress: Progress = silent,
    samples: bool = False,
) -> Gathered:
    """Return the rows of planned files; see `gather`.

    Parameters
    ----------
    dataset : Dataset
        What is said of them all.
    plans : sequence of Plan
        In the order in which they are to stand.
    notes : sequence of str
        What is known already of what was left out.
    cache, each, progress, samples
        As for `gather`.
    """
    keys = tuple(dict.fromkeys(row.channel for row in dataset.labels.keys))
    paths = [plan.path for plan in plans]
    reading = Reading(source=dataset.files.stream, montage=dataset.stream.montage, keys=keys)
    look = partial(looked, reading=reading, cache=cache)
    files: list[Looked] = reported(each(look, paths), plans, progress, 0.0, 0.2)
    names = [plan.name for plan in plans]
    rate = one_rate(names, [file.rate for file in files])
    channels, left_out = common_channels(dataset.features.channels, names, files)
    shape = Shape(
        stream=dataset.stream,
        channels=channels,
        preset=dataset.features.preset,
        source=dataset.files.stream,
        samples=samples,
    )
    rows = reported(
        each(partial(file_rows, shape=shape, cache=cache), paths), plans, progress, 0.2, 1
    )
    sources = _sources(dataset, plans, files, rows, keys)
    table = table_of(sources, shape, rate, rules_of(dataset))
    return Gathered(
        name=dataset.data.name,
        table=table,
        facts=tuple(facts_of(p, f) for p, f in zip(plans, files, strict=True)),
        sha256=data_hash(
            {"dataset": dataset, "marks": [plan.marks for plan in plans]},
            zip(names, (file.sha256 for file in files), strict=True),
        ),
        unit=dataset.data.unit,
        dealt=dataset.data.dealt,
        primary=dataset.data.primary,
        smoothing=dataset.data.smoothing,
        delay=max(0.0, dataset.labels.delay),
        simulated=dataset.data.simulated,
        notes=(*notes, *left_out, *about_rows(sources, table)),
        about=" ".join(dataset.data.notes.split()),
        margin=dataset.labels.margin,
    )


def _sources(
    dataset: Dataset,
    plans: Sequence[Plan],
    files: Sequence[Looked],
    rows: Sequence[FileRows],
    keys: Sequence[str],
) -> list[Source]:
    """Lay beside one another what every file gave and what is said of it."""
    offsets = _offsets(plans, files)
    sources = [
        Source(
            name=plan.name,
            person=plan.person,
            session=_session_of(plan),
            rows=row,
            stretches=stretches_of(dataset, plan, file, keys),
            scope=plan.name,
            baseline=(),
            learn=[(0.0, file.length)],
            offset=offset,
            lag=dataset.labels.delay,
            heard=heard_of(_marks(plan, file), dataset.audible.codes),
        )
        for plan, file, row, offset in zip(plans, files, rows, offsets, strict=True)
    ]
    return _with_baselines(dataset, sources, files)


def reported(
    found: Iterable[Any], plans: Sequence[Plan], progress: Progress, start: float, end: float
) -> list[Any]:
    """Return what comes, and report each file as it comes.

    Parameters
    ----------
    found : iterable
        One of each plan.
    plans : sequence of Plan
        The files.
    progress : callable
        Called with the share done and the file.
    start, end : float
        Share done before the first and after the last.
    """
    out = []
    for i, (one, plan) in enumerate(zip(found, plans, strict=True), 1):
        out.append(one)
        progress(start + (end - start) * i / len(plans), plan.name)
    return out


def rules_of(dataset: Dataset) -> Rules:
    """Return what makes rows learnable."""
    labels, data = dataset.labels, dataset.data
    return Rules(data.states, dataset.features, labels.margin, labels.edge, data.smoothing)


def _session_of(plan: Plan) -> str:
    return f"{plan.person} {plan.session}".strip()


def one_rate(names: Sequence[str], rates: Sequence[float]) -> float:
    """Return the rate of all files.

    Raises
    ------
    SignalError
        If they differ; it names two of them.
    """
    for name, rate in zip(names, rates, strict=True):
        if rate != rates[0]:
            raise SignalError(
                f"{names[0]} has {rates[0]:g} samples per second, {name} {rate:g}.",
                "Evaluate files of one rate: narrow [files] pattern, or bring all of them to one "
                "rate with the same program beforehand.",
                rates=sorted(set(rates)),
            )
    return rates[0]


def common_channels(
    wanted: Sequence[str], names: Sequence[str], files: Sequence[Looked]
) -> tuple[tuple[str, ...], list[str]]:
    """Return the channels of all files, and what was left out.

    Parameters
    ----------
    wanted : sequence of str
        By the settings; empty: the scalp channels that all files have.
    names : sequence of str
        Of the files.
    files : sequence of Looked
        Their channels.

    Raises
    ------
    SignalError
        If a file lacks a wanted channel, or no channel is in all of them.
    """
    for name, file in zip(names, files, strict=True):
        missing = [channel for channel in wanted if channel not in file.channels]
        if missing:
            raise SignalError(
                f"{name} lacks {', '.join(missing)}; it has {', '.join(file.channels)}.",
                "Name channels that all files have in [features] channels.",
                missing=missing,
            )
    if wanted:
        return tuple(wanted), []
    of_files = [scalp_of(file) for file in files]
    common = tuple(c for c in of_files[0] if all(c in channels for channels in of_files))
    if not common:
        other = next(
            i for i, channels in enumerate(of_files) if not set(channels) & set(of_files[0])
        )
        raise SignalError(
            f"{names[0]} has {', '.join(of_files[0]) or 'no electrode'}, {names[other]} "
            f"{', '.join(of_files[other]) or 'no electrode'}: no channel is in all files.",
            "Evaluate files of one montage; where channels bear no electrode's name, name all of "
            "them in [stream] montage.",
        )
    notes = []
    for name, channels in zip(names, of_files, strict=True):
        if extra := [channel for channel in channels if channel not in common]:
            notes.append(f"{name}: {', '.join(extra)} left out, as not all files have it.")
    return common, notes


def stretches_of(dataset: Dataset, plan: Plan, file: Looked, keys: Sequence[str]) -> list[Stretch]:
    """Return the stretches of states in one file, as the exchangeable unit asks for.

    Parameters
    ----------
    dataset : Dataset
        Says by what.
    plan : Plan
        The file's own state, or the events beside it.
    file : Looked
        Events and key channels in the file.
    keys : sequence of str
        The channels that `file` tells of.
    """
    labels, unit = dataset.labels, dataset.data.unit
    if labels.by == "file":
        return [Stretch(-math.inf, math.inf, plan.state, plan.stimulus)]
    if labels.by == "keys":
        held = [_held(file, keys.index(row.channel)) for row in labels.keys]
        return merged(by_keys(held, labels), unit)
    return merged(by_markers(_marks(plan, file), labels), unit)


def _marks(plan: Plan, file: Looked) -> tuple[Mark, ...]:
    """Return the events beside a file, else those in it."""
    if plan.marks is not None:
        return plan.marks
    both = zip(file.event_times.tolist(), file.event_codes, strict=True)
    return tuple(Mark(t, code) for t, code in both)


def _held(file: Looked, channel: int) -> Held:
    own = file.key_channel == channel
    return Held(file.key_times[own], file.key_values[own])


def _offsets(plans: Sequence[Plan], files: Sequence[Looked]) -> list[float]:
    """Return the seconds from each file's own axis to that of its session.

    Dates where all files of a session have them; else the files follow one another in their order,
    with a pause that no answer reaches over.
    """
    offsets = [0.0] * len(plans)
    for session in dict.fromkeys(map(_session_of, plans)):
        own = [i for i, plan in enumerate(plans) if _session_of(plan) == session]
        dates = [date for i in own if (date := files[i].began) is not None]
        lengths = [files[i].length + PAUSE for i in own]
        ends = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
        dated = len(dates) == len(own)
        for i, at in zip(own, np.subtract(dates, min(dates)) if dated else ends, strict=True):
            offsets[i] = float(at)
    return offsets


def _with_baselines(
    dataset: Dataset, sources: Sequence[Source], files: Sequence[Looked]
) -> list[Source]:
    """Lay each session's baseline into the first stretch of the state that is named."""
    rest = dataset.baseline
    done: set[str] = set()
    found = []
    order = np.argsort([source.offset for source in sources], kind="stable")
    spans: dict[int, tuple[float, float]] = {}
    for i in order.tolist():
        source = sources[i]
        own = [s for s in source.stretches if s.state == rest.state]
        if own and source.session not in done:
            done.add(source.session)
            start = max(own[0].start, 0.0) + rest.start
            spans[i] = (start, min(start + rest.seconds, own[0].end, files[i].length))
    for i, source in enumerate(sources):
        found.append(source._replace(baseline=[spans[i]] if i in spans else []))
    return found


def facts_of(plan: Plan, file: Looked) -> RecordingFacts:
    """Return what leak detectors look at."""
    return RecordingFacts(
        name=plan.name,
        person=plan.person,
        session=_session_of(plan),
        state=plan.state,
        sha256=file.sha256,
        duration=file.duration,
        n_gaps=file.n_gaps,
        rate=file.rate,
        channels=scalp_of(file),
        filters=file.filters,
        frequencies=file.frequencies,
        power=file.power,
        trace=file.trace,
        trace_rate=file.trace_rate,
        notes=file.notes,
    )


def data_hash(said: Any, files: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 of all files by name and content, and of what is said about them; hex.

    Parameters
    ----------
    said : object
        Settings and labels.
    files : iterable of (str, str)
        Name and SHA-256 of each.
    """
    body = {"version": VERSION, "said": said, "files": [list(pair) for pair in files]}
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()
