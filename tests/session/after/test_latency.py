"""Delays with known answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym import messages as m
from rym import topics
from session.after import latency
from session.after.episodes import Span, Steps

PART = (Span(name="feedback", index=0, start=0.0, end=100.0, cut=False),)
RATE = 48_000


def fade_at(start: float, to: m.Affect = "positive") -> m.Fade:
    """Return a fade of two seconds from `start` seconds on."""
    return m.Fade(
        to=to, start=int(start * RATE), half=int((start + 1) * RATE), end=int((start + 2) * RATE)
    )


def tick(talk: Any, t: float, audible: m.Affect = "neutral", **more: Any) -> m.Message:
    """Let the player speak at `t`, frames counted from rig time 0."""
    message: m.Message = talk.played(int(t * RATE), audible, t, **more)
    return message


def clock(talk: Any) -> latency.PlayerClock:
    """Return the clock of what was played."""
    return latency.PlayerClock.of(talk.log["player/now"], RATE)


def test_hops_are_differences_of_stamps_along_causes(talk: Any) -> None:
    """20 ms of age, 5 ms to the valence, 7 ms to the player: 32 ms in all."""
    for k in range(4):
        w = talk.window(10.0 + k / 4, 125 * k, age=0.020)
        v = talk.valence(10.0 + k / 4, (0.2, 0.2, 0.6), 10.025 + k / 4, (w,))
        applied = m.Applied(input=v.id, at=0)
        talk.say(topics.APPLIED["player"], applied, 10.032 + k / 4, service="player")
    found = {h.name: h for h in latency.hops(talk.log, latency.PlayerClock.of((), RATE))}
    for name, expected in (
        (latency.AGE, 0.020),
        (latency.DECODED, 0.005),
        (latency.TAKEN, 0.007),
        (latency.TOTAL, 0.032),
    ):
        assert found[name].p50 == pytest.approx(expected)
        assert found[name].p99 == pytest.approx(expected)
        assert found[name].n == 4
    assert latency.HALF not in found


def test_percentiles_are_linear_between_neighbours(talk: Any) -> None:
    """Ages of 0, 10, …, 100 ms: p50 is 50 ms, p99 is 99 ms."""
    for k in range(11):
        talk.window(10.0 + k, age=k / 100)
    (hop,) = latency.hops(talk.log, latency.PlayerClock.of((), RATE))
    assert (hop.p50, hop.p99) == (pytest.approx(0.05), pytest.approx(0.099))


def test_dwell_wait_and_half_are_measured_apart(talk: Any) -> None:
    """Decoded at 2 s, requested at 5 s, fade from 6 s, half-way at 7 s, 50 ms of output."""
    tick(talk, 1.0)
    tick(talk, 2.0, decided="positive")
    tick(talk, 5.0, decided="positive", fade=fade_at(6.0))
    tick(talk, 7.5, "positive", decided="positive", fade=fade_at(6.0))
    tick(talk, 9.0, "positive")
    found = {h.name: h.p50 for h in latency.hops(talk.log, clock(talk))}
    assert found[latency.DWELL] == pytest.approx(3.0)
    assert found[latency.WAIT] == pytest.approx(1.0)
    assert found[latency.HALF] == pytest.approx(1.0)
    assert found[latency.OUTPUT] == pytest.approx(0.05)


def test_the_passage_through_neutral_is_no_wait_for_a_bar(talk: Any) -> None:
    """Requested at 5 s, to neutral from 6 s, to its goal from 10 s: 1 s of wait, 4 s of passage."""
    tick(talk, 1.0, "negative")
    goal = {"decided": "positive", "requested": "positive"}
    tick(talk, 5.0, "negative", fade=fade_at(6.0, "neutral"), **goal)
    tick(talk, 8.5, "neutral", fade=fade_at(10.0), **goal)
    tick(talk, 13.0, "positive", **goal)
    found = {h.name: (h.p50, h.n) for h in latency.hops(talk.log, clock(talk))}
    assert found[latency.DWELL] == (0.0, 1)
    assert found[latency.WAIT] == (pytest.approx(1.0), 1)
    assert found[latency.PASSAGE] == (pytest.approx(4.0), 1)
    assert found[latency.HALF] == (pytest.approx(1.0), 2)


def test_a_withdrawn_fade_is_none_and_a_turned_one_is_not_half_heard(talk: Any) -> None:
    """Withdrawn before its bar: never began. Turned before its middle: began, never reached."""
    tick(talk, 1.0, fade=fade_at(6.0))
    tick(talk, 3.0)
    tick(talk, 10.0, fade=fade_at(11.0))
    tick(talk, 11.5, fade=fade_at(11.5, "negative"))
    tick(talk, 20.0, "negative")
    found = latency.fades(talk.log, clock(talk))
    assert [(f.to, f.reached) for f in found] == [("positive", False), ("negative", True)]
    assert found[1].half == pytest.approx(12.55)


def test_a_fade_in_silence_is_not_heard(talk: Any) -> None:
    """Below the silent level nothing counts as reached."""
    tick(talk, 1.0, fade=fade_at(2.0), level_db=-120.0)
    tick(talk, 5.0, "positive", level_db=-120.0)
    assert [f.reached for f in latency.fades(talk.log, clock(talk))] == [False]


def test_a_journal_that_ends_in_a_fade_counts_it_only_once_half_was_played(talk: Any) -> None:
    """Killed at 6.5 s of a fade from 6 s: half-way at 7 s was never reached."""
    tick(talk, 5.0, fade=fade_at(6.0))
    tick(talk, 6.5, fade=fade_at(6.0))
    assert [f.reached for f in latency.fades(talk.log, clock(talk))] == [False]
    tick(talk, 7.0, "positive", fade=fade_at(6.0))
    assert [f.reached for f in latency.fades(talk.log, clock(talk))] == [True]


def test_felt_to_heard_ends_half_way_at_the_ear(talk: Any) -> None:
    """Felt at 4 s, half of the fade at 7 s, 50 ms of output: 3.05 s."""
    cause = talk.valence(5.0, (0.1, 0.1, 0.8))
    tick(talk, 5.0, fade=fade_at(6.0), cause=(cause,))
    tick(talk, 9.0, "positive")
    tick(talk, 50.0, "positive")
    felt = Steps.of([(0.0, "neutral"), (4.0, "positive"), (30.0, "negative"), (60.0, "positive")])
    found = latency.felt_to_heard(talk.log, clock(talk), felt, PART)
    assert [f.outcome for f in found] == ["heard", "not heard", "already heard"]
    assert found[0].seconds == pytest.approx(3.05)
    assert found[0].by == "valence"


def test_what_is_heard_is_told_by_its_cause() -> None:
    """Seconds per cause, what was never heard left out; a limit has no message."""

    def one(seconds: float | None, by: str) -> latency.Felt:
        outcome: Any = "not heard" if seconds is None else "heard"
        return latency.Felt(t=0.0, state="neutral", outcome=outcome, seconds=seconds, by=by)

    felt = [one(3.0, "valence"), one(1.0, "command"), one(5.0, "valence"), one(9.0, "")]
    found = latency.by_cause([*felt, one(None, "")])
    assert found == {"command": [1.0], "no message": [9.0], "valence": [3.0, 5.0]}


def test_a_fade_after_the_next_change_is_no_answer(talk: Any) -> None:
    """Too late is not heard."""
    tick(talk, 5.0, fade=fade_at(6.0))
    tick(talk, 9.0, "positive")
    felt = Steps.of([(0.0, "neutral"), (4.0, "positive"), (6.5, "negative")])
    found = latency.felt_to_heard(talk.log, clock(talk), felt, PART)
    assert [f.outcome for f in found] == ["not heard", "not heard"]


def test_two_players_have_two_clocks(talk: Any) -> None:
    """Frames of a restarted player count from its own start."""
    tick(talk, 1.0)
    talk.epochs["player"] = 2
    talk.played(0, "neutral", 50.0)
    talk.played(RATE, "neutral", 51.0)
    c = clock(talk)
    assert c.rig(("player", 1), 2 * RATE) == pytest.approx(2.05)
    assert c.rig(("player", 2), RATE / 2) == pytest.approx(50.55)


@given(
    st.integers(0, 10**9),
    st.floats(0.0, 1e6),
    st.lists(st.integers(1, 10**6), min_size=2, max_size=9),
)
def test_the_clock_is_exact_on_a_line(frame: int, origin: float, gaps: list[int]) -> None:
    """Where device and rig agree on the rate, every frame maps to its own time."""
    frames = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    rows = latency.np.array([(f, origin + f / RATE) for f in frames])
    c = latency.PlayerClock({("player", 1): rows}, RATE)
    assert c.rig(("player", 1), frame) == pytest.approx(origin + frame / RATE, abs=1e-6)


def test_the_budget_names_every_delay_once() -> None:
    """Declared and measured figures of one step share its line."""
    declared = (
        latency.Delay(name="middle of the window", seconds=0.5, why="half of 1 s"),
        latency.Delay(name=latency.OUTPUT, seconds=0.1, why="ring"),
    )
    measured = (latency.Hop(name=latency.OUTPUT, n=3, p50=0.08, p99=0.09),)
    lines = latency.fold_budget(declared, measured)
    assert len({line.name for line in lines}) == len(lines) == 9
    assert lines[0].typical == 0.5
    assert (lines[-1].declared, lines[-1].p50, lines[-1].typical) == (0.1, 0.08, 0.08)
