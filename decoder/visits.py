"""Calibrations of several visits of one person as one: what earlier visits add to today's (pure).

Every visit keeps its own rest, by which its rows are measured; no ten rows, no stretch and no fold
lie in two visits. What the visits were recorded with must agree, as nothing that was learned from
one could be asked of the other else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rym.errors import SignalError

from .features import columns_of
from .rows import Rows

Ints = npt.NDArray[np.int64]

APART = 3600.0
"""Seconds that are put between visits, since each has a clock that begins anew."""
_REMEDY = "Train on visits that were recorded alike, or on the newest alone."


def joined(visits: Sequence[Rows], max_bad: float) -> Rows:
    """Return several calibrations as one, the newest visit as it was.

    Parameters
    ----------
    visits : sequence of Rows
        Oldest first; the model will answer on the scale of the last.
    max_bad : float
        Share of all visits' channels that may be lacking in one of them; the others are kept.

    Returns
    -------
    Rows
        Channels in the newest visit's order. Times of earlier visits are moved to before its first.

    Raises
    ------
    SignalError
        If conditioning, rate, window, hop or bands differ, or too few channels are common.
    """
    newest = visits[-1]
    for one in visits[:-1]:
        _refuse(one, newest)
    channels = _common(visits, max_bad)
    parts = [_of_channels(one, channels) for one in visits]
    columns: dict[str, Any] = {
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS},
        **{name: _numbered([getattr(part, name) for part in parts]) for name in ("run", "episode")},
        **_times(parts),
    }
    return replace(
        parts[-1],
        **columns,
        covariance=_covariances(parts),
        visit=np.repeat(np.arange(len(parts)), [len(part.label) for part in parts]),
    )


_COLUMNS = ("features", "label", "usable", "baseline", "touched")


def _refuse(one: Rows, newest: Rows) -> None:
    """Raise if a visit was recorded otherwise than the newest."""
    pairs = {
        "conditioned by": (repr(one.conditioning), repr(newest.conditioning)),
        "recorded at": (f"{one.rate:g} Hz", f"{newest.rate:g} Hz"),
        "cut into": tuple(f"{x.n_times} samples every {x.hop}" for x in (one, newest)),
        "divided into": tuple(_bands(x) for x in (one, newest)),
    }
    for what, (earlier, now) in pairs.items():
        if earlier != now:
            raise SignalError(
                f"An earlier visit was {what} {earlier}, the newest {what} {now}.", _REMEDY
            )


def _bands(rows: Rows) -> str:
    return ", ".join(f"{band.name} {band.low:g}–{band.high:g} Hz" for band in rows.bands)


def _common(visits: Sequence[Rows], max_bad: float) -> tuple[str, ...]:
    """Return the channels that all visits have, in the newest's order."""
    every = {name for one in visits for name in one.channels}
    newest = visits[-1].channels
    common = tuple(name for name in newest if all(name in one.channels for one in visits))
    if len(every) - len(common) > max_bad * len(every):
        other = next(one.channels for one in visits if set(one.channels) != set(newest))
        raise SignalError(
            f"An earlier visit has the channels {', '.join(other)}, the newest "
            f"{', '.join(newest)}.",
            _REMEDY,
            missing=sorted(every - set(common)),
        )
    return common


def _of_channels(rows: Rows, channels: tuple[str, ...]) -> Rows:
    """Return rows of some channels in this order."""
    if rows.channels == channels:
        return rows
    places = [rows.channels.index(name) for name in channels]
    columns = np.arange(rows.features.shape[1])
    kept = np.concatenate([columns[columns_of(i, len(rows.bands))] for i in places])
    covariance = rows.covariance
    if len(covariance):
        covariance = np.ascontiguousarray(covariance[:, places][:, :, places])
    return replace(rows, channels=channels, features=rows.features[:, kept], covariance=covariance)


def _numbered(parts: Sequence[Ints]) -> Ints:
    """Return numbers that no two visits share; −1 stays none."""
    out, n = [], 0
    for part in parts:
        out.append(np.where(part >= 0, part + n, -1))
        n += int(part.max(initial=-1)) + 1
    return np.concatenate(out)


def _times(parts: Sequence[Rows]) -> dict[str, npt.NDArray[np.float64]]:
    moves, begins = [0.0], parts[-1].t_first[0]
    for part in reversed(parts[:-1]):
        moves.append(float(begins - APART - part.t_last[-1]))
        begins = part.t_first[0] + moves[-1]
    both = list(zip(parts, reversed(moves), strict=True))
    return {
        "t_first": np.concatenate([part.t_first + move for part, move in both]),
        "t_last": np.concatenate([part.t_last + move for part, move in both]),
    }


def _covariances(parts: Sequence[Rows]) -> npt.NDArray[np.float32]:
    whole = all(len(part.covariance) for part in parts)
    return np.concatenate([p.covariance for p in parts]) if whole else parts[-1].covariance[:0]
