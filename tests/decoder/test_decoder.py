"""The live decoder: one Valence for every Window, whatever comes."""

import msgspec
import numpy as np
import pytest

from decoder.decoder import Decoder
from decoder.embedding import FIELD, fields_of
from decoder.rows import rows_from, stood_in
from rym.messages import AFFECTS


@pytest.fixture
def decoder(trained, settings):
    """Return a function that gives a decoder with a model that follows."""

    def make(candidate="lda", **more):
        made = Decoder(settings(**more))
        made.load(trained(candidate)[0])
        return made

    return make


@pytest.fixture(scope="module")
def person(make_person):
    """Return windows and labels of the same kind of person, another day."""
    return make_person(5, 120.0, 0.8)


def reasons(decoder, windows):
    """Return why nothing was said, window by window."""
    return [decoder.step(window).reason for window in windows]


def test_without_a_model_every_window_is_unknown(person, settings):
    """One Valence per Window, with the window's own time."""
    windows, _ = person
    said = [Decoder(settings()).step(window) for window in windows[:5]]
    assert {(v.state, v.reason, v.model, v.valence) for v in said} == {
        ("unknown", "no model", "", None)
    }
    assert [v.t for v in said] == [w.t_last for w in windows[:5]]


@pytest.mark.parametrize("candidate", ["lda", "cebra-knn"])
def test_states_follow_the_person_at_the_declared_delay(candidate, decoder, person):
    """On unseen states of a person with a strong signature, eight in ten answers are right."""
    windows, labels = person
    live = decoder(candidate)
    delay = live.declared_delay.total
    times = np.array([t - 0.5 for t, _ in labels])
    right = []
    for window in windows:
        valence = live.step(window)
        if valence.probabilities is None:
            continue
        assert sum(valence.probabilities) == pytest.approx(1.0)
        assert valence.confidence == max(valence.probabilities)
        if valence.t - delay > times[0]:
            felt = labels[np.searchsorted(times, valence.t - delay, side="right") - 1][1]
            right.append(AFFECTS[int(np.argmax(valence.probabilities))] == felt)
            if valence.state != "unknown":
                p = valence.probabilities
                assert valence.valence == p[2] - p[0]
    assert len(right) > 400
    assert np.mean(right) >= 0.8


def test_ten_rows_are_needed(decoder, person):
    """Nine windows warm up, the tenth answers."""
    windows, _ = person
    said = reasons(decoder(), windows[:10])
    assert said[:9] == [f"warming up {i}/10" for i in range(1, 10)]
    assert not said[9].startswith("warming")


def test_a_hole_of_one_row_is_filled(decoder, person):
    """One lost window silences nothing; what rests on what stands in is flagged, no more."""
    windows, _ = person
    live = decoder()
    said = [live.step(window) for window in [*windows[:20], *windows[21:40]]]
    assert not any(valence.reason.startswith("warming") for valence in said[9:])
    assert [i for i, valence in enumerate(said) if valence.filled] == list(range(20, 29))


@pytest.mark.fault(13)
def test_an_invalid_window_says_why_and_is_a_hole_of_one(decoder, person):
    """The invalid window itself is unknown; the next one answers."""
    windows, _ = person
    live = decoder()
    windows = list(windows[:40])
    windows[20] = msgspec.structs.replace(windows[20], valid=False, reason="gap")
    said = [live.step(window) for window in windows]
    assert said[20].reason == "invalid window: gap"
    assert not said[21].reason.startswith("warming")
    assert said[21].filled


@pytest.mark.parametrize("lost", [(20, 21), (20, 22), (20, 23, 24)])
def test_more_than_one_hole_needs_ten_new_rows(lost, decoder, person):
    """Two rows in a row, or a second hole within the ten, empty the field."""
    windows, _ = person
    live = decoder()
    said = reasons(live, [w for i, w in enumerate(windows[:60]) if i not in lost])
    warm = [i for i, reason in enumerate(said) if reason.startswith("warming")]
    after = max(lost) + 1 - len(lost)
    assert warm == [*range(9), *range(after, after + 9)]


def test_another_segment_or_a_step_back_needs_ten_new_rows(decoder, person):
    """Contiguity comes from segment and first sample, not from the order of arrival."""
    windows, _ = person
    other = [msgspec.structs.replace(w, segment=1) for w in windows[20:40]]
    said = reasons(decoder(), [*windows[:20], *other])
    assert said[20:29] == [f"warming up {i}/10" for i in range(1, 10)]
    said = reasons(decoder(), [*windows[:20], *windows[10:30]])
    assert said[20] == "warming up 1/10"
    said = reasons(decoder(), [*windows[:20], windows[19]])
    assert said[20] == "warming up 1/10"


def test_after_a_break_answers_are_those_of_a_fresh_decoder(decoder, person):
    """Nothing of what was before a break is in an answer after it."""
    windows, _ = person
    live, fresh = decoder(), decoder()
    for window in windows[:30]:
        live.step(window)
    assert [live.step(w) for w in windows[50:90]] == [fresh.step(w) for w in windows[50:90]]


@pytest.mark.fault(17)
def test_channels_are_matched_by_name(decoder, person):
    """Permuted and additional channels change nothing, to the bit."""
    windows, _ = person
    order = [2, 0, 3, 1]
    shuffled = [
        msgspec.structs.replace(
            w,
            channels=(*(w.channels[i] for i in order), "EXT"),
            samples=np.concatenate([w.samples[:, order], 1e5 * w.samples[:, :1]], axis=1),
        )
        for w in windows[:40]
    ]
    plain, permuted = decoder("cebra-knn"), decoder("cebra-knn")
    assert [permuted.step(w) for w in shuffled] == [plain.step(w) for w in windows[:40]]


def test_a_window_of_another_form_is_unknown_with_both_values(decoder, person):
    """Missing channels, another rate, another length: a reason, not an exception."""
    window = person[0][0]
    replace = msgspec.structs.replace
    fewer = replace(window, channels=("Fz", "C3", "Pz", "Oz"))
    short = replace(window, samples=window.samples[:64])
    other = replace(window, conditioning="hp 1 Hz")
    said = reasons(decoder(), [fewer, replace(window, rate=256.0), short, other])
    assert said == [
        "missing channels: O1",
        "rate 256 Hz, the model needs 128 Hz",
        "window of 64 samples, the model needs 128",
        "conditioned by 'hp 1 Hz', the model needs 'as it is'",
    ]


@pytest.mark.fault(12)
def test_a_bad_channel_is_left_out_and_too_many_are_refused(decoder, person):
    """What a bad channel carries does not matter; two bad of four are too many."""
    windows, _ = person
    bad = [msgspec.structs.replace(w, bad=("C3",)) for w in windows[:20]]
    samples = [w.samples.copy() for w in bad]
    for array in samples:
        array[:, 1] = 1e6
    wild = [msgspec.structs.replace(w, samples=s) for w, s in zip(bad, samples, strict=True)]
    quiet, loud = decoder(), decoder()
    assert [loud.step(w) for w in wild] == [quiet.step(w) for w in bad]
    two = msgspec.structs.replace(windows[20], bad=("C3", "Pz"))
    assert quiet.step(two).reason == "invalid window: bad channels C3, Pz"
    filled = msgspec.structs.replace(two, interpolated=("C3",))
    assert quiet.step(filled).probabilities is not None


@pytest.mark.fault(22)
@pytest.mark.parametrize("candidate", ["lda", "cebra-knn"])
def test_nothing_looks_ahead(candidate, decoder, person):
    """Other samples after a window leave its answer as it is, to the bit."""
    windows, _ = person
    other = [msgspec.structs.replace(w, samples=w.samples * 3.0) for w in windows[30:]]
    one, two = decoder(candidate), decoder(candidate)
    first = [one.step(w) for w in windows[:30]]
    second = [two.step(w) for w in [*windows[:30], *other]]
    assert second[:30] == first


@pytest.mark.fault(22)
def test_online_equals_offline(trained, decoder, person, settings):
    """Embeddings window by window equal those of the whole file to 1e-5."""
    windows, labels = person
    model, _ = trained("cebra-knn")
    rows = rows_from(windows, labels, settings())
    newest = np.arange(FIELD - 1, len(windows))
    offline = model.network(fields_of(model.standardizer(rows.features), newest))
    live, online = decoder("cebra-knn"), []
    for window in windows:
        live.step(window)
        if live._field.n == FIELD:
            online.append(model.network(live._field.rows[None])[0])
    np.testing.assert_allclose(online, offline, rtol=0, atol=1e-5)


@pytest.mark.parametrize("verdict", ["unclear", "guessing"])
def test_only_a_model_that_follows_gives_states(verdict, trained, settings, person):
    """Otherwise probabilities are given and the state is unknown, unless `drive` is `always`."""
    model, _ = trained("lda")
    manifest = msgspec.structs.replace(model.manifest, verdict=verdict)
    weak = type(model)(**{**vars(model), "manifest": manifest})
    windows, _ = person
    states = {}
    for drive in ("verdict", "always"):
        live = Decoder(settings(drive=drive))
        live.load(weak)
        said = [live.step(w) for w in windows]
        assert all(v.probabilities is not None for v in said[9:])
        states[drive] = {v.state for v in said}
    assert states["verdict"] == {"unknown"}
    assert {"negative", "positive"} <= states["always"]
    assert Decoder(settings()).step(windows[0]).valence is None


def test_why_a_verdict_silences_is_said(trained, settings, person):
    """The reason names the verdict."""
    model, _ = trained("lda")
    manifest = msgspec.structs.replace(model.manifest, verdict="guessing")
    live = Decoder(settings())
    live.load(type(model)(**{**vars(model), "manifest": manifest}))
    assert reasons(live, person[0][:12])[9:] == ["verdict: guessing"] * 3


def test_a_closed_gate_answers_unknown_unless_driven(trained, settings, person):
    """No confidence passes; with `drive = "always"` the likeliest state is given."""
    model, _ = trained("lda")
    manifest = msgspec.structs.replace(model.manifest, threshold=2.0)
    closed = type(model)(**{**vars(model), "manifest": manifest})
    windows, _ = person
    live, driven = Decoder(settings()), Decoder(settings(drive="always"))
    live.load(closed)
    driven.load(closed)
    assert {v.reason for v in map(live.step, windows)} >= {"not confident"}
    for valence in map(driven.step, windows):
        if valence.probabilities is not None:
            assert valence.state == AFFECTS[int(np.argmax(valence.probabilities))]


def touch(windows, which, by="blink"):
    """Return windows of which some are wild, as an artifact makes them, and say so."""
    return [
        msgspec.structs.replace(w, touched=(by,), samples=w.samples * 9.0) if i in which else w
        for i, w in enumerate(windows)
    ]


@pytest.mark.fault(14)
def test_what_an_artifact_touches_moves_nothing(decoder, person):
    """Whatever such windows hold, the answers are the same to the bit, go on, and are flagged."""
    windows, _ = person
    which = range(20, 25)
    wilder = [
        msgspec.structs.replace(w, samples=w.samples * 100.0) if w.touched else w
        for w in touch(windows[:60], which)
    ]
    said = [*map(decoder().step, touch(windows[:60], which))]
    assert [*map(decoder().step, wilder)] == said
    assert all(valence.usable and valence.probabilities for valence in said[9:])
    assert [i for i, valence in enumerate(said) if valence.filled] == list(range(20, 34))


@pytest.mark.fault(14)
def test_an_artifact_that_lasts_ends_the_answers(decoder, person):
    """Less than five clean rows of the ten: unknown and not usable, until there are five again."""
    windows, _ = person
    said = [*map(decoder().step, touch(windows[:60], range(20, 28)))]
    silent = [i for i, valence in enumerate(said) if i >= 9 and valence.probabilities is None]
    assert silent == list(range(25, 32))
    assert {said[i].usable for i in silent} == {False}
    assert (said[25].reason, said[27].reason) == tuple(
        f"artifacts in {n} of 10 rows" for n in (6, 8)
    )


@pytest.mark.fault(14)
def test_after_ten_touched_rows_answers_are_those_of_a_fresh_decoder(decoder, person):
    """Nothing from before an artifact outlives the ten rows, and none begins with one."""
    windows, _ = person
    live, fresh = decoder(), decoder()
    said = [live.step(window) for window in touch(windows[:60], range(20, 31))]
    assert said[30].reason == "warming up 0/10"
    assert not said[30].usable
    assert said[31:] == [fresh.step(window) for window in windows[31:60]]


def test_an_artifact_that_the_model_learned_with_is_taken_as_it_is(decoder, person):
    """Nothing stands in for mains, or for what was usual in the calibration."""
    windows, _ = person
    said = [*map(decoder().step, touch(windows[:40], range(20, 25), by="line"))]
    wild = [msgspec.structs.replace(w, touched=()) for w in touch(windows[:40], range(20, 25))]
    assert said == [*map(decoder().step, wild)]


def test_stand_ins_are_the_same_online_and_offline(trained, decoder, person, settings):
    """The ten rows of a live answer are those of the whole recording, to 1e-9."""
    windows, labels = person
    model, _ = trained("lda")
    marked = touch(windows, {20, 21, 22, 40, *range(60, 67), 70, *range(90, 112)})
    rows = rows_from(marked, labels, settings())
    z = stood_in(model.standardizer(rows.features), rows)
    place = {t: i for i, t in enumerate(rows.t_last.tolist())}
    live, compared = decoder(), 0
    for window in marked:
        live.step(window)
        if live._field.n == FIELD:
            i = place[window.t_last]
            np.testing.assert_allclose(live._field.rows, z[i - 9 : i + 1], rtol=0, atol=1e-9)
            compared += 1
    assert compared == len(marked) - 9 - 22 + 9 - 9
