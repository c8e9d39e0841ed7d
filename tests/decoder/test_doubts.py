"""Controls of a calibration: what else may explain its score."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from decoder import training
from decoder.doubts import ASKED, controls, doubts, power_of, table_of, told
from decoder.features import BANDS, Band, row
from decoder.fitting import task_of
from decoder.scoring import balanced_accuracy

CHANNELS = ("Fp1", "Fp2", "F3", "F4", "T7", "T8", "C3", "Cz", "C4", "Pz")


@pytest.fixture
def calibration(make_noise_rows):
    """Return a function that gives noise under labels, with head positions; `at` moves a band."""

    def make(seed=0, n_states=2, at=(), band="gamma", by=3.0, **changes):
        rows = make_noise_rows(seed, 300.0, n_states, n_channels=len(CHANNELS))
        features = rows.features.copy()
        number = [b.name for b in rows.bands].index(band)
        for channel in at:
            column = CHANNELS.index(channel) * len(rows.bands) + number
            features[:, column] += by * rows.label
        return replace(rows, features=features, channels=CHANNELS, **changes)

    return make


def score(task, p):
    """Return the balanced accuracy of what was held out."""
    known = ~np.isnan(p[:, 0])
    return balanced_accuracy(task.label[known], p[known].argmax(axis=1))


def asked(rows, settings):
    """Return the task, its folds and what the controls say."""
    task = task_of(rows, settings)
    return task, controls(task, training.folds_of(task))


@pytest.mark.parametrize(
    ("name", "at", "band"),
    [
        ("EMG", ("T7", "T8"), "gamma"),
        ("motor", ("C3",), "beta"),
        ("EOG", ("Fp1",), "delta"),
        ("frontal asymmetry", ("F4",), "alpha"),
    ],
)
def test_a_control_finds_what_lies_where_it_looks(name, at, band, calibration, settings):
    """Power that follows the states at its place is found there, and not in noise."""
    task, planted = asked(calibration(at=at, band=band), settings())
    assert score(task, planted[name]) > 0.9
    noise = [asked(calibration(seed), settings()) for seed in range(5)]
    quiet = [score(task, held[name]) for task, held in noise]
    assert abs(np.mean(quiet) - 0.5) < 0.12


def test_what_follows_the_clock_is_found_by_the_clock(calibration, settings):
    """All of one state, then all of the other: minutes tell them apart."""
    rows = calibration()
    half = (np.arange(len(rows.label)) >= len(rows.label) // 2).astype(np.int64)
    episode = np.arange(len(half)) // 60
    steady = np.zeros(len(half), dtype=bool)
    steady[13:] = episode[13:] == episode[:-13]
    task, held = asked(replace(rows, label=half, episode=episode, usable=steady), settings())
    assert score(task, held["time index"]) > 0.9


def test_they_are_asked_about_the_rows_that_candidates_are_asked_about(calibration, settings):
    """Held-out rows alone have an answer; probabilities of the three states sum to one."""
    task, held = asked(calibration(n_states=3), settings())
    assert set(held) == set(ASKED)
    tested = np.any([fold.test for fold in training.folds_of(task)], axis=0)
    for p in held.values():
        np.testing.assert_array_equal(~np.isnan(p[:, 0]), tested)
        np.testing.assert_allclose(p[tested].sum(axis=1), 1.0)


def test_what_is_held_out_is_not_looked_at(calibration, settings):
    """Whatever the labels of a fold's rows are, the answers for them stay."""
    rows = calibration(at=("T7",))
    task = task_of(rows, settings())
    folds = training.folds_of(task)
    lie = task._replace(label=task.label.copy())
    lie.label[folds[0].test] = 1 - lie.label[folds[0].test]
    true, false = controls(task, folds[:1]), controls(lie, folds[:1])
    for name, p in true.items():
        np.testing.assert_array_equal(p, false[name])


def test_what_rows_do_not_allow_is_left_out(calibration, settings):
    """Channels without places: no eyes, muscles, hand, asymmetry; without γ no muscles."""
    rows = calibration()
    unplaced = replace(rows, channels=tuple(f"Ch{i}" for i in range(len(CHANNELS))))
    assert set(asked(unplaced, settings())[1]) == {"time index", "previous label", "majority"}
    keep = np.arange(rows.features.shape[1]) % 5 < 4
    without = replace(rows, features=rows.features[:, keep], bands=BANDS["no-gamma"])
    assert set(ASKED) - set(asked(without, settings())[1]) == {"EMG"}


def test_power_between_two_frequencies_is_that_of_the_samples():
    """8–30 Hz is α and β exactly; 20–45 Hz of a flat spectrum within a tenth."""
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((500, 3)) * 10.0
    of_bands = row(samples, 500.0)[None]
    motor, muscle = Band("motor", 8.0, 30.0), Band("muscle", 20.0, 45.0)
    np.testing.assert_allclose(
        power_of(of_bands, BANDS["default"], 8.0, 30.0)[0], row(samples, 500.0, (motor,))
    )
    many = [rng.standard_normal((500, 1)) * 10.0 for _ in range(200)]
    found = [power_of(row(x, 500.0)[None], BANDS["default"], 20.0, 45.0)[0, 0] for x in many]
    assert np.mean(found) == pytest.approx(
        np.mean([row(x, 500.0, (muscle,))[0] for x in many]), abs=0.1
    )


@hypothesis_settings(deadline=None)
@given(low=st.floats(0.0, 50.0), width=st.floats(0.5, 50.0))
def test_power_is_a_mean_of_bands_or_nothing(low, width):
    """Never above the largest nor below the smallest band; nothing where bands do not reach."""
    features = np.random.default_rng(0).standard_normal((4, 10))
    found = power_of(features, BANDS["default"], low, low + width)
    if low < 1.0 or low + width > 45.0:
        assert found.size == 0
    else:
        each = features.reshape(4, 2, 5)
        assert (found <= each.max(axis=2) + 1e-9).all()
        assert (found >= each.min(axis=2) - 1e-9).all()


def test_visits_are_sessions_on_scales_of_their_own(calibration, settings):
    """The second of two visits, with all features moved: the hand still tells, time does not."""
    rows = calibration(at=("C3", "C4"), band="beta")
    visit = (np.arange(len(rows.label)) >= len(rows.label) // 2).astype(np.int64)
    moved = replace(rows, features=rows.features + 20.0 * visit[:, None], visit=visit)
    task, held = asked(moved, settings())
    assert table_of(task).people == ("visit 1", "visit 2")
    assert score(task, held["motor"]) > 0.8


def test_only_what_comes_within_one_standard_error_is_a_doubt(calibration, settings):
    """Muscle says all there is: told with both scores. Shown elsewhere: no word."""
    found = {}
    for name, at, band in (("muscle", ("T7", "T8", "Fp1"), "gamma"), ("brain", ("Pz",), "alpha")):
        _, found[name] = training.fit(calibration(1, at=at, band=band), settings(), 0)
        assert found[name].verdict == "follows"
    said = found["muscle"].doubt
    assert said.startswith("EMG alone (20–45 Hz at forehead and temples) did as well: ")
    assert said.endswith(f"of {found['muscle'].score:.2f}.")
    assert found["brain"].doubt == ""
    assert set(found["brain"].controls) == set(ASKED)
    assert found["brain"].controls["majority"].verdict == "guessing"


def test_at_chance_there_is_nothing_to_doubt(calibration, settings):
    """Noise: the verdict says all."""
    model, scores = training.fit(calibration(), settings(), 0)
    assert scores.verdict == "guessing"
    assert scores.doubt == model.manifest.doubt == ""
    assert model.manifest.controls == scores.controls


def test_that_two_states_alternate_is_no_doubt(calibration, settings):
    """The state before tells the next one; a decoder is told none."""
    task, held = asked(calibration(at=("Pz",), band="alpha"), settings())
    assert score(task, held["previous label"]) > 0.85
    as_well = {"previous label": held["previous label"]}
    assert doubts(task, held["previous label"], as_well) == ()
    assert len(doubts(task, held["previous label"], {"EMG": held["previous label"]})) == 1
    assert told((), 1.0) == ""
