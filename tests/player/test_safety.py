"""Deadlines that protect a person, exactly on frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.safety import DeadMan, Order
from player.settings import BLOCK, RATE

HOP = RATE // 4
"""Frames between two answers."""


def run(machine, begin, end):
    """Step over control blocks; return (frame, state, orders) wherever one of both changed."""
    found, before = [], None
    for frame in range(begin, end, BLOCK):
        orders = machine.step(frame)
        if orders or machine.state != before:
            found.append((frame, machine.state, [o.kind for o in orders]))
        before = machine.state
    return found


def test_before_the_first_valence_the_switch_is_not_armed():
    """Neutral comes up from silence and stays, in RUN."""
    machine = DeadMan()
    assert run(machine, 0, 300 * RATE) == [(0, "RUN", ["sound"])]


@pytest.mark.fault(1)
def test_stale_valence_holds_then_neutral_then_pause():
    """0.5 s: DEGRADED; 2 s: SAFE; 60 s more: fade out; each on its very frame."""
    machine = DeadMan()
    machine.step(0)
    machine.fresh(BLOCK)
    assert run(machine, BLOCK, 100 * RATE) == [
        (BLOCK, "RUN", []),
        (BLOCK + RATE // 2, "DEGRADED", ["hold"]),
        (BLOCK + 2 * RATE, "SAFE", ["neutral"]),
        (BLOCK + 62 * RATE, "SAFE", ["silence"]),
    ]
    assert machine.reason == "pause"


@pytest.mark.fault(1)
def test_a_fresh_valence_ends_safe_but_not_a_pause():
    """Within 60 s the music goes on by itself; later a person has to resume it, from silence."""
    machine = DeadMan()
    machine.step(0)
    machine.fresh(0)
    run(machine, 0, 30 * RATE)
    machine.fresh(30 * RATE)
    assert run(machine, 30 * RATE, 30 * RATE + BLOCK)[0][1] == "RUN"
    run(machine, 30 * RATE, 92 * RATE + BLOCK)
    machine.fresh(93 * RATE)
    run(machine, 93 * RATE, 94 * RATE)
    assert machine.state == "SAFE"
    assert machine.resume()
    machine.fresh(102 * RATE - BLOCK)
    assert run(machine, 94 * RATE, 103 * RATE) == [
        (94 * RATE, "SAFE", []),
        (102 * RATE, "RUN", ["sound"]),
        (102 * RATE - BLOCK + RATE // 2, "DEGRADED", ["hold"]),
    ]


def test_a_resume_without_fresh_valence_plays_neutral_for_another_minute():
    """A person may have music without a decoder; it pauses again after 60 s."""
    machine = DeadMan()
    machine.step(0)
    machine.fresh(0)
    run(machine, 0, 80 * RATE)
    assert machine.resume()
    assert run(machine, 80 * RATE, 145 * RATE) == [
        (80 * RATE, "SAFE", ["sound", "neutral"]),
        (140 * RATE, "SAFE", ["silence"]),
    ]


def told(machine, begin, end, answers=()):
    """Step over control blocks while some answers come; return (frame, state, reason) as said."""
    said, before, answers = [], (machine.state, machine.reason), dict(answers)
    for frame in range(begin, end, BLOCK):
        match answers.get(frame):
            case "usable":
                machine.fresh(frame)
            case "useless":
                machine.useless(frame)
        machine.step(frame)
        if (machine.state, machine.reason) != before:
            before = (machine.state, machine.reason)
            said.append((frame, *before))
    return said


def every(what, begin, end):
    """Return four answers a second from `begin` on and before `end`, by frame."""
    return dict.fromkeys(range(begin, end, HOP), what)


@pytest.mark.fault(11)
@pytest.mark.fault(12)
def test_answers_that_cannot_be_used_are_not_fresh():
    """0.5 s behind the last usable one DEGRADED, 2 s SAFE, RUN with the next; no pause, ever."""
    machine = DeadMan()
    machine.step(0)
    last, back = 4 * RATE - HOP, 304 * RATE
    answers = every("usable", 0, 4 * RATE) | every("useless", 4 * RATE, back) | {back: "usable"}
    assert told(machine, 0, back + BLOCK, answers) == [
        (last + RATE // 2, "DEGRADED", "hold unusable"),
        (last + 2 * RATE, "SAFE", "unusable"),
        (back, "RUN", "fresh"),
    ]


@pytest.mark.fault(12)
def test_what_cannot_be_used_from_the_start_is_said():
    """The first answer arms the switch: neutral in SAFE, not in a RUN that follows nothing."""
    machine = DeadMan()
    machine.step(0)
    assert told(machine, 0, 100 * RATE, every("useless", 10 * RATE, 100 * RATE)) == [
        (10 * RATE + RATE // 2, "DEGRADED", "hold unusable"),
        (12 * RATE, "SAFE", "unusable"),
    ]


@pytest.mark.fault(11)
def test_the_reason_turns_with_what_comes():
    """At once where something comes again, 2 s behind the last answer where nothing does."""
    machine = DeadMan()
    machine.step(0)
    machine.fresh(0)
    first, last, again = RATE, 10 * RATE, 60 * RATE
    answers = every("useless", first, last + BLOCK) | {again: "useless"}
    assert told(machine, 0, 200 * RATE, answers) == [
        (RATE // 2, "DEGRADED", "hold"),
        (first, "DEGRADED", "hold unusable"),
        (2 * RATE, "SAFE", "unusable"),
        (last + 2 * RATE, "SAFE", "stale"),
        (again, "SAFE", "unusable"),
        (again + 2 * RATE, "SAFE", "stale"),
        (again + 62 * RATE, "SAFE", "pause"),
    ]


def test_bursts_that_cannot_be_used_do_not_flicker():
    """One answer every 1.5 s is something that comes, and the reason stays."""
    machine = DeadMan()
    machine.step(0)
    answers = dict.fromkeys(range(0, 30 * RATE, 3 * RATE // 2), "useless")
    assert [reason for _, _, reason in told(machine, 0, 30 * RATE, answers)] == [
        "hold unusable",
        "unusable",
    ]


def test_a_pause_ends_by_a_person_also_where_nothing_can_be_used():
    """Answers without use bring no sound back; after a resume they keep neutral, without end."""
    machine = DeadMan()
    machine.step(0)
    machine.fresh(0)
    told(machine, 0, 80 * RATE)
    assert told(machine, 80 * RATE, 90 * RATE, every("useless", 80 * RATE, 90 * RATE)) == []
    assert machine.reason == "pause"
    assert machine.resume()
    answers = every("useless", 90 * RATE, 200 * RATE)
    assert told(machine, 90 * RATE, 200 * RATE, answers) == [(90 * RATE, "SAFE", "unusable")]


@given(
    st.lists(
        st.tuples(st.integers(1, 400), st.sampled_from(["usable", "useless", "nothing"])),
        max_size=40,
    )
)
def test_only_usable_answers_decide_over_the_state(answers):
    """State and sound are a function of the usable answers; the others only name the reason."""
    frame, came = 0, {}
    for blocks, what in answers:
        frame += blocks * BLOCK
        came[frame] = what
    end = frame + 3 * RATE
    machine, deaf = DeadMan(), DeadMan()
    fresh = answer = None
    for now in range(0, end, BLOCK):
        what = came.get(now, "nothing")
        if what == "useless":
            machine.useless(now)
        if what == "usable" or (what == "useless" and fresh is None):
            deaf.fresh(now)
            fresh = now
        if what == "usable":
            machine.fresh(now)
        answer = now if what == "useless" else None if what == "usable" else answer
        orders, same = machine.step(now), deaf.step(now)
        if deaf.reason == "pause":
            return
        assert (machine.state, orders) == (deaf.state, same)
        comes = answer is not None and now - answer < 2 * RATE
        if machine.state != "RUN":
            assert (machine.reason in ("unusable", "hold unusable")) == comes
            assert ("cannot be used" in machine.text) == comes


@given(st.lists(st.sampled_from(["fresh", "useless", "resume", "steps", "more"]), max_size=20))
def test_nothing_but_a_release_ends_a_stop(acts):
    """Valence, resume, time: STOP stays, and no sound is ordered."""
    machine = DeadMan()
    machine.step(0)
    machine.stop(0, "operator")
    machine.step(0)
    frame = 0
    for act in acts:
        match act:
            case "fresh":
                machine.fresh(frame)
            case "useless":
                machine.useless(frame)
            case "resume":
                assert not machine.resume()
            case "steps":
                assert run(machine, frame, frame + RATE) in ([], [(frame, "STOP", [])])
                frame += RATE
            case "more":
                machine.stop(frame, "participant")
                assert Order("sound") not in machine.step(frame)
        assert machine.state == "STOP"
    assert machine.release()
    assert run(machine, frame + RATE, frame + 2 * RATE)[0][2][0] == "sound"


def test_a_stop_outlives_a_restart():
    """A machine that starts stopped says STOP, orders no sound, and can be released."""
    machine = DeadMan(stopped=True)
    assert run(machine, 0, 10 * RATE) == [(0, "STOP", [])]
    assert machine.release()
    assert run(machine, 10 * RATE, 11 * RATE) == [(10 * RATE, "RUN", ["sound"])]


def test_without_a_supervisor_all_ends_and_nothing_brings_it_back():
    """Neutral at once, silence by 24 s, finished then; resume and release are deaf."""
    machine = DeadMan()
    machine.step(0)
    machine.supervisor_gone(RATE)
    machine.fresh(RATE)
    assert not machine.resume()
    assert not machine.release()
    assert run(machine, RATE, 40 * RATE) == [
        (RATE, "SAFE", ["neutral"]),
        (5 * RATE, "SAFE", ["silence"]),
    ]
    assert not machine.finished(25 * RATE - BLOCK)
    assert machine.finished(25 * RATE)


def test_a_stop_during_a_slow_fade_is_quicker_than_it():
    """The earlier of two silences holds."""
    machine = DeadMan()
    machine.step(0)
    machine.end(0)
    machine.stop(RATE, "distress")
    assert not machine.finished(2 * RATE)
    assert machine.finished(RATE + round(1.5 * RATE))


@pytest.mark.parametrize("silent", ["pause", "stop"])
def test_a_lost_supervisor_promises_no_fade_where_it_is_silent(silent):
    """What is told is what is heard: a fade where there is music, else that it stays silent."""
    machine = DeadMan(paused=silent == "pause", stopped=silent == "stop")
    run(machine, 0, RATE)
    machine.supervisor_gone(RATE)
    assert machine.text == "The session has come to an end; the music stays silent."
    run(machine, RATE, 40 * RATE)
    assert machine.text == "The session has come to an end; the music stays silent."
    sounding = DeadMan()
    run(sounding, 0, RATE)
    sounding.supervisor_gone(RATE)
    run(sounding, RATE, 10 * RATE)
    assert sounding.text == "The session has come to an end; the music fades out."
