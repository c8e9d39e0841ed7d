"""CEBRA's InfoNCE with cosine similarity, each distinct pair computed once.

A step draws thousands of moments of hundreds or thousands of rows, so that rows come again. The
loss is then a sum over *distinct* pairs, weighted by how often each was drawn, and equal to that
over all pairs (generalized InfoNCE: Schneider, Lee & Mathis 2023, equations 1 and 2).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

AT_ONCE = 2**19
"""Similarities held at once: 2 MB. The whole matrix of 6144 × 6144 is 150 MB, and every pass over
it would wait for memory."""
SAFE = 40.0
"""Size of an exponent up to which float32 needs no shift: e⁴⁰ times ten million is 2·10²⁴."""
LOG2_E = 1 / math.log(2)


class Temperature(NamedTuple):
    """The factor that divides similarities."""

    value: float = 1.0
    """At the beginning, above 0."""
    learned: bool = True
    """Whether it is trained with the network (`LearnableCosineInfoNCE`) or stays."""
    least: float | None = None
    """What a learned one cannot fall below; None: nothing holds it."""


class InverseTemperature(nn.Module):
    """What similarities are multiplied by; its logarithm is what is learned.

    Parameters
    ----------
    temperature : Temperature
        Where it begins, whether it moves, and how far.
    """

    def __init__(self, temperature: Temperature) -> None:
        super().__init__()
        self._most = math.inf if temperature.least is None else 1.0 / temperature.least
        self.log_inverse = nn.Parameter(
            torch.tensor(math.log(1.0 / temperature.value)), requires_grad=temperature.learned
        )
        self._fixed = None if temperature.learned else 1.0 / temperature.value

    def forward(self) -> Tensor:
        """Return the inverse temperature, of shape ()."""
        if self._fixed is not None:
            return torch.tensor(self._fixed, dtype=self.log_inverse.dtype)
        inverse: Tensor = self.log_inverse.exp().clamp(max=self._most)
        return inverse

    @property
    def value(self) -> float:
        """The temperature."""
        return 1.0 / float(self().detach())


class _Uniformity(torch.autograd.Function):
    """Mean over references of log Σ count·exp(similarity), with its gradients in one go.

    Autograd would keep the matrix of similarities and walk over it five times more.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 (autograd hands them on by place)
        ctx: Any,
        reference: Tensor,
        negative: Tensor,
        weight: Tensor,
        count: Tensor,
        inverse: Tensor,
    ) -> Tensor:
        counted = torch.cat([negative * count[:, None], count[:, None]], dim=1).T.contiguous()
        across = negative.T.contiguous()
        scaled = reference * (inverse * LOG2_E)
        shift = float(_bound(scaled, negative)) > SAFE * LOG2_E
        logs = torch.empty_like(weight)
        to_reference = torch.empty_like(reference)
        to_negative = torch.zeros_like(across)
        step = max(1, AT_ONCE // len(negative))
        space = reference.new_empty(min(step, len(reference)), len(negative))
        for at in range(0, len(reference), step):
            part = slice(at, at + step)
            power = torch.mm(scaled[part], across, out=space[: len(scaled[part])])
            top = power.amax(dim=1) if shift else power.new_zeros(len(power))
            if shift:
                power -= top[:, None]
            power.exp2_()
            # This way round the products of tall, narrow matrices are eight times faster.
            sums = counted @ power.T
            total = sums[-1]
            logs[part] = total.log() + top / LOG2_E
            to_reference[part] = (sums[:-1] / total).T
            to_negative.addmm_((reference[part] * (weight[part] / total)[:, None]).T, power)
        to_inverse = ((to_reference * reference).sum(dim=1) * weight).sum()
        to_reference *= (weight * inverse)[:, None]
        to_negative = to_negative.T * (count * inverse)[:, None]
        ctx.save_for_backward(to_reference, to_negative, to_inverse)
        return (logs * weight).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        to_reference, to_negative, to_inverse = ctx.saved_tensors
        return grad * to_reference, grad * to_negative, None, None, grad * to_inverse


def _bound(scaled: Tensor, negative: Tensor) -> Tensor:
    """Return what no product of a row of the one with a row of the other exceeds."""
    longest = [torch.linalg.vector_norm(x, dim=1).max() for x in (scaled, negative)]
    bound: Tensor = longest[0] * longest[1]
    return bound


def uniformity(
    reference: Tensor, negative: Tensor, weight: Tensor, count: Tensor, inverse: Tensor
) -> Tensor:
    """Return the part of the loss that drives embeddings apart.

    Parameters
    ----------
    reference : tensor of shape (n_references, d)
        Unit vectors.
    negative : tensor of shape (n_negatives, d)
        Unit vectors.
    weight : tensor of shape (n_references,)
        Of each reference in the mean; they sum to 1.
    count : tensor of shape (n_negatives,)
        How often each negative was drawn.
    inverse : tensor of shape ()
        Inverse temperature.

    Returns
    -------
    tensor of shape ()
        Σᵢ weightᵢ log Σⱼ countⱼ exp(inverse · referenceᵢ · negativeⱼ), differentiable once.
    """
    out: Tensor = _Uniformity.apply(reference, negative, weight, count, inverse)  # type: ignore[no-untyped-call]
    return out


def distinct(places: Tensor, n_places: int) -> tuple[Tensor, Tensor]:
    """Return the places that were drawn, each once, and how often.

    Parameters
    ----------
    places : tensor of shape (n,)
        Whole numbers from 0 to n_places − 1.
    n_places : int
        Number of places.
    """
    counts = torch.bincount(places, minlength=n_places)
    once = counts.nonzero()[:, 0]
    return once, counts[once]


def info_nce(
    embedded: Tensor, reference: Tensor, positive: Tensor, negative: Tensor, inverse: Tensor
) -> Tensor:
    """Return CEBRA's loss for the moments drawn.

    Counting them costs less than a hundredth of a step, so that it is done even where few repeat.

    Parameters
    ----------
    embedded : tensor of shape (n_places, d)
        Unit vectors of everything that was drawn, and maybe more.
    reference, positive, negative : tensor of shape (n,)
        Places in `embedded`; `positive[i]` belongs to `reference[i]`.
    inverse : tensor of shape ()
        Inverse temperature.

    Returns
    -------
    tensor of shape ()
        As `cebra.models.LearnableCosineInfoNCE` and `FixedCosineInfoNCE` give it.
    """
    n = len(reference)
    pairs = embedded.index_select(0, reference) * embedded.index_select(0, positive)
    references, weight = distinct(reference, len(embedded))
    negatives, count = distinct(negative, len(embedded))
    apart = uniformity(
        embedded.index_select(0, references),
        embedded.index_select(0, negatives),
        weight.to(embedded.dtype) / n,
        count.to(embedded.dtype),
        inverse,
    )
    return apart - inverse * pairs.sum() / n
