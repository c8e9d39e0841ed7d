"""Drift within a state and differences between files of one state are found, and noise is not."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.leaks.contrasts import (
    MOST_CONTRASTS,
    MOST_ROWS,
    N_BLOCKS,
    Contrast,
    blocks,
    deals,
    spread,
    thinned,
)
from decoder.leaks.drift import drift, early_and_late
from decoder.leaks.identity import bound, file_identity, pairs_of_files
from tests.decoder.leaks.made import PURGE, files, shares

ONE_EACH = [[[0], [1]], [[0], [1]]]
TWO_EACH = [[[0], [0], [1], [1]], [[0], [0], [1], [1]]]


def rng() -> np.random.Generator:
    """Return a generator with a pinned seed."""
    return np.random.default_rng(5)


@given(n=st.integers(0, 300), k=st.integers(1, 12))
def test_blocks_are_runs_of_nearly_equal_length(n, k):
    """No block is longer than another by more than one row, and they stand in order."""
    found = blocks(n, k)
    assert len(found) == n
    assert (np.diff(found) >= 0).all()
    assert np.ptp(np.bincount(found, minlength=k)) <= 1


def test_deals_are_all_ways_to_choose_once():
    """The true deal comes first; no deal is another's mirror image."""
    found = deals()
    assert found[0] == tuple(range(N_BLOCKS))
    assert len(set(found)) == len(found) == comb(2 * N_BLOCKS, N_BLOCKS) // 2
    mirrored = {tuple(sorted(set(range(2 * N_BLOCKS)) - set(group))) for group in found}
    assert not mirrored & set(found)


@given(counts=st.lists(st.integers(1, 90), min_size=1, max_size=80))
def test_contrasts_are_spread_over_people(counts):
    """Never more than the limit, nobody with more than another who has enough, each only once."""
    rows = np.arange(8)
    made = [Contrast(f"{p}.{i}", p, rows, rows) for p, n in enumerate(counts) for i in range(n)]
    names = [one.name for one in spread(made)]
    assert len(names) <= MOST_CONTRASTS
    assert len(set(names)) == len(names)
    own = np.bincount([int(name.split(".")[0]) for name in names], minlength=len(counts))
    each = max(1, MOST_CONTRASTS // len(counts))
    assert own[:MOST_CONTRASTS].tolist() == [min(n, each) for n in counts[:MOST_CONTRASTS]]


@pytest.mark.parametrize("n", [40, 5000])
def test_long_blocks_are_thinned(n):
    """No block keeps more rows than the limit, short ones keep all, order stays."""
    one = thinned(Contrast("", 0, np.arange(n), blocks(n, 2 * N_BLOCKS)))
    sizes = np.bincount(one.block)
    assert sizes.max() <= MOST_ROWS
    assert (np.diff(one.rows) > 0).all()
    assert len(one.rows) == n or sizes.min() > MOST_ROWS / 2


@pytest.mark.parametrize(("size", "least"), [(2.0, 0.6), (4.0, 0.75)])
def test_drift_is_found(size, least):
    """A feature that moves by two or four standard deviations over a file tells early from late."""
    found = [drift(files(ONE_EACH, drift=size, seed=seed), PURGE, rng()) for seed in range(3)]
    assert shares([one.found for one in found]) == 1.0
    assert np.mean([one.score for one in found]) > least
    assert "4 stretches" in found[0].what
    assert len(found[0].details) == 2 + 4
    assert found[0].details[1].endswith("2 stretches")


def test_a_larger_drift_scores_higher():
    """The score grows with the drift."""
    scores = [
        np.mean([drift(files(ONE_EACH, drift=d, seed=s), PURGE, rng()).score for s in range(2)])
        for d in (0.0, 1.5, 4.0)
    ]
    assert scores == sorted(scores)


def test_noise_does_not_drift():
    """Short memory is no drift: found as seldom as the level allows, scores at chance."""
    found = [drift(files(ONE_EACH, seed=seed), PURGE, rng()) for seed in range(8)]
    assert shares([one.found for one in found]) <= 2 / 8
    assert abs(np.mean([one.score for one in found]) - 0.5) < 0.05


def test_one_stretch_alone_can_be_told():
    """With 35 deals of the blocks a single file can show its drift, and p is exact."""
    found = drift(files([[[0]]], drift=8.0), PURGE, rng())
    assert found.found
    assert "1 stretch of" in found.what
    assert "p = 0.0286" in found.what


def test_labels_do_not_matter_to_drift():
    """Another name for the state of every file changes no score."""
    table = files(ONE_EACH, drift=1.0)
    other = replace(table, label=1 - table.label)
    assert drift(table, PURGE, rng()).score == drift(other, PURGE, rng()).score


def test_short_stretches_say_so():
    """Where no stretch is long enough nothing is claimed, and both lengths are named."""
    found = drift(files(ONE_EACH, rows=120), PURGE, rng())
    assert found.found is None
    assert "28 s" in found.what
    assert "42 s" in found.what
    assert not early_and_late(files(ONE_EACH, rows=120), PURGE)


@pytest.mark.parametrize(("size", "least"), [(1.0, 0.6), (3.0, 0.85)])
def test_files_that_differ_are_told(size, least):
    """Files that lie one or three standard deviations apart are told, whatever their state."""
    found = [
        file_identity(files(TWO_EACH, rows=140, apart=size, seed=seed), PURGE, rng())
        for seed in range(3)
    ]
    assert shares([one.found for one in found]) == 1.0
    assert np.mean([one.score for one in found]) > least
    assert "4 pairs" in found[0].what
    assert "each file holds one state" in found[0].meaning


def test_files_of_one_kind_are_not_told():
    """Noise has no files."""
    found = [file_identity(files(TWO_EACH, 140, seed=s), PURGE, rng()) for s in range(8)]
    assert shares([one.found for one in found]) <= 2 / 8
    assert abs(np.mean([one.score for one in found]) - 0.5) < 0.05


def test_pairs_are_of_one_person_and_one_state():
    """Nobody's file is held against another's, no state against another."""
    table = files(TWO_EACH, rows=140)
    for pair in pairs_of_files(table, PURGE):
        assert len(np.unique(table.person[pair.rows])) == 1
        assert len(np.unique(table.label[pair.rows])) == 1
        assert len(np.unique(table.recording[pair.rows])) == 2


def test_state_and_file_in_one_is_said():
    """One file of every state: they cannot be told apart by design."""
    found = file_identity(files(ONE_EACH), PURGE, rng())
    assert found.found
    assert found.score is None
    assert "4 files" in found.what
    assert "by design" in found.meaning


def test_files_with_several_states_are_not_bound():
    """Where states alternate within a file, the file does not name them."""
    table = files([[[0, 1, 0, 1]], [[1, 0, 1, 0]]], rows=60)
    assert not bound(table)
    found = file_identity(table, PURGE, rng())
    assert found.found is None
    assert "21 s each" in found.what


def test_short_files_of_one_state_say_so():
    """Two files of one state that are too short leave it open."""
    found = file_identity(files(TWO_EACH, rows=40), PURGE, rng())
    assert found.found is None
