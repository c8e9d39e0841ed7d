"""What the live decoder tells beside its answers: where a moment lies, what it learned, drift."""

import msgspec
import numpy as np
import pytest

from decoder.decoder import Decoder
from decoder.embedding import FIELD
from decoder.latent import view_of
from decoder.memory.lessons import LearningSettings
from rym import messages as m
from rym.errors import UsageError
from rym.messages import AFFECTS


def of(kind, events):
    """Return the events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def louder(windows, gain):
    """Return windows whose samples are so many times larger around their mean."""
    out = []
    for window in windows:
        mean = window.samples.mean(axis=0)
        samples = (mean + gain * (window.samples - mean)).astype(np.float32)
        out.append(msgspec.structs.replace(window, samples=samples))
    return out


def run(decoder, windows, labels=(), clips=()):
    """Step through windows; keys and clips come in when they happen. Answers and events."""
    inputs = sorted([(t, 0, s) for t, s in labels] + [(t, 1, c) for t, c in clips])
    said, told = [], []
    for window in windows:
        while inputs and inputs[0][0] <= window.t_last:
            t, what, value = inputs.pop(0)
            (decoder.audible if what else decoder.label)(t, value)
        said.append(decoder.step(window))
        told += decoder.events()
    return said, told


def new(trained, settings, candidate="cebra-knn", **learning):
    """Return a decoder of a person with a strong signature, and its model."""
    model, _ = trained(candidate)
    decoder = Decoder(settings(candidate, learning=LearningSettings(**learning)))
    decoder.load(model)
    return decoder, model


def shuffled_clips(windows, seed=0, every=11.0):
    """Return clips that have nothing to do with what is felt."""
    rng = np.random.default_rng(seed)
    times = np.arange(windows[0].t_last, windows[-1].t_last, every)
    return [
        (float(t), AFFECTS[i]) for t, i in zip(times, rng.integers(0, 3, len(times)), strict=True)
    ]


def test_every_answer_of_a_memory_comes_with_its_place(trained, settings, make_person):
    """The newest ten rows' embedding in the model's view, and the distance to those that voted."""
    windows, _ = make_person(5, 60.0, 0.8)
    decoder, model = new(trained, settings)
    view, n = view_of(model.memory), 0
    for window in windows:
        valence = decoder.step(window)
        places = of(m.Latent, decoder.events())
        assert len(places) == (valence.probabilities is not None)
        for place in places:
            z = model.network(decoder._field.rows[None])[0]
            assert place.point == view.point(z)
            assert place.distance == model.memory.ask(z).distance
            assert (place.t, place.model) == (window.t_last, model.id)
            n += 1
    assert n == len(windows) - FIELD + 1


@pytest.mark.parametrize("candidate", ["lda", "riemann"])
def test_without_a_memory_there_are_no_places_and_nothing_is_learned(
    candidate, trained, settings, make_person
):
    """Orders to a memory that is not there are refused in one sentence."""
    windows, labels = make_person(5, 60.0, 0.8)
    decoder, _ = new(trained, settings, candidate)
    _, told = run(decoder, windows, labels, shuffled_clips(windows))
    assert not of(m.Latent, told)
    assert not of(m.Learned, told)
    assert decoder.learning == "none"
    for action in ("undo", "mark"):
        with pytest.raises(UsageError, match="no memory answers that could learn"):
            decoder.order(action, "30")


def test_a_freeze_holds_for_models_that_are_loaded_later(trained, settings, make_person):
    """Ordered before there is a model, and before another one; until it is thawed."""
    windows, labels = make_person(5, 120.0, 0.8)
    decoder = Decoder(settings("cebra-knn"))
    decoder.order("freeze")
    decoder.load(trained("cebra-knn")[0])
    assert decoder.learning == "frozen"
    clips = shuffled_clips(windows)
    assert not of(m.Learned, run(decoder, windows[:200], labels, clips)[1])
    decoder.load(trained("cebra-knn", 0.7)[0])
    assert decoder.learning == "frozen"
    decoder.order("thaw")
    decoder.load(trained("cebra-knn")[0])
    assert decoder.learning == "on"


def test_the_same_model_again_keeps_what_was_learned(trained, settings, make_person):
    """An order that comes twice must neither wipe the memory nor begin its numbers again."""
    windows, labels = make_person(5, 240.0, 0.8)
    clips = shuffled_clips(windows)
    decoder, model = new(trained, settings)
    first = of(m.Learned, run(decoder, windows[:400], labels, clips)[1])
    held = decoder.learner.memory.arrays()
    decoder.load(model)
    for name, array in decoder.learner.memory.arrays().items():
        np.testing.assert_array_equal(array, held[name])
    second = of(m.Learned, run(decoder, windows[400:], labels, clips)[1])
    assert first
    assert second[0].number == first[-1].number + 1


def test_a_key_that_comes_late_does_not_take_the_newest_one_s_place(trained, settings, make_person):
    """The model that is loaded then begins with the key that is held."""
    decoder = Decoder(settings("cebra-knn"))
    decoder.label(11.0, "positive")
    decoder.label(10.0, "negative")
    decoder.audible(11.0, "positive")
    decoder.audible(10.0, None)
    decoder.load(trained("cebra-knn")[0])
    decoder.learner._keys.apply(20.0)
    decoder.learner._clips.apply(20.0)
    assert decoder.learner._keys.at(15.0) == 2
    assert decoder.learner._clips.at(15.0) == 2


def test_what_lies_far_from_all_that_was_learned_is_unknown(trained, settings, make_person):
    """Ten times the signal: the answer is withheld and says why; the person's own is not."""
    windows, _ = make_person(5, 120.0, 0.8)
    decoder, model = new(trained, settings)
    usual = [v.reason for v in run(decoder, windows)[0]]
    assert usual.count("unlike all that was learned") < 0.05 * len(usual)
    far = msgspec.structs.replace(model.manifest, novelty=1e-4)
    strict = Decoder(settings("cebra-knn"))
    strict.load(type(model)(**{**vars(model), "manifest": far}))
    said, told = run(strict, windows)
    answered = [v for v in said if v.probabilities is not None]
    assert {v.reason for v in answered} == {"unlike all that was learned"}
    assert {v.state for v in answered} == {"unknown"}
    assert all(place.novel for place in of(m.Latent, told))


@pytest.mark.parametrize("candidate", ["lda", "cebra-knn"])
def test_drift_is_flagged_and_changes_nothing(candidate, trained, settings, make_person):
    """Three times the signal from the third minute on: the level is flagged in two minutes."""
    windows, _ = make_person(5, 360.0, 0.8)
    decoder, model = new(trained, settings, candidate)
    before, after = windows[:480], louder(windows[480:], 3.0)
    assert not of(m.Drift, run(decoder, before)[1])
    held = decoder.learner.memory.arrays() if decoder.learner else {}
    _, told = run(decoder, after)
    flags = [drift for drift in of(m.Drift, told) if drift.measure == "level"]
    assert flags
    assert flags[0].t - after[0].t_last < 120.0
    assert flags[0].after > flags[0].before
    assert "electrodes" in flags[0].suggestion
    for name, array in held.items():
        np.testing.assert_array_equal(decoder.learner.memory.arrays()[name], array)
    assert decoder.model is model


def test_keys_are_learned_from_and_orders_carried_out(trained, settings, make_person):
    """Learned, frozen, thawed, undone, marked, rolled back: the memory is where it should be."""
    windows, labels = make_person(5, 300.0, 0.8)
    clips = shuffled_clips(windows)
    decoder, model = new(trained, settings)
    _, told = run(decoder, windows[:400], labels, clips)
    rows = of(m.Learned, told)
    assert len(rows) > 20
    assert {row.model for row in rows} == {model.id}
    decoder.order("mark", "here")
    decoder.order("freeze")
    assert decoder.learning == "frozen"
    assert not of(m.Learned, run(decoder, windows[400:600], labels, clips)[1])
    decoder.order("thaw")
    more = of(m.Learned, run(decoder, windows[600:900], labels, clips)[1])
    assert len(more) > 10
    decoder.order("undo", "20")
    gone = of(m.Learned, decoder.events())
    assert gone
    assert all(row.taken_back and row.t > windows[899].t_last - 20 for row in gone)
    decoder.order("roll-back", "here")
    back = of(m.Learned, decoder.events())
    assert {row.number for row in [*gone, *back]} == {row.number for row in more}
    decoder.order("roll-back", str(rows[4].number))
    assert [row.number for row in of(m.Learned, decoder.events())] == [
        row.number for row in reversed(rows[5:])
    ]
    for action, value in (("undo", "soon"), ("undo", "-1"), ("roll-back", "nowhere"), ("x", "")):
        with pytest.raises(UsageError):
            decoder.order(action, value)


def test_the_answers_are_the_model_s_own_until_something_is_learned(trained, settings, make_person):
    """A memory that can learn and forget answers as the one that was trained, to the bit."""
    windows, labels = make_person(5, 60.0, 0.8)
    one, _ = new(trained, settings, frozen=True)
    other, _ = new(trained, settings, half_life=None)
    clips = shuffled_clips(windows)
    assert run(one, windows, labels, clips)[0][:40] == run(other, windows, labels, clips)[0][:40]


def test_an_answer_never_rests_on_a_key_of_its_own_moment(trained, settings, make_person):
    """Keys of the last three seconds, right or wrong, leave every answer as it is."""
    windows, labels = make_person(5, 90.0, 0.8)
    clips = shuffled_clips(windows)
    t = windows[250].t_last
    turned = [(at, "negative" if at > t - 3.0 else state) for at, state in labels]
    answers = []
    for keys in (labels, turned):
        decoder, _ = new(trained, settings)
        answers.append(run(decoder, windows[:251], keys, clips)[0])
    assert answers[0] == answers[1]


def test_frozen_from_the_start_learns_nothing_until_thawed(trained, settings, make_person):
    """As a study asks for."""
    windows, labels = make_person(5, 120.0, 0.8)
    decoder, _ = new(trained, settings, frozen=True)
    clips = shuffled_clips(windows)
    assert not of(m.Learned, run(decoder, windows[:200], labels, clips)[1])
    decoder.order("thaw")
    assert of(m.Learned, run(decoder, windows[200:], labels, clips)[1])
