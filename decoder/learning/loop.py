"""The training loop: draw, encode every session once, compare, step.

cebra's own loop encodes three batches of overlapping windows a step. Encoding a session's rows at
once and gathering what was drawn gives the same gradients for a fraction of the products; of a
session so long that few of its rows are drawn, the distinct windows are encoded.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rym.errors import SignalError, UsageError

from ..embedding import FIELD, KERNELS
from ..settings import TrainingSettings
from .draws import SAYS, Draws, Prior
from .loss import InverseTemperature, Temperature, distinct, info_nce, uniformity
from .network import Offset10, Weights, put_into, weights_of
from .sessions import Session, alike

Array = npt.NDArray[np.float64]

Progress = Callable[[float, float, float], None]
"""Takes the share done (0…1), the loss, and the seconds left (NaN without a clock)."""
_Moments = tuple[Tensor, Tensor, Tensor]
"""Places of references, positives and negatives among what is embedded."""
LAST = len(KERNELS) - 1
ROWS_PER_WINDOW = 8
"""Rows of a series that are encoded in the time of one window alone: its layers answer for 9, 7, 5,
3 and 1 rows, where a row of a series costs one each. Measured: 5 (95 units) to 9 (32)."""
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

    def embed(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the embeddings of every session's rows, session after session."""
        pairs = zip(self.networks, inputs, strict=True)
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
            inputs, drawn = self._data.draw(self._settings.batch, rng)
            self._adam.zero_grad()
            loss = info_nce(self._model.embed(inputs), *drawn, self._model.inverse())
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
        self._rows = [torch.from_numpy(s.rows.astype(np.float32)) for s in sessions]
        self.series = [rows.T.contiguous()[None] for rows in self._rows]
        n_places = [len(s.rows) - FIELD + 1 for s in sessions]
        self._ends = np.cumsum([0, *n_places]).tolist()
        pairs = zip(sessions, self._ends[:-1], strict=True)
        self._place = np.concatenate([session.place + at for session, at in pairs])
        self._draws = Draws(sessions, prior)

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[list[Tensor], _Moments]:
        """Return what is to be embedded, and where references, positives, negatives lie in it.

        All of a session's rows, or where it is so long that few of them are drawn, windows.
        """
        places = [torch.from_numpy(self._place[moments]) for moments in self._draws(batch, rng)]
        wanted, _ = distinct(torch.cat(places), self._ends[-1])
        moved = torch.zeros(self._ends[-1], dtype=torch.int64)
        inputs, n = [], 0
        for i, (begin, end) in enumerate(pairwise(self._ends)):
            mine = wanted[(wanted >= begin) & (wanted < end)]
            few = ROWS_PER_WINDOW * len(mine) < end - begin
            inputs.append(_windows(self._rows[i], mine - begin) if few else self.series[i])
            mine = mine if few else torch.arange(begin, end)
            moved[mine] = torch.arange(n, n + len(mine))
            n += len(mine)
        reference, positive, negative = (moved[place] for place in places)
        return inputs, (reference, positive, negative)

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


def _windows(rows: Tensor, places: Tensor) -> Tensor:
    """Return the ten rows of every place, shape (n, n_features, 10)."""
    ten = rows.index_select(0, (places[:, None] + torch.arange(FIELD)).flatten())
    return ten.view(len(places), FIELD, -1).transpose(1, 2).contiguous()


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
