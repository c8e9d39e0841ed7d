"""Samples and copies on both sides of a split are counted; honest protocols have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.embedding import FIELD
from decoder.leaks.overlap import overlap, overlapping
from decoder.scoring.protocols import PROTOCOLS, protocol
from decoder.scoring.splits import Rules, Split
from tests.decoder.scoring.tables import table_of

TABLE = table_of([[[0, 1, 0, 1], [1, 0, 1, 0]], [[0, 1, 0, 1], [1, 0, 1, 0]]], 40)
RULES = Rules(0.75, minutes=0.5)


def by_hand(table, learned, scored):
    """Return which scored rows share a sample, sample by sample."""
    reach = table.n_times + (FIELD - 1) * table.hop

    def samples(row):
        end = table.first[row] + table.n_times
        return {(int(table.recording[row]), s) for s in range(end - reach, end)}

    seen = set().union(*map(samples, learned)) if len(learned) else set()
    return np.array([bool(samples(row) & seen) for row in scored], dtype=bool)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 6), m=st.integers(1, 6))
def test_overlap_is_that_of_the_samples(seed, n, m):
    """Counting samples one by one gives the same rows."""
    rng = np.random.default_rng(seed)
    newest = TABLE.newest
    at = int(rng.integers(0, len(newest) - 80))
    near = newest[at : at + 80]
    learned = np.sort(rng.choice(near, n, replace=False))
    scored = np.sort(rng.choice(near, m, replace=False))
    assert np.array_equal(overlapping(TABLE, learned, scored), by_hand(TABLE, learned, scored))


@pytest.mark.parametrize("name", [p.name for p in PROTOCOLS if not p.leaky])
def test_honest_protocols_share_no_sample(name):
    """Not one scored row of any honest protocol was learned from."""
    found = overlap(TABLE, name, protocol(name).splits(TABLE, RULES))
    assert found.found is False
    assert found.score == 0.0


@pytest.mark.parametrize("name", ["random", "fitted", "paper"])
def test_leaky_protocols_do(name):
    """Under leaky protocols nearly all scored rows were learned from, or their labels seen."""
    found = overlap(TABLE, name, protocol(name).splits(TABLE, RULES))
    assert found.found
    assert found.score > 0.9
    assert "let in" in found.meaning


@pytest.mark.parametrize("rows", [1, 12])
def test_few_rows_are_counted(rows):
    """As many rows as overlap are named."""
    newest = TABLE.newest[TABLE.recording[TABLE.newest] == 0]
    other = TABLE.newest[TABLE.recording[TABLE.newest] == 2]
    split = Split("s", newest[:rows], np.concatenate([newest[:rows], other]), 0)
    found = overlap(TABLE, "made up", [split])
    expected = int(by_hand(TABLE, split.train, split.test).sum())
    assert expected >= rows
    assert f"{expected} of {len(split.test)} scored rows" in found.what


def test_copies_on_two_sides_are_named():
    """A copy that is learned from is found under every name, and the scored rows are counted."""
    splits = protocol("leave-one-person-out").splits(TABLE, RULES)
    found = overlap(TABLE, "leave-one-person-out", splits, [(0, 2), (1, 3)])
    assert found.found
    assert found.score == 1.0
    assert "R0 and R2 hold the same minutes and stand on two sides of 2 splits" in found.details
    assert "R0, R1, R2 and R3" in found.meaning


def test_copies_on_one_side_are_no_leak():
    """Copies that are always held out together do not touch this protocol."""
    splits = protocol("leave-one-person-out").splits(TABLE, RULES)
    found = overlap(TABLE, "leave-one-person-out", splits, [(0, 1), (2, 3)])
    assert found.found is False


def test_parts_of_a_file_on_both_sides_are_told():
    """Far parts of one file on both sides are no overlap, but are mentioned."""
    found = overlap(TABLE, "within", protocol("within").splits(TABLE, RULES))
    assert "4 of 4 files have parts on both sides" in found.details[0]


def test_no_split_is_said():
    """A protocol that does not fit the data set leaves it open."""
    assert overlap(TABLE, "within", []).found is None
