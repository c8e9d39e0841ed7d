"""Taking back what was learned live: undo, freeze, roll back, save, learn again."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.memory.learner import Learner
from decoder.memory.lessons import Lesson
from decoder.memory.rings import Memory
from rym.errors import FormatError, UsageError
from tests.decoder.memory.made import (
    FAST,
    FIELD_SECONDS,
    both_clips,
    calibrated,
    moments,
    run,
    same,
)


@pytest.mark.fault(27)
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


@pytest.mark.fault(27)
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
@settings(deadline=None, max_examples=80)
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
