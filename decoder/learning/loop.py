"""The training loop: draw, encode every session once, compare, step.

cebra's own loop encodes three batches of overlapping windows a step. Encoding all rows of a session
at once and gathering what was drawn gives the same gradients for a fraction of the products.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rym.errors import SignalError, UsageError

from ..embedding import KERNELS
from ..settings import TrainingSettings
from .draws import SAYS, Draws, Prior
from .loss import InverseTemperature, Temperature, info_nce, uniformity
from .network import Offset10, Weights, put_into, weights_of
from .sessions import Session, alike

Array = npt.NDArray[np.float64]

Progress = Callable[[float, float, float], None]
"""Takes the share done (0…1), the loss, and the seconds left (NaN without a clock)."""
LAST = len(KERNELS) - 1
LEARNED = Temperature()
"""Begins at 1 and is learned."""


class Start(NamedTuple):
    """Weights to begin from: what is adapted to a new calibration."""

    weights: Mapping[str, npt.NDArray[np.floating]]
    layers: Literal["first", "all"] = "all"
    """`first`: a new first layer, of as many features as there are now, is learned and the others
    stay, as `cebra.CEBRA.fit(adapt=True)` does. `all`: every layer goes on from its weights."""


class Stop(NamedTuple):
    """When to end before the last step."""

    sessions: tuple[Session, ...]
    """Held out, one per session learned from; see `sessions.hold_out`."""
    patience: int = 10
    """Steps without a lower loss of what is held out, after which it ends. The weights of the
    lowest are kept."""


class Learned(NamedTuple):
    """What a fit gives."""

    weights: tuple[Weights, ...]
    """One network per session, as `embedding.Network` takes them."""
    temperature: float
    loss: Array
    """Of every step that was made, shape (n_steps,)."""
    held_out: Array
    """Loss of what is held out after every step, shape (n_steps,); empty without an early stop."""
    sampling: str
    """What was drawn and how often, one sentence."""


class _Model(nn.Module):
    """One encoder per session and the temperature, which is all that is learned."""

    def __init__(self, networks: Sequence[Offset10], temperature: Temperature) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.inverse = InverseTemperature(temperature)

    def embed(self, series: Sequence[Tensor]) -> Tensor:
        """Return the embeddings of all places, session after session."""
        pairs = zip(self.networks, series, strict=True)
        return torch.cat([network(rows) for network, rows in pairs])


def learn(
    sessions: Sequence[Session],
    settings: TrainingSettings,
    seed: int,
    *,
    prior: Prior = "balanced",
    temperature: Temperature = LEARNED,
    start: Start | None = None,
    stop: Stop | None = None,
    progress: Progress | None = None,
    now: Callable[[], float] | None = None,
) -> Learned:
    """Fit one network per session, so that moments of one class lie together in all of them.

    One session: an own encoder. One session made of several by `sessions.pooled`: one encoder over
    people. Several: multi-session as published, one encoder each, pairs across sessions.

    Parameters
    ----------
    sessions : sequence of Session
        What is learned from.
    settings : TrainingSettings
        Size of the networks, references drawn per session and step, steps, learning rate, threads.
    seed : int
        The same seed gives the same weights on one machine. Global generators are left alone.
    prior : {'balanced', 'found'}
        How references and negatives are drawn.
    temperature : Temperature
        Of the loss.
    start : Start or None
        Weights to begin from; the sizes of the networks are then theirs. None: new ones.
    stop : Stop or None
        When to end early; None: never.
    progress : callable or None
        Told after every step.
    now : callable or None
        Returns seconds of a steady clock, for the time left.

    Returns
    -------
    Learned

    Raises
    ------
    SignalError
        If a session lacks a class, or the loss is no number.
    UsageError
        If what is held out does not fit what is learned from.
    """
    sessions = alike(sessions)
    chances = np.random.SeedSequence(seed).spawn(2)
    generator = torch.Generator().manual_seed(int(chances[0].generate_state(1)[0]))
    with _threads(settings.threads):
        model = _Model(_networks(sessions, settings, start, generator), temperature)
        fit = _Fit(model, sessions, settings, prior, stop)
        steps = fit.steps(np.random.default_rng(chances[1]))
        losses = _followed(steps, settings.steps, progress, now)
        fit.keep_best()
    with torch.no_grad():
        networks = tuple(weights_of(network) for network in model.networks)
        held_out = np.array(fit.held_out)
        return Learned(networks, model.inverse.value, losses, held_out, SAYS[prior])


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _networks(
    sessions: Sequence[Session],
    settings: TrainingSettings,
    start: Start | None,
    generator: torch.Generator,
) -> list[Offset10]:
    """Return the networks before the first step."""
    hidden, dimensions = settings.hidden_units, settings.dimensions
    if start is not None:
        hidden = len(start.weights["conv0.bias"])
        dimensions = len(start.weights[f"conv{LAST}.bias"])
    networks = [Offset10(s.rows.shape[1], hidden, dimensions, generator) for s in sessions]
    if start is not None:
        for network in networks:
            _begin(network, start)
    return networks


def _begin(network: Offset10, start: Start) -> None:
    """Put the weights in; with a new first layer, hold the others."""
    if start.layers == "all":
        put_into(network, start.weights)
        return
    new = weights_of(network)
    first = {name: new[name] for name in ("conv0.weight", "conv0.bias")}
    put_into(network, {**start.weights, **first})
    for layer in list(network.layers)[1:]:
        layer.requires_grad_(requires_grad=False)


class _Fit:
    """A fit under way."""

    def __init__(
        self,
        model: _Model,
        sessions: Sequence[Session],
        settings: TrainingSettings,
        prior: Prior,
        stop: Stop | None,
    ) -> None:
        self.held_out: list[float] = []
        self._model, self._settings, self._stop = model, settings, stop
        self._data = _Data(sessions, prior)
        self._watched = None if stop is None else _watched(sessions, stop, prior)
        self._best: dict[str, Tensor] = {}
        learned = [p for p in model.parameters() if p.requires_grad]
        self._adam = torch.optim.Adam(learned, lr=settings.learning_rate, fused=True)

    def steps(self, rng: np.random.Generator) -> Iterator[float]:
        """Make one step after the other; give the loss of each."""
        for step in range(self._settings.steps):
            drawn = self._data.draw(self._settings.batch, rng)
            self._adam.zero_grad()
            embedded = self._model.embed(self._data.series)
            loss = info_nce(embedded, *drawn, self._model.inverse())
            loss.backward()  # type: ignore[no-untyped-call]
            self._adam.step()
            if not math.isfinite(value := float(loss.detach())):
                raise SignalError(
                    f"After {step} of {self._settings.steps} steps the loss is {value}.",
                    f"Lower learning_rate ({self._settings.learning_rate:g}), or set a least "
                    "temperature.",
                )
            yield value
            if self._enough():
                return

    def _enough(self) -> bool:
        """Return whether what is held out has not gained for long enough."""
        if self._watched is None or self._stop is None:
            return False
        with torch.no_grad():
            embedded = self._model.embed(self._watched.series)
            n = self._settings.batch * len(self._model.networks)
            loss = float(self._watched.expected(embedded, self._model.inverse(), n))
        self.held_out.append(loss)
        best = int(np.argmin(self.held_out))
        if best == len(self.held_out) - 1:
            self._best = copy.deepcopy(self._model.state_dict())
        return len(self.held_out) - 1 - best >= self._stop.patience

    def keep_best(self) -> None:
        """Put back the weights of the lowest loss of what is held out."""
        if self._best:
            self._model.load_state_dict(self._best)


def _watched(sessions: Sequence[Session], stop: Stop, prior: Prior) -> _Data:
    if len(stop.sessions) != len(sessions):
        raise UsageError(
            f"{len(stop.sessions)} sessions are held out, {len(sessions)} are learned from.",
            "Hold out a part of each.",
        )
    return _Data(alike(stop.sessions), prior)


class _Data:
    """Sessions as tensors, and what is drawn of them."""

    def __init__(self, sessions: Sequence[Session], prior: Prior) -> None:
        self.series = [torch.from_numpy(s.rows.T.astype(np.float32))[None] for s in sessions]
        n_places = [series.shape[2] - sum(KERNELS) + len(KERNELS) for series in self.series]
        start = np.concatenate([[0], np.cumsum(n_places)[:-1]])
        self._place = np.concatenate([s.place + at for s, at in zip(sessions, start, strict=True)])
        self._draws = Draws(sessions, prior)

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return places of references, positives and negatives."""
        drawn = self._draws(batch, rng)
        a, b, c = (torch.from_numpy(self._place[moments]) for moments in drawn)
        return a, b, c

    def expected(self, embedded: Tensor, inverse: Tensor, n_negatives: int) -> Tensor:
        """Return the loss that drawing would give on average, with as many negatives.

        Every moment is weighed by its chance, so that no luck of the draw moves an early stop.
        """
        z = embedded.index_select(0, torch.from_numpy(self._place))
        weight = torch.from_numpy(self._draws.weights()).to(z.dtype)
        means = torch.from_numpy(self._draws.means()).to(z.dtype) @ z
        pairs = (z * means[torch.from_numpy(self._draws.labels)]).sum(dim=1)
        apart = uniformity(z, z, weight, weight * n_negatives, inverse)
        return apart - inverse * (pairs * weight).sum()


def _followed(
    steps: Iterator[float],
    n_steps: int,
    progress: Progress | None,
    now: Callable[[], float] | None,
) -> Array:
    """Run the steps, tell of each, and return their losses."""
    losses: list[float] = []
    began = now() if now is not None else math.nan
    for loss in steps:
        losses.append(loss)
        if progress is not None:
            passed = now() - began if now is not None else math.nan
            left = passed * (n_steps / len(losses) - 1)
            progress(len(losses) / n_steps, loss, left)
    if progress is not None and len(losses) < n_steps:
        progress(1.0, losses[-1], 0.0)
    return np.array(losses)
