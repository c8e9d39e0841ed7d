"""The one place that uses braindecode: a shallow network on samples (Schirrmeister et al. 2017).

Filters in time, filters over channels, the logarithm of their mean power, one linear layer (Human
Brain Mapping 38, ShallowFBCSPNet): what band power and LDA do, with bands and channels learned.
Lengths are the published ones in seconds; filters are fewer, as people here have minutes of data
and not hours.

Importing this module takes seconds, and braindecode is optional; `candidates` does so only when a
network is to be fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from braindecode.models import ShallowFBCSPNet

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Samples = npt.NDArray[np.float32]

FILTERS = 8
"""In time, and over channels; published are 40 of each."""
FILTER_S, POOL_S, HOP_S = 0.1, 0.3, 0.06
"""Seconds of a filter, of a mean of power, and from one mean to the next, as published."""
BATCH = 64
STEPS = 10
"""Steps of a round; after each the held-out part is asked."""
ROUNDS = 20
"""Rounds at most."""
PATIENCE = 4
"""Rounds without gain after which no more are done."""
BLIND = 10
"""Rounds where nothing can be held out."""
LEARNING_RATE = 5e-3
DECAY = 0.01
AT_ONCE = 256


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Seed torch's generator, compute with one thread, and put both back after."""
    n_threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)


def fit(
    pieces: Samples, classes: Ints, held: Bools, rate: float, seed: int
) -> Callable[[Samples], Array]:
    """Fit a network; classes are drawn equally often, so that its prior is equal.

    Parameters
    ----------
    pieces : array of shape (n, n_channels, n_times)
        On their people's own scales.
    classes : array of shape (n,)
        0…C−1, each of them among those that are not held out.
    held : array of shape (n,)
        Pieces that are not learned from and tell when to stop: the weights kept are those that say
        most about them. None: `BLIND` rounds.
    rate : float
        Samples per second.
    seed : int
        The same seed gives the same network on one machine.

    Returns
    -------
    callable
        Pieces in, probabilities of shape (n, C) out.
    """
    with _repeatable(seed):
        model = _network(pieces.shape[1], int(classes.max()) + 1, pieces.shape[2], rate)
        _learn(model, pieces, classes, held, np.random.default_rng(seed))

    def answer(asked: Samples) -> Array:
        with _repeatable(seed), torch.no_grad():
            return np.exp(_log_p(model, asked).numpy().astype(np.float64))

    return answer


def _network(n_channels: int, n_classes: int, n_times: int, rate: float) -> torch.nn.Module:
    filter_length = max(1, round(FILTER_S * rate))
    model: torch.nn.Module = ShallowFBCSPNet(
        n_chans=n_channels,
        n_outputs=n_classes,
        n_times=n_times,
        n_filters_time=FILTERS,
        n_filters_spat=FILTERS,
        filter_time_length=filter_length,
        pool_time_length=min(max(1, round(POOL_S * rate)), n_times - filter_length + 1),
        pool_time_stride=max(1, round(HOP_S * rate)),
        final_conv_length="auto",
        add_log_softmax=False,
    )
    return model


def _log_p(model: torch.nn.Module, pieces: Samples) -> torch.Tensor:
    """Return log probabilities of the fitted network, shape (n, C)."""
    model.eval()
    parts = [
        torch.log_softmax(model(torch.from_numpy(pieces[at : at + AT_ONCE])), dim=1)
        for at in range(0, max(1, len(pieces)), AT_ONCE)
    ]
    return torch.cat(parts)


def _learn(
    model: torch.nn.Module,
    pieces: Samples,
    classes: Ints,
    held: Bools,
    rng: np.random.Generator,
) -> None:
    """Fit in rounds, until the held-out part gains no more."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=DECAY)
    own = [np.flatnonzero(~held & (classes == c)) for c in range(int(classes.max()) + 1)]
    asked, truth = pieces[held], classes[held]
    best, kept, since = np.inf, model.state_dict(), 0
    for _ in range(ROUNDS if held.any() else BLIND):
        _round(model, optimizer, pieces, own, rng)
        if not held.any():
            continue
        loss = _balanced_loss(model, asked, truth)
        since += 1
        if loss < best:
            best, since = loss, 0
            kept = {name: value.clone() for name, value in model.state_dict().items()}
        if since >= PATIENCE:
            break
    if held.any():
        model.load_state_dict(kept)


def _round(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    pieces: Samples,
    own: list[Ints],
    rng: np.random.Generator,
) -> None:
    model.train()
    for _ in range(STEPS):
        drawn = rng.integers(0, len(own), BATCH)
        place = rng.random(BATCH)
        rows = [own[c][int(u * len(own[c]))] for c, u in zip(drawn, place, strict=True)]
        said = model(torch.from_numpy(pieces[rows]))
        loss = torch.nn.functional.cross_entropy(said, torch.from_numpy(drawn))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _balanced_loss(model: torch.nn.Module, pieces: Samples, classes: Ints) -> float:
    """Return the mean over classes of the mean cross entropy."""
    with torch.no_grad():
        log_p = _log_p(model, pieces).numpy().astype(np.float64)
    own = -log_p[np.arange(len(classes)), classes]
    return float(np.mean([own[classes == c].mean() for c in np.unique(classes)]))
