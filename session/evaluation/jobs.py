"""What an evaluation consists of: jobs that know of one another nothing (pure).

A job is the answers of one method to some splits of one protocol, or the null scores of some draws
of labels. Its key is a hash of everything that its result follows from, so that a result on the
disk is a job that is done, whoever did it and when, and a changed row, fold, seed or line of the
decoder asks for it anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from decoder.methods.candidates import CANDIDATES
from decoder.methods.method import Method
from decoder.scoring.held_out import seed_of
from decoder.scoring.nulls import Draws, Kind, draws_of
from decoder.scoring.protocols import Protocol
from decoder.scoring.splits import Rules, Split, used
from decoder.scoring.units import Units, stimuli_of, units_of
from decoder.table import Table

Ints = npt.NDArray[np.int64]

N_DRAWS = 200
"""Draws of a null where the relabelings are too many to try them all."""
N_FULL = 100
"""Draws of a null for which a network is fitted anew (`--nulls full`)."""
CHUNKS = 8
"""Jobs that the null of a quick method is dealt into: each prepares the folds once."""


class Setup(NamedTuple):
    """What shapes the scores beside the table; the same on every worker."""

    smoothing: float
    """Seconds over which answers are smoothed."""
    delay: float
    """Seconds until a label is known."""
    dealt: Literal["person", "session"]
    null: Kind
    seed: int = 0
    nulls: Literal["fast", "full"] = "fast"
    primary: str = "within"
    n_draws: int = N_DRAWS
    n_full: int = N_FULL
    minutes: float = 5.0
    """Of own data that `calibrate` learns from."""
    margin: float = 1.0
    """Seconds on either side of a change of state that are neither learned from nor scored."""

    def rules(self) -> Rules:
        """Return what the protocols are told."""
        return Rules(
            smoothing=self.smoothing,
            minutes=self.minutes,
            delay=self.delay,
            seed=self.seed,
            dealt=self.dealt,
        )


class Job(NamedTuple):
    """A piece of work; its result is a few arrays."""

    kind: Literal["answers", "inner", "null", "latent"]
    protocol: str
    method: str
    part: tuple[int, ...]
    """Numbers of the splits, or of the draws."""
    key: str
    """Of its result; hex."""
    cost: float
    """About how long it takes beside others."""


class Laid:
    """One protocol laid out over a table: its splits, units and draws.

    Parameters
    ----------
    table : Table
        With the true labels.
    protocol : Protocol
        How to hold out.
    setup : Setup
        What the protocol and the draws are told.
    """

    def __init__(self, table: Table, protocol: Protocol, setup: Setup) -> None:
        self.table, self.protocol, self.setup = table, protocol, setup

    @cached_property
    def splits(self) -> list[Split]:
        """The splits; none where the table lacks what the protocol needs."""
        return self.protocol.splits(self.table, self.setup.rules())

    @cached_property
    def units(self) -> Units:
        """Units that labels are dealt over."""
        deal = stimuli_of if self.protocol.name == "leave-one-stimulus-out" else units_of
        return deal(self.table, used(self.splits), per=self.setup.dealt)

    @cached_property
    def draws(self) -> Draws:
        """Tables with labels dealt anew; the same for all methods."""
        setup = self.setup
        seed = seed_of(setup.seed, self.protocol.name, "null")
        return draws_of(
            self.table, self.units, setup.null, setup.n_draws, seed=seed, margin=setup.margin
        )

    def drawn(self, method: Method) -> tuple[int, ...]:
        """Return the numbers of the draws that a method is fitted to; none: its null is not run.

        A network is fitted to `n_full` of them. They are picked at random: where all relabelings
        are tried, neighbours in the list resemble one another.
        """
        setup = self.setup
        if self.protocol.leaky:
            return ()
        if method.fast:
            return tuple(range(len(self.draws)))
        if setup.nulls == "fast" or self.protocol.name != setup.primary:
            return ()
        if len(self.draws) <= setup.n_full:
            return tuple(range(len(self.draws)))
        rng = np.random.default_rng(seed_of(setup.seed, self.protocol.name, "picked"))
        picked = rng.choice(len(self.draws), setup.n_full, replace=False)
        return tuple(np.sort(picked).tolist())


def plan(laid: Sequence[Laid], methods: Sequence[Method], code: str) -> list[Job]:
    """Return the jobs of an evaluation, those first that take longest.

    Parameters
    ----------
    laid : sequence of Laid
        The protocols; each has splits.
    methods : sequence of Method
        Methods that can be fitted to the table.
    code : str
        Names the version of everything that a result follows from beside its arguments.
    """
    if not laid:
        return []
    table = laid[0].table
    data = digest(table)
    samples = digest_of(table.samples) if any(method.samples for method in methods) else ""
    jobs = []
    for one in laid:
        keys = _Keys(one, data, samples, code)
        for method in methods:
            jobs += _answers(one, method, keys)
            jobs += _nulls(one, method, keys)
        jobs += _inner(one, methods, keys)
        jobs += _latent(one, methods, keys)
    return sorted(jobs, key=lambda job: -job.cost)  # stable: the rest stays in order


def digest(table: Table) -> str:
    """Return a hash of everything that a table holds but its samples; hex.

    Without them, so that what does not look at them is done once, whether they were kept or not.
    """
    found = hashlib.sha256()
    for field in fields(table):
        if field.name == "samples":
            continue
        value = getattr(table, field.name)
        found.update(field.name.encode() + b"\0")
        if isinstance(value, np.ndarray):
            found.update(digest_of([value]).encode())
        else:
            found.update(msgspec.json.encode(value))
    return found.hexdigest()


def digest_of(arrays: Iterable[npt.NDArray[np.generic]]) -> str:
    """Return a hash of arrays, their types and shapes; hex."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


class _Keys:
    """Names results by what they follow from."""

    def __init__(self, laid: Laid, data: str, samples: str, code: str) -> None:
        self._samples = samples
        setup = laid.setup
        folds = hashlib.sha256()
        for split in laid.splits:
            folds.update(split.name.encode() + b"\0")
            for rows in (split.train, split.test, split.seen):
                folds.update(len(rows).to_bytes(8, "little") + rows.astype("<i8").tobytes())
        common = (data, code, laid.protocol.name, folds.hexdigest(), tuple(setup.rules()))
        self._common = (*common, setup.seed)
        self._draws: tuple[object, ...] = ()
        if not laid.protocol.leaky:
            labels = hashlib.sha256(laid.draws.labels.astype("<i8").tobytes()).hexdigest()
            self._draws = (setup.null, setup.dealt, laid.draws.seed, laid.draws.margin, labels)

    def __call__(self, kind: str, method: Method, part: tuple[int, ...]) -> str:
        draws = self._draws if kind == "null" else ()
        looked_at = (self._samples,) if method.samples else ()
        said = msgspec.json.encode((*self._common, kind, method.name, draws, part, *looked_at))
        return hashlib.sha256(said).hexdigest()[:32]


def _answers(laid: Laid, method: Method, keys: _Keys) -> list[Job]:
    """Return one job for a quick method, one per fit for a slow one.

    Where the splits of a leaky protocol share an embedding they are one job.
    """
    numbers = range(len(laid.splits))
    apart = not method.fast and not laid.splits[0].seen.size
    parts: Iterable[tuple[int, ...]] = ((i,) for i in numbers) if apart else (tuple(numbers),)
    return [
        Job(
            "answers",
            laid.protocol.name,
            method.name,
            part,
            keys("answers", method, part),
            _cost(laid, method, len(part)),
        )
        for part in parts
    ]


def _nulls(laid: Laid, method: Method, keys: _Keys) -> list[Job]:
    drawn = laid.drawn(method)
    if not drawn:
        return []
    n_parts = min(CHUNKS, len(drawn)) if method.fast else len(drawn)
    parts = [tuple(part.tolist()) for part in np.array_split(np.array(drawn), n_parts)]
    return [
        Job(
            "null",
            laid.protocol.name,
            method.name,
            part,
            keys("null", method, part),
            _cost(laid, method, len(laid.splits) * len(part)),
        )
        for part in parts
    ]


def chosen_among(laid: Laid, methods: Sequence[Method]) -> list[Method]:
    """Return the candidates of which each fold chooses one, the default first.

    None where the verdict does not rest on the protocol, or where there is nothing to choose.
    """
    found = [method for method in methods if method.kind == "candidate"]
    rests = laid.protocol.name == laid.setup.primary and not laid.protocol.leaky
    return found if rests and len(found) > 1 else []


def _inner(laid: Laid, methods: Sequence[Method], keys: _Keys) -> list[Job]:
    """Return the jobs of the choice: a candidate held out within what one fold learns from."""
    n = len(laid.splits)
    return [
        Job("inner", laid.protocol.name, m.name, (i,), keys("inner", m, (i,)), _cost(laid, m, n))
        for m in chosen_among(laid, methods)
        for i in range(n)
    ]


def _latent(laid: Laid, methods: Sequence[Method], keys: _Keys) -> list[Job]:
    """Return the job of the picture: what the network makes of one held-out fold."""
    if laid.protocol.name != laid.setup.primary:
        return []
    return [
        Job("latent", laid.protocol.name, m.name, (0,), keys("latent", m, (0,)), _cost(laid, m, 1))
        for m in methods
        if m.name == next(iter(CANDIDATES))
    ]


def _cost(laid: Laid, method: Method, n_fits: int) -> float:
    """Return about how many rows are learned, a network's weighing more."""
    rows = float(np.mean([len(split.seen) or len(split.train) for split in laid.splits]))
    return n_fits * (rows + 100.0) * (1.0 if method.fast else 300.0)
