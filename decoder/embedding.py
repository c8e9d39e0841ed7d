"""CEBRA's offset10 network in numpy, from its weights.

A receptive field of ten rows gives one unit vector: a convolution over two rows, three over three
rows each beside a shortcut, one over three rows, then division by the length (Schneider, Lee &
Mathis 2023; the architecture `offset10-model` of cebra 0.6). The live decoder needs neither torch
nor cebra for these few products.

Products are taken field by field and everything else value by value, so a field gives the same bits
alone and among thousands. Columns of earlier fields are not kept for the next one: an answer would
then rest on how the field before it was reached.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from rym.errors import FormatError

Array = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]

FIELD = 10
"""Rows that one embedding rests on."""
KERNELS = (2, 3, 3, 3, 3)
"""Rows that each convolution spans; together they span `FIELD`."""
AT_ONCE = 64
"""Fields whose values are computed together: what they need stays in the processor's cache."""

_REACH, _STEPS = 6, 1024
"""x·Φ(x) is cut into straight pieces of 1/1024 from −6 to 6; beyond, it is 0 and x to 6e-9."""


def _pieces() -> tuple[Single, Single]:
    """Return the pieces' heights at 0 and their slopes, the two that reach outwards included."""
    x = np.arange(-_REACH * _STEPS, _REACH * _STEPS + 1) / _STEPS
    gelu = np.array([0.5 * v * math.erfc(-v * math.sqrt(0.5)) for v in x.tolist()])
    slope = np.diff(gelu) * _STEPS
    height = gelu[:-1] - slope * x[:-1]
    slopes, heights = np.concatenate([[0.0], slope, [1.0]]), np.concatenate([[0.0], height, [0.0]])
    return heights.astype(np.float32), slopes.astype(np.float32)


_HEIGHTS, _SLOPES = _pieces()


def _gelu(x: Single) -> Single:
    """Return x·Φ(x) to 1e-7, and to the rounding of single precision.

    numpy has no error function, scipy would cost the live process tens of megabytes for this, and
    `math.erf` value by value takes nine tenths of an embedding. A curvature of at most 0.8 puts a
    straight piece of 1/1024 off by at most 1e-7.
    """
    place = x * np.float32(_STEPS)
    place += np.float32(_REACH * _STEPS + 1)
    piece = place.astype(np.intp)
    out: Single = _SLOPES.take(piece, mode="clip")
    out *= x
    out += _HEIGHTS.take(piece, mode="clip")
    return out


class Network:
    """The trained network.

    Parameters
    ----------
    weights : mapping of str to array
        `conv<i>.weight` of shape (n_out, n_in, kernel) and `conv<i>.bias` of shape (n_out,), i from
        0 to 4, as torch lays them out.

    Raises
    ------
    FormatError
        If a weight is missing, of the wrong shape, not finite, or the last layer is all zero.
    """

    def __init__(self, weights: Mapping[str, npt.NDArray[np.floating]]) -> None:
        self.weights = {
            name: np.asarray(weights[name])
            for i in range(len(KERNELS))
            for name in (f"conv{i}.weight", f"conv{i}.bias")
            if name in weights
        }
        _check(self.weights)
        self._layers: list[tuple[Single, Single]] = []
        for i, kernel in enumerate(KERNELS):
            weight = self.weights[f"conv{i}.weight"].astype(np.float32)
            n_out, n_in, _ = weight.shape
            matrix = np.ascontiguousarray(weight.transpose(2, 1, 0)).reshape(kernel * n_in, n_out)
            self._layers.append((matrix, self.weights[f"conv{i}.bias"].astype(np.float32)))
        self.n_features = self.weights["conv0.weight"].shape[1]
        self.n_dimensions = self.weights[f"conv{len(KERNELS) - 1}.weight"].shape[0]

    def _convolve(self, layer: int, x: Single) -> Single:
        """Convolve (n, n_rows, n_in) along its rows without padding."""
        matrix, bias = self._layers[layer]
        kernel = KERNELS[layer]
        n_rows = x.shape[1] - kernel + 1
        parts = [x[:, i : i + n_rows] for i in range(kernel)]
        # One product per field, also among many: a product over all of them would round otherwise.
        out: Single = np.concatenate(parts, axis=2) @ matrix
        out += bias
        return out

    def _embed(self, fields: Array) -> Array:
        x = _gelu(self._convolve(0, fields.astype(np.float32)))
        for layer in (1, 2, 3):
            inner = _gelu(self._convolve(layer, x))
            inner += x[:, 1:-1]
            x = inner
        z = self._convolve(4, x)[:, 0].astype(np.float64)
        length = np.sqrt((z * z).sum(axis=1, keepdims=True))
        unit: Array = z / np.maximum(length, 1e-12)
        return unit

    def __call__(self, fields: Array) -> Array:
        """Embed receptive fields.

        Parameters
        ----------
        fields : array of shape (n, 10, n_features)
            Standardized rows, oldest first.

        Returns
        -------
        array of shape (n, n_dimensions)
            Unit vectors: what the rows say about the newest of them. A field's are the same to the
            bit in whatever company it comes.
        """
        if len(fields) == 1:
            return self._embed(fields)
        out = np.empty((len(fields), self.n_dimensions))
        for at in range(0, len(fields), AT_ONCE):
            out[at : at + AT_ONCE] = self._embed(fields[at : at + AT_ONCE])
        return out


def _check(weights: Mapping[str, npt.NDArray[np.floating]]) -> None:
    again = "Train the model again."
    n_in = None
    for i, kernel in enumerate(KERNELS):
        for name in (f"conv{i}.weight", f"conv{i}.bias"):
            if name not in weights:
                raise FormatError(f"The network lacks {name}.", again, name=name)
            if not np.isfinite(weights[name]).all():
                raise FormatError(f"The network's {name} holds values that are no numbers.", again)
        weight, bias = weights[f"conv{i}.weight"], weights[f"conv{i}.bias"]
        if n_in is None:
            n_in = weight.shape[1] if weight.ndim == 3 else 0
        shape = (bias.size, n_in, kernel)
        if weight.shape != shape or bias.ndim != 1:
            raise FormatError(
                f"The network's conv{i}.weight has shape {weight.shape}, expected {shape}.", again
            )
        n_in = bias.size
    last = len(KERNELS) - 1
    if not (weights[f"conv{last}.weight"].any() or weights[f"conv{last}.bias"].any()):
        raise FormatError("The network's last layer is zero: every embedding has no length.", again)


def stand_in(rows: Array, clean: npt.NDArray[np.bool_]) -> Array | None:
    """Return what stands in for a row that cannot be used; None where nothing can.

    The mean of the clean rows before it, and not the newest of them again: one row would then weigh
    as much as all that it stands in for, with all its chance.

    Parameters
    ----------
    rows : array of shape (n, n_features)
        Rows before it, nine at most; NaN where a value is not known.
    clean : array of shape (n,)
        Whether each of them is a row of its own.
    """
    if not clean.any():
        return None
    known = rows[clean]
    there = ~np.isnan(known)
    n = there.sum(axis=0)
    total = np.where(there, known, 0.0).sum(axis=0)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def fields_of(rows: Array, newest: npt.NDArray[np.intp]) -> Array:
    """Return the receptive fields that end at the rows `newest`.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
        Standardized rows in order.
    newest : array of shape (n,)
        Indices of rows, each 9 or more; the caller sees to it that the ten rows are contiguous.

    Returns
    -------
    array of shape (n, 10, n_features)
    """
    fields: Array = rows[newest[:, None] + np.arange(1 - FIELD, 1)]
    return fields
