"""Calibrations of several visits learned from as one."""

from dataclasses import replace

import numpy as np
import pytest

from decoder import training
from decoder.fitting import fit_one, task_of
from decoder.rows import stretches
from decoder.visits import joined
from rym.errors import SignalError

MAX_BAD = 0.34


@pytest.fixture
def visit(make_noise_rows):
    """Return a function that gives a visit with a rest, of one person with a strong signature."""

    def make(seed, seconds=150.0, gain=1.0, offset=0.0, strength=1.0):
        rows = make_noise_rows(seed, seconds, n_states=2)
        rest = np.arange(len(rows.label)) < 80
        shift = np.where(rest, 0.0, np.where(rows.label == 1, strength, -strength))
        x = rows.features + shift[:, None]
        return replace(
            rows,
            features=gain * x + offset,
            covariance=(rows.covariance * gain**2).astype(np.float32),
            baseline=rest,
            usable=rows.usable & ~rest,
        )

    return make


def test_nothing_straddles_visits(visit, settings):
    """No ten rows, stretch, episode or fold lie in two visits; nothing is lost or changed."""
    visits = [visit(0), visit(1, 100.0), visit(2)]
    rows = joined(visits, MAX_BAD)
    assert len(rows.newest) == sum(len(one.newest) for one in visits)
    np.testing.assert_array_equal(rows.features, np.concatenate([v.features for v in visits]))
    for i in rows.newest.tolist():
        assert len(set(rows.visit[i - 9 : i + 1])) == len(set(rows.run[i - 9 : i + 1])) == 1
    newest = rows.newest
    for number in (stretches(rows, newest), rows.episode[newest], rows.run[newest]):
        for value in np.unique(number):
            assert len(set(rows.visit[newest[number == value]])) == 1
    task = task_of(rows, settings())
    folds = training.folds_of(task)
    assert len(folds) == 6
    for fold in folds:
        assert len(set(task.visit[fold.test])) == 1
    np.testing.assert_array_equal(np.sum([f.test for f in folds], axis=0), 1)


def test_times_stay_in_order_and_the_newest_visits_as_they_were(visit):
    """Each visit's clock begins anew; no purge around one visit's rows reaches into another's."""
    visits = [visit(0), visit(1), visit(2)]
    rows = joined(visits, MAX_BAD)
    assert (np.diff(rows.t_last) > 0).all()
    np.testing.assert_allclose(rows.t_last[rows.visit == 2], visits[2].t_last)
    np.testing.assert_allclose(rows.t_last - rows.t_first, 0.99)
    assert np.diff(rows.t_last)[np.diff(rows.visit) > 0].min() > 3000.0


@pytest.mark.parametrize("candidate", ["lda", "riemann"])
def test_every_visit_is_measured_by_its_own_rest(visit, settings, candidate):
    """A cap with another gain and offset: the same answers as without."""
    plain = joined([visit(0), visit(1)], MAX_BAD)
    changed = joined([visit(0, gain=3.0, offset=20.0), visit(1)], MAX_BAD)
    tasks = [task_of(rows, settings()) for rows in (plain, changed)]
    of = np.ones(len(tasks[0].newest), dtype=bool)
    p = [fit_one(task, candidate, of, 0).answer(task.newest) for task in tasks]
    np.testing.assert_allclose(p[1], p[0], atol=1e-4)


def test_the_model_stands_on_the_newest_visit(visit, settings):
    """z-score and move are those of the newest rest, so that live rows are measured by it."""
    older, newer = visit(0, gain=3.0, offset=20.0), visit(1)
    model, scores = training.fit(joined([older, newer], MAX_BAD), settings(), 0)
    alone, _ = training.fit(newer, settings(), 0)
    np.testing.assert_array_equal(model.standardizer.center, alone.standardizer.center)
    assert (model.manifest.visits, alone.manifest.visits) == (2, 1)
    assert scores.n_episodes > alone.manifest.episodes[0] + alone.manifest.episodes[1]


def test_an_earlier_visit_helps_a_short_calibration(visit, settings):
    """Thirty seconds of today beside an earlier visit: better than alone, over ten people."""
    gained = []
    for seed in range(10):
        today = visit(2 * seed, 120.0, strength=0.15)
        both = joined([visit(2 * seed + 1, 150.0, strength=0.15), today], MAX_BAD)
        right = []
        for task in (task_of(today, settings()), task_of(both, settings())):
            asked = np.arange(len(task.newest)) >= len(task.newest) - len(today.newest) + 120
            fitted = fit_one(task, "lda", ~asked, 0)
            p = fitted.answer(task.newest[asked])
            right.append((p.argmax(axis=1) == task.label[asked]).mean())
        gained.append(right[1] - right[0])
    assert np.mean(gained) > 2 * np.std(gained) / np.sqrt(len(gained)) > 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"conditioning": "0.5–30 Hz"}, r"'0\.5–30 Hz', the newest conditioned by ''"),
        ({"rate": 256.0}, "recorded at 256 Hz, the newest recorded at 128 Hz"),
        ({"hop": 64}, "128 samples every 64, .* 128 samples every 32"),
        ({"channels": ("O1", "O2", "Oz", "C9")}, "O1, O2, Oz, C9, the newest C0, C1, C2, C3"),
    ],
)
def test_visits_that_were_recorded_otherwise_are_refused(visit, changes, said):
    """Conditioning, rate, window and montage must agree; both values are named."""
    with pytest.raises(SignalError, match=said):
        joined([replace(visit(0), **changes), visit(1)], MAX_BAD)


def test_a_channel_that_one_visit_lacks_is_left_out(visit):
    """Its features and covariances go, the others' keep their columns, in the newest's order."""
    older, newer = visit(0), visit(1)
    older = replace(older, channels=("C3", "C1", "C9", "C0"))
    rows = joined([older, newer], 0.5)
    assert rows.channels == ("C0", "C1", "C3")
    np.testing.assert_array_equal(rows.features[:10, :5], older.features[:10, 15:])
    np.testing.assert_array_equal(rows.features[-10:, 10:], newer.features[-10:, 15:])
    np.testing.assert_array_equal(rows.covariance[0, 0, 2], older.covariance[0, 3, 0])
    np.testing.assert_array_equal(rows.covariance[-1, 1, 2], newer.covariance[-1, 1, 3])
