"""One candidate fitted to a part of a calibration, ready to answer and to become a model.

Every visit is measured by its own rest: the z-score of its features, the move of its covariances.
Without one, by its rows that are learned from; without those, by all rows that are learned from.
Never by rows that are held out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import UsageError

from . import linear, tangent
from .embedding import FIELD, Network, fields_of
from .features import Standardizer
from .linear import Linear
from .memory.rings import Memory, memory_of
from .presets import RULES
from .rows import Rows, stood_in, stretches
from .settings import Candidate, DecoderSettings
from .tangent import Tangent

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEAST_ROWS = 20
"""Rows of a state below which it cannot be learned."""
LEAST_BASELINE = 20
"""Rows of rest below which a visit is measured by the rows learned from."""


class Task(NamedTuple):
    """A calibration reduced to what can be learned."""

    rows: Rows
    newest: Ints
    """Usable rows of states that have enough of them."""
    label: Ints
    episode: Ints
    stretch: Ints
    visit: Ints
    settings: DecoderSettings

    @property
    def episodes(self) -> tuple[int, int, int]:
        """Number of episodes of each state."""
        count = [len(np.unique(self.episode[self.label == state])) for state in range(3)]
        return count[0], count[1], count[2]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Number of rows of each state."""
        count = np.bincount(self.label, minlength=3).tolist()
        return count[0], count[1], count[2]


def task_of(rows: Rows, settings: DecoderSettings) -> Task:
    """Return the usable rows of states that have enough of them."""
    newest = rows.newest
    counts = np.bincount(rows.label[newest], minlength=3)
    newest = newest[counts[rows.label[newest]] >= LEAST_ROWS]
    label, episode = rows.label[newest], rows.episode[newest]
    stretch = stretches(rows, newest)
    return Task(rows, newest, label, episode, stretch, rows.visits[newest], settings)


class Parts(NamedTuple):
    """What a model is made of; what does not answer is None."""

    standardizer: Standardizer
    """Of the newest visit."""
    network: Network | None = None
    memory: Memory | None = None
    linear: Linear | None = None
    tangent: Tangent | None = None


class Answers(NamedTuple):
    """What a fit makes of some rows."""

    p: Array
    """Probabilities, shape (n, 3)."""
    distance: Array
    """Mean distances to the remembered stretches that voted, shape (n,); NaN without a memory."""


class Fitted(NamedTuple):
    """One candidate fitted to some rows."""

    answers: Callable[[Ints], Answers]
    """Takes rows whose fields are whole; usable or not."""
    parts: Parts
    level: Array
    """Level of every row on this fit's scale, as `Model.level` has it, shape (n_rows,)."""

    def answer(self, newest: Ints) -> Array:
        """Return the probabilities of some rows, shape (n, 3)."""
        return self.answers(newest).p


def fit_one(task: Task, candidate: Candidate, of: Bools, seed: int) -> Fitted:
    """Fit one candidate to some of the usable rows.

    Parameters
    ----------
    task : Task
        The calibration.
    candidate : {'cebra-knn', 'lda', 'riemann'}
        What to fit.
    of : array of shape (n_usable,)
        Rows to learn from.
    seed : int
        Of what draws at random.

    Raises
    ------
    UsageError
        If CEBRA is asked for and torch cannot be imported.
    """
    return _FITS[candidate](task, of, seed)


def possible(rows: Rows, asked: Candidate | Literal["auto"]) -> tuple[Candidate, ...]:
    """Return the candidates to be fitted, the default first.

    Parameters
    ----------
    rows : Rows
        The calibration.
    asked : {'auto', 'cebra-knn', 'lda', 'riemann'}
        `auto`: all that can be fitted.

    Raises
    ------
    UsageError
        If `riemann` is asked for and there are no covariances.
    """
    covariances = len(rows.covariance) > 0 and len(rows.channels) > 1
    if asked == "riemann" and not covariances:
        raise UsageError(
            f"riemann needs the covariance of two channels or more; there is {len(rows.channels)}.",
            "Train another decoder.",
        )
    if asked != "auto":
        return (asked,)
    return ("cebra-knn", "lda", "riemann") if covariances else ("cebra-knn", "lda")


def measured_by(task: Task, of: Bools, visit: int) -> Ints:
    """Return the rows that a visit is measured by; those that an artifact touches among them.

    Parameters
    ----------
    task : Task
        The calibration.
    of : array of shape (n_usable,)
        Rows to learn from.
    visit : int
        Its number.

    Returns
    -------
    array of shape (n_used,)
    """
    rows = task.rows
    rest = np.flatnonzero(rows.baseline & (rows.visits == visit))
    if len(rest) >= LEAST_BASELINE:
        return rest
    learned = np.unique(task.newest[of][:, None] + np.arange(1 - FIELD, 1))
    own = learned[rows.visits[learned] == visit]
    return own if len(own) else learned


def _standardizer(task: Task, of: Bools, visit: int) -> Standardizer:
    rows = task.rows
    used = measured_by(task, of, visit)
    return Standardizer.fit(rows.features[used[~rows.touched[used]]], task.settings.features.clip)


def _standardized(task: Task, of: Bools) -> tuple[Array, Standardizer]:
    """Return all rows on their visit's scale, stood in for, and the newest visit's scale."""
    rows, visits = task.rows, task.rows.visits
    z = np.empty(rows.features.shape)
    for visit in np.unique(visits).tolist():
        scale = _standardizer(task, of, visit)
        z[visits == visit] = scale(rows.features[visits == visit])
    return stood_in(z, rows), scale


def _lda(task: Task, of: Bools, _seed: int) -> Fitted:
    z, scale = _standardized(task, of)
    newest = task.newest[of]
    found = linear.fit(fields_of(z, newest), task.label[of], stretches(task.rows, newest))

    def answers(newest: Ints) -> Answers:
        return _told([found(field) for field in fields_of(z, newest)])

    return Fitted(answers, Parts(scale, linear=found), z.mean(axis=1))


def _cebra_knn(task: Task, of: Bools, seed: int) -> Fitted:
    z, scale = _standardized(task, of)
    newest, label = task.newest[of], task.label[of]
    settings, prior = task.settings, RULES[task.settings.features.preset].prior
    network = Network(contrastive().fit(z, newest, label, settings.training, seed, prior=prior))
    t = task.rows.t_last[newest]
    memory = memory_of(network(fields_of(z, newest)), label, task.stretch[of], t)

    def answers(newest: Ints) -> Answers:
        votes = [memory.ask(near) for near in network(fields_of(z, newest))]
        return _told([vote.p for vote in votes], [vote.distance for vote in votes])

    return Fitted(answers, Parts(scale, network=network, memory=memory), z.mean(axis=1))


def _riemann(task: Task, of: Bools, _seed: int) -> Fitted:
    rows, newest = task.rows, task.newest[of]
    flat = rows.covariance.reshape(len(rows.label), -1).astype(np.float64)
    windows = stood_in(flat, rows).reshape(rows.covariance.shape)
    roots = np.zeros((int(rows.visits.max()) + 1, *windows.shape[1:]))
    for visit in np.unique(rows.visits).tolist():
        roots[visit] = _rest_root(task, windows, of, visit)

    def moved(asked: Ints) -> Array:
        own = roots[rows.visits[asked]]
        out: Array = own @ tangent.field_covariances(windows, asked) @ own
        return out

    learned = moved(newest)
    apart = np.searchsorted(newest, _apart(rows, newest))
    onward = tangent.inverse_root(tangent.mean_of(learned[apart]))
    numbers = tangent.logistic(tangent.vectors_of(onward @ learned @ onward), task.label[of])
    found = Tangent(onward @ roots[int(rows.visits[-1])], *numbers)

    def answers(asked: Ints) -> Answers:
        vectors = tangent.vectors_of(onward @ moved(asked) @ onward)
        return _told(tangent.decided(vectors, *numbers))

    parts = Parts(_standardizer(task, of, int(rows.visits[-1])), tangent=found)
    return Fitted(answers, parts, tangent.log_power(windows))


def _told(p: Sequence[Array] | Array, distance: Sequence[float] | None = None) -> Answers:
    told = np.full(len(p), np.nan) if distance is None else np.array(distance, dtype=np.float64)
    return Answers(np.array(p).reshape(-1, 3), told)


def _rest_root(task: Task, windows: Array, of: Bools, visit: int) -> Array:
    """Return the inverse root of the mean covariance that a visit is measured by."""
    used = measured_by(task, of, visit)
    whole = _whole(task.rows, used)
    if len(whole):
        fields = tangent.field_covariances(windows, _apart(task.rows, whole))
        return tangent.inverse_root(tangent.mean_of(fields))
    # A rest in pieces shorter than a field.
    there = np.isfinite(windows[used])
    total = np.where(there, windows[used], 0.0).sum(axis=0, keepdims=True)
    fields = tangent.definite(total, there.sum(axis=0, keepdims=True).astype(np.float64))
    return tangent.inverse_root(fields[0])


def _whole(rows: Rows, used: Ints) -> Ints:
    """Return the rows whose nine before follow one another and are used, too."""
    oldest, newest = used[: 1 - FIELD], used[FIELD - 1 :]
    out: Ints = newest[(newest - oldest == FIELD - 1) & (rows.run[newest] == rows.run[oldest])]
    return out


def _apart(rows: Rows, newest: Ints) -> Ints:
    """Return one row of every stretch: neighbours share nine windows of ten."""
    return newest[np.unique(stretches(rows, newest), return_index=True)[1]]


_FITS: dict[Candidate, Callable[[Task, Bools, int], Fitted]] = {
    "cebra-knn": _cebra_knn,
    "lda": _lda,
    "riemann": _riemann,
}


def contrastive() -> ModuleType:
    """Import the one module that needs torch.

    Raises
    ------
    UsageError
        If it cannot be imported.
    """
    try:
        return import_module(".contrastive", __package__)
    except ImportError as error:
        raise UsageError(
            f"torch cannot be imported: {error}.",
            'Install torch, or set candidate = "lda" in [decoder.training].',
        ) from error


def versions(candidate: Candidate | None) -> dict[str, str]:
    """Return the versions of what a fit rests on."""
    used = {"numpy": version("numpy")}
    if candidate == "riemann":
        used.update({name: version(name) for name in ("pyriemann", "scikit-learn")})
    if candidate == "cebra-knn":
        used.update(contrastive().versions())
    return used
