"""Tables of noise under labels that were dealt at random (pure).

The noise is AR(1) with 0.99 from row to row, as windows that overlap resemble one another, so that
rows of one unit lie together whatever their state. To it comes what breaks weak protocols: a drift
through each session, an offset of every person and session, states of unequal frequency, units of
unequal length, a single unit of every state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from decoder.embedding import FIELD
from decoder.features import Band
from decoder.leaks.canary import canary_of
from decoder.table import Table

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RATE, N_TIMES, HOP = 100.0, 100, 25
COEFFICIENT = 0.99
"""What remains of the noise from one row to the next."""
CHANNELS = ("Fp1", "Fp2", "C3", "C4")
BANDS = (Band("delta", 1.0, 4.0), Band("theta", 4.0, 8.0), Band("alpha", 8.0, 13.0))
Order = Literal["random", "alternating", "in blocks"]


class Layout(NamedTuple):
    """Who had which units, and how the noise goes on beneath them."""

    name: str
    counts: tuple[int, ...]
    """Units of every state in each session (of the person where labels are dealt per person)."""
    n_people: int = 3
    n_sessions: int = 2
    rows: tuple[int, ...] = (24,)
    """Rows of the units in turn; the first nine of each are not usable."""
    order: Order = "random"
    dealt: Literal["person", "session"] = "session"
    drift: float = 0.0
    """By how many standard deviations every feature moves through a session, up or down."""
    offset: float = 0.0
    """Standard deviation of what is added to all rows of a person, and to all of a session."""
    files: bool = False
    """Whether every unit is a recording of its own; otherwise every session is one."""
    repeated: bool = False
    """Whether every session shows the same stimuli, each with its state, in another order."""


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("even", (3, 3, 3)),
        Layout("drift", (3, 3, 3), drift=6.0),
        Layout("offsets", (4, 4), drift=3.0, offset=3.0),
        Layout("per person", (6, 6), dealt="person", drift=3.0, offset=3.0),
        Layout("unequal", (3, 5), n_people=4, rows=(20, 34, 26), drift=3.0),
        Layout("files", (4, 4), n_people=5, n_sessions=1, offset=3.0, files=True),
        Layout("stimuli", (4, 4), drift=3.0, repeated=True),
        Layout("small", (2, 2), rows=(20,), drift=2.0, offset=2.0),
        Layout("one of each", (1, 1), n_people=12, n_sessions=1, rows=(60,), drift=3.0, files=True),
    )
}


def table_of(layout: Layout, rng: np.random.Generator) -> Table:
    """Return a table of noise, its labels dealt at random unless the layout says otherwise.

    Parameters
    ----------
    layout : Layout
        Its shape.
    rng : numpy.random.Generator
        Deals the labels, then draws the noise.
    """
    frame = _frame(layout, list(_dealt(layout, rng)))
    if layout.repeated:
        frame = replace(frame, stimulus=_shown_again(frame, rng))
    table = canary_of(frame, rng, COEFFICIENT)
    # Power is what is moved: the logarithm of a covariance's scale moves as a feature does.
    moved = _moved(table, layout, rng, len(CHANNELS) * len(BANDS))
    scale = np.exp(0.5 * moved[:, : len(CHANNELS)])
    return replace(
        table,
        features=table.features + moved,
        muscle=table.muscle + _moved(table, layout, rng, len(CHANNELS)),
        motor=table.motor + _moved(table, layout, rng, len(CHANNELS)),
        covariance=(table.covariance * scale[:, :, None] * scale[:, None, :]).astype(np.float32),
    )


def _dealt(layout: Layout, rng: np.random.Generator) -> Iterator[list[Ints]]:
    """Yield every person's states of units, by session."""
    states = np.repeat(np.arange(len(layout.counts)), layout.counts)
    for _ in range(layout.n_people):
        n = 1 if layout.dealt == "person" else layout.n_sessions
        sessions = [_ordered(states, layout.order, rng) for _ in range(n)]
        yield np.array_split(sessions[0], layout.n_sessions) if n == 1 else sessions


def _ordered(states: Ints, order: Order, rng: np.random.Generator) -> Ints:
    if order == "random":
        return rng.permutation(states)
    if order == "in blocks":
        return states
    rank = np.concatenate([np.arange(n) for n in np.bincount(states)])
    return states[np.argsort(rank, kind="stable")]


def _shown_again(table: Table, rng: np.random.Generator) -> Ints:
    """Return stimuli that every session shows, each with its state."""
    stimulus = np.full(len(table), -1, dtype=np.int64)
    for session in range(len(table.sessions)):
        for state in range(table.n_states):
            rows = (table.session == session) & (table.label == state)
            names, place = np.unique(table.unit[rows], return_inverse=True)
            stimulus[rows] = (state + table.n_states * rng.permutation(len(names)))[place]
    return stimulus


def _frame(layout: Layout, people: list[list[Ints]]) -> Table:
    """Return the table without content: one row of `units` per unit, repeated for its rows."""
    units = [
        (person, person * layout.n_sessions + session, state)
        for person, sessions in enumerate(people)
        for session, states in enumerate(sessions)
        for state in states.tolist()
    ]
    lengths = np.resize(np.array(layout.rows), len(units))
    person, session, label = np.repeat(np.array(units), lengths, axis=0).T
    unit = np.repeat(np.arange(len(units)), lengths)
    recording = unit if layout.files else session
    n = len(unit)
    place = np.arange(n)
    first = (place - np.unique(recording, return_index=True)[1][recording]) * HOP
    within = place - np.unique(unit, return_index=True)[1][unit]
    since = place - np.unique(session, return_index=True)[1][session]
    n_channels = len(CHANNELS)
    return Table(
        features=np.zeros((n, n_channels * len(BANDS))),
        label=label,
        person=person,
        session=session,
        recording=recording,
        unit=unit,
        stimulus=unit.copy(),
        audible=unit % 3,
        first=first,
        t=(since * HOP + N_TIMES) / RATE,
        run=recording.copy(),
        usable=within >= FIELD - 1,
        baseline=np.zeros(n, dtype=bool),
        states=tuple("abcdef"[: len(layout.counts)]),
        people=tuple(f"P{i + 1}" for i in range(layout.n_people)),
        sessions=tuple(f"S{i + 1}" for i in range(layout.n_people * layout.n_sessions)),
        recordings=tuple(f"R{i + 1}" for i in range(int(recording.max()) + 1)),
        channels=CHANNELS,
        bands=BANDS,
        rate=RATE,
        n_times=N_TIMES,
        hop=HOP,
        muscle=np.zeros((n, n_channels)),
        motor=np.zeros((n, n_channels)),
        covariance=np.zeros((n, n_channels, n_channels), dtype=np.float32),
    )


def _moved(table: Table, layout: Layout, rng: np.random.Generator, n_features: int) -> Array:
    """Return what drift and offsets add, shape (n, n_features)."""
    size = (len(table.sessions), n_features)
    slope = layout.drift * rng.choice([-1.0, 1.0], size) * rng.uniform(0.5, 1.5, size)
    length = np.zeros(len(table.sessions))
    np.maximum.at(length, table.session, table.t)
    gone = (table.t / length[table.session])[:, None]
    out: Array = slope[table.session] * gone
    out += layout.offset * rng.standard_normal((len(table.people), n_features))[table.person]
    out += layout.offset * rng.standard_normal(size)[table.session]
    return out
