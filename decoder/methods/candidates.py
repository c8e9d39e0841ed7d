"""Candidates: what may become a person's decoder."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from .. import tangent
from ..embedding import Network, fields_of
from ..memory.rings import memory_of
from ..settings import TrainingSettings
from ..table import Table
from . import discriminant
from .covariances import Tangents
from .method import Answer, Method, Refit, of_present, prepared
from .normalized import OwnScale, field_means, field_rows, last_kept, stretches
from .samples import Pieces

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PIECES = 2000
"""Rows that a small network learns from at most, evenly spread: neighbours share nine tenths of
their samples, and as many pieces of 19 channels take 60 MB."""
HELD = 0.2
"""Share of each state's units, one at least, that tell a network when to stop."""
AT_ONCE = 1024
"""Fields embedded at once: 8 MB for 95 features and ten rows."""


def prepare_lda(table: Table, train: Ints, values: Array | None = None) -> Refit:
    """Prepare shrinkage LDA on the mean of the ten newest rows, as `decoder.linear` fits it.

    Parameters
    ----------
    table : Table
        All rows.
    train : array of shape (n,)
        Usable rows to learn from.
    values : array of shape (n_table, n_features) or None
        What it looks at; None: the table's features.
    """
    scale = OwnScale(table, train, values)
    learned = field_means(scale, train)
    return linear_refit(
        table, learned, lambda rows: field_means(scale, rows), stretches(table, train)
    )


def linear_refit(
    table: Table, learned: Array, ask: Callable[[Ints], Array], stretch: Ints | None = None
) -> Refit:
    """Return LDA that is fitted to the same rows again and again.

    Parameters
    ----------
    table : Table
        All rows.
    learned : array of shape (n, n_features)
        What the rows to learn from look like.
    ask : callable
        Rows of the table in, what they look like out.
    stretch : array of shape (n,) or None
        Rows to learn from of the same number are one observation; None: every row is one.
    """
    asked = last_kept(ask)

    def refit(labels: Ints, _seed: int) -> Answer:
        def fit(of: Ints) -> Answer:
            found = discriminant.fit(learned, of, table.n_states, stretch)
            return lambda rows: found(asked(rows))

        return of_present(labels, table.n_states, fit)

    return refit


def encoder(
    table: Table, train: Ints, labels: Ints, settings: TrainingSettings, seed: int
) -> Callable[[Ints], Array]:
    """Fit one network to rows of one person or of several.

    Every person's rows are on that person's own scale, and no field straddles two recordings, since
    only usable rows are drawn.

    Parameters
    ----------
    table : Table
        All rows.
    train : array of shape (n,)
        Usable rows to learn from.
    labels : array of shape (n,)
        Their classes, at least two different ones.
    settings : TrainingSettings
        Size of the network, batch, steps, learning rate, threads.
    seed : int
        The same seed gives the same network on one machine.

    Returns
    -------
    callable
        Usable rows in, unit vectors of shape (n, n_dimensions) out.
    """
    # Here, because importing torch takes seconds.
    contrastive = import_module("..contrastive", __package__)
    scale = OwnScale(table, train)
    used = field_rows(train)
    place = np.searchsorted(used, train)
    network = Network(contrastive.fit(scale(used), place, labels, settings, seed))

    def embed(rows: Ints) -> Array:
        z = np.zeros((len(rows), network.n_dimensions))
        for at in range(0, len(rows), AT_ONCE):
            part = rows[at : at + AT_ONCE]
            used = field_rows(part)
            z[at : at + AT_ONCE] = network(fields_of(scale(used), np.searchsorted(used, part)))
        return z

    return embed


def voters(table: Table, rows: Ints, labels: Ints, z: Array) -> Callable[[Array], Array]:
    """Return the kNN memory of embedded rows, one vote per stretch.

    Parameters
    ----------
    table : Table
        All rows.
    rows : array of shape (n,)
        Usable rows to remember, in order.
    labels : array of shape (n,)
        Their classes.
    z : array of shape (n, n_dimensions)
        Their unit vectors.

    Returns
    -------
    callable
        Unit vectors of shape (n, n_dimensions) in, probabilities of shape (n, n_states) out.
    """
    memory = memory_of(z, labels, stretches(table, rows), n_classes=table.n_states)
    return lambda asked: np.array([memory.predict_proba(one) for one in asked]).reshape(
        len(asked), table.n_states
    )


def cebra_knn(settings: TrainingSettings) -> Method:
    """Return CEBRA + kNN with these settings of the network."""

    def fit(table: Table, train: Ints, labels: Ints, seed: int) -> Answer:
        def fit(of: Ints) -> Answer:
            embed = encoder(table, train, of, settings, seed)
            vote = voters(table, train, of, embed(train))
            return lambda rows: vote(embed(rows))

        return of_present(labels, table.n_states, fit)

    what = "CEBRA's network on ten rows of band power, votes of the nearest labelled moments"
    return Method("cebra-knn", "candidate", fit, what, fast=False, why_not=_no_torch)


def _no_torch(_table: Table) -> str:
    return "torch cannot be imported." if find_spec("torch") is None else ""


def _prepare_riemann(table: Table, train: Ints) -> Refit:
    """Keep the tangent vectors; what is fitted to labels is a logistic regression."""
    tangents = Tangents(table, train)
    learned, asked = tangents(train), last_kept(tangents)

    def refit(labels: Ints, _seed: int) -> Answer:
        return of_present(labels, table.n_states, lambda of: _logistic(table, learned, of, asked))

    return refit


def _logistic(table: Table, learned: Array, labels: Ints, ask: Callable[[Ints], Array]) -> Answer:
    numbers = tangent.logistic(learned, labels, table.n_states)
    return lambda rows: tangent.decided(ask(rows), *numbers)


def _no_covariance(table: Table) -> str:
    if len(table.channels) < 2:
        return "One channel has no covariance."
    return "" if len(table.covariance) else "The rows were made without covariances."


def _prepare_network(table: Table, train: Ints) -> Refit:
    """Keep the pieces of signal; what is fitted to labels is a network."""
    # Here, because importing torch and braindecode takes seconds.
    network = import_module(".network", __package__)
    pieces = Pieces(table, train)
    learned = np.arange(len(train))[:: -(-len(train) // PIECES)]
    shown, unit = pieces(train[learned]), table.unit[train[learned]]

    def refit(labels: Ints, seed: int) -> Answer:
        def fit(of: Ints) -> Answer:
            present, classes = np.unique(of, return_inverse=True)
            held = stopping_units(unit, classes, np.random.default_rng(seed))
            found = network.fit(shown, classes, held, pieces.rate, seed)

            def answer(rows: Ints) -> Array:
                p = np.zeros((len(rows), table.n_states))
                for at in range(0, len(rows), AT_ONCE):
                    part = rows[at : at + AT_ONCE]
                    p[at : at + AT_ONCE, present] = found(pieces(part))
                return p

            return answer

        return of_present(labels[learned], table.n_states, fit)

    return refit


def stopping_units(unit: Ints, classes: Ints, rng: np.random.Generator) -> Bools:
    """Return which rows are held out to tell when a network has learned enough.

    Parameters
    ----------
    unit : array of shape (n,)
        Exchangeable unit of every row that is learned from.
    classes : array of shape (n,)
        Their classes, 0…C−1.
    rng : numpy.random.Generator
        Picks the units.

    Returns
    -------
    array of shape (n,)
        Whole units, some of every class; none where a class has fewer than three, or would have
        nothing left.
    """
    held = np.zeros(len(unit), dtype=bool)
    for one in range(int(classes.max()) + 1):
        own = np.unique(unit[classes == one])
        if len(own) < 3:
            return np.zeros(len(unit), dtype=bool)
        picked = rng.choice(own, max(1, round(HELD * len(own))), replace=False)
        held |= np.isin(unit, picked)
    left = len(np.unique(classes[~held])) == len(np.unique(classes))
    return held if left else np.zeros(len(unit), dtype=bool)


def _no_network(table: Table) -> str:
    missing = network_missing()
    if missing:
        return missing
    return "" if len(table.samples) else "The rows were made without samples."


def network_missing() -> str:
    """Return why braindecode cannot be used, with the remedy; empty where it can.

    It is imported where it is installed: what it needs of torch may not fit the torch that is here.
    """
    if find_spec("braindecode") is None:
        return "braindecode is not installed: `pip install 'rym[network]'`."
    try:
        import_module("braindecode.models")
    except (ImportError, OSError) as error:
        said = str(error).partition("\n")[0].rstrip(".")
        return f"braindecode cannot be imported ({said}): `pip install 'rym[network]'`."
    return ""


CANDIDATES: dict[str, Method] = {
    method.name: method
    for method in (
        cebra_knn(TrainingSettings()),
        prepared("lda", "candidate", prepare_lda, "band power of every channel, linear"),
        prepared(
            "riemann",
            "candidate",
            _prepare_riemann,
            "covariance of the channels in the tangent space, linear",
            why_not=_no_covariance,
        ),
        prepared(
            "small-network",
            "candidate",
            _prepare_network,
            "a shallow convolutional network on the samples of ten windows",
            fast=False,
            why_not=_no_network,
            samples=True,
        ),
    )
}
"""The first is the default: another is chosen only if it is better by a standard error."""
