"""The tangent space live from its numbers, against pyriemann and scikit-learn."""

import msgspec
import numpy as np
import pytest
from pyriemann.geometry.mean import mean_riemann
from pyriemann.geometry.tangentspace import tangent_space
from sklearn.linear_model import LogisticRegression

from decoder import tangent, training
from decoder.decoder import Decoder
from decoder.fitting import Task, fit_one, task_of
from decoder.rows import rows_from, stood_in


@pytest.fixture
def covariances():
    """Return 60 covariances of four channels."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((60, 50, 4)) @ rng.standard_normal((4, 4))
    return signal.transpose(0, 2, 1) @ signal / 49


def test_vectors_are_pyriemanns(covariances):
    """The inverse root of a mean, then the logarithm's triangle: as pyriemann has it."""
    middle = mean_riemann(covariances)
    root = tangent.inverse_root(middle)
    vectors = tangent.vectors_of(root @ covariances @ root)
    np.testing.assert_allclose(vectors, tangent_space(covariances, middle), atol=1e-10)
    np.testing.assert_allclose(tangent.mean_of(covariances), middle)


@pytest.mark.parametrize("present", [(0, 1, 2), (0, 2), (1, 2)])
def test_decides_as_scikit_learn_does(covariances, present):
    """Three or two classes: the same probabilities, zero for the absent class."""
    x = tangent.vectors_of(covariances)
    label = np.random.default_rng(1).choice(present, len(x))
    p = tangent.decided(x, *tangent.logistic(x, label))
    oracle = LogisticRegression(class_weight="balanced", max_iter=1000).fit(x, label)
    expected = np.zeros((len(x), 3))
    expected[:, list(present)] = oracle.predict_proba(x)
    np.testing.assert_allclose(p, expected, atol=1e-12)


def test_a_windows_covariance_is_numpys():
    """Of the samples less their mean; bad channels are NaN in row and column."""
    samples = np.random.default_rng(2).standard_normal((128, 3)) - 18000.0
    found = tangent.window_covariance(samples, np.array([False, True, False]))
    expected = np.cov(samples.T)
    np.testing.assert_allclose(found[::2, ::2], expected[::2, ::2], rtol=1e-6)
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 1]).all()


def _spoilt(windows):
    """Return windows of which some have a bad channel, some an artifact, and one is lost."""
    out = []
    for i, window in enumerate(windows):
        bad = ("C3",) if 60 <= i < 66 else ()
        touched = ("blink",) if i % 40 in {5, 6} else ()
        out.append(msgspec.structs.replace(window, bad=bad, touched=touched))
    return out


def test_live_answers_are_those_of_the_fit(make_person, settings):
    """Window by window from the model's numbers, or all rows at once: the same probabilities."""
    windows, labels = make_person(2, 120.0, 0.8)
    chosen = settings("riemann", drive="always", smoothing=0.0)
    rows = rows_from(_spoilt(windows), labels, chosen, baseline=[(100.0, 120.0)])
    model, _ = training.fit(rows, chosen, 0)
    live = Decoder(chosen)
    live.load(model)
    said = {v.t: v.probabilities for v in map(live.step, _spoilt(windows)) if v.probabilities}
    task = task_of(rows, chosen)
    fitted = fit_one(task, "riemann", np.ones(len(task.newest), dtype=bool), 0)
    expected = fitted.answer(task.newest) ** (1 / model.manifest.temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    at_once = dict(zip(rows.t_last[task.newest].tolist(), expected, strict=True))
    assert len(at_once.keys() & said.keys()) > 300
    for t in at_once.keys() & said.keys():
        np.testing.assert_allclose(said[t], at_once[t], atol=1e-9)


def test_an_artifact_is_stood_in_for_by_what_is_known(make_person, settings):
    """The mean of the clean covariances before, each entry of those windows that know it."""
    windows, labels = make_person(2, 60.0, 0.8)
    rows = rows_from(_spoilt(windows), labels, settings())
    flat = rows.covariance.reshape(len(rows.label), -1).astype(np.float64)
    mended = stood_in(flat, rows)
    at = int(np.flatnonzero(rows.touched)[2])
    past = np.arange(at - 9, at)[~rows.touched[at - 9 : at]]
    np.testing.assert_allclose(mended[at], np.nanmean(flat[past], axis=0))
    wild = flat.copy()
    wild[at] = np.nan
    np.testing.assert_array_equal(stood_in(wild, rows)[at], mended[at])


def test_states_in_covariance_are_followed(make_noise_rows, settings):
    """Planted in the power of channels: found in episodes that were held out."""
    rows = make_noise_rows(3, strength=1.0)
    model, scores = training.fit(rows, settings("riemann"), 0)
    assert scores.score > 0.9
    assert (scores.verdict, model.manifest.kind) == ("follows", "riemann")
    assert model.tangent is not None
    assert {"scikit-learn", "pyriemann"} <= set(model.manifest.versions)


def test_what_is_held_out_changes_no_other_answer(make_noise_rows, settings):
    """Wild covariances in the held-out rows leave the fit and its other answers as they were."""
    rows = make_noise_rows(4, 120.0, strength=1.0)
    task = task_of(rows, settings())
    of = task.episode < np.median(task.episode)
    before = fit_one(task, "riemann", of, 0)
    wild = rows.covariance.copy()
    wild[int(task.newest[~of][0]) :] *= 1e4
    other = Task(type(rows)(**{**vars(rows), "covariance": wild}), *task[1:])
    after = fit_one(other, "riemann", of, 0)
    np.testing.assert_array_equal(before.parts.tangent.move, after.parts.tangent.move)
    np.testing.assert_array_equal(before.answer(task.newest[of]), after.answer(task.newest[of]))
