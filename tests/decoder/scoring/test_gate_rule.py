"""The verdict's numbers, and folds that keep what is held out apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import recall_score

from decoder import scoring


@pytest.mark.parametrize(
    ("n_episodes", "n_states", "expected"),
    [
        (12, 2, 10 / 12),
        (20, 2, 15 / 20),
        (19, 3, 11 / 19),
        (5, 3, 4 / 5),
        (2, 2, None),
        (4, 2, None),
    ],
)
def test_critical_values_of_the_documented_cases(n_episodes, n_states, expected):
    """12 episodes of two states need 0.83, 20 need 0.75; 4 can prove nothing."""
    assert scoring.critical_value(n_episodes, n_states) == expected


@given(st.integers(5, 80), st.sampled_from([2, 3]))
def test_critical_value_is_the_least_that_chance_seldom_reaches(n, n_states):
    """Scipy's binomial: at the critical value at most 5 %, one episode less more than 5 %."""
    critical = scoring.critical_value(n, n_states)
    k = round(critical * n)
    chance = stats.binom(n, 1 / n_states)
    assert chance.sf(k - 1) <= 0.05 < chance.sf(k - 2)


@given(st.integers(5, 80), st.sampled_from([2, 3]))
def test_chance_band_holds_95_percent(n, n_states):
    """At most 2.5 % of guesses lie beyond either end."""
    low, high = scoring.chance_band(n, n_states)
    chance = stats.binom(n, 1 / n_states)
    assert chance.cdf(round(low * n) - 1) <= 0.025 < chance.cdf(round(low * n))
    assert chance.sf(round(high * n)) <= 0.025 < chance.sf(round(high * n) - 1)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=50))
def test_balanced_accuracy_is_scikit_learns(pairs):
    """The mean over true states of the share that is right."""
    truth, answer = np.array(pairs).T
    expected = recall_score(truth, answer, labels=np.unique(truth), average="macro")
    assert scoring.balanced_accuracy(truth, answer) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("score", "episodes", "verdict"),
    [
        (0.84, (6, 6), "follows"),
        (0.80, (6, 6), "unclear"),
        (0.75, (6, 6), "guessing"),
        (0.30, (6, 6, 7), "guessing"),
        (0.55, (6, 6, 7), "unclear"),
        (0.58, (6, 6, 7), "follows"),
        (1.00, (11, 1), "unclear"),
        (0.95, (1, 1), "unclear"),
        (0.50, (1, 1), "guessing"),
    ],
)
def test_verdicts(score, episodes, verdict):
    """The rule of the module, case by case."""
    judgement = scoring.judge(score, episodes)
    assert judgement.verdict == verdict
    assert f"{score:.2f}" in judgement.why


def calibration(lengths, states):
    """Return label, episode and time of usable rows of consecutive episodes."""
    label = np.concatenate([[s] * n for n, s in zip(lengths, states, strict=True)])
    episode = np.repeat(np.arange(len(lengths)), lengths)
    t = np.arange(len(label)) * 0.25 + episode * 4.0
    return label, episode, t


@given(
    st.lists(st.integers(20, 50), min_size=4, max_size=20), st.integers(2, 8), st.integers(0, 100)
)
def test_nothing_held_out_is_learned_from(lengths, n_folds, seed):
    """Every row is held out at most once, whole blocks at a time, the purge around it kept free."""
    rng = np.random.default_rng(seed)
    label, episode, t = calibration(lengths, rng.integers(0, 3, len(lengths)))
    block = scoring.blocks_of(label, episode)
    folds = scoring.folds_of(label, episode, t, n_folds, 4.0)
    held_out = np.zeros(len(label))
    for fold in folds:
        held_out += fold.test
        assert not (fold.train & fold.test).any()
        assert not set(block[fold.train]) & set(block[fold.test])
        distance = np.abs(t[fold.train][:, None] - t[fold.test][None]).min()
        assert distance >= 4.0 - 1e-9
        for name in np.unique(block[fold.test]):
            assert fold.test[block == name].all()
        assert len(np.unique(label[fold.train])) > 1
    assert held_out.max(initial=0) <= 1


def test_a_states_only_episode_is_cut_in_two():
    """Two long episodes of two states give four blocks, so that each can be held out."""
    label, episode, t = calibration([200, 200], [1, 0])
    assert len(np.unique(scoring.blocks_of(label, episode))) == 4
    folds = scoring.folds_of(label, episode, t, 5, 4.0)
    assert len(folds) == 4
    assert np.sum([fold.test for fold in folds], axis=0).tolist() == [1] * 400


def test_one_state_gives_no_fold():
    """Nothing can be told apart from itself."""
    label, episode, t = calibration([100, 100], [1, 1])
    assert scoring.folds_of(label, episode, t, 5, 4.0) == []
