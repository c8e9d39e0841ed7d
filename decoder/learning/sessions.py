"""The rows that a network learns from, as encoded once per step (pure).

A session's rows are encoded in one go, so that a moment that may be drawn is a *place* in the
encoded series: place p is the embedding of rows p … p + 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import SignalError

from ..embedding import FIELD

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEFT = 5
"""Rows before the one that bears the label, in the library's own sampling (Offset(5, 5))."""


class Session(NamedTuple):
    """One encoder's rows, and the moments among them that may be drawn."""

    rows: Array
    """Standardized rows in order, shape (n_rows, n_features)."""
    place: Ints
    """Of every moment that may be drawn, the first of its ten rows, shape (n,)."""
    labels: Ints
    """Class of every moment, 0 or more, shape (n,)."""


def usable(rows: Array, newest: Ints, labels: Ints) -> Session:
    """Return a session of which only whole receptive fields are drawn.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
        Standardized rows in order.
    newest : array of shape (n,)
        Indices of the rows that may be drawn, in order; the caller sees to it that the nine before
        each are contiguous with it.
    labels : array of shape (n,)
        Their classes.

    Returns
    -------
    Session
        It keeps those rows alone that some moment rests on.

    Raises
    ------
    SignalError
        If an index has no nine rows before it, or a row that is used holds no number.
    """
    outside = (newest < FIELD - 1) | (newest >= len(rows))
    if outside.any():
        raise SignalError(
            f"Row {newest[outside][0]} cannot end ten of {len(rows)} rows.",
            "Draw rows 9 and later.",
        )
    used = np.unique(newest[:, None] + np.arange(1 - FIELD, 1))
    return _finite(Session(rows[used], np.searchsorted(used, newest - (FIELD - 1)), labels))


def published(rows: Array, labels: Ints) -> Session:
    """Return a session as `cebra.CEBRA.fit` draws it: every row, for the `paper` preset alone.

    A row's label stands for five rows before it and four after it. Windows that would begin before
    the first row or end after the last are moved inside while their label stays, and where files
    were put one after another, windows straddle their junction.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
        Standardized rows in order, ten or more.
    labels : array of shape (n_rows,)
        Class of every row.

    Raises
    ------
    SignalError
        If there are fewer than ten rows, or one holds no number.
    """
    if len(rows) < FIELD:
        raise SignalError(f"A session has {len(rows)} rows.", f"Give it {FIELD} or more.")
    place = np.clip(np.arange(len(rows)) - LEFT, 0, len(rows) - FIELD)
    return _finite(Session(rows, place, labels))


def _finite(session: Session) -> Session:
    n_bad = len(session.rows) - np.count_nonzero(np.isfinite(session.rows).all(axis=1))
    if n_bad:
        raise SignalError(
            f"{n_bad} of the {len(session.rows)} rows to learn from hold no number.",
            "Leave out the rows of bad channels.",
        )
    return session


def pooled(sessions: Sequence[Session]) -> Session:
    """Return several people's rows as one session, for one encoder over all of them.

    No window straddles two people. Pairs are made across people as within.

    Raises
    ------
    SignalError
        If the sessions differ in their number of features.
    """
    widths = sorted({session.rows.shape[1] for session in sessions})
    if len(widths) > 1:
        raise SignalError(
            f"Sessions of {' and '.join(map(str, widths))} features have no common encoder.",
            "Pool people of one montage and one preset.",
        )
    start = np.concatenate([[0], np.cumsum([len(session.rows) for session in sessions])])
    return Session(
        np.concatenate([session.rows for session in sessions]),
        np.concatenate([s.place + at for s, at in zip(sessions, start[:-1], strict=True)]),
        np.concatenate([session.labels for session in sessions]),
    )


def alike(sessions: Sequence[Session]) -> tuple[Session, ...]:
    """Return the sessions with their classes numbered anew from 0, the same for all.

    cebra draws the *next* class in place of one that a session lacks, without a word: half of the
    pairs that are to be alike would then be of two states.

    Raises
    ------
    SignalError
        If there are fewer than two classes, or a session lacks one that another has.
    """
    classes = np.unique(np.concatenate([session.labels for session in sessions]))
    if len(classes) < 2:
        raise SignalError(
            f"The labels name {len(classes)} class(es); two are needed to tell apart.",
            "Record another state.",
        )
    for i, session in enumerate(sessions):
        missing = np.setdiff1d(classes, session.labels)
        if len(missing):
            raise SignalError(
                f"Session {i + 1} of {len(sessions)} has no row of class "
                f"{', '.join(map(str, missing))}; together they have {len(classes)} classes.",
                "Leave out the session, or the class from all.",
                session=i,
                missing=missing.tolist(),
            )
    return tuple(s._replace(labels=np.searchsorted(classes, s.labels)) for s in sessions)


def hold_out(session: Session, share: float, gap: int) -> tuple[Session, Session]:
    """Cut the newest block of every class out of a session, for an early stop.

    Parameters
    ----------
    session : Session
        Its moments in order.
    share : float
        Share of every class's moments that is held out, above 0 and below 1.
    gap : int
        Rows kept free between what is held out and what is learned from: what two windows share.

    Returns
    -------
    learned, held_out : Session
        They share no row, and no row of the one is nearer than `gap` to one of the other.

    Raises
    ------
    SignalError
        If a class is left without a moment on either side.
    """
    held = np.zeros(len(session.labels), dtype=bool)
    for state in np.unique(session.labels):
        of = np.flatnonzero(session.labels == state)
        held[of[len(of) - int(share * len(of)) :]] = True
    reach = FIELD - 1 + gap
    edges = np.zeros(len(session.rows) + 1, dtype=np.int64)
    np.add.at(edges, np.maximum(session.place[held] - reach, 0), 1)
    np.add.at(edges, np.minimum(session.place[held] + reach + 1, len(session.rows)), -1)
    near = np.cumsum(edges)[session.place] > 0
    parts = _part(session, ~near), _part(session, held)
    for part, name in zip(parts, ("to learn from", "held out"), strict=True):
        lacking = np.setdiff1d(session.labels, part.labels)
        if len(lacking):
            raise SignalError(
                f"With {share:.0%} held out, class {lacking[0]} has no row {name}.",
                "Hold out another share, or record more.",
            )
    return parts


def _part(session: Session, which: Bools) -> Session:
    return usable(session.rows, session.place[which] + FIELD - 1, session.labels[which])
