"""Every state that the dead-man switch can get into, walked through with everything that can come.

Seconds count in halves, and the long ones are shortened, so that there are few enough states to see
them all: what is found holds for any sequence of events on that clock, however long.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from player import safety
from player.safety import DeadMan
from player.settings import RATE

TICK = RATE // 2
EVENTS = (
    "usable",
    "useless",
    "operator",
    "distress",
    "resume",
    "release",
    "gone",
    "end",
    "tick",
)
HOME = 2.0
"""Seconds that the music takes to come to an end of its own."""
SHORT = {
    "PAUSE_AFTER": 1.5,
    "PAUSE_FADE": 1.0,
    "STOP_FADE": {"operator": 0.5, "participant": 0.5, "distress": 1.0},
    "GONE_AFTER": 1.0,
    "GONE_FADE": 1.0,
    "END_FADE": 1.5,
}
"""Seconds that are much longer in truth, in halves."""


class World(NamedTuple):
    """The machine, what its orders made of the sound, and what was promised meanwhile."""

    machine: DeadMan
    frame: int
    silent_at: int | None
    """Frame from which on nothing is heard, as far as was ordered; null while sound is up."""
    due: int | None
    """Frame at which there has to be silence; null where nothing asked for it."""
    stopped: bool
    """Whether a STOP came that no release has ended."""
    allowed: str
    """Who let sound come back since it went: `resume`, `release` or nobody."""
    over: bool
    """Whether an end has begun that nothing turns back."""


def begun(stopped: bool) -> World:
    """Return the world at the machine's start."""
    machine = DeadMan(stopped=stopped)
    orders = [order.kind for order in machine.step(0)]
    assert orders == ([] if stopped else ["sound"])
    return World(machine, 0, 0 if stopped else None, None, stopped, "", False)


def copied(machine: DeadMan) -> DeadMan:
    """Return the same machine once more."""
    twin = DeadMan.__new__(DeadMan)
    twin.__dict__.update(machine.__dict__)
    twin._orders = list(machine._orders)
    return twin


def within(seconds: float, world: World) -> int:
    """Return the frame that is so late, or an earlier one that holds already."""
    due = world.frame + round(seconds * RATE)
    return due if world.due is None else min(due, world.due)


def after(world: World, event: str) -> World:
    """Return the world behind an event; every rule of the sound is checked on the way."""
    world = world._replace(machine=copied(world.machine))
    machine, frame = world.machine, world.frame
    match event:
        case "tick":
            return ticked(world)
        case "usable":
            machine.fresh(frame)
        case "useless":
            machine.useless(frame)
        case "operator" | "distress":
            machine.stop(frame, event)
            due = within(safety.STOP_FADE[event], world)
            world = world._replace(due=due, stopped=True, allowed="")
            assert machine.state == "STOP"
        case "resume":
            if machine.resume():
                world = world._replace(allowed="resume")
        case "release":
            if machine.release():
                world = world._replace(allowed="release")
        case "gone":
            machine.supervisor_gone(frame)
            due = within(safety.GONE_AFTER + safety.GONE_FADE, world)
            world = world._replace(due=due, allowed="", over=True)
        case "end" if machine.sounding:
            # The music's own way to its end; asked for again, it goes on as it was.
            due = within(HOME, world)
            machine.end(frame, due)
            world = world._replace(due=due, silent_at=due, allowed="", over=True)
        case "end":
            machine.end(frame)
            if machine._over is None:
                world = world._replace(due=within(safety.END_FADE, world))
            world = world._replace(allowed="", over=True)
    assert (machine.state == "STOP") == world.stopped
    return world


def ticked(world: World) -> World:
    """Return the world half a second later: the machine steps, and its orders are obeyed."""
    machine, frame, silent_at = world.machine, world.frame, world.silent_at
    for order in machine.step(frame):
        if order.kind == "silence":
            end = frame + round(order.seconds * RATE)
            silent_at = end if silent_at is None else min(silent_at, end)
        elif order.kind == "sound":
            assert silent_at is not None
            assert silent_at <= frame, "sound turns upwards half-way"
            assert world.allowed == "release" if world.stopped else world.allowed, "nobody asked"
            assert not world.over, "sound after the end"
            world = world._replace(stopped=False, allowed="", due=None)
            silent_at = None
    if world.due is not None and frame >= world.due:
        assert silent_at is not None
        assert silent_at <= world.due, "silence comes too late"
        if world.over:
            assert machine.finished(frame)
    if machine.finished(frame):
        assert world.over
        assert silent_at is not None
        assert silent_at <= frame, "the end comes before the silence"
    check_words(machine, world)
    return world._replace(silent_at=silent_at, frame=frame + TICK)


def check_words(machine: DeadMan, world: World) -> None:
    """Check that the state agrees with what came, and that a person is told."""
    assert (machine.state == "STOP") == world.stopped
    assert machine.state == "RUN" or machine.text
    assert not (machine.follows and (world.stopped or world.allowed))
    if machine.follows and machine._fresh is not None:
        assert world.frame - machine._fresh < safety.HOLD * RATE


def name(world: World) -> tuple[object, ...]:
    """Return what of a world decides over its future: frames as distances, without what is past."""
    machine, frame = world.machine, world.frame

    def age(at: int | None, most: float) -> int | None:
        return None if at is None else min(frame - at, round(most * RATE))

    def left(at: int | None) -> int | None:
        return None if at is None else max(at - frame, 0)

    waits = machine.state == "SAFE" and machine.reason == "stale"
    return (
        machine.state, machine.reason, machine._asked, machine._ending,
        age(machine._fresh, safety.STALE), age(machine._useless, safety.STALE),
        age(machine._safe_since, safety.PAUSE_AFTER) if waits else None,
        left(machine._quiet), left(machine._over), age(machine._gone, safety.GONE_AFTER),
        tuple(order.kind for order in machine._orders[-3:]),
        left(world.silent_at), left(world.due), world.stopped, world.allowed, world.over,
    )  # fmt: skip


def comes_back(world: World) -> bool:
    """Return whether a person who asks, and answers that can be used, bring the music back."""
    for event in ("release", "resume"):
        world = after(world, event)
    for _ in range(6):
        world = after(after(world, "usable"), "tick")
    return world.machine.follows


@pytest.fixture(scope="module")
def worlds():
    """Walk through all of them."""
    with pytest.MonkeyPatch.context() as patch:
        for constant, seconds in SHORT.items():
            patch.setattr(safety, constant, seconds)
        first = [begun(stopped=False), begun(stopped=True)]
        found, waiting = {name(world): world for world in first}, list(first)
        while waiting:
            world = waiting.pop()
            for event in EVENTS:
                new = after(world, event)
                key = name(new)
                if key not in found:
                    found[key] = new
                    waiting.append(new)
            assert len(found) < 200_000
        yield list(found.values())


def test_no_sequence_of_events_breaks_a_promise(worlds):
    """Silence in time, sound only from silence, by whoever may, never after an end; told always."""
    assert len(worlds) > 1000
    assert {world.machine.state for world in worlds} == {"RUN", "DEGRADED", "SAFE", "STOP"}


def test_from_every_state_all_that_silences_does(worlds):
    """Distress, stop, end and a supervisor that is gone: silent in time, and then for ever."""
    for world in worlds[::3]:
        for event in ("operator", "distress", "gone", "end"):
            ahead = after(world, event)
            for _ in range(8):
                ahead = after(ahead, "tick")
            assert ahead.silent_at is not None, (name(world), event)
            assert ahead.silent_at <= ahead.due, (name(world), event)


def test_from_every_state_but_an_end_a_person_can_have_the_music_back(worlds):
    """No STOP and no pause is for ever; an end is."""
    for world in worlds[::3]:
        assert comes_back(world) != world.over
