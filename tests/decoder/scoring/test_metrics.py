"""Every score is scikit-learn's, where scikit-learn has it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from sklearn.dummy import DummyClassifier

from decoder.scoring import metrics as me

pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=50)


@st.composite
def answers(draw):
    """Return truth and probabilities of three states, with ties."""
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    p = rng.dirichlet(np.ones(3), n).round(draw(st.sampled_from([1, 6]))) + 1e-3
    return rng.integers(0, 3, n), p / p.sum(axis=1, keepdims=True)


@given(pairs)
def test_scores_of_answers_are_scikit_learns(drawn):
    """Balanced accuracy, both F1 over the true states, Cohen's kappa, confusion."""
    truth, answer = np.array(drawn).T
    states = np.unique(truth)
    options = {"labels": states, "zero_division": 0.0}
    expected = sk.recall_score(truth, answer, average="macro", **options)
    assert me.balanced_accuracy(truth, answer) == pytest.approx(expected)
    expected = sk.f1_score(truth, answer, average="macro", **options)
    assert me.macro_f1(truth, answer) == pytest.approx(expected)
    expected = sk.f1_score(truth, answer, average="weighted", **options)
    assert me.weighted_f1(truth, answer) == pytest.approx(expected)
    expected = sk.confusion_matrix(truth, answer, labels=range(3))
    np.testing.assert_array_equal(me.confusion(truth, answer, 3), expected)
    if len(np.union1d(truth, answer)) > 1:
        assert me.kappa(truth, answer) == pytest.approx(sk.cohen_kappa_score(truth, answer))


def test_kappa_of_one_state_alone_is_nothing():
    """Where nothing else could be answered, agreement says nothing."""
    assert me.kappa(np.zeros(5, dtype=int), np.zeros(5, dtype=int)) == 0.0


@settings(deadline=None)
@given(answers())
def test_scores_of_probabilities_are_scikit_learns(drawn):
    """Brier's score, and the calibration curve that the calibration error comes from."""
    truth, p = drawn
    expected = sk.brier_score_loss(truth, p, labels=[0, 1, 2], scale_by_half=False)
    assert me.brier(truth, p) == pytest.approx(expected)
    right, confidence = p.argmax(axis=1) == truth, p.max(axis=1)
    share, mean = calibration_curve(right, confidence, n_bins=10, pos_label=True)
    curve = me.calibration_curve(truth, p)
    np.testing.assert_allclose(curve.x, mean)
    np.testing.assert_allclose(curve.y, share)
    assert curve.n.sum() == len(truth)
    expected = (np.abs(share - mean) * curve.n).sum() / len(truth)
    assert me.ece(truth, p) == pytest.approx(expected)


def test_calibration_error_of_the_sure_and_wrong_is_one():
    """Certain of the wrong state: one bin, distance one; certain of the right one: none."""
    p = np.tile([1.0, 0.0], (8, 1))
    assert me.ece(np.ones(8, dtype=int), p) == 1.0
    assert me.ece(np.zeros(8, dtype=int), p) == 0.0


def test_chance_of_weighted_f1_is_that_of_dummies():
    """Always the commonest state, and guesses with the states' shares."""
    truth = np.repeat([0, 1, 2], [30_000, 15_000, 5_000])
    x = np.zeros((len(truth), 1))
    for strategy, ours in (("most_frequent", me.majority_f1), ("stratified", me.stratified_f1)):
        dummy = DummyClassifier(strategy=strategy, random_state=0).fit(x, truth)
        expected = sk.f1_score(truth, dummy.predict(x), average="weighted")
        assert ours(truth) == pytest.approx(expected, abs=0.01)


def test_abstention_answers_the_confident_rows_only():
    """Confidence that means something: fewer answers, better ones; the last point is all rows."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 4000)
    sure = rng.uniform(0.5, 1.0, 4000)
    answer = np.where(rng.random(4000) < sure, truth, 1 - truth)
    p = np.where(np.eye(2)[answer] == 1, sure[:, None], 1 - sure[:, None])
    curve = me.abstention_curve(truth, p)
    assert len(curve.x) == 10
    assert curve.x[0] == 1.0
    assert curve.y[0] == pytest.approx(sk.balanced_accuracy_score(truth, answer))
    np.testing.assert_allclose(curve.x, np.arange(10, 0, -1) / 10)
    # within a decile of confidence c the share right is c: 0.95 and more in the upper tenth
    assert curve.y[-1] > 0.94
    assert curve.y[0] == pytest.approx(0.75, abs=0.03)


def test_rows_of_equal_confidence_are_answered_together():
    """All equally sure: one point."""
    curve = me.abstention_curve(np.array([0, 1, 1]), np.tile([0.6, 0.4], (3, 1)))
    assert (curve.x.tolist(), curve.y.tolist(), curve.n.tolist()) == ([1.0], [0.5], [3])


def test_what_is_audible_is_taken_out():
    """Answers that follow the clip alone: good over all rows, chance under each clip."""
    truth = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    clip = np.array([0, 0, 0, 0, 2, 2, 2, 2])
    answer = np.where(clip == 0, 0, 1)
    assert me.balanced_accuracy(truth, answer) == 0.75
    assert me.audible_balanced(truth, answer, clip) == 0.5
    assert me.audible_balanced(truth, truth, clip) == 1.0


def test_nothing_is_said_where_nothing_can_be_told_apart_under_a_clip():
    """Silence, or one state per clip."""
    truth = np.array([0, 0, 1, 1])
    assert me.audible_balanced(truth, truth, np.full(4, -1)) is None
    assert me.audible_balanced(truth, truth, truth) is None


def test_a_row_without_probabilities_has_no_answer():
    """NaN is −1, which is no state."""
    p = np.array([[0.2, 0.8], [np.nan, np.nan], [0.9, 0.1]])
    assert me.answers_of(p).tolist() == [1, -1, 0]


@pytest.mark.parametrize("n_states", [2, 3, 5])
def test_equally_likely_states_share_an_answer(n_states):
    """One alone is right or wrong; k share it; what the states are called does not matter."""
    rng = np.random.default_rng(n_states)
    p = rng.integers(0, 3, (200, n_states)) / 7.0
    truth = rng.integers(0, n_states, 200)
    right = me.right_of(truth, p)
    for one, own, true in zip(right, p, truth, strict=True):
        tied = np.flatnonzero(own == own.max())
        assert one == (1.0 / len(tied) if true in tied else 0.0)
    name = rng.permutation(n_states)
    renamed = np.empty_like(p)
    renamed[:, name] = p + rng.uniform(-1e-12, 1e-12, p.shape)
    np.testing.assert_array_equal(me.right_of(name[truth], renamed), right)


@given(answers())
def test_where_one_state_is_the_likeliest_rightness_is_that_of_the_answer(drawn):
    """Without ties the balanced accuracy of probabilities is scikit-learn's of the answers."""
    truth, p = drawn
    p = p + np.arange(3) * 1e-6  # no two are equal
    expected = sk.recall_score(truth, me.answers_of(p), labels=np.unique(truth), average="macro")
    assert me.balanced_right(truth, me.right_of(truth, p)) == pytest.approx(expected)
