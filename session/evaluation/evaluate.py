"""An evaluation from gathered rows to `evaluation.json`: plan, run, store, conclude.

OUT/evaluation.json           what was found
OUT/predictions/rows.npz      of every row: person, label, unit, time, …
OUT/predictions/P/M.npz       protocol P, method M: rows, probabilities, folds
OUT/nulls/P/M.npz             draws and their scores of everybody
OUT/work/                     results of jobs; may be removed, then it is all done again
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from decoder.methods.candidates import network_missing
from decoder.methods.catalog import METHODS
from decoder.methods.controls import CONTROLS, measured_by_scored
from decoder.methods.method import Method
from decoder.scoring.protocols import PROTOCOLS, Protocol, one_unit
from decoder.scoring.verdicts import ALIKE
from decoder.table import Table
from rym.errors import FormatError, UsageError

from ..folder import write_atomically
from . import leaks
from .conclude import Scored, chances, protocol_result
from .data.assemble import Gathered
from .jobs import Job, Laid, Setup, chosen_among, plan
from .nested import choose, chosen_answers, nested_result
from .result import (
    SCHEMA,
    DataFacts,
    Evaluation,
    Latent,
    MethodResult,
    Nested,
    Null,
    ProtocolResult,
)
from .run import Backend, Progress, carry_out, code_version, keep, kept, silent, versions

ROWS = "predictions/rows.npz"
COLUMNS = ("label", "person", "session", "recording", "unit", "stimulus", "audible", "run", "t")
SECONDARY = ("leave-one-person-out", "within")
"""Protocols that stand in for a primary one for which there are no splits."""


class Options(NamedTuple):
    """What the command line may say."""

    protocols: tuple[str, ...] = ()
    """Names; none: all for which there are splits."""
    decoders: tuple[str, ...] = ()
    """Candidates; none: all. Controls are always scored: without them nothing is believed."""
    nulls: Literal["fast", "full"] = "fast"
    seed: int = 0
    workers: int = 1
    backend: Backend = "loky"
    minutes: float = 5.0
    """Of own data that `calibrate` learns from."""


def known(names: Sequence[str], among: Collection[str], what: str) -> None:
    """Refuse names that there are not.

    Raises
    ------
    UsageError
        With the nearest known one.
    """
    for name in names:
        if name not in among:
            near = difflib.get_close_matches(name, sorted(among), n=1, cutoff=0.4)
            hint = f"The nearest known one is {near[0]!r}." if near else "None resembles it."
            raise UsageError(
                f"There is no {what} {name!r}.", f"{hint} Known are: {', '.join(among)}."
            )


def check_options(options: Options) -> None:
    """Refuse what the command line names and there is not; see `known`."""
    known(options.protocols, [p.name for p in PROTOCOLS], "protocol")
    known(options.decoders, list(METHODS), "decoder")


def looks_at_samples(options: Options) -> bool:
    """Say whether a method that will be scored looks at samples, so that they have to be kept."""
    asked = [METHODS[name] for name in options.decoders or METHODS]
    return any(method.samples for method in asked) and not network_missing()


def evaluate(
    data: Gathered, out: Path, options: Options, progress: Progress = silent
) -> Evaluation:
    """Score a data set and write what was found; goes on where it was stopped.

    Parameters
    ----------
    data : Gathered
        All rows.
    out : Path
        Folder of the evaluation; see the module.
    options : Options
        What is asked for.
    progress : callable
        Called with the share done and what is being done; 1 ends a stage.

    Raises
    ------
    UsageError
        If nothing can be scored as asked, or the folder is another data set's.
    """
    check_options(options)
    claim(out, data)
    laid, notes = lay_out(data, options)
    methods, absent = methods_for(data.table, options)
    jobs = plan(laid, methods, code_version())
    work = out / "work"
    carry_out(
        data.table,
        laid[0].setup,
        jobs,
        work,
        workers=options.workers,
        backend=options.backend,
        progress=progress,
    )
    keep(out / ROWS, _rows(data.table))
    protocols = tuple(_protocol(one, methods, jobs, out) for one in laid)
    first = next(protocol for protocol in protocols if protocol.primary)
    names = [protocol.name for protocol in protocols]
    setup = laid[0].setup
    found = leaks.findings(data, setup.rules(), names, first, setup.seed, progress=progress)
    progress(1.0, "")
    evaluation = Evaluation(
        schema=SCHEMA,
        verdict=first.verdict,
        why=first.why,
        data=_facts(data),
        protocols=protocols,
        leaks=found,
        warnings=(*warnings_of(data, first), *notes, *absent, *data.notes),
        latent=_latent(jobs, work),
        seed=setup.seed,
        nulls=setup.nulls,
        versions=versions(),
    )
    write_atomically(out / "evaluation.json", msgspec.json.encode(evaluation) + b"\n")
    return evaluation


def claim(out: Path, data: Gathered | None = None) -> None:
    """Refuse a folder that holds something else; with data, mark it as that data set's.

    Raises
    ------
    UsageError
        If it is no evaluation's, or another data set's. Nothing in it is touched.
    """
    mark = out / "data.json"
    if not mark.exists():
        if out.exists() and (not out.is_dir() or any(p.name != "work" for p in out.iterdir())):
            raise UsageError(
                f"{out} is there and is no evaluation.", "Name another folder with --out."
            )
        if data is not None:
            out.mkdir(parents=True, exist_ok=True)
            said = {"name": data.name, "sha256": data.sha256}
            write_atomically(mark, msgspec.json.encode(said) + b"\n")
        return
    try:
        said = msgspec.json.decode(mark.read_bytes(), type=dict[str, str])
        name, sha256 = said["name"], said["sha256"]
    except (msgspec.DecodeError, KeyError) as error:
        raise FormatError(
            f"{mark} does not name a data set: {error}.", "Name another folder with --out."
        ) from None
    if data is not None and sha256 != data.sha256:
        raise UsageError(
            f"{out} holds an evaluation of {name} ({sha256[:8]}), asked for is {data.name} "
            f"({data.sha256[:8]}).",
            "Name another folder with --out; what is there stays.",
        )


def setup_of(data: Gathered, options: Options, primary: str) -> Setup:
    """Return what shapes the scores beside the table.

    Labels of keys are dealt as sequences that could have been held, others over their units.
    """
    return Setup(
        smoothing=data.smoothing,
        delay=data.delay,
        dealt=data.dealt,
        null="pseudosessions" if data.unit == "episode" else "permuted units",
        seed=options.seed,
        nulls=options.nulls,
        primary=primary,
        minutes=options.minutes,
        margin=data.margin,
    )


def lay_out(data: Gathered, options: Options) -> tuple[list[Laid], list[str]]:
    """Return the protocols to run, and what has to be known of their choice.

    Raises
    ------
    UsageError
        If one that was asked for has no splits here, or none has any.
    """
    asked = [p for p in PROTOCOLS if not options.protocols or p.name in options.protocols]
    found = [one for one in (_laid(data, options, p, data.primary) for p in asked) if one.splits]
    there = [one.protocol.name for one in found]
    for protocol in asked:
        if options.protocols and protocol.name not in there:
            raise _nothing_to_score(data, protocol)
    if not found:
        raise _nothing_to_score(data, asked[0])
    primary, notes = _primary(data, [one.protocol for one in found])
    return [_laid(data, options, one.protocol, primary) for one in found], notes


def _laid(data: Gathered, options: Options, protocol: Protocol, primary: str) -> Laid:
    return Laid(data.table, protocol, setup_of(data, options, primary))


def _nothing_to_score(data: Gathered, protocol: Protocol) -> UsageError:
    table = data.table
    n = len(np.unique(table.person[table.newest]))
    states = len(np.unique(table.label[table.newest]))
    return UsageError(
        f"{protocol.name} cannot be run on {data.name}, which has {n} "
        f"{'person' if n == 1 else 'people'} and {states} state{'' if states == 1 else 's'}. "
        f"{protocol.needs}",
        "Leave --protocol out to run all that can be.",
    )


def _primary(data: Gathered, found: Sequence[Protocol]) -> tuple[str, list[str]]:
    """Return the protocol on which the verdict rests."""
    names = [protocol.name for protocol in found]
    if data.primary in names:
        return data.primary, []
    honest = [protocol.name for protocol in found if not protocol.leaky]
    chosen = next(iter([n for n in SECONDARY if n in honest] + honest + names))
    return chosen, [f"The verdict rests on {chosen}, since {data.primary} was not run."]


def methods_for(table: Table, options: Options) -> tuple[list[Method], list[str]]:
    """Return the methods to score, and why others are not.

    Raises
    ------
    UsageError
        If a candidate that was asked for cannot be fitted.
    """
    wanted = {*(options.decoders or METHODS), *CONTROLS}
    found, absent = [], []
    for name, method in METHODS.items():
        if name not in wanted:
            continue
        why = method.why_not(table)
        if why and name in options.decoders:
            raise UsageError(f"{name} cannot be scored here: {why}", "Name another --decoder.")
        if why:
            absent.append(f"{name} ({why.rstrip('.')})")
        else:
            found.append(method)
    return found, [f"Not scored: {'; '.join(absent)}."] if absent else []


def _rows(table: Table) -> dict[str, np.ndarray]:
    """Return what recomputing needs to know of every row; texts without objects."""
    found = {name: getattr(table, name) for name in COLUMNS}
    for name in ("states", "people", "sessions", "recordings"):
        found[f"{name}_names"] = np.array(getattr(table, name), dtype=np.str_)
    return found | {"seconds_per_row": np.float64(table.hop / table.rate)}


def _protocol(
    laid: Laid, methods: Sequence[Method], jobs: Sequence[Job], out: Path
) -> ProtocolResult:
    """Store one protocol's predictions and null scores, and return what follows from them."""
    scored = [_scored(laid, method, jobs, out) for method in methods]
    quoted = _nested(laid, scored, jobs, out)
    primary = laid.protocol.name == laid.setup.primary
    return protocol_result(laid, scored, quoted, primary=primary)


def _nested(laid: Laid, scored: Sequence[Scored], jobs: Sequence[Job], out: Path) -> Nested | None:
    """Store the answers of the candidates chosen per fold, and return what they score."""
    names = [method.name for method in chosen_among(laid, [one.method for one in scored])]
    if not names:
        return None
    inside = {
        (job.part[0], job.method): _result(out / "work", job)
        for job in jobs
        if (job.kind, job.protocol) == ("inner", laid.protocol.name)
    }
    folds = range(len(laid.splits))
    chosen = [choose(laid.table, {name: inside[i, name] for name in names}) for i in folds]
    answers = {one.method.name: one.arrays() for one in scored if one.method.name in names}
    arrays, file = chosen_answers(answers, chosen), f"predictions/{laid.protocol.name}/nested.npz"
    keep(out / file, arrays)
    return nested_result(laid, arrays, {name: answers[name] for name in names}, file)


def _joined(
    laid: Laid, method: Method, jobs: Sequence[Job], kind: str, work: Path
) -> dict[str, np.ndarray]:
    """Return the arrays of all jobs of one kind of a method, joined."""
    own = [
        job
        for job in jobs
        if (job.kind, job.protocol, job.method) == (kind, laid.protocol.name, method.name)
    ]
    parts = [_result(work, job) for job in sorted(own, key=lambda job: job.part)]
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts or [{}])[0]}


def _result(work: Path, job: Job) -> dict[str, np.ndarray]:
    found = kept(work / f"{job.key}.npz")
    if found is None:
        raise FormatError(
            f"The result {job.key}.npz vanished from {work} while it was needed.",
            "Give the same command again.",
        )
    return found


def _scored(laid: Laid, method: Method, jobs: Sequence[Job], out: Path) -> Scored:
    name = f"{laid.protocol.name}/{method.name.replace(' ', '-')}.npz"
    said = _joined(laid, method, jobs, "answers", out / "work")
    order = np.argsort(said["row"], kind="stable")
    said = {key: value[order] for key, value in said.items()}
    keep(out / "predictions" / name, said)
    null = _joined(laid, method, jobs, "null", out / "work")
    if null:
        every = laid.draws.complete and len(null["draw"]) == len(laid.draws)
        said_of = {"complete": np.array(every), "smallest": np.array(chances(laid).smallest)}
        keep(out / "nulls" / name, null | said_of)
    return Scored(
        method=method,
        row=said["row"],
        p=said["p"],
        fold=said["fold"],
        draw=null.get("draw", np.zeros(0, dtype=np.int64)),
        score=null.get("score", np.zeros((0, len(laid.table.people)))),
        predictions=f"predictions/{name}",
        nulls=f"nulls/{name}" if null else "",
    )


def _facts(data: Gathered) -> DataFacts:
    table = data.table
    return DataFacts(
        name=data.name,
        sha256=data.sha256,
        people=table.people,
        states=table.states,
        n_recordings=len(table.recordings),
        n_rows=len(table),
        n_usable=len(table.newest),
        seconds=data.seconds,
        simulated=data.simulated,
        exchangeable_unit=data.unit,
    )


def _latent(jobs: Sequence[Job], work: Path) -> Latent | None:
    job = next((job for job in jobs if job.kind == "latent"), None)
    if job is None:
        return None
    found = _result(work, job)
    points = [(float(x), float(y), float(z)) for x, y, z in found["points"]]
    return Latent(
        method=job.method,
        protocol=job.protocol,
        points=tuple(points),
        states=tuple(found["state"].tolist()),
    )


def warnings_of(data: Gathered, primary: ProtocolResult) -> list[str]:
    """Return what has to be known of the scores, most important first."""
    limit, alone = _cannot(primary), one_unit(data.table)
    found = [] if limit is None else [_limited(primary, limit.null, cut=bool(alone))]
    if alone:
        found.append(
            f"{len(alone)} of {len(data.table.people)} people have a state with one {data.unit}: "
            "within them whatever differs may be the file or the hour, not the state."
        )
    cut = measured_by_scored(data.table)
    if len(cut) and any(m.null.p is not None and m.null.smallest_p < 1.0 for m in primary.decoders):
        found.append(
            f"The own rest of {len(cut)} of {len(data.table.people)} people is cut from the one "
            f"{data.unit} of a state and relabelings leave it there, so that p is too small, which "
            "the control nearness to rest alone shows."
        )
    return found


def _limited(primary: ProtocolResult, null: Null, *, cut: bool) -> str:
    """Return that no score can be significant, and why."""
    if cut and null.smallest_p >= 1.0:
        return ALIKE
    n = primary.n_people
    return (
        f"A score under {primary.name} cannot be significant with {n} "
        f"{'people' if n > 1 else 'person'}: {null.n_relabelings} relabelings allow "
        f"p = {null.smallest_p:.3g} at best."
    )


def _cannot(primary: ProtocolResult) -> MethodResult | None:
    drawn = [m for m in primary.decoders if m.null.kind != "not run"]
    return next((m for m in drawn if m.null.smallest_p > 0.05), None)
