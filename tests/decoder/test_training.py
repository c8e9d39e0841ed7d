"""From a calibration to a model with an honest verdict."""

import msgspec
import numpy as np
import pytest

from decoder import contrastive, fitting, scoring, training
from decoder.decoder import Decoder
from decoder.gate import CLOSED, fit_threshold
from decoder.rows import rows_from
from decoder.settings import HYSTERESES, SMOOTHINGS, DecoderSettings


@pytest.mark.parametrize("candidate", ["lda", "cebra-knn"])
def test_a_separable_person_is_followed(candidate, trained):
    """Held-out episodes of a person with a strong signature: 0.8 or better, verdict `follows`."""
    model, scores = trained(candidate)
    assert scores.score >= 0.8
    assert scores.verdict == "follows"
    assert model.manifest.kind == scores.chosen == candidate
    assert model.manifest.threshold < 1.0


def test_the_default_tries_all_candidates(make_person, settings):
    """`auto` scores all and keeps one; its model answers for two states too."""
    windows, labels = make_person(3, 150.0, 0.8, n_states=2)
    rows = rows_from(windows, labels, settings("auto"))
    model, scores = training.fit(rows, settings("auto"), 0)
    assert list(scores.candidates) == ["cebra-knn", "lda", "riemann"]
    assert scores.chosen in scores.candidates
    assert min(one.balanced_accuracy for one in scores.candidates.values()) >= 0.8
    assert model.manifest.scores == scores.candidates
    assert scores.choice.startswith(scores.chosen)
    assert model.manifest.choice == scores.choice
    live = Decoder(settings(drive="always"))
    live.load(model)
    said = [live.step(w) for w in windows]
    assert all(v.probabilities[2] == 0.0 for v in said if v.probabilities is not None)
    assert model.manifest.states == ("negative", "neutral")


def test_canary(make_noise_rows, settings):
    """Noise under labels: scores near one in three, `guessing` in at least 19 of 20 seeds."""
    fits = [training.fit(make_noise_rows(seed), settings(), seed) for seed in range(20)]
    scores = [score.score for _, score in fits]
    assert abs(np.mean(scores) - 1 / 3) < 0.1
    assert sum(score.verdict == "guessing" for _, score in fits) >= 19
    for model, score in fits:
        assert score.verdict != "guessing" or model.manifest.threshold > 1.0


def test_the_score_is_of_what_was_held_out(make_noise_rows, settings):
    """On noise, the same decoder scores far better on the rows that it learned from."""
    rows = make_noise_rows(1, seconds=120.0, n_channels=19)
    model, scores = training.fit(rows, settings(), 0)
    z = model.standardizer(rows.features)
    fields = [z[i - 9 : i + 1] for i in rows.newest]
    answers = np.array([model.answer(field).p.argmax() for field in fields])
    learned = scoring.balanced_accuracy(rows.label[rows.newest], answers)
    assert learned > 0.9
    assert scores.score < 0.6


def test_cebra_repeats_to_the_bit_and_leaves_the_generators_alone(make_noise_rows, settings):
    """The same seed gives the same model; another seed another; global state is put back."""
    rows = make_noise_rows(2, seconds=120.0, strength=1.0)
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    quick = settings("cebra-knn")
    first, again, other = (training.fit(rows, quick, seed)[0] for seed in (4, 4, 5))
    assert first.files == again.files
    assert first.id == again.id != other.id
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_only_usable_rows_shape_the_network(make_noise_rows, settings):
    """Rows that are in no usable row's field may hold anything: the weights stay, to the bit."""
    rows = make_noise_rows(3, seconds=60.0)
    newest = rows.newest
    used = np.unique(newest[:, None] + np.arange(-9, 1))
    free = np.setdiff1d(np.arange(len(rows.label)), used)
    assert len(free) > 0
    quick = settings().training
    other = rows.features.copy()
    other[free] = 1e3
    one = contrastive.fit(rows.features, newest, rows.label[newest], quick, 0)
    two = contrastive.fit(other, newest, rows.label[newest], quick, 0)
    for name, weight in one.items():
        np.testing.assert_array_equal(weight, two[name])


@pytest.mark.fault(26)
def test_one_state_is_an_outcome(make_person, settings):
    """A model that says `guessing` and why, answers unknown, and raises nothing."""
    windows, _ = make_person(4, 60.0, 0.8)
    rows = rows_from(windows, [(0.0, "positive")], settings())
    model, scores = training.fit(rows, settings(), 0)
    assert (scores.verdict, scores.chosen) == ("guessing", "none")
    assert "1 state" in scores.why
    assert "positive" in scores.why
    for drive in ("verdict", "always"):
        live = Decoder(settings(drive=drive))
        live.load(model)
        said = [live.step(w) for w in windows]
        assert {v.state for v in said} == {"unknown"}
        assert said[-1].reason == "verdict: guessing"
        assert said[-1].model == model.id


@pytest.mark.fault(26)
def test_no_label_at_all_is_an_outcome(make_person, settings):
    """No key was ever pressed."""
    windows, _ = make_person(4, 40.0, 0.8)
    model, scores = training.fit(rows_from(windows, [], settings()), settings(), 0)
    assert (scores.verdict, model.manifest.kind) == ("guessing", "none")
    assert "0 state" in scores.why


def test_a_state_with_too_few_rows_is_left_out(make_noise_rows, settings):
    """Nineteen rows of a third state: the model is one of the other two."""
    rows = make_noise_rows(6, strength=1.0)
    third = np.flatnonzero(rows.usable & (rows.label == 2))
    usable = rows.usable.copy()
    usable[third[19:]] = False
    model, scores = training.fit(_with(rows, usable=usable), settings(), 0)
    assert model.manifest.states == ("negative", "neutral")
    assert scores.verdict == "follows"


def test_two_long_episodes_can_prove_nothing(make_noise_rows, settings):
    """A perfect score from one episode of each of two states is `unclear`."""
    rows = make_noise_rows(7, seconds=120.0)
    half = (np.arange(len(rows.label)) >= len(rows.label) // 2).astype(np.int64)
    usable = rows.usable & (np.abs(np.arange(len(half)) - len(half) // 2) > 20)
    features = rows.features + 3.0 * half[:, None]
    rows = _with(rows, features=features, label=half, episode=half, usable=usable)
    _, scores = training.fit(rows, settings(), 0)
    assert scores.score > 0.9
    assert (scores.verdict, scores.n_episodes, scores.critical) == ("unclear", 2, None)


def test_the_baseline_sets_the_z_score(make_person, settings):
    """With a rest, middle and spread are those of the rest; without, of the rows learned from."""
    windows, labels = make_person(1, 120.0, 0.8)
    rest = rows_from(windows, labels, settings(), baseline=[(100.0, 130.0)])
    model, _ = training.fit(rest, settings(), 0)
    expected = np.median(rest.features[rest.t_last <= 130.0], axis=0)
    np.testing.assert_allclose(model.standardizer.center, expected)
    without, _ = training.fit(rows_from(windows, labels, settings()), settings(), 0)
    assert np.abs(without.standardizer.center - expected).max() > 1e-3


def test_progress_goes_from_above_zero_to_one(make_noise_rows, settings):
    """Every fit is reported once, in order, the last one as done."""
    told = []
    training.fit(make_noise_rows(8), settings(), 0, lambda share, what: told.append((share, what)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(told) == 6


def _with(rows, **changes):
    """Return rows with other arrays."""
    return type(rows)(**{**vars(rows), **changes})


def test_scores_travel_as_json(trained):
    """What a fit found out can be printed by a command."""
    _, scores = trained("lda")
    assert msgspec.json.decode(msgspec.json.encode(scores), type=training.Scores) == scores


def test_smoothing_and_hysteresis_are_those_of_the_calibration_unless_forced(trained, make_person):
    """The model's own decide how live answers and which delay is declared; a number overrides."""
    model, _ = trained("lda")
    facts = model.manifest
    assert facts.smoothing in SMOOTHINGS
    assert facts.hysteresis in HYSTERESES
    windows, _ = make_person(2, 60.0, 0.8)
    said = {}
    for name, forced in (
        ("chosen", {}),
        ("as chosen", {"smoothing": facts.smoothing, "hysteresis": facts.hysteresis}),
        ("more", {"smoothing": 3.0}),
    ):
        live = Decoder(DecoderSettings(**forced))
        live.load(model)
        assert live.declared_delay.smoothing == forced.get("smoothing", facts.smoothing)
        said[name] = [live.step(window) for window in windows]
    assert said["chosen"] == said["as chosen"] != said["more"]


def test_a_forced_smoothing_is_what_the_gate_is_fitted_with(make_noise_rows, settings):
    """And it is the model's, so that live need not know what was asked."""
    asked = settings(smoothing=1.2, hysteresis=0.07)
    model, _ = training.fit(make_noise_rows(6, strength=1.0), asked, 0)
    assert (model.manifest.smoothing, model.manifest.hysteresis) == (1.2, 0.07)


@pytest.mark.parametrize("touched", [False, True])
def test_rows_around_a_change_are_answered_by_a_fit_that_shares_no_sample(
    touched, make_noise_rows, settings
):
    """Every held-out row is asked, rows around it too, none within a field of what is learned.

    With the smallest purge that there is: a longer one would keep them apart by itself.
    """
    rows = make_noise_rows(9)
    if touched:
        rows = _with(rows, touched=np.arange(len(rows.label)) % 50 == 0)
    task = fitting.task_of(rows, settings(smoothing=0.0))
    folds = training.folds_of(task)
    heard = training.held_out(task, "lda", folds, 0, lambda what: None)
    assert np.isin(task.newest, heard.asked).all()
    assert len(heard.asked) > len(task.newest) + 2 * 10
    span = 1.0 + 9 * 0.25 * (2 if touched else 1)
    for fold in folds:
        alone = training.held_out(task, "lda", [fold], 0, lambda what: None)
        learned, asked = rows.t_last[task.newest[fold.train]], rows.t_last[alone.asked]
        assert np.abs(asked[:, None] - learned[None]).min() >= span - 1e-9
        np.testing.assert_array_equal(
            alone.answers.p, heard.answers.p[np.isin(heard.asked, alone.asked)]
        )


def test_guesses_give_a_closed_gate_whatever_was_learned_by_heart(make_noise_rows, settings):
    """On noise a threshold from the learned rows' own confidence lets live answers through.

    Ours, from held-out rows, gives `unknown`; the distances say that live rows lie further away.
    """
    rows = make_noise_rows(11, n_channels=12)
    chosen = settings("cebra-knn")
    task = fitting.task_of(rows, chosen)
    half = task.episode < np.median(task.episode)
    fitted = fitting.fit_one(task, "cebra-knn", half, 0)
    own, live = fitted.answers(task.newest[half]), fitted.answers(task.newest[~half])
    naive = fit_threshold(own.p, task.label[half], task.episode[half], chosen.gate_target)
    assert (live.p.max(axis=1) >= naive).mean() > 0.9
    right = live.p.argmax(axis=1) == task.label[~half]
    assert right.mean() < 0.55
    assert live.distance.mean() > 2 * own.distance.mean()
    model, _ = training.fit(rows, chosen, 0)
    assert model.manifest.threshold == CLOSED
    assert (live.distance > model.manifest.novelty).mean() < 0.1


def test_stand_ins_are_not_what_is_usual(make_noise_rows, settings):
    """Live they are not watched either: no value for them, a value for every other answer."""
    rows = make_noise_rows(6, strength=1.0)
    touched = np.arange(len(rows.label)) % 20 == 0
    model, _ = training.fit(_with(rows, touched=touched), settings(), 0)
    for name in ("level", "balance"):
        assert np.isnan(model.usual[name]).mean() == pytest.approx(1 / 20, abs=0.02)
