"""Which candidate answers, why, and what the choice is worth."""

import re

import numpy as np
import pytest

from decoder import choice, training
from decoder.choice import choose, nested
from decoder.scoring import Fold


def answers(label, right, n_wrong, seed):
    """Return probabilities of which so many of a block's ten rows are wrong."""
    rng = np.random.default_rng(seed)
    said = label.copy()
    for block in range(len(label) // 10):
        wrong = 10 * block + rng.permutation(10)[: max(0, n_wrong + rng.integers(-1, 2))]
        said[wrong] = (label[wrong] + 1) % 3
    p = np.full((len(label), 3), (1 - right) / 2)
    p[np.arange(len(label)), said] = right
    return p


@pytest.fixture
def episodes():
    """Return labels and episodes of twelve episodes of ten rows."""
    episode = np.repeat(np.arange(12), 10)
    return episode % 3, episode


def test_the_default_is_kept_unless_another_is_surely_better(episodes):
    """By 0.4 it is exchanged, for a hair it is not; the sentence has the numbers."""
    label, episode = episodes
    poor, alike, good = (answers(label, 0.8, n, i) for i, n in enumerate((5, 5, 1)))
    chosen = choose({"cebra-knn": poor, "lda": good, "riemann": alike}, label, episode)
    assert chosen.candidate == "lda"
    said = r"lda, since it was better than cebra-knn by 0\.\d\d ± 0\.\d\d over 12 episodes\."
    assert re.fullmatch(said, chosen.why)
    kept = choose({"cebra-knn": good, "lda": poor, "riemann": good}, label, episode)
    assert kept.candidate == "cebra-knn"
    said = r"cebra-knn, the default: lda was worse by 0\.\d\d ± 0\.\d\d, riemann was as good, over"
    assert re.match(said, kept.why)


def test_better_by_less_than_its_error_is_not_enough(episodes):
    """One episode of twelve gained, one half lost: the default stays, and says by how little."""
    label, episode = episodes
    p = answers(label, 0.8, 3, 0)
    other = p.copy()
    right = np.eye(3)[label] * 0.6 + 0.2
    other[episode == 0] = right[episode == 0]
    other[episode == 5] = np.roll(right, 1, axis=1)[episode == 5]
    other[(episode == 5) & (np.arange(120) % 2 == 0)] = right[
        (episode == 5) & (np.arange(120) % 2 == 0)
    ]
    kept = choose({"cebra-knn": p, "lda": other}, label, episode)
    assert kept.candidate == "cebra-knn"
    assert "only, over 12 episodes" in kept.why


def test_episodes_count_and_not_rows(episodes):
    """A gain in one episode alone is not sure, be it ever so many rows."""
    label, episode = episodes
    wrong = np.roll(np.eye(3)[label], 1, axis=1)
    better = wrong.copy()
    better[episode == 3] = np.eye(3)[label][episode == 3]
    assert choose({"cebra-knn": wrong, "lda": better}, label, episode).candidate == "cebra-knn"


def test_what_is_right_throughout_replaces_a_default_that_is_not(episodes):
    """At the ceiling: wrong in one episode alone, which paired is exactly one standard error."""
    label, episode = episodes
    perfect = np.eye(3)[label]
    once = perfect.copy()
    once[episode == 3] = np.roll(perfect, 1, axis=1)[episode == 3]
    assert choose({"cebra-knn": once, "lda": perfect}, label, episode).candidate == "lda"
    assert choose({"cebra-knn": perfect, "lda": once}, label, episode).candidate == "cebra-knn"
    assert choose({"cebra-knn": perfect, "lda": perfect}, label, episode).candidate == "cebra-knn"


def test_rows_without_an_answer_do_not_count(episodes):
    """What one candidate could not be asked is asked of none."""
    label, episode = episodes
    p = {"cebra-knn": answers(label, 0.8, 5, 0), "lda": answers(label, 0.8, 1, 1)}
    full = choose(p, label, episode)
    p["lda"][:30] = np.nan
    part = choose(p, label, episode)
    assert part.candidate == full.candidate == "lda"
    assert "over 9 episodes" in part.why
    p["lda"][:] = np.nan
    assert choose(p, label, episode).why.endswith("nothing could be held out.")


def test_one_candidate_is_what_was_asked_for(episodes):
    """No comparison, and none is claimed."""
    label, episode = episodes
    assert choose({"riemann": answers(label, 0.8, 1, 0)}, label, episode) == choice.Choice(
        "riemann", "riemann, as asked for."
    )


def test_a_fold_is_chosen_for_by_fits_that_saw_nothing_of_it(episodes):
    """Each inner fit learns from neither fold of its pair; its answers decide over the other."""
    label, episode = episodes
    tests = [np.isin(episode, range(3 * i, 3 * i + 3)) for i in range(4)]
    folds = [Fold(~test, test) for test in tests]
    held = {"cebra-knn": answers(label, 0.9, 5, 0), "lda": answers(label, 0.6, 5, 1)}
    asked = []

    def fit(name, train, parts):
        asked.append((name, train, parts))
        good = name == "lda"
        return [np.eye(3)[label[part] if good else (label[part] + 1) % 3] for part in parts]

    p = nested(held, folds, label, episode, fit=fit)
    np.testing.assert_array_equal(p, held["lda"])
    assert len(asked) == 2 * 6
    for _, train, parts in asked:
        assert not any((train & part).any() for part in parts)
        assert (train | parts[0] | parts[1]).all()


def test_the_luck_of_the_best_is_not_quoted(make_noise_rows, settings):
    """On noise the best candidate's score exceeds the quoted one, which is at chance."""
    quick = settings("auto")
    quick = type(quick)(training=type(quick.training)(steps=2, hidden_units=8, batch=64, folds=3))
    found = [training.fit(make_noise_rows(seed, 120.0), quick, seed)[1] for seed in range(6)]
    best = [max(c.balanced_accuracy for c in s.candidates.values()) for s in found]
    assert np.mean(best) > np.mean([s.score for s in found])
    assert abs(np.mean([s.score for s in found]) - 1 / 3) < 0.12
