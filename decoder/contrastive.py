"""CEBRA's network for one encoder: an own one from a calibration, or one over people.

The front of `learning` for the rest of the decoder. Importing it takes a second or two, for torch;
what needs it does so only when a network is to be fitted.

A usable row answers for the newest of its ten rows. In the library's terms (Offset(5, 5)) the
label is moved by 4 rows, so that nothing looks ahead.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from .learning.draws import Prior
from .learning.loop import Stop, learn
from .learning.network import Weights
from .learning.sessions import hold_out, usable
from .settings import TrainingSettings

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GAP = 3
"""Rows that still share samples with a row: windows of 1 s, one every 0.25 s."""


def fit(
    rows: Array,
    newest: Ints,
    labels: Ints,
    settings: TrainingSettings,
    seed: int,
    *,
    prior: Prior = "balanced",
) -> Weights:
    """Fit the network.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
        Standardized rows in order.
    newest : array of shape (n,)
        Indices of the rows that may be drawn, in order; the nine before each belong to it.
    labels : array of shape (n,)
        Their classes, 0 or more; at least two different ones.
    settings : TrainingSettings
        Size of the network, batch, steps, learning rate, threads, early stop.
    seed : int
        The same seed gives the same weights on one machine.
    prior : {'balanced', 'found'}
        How often a state is drawn; `found`: as often as there are rows of it, as cebra does.

    Returns
    -------
    dict of str to array
        Weights as `embedding.Network` takes them.

    Raises
    ------
    SignalError
        If there are fewer than two classes, rows hold no number, or an early stop is asked for and
        a class is too small to be held out.
    """
    session, stop = usable(rows, newest, labels), None
    if settings.patience:
        session, held_out = hold_out(session, settings.held_out, GAP)
        stop = Stop((held_out,), settings.patience)
    return learn([session], settings, seed, prior=prior, stop=stop).weights[0]


def versions() -> dict[str, str]:
    """Return the versions of what a fit rests on."""
    return {"torch": version("torch")}
