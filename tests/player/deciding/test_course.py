"""Courses: a step at a time, from what is heard, never away from where they go."""

from __future__ import annotations

from player.deciding.course import Course
from player.settings import BLOCK, RATE
from rym.messages import Identity

NAME = Identity("session", 1, "session/command", 0)


def walk(course, heading, seconds, *, follows=0):
    """Let what is wished for be heard `follows` blocks later; return (second, affect) heard."""
    heard, waiting = [(0.0, heading)], []
    for frame in range(0, round(seconds * RATE), BLOCK):
        wish = course.wish(frame, heading)
        asked = waiting[-1][1] if waiting else heading
        if wish.state != asked:
            course.asked(wish.state, frame)
            waiting.append((frame + follows * BLOCK, wish.state))
        if waiting and waiting[0][0] <= frame:
            heading = waiting.pop(0)[1]
            heard.append((frame / RATE, heading))
    return heard


def test_positive_is_reached_through_neutral_and_kept():
    """The first step at once, the next a step's time after it, then none."""
    course = Course("positive", 30.0)
    assert walk(course, "negative", 100) == [
        (0.0, "negative"),
        (0.0, "neutral"),
        (30.0, "positive"),
    ]


def test_neutral_is_one_step_from_either_side():
    """Nothing leads on from there."""
    for heading in ("negative", "positive"):
        assert walk(Course("neutral", 1.0), heading, 50) == [(0.0, heading), (0.0, "neutral")]


def test_a_step_that_is_held_back_keeps_the_next_one_waiting():
    """With a second between steps and five until one is heard, neutral is not left out."""
    heard = walk(Course("positive", 1.0), "negative", 30, follows=500)
    assert heard == [(0.0, "negative"), (5.0, "neutral"), (10.01, "positive")]


def test_it_goes_on_from_what_is_heard():
    """After something else was played meanwhile: again from there, a step at a time."""
    course = Course("positive", 10.0)
    walk(course, "neutral", 20)
    course.forget()
    assert course.wish(20 * RATE, "negative").state == "neutral"
    course.asked("neutral", 20 * RATE)
    assert course.wish(25 * RATE, "neutral").state == "neutral"
    assert course.wish(30 * RATE, "neutral").state == "positive"


def test_hold_wishes_for_what_is_heard_and_names_the_order():
    """Whatever that is, for as long as it is."""
    course = Course("follow", 30.0)
    course.set("hold", NAME)
    for heading in ("negative", "neutral", "positive"):
        assert course.wish(0, heading)[:3] == (heading, "hold", (NAME,))


def test_a_new_course_begins_at_once():
    """The time of the one before counts for nothing."""
    course = Course("neutral", 600.0)
    course.asked("neutral", 0)
    course.set("positive", NAME)
    assert course.wish(BLOCK, "neutral").state == "positive"
