"""Tables with the samples behind their rows: what is planted is all that there is to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from decoder.embedding import FIELD
from decoder.features import BANDS
from decoder.table import Table

CHANNELS = ("Fz", "C3", "Pz")


def sampled(
    seed: int = 0,
    *,
    n_people: int = 2,
    n_units: int = 8,
    strength: float = 1.0,
    rate: float = 128.0,
    rows: int = 20,
    n_states: int = 2,
) -> Table:
    """Return people with a file of rest and a file per unit; alpha at Pz tells the states.

    Parameters
    ----------
    seed : int
        Of the noise.
    n_people, n_units, rows, n_states : int
        Units of a person bear the states in turn.
    strength : float
        Amplitude of state s's alpha is s · strength · 10 µV, beside noise of 10 µV; 0: none.
    rate : float
        Samples per second; a window is a second, a hop a quarter.
    """
    rng = np.random.default_rng(seed)
    n_times, hop = int(rate), int(rate / 4)
    n_files = n_people * (n_units + 1)
    file = np.repeat(np.arange(n_files), rows)
    place = np.tile(np.arange(rows), n_files)
    person, number = file // (n_units + 1), file % (n_units + 1) - 1
    label = np.where(number < 0, -1, number % n_states)
    n = len(file)
    return Table(
        features=np.zeros((n, len(CHANNELS) * len(BANDS["default"]))),
        label=label,
        person=person,
        session=person.copy(),
        recording=file,
        unit=np.where(number < 0, -1, person * n_units + number),
        stimulus=np.full(n, -1),
        audible=np.full(n, -1),
        first=place * hop,
        t=60.0 * file + place / 4 + 1.0,
        run=file.copy(),
        usable=(number >= 0) & (place >= FIELD - 1),
        baseline=number < 0,
        states=tuple("abc"[:n_states]),
        people=tuple(f"p{i}" for i in range(n_people)),
        sessions=tuple(f"p{i}" for i in range(n_people)),
        recordings=tuple(f"r{i}" for i in range(n_files)),
        channels=CHANNELS,
        bands=BANDS["default"],
        rate=rate,
        n_times=n_times,
        hop=hop,
        samples=tuple(
            _signal(rng, n_times + (rows - 1) * hop, rate, strength * max(0, label[file == i][0]))
            for i in range(n_files)
        ),
    )


def _signal(
    rng: np.random.Generator, n: int, rate: float, alpha: float
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    noise = 10.0 * rng.standard_normal((n, len(CHANNELS)))
    wave = np.sin(2 * np.pi * (10.0 * np.arange(n) / rate + rng.random()))
    noise[:, 2] += 10.0 * alpha * wave
    return noise.astype(np.float32)


def halves(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return the usable rows of each person's first units and of the later ones."""
    newest = table.newest
    per_person = len(np.unique(table.unit[newest])) // len(table.people)
    early = table.unit[newest] % per_person < per_person // 2
    return newest[early], newest[~early]


def spoilt(table: Table, unit: int) -> Table:
    """Return a table whose samples are wild or missing in one unit."""
    which = set(table.recording[table.unit == unit].tolist())
    wild = tuple(
        np.where(np.arange(len(one))[:, None] % 2, np.nan, 1e9).astype(np.float32)
        + np.zeros_like(one)
        if i in which
        else one
        for i, one in enumerate(table.samples)
    )
    return replace(table, samples=wild)
