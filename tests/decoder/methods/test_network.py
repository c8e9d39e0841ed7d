"""The small network: finds what is there, nothing where nothing is, and repeats itself."""

from dataclasses import replace

import numpy as np
import pytest

from decoder.methods import candidates
from decoder.methods.candidates import CANDIDATES

from .sampled import halves, sampled, spoilt

pytest.importorskip(
    "braindecode.models", reason="the extra `network` is not installed", exc_type=ImportError
)
torch = pytest.importorskip("torch")

METHOD = CANDIDATES["small-network"]


def scored(table, seed=0):
    """Return the balanced accuracy on rows that were not learned from."""
    train, test = halves(table)
    said = METHOD.fit(table, train, table.label[train], seed)(test).argmax(axis=1)
    true = table.label[test]
    return np.mean([(said[true == state] == state).mean() for state in np.unique(true)])


@pytest.mark.parametrize(("rate", "n_states"), [(128.0, 2), (250.0, 3)])
def test_finds_a_state_that_shows_in_two_people(rate, n_states):
    """Alpha at one channel tells the states: far above chance in units not learned from."""
    table = sampled(n_units=4 * n_states, rate=rate, n_states=n_states)
    assert scored(table) > 1 / n_states + 0.25


def test_finds_nothing_in_noise():
    """Without a state the mean over seeds lies at chance."""
    scores = [scored(sampled(seed, strength=0.0), seed) for seed in range(4)]
    assert abs(np.mean(scores) - 0.5) < 0.15


def test_a_seed_repeats_a_fit_and_leaves_torch_as_it_was():
    """The same bytes for a seed, others for another; generator and threads are put back."""
    table = sampled()
    train, test = halves(table)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    first, again, other = (
        METHOD.fit(table, train, table.label[train], seed)(test) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_a_prepared_fit_is_the_plain_one():
    """Labels dealt anew on one preparation: as fitted from the start; rows that sum to one."""
    table = sampled(n_units=6)
    train, test = halves(table)
    refit = METHOD.refit(table, train)
    for labels in (table.label[train], 1 - table.label[train]):
        p = refit(labels, 5)(test)
        np.testing.assert_array_equal(p, METHOD.fit(table, train, labels, 5)(test))
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)


def test_looks_at_no_label_and_no_scored_row_but_the_one_asked():
    """Other labels in the table, and wild samples in a scored unit, change no other answer."""
    table = sampled()
    train, test = halves(table)
    given = table.label[train]
    others = test[table.unit[test] != table.unit[test[0]]]
    p = METHOD.fit(table, train, given, 0)(others)
    mixed = np.random.default_rng(0).permutation(table.label)
    changed = replace(spoilt(table, table.unit[test[0]]), label=mixed)
    np.testing.assert_array_equal(METHOD.fit(changed, train, given, 0)(others), p)


def test_a_state_that_is_not_there_is_never_answered():
    """One state of three is always given; of two the third has no chance."""
    table = sampled(n_units=6, n_states=3)
    train, test = halves(table)
    only = train[table.label[train] == 1]
    p = METHOD.fit(table, only, table.label[only], 0)(test)
    assert (p.argmax(axis=1) == 1).all()
    two = train[table.label[train] != 1]
    p = METHOD.fit(table, two, table.label[two], 0)(test)
    assert (p[:, 1] == 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)


def test_rows_beyond_the_most_are_thinned_evenly(monkeypatch):
    """With fewer pieces than rows it still finds the state, and asks for labels of those alone."""
    monkeypatch.setattr(candidates, "PIECES", 30)
    assert scored(sampled(strength=2.0)) > 0.75
