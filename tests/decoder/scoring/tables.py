"""Small tables of people, sessions and units for the tests of scoring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decoder.embedding import FIELD
from decoder.features import Band
from decoder.table import Table

RATE, N_TIMES, HOP = 100.0, 100, 25
Labels = Sequence[Sequence[Sequence[int]]]
"""States of the units, by person and session."""


def table_of(
    labels: Labels,
    rows: int | Sequence[int] = 30,
    *,
    gap: int = 0,
    n_features: int = 4,
    seed: int = 0,
    strength: float = 0.0,
    audible: Sequence[int] = (-1,),
) -> Table:
    """Return people whose units follow one another, a session being one recording.

    Parameters
    ----------
    labels : nested sequences of int
        States of the units, by person and session.
    rows : int or sequence of int
        Rows of every unit, or of the units in turn; the first nine of each are not usable.
    gap : int
        Unlabelled rows after each unit.
    n_features, seed, strength
        AR(1) noise; the first feature is moved by `strength` times the state.
    audible : sequence of int
        What is heard in the units in turn.
    """
    rng = np.random.default_rng(seed)
    columns: dict[str, list[int]] = {
        name: []
        for name in ("label", "person", "session", "unit", "audible", "first", "run", "use")
    }
    lengths = [rows] if isinstance(rows, int) else list(rows)
    session = unit = 0
    for person, sessions in enumerate(labels):
        for states in sessions:
            place = 0
            for state in states:
                n = lengths[unit % len(lengths)]
                for i in range(n + gap):
                    mine = i < n
                    columns["label"].append(state if mine else -1)
                    columns["unit"].append(unit if mine else -1)
                    columns["audible"].append(audible[unit % len(audible)] if mine else -1)
                    columns["use"].append(int(mine and i >= FIELD - 1))
                    columns["person"].append(person)
                    columns["session"].append(session)
                    columns["run"].append(session)
                    columns["first"].append(place * HOP)
                    place += 1
                unit += 1
            session += 1
    c = {name: np.array(values, dtype=np.int64) for name, values in columns.items()}
    n_rows = len(c["label"])
    x = np.empty((n_rows, n_features))
    noise = rng.standard_normal((n_rows, n_features))
    x[0] = noise[0]
    for i in range(1, n_rows):
        x[i] = 0.9 * x[i - 1] + np.sqrt(1 - 0.81) * noise[i]
    x[:, 0] += strength * c["label"]
    return Table(
        features=x,
        label=c["label"],
        person=c["person"],
        session=c["session"],
        recording=c["session"].copy(),
        unit=c["unit"],
        stimulus=c["unit"] % 7,
        audible=c["audible"],
        first=c["first"],
        t=(c["first"] + N_TIMES) / RATE,
        run=c["run"],
        usable=c["use"].astype(bool),
        baseline=np.zeros(n_rows, dtype=bool),
        states=tuple("abcdef"[: c["label"].max() + 1]),
        people=tuple(f"P{i}" for i in range(len(labels))),
        sessions=tuple(f"S{i}" for i in range(session)),
        recordings=tuple(f"R{i}" for i in range(session)),
        channels=tuple(f"C{i}" for i in range(n_features)),
        bands=(Band("alpha", 8.0, 13.0),),
        rate=RATE,
        n_times=N_TIMES,
        hop=HOP,
    )
