"""What is learned live from held keys, what is refused, and taking it back."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.memory.learner import Learner
from decoder.memory.lessons import LearningSettings, Lesson, Moment
from decoder.memory.rings import Memory, memory_of, unit
from decoder.rows import steady
from rym.errors import FormatError, UsageError

HOP, WINDOW = 0.25, 1.0
FIELD_SECONDS = WINDOW + 9 * HOP
FAST = LearningSettings(rate=4.0, ahead=10**6)


def calibrated(n=30, capacity=100, d=7):
    """Return a memory as a calibration leaves it."""
    rng = np.random.default_rng(99)
    return memory_of(
        unit(rng.standard_normal((n, d))), np.arange(n) % 3, np.arange(n) // 9, capacity=capacity
    )


def moments(n, *, start=0.0, seed=0, d=7, unfit=()):
    """Return n moments one hop apart."""
    z = unit(np.random.default_rng(seed).standard_normal((n, d)))
    t = start + HOP * np.arange(n)
    return [
        Moment(float(t[i]), float(t[i] - FIELD_SECONDS), z[i], unfit="bad" if i in unfit else "")
        for i in range(n)
    ]


def run(learner, of, labels=(), clips=()):
    """Step through moments; keys and clips come in as early as they can."""
    for t, state in labels:
        learner.label(t, state)
    for t, clip in clips:
        learner.audible(t, clip)
    return [lesson for moment in of for lesson in learner.step(moment)]


BOTH = ((0.0, 0), (3.0, 2))
"""Two clips, so that no class is heard under one alone once they have passed."""


def both_clips(memory, fast=FAST):
    """Return a learner to whom every class was played under two clips before."""
    heard = np.zeros((3, 4), dtype=np.int64)
    heard[:, 1:3] = 10
    return Learner(memory, fast, heard=heard)


def same(one, other):
    """Hold two memories to the bit."""
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, other.arrays()[name])


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
@settings(max_examples=30)
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


def test_undo_takes_the_newest_seconds_back_and_what_waits_of_them():
    """Ten seconds undone: neither learned nor decided on later."""
    learner, other = both_clips(calibrated()), both_clips(calibrated())
    for one in (learner, other):
        one.label(0.0, 1)
    run(learner, moments(121))
    gone = learner.undo(10.0)
    assert [lesson.t for lesson in gone] == sorted((lesson.t for lesson in gone), reverse=True)
    assert min(lesson.t for lesson in gone) > 20.0
    assert max(lesson.t for lesson in learner.lessons) == 20.0
    run(learner, moments(1, start=30.25) + moments(40, start=30.5))
    assert not [lesson for lesson in learner.lessons if 20.0 < lesson.t <= 30.0]
    run(other, moments(93))
    assert [a.t for a in other.lessons] == [a.t for a in learner.lessons if a.t <= 20.0]


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_no_time_cannot_be_undone(seconds):
    """A time that is not above 0 is a mistake."""
    with pytest.raises(UsageError, match="above 0"):
        Learner(calibrated(), FAST).undo(seconds)


def test_frozen_it_learns_nothing_and_thawed_only_from_what_came_after():
    """What was seen before and while frozen is not learned later either."""
    learner = both_clips(calibrated())
    learner.label(0.0, 1)
    run(learner, moments(80))
    learner.freeze()
    n = len(learner.lessons)
    run(learner, moments(40, start=20.0))
    assert len(learner.lessons) == n
    learner.thaw()
    run(learner, moments(80, start=30.0))
    assert len(learner.lessons) > n + 20
    assert learner.lessons[n].t - FIELD_SECONDS >= 29.75


def test_states_can_be_named_and_gone_back_to():
    """By name, by number, to the calibration alone; numbers are never given twice."""
    learner = both_clips(calibrated())
    start = learner.memory.arrays()
    learner.label(0.0, 1)
    run(learner, moments(60))
    learner.mark("good")
    good, number = learner.memory.arrays(), learner.state
    run(learner, moments(60, start=15.0))
    last = learner.state
    assert last > number + 30
    learner.roll_back("good")
    for name, array in learner.memory.arrays().items():
        np.testing.assert_array_equal(array, good[name])
    run(learner, moments(60, start=30.0))
    assert learner.lessons[number].number == last + 1
    learner.roll_back(number - 5)
    assert learner.state == number - 5
    learner.roll_back("start")
    for name, array in learner.memory.arrays().items():
        np.testing.assert_array_equal(array, start[name])
    assert learner.state == 0


@pytest.mark.parametrize("state", ["nowhere", 7, -1])
def test_a_state_that_never_was_is_refused(state):
    """With those that there are."""
    with pytest.raises(UsageError, match="no state"):
        Learner(calibrated(), FAST).roll_back(state)


ACTIONS = st.one_of(
    st.tuples(st.just("steps"), st.integers(1, 40)),
    st.tuples(st.just("label"), st.integers(-1, 2)),
    st.tuples(st.just("audible"), st.integers(-1, 2)),
    st.tuples(st.just("late"), st.floats(0.0, 20.0)),
    st.tuples(st.just("undo"), st.floats(0.1, 20.0)),
    st.tuples(st.just("back"), st.integers(0, 200)),
    st.tuples(st.sampled_from(["freeze", "thaw", "mark", "to mark"]), st.just(0)),
)


def act(learner, actions, of):
    """Carry out one action after the other; moments come from `of`."""
    now = 0.0
    for what, value in actions:
        if what == "steps":
            for moment in [next(of) for _ in range(value)]:
                learner.step(moment)
                now = moment.t
        elif what in {"label", "audible"}:
            getattr(learner, what)(now + 0.1, value)
        elif what == "late":
            learner.label(now - value, 1)
        elif what == "undo":
            learner.undo(value)
        elif what == "back":
            learner.roll_back(min(value, learner.state))
        elif what == "mark":
            learner.mark("m")
        elif what == "to mark":
            learner.roll_back("m" if "m" in learner.marks else "start")
        else:
            getattr(learner, what)()


@given(st.lists(ACTIONS, max_size=40), st.integers(1, 30))
@settings(max_examples=80)
def test_whatever_was_done_the_memory_is_what_its_lessons_make_of_the_calibration(
    actions, capacity
):
    """Learned, undone, rolled back, saved: rebuilt from the lessons that are left, to the bit."""
    actions = [("label", 1), ("steps", 30), *actions]
    learner, again = (Learner(calibrated(27, capacity), FAST) for _ in range(2))
    act(learner, actions, iter(moments(1700)))
    act(again, actions, iter(moments(1700)))
    same(learner.memory, again.memory)
    rebuilt = calibrated(27, capacity)
    for lesson in learner.lessons:
        rebuilt.learn(lesson.z, lesson.label, lesson.stretch, lesson.t)
    same(learner.memory, rebuilt)
    restored = Learner(Memory(7, capacity), FAST)
    restored.restore(learner.arrays())
    same(learner.memory, restored.memory)
    assert restored.marks == learner.marks
    assert restored.state == learner.state
    relearned = Learner(calibrated(27, capacity), FAST)
    relearned.relearn(learner.lessons)
    same(learner.memory, relearned.memory)
    restored.roll_back("start")
    same(restored.memory, calibrated(27, capacity))


def test_after_a_restart_it_goes_on_as_if_nothing_had_been():
    """Lessons back, ten seconds of moments and the keys again: the same memory as uninterrupted."""
    labels = [(0.0, 0), (12.0, 2), (31.0, 1)]
    whole, part = both_clips(calibrated()), both_clips(calibrated())
    run(whole, moments(240), labels)
    of = moments(240)
    run(part, of[:120], labels)
    late = both_clips(calibrated())
    late.relearn(part.lessons)
    for t, state in labels:
        late.label(t, state)
    known = {lesson.t for lesson in part.lessons}
    run(late, [m for m in of[80:] if m.t not in known])
    same(whole.memory, late.memory)


def test_when_full_it_learns_no_more_and_says_so():
    """The number of lessons, and so of what can be taken back, has an end."""
    learner = both_clips(calibrated(), LearningSettings(rate=4.0, most=10))
    learner.label(0.0, 1)
    run(learner, moments(100))
    assert len(learner.lessons) == 10
    assert learner.refused["full"] > 50


def lessons(*numbers):
    """Return lessons of these numbers, a second apart."""
    return [Lesson(n, float(i), 0, -1, 100, 0.0, np.eye(7)[0]) for i, n in enumerate(numbers)]


@pytest.mark.parametrize("numbers", [(2, 1), (1, 1)])
def test_lessons_out_of_order_are_refused(numbers):
    """And leave the memory as it was."""
    learner = Learner(calibrated(), FAST)
    with pytest.raises(FormatError, match="out of order"):
        learner.relearn(lessons(*numbers))
    same(learner.memory, calibrated())


@pytest.mark.parametrize(
    ("name", "says"),
    [("lesson.t", "lack t"), ("mark.name", "marks"), ("start.t", "lacks t"), ("", "values")],
)
def test_saved_lessons_that_lack_something_are_refused(name, says):
    """A missing column, a short one."""
    learner = Learner(calibrated(), FAST)
    learner.relearn(lessons(1, 2))
    arrays = learner.arrays()
    if name:
        del arrays[name]
    else:
        arrays["lesson.t"] = arrays["lesson.t"][:1]
    with pytest.raises(FormatError, match=says):
        Learner(calibrated(), FAST).restore(arrays)
