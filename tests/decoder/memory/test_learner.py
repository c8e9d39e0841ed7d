"""What is learned live from held keys, what is refused, and taking it back."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.memory.learner import Learner, for_learning
from decoder.memory.lessons import LearningSettings, Moment
from decoder.memory.rings import Memory, memory_of, unit
from decoder.rows import steady
from tests.decoder.memory.made import (
    FAST,
    FIELD_SECONDS,
    HOP,
    WINDOW,
    both_clips,
    calibrated,
    moments,
    run,
    same,
)


def test_a_key_that_is_held_is_learned_with_the_reaction_lag_and_after_the_hold():
    """Rows are those whose ten rows saw no change; each is learned 3 s later, not before."""
    learner = both_clips(calibrated())
    learner.label(10.0, 2)
    found = [(m.t, lesson) for m in moments(80) for lesson in learner.step(m)]
    first = found[0][1]
    assert {lesson.label for _, lesson in found} == {2}
    assert first.t == 10.0 - 0.5 + FIELD_SECONDS  # the field begins where the feeling did
    assert all(now == lesson.t + 0.5 + 1.0 + 1.5 for now, lesson in found)
    assert len(found) == round((found[-1][1].t - first.t) / HOP) + 1


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(-1, 2)), max_size=8, unique_by=lambda e: e[0]
    )
)
@settings(deadline=None)
def test_the_rows_are_those_that_a_calibration_would_keep(events):
    """Lag, straddled changes and margins as in `rows.steady`."""
    labels = sorted((tenth / 10, state) for tenth, state in events)
    of = moments(200)
    learned = run(both_clips(calibrated(capacity=1000)), of, labels)
    t = np.array([m.t for m in of])
    before = [-1, *(state for _, state in labels)]
    changes = np.array([at for (at, new), old in zip(labels, before, strict=False) if new != old])
    far = steady(t - WINDOW, t, np.zeros(200, dtype=np.int64), changes - 0.5, 1.0)
    far |= np.arange(200) < 9  # that a field is full is for the decoder to say
    for change in changes - 0.5:
        far &= ~((t - FIELD_SECONDS < change) & (change <= t)) & (np.abs(t - change) >= 1.0)
    label = np.array(before)[np.searchsorted([at for at, _ in labels], t + 0.5, side="right")]
    expected = np.flatnonzero(far & (label >= 0) & (t <= t[-1] - 3.0))
    assert [round(lesson.t / HOP) for lesson in learned] == expected.tolist()
    assert [lesson.label for lesson in learned] == label[expected].tolist()


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_only_data_time_counts_not_when_a_key_arrived(seed):
    """Keys and clips delivered in any order before their hold is over: the same bits."""
    rng = np.random.default_rng(seed)
    labels = [(float(t), int(rng.integers(-1, 3))) for t in np.cumsum(rng.uniform(0.3, 9, 12))]
    clips = [(float(t), int(rng.integers(-1, 3))) for t in np.cumsum(rng.uniform(2, 9, 8))]
    fast = LearningSettings(rate=4.0)
    at_once, late = Learner(calibrated(), fast), Learner(calibrated(), fast)
    run(at_once, moments(300), labels, clips)
    due = {"label": [], "audible": []}
    for kind, events in (("label", labels), ("audible", clips)):
        due[kind] = sorted((t + float(rng.uniform(-5, 1.2)), t, state) for t, state in events)
    for moment in moments(300):
        for kind, events in due.items():
            while events and events[0][0] <= moment.t:
                assert getattr(late, kind)(*events.pop(0)[1:])
        late.step(moment)
    same(at_once.memory, late.memory)
    assert [lesson[:-1] for lesson in at_once.lessons] == [lesson[:-1] for lesson in late.lessons]


def test_a_late_key_is_refused_and_nothing_is_learned_until_the_next():
    """Two keys 5 s behind, one in time: the stretch after the late one teaches nothing."""
    learner = both_clips(calibrated())
    learner.label(0.0, 0)
    run(learner, moments(121))
    n = len(learner.lessons)
    assert n > 50
    assert not learner.label(25.0, 2)
    assert not learner.label(25.5, 2)
    run(learner, moments(60, start=30.25))
    assert max(lesson.t for lesson in learner.lessons) <= 27.0
    assert learner.refused["late key"] == 2
    assert learner.label(46.0, 1)
    run(learner, moments(60, start=45.25))
    assert {lesson.label for lesson in learner.lessons[n + 3 :]} == {1}


@pytest.mark.fault(27)
def test_a_label_for_a_refused_window_teaches_nothing():
    """Bad windows, stand-ins, embeddings that are none: counted by reason."""
    learner = both_clips(calibrated())
    learner.label(0.0, 1)
    of = moments(60, unfit=range(20, 40))
    of[45] = of[45]._replace(z=np.full(7, math.nan))
    of[46] = of[46]._replace(z=np.zeros(7))
    learned = {round(lesson.t / HOP) for lesson in run(learner, of)}
    assert not learned & {*range(20, 40), 45, 46}
    assert {15, 19, 40, 44, 47} <= learned
    assert learner.refused["bad"] == 20
    assert learner.refused["no embedding"] == 2


def test_windows_out_of_order_or_repeated_are_refused():
    """The same moment again and an older one change nothing."""
    one, other, of = both_clips(calibrated()), both_clips(calibrated()), moments(60)
    for learner in (one, other):
        learner.label(0.0, 1)
    run(one, of)
    run(other, [m for i in range(60) for m in (of[i], of[i], of[max(0, i - 5)])])
    same(one.memory, other.memory)
    assert other.refused["out of order"] == 120


def test_a_class_heard_under_one_clip_is_not_learned():
    """The positive key under the positive clip alone teaches nothing; another clip frees it."""
    learner = Learner(calibrated(), FAST)
    learner.audible(0.0, 2)
    learner.label(0.0, 2)
    run(learner, moments(80))
    assert learner.lessons == ()
    assert learner.refused["one clip"] > 50
    learner.audible(30.0, 0)
    run(learner, moments(100, start=20.0))
    assert {lesson.audible for lesson in learner.lessons} == {0}


def test_in_silence_there_is_no_clip_to_be_confounded_with():
    """Nothing played: keys are learned."""
    learner = Learner(calibrated(), FAST)
    learner.label(0.0, 2)
    assert len(run(learner, moments(80))) > 40
    assert {lesson.audible for lesson in learner.lessons} == {-1}


def test_no_clip_gets_far_ahead_of_the_others():
    """Runaway: the positive clip plays nine tenths of the time under the positive key."""
    learner = Learner(calibrated(capacity=2000), LearningSettings(rate=4.0, ahead=20))
    learner.label(0.0, 2)
    for block in range(40):
        learner.audible(block * 30.0, 2)
        learner.audible(block * 30.0 + 25.0, block % 2)
    run(learner, moments(40 * 120))
    heard = np.bincount([lesson.audible for lesson in learner.lessons], minlength=3)
    assert heard.max() - heard.min() <= 20
    assert heard.min() > 100
    assert learner.refused["clip ahead"] > 1000


def test_a_row_that_heard_two_clips_is_not_learned():
    """No field straddles a change of what plays."""
    learner = both_clips(calibrated())
    learner.label(0.0, 1)
    learner.audible(0.0, 0)
    learner.audible(10.0, 2)
    run(learner, moments(100))
    assert not any(lesson.t - FIELD_SECONDS < 10.0 <= lesson.t for lesson in learner.lessons)
    assert {lesson.audible for lesson in learner.lessons} == {0, 2}


@pytest.mark.fault(27)
def test_labels_come_at_a_limited_rate_per_class():
    """One row per second and class, however many windows there are."""
    learner = both_clips(calibrated(), LearningSettings(rate=1.0))
    for t in range(0, 100, 10):
        learner.label(float(t), t // 10 % 2)
    run(learner, moments(420))
    for label in (0, 1):
        t = [lesson.t for lesson in learner.lessons if lesson.label == label]
        assert np.diff(t).min() >= 1.0
        assert len(t) > 25
    assert learner.refused["rate"] > 100


@pytest.mark.fault(27)
def test_a_flood_of_contradictory_keys_teaches_nothing():
    """A key every 10 ms for a minute, then 5000 for the future: all refused or within margins."""
    learner = both_clips(calibrated())
    before = learner.memory.arrays()
    for i, moment in enumerate(moments(240)):
        for j in range(25):
            learner.label(i * HOP + j / 100, (i + j) % 3)
        learner.step(moment)
    for i in range(5000):
        learner.label(100.0 + i, i % 3)
    for name, array in learner.memory.arrays().items():
        np.testing.assert_array_equal(array, before[name])
    assert learner.refused["label changes"] > 100
    assert learner.refused["late key"] > 4000


@pytest.mark.parametrize("state", [3, 99, -2])
def test_a_key_of_no_class_is_refused(state):
    """It ends what was held: what it meant is not known."""
    learner = both_clips(calibrated())
    learner.label(0.0, 1)
    assert not learner.label(5.0, state)
    run(learner, moments(100))
    assert max(lesson.t for lesson in learner.lessons) <= 3.5
    assert learner.refused["key of no class"] == 1


def test_rows_of_one_field_share_a_stretch():
    """Ten hops are one stretch, its number new to the memory; a change of key begins another."""
    learner = both_clips(calibrated())
    for t in (0.0, 20.0):
        learner.label(t, int(t // 20))
    run(learner, moments(160))
    taken = [(lesson.stretch, lesson.t) for lesson in learner.lessons]
    assert taken[0][0] == 4  # the calibration has 0…3
    for number in {stretch for stretch, _ in taken}:
        times = [t for stretch, t in taken if stretch == number]
        assert times[-1] - times[0] < 2.5
    full = [stretch for stretch, _ in taken[:40]]
    assert np.bincount(full)[4:].tolist() == [10] * 4


def test_nothing_is_learned_from_its_own_answers():
    """However often it is asked, and however sure it is, the memory stays as it was."""
    learner = both_clips(calibrated())
    before = learner.memory.arrays()
    for moment in moments(200):
        learner.memory.predict_proba(moment.z, moment.t)
        learner.step(moment)
    for name, array in learner.memory.arrays().items():
        np.testing.assert_array_equal(array, before[name])
    assert learner.refused["no label"] > 150


def test_a_copy_to_learn_in_answers_alike_and_leaves_the_model_s_own_alone():
    """More room, all rows of one age until something is learned; the original keeps its rows."""
    rng = np.random.default_rng(7)
    z = unit(rng.standard_normal((60, 7)))
    model = memory_of(z, np.arange(60) % 3, np.arange(60) // 9, np.arange(60.0), capacity=15)
    before = model.arrays()
    copy = for_learning(model, LearningSettings(capacity=40, half_life=5.0))
    for query in z[:9]:
        np.testing.assert_array_equal(copy.predict_proba(query), model.predict_proba(query))
    for i in range(100):
        copy.learn(z[i % 60], 0, 100 + i, 5000.0 + i)
    assert copy.counts == (40, 15, 15)
    for name, array in model.arrays().items():
        np.testing.assert_array_equal(array, before[name])
    assert for_learning(model, LearningSettings(capacity=1)).capacity == 15
    assert len(for_learning(Memory(7, 5), LearningSettings())) == 0


def turning(seed, angle):
    """Return balanced accuracy in the last of ten minutes, learning and not, of a simulated person.

    States of 12 to 20 s; the place of each in the embedding turns by `angle` from start to end.
    """
    rng = np.random.default_rng(seed)
    here, there = unit(rng.standard_normal((2, 3, 7)))
    n_calibration, n = 1200, 1200 + 2400
    state = np.repeat(rng.integers(0, 3, n // 40), rng.integers(48, 80, n // 40))[:n]
    noise = np.zeros((n, 7))
    for i in range(1, n):
        noise[i] = 0.9 * noise[i - 1] + math.sqrt(0.19) * rng.standard_normal(7)
    turned = angle * np.maximum(0, np.arange(n) - n_calibration)[:, None] / 2400
    z = unit(1.5 * (np.cos(turned) * here[state] + np.sin(turned) * there[state]) + noise)
    t, first = HOP * np.arange(n), np.arange(n_calibration)
    frozen = memory_of(z[first], state[first], first // 10, t[first])
    learner = Learner(for_learning(frozen, LearningSettings()), LearningSettings())
    for at in np.flatnonzero(np.diff(state)) + 1:
        learner.label(float(t[at]) + 0.5, int(state[at]))
    for at in range(0, n, 80):
        learner.audible(float(t[at]), int(rng.integers(3)))
    for i in range(n_calibration, n):
        learner.step(Moment(float(t[i]), float(t[i]) - FIELD_SECONDS, z[i]))
    last = np.arange(n - 600, n, 5)

    def score(memory):
        right = np.array([memory.predict_proba(z[i]).argmax() == state[i] for i in last])
        return np.mean([right[state[last] == c].mean() for c in np.unique(state[last])])

    return score(learner.memory), score(frozen)


def test_with_keys_a_signature_that_turns_is_followed_and_a_steady_one_is_not_lost():
    """Mean gain over the frozen twin in the last quarter, over six persons."""
    turned = np.diff([turning(seed, math.pi / 2)[::-1] for seed in range(6)]).mean()
    steady = np.diff([turning(seed, 0.0)[::-1] for seed in range(6)]).mean()
    assert turned > 0.10
    assert steady > -0.02


def test_when_full_it_learns_no_more_and_says_so():
    """The number of lessons, and so of what can be taken back, has an end."""
    learner = both_clips(calibrated(), LearningSettings(rate=4.0, most=10))
    learner.label(0.0, 1)
    run(learner, moments(100))
    assert len(learner.lessons) == 10
    assert learner.refused["full"] > 50
