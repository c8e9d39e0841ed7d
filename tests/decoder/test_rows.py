"""Which rows may be learned from, and what they say."""

import msgspec
import numpy as np
import pytest

from decoder.rows import rows_from, stretches
from decoder.settings import DecoderSettings, FeatureSettings, TrainingSettings
from rym.errors import SignalError

PLAIN = DecoderSettings(training=TrainingSettings(reaction_lag=0.0, margin=0.0, edge=0.0))


@pytest.fixture(scope="module")
def noise(make_windows):
    """Return the windows of 60 s of noise from rig time 100 s on."""
    return make_windows(np.random.default_rng(0).standard_normal((60 * 128, 4)))


def test_a_row_needs_nine_before_it(noise):
    """Under one label all rows but the first nine may be learned from."""
    rows = rows_from(noise, [(0.0, "positive")], PLAIN)
    assert rows.usable.tolist() == [False] * 9 + [True] * (len(noise) - 9)
    assert set(rows.label[rows.usable]) == {2}
    assert (rows.channels, rows.hop) == (("Fz", "C3", "Pz", "O1"), 32)


def test_no_row_reaches_over_a_hole_or_into_another_segment(noise, make_windows):
    """One lost window, an invalid one, and a new segment each cost the nine rows after them."""
    invalid = msgspec.structs.replace(noise[60], valid=False, reason="gap")
    other = make_windows(np.zeros((20 * 128, 4)), t0=160.0, segment=1, first=60 * 128)
    windows = [*noise[:30], *noise[31:60], invalid, *noise[61:], *other]
    rows = rows_from(windows, [(0.0, "neutral")], PLAIN)
    assert (~rows.usable).sum() == 9 * 4
    for i in rows.newest:
        assert len(set(rows.run[i - 9 : i + 1])) == 1
        assert rows.t_last[i] - rows.t_last[i - 9] == pytest.approx(9 * 0.25)


def test_rows_that_hold_a_change_are_left_out(noise):
    """No usable row's signal, first to newest sample of its ten windows, holds a change."""
    rows = rows_from(noise, [(0.0, "neutral"), (130.0, "positive")], PLAIN)
    for i in rows.newest:
        assert not rows.t_first[i - 9] < 130.0 <= rows.t_last[i]
    out = rows.t_last[9:][~rows.usable[9:]]
    assert (out.min(), out.max()) == pytest.approx((130.0 - 1 / 128 + 0.25, 133.0), abs=0.26)
    assert set(rows.label[rows.usable]) == {1, 2}


def test_the_key_is_moved_back_by_the_reaction_lag(noise):
    """A key at 130.5 s with a lag of 0.5 s labels rows as a key at 130.0 s without."""
    lagging = DecoderSettings(training=TrainingSettings(reaction_lag=0.5, margin=1.0, edge=0.0))
    prompt = DecoderSettings(training=TrainingSettings(reaction_lag=0.0, margin=1.0, edge=0.0))
    late = rows_from(noise, [(0.0, "neutral"), (130.5, "negative")], lagging)
    early = rows_from(noise, [(0.0, "neutral"), (130.0, "negative")], prompt)
    np.testing.assert_array_equal(late.label, early.label)
    np.testing.assert_array_equal(late.usable, early.usable)
    near = np.abs(late.t_last - 130.0) < 1.0
    assert near.sum() == 8
    assert not late.usable[near].any()


def test_only_the_calibration_less_its_edges_is_learned_from(noise):
    """Five seconds at either end of a run are left out; the baseline is where rest was."""
    settings = DecoderSettings(training=TrainingSettings(margin=0.0, edge=5.0))
    rows = rows_from(
        noise, [(0.0, "neutral")], settings, baseline=[(100.0, 110.0)], learn=[(115.0, 150.0)]
    )
    used = rows.t_last[rows.usable]
    assert 120.0 <= used.min() < 120.25
    assert 144.75 < used.max() <= 145.0
    assert rows.t_last[rows.baseline].max() <= 110.0
    assert rows.t_first[rows.baseline].min() >= 100.0


def test_none_and_the_time_before_the_first_key_teach_nothing(noise):
    """No label, no row; a repeated key begins no new episode, `none` ends one."""
    labels = [(110.0, "positive"), (115.0, "positive"), (130.0, "none"), (140.0, "positive")]
    rows = rows_from(noise, labels, PLAIN)
    assert set(rows.label[rows.t_last < 110.0]) == {-1}
    assert set(rows.label[(rows.t_last > 130.0) & (rows.t_last < 140.0)]) == {-1}
    assert len(np.unique(rows.episode[rows.usable])) == 2
    assert set(rows.label[rows.usable]) == {2}


def test_channels_are_taken_by_name(noise):
    """Named channels in their order; auxiliary ones and those mostly bad stay out."""
    filtered = [*noise, msgspec.structs.replace(noise[-1], conditioning="hp 1 Hz")]
    with pytest.raises(SignalError, match=r"hp 1 Hz.*as it is"):
        rows_from(filtered, [], PLAIN)
    named = msgspec.structs.replace(PLAIN, features=FeatureSettings(channels=("O1", "Fz")))
    some = rows_from(noise, [(0.0, "neutral")], named)
    every = rows_from(noise, [(0.0, "neutral")], PLAIN)
    np.testing.assert_array_equal(some.features[:, :5], every.features[:, 15:])
    np.testing.assert_array_equal(some.features[:, 5:], every.features[:, :5])
    renamed = [
        msgspec.structs.replace(w, channels=("Fz", "EXT", "Pz", "O1"), bad=("Pz",)) for w in noise
    ]
    assert rows_from(renamed, [(0.0, "neutral")], PLAIN).channels == ("Fz", "O1")


@pytest.mark.parametrize("name", ["EXT", "ECG ECG", "A2-A1", "EOG1", "M1", "ecg"])
def test_auxiliary_channels_are_known_by_their_words(noise, name):
    """Heart, eyes, ears and the free input are not learned from; `F3-A2` would be."""
    windows = [msgspec.structs.replace(w, channels=("F3-A2", name, "Pz", "O1")) for w in noise]
    assert rows_from(windows, [(0.0, "neutral")], PLAIN).channels == ("F3-A2", "Pz", "O1")


def test_a_channel_bad_for_a_while_is_unknown_in_those_rows(noise):
    """Windows that name a bad channel give NaN there and nowhere else."""
    windows = [
        msgspec.structs.replace(w, bad=("C3",) if i < 20 else ()) for i, w in enumerate(noise)
    ]
    unknown = np.isnan(rows_from(windows, [(0.0, "neutral")], PLAIN).features)
    assert unknown[:20, 5:10].all()
    assert unknown.sum() == 20 * 5


def test_what_cannot_be_learned_from_is_refused(noise):
    """Too few windows, another rate, a missing channel: one sentence with both values."""
    with pytest.raises(SignalError, match=r"5 usable windows.*10"):
        rows_from(noise[:5], [], PLAIN)
    other = [*noise, msgspec.structs.replace(noise[-1], rate=256.0)]
    with pytest.raises(SignalError, match=r"256 Hz.*128 Hz"):
        rows_from(other, [], PLAIN)
    named = msgspec.structs.replace(PLAIN, features=FeatureSettings(channels=("Cz", "Fz")))
    with pytest.raises(SignalError, match=r"lacks Cz"):
        rows_from(noise, [], named)
    bad = [msgspec.structs.replace(w, bad=w.channels) for w in noise]
    with pytest.raises(SignalError, match="more than half"):
        rows_from(bad, [], PLAIN)


def test_a_stretch_is_ten_rows_of_one_episode(noise):
    """Stretches hold ten rows at most and never cross a hole or an episode."""
    windows = [*noise[:100], *noise[103:]]
    rows = rows_from(windows, [(0.0, "neutral"), (115.0, "positive")], PLAIN)
    number = stretches(rows, rows.newest)
    for name in np.unique(number):
        own = rows.newest[number == name]
        assert len(own) <= 10
        assert len(set(rows.run[own])) == len(set(rows.episode[own])) == 1
        assert own[-1] - own[0] == len(own) - 1
    assert len(np.unique(number)) <= len(rows.newest) / 10 + 3


def marked(windows, which, by="blink"):
    """Return windows of which some are touched by an artifact."""
    return [
        msgspec.structs.replace(window, touched=(by,)) if i in which else window
        for i, window in enumerate(windows)
    ]


def test_what_an_artifact_touches_is_not_learned_from(noise):
    """Neither touched rows, nor those of which less than five of the ten are clean."""
    rows = rows_from(marked(noise, range(20, 27)), [(0.0, "neutral")], PLAIN)
    assert np.flatnonzero(~rows.usable).tolist() == [*range(9), *range(20, 27), 27, 28, 29, 30]
    assert np.flatnonzero(rows.touched).tolist() == list(range(20, 27))
    assert rows.stand_in == ("blink", "muscle", "muscle rise")


def test_nothing_reaches_over_ten_touched_rows(noise):
    """The tenth and all after it are left out like windows that never came."""
    rows = rows_from(marked(noise, range(20, 32)), [(0.0, "neutral")], PLAIN)
    assert len(rows.run) == len(noise) - 3
    assert (rows.run[28], rows.run[29]) == (0, 1)
    assert not rows.usable[29:38].any()
    assert rows.usable[38:].all()


def test_what_is_usual_is_learned_with(noise):
    """An artifact in more than half of the windows is the person's own state."""
    often = marked(noise, range(len(noise) - 60), by="muscle")
    rows = rows_from(often, [(0.0, "neutral")], PLAIN)
    assert rows.stand_in == ("blink", "muscle rise")
    assert not rows.touched.any()
    assert rows.usable[9:].all()
