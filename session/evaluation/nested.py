"""The quoted score: the candidate of every fold chosen without that fold (pure).

Whoever tries several decoders and quotes the best one quotes its luck as well. Here each fold's
decoder is chosen by what the fold learns from alone: the same protocol is laid out over these rows,
every candidate is fitted and scored there, and the chosen one answers for the fold (Stone 1974;
Varma & Simon 2006). The rule is that of training: the default, unless another is better by more
than one standard error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from decoder.scoring.held_out import seed_of
from decoder.scoring.pairs import Said, accuracies, difference, preferred, score
from decoder.scoring.protocols import protocol
from decoder.table import Table

from .conclude import estimate_of
from .jobs import Laid
from .result import Beside, Chosen, Nested

Arrays = dict[str, npt.NDArray[np.generic]]


def inner(laid: Laid, number: int) -> Laid | None:
    """Return a protocol laid out over what one fold learns from, and nothing else.

    The same protocol; `within` where these rows lack what it needs (a second session, more minutes
    than `calibrate` learns from); None where these rows are too few to hold any out.
    """
    split, table = laid.splits[number], laid.table
    usable = np.zeros(len(table), dtype=bool)
    usable[split.train] = True
    seen = replace(table, usable=usable)
    setup = laid.setup._replace(seed=seed_of(laid.setup.seed, "inner", split.name))
    tried = (Laid(seen, how, setup) for how in (laid.protocol, protocol("within")))
    return next((one for one in tried if one.splits), None)


def choose(table: Table, answers: Mapping[str, Arrays]) -> str:
    """Return the first name unless another is better by more than one standard error.

    Parameters
    ----------
    table : Table
        All rows, with the true labels.
    answers : mapping of str to dict of str to array
        `row`, `p` and `fold` of every candidate, the default first; without rows where
        nothing could be held out.
    """
    default, *others = answers
    if not len(answers[default]["row"]):
        return default
    said = {name: said_by(arrays) for name, arrays in answers.items()}
    parts = _in_parts(table, answers[default])
    gains = {name: difference(parts, said[name], said[default]) for name in others}
    return preferred(default, gains, {name: score(parts, said[name]) for name in others})


def _in_parts(table: Table, arrays: Arrays) -> Table:
    """Return the table with the only unit of a state taken as the parts that were held out of it.

    One unit has no standard error: whatever the others scored, the default would be kept. Training
    counts the halves of an only episode likewise.
    """
    rows, fold = arrays["row"].astype(np.int64), arrays["fold"].astype(np.int64)
    unit, label, own = table.unit.copy(), table.label[rows], table.unit[rows]
    for state in np.unique(label):
        if len(np.unique(own[label == state])) == 1:
            unit[rows[label == state]] = unit.max() + 1 + fold[label == state]
    return replace(table, unit=unit)


def said_by(arrays: Arrays) -> Said:
    """Return the answers that probabilities come to."""
    return Said(arrays["row"].astype(np.int64), arrays["p"].astype(np.float64))


def chosen_answers(answers: Mapping[str, Arrays], chosen: Sequence[str]) -> Arrays:
    """Return every fold's answers by the candidate that was chosen for it, in order of rows.

    Parameters
    ----------
    answers : mapping of str to dict of str to array
        `row`, `p` and `fold` of every candidate.
    chosen : sequence of str
        A name per fold.
    """
    parts = [(answers[name], answers[name]["fold"] == i) for i, name in enumerate(chosen)]
    found = {key: np.concatenate([own[key][of] for own, of in parts])
             for key in ("row", "p", "fold")}  # fmt: skip
    order = np.argsort(found["row"], kind="stable")
    return {key: value[order] for key, value in found.items()} | {"chosen": np.array(chosen)}


def nested_result(
    laid: Laid, arrays: Arrays, candidates: Mapping[str, Arrays], file: str
) -> Nested:
    """Return what is quoted.

    Parameters
    ----------
    laid : Laid
        The protocol over the table.
    arrays : dict of str to array
        See `chosen_answers`.
    candidates : mapping of str to dict of str to array
        `row` and `p` of every candidate, the default first.
    file : str
        Where the arrays are stored, relative to `evaluation.json`.
    """
    said = said_by(arrays)
    scores = accuracies(laid.table, said)
    known = np.flatnonzero(~np.isnan(scores))
    estimate = estimate_of(laid.table, said, scores)
    chosen, names = arrays["chosen"].tolist(), list(candidates)
    return Nested(
        balanced_accuracy=float(np.nanmean(scores)),
        interval=estimate.interval if len(known) > 2 else None,
        standard_error=estimate.standard_error,
        people=tuple((laid.table.people[i], float(scores[i])) for i in known),
        chosen=tuple(Chosen(name=n, n_folds=chosen.count(n)) for n in names if n in chosen),
        default=names[0],
        beside=tuple(_beside(laid.table, said, name, candidates[name]) for name in names),
        predictions=file,
    )


def _beside(table: Table, quoted: Said, name: str, arrays: Arrays) -> Beside:
    found = difference(table, quoted, said_by(arrays))
    return Beside(name=name, difference=found.mean, standard_error=found.standard_error)
