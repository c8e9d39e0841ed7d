"""The folds of a calibration keep what is held out apart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from decoder import scoring


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
