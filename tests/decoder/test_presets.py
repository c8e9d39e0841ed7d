"""Presets: which rows there are, what no key means, how far a label lies back."""

import msgspec
import numpy as np
import pytest

from decoder import training
from decoder.decoder import Decoder
from decoder.features import BANDS
from decoder.presets import RULES, check_hop, meant
from decoder.rows import rows_from
from decoder.settings import FeatureSettings
from rym.errors import SignalError, UsageError

HOP = 0.5


def under(settings, preset, **more):
    """Return settings with another preset."""
    chosen = settings("lda", drive="always", features=FeatureSettings(preset=preset))
    quick = msgspec.structs.replace(chosen.training, edge=0.0, **more)
    return msgspec.structs.replace(chosen, training=quick)


def twice_a_second(windows):
    """Return every other window, as a stream with a hop of 0.5 s sends them."""
    return [msgspec.structs.replace(w, n_new=64 if i else 128) for i, w in enumerate(windows[::2])]


@pytest.fixture(scope="module")
def person(make_person):
    """Return two windows a second and keys of one person."""
    windows, keys = make_person(3, 240.0, 0.8)
    return twice_a_second(windows), keys


def test_every_preset_has_bands_and_rules():
    """Five bands, four of them, and the five of the study."""
    assert BANDS.keys() == RULES.keys() == {"default", "no-gamma", "paper"}
    assert [len(BANDS[name]) for name in ("default", "no-gamma", "paper")] == [5, 4, 5]
    assert [bool(rule.says) for rule in RULES.values()] == [False, False, True]


def test_the_study_s_preset_asks_for_two_windows_a_second(make_person, settings, person):
    """Both hops are told; the other presets take any."""
    with pytest.raises(
        SignalError, match=r"row every 0\.5 s, windows come every 0\.25 s"
    ) as caught:
        rows_from(*make_person(3, 60.0, 0.8), under(settings, "paper"))
    assert "hop = 0.5" in caught.value.remedy
    assert rows_from(*person, under(settings, "paper")).hop == 64
    for name in ("default", "no-gamma"):
        check_hop(name, 0.3)


def test_no_key_means_neutral_in_the_study_alone():
    """Before the first key and between keys; elsewhere it means nothing."""
    keys = [(3.0, "positive"), (9.0, "none"), (12.0, "negative")]
    assert meant(keys, "default") == meant(keys, "no-gamma") == keys
    said = [(3.0, "positive"), (9.0, "neutral"), (12.0, "negative")]
    assert meant(keys, "paper") == [(-np.inf, "neutral"), *said]


def test_without_a_key_rows_are_neutral_or_nothing(settings, person):
    """The same recording with keys let go for half of the time."""
    windows, _ = person
    keys = [(130.0, "positive"), (160.0, "none"), (200.0, "negative"), (230.0, "none")]
    studied = rows_from(windows, keys, under(settings, "paper"))
    plain = rows_from(windows, keys, under(settings, "default"))
    assert set(plain.label[plain.usable].tolist()) == {0, 2}
    assert set(studied.label[studied.usable].tolist()) == {0, 1, 2}
    early = studied.t_last < 125.0
    assert (studied.label[early] == 1).all()
    assert studied.usable[early].sum() > 30


def test_a_label_lies_four_rows_before_the_newest_of_its_ten(settings, person):
    """Fields hold what came within 2 s after a change, and no change is nearer than the margin."""
    windows, _ = person
    keys = [(110.0, "positive"), (160.0, "negative")]
    rows = rows_from(windows, keys, under(settings, "paper", reaction_lag=0.0, margin=1.0))
    back = rows.t_last - 4 * HOP
    expected = np.where(back < 110.0, 1, np.where(back < 160.0, 2, 0))
    np.testing.assert_array_equal(rows.label, expected)
    near = np.minimum(np.abs(back - 110.0), np.abs(back - 160.0)) < 1.0
    full = np.arange(len(back)) >= 9
    np.testing.assert_array_equal(rows.usable, full & ~near)
    straddling = rows.usable & (rows.t_first - 9 * HOP < 160.0) & (rows.t_last > 160.0)
    assert straddling.sum() >= 5
    plain = rows_from(windows, keys, under(settings, "default", reaction_lag=0.0, margin=1.0))
    assert not plain.usable[straddling].any()


@pytest.fixture(scope="module")
def studied(settings, person):
    """Return a model of the study's rows."""
    return training.fit(rows_from(*person, under(settings, "paper")), under(settings, "paper"), 0)[
        0
    ]


def test_a_model_names_its_preset_and_answers_two_windows_a_second(studied, settings, make_person):
    """The delay counts ten rows of half a second; another day's windows are answered."""
    assert studied.manifest.preset == "paper"
    assert studied.manifest.delay(0.75).half_field == 9 * HOP / 2
    live = Decoder(under(settings, "paper"))
    live.load(studied)
    windows, _ = make_person(5, 60.0, 0.8)
    said = [live.step(window) for window in twice_a_second(windows)]
    assert all(valence.probabilities is not None for valence in said[9:])
    assert (
        live.step(windows[-1]).reason == "a window every 32 samples, the model needs one every 64"
    )


@pytest.mark.parametrize("preset", ["default", "no-gamma"])
def test_a_model_of_another_preset_is_refused_and_the_one_before_stays(preset, studied, settings):
    """Both presets are told."""
    live = Decoder(under(settings, preset))
    says = rf"trained with preset 'paper', the settings say '{preset}'"
    with pytest.raises(UsageError, match=says):
        live.load(studied)
    assert live.model is None


def test_the_network_s_draws_are_the_study_s(monkeypatch, settings, person):
    """In `paper` states are drawn as often as they were held, elsewhere equally often."""
    from decoder import contrastive  # noqa: PLC0415

    asked = []

    def learn(sessions, *args, prior, **kwargs):
        asked.append(prior)
        return kept(sessions, *args, prior=prior, **kwargs)

    kept = contrastive.learn
    monkeypatch.setattr(contrastive, "learn", learn)
    for preset in ("paper", "default"):
        chosen = under(settings, preset, candidate="cebra-knn", steps=2, folds=2)
        training.fit(rows_from(*person, chosen), chosen, 0)
    half = len(asked) // 2
    assert asked == ["found"] * half + ["balanced"] * half
    assert half > 0


def test_baseline_and_limits_are_frozen_while_answers_are_given(studied, settings, make_person):
    """Whatever comes, rows are measured by the calibration's baseline, and limited."""
    live = Decoder(under(settings, "paper"))
    live.load(studied)
    center, scale = studied.standardizer.center.copy(), studied.standardizer.scale.copy()
    windows = twice_a_second(make_person(6, 60.0, 0.8)[0])
    for window in windows[:60]:
        live.step(msgspec.structs.replace(window, samples=window.samples * 50.0))
        assert np.abs(live._field.rows).max() <= studied.manifest.clip
    np.testing.assert_array_equal(studied.standardizer.center, center)
    np.testing.assert_array_equal(studied.standardizer.scale, scale)
    fresh = Decoder(under(settings, "paper"))
    fresh.load(studied)
    after = [msgspec.structs.replace(window, segment=1) for window in windows[60:]]
    assert [live.step(window) for window in after] == [fresh.step(window) for window in after]
