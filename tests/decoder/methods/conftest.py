"""Tables of noise with states, people, units: what is planted is all that there is to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from decoder.embedding import FIELD
from decoder.features import BANDS
from decoder.table import Table

CHANNELS = ("Fp1", "Fp2", "F3", "F4", "C3", "Cz", "C4", "T7", "T8", "O1")
UNIT = 30
"""Rows of a unit."""


def covariances_of(rng, n, n_channels):
    """Return covariances of 64 samples of noise each."""
    samples = 10 * rng.standard_normal((n, 64, n_channels))
    return (np.einsum("nti,ntj->nij", samples, samples) / 64).astype(np.float32)


def table_of(seed=0, *, n_people=3, n_units=8, n_states=2, channels=CHANNELS, rest=40):
    """Return a table: per person one recording of rest and two of dealt states."""
    rng = np.random.default_rng(seed)
    per_person = rest + n_units * UNIT
    n, d = n_people * per_person, len(channels) * 5
    place = np.arange(n) % per_person
    person = np.arange(n) // per_person
    unit_of_person = np.where(place < rest, -1, (place - rest) // UNIT)
    half = np.where(place < rest, 0, 1 + (unit_of_person >= n_units // 2))
    recording = person * 3 + half
    deals = [rng.permutation(np.arange(n_units // 2) % n_states) for _ in range(2 * n_people)]
    dealt = np.concatenate(deals).reshape(n_people, n_units)
    label = np.where(place < rest, -1, dealt[person, unit_of_person])
    unit = np.where(place < rest, -1, person * n_units + unit_of_person)
    within = np.where(place < rest, 0, (place - rest) % UNIT)
    features = rng.standard_normal((n, d)) + 3 * rng.standard_normal((n_people, d))[person]
    return Table(
        features=features,
        label=label,
        person=person,
        session=person.copy(),
        recording=recording,
        unit=unit,
        stimulus=unit.copy(),
        audible=np.full(n, -1),
        first=place * 32,
        t=1.0 + 0.25 * place,
        run=recording.copy(),
        usable=within >= FIELD - 1,
        baseline=place < rest,
        states=tuple("abcd"[:n_states]),
        people=tuple(f"p{i}" for i in range(n_people)),
        sessions=tuple(f"p{i}" for i in range(n_people)),
        recordings=tuple(f"r{i}" for i in range(3 * n_people)),
        channels=channels,
        bands=BANDS["default"],
        rate=128.0,
        n_times=128,
        hop=32,
        muscle=rng.standard_normal((n, len(channels))),
        motor=rng.standard_normal((n, len(channels))),
        covariance=covariances_of(rng, n, len(channels)),
    )


@pytest.fixture(scope="session")
def make_table():
    """Return `table_of`."""
    return table_of


@pytest.fixture(scope="session")
def with_states():
    """Return a function that adds a pattern per state to the features."""

    def change(table, strength, columns=slice(None), seed=1):
        rng = np.random.default_rng(seed)
        pattern = strength * rng.standard_normal((table.n_states, table.features.shape[1]))
        added = np.zeros_like(table.features)
        known = table.label >= 0
        added[known] = pattern[table.label[known]]
        features = table.features.copy()
        features[:, columns] += added[:, columns]
        return replace(table, features=features)

    return change


@pytest.fixture(scope="session")
def halves():
    """Return a function that gives every second unit of each state and person, and the others."""

    def split(table):
        train = np.zeros(len(table), dtype=bool)
        for person in np.unique(table.person):
            for state in range(table.n_states):
                units = np.unique(table.unit[(table.person == person) & (table.label == state)])
                train |= np.isin(table.unit, units[::2])
        newest = table.newest
        return newest[train[newest]], newest[~train[newest]]

    return split


@pytest.fixture(scope="session")
def score():
    """Return a function that gives the balanced accuracy of a method on rows it did not learn."""

    def of(method, table, train, test, labels=None):
        labels = table.label[train] if labels is None else labels
        answered = method.fit(table, train, labels, 0)(test).argmax(axis=1)
        true = table.label[test]
        return np.mean([(answered[true == state] == state).mean() for state in np.unique(true)])

    return of
