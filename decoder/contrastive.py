"""The one place that uses cebra and torch: fit the offset10 network to labelled rows.

Importing this module takes seconds; `training` does so only when a network is to be fitted.

Model, loss, sampler and training loop are cebra's own. Two things differ from `cebra.CEBRA.fit`:

- Only usable rows are drawn. The library's data set takes every index and clamps those near the
  ends, so that windows straddle junctions and stand for the wrong label; here the data set *is* the
  list of usable rows, so its samplers cannot draw another, and classes are drawn equally often.
- The rows are encoded once per step and the drawn embeddings gathered, instead of encoding three
  batches of overlapping windows. The gradients are the same; a step of 512 draws from 300 rows
  takes 5 ms instead of 80.

A usable row answers for the newest of its ten rows. In the library's terms (Offset(5, 5)) the
label is moved by 4 rows, so that nothing looks ahead.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cebra
import cebra.data
import cebra.models
import cebra.solver
import numpy as np
import numpy.typing as npt
import torch

from .embedding import FIELD, KERNELS
from .settings import TrainingSettings

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ARCHITECTURE = "offset10-model"


@contextmanager
def _repeatable(seed: int, threads: int) -> Iterator[None]:
    """Seed the global generators, which the library's samplers use, and put them back after."""
    before, n_threads = np.random.get_state(), torch.get_num_threads()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)
            np.random.set_state(before)  # noqa: NPY002


class _Usable(cebra.data.SingleSessionDataset):  # type: ignore[misc]
    """The usable rows: an index is a place among them, and a batch stays indices."""

    def __init__(self, labels: torch.Tensor, n_features: int) -> None:
        super().__init__()
        self._labels = labels
        self._n_features = n_features

    @property
    def discrete_index(self) -> torch.Tensor:
        return self._labels

    @property
    def input_dimension(self) -> int:
        return self._n_features

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        return index

    def load_batch(self, index: Any) -> Any:
        return index


class _EncodeOnce(cebra.solver.single_session.SingleSessionSolver):  # type: ignore[misc]
    """Encodes all rows once a step and gathers what was drawn."""

    series: torch.Tensor
    """Shape (1, n_features, n_rows)."""
    place: torch.Tensor
    """Where in the encoded series each usable row's embedding stands, shape (n_usable,)."""

    def _inference(self, batch: Any) -> Any:
        embedded = self.model(self.series)[0].T  # (n_rows - 9, n_dimensions)
        drawn = (batch.reference, batch.positive, batch.negative)
        return cebra.data.Batch(*(embedded[self.place[index]] for index in drawn))


def fit(
    rows: Array, newest: Ints, labels: Ints, settings: TrainingSettings, seed: int
) -> dict[str, npt.NDArray[np.float32]]:
    """Fit the network.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
        Standardized rows in order.
    newest : array of shape (n,)
        Indices of the rows that may be drawn; the nine before each belong to it.
    labels : array of shape (n,)
        Their classes, 0 or more; at least two different ones.
    settings : TrainingSettings
        Size of the network, batch, steps, learning rate, threads.
    seed : int
        The same seed gives the same weights on one machine.

    Returns
    -------
    dict of str to array
        Weights as `embedding.Network` takes them.
    """
    # The sampler draws the next class in place of one without rows, so classes are numbered anew.
    dense = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    with _repeatable(seed, settings.threads):
        model = cebra.models.init(
            ARCHITECTURE, rows.shape[1], settings.hidden_units, settings.dimensions
        )
        loss = cebra.models.LearnableCosineInfoNCE(temperature=1.0)
        parameters = itertools.chain(model.parameters(), loss.parameters())
        solver = _EncodeOnce(
            model=model,
            criterion=loss,
            optimizer=torch.optim.Adam(parameters, lr=settings.learning_rate),
            tqdm_on=False,
        )
        solver.series = torch.from_numpy(rows.T.astype(np.float32))[None]
        solver.place = torch.from_numpy(newest - (FIELD - 1))
        loader = cebra.data.DiscreteDataLoader(
            dataset=_Usable(torch.from_numpy(dense), rows.shape[1]),
            num_steps=settings.steps,
            batch_size=settings.batch,
            prior="uniform",
        )
        solver.fit(loader)
    return weights_of(model)


def weights_of(model: Any) -> dict[str, npt.NDArray[np.float32]]:
    """Return the weights of cebra's offset10 network under our names, in order of its layers."""
    tensors = [tensor.detach().cpu().numpy() for tensor in model.state_dict().values()]
    names = [f"conv{i}.{part}" for i in range(len(KERNELS)) for part in ("weight", "bias")]
    return dict(zip(names, tensors, strict=True))


def versions() -> dict[str, str]:
    """Return the versions of what a fit rests on."""
    return {"cebra": str(cebra.__version__), "torch": str(torch.__version__)}
