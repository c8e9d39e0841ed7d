"""The offset10 network to be trained: the layers of cebra's `offset10-model`, in torch alone."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import gelu
from torch.nn.utils import skip_init

from rym.errors import FormatError

from ..embedding import KERNELS

Weights = dict[str, npt.NDArray[np.float32]]
"""`conv<i>.weight` and `conv<i>.bias`, i from 0 to 4, as `embedding.Network` takes them."""

NAMES = tuple(f"conv{i}.{part}" for i in range(len(KERNELS)) for part in ("weight", "bias"))
"""Weights in the order of the layers, which is cebra's order too."""


class Offset10(nn.Module):
    """Ten rows in, one unit vector out (Schneider, Lee & Mathis 2023).

    A convolution over two rows, three over three rows beside a shortcut, one over three rows, then
    division by the length. First weights are drawn as torch draws them for a convolution, from the
    given generator instead of the global one.

    Parameters
    ----------
    n_features, hidden_units, dimensions : int
        Sizes of the first, the middle and the last layer.
    generator : torch.Generator
        Seeded with s, it gives the weights that cebra's network has after `torch.manual_seed(s)`.
    """

    def __init__(
        self, n_features: int, hidden_units: int, dimensions: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = [n_features, *[hidden_units] * (len(KERNELS) - 1), dimensions]
        self.layers = nn.ModuleList(
            _convolution(widths[i], widths[i + 1], kernel, generator)
            for i, kernel in enumerate(KERNELS)
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Embed every ten rows that follow one another.

        Parameters
        ----------
        rows : tensor of shape (n_series, n_features, n_rows)

        Returns
        -------
        tensor of shape (n_series * (n_rows - 9), dimensions)
            Unit vectors, series after series; the first is that of rows 0 … 9.
        """
        first, *middle, last = self.layers
        x = gelu(first(rows))
        for layer in middle:
            x = x[..., 1:-1] + gelu(layer(x))
        z = last(x).transpose(1, 2).flatten(0, 1)
        unit: torch.Tensor = z / torch.linalg.vector_norm(z, dim=1, keepdim=True)
        return unit


def _convolution(n_in: int, n_out: int, kernel: int, generator: torch.Generator) -> nn.Conv1d:
    """Return a layer; made empty first, since torch would ask the global generator."""
    layer: nn.Conv1d = skip_init(nn.Conv1d, n_in, n_out, kernel)  # type: ignore[no-untyped-call]
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    assert layer.bias is not None
    bound = 1 / math.sqrt(n_in * kernel)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def weights_of(network: nn.Module) -> Weights:
    """Return a network's weights under our names, in order of its layers.

    Parameters
    ----------
    network : torch.nn.Module
        An `Offset10`, or cebra's `offset10-model`.
    """
    tensors = [tensor.detach().cpu().numpy().copy() for tensor in network.parameters()]
    return dict(zip(NAMES, tensors, strict=True))


def put_into(network: nn.Module, weights: Mapping[str, npt.NDArray[np.floating]]) -> None:
    """Put weights under our names into a network.

    Parameters
    ----------
    network : torch.nn.Module
        An `Offset10`, or cebra's `offset10-model`.
    weights : mapping of str to array
        See `Weights`.

    Raises
    ------
    FormatError
        If a weight has another shape than the network's.
    """
    with torch.no_grad():
        for name, parameter in zip(NAMES, network.parameters(), strict=True):
            if tuple(parameter.shape) != weights[name].shape:
                raise FormatError(
                    f"{name} has shape {weights[name].shape}, the network expects "
                    f"{tuple(parameter.shape)}.",
                    "Load weights of the same number of features, units and dimensions.",
                )
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(weights[name])))
