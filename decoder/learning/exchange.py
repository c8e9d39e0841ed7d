"""To a `cebra.CEBRA` and back: the one place that needs cebra.

What is trained here can be handed to whoever works with the library, and what was trained there can
be taken over. Files are not exchanged: the library's are pickles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cebra
import numpy as np
import torch
from torch import nn

from rym.errors import FormatError

from ..embedding import FIELD, KERNELS
from .network import Weights, put_into, weights_of

ARCHITECTURE = "offset10-model"


def to_cebra(networks: Sequence[Weights], temperature: float = 1.0) -> cebra.CEBRA:
    """Return a fitted estimator that holds the networks.

    Parameters
    ----------
    networks : sequence of Weights
        One for a single-session estimator, several for a multi-session one.
    temperature : float
        Where further fitting begins.

    Returns
    -------
    cebra.CEBRA
        Its `transform` gives at row t what our network says of the ten rows t − 5 … t + 4.

    Raises
    ------
    FormatError
        If a weight has a shape that the others do not go with.
    """
    last = f"conv{len(KERNELS) - 1}.bias"
    estimator = cebra.CEBRA(
        model_architecture=ARCHITECTURE,
        num_hidden_units=len(networks[0]["conv0.bias"]),
        output_dimension=len(networks[0][last]),
        temperature=temperature,
        temperature_mode="auto",
        min_temperature=None,
        batch_size=2,
        max_iterations=1,
        device="cpu",
    )
    # The library has no way to a fitted estimator but a fit: one step, of which nothing is kept.
    with _global_generators():
        states = np.arange(2 * FIELD) % 2
        rows = [np.eye(2 * FIELD, w["conv0.weight"].shape[1], dtype=np.float32) for w in networks]
        if len(networks) == 1:
            estimator.fit(rows[0], states)
        else:
            estimator.fit(rows, [states] * len(networks))
    solver = estimator.solver_
    for network, weights in zip(_networks(estimator), networks, strict=True):
        put_into(network, weights)
    with torch.no_grad():
        solver.criterion.log_inverse_temperature.fill_(-math.log(temperature))
    solver.optimizer.state.clear()
    solver.history.clear()
    for log in solver.log.values():
        log.clear()
    return estimator


def from_cebra(estimator: cebra.CEBRA) -> tuple[Weights, ...]:
    """Return the networks of a fitted estimator, one per session.

    Parameters
    ----------
    estimator : cebra.CEBRA
        Fitted, of the architecture `offset10-model`.

    Raises
    ------
    FormatError
        If its architecture is another.
    """
    if estimator.model_architecture != ARCHITECTURE:
        raise FormatError(
            f"The estimator's network is {estimator.model_architecture}, not {ARCHITECTURE}.",
            "Fit it with that architecture.",
        )
    return tuple(weights_of(network) for network in _networks(estimator))


def _networks(estimator: cebra.CEBRA) -> list[nn.Module]:
    model = estimator.solver_.model
    return list(model) if isinstance(model, nn.ModuleList) else [model]


@contextmanager
def _global_generators() -> Iterator[None]:
    """Put the global generators back, which the library draws from."""
    before = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
