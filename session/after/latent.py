"""The moments of feedback as they lie in the latent space's view, and what colours them; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from decoder.latent import N_AXES
from rym import topics

from .episodes import Span, Steps
from .learning import Lesson, Log, moments_of

Array = npt.NDArray[np.float64]

SAME = 1e-6
"""Seconds by which an estimate and its moment may be apart in a journal."""


class Moments(NamedTuple):
    """The moments of feedback that were placed in the view, in order."""

    points: Array
    """Shape (n, 3)."""
    states: tuple[str, ...]
    """What colours each: `negative`, `neutral`, `positive`, `none` or `unknown`."""
    by_keys: bool
    """Whether that is the key that was held; else what was estimated."""
    novel: npt.NDArray[np.bool_]
    learned: npt.NDArray[np.bool_]
    """Whether a row was learned there that stayed."""


def moments(
    log: Log, phases: Sequence[Span], lessons: Sequence[Lesson], model: str, reaction_lag: float
) -> Moments:
    """Return the moments of feedback that lie in one model's view.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per short topic.
    phases : sequence of Span
        Only those named `feedback` count.
    lessons : sequence of Lesson
        What was learned.
    model : str
        Its id: the views of two models have nothing in common. Empty: the newest that answered.
    reaction_lag : float
        Seconds by which a key follows what it reports.
    """
    found = moments_of(log, phases)
    model = model or (found[-1].model if found else "")
    found = [x for x in found if x.model == model]
    keys = Steps.of((x.content.t, x.content.state) for x in log.get(topics.LABEL.short, ()))
    held = [keys.at(x.t + reaction_lag) or "none" for x in found]
    by_keys = any(state != "none" for state in held)
    stayed = {one.t for one in lessons if one.model == model and not one.taken_back}
    return Moments(
        points=np.array([x.point for x in found], dtype=float).reshape(-1, N_AXES),
        states=tuple(held if by_keys else _estimated(log, [x.t for x in found])),
        by_keys=by_keys,
        novel=np.array([x.novel for x in found], dtype=bool),
        learned=np.array([x.t in stayed for x in found], dtype=bool),
    )


def _estimated(log: Log, times: Sequence[float]) -> list[str]:
    """Return what was estimated at these times; `unknown` where nothing was."""
    said = sorted((x.content.t, x.content.state) for x in log.get(topics.VALENCE.short, ()))
    out = []
    for t in times:
        i = bisect_right(said, (t + SAME, "~"))
        out.append(said[i - 1][1] if i and said[i - 1][0] >= t - SAME else "unknown")
    return out
