"""One job done: arrays in, arrays out (pure); runs on any worker."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from decoder.methods import candidates, catalog, leaky
from decoder.methods.method import Method
from decoder.scoring.held_out import people_scores, seed_of
from decoder.scoring.metrics import balanced_right, right_of
from decoder.scoring.protocols import protocol
from decoder.scoring.splits import Split
from decoder.settings import TrainingSettings
from decoder.table import Table

from .jobs import Job, Laid, Setup
from .nested import inner

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[np.generic]]

POINTS = 1500
"""Points of the picture of a latent space at most."""


def perform(table: Table, setup: Setup, job: Job) -> Arrays:
    """Return the result of a job.

    Parameters
    ----------
    table : Table
        All rows, with the true labels.
    setup : Setup
        Of the evaluation.
    job : Job
        What is to be done.

    Returns
    -------
    dict of str to array
        `answers`: rows, their probabilities `p` and the number of the `fold`. `null`: the number of
        every `draw` and its `score` of every person, shape (n_draws, n_people), NaN without one.
        `inner`: as `answers`, to what one split learns from; empty where nothing can be held out.
        `latent`: `points` of shape (n, 3) and their `state`.
    """
    laid = Laid(table, protocol(job.protocol), setup)
    method = catalog.of(job.method)
    if job.kind == "answers":
        return answers(laid, method, job.part)
    if job.kind == "inner":
        within = inner(laid, job.part[0])
        if within is None:
            return {"row": np.zeros(0, dtype=np.int64), "p": np.zeros((0, table.n_states))}
        return answers(within, method, tuple(range(len(within.splits))))
    if job.kind == "null":
        return {
            "draw": np.array(job.part, dtype=np.int64),
            "score": null_scores(laid, method, job.part),
        }
    return latent(laid, method)


def answers(laid: Laid, method: Method, part: tuple[int, ...]) -> Arrays:
    """Return the held-out answers of some splits; see `perform`."""
    table, seed = laid.table, laid.setup.seed
    leaky_ones = leaky.asker(table, method)
    rows, p, fold = [], [], []
    for i in part:
        split = laid.splits[i]
        own = seed_of(seed, laid.protocol.name, method.name, _shared(split))
        if laid.protocol.leaky:
            answered = leaky_ones(split, own)
        else:
            answered = method.fit(table, split.train, table.label[split.train], own)(split.test)
        rows.append(split.test)
        p.append(answered)
        fold.append(np.full(len(split.test), i))
    return {"row": np.concatenate(rows), "p": np.concatenate(p), "fold": np.concatenate(fold)}


def _shared(split: Split) -> str:
    """Return the name under which a fit draws: splits that share an embedding share its seed."""
    return f"{len(split.seen)} seen" if len(split.seen) > len(split.train) else split.name


class _Fit(NamedTuple):
    """One split of one draw."""

    draw: int
    """Place among the draws of the job."""
    split: Split


def null_scores(laid: Laid, method: Method, part: tuple[int, ...]) -> Array:
    """Return the scores of some draws, shape (n_draws, n_people).

    Fits of the same rows to other labels are done one after the other, so that what does not depend
    on labels is made once for all of them, and is gone before the next rows' is made.
    """
    tables = [laid.draws[i] for i in part]
    same_rows = laid.draws.kind == "permuted units"
    fits = defaultdict(list)
    for draw, table in enumerate(tables):
        for split in laid.protocol.splits(table, laid.setup.rules()):
            rows = (split.train.tobytes(), split.test.tobytes())
            fits[rows if same_rows else (draw, *rows)].append(_Fit(draw, split))
    right = np.full((len(part), len(laid.table)), np.nan)
    for group in fits.values():
        refit = method.refit(tables[group[0].draw], group[0].split.train)
        for draw, split in group:
            names = (laid.protocol.name, method.name, split.name, str(part[draw]))
            labels = tables[draw].label[split.train]
            p = refit(labels, seed_of(laid.setup.seed, *names))(split.test)
            right[draw, split.test] = right_of(tables[draw].label[split.test], p)
    return np.array([_scores(t, own) for t, own in zip(tables, right, strict=True)])


def _scores(table: Table, right: Array) -> Array:
    rows = np.flatnonzero(~np.isnan(right))
    return people_scores(table, rows, right[rows], balanced_right)


def latent(laid: Laid, method: Method) -> Arrays:
    """Return the embedding of the first fold's scored rows, along its three principal axes."""
    table, split = laid.table, laid.splits[0]
    labels = table.label[split.train]
    if len(np.unique(labels)) < 2:
        return {"points": np.zeros((0, 3)), "state": np.zeros(0, dtype=np.int64)}
    seed = seed_of(laid.setup.seed, laid.protocol.name, method.name, split.name)
    embed = candidates.encoder(table, split.train, labels, TrainingSettings(), seed)
    every = -(-len(split.test) // POINTS)
    rows = split.test[::every]
    z = embed(rows)
    z = z - z.mean(axis=0)
    axes = np.linalg.svd(z, full_matrices=False)[2][:3]
    axes *= np.sign(axes[np.arange(3), np.abs(axes).argmax(axis=1)])[:, None]
    return {"points": z @ axes.T, "state": table.label[rows]}
