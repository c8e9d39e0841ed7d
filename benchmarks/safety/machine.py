"""The dead-man switch as a table, found by asking the switch itself (pure)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from player.safety import DeadMan, Order
from player.settings import BLOCK, RATE

HOP = RATE // 4
"""Frames between two answers."""
OWN_END = "the music's own end, a soft tone"
WATCHED = 80 * RATE
"""Frames for which is looked on behind an event: longer than the wait for a pause."""
HOMECOMING = 20 * RATE
"""Frames of a music's own end, as an example: its length is the bank's."""


Change = tuple[int, str, str, list[Order]]
"""Frame, state, what people are told, and orders."""


class Step(NamedTuple):
    """Something that changed."""

    after: float
    """Seconds behind the event."""
    state: str
    heard: str
    told: str


class Row(NamedTuple):
    """What comes of an event, and in which situations it does."""

    comes: str
    where: tuple[str, ...]
    steps: tuple[Step, ...]


class Machine:
    """The switch in a situation, with the answers that come in it."""

    def __init__(self, *, stopped: bool = False) -> None:
        self.switch = DeadMan(stopped=stopped)
        self.frame = 0
        self.answers = ""
        self.run(BLOCK)

    @property
    def said(self) -> tuple[str, str, str]:
        """State, sentence and reason."""
        return self.switch.state, self.switch.text, self.switch.reason

    def run(self, frames: int) -> list[Change]:
        """Step on; return every change, of the reason too, and whatever is ordered."""
        found: list[Change] = []
        end = self.frame + frames
        said = self.said
        while self.frame < end:
            if self.frame % HOP == 0 and self.answers:
                answer = self.switch.fresh if self.answers == "usable" else self.switch.useless
                answer(self.frame)
            orders = self.switch.step(self.frame)
            now = self.said
            if orders or now != said:
                found.append((self.frame, *now[:2], orders))
            said = now
            self.frame += BLOCK
        return found


def situation(name: str) -> Machine:
    """Return the switch in a situation of the table."""
    machine = Machine(stopped=name == "stopped since before this start")
    if name in ("nothing answered yet", "stopped since before this start"):
        machine.run(RATE)
        return machine
    machine.answers = "usable"
    machine.run(5 * RATE)
    match name:
        case "cannot be used":
            machine.answers = "useless"
            machine.run(5 * RATE)
        case "held" | "neutral" | "pausing" | "paused":
            machine.answers = ""
            machine.run(
                round({"held": 1.0, "neutral": 5.0, "pausing": 65.0, "paused": 75.0}[name] * RATE)
            )
        case "stopped":
            machine.switch.stop(machine.frame, "operator")
            machine.run(RATE)
        case "coming back":
            machine.switch.end(machine.frame, machine.frame + HOMECOMING)
            machine.run(RATE)
        case "supervisor gone":
            machine.switch.supervisor_gone(machine.frame)
            machine.run(RATE)
    return machine


SITUATIONS = (
    "nothing answered yet",
    "followed",
    "held",
    "neutral",
    "cannot be used",
    "pausing",
    "paused",
    "stopped",
    "stopped since before this start",
    "coming back",
    "supervisor gone",
)
NOTHING, SILENCE = "nothing new", "nothing any more"
EVENTS: dict[str, Callable[[Machine], object]] = {
    SILENCE: lambda m: setattr(m, "answers", ""),
    "answers that can be used": lambda m: setattr(m, "answers", "usable"),
    "answers that cannot be used": lambda m: setattr(m, "answers", "useless"),
    "`resume`": lambda m: m.switch.resume(),
    "`release-stop`": lambda m: m.switch.release(),
    "stop by operator or participant": lambda m: m.switch.stop(m.frame, "operator"),
    "stop by distress": lambda m: m.switch.stop(m.frame, "distress"),
    "supervisor gone": lambda m: m.switch.supervisor_gone(m.frame),
    NOTHING: lambda _: None,
    "`end`": lambda m: m.switch.end(m.frame, m.frame + HOMECOMING if m.switch.sounding else None),
}


def outcome(where: str, event: str) -> tuple[Step, ...]:
    """Return what changes behind an event in a situation."""
    machine = situation(where)
    begin, said = machine.frame, machine.said
    EVENTS[event](machine)
    steps = []
    now = machine.said
    found = machine.run(WATCHED)
    if now != said and (not found or found[0][0] > begin):
        found.insert(0, (begin, *now[:2], []))
    for frame, state, text, orders in found:
        follows = "what the policy asks for" if state == "RUN" else "as it was"
        heard = ", ".join(_words(order) for order in orders) or follows
        steps.append(Step((frame - begin) / RATE, state, heard, text))
    if event == "`end`" and not any("silent" in step.heard for step in steps):
        over = machine.switch.finished(begin)
        own = situation(where).switch.sounding
        heard = OWN_END if own else "nothing more" if over else "the silence that is on its way"
        steps = [Step(0.0, machine.switch.state, heard, "")]
    return tuple(steps)


def _words(order: Order) -> str:
    match order.kind:
        case "hold":
            return "held; what has not begun is dropped"
        case "neutral":
            return f"neutral in {order.seconds:g} s"
        case "silence":
            return f"silent in {order.seconds:g} s"
        case "sound":
            return "up from silence"


@cache
def rows() -> tuple[Row, ...]:
    """Return the whole table; situations in which an event does the same share a row."""
    found = []
    as_it_goes = {where: outcome(where, NOTHING) for where in SITUATIONS}
    for event in EVENTS:
        same: dict[tuple[Step, ...], list[str]] = {}
        for where in SITUATIONS:
            steps = outcome(where, event)
            changes = event == SILENCE or steps != as_it_goes[where]
            same.setdefault(steps if changes else (), []).append(where)
        found += [Row(event, tuple(where), steps) for steps, where in same.items()]
    return tuple(found)


def table() -> str:
    """Return the table in Markdown."""
    lines = [
        "| what comes | where | after | state | what is heard | what people are told |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows():
        if row.comes == NOTHING:
            continue
        head = f"{row.comes} | {'; '.join(row.where)}"
        if not row.steps:
            lines.append(f"| {head} | | as it goes | as it goes | |")
        for k, step in enumerate(row.steps):
            after = f"{round(step.after, 1):g} s" if step.after else "at once"
            cells = f"{after} | {step.state} | {step.heard} | {step.told}"
            lines.append(f"| {head if k == 0 else ' | '} | {cells} |")
    return "\n".join(lines)
