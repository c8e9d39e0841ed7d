"""The memory's face for river: its contract, and river's own search as the oracle."""

import numpy as np
import pytest
from river import base, checks, datasets, evaluate, metrics, neighbors, preprocessing

from decoder.memory.classifier import MemoryClassifier
from rym.errors import SignalError


@pytest.mark.long
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_it_keeps_river_s_contract(metric):
    """Every check that river has for a classifier, none skipped."""
    model = MemoryClassifier(capacity=50, metric=metric)
    assert isinstance(model, base.Classifier)
    assert model._unit_test_skips() == set()
    found = list(checks.yield_checks(model))
    assert len(found) > 30
    for check in found:
        check(model.clone())


def test_before_the_first_lesson_it_knows_no_label():
    """No label, no probabilities, no guess."""
    model = MemoryClassifier()
    assert model.predict_proba_one({"a": 1.0}) == {}
    assert model.predict_one({"a": 1.0}) is None


@pytest.mark.parametrize("k", [1, 5, 15])
def test_it_finds_the_neighbours_that_lazy_search_finds(k):
    """Balanced classes, every row its own stretch, no prior: river's uniform votes."""
    rng = np.random.default_rng(k)
    n, names = 300, [f"x{i}" for i in range(7)]
    peer = neighbors.KNNClassifier(k, neighbors.LazySearch(window_size=n), weighted=False)
    ours = MemoryClassifier(capacity=n, k=k, prior=0.0)
    for i, row in enumerate(rng.standard_normal((n, 7))):
        x = dict(zip(names, row.tolist(), strict=True))
        ours.learn_one(x, i % 3)
        peer.learn_one(x, i % 3)
    for row in rng.standard_normal((30, 7)):
        x = dict(zip(names, row.tolist(), strict=True))
        assert ours.predict_proba_one(x) == pytest.approx(peer.predict_proba_one(x), abs=1e-12)


def test_it_learns_in_a_pipeline_of_river():
    """Test-then-train behind river's own scaler beats the commonest class."""
    model = preprocessing.StandardScaler() | MemoryClassifier(capacity=500)
    score = evaluate.progressive_val_score(datasets.Phishing(), model, metrics.BalancedAccuracy())
    assert score.get() > 0.8


def test_a_class_that_floods_keeps_no_other_from_being_remembered():
    """Two rare rows stay while a common class overwrites its own."""
    model = MemoryClassifier(capacity=5)
    for a in (0.0, 0.1):
        model.learn_one({"a": a}, "rare")
    for i in range(100):
        model.learn_one({"a": 5.0 + i / 100}, "common")
    assert model.memory.counts == (2, 5)
    assert model.predict_one({"a": 0.0}) == "rare"


def test_features_and_labels_may_come_later():
    """A feature that is new was 0 before; a label that is new does not disturb the others."""
    model = MemoryClassifier(capacity=5, k=1)
    model.learn_one({"a": 1.0}, "x")
    model.learn_one({"a": 1.0, "b": 1.0}, "y")
    assert model.predict_one({"a": 1.0}) == "x"
    assert model.predict_one({"b": 1.0, "a": 1.0}) == "y"
    assert set(model.predict_proba_one({})) == {"x", "y"}


def test_the_order_of_features_changes_no_bit():
    """Columns go by name, not by who came first in a dict."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 9))
    forth, back = MemoryClassifier(metric="cosine"), MemoryClassifier(metric="cosine")
    for i, row in enumerate(rows):
        x = {f"x{j}": float(v) for j, v in enumerate(row)}
        forth.learn_one(x, i % 2)
        back.learn_one(dict(reversed(x.items())), i % 2)
    for name, array in forth.memory.arrays().items():
        np.testing.assert_array_equal(array, back.memory.arrays()[name])


def test_rows_of_one_stretch_share_their_vote_and_those_near_in_time_have_none():
    """Stretch and time go through to the memory."""
    model = MemoryClassifier(k=3, prior=0.0, exclusion=10.0)
    for i in range(8):
        model.learn_one({"a": 0.0}, "close", stretch=0, t=float(i))
    for i in range(2):
        model.learn_one({"a": 1.0}, "far", t=100.0 + i)
    assert model.memory.n_stretches == 3
    assert model.predict_proba_one({"a": 0.0}) == pytest.approx({"close": 0.5, "far": 0.5})
    assert model.predict_proba_one({"a": 0.0}, t=4.0) == {"close": 0.0, "far": 1.0}


def test_what_is_no_number_is_refused():
    """A feature that is NaN names the remedy."""
    with pytest.raises(SignalError, match="no numbers"):
        MemoryClassifier().learn_one({"a": float("nan")}, 1)
