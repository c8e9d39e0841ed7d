"""p says how often chance does as well: never too seldom, on noise and by construction."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats

from decoder.methods import discriminant
from decoder.scoring.held_out import held_out, people_scores, seed_of
from decoder.scoring.metrics import answers_of, balanced_accuracy
from decoder.scoring.nulls import best_of, draws_of, scores_of, weigh
from decoder.scoring.protocols import protocol
from decoder.scoring.splits import Rules
from decoder.scoring.units import n_relabelings, relabelings, units_of
from tests.decoder.scoring.tables import table_of

RULES = Rules(smoothing=1.5)


def fit_lda(table, train, labels, seed):
    """Shrinkage LDA on the newest row alone."""
    found = discriminant.fit(table.features[train], labels, table.n_states)
    return lambda rows: found(table.features[rows])


def score(table, name="within", rules=RULES):
    """Return everybody's balanced accuracy of LDA under a protocol."""
    p = held_out(table, protocol(name).splits(table, rules), fit_lda, 0)
    rows = np.flatnonzero(~np.isnan(p[:, 0]))
    return people_scores(table, rows, answers_of(p[rows]), balanced_accuracy)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=2),
    st.integers(0, 1000),
    st.sampled_from([0, 1, 6]),
)
def test_p_of_all_relabelings_is_exact(labels, seed, decimals):
    """Were any relabeling the true one, as likely each: P(p ≤ a) ≤ a for every a, ties and all."""
    units = units_of(table_of([[states] for states in labels], rows=10))
    got = relabelings(units, 1, np.random.default_rng(0))
    if not got.complete:
        return
    scores = np.random.default_rng(seed).random((len(got.labels), 1)).round(decimals)
    p = np.array([weigh(row, scores, complete=True).p for row in scores])
    for level in np.unique(p):
        assert (p <= level).mean() <= level + 1e-12
    assert p.min() >= 1 / n_relabelings(units)


def test_p_of_drawn_relabelings_is_at_least_uniform():
    """19 draws, 4000 true scores of the same kind: p ≤ 0.05, 0.1 … as often as it says."""
    rng = np.random.default_rng(0)
    p = np.array([weigh(rng.random(1), rng.random((19, 1)), complete=False).p for _ in range(4000)])
    assert p.min() == 0.05
    for level in (0.05, 0.1, 0.25, 0.5):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 4000)


def test_a_null_weighs_people_apart_and_together():
    """Shares of the null that reach each score, the 95 % line, people without a score left out."""
    null = np.stack([np.arange(20) / 20, np.full(20, 0.5), np.arange(20)[::-1] / 20], axis=1)
    found = weigh(np.array([0.9, 0.5, np.nan]), null, complete=False)
    assert found.people_p[:2].tolist() == [3 / 21, 1.0]
    assert found.people_95[:2].tolist() == [0.9, 0.5]
    assert np.isnan(found.people_p[2])
    assert found.p == 3 / 21
    assert found.null_95 == (0.9 + 0.5) / 2
    assert weigh(np.array([0.9]), null[:, :1], complete=True).p == 2 / 20


def test_draws_that_score_somebody_not_are_left_out_for_that_person():
    """Of all relabelings those that score everybody count; of drawn ones everybody's own."""
    null = np.array([[0.1, 0.9], [np.nan, 0.1], [0.6, 0.1], [0.2, np.nan]])
    drawn = weigh(np.array([0.5, 0.5]), null, complete=False)
    assert (drawn.p, drawn.n_drawn) == ((1 + 1) / (1 + 3), 3)  # means 0.5, 0.35, 0.15
    assert drawn.people_p.tolist() == [2 / 4, 2 / 4]
    every = weigh(np.array([0.6, 0.1]), null, complete=True)
    assert (every.p, every.n_drawn) == (2 / 2, 2)  # means 0.5, 0.35
    nobody = weigh(np.array([0.5]), np.full((3, 1), np.nan), complete=False)
    assert (nobody.p, nobody.n_drawn) == (1.0, 0)


def test_p_keeps_its_level_where_labels_decide_who_is_scored():
    """Four people scored only if their first two units differ; 2000 runs of noise, 60 draws."""
    rng = np.random.default_rng(0)
    n_runs, n_draws, n_people = 2000, 60, 4
    shape = (n_runs, n_draws + 1, n_people, 6)
    labels = rng.permuted(np.broadcast_to([-1, -1, -1, 1, 1, 1], shape), axis=3)
    noise = rng.standard_normal((n_runs, 1, n_people, 6))
    scores = np.where(labels[..., 0] != labels[..., 1], (labels * noise).sum(axis=3), np.nan)
    runs = [run for run in scores if not np.isnan(run[0]).all()]
    p = np.array([weigh(run[0], run[1:], complete=False).p for run in runs])
    for level in (0.05, 0.1, 0.5):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / len(p))
    assert (p <= 0.5).mean() > 0.4


def test_what_is_there_is_found_although_draws_leave_people_out():
    """Eight people, a strong state: hardly a draw scores all of them."""
    rng = np.random.default_rng(2)
    labels = [[rng.permutation([0, 0, 0, 1, 1, 1]).tolist()] for _ in range(8)]
    table = table_of(labels, rows=40, strength=5.0)
    rules = RULES._replace(minutes=0.25)
    draws = draws_of(table, units_of(table), "permuted units", 60, seed=1)
    null = scores_of(draws, lambda drawn: score(drawn, "calibrate", rules))
    assert np.isnan(null).any(axis=1).mean() > 0.5
    assert weigh(score(table, "calibrate", rules), null, complete=False).p <= 0.05


def test_the_best_of_several_is_held_against_the_best_of_chance():
    """Four candidates on noise: the best is above in 5 %, not in a fifth, of 1000 runs."""
    rng = np.random.default_rng(1)
    best = alone = 0
    for _ in range(1000):
        true, null = rng.random(4), rng.random((99, 4))
        best += best_of(true, null, complete=False).min() <= 0.05
        alone += min(weigh(true[[i]], null[:, [i]], complete=False).p for i in range(4)) <= 0.05
    assert best <= stats.binom(1000, 0.05).ppf(0.999)
    assert alone > 120
    assert best_of(np.array([0.9]), np.array([[0.5], [0.9]]), complete=True).tolist() == [0.5]


@pytest.mark.parametrize("kind", ["permuted units", "pseudosessions", "circular shift"])
def test_draws_do_not_depend_on_their_order(kind):
    """Each draw comes from its own number; other seeds and numbers give other draws."""
    table = table_of([[[0, 1, 2] * 4]], rows=list(range(12, 24)))
    units = units_of(table)
    draws = draws_of(table, units, kind, 6, seed=3)
    again = draws_of(table, units, kind, 6, seed=3)
    other = draws_of(table, units, kind, 6, seed=4)
    assert not draws.complete
    assert len(draws) == 6
    backwards = [again[i].label for i in reversed(range(6))][::-1]
    for i in range(6):
        np.testing.assert_array_equal(draws[i].label, backwards[i])
    assert len({draws[i].label.tobytes() for i in range(6)}) == 6
    assert draws[0].label.tobytes() != other[0].label.tobytes()


def test_few_relabelings_are_all_drawn():
    """Two people with two units each, by others: four relabelings, twins score alike."""
    table = table_of([[[0, 1]], [[1, 0]]], rows=30, seed=3)
    draws = draws_of(table, units_of(table), "permuted units", 100, seed=0)
    assert draws.complete
    scores = scores_of(draws, partial(score, name="leave-one-person-out"))
    assert scores.shape == (4, 2)
    by_label = {draws[i].label.tobytes(): scores[i] for i in range(4)}
    for i in range(4):
        np.testing.assert_allclose(by_label[(1 - draws[i].label).tobytes()], scores[i])


def test_what_is_there_is_found():
    """A state that moves a feature: p is as small as 99 draws let it be; null around chance."""
    table = table_of([[[0, 1] * 6]] * 2, rows=30, strength=3.0, gap=5)
    draws = draws_of(table, units_of(table), "permuted units", 99, seed=0)
    found = weigh(score(table), scores_of(draws, score), complete=draws.complete)
    assert found.p == 0.01
    assert 0.4 < found.null_95 < 0.75


@pytest.mark.long
def test_noise_stays_at_chance_within_a_person():
    """Canary: AR(1) noise, 24 seeds, three states. Mean at chance, p ≤ 0.05 no oftener than by it.

    The bound on rejections is that of 24 trials at 5 %, exceeded once in a thousand.
    """
    observed, rejected = [], 0
    for seed in range(24):
        states = np.random.default_rng(seed).permutation([0, 1, 2] * 5).tolist()
        table = table_of([[states]], rows=20, seed=seed, gap=4)
        draws = draws_of(table, units_of(table), "permuted units", 39, seed=seed)
        found = score(table)
        observed.append(found[0])
        rejected += weigh(found, scores_of(draws, score), complete=draws.complete).p <= 0.05
    assert abs(np.mean(observed) - 1 / 3) <= 3 * stats.sem(observed)
    assert rejected <= stats.binom(24, 0.05).ppf(0.999)


@pytest.mark.parametrize("name", ["within", "leave-one-episode-out"])
def test_noise_that_drifts_stays_at_chance_with_two_units_of_a_state(name):
    """Canary: 120 seeds. Units held out singly score 0.22 here, dealt in order of time 0.40."""
    observed = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        table = table_of([[rng.permutation([0, 1, 2] * 2).tolist()]], rows=20, gap=14)
        noise = rng.standard_normal((len(table) + 500, 20))
        drift = signal.lfilter([0.14], [1.0, -0.99], noise, axis=0)[500:]
        rules = RULES._replace(seed=seed)
        observed.append(score(replace(table, features=drift), name, rules)[0])
    assert abs(np.mean(observed) - 1 / 3) <= 3 * stats.sem(observed)


def test_seeds_follow_from_names():
    """Other names, other seeds; names are not run together."""
    assert seed_of(1, "a", "b") == seed_of(1, "a", "b")
    assert len({seed_of(1, "a", "b"), seed_of(1, "ab"), seed_of(2, "a", "b"), seed_of(1, "b")}) == 4
