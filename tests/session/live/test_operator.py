"""What a key of the operator waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from player.kept import Kept
from player.settings import PlayerSettings
from rym.bus import ALL, MemoryHub
from rym.clock import ManualClock
from rym.messages import Applied, Command, Label
from rym.topics import APPLIED, LABEL
from session.live.operator import HELD, LABEL_KEYS, Operator


class Session:
    """Stands in for the supervisor: writes down what is ordered, and answers when it is told to."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.given: list[str] = []
        self.answers: asyncio.Queue[bool] = asyncio.Queue()
        self.warnings: list[str] = []
        self.stopping = asyncio.Event()
        self.frozen = False
        self.left = Kept(level_db=-6.0)
        self.parts: dict[str, Any] = {
            "player": SimpleNamespace(starts=1, asks=False),
            "decoder": SimpleNamespace(asks=False),
        }
        self.folder = SimpleNamespace(path=Path("recall_run-1"))
        self.tables = SimpleNamespace(
            player=PlayerSettings(), session=SimpleNamespace(attended=True)
        )
        self.operator = Operator(cast(Any, self))

    async def command(self, command: Command) -> bool:
        """Write it down, and carry it out or not, as is said."""
        self.given.append(f"{command.action} {command.value}".rstrip())
        return await self.answers.get()

    async def stop(self, by: str = "operator") -> None:
        """Write it down."""
        self.given.append(f"stop {by}")

    def beside(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[object]:
        """Let it happen."""
        return asyncio.create_task(work, name=name)

    async def press(self, *keys: str, apart: float = 1.0) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.clock.advance(apart)
            await self.operator.press(key)
            await settle()

    async def answer(self, *carried_out: bool) -> None:
        """Answer what was ordered."""
        for one in carried_out:
            self.answers.put_nowait(one)
            await settle()


async def settle() -> None:
    """Let every task come to where it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def played(script: Callable[[Session], Coroutine[Any, Any, None]]) -> Session:
    """Return a session after what was done in it."""

    async def live() -> Session:
        session = Session()
        await script(session)
        return session

    return asyncio.run(live())


def test_music_comes_back_in_two_steps() -> None:
    """Its latch is released first, by the session's name; the second waits for the first."""

    async def script(session: Session) -> None:
        await session.press("r")
        assert session.given == ["release-stop recall_run-1"]
        await session.answer(True)

    assert played(script).given == ["release-stop recall_run-1", "resume recall_run-1"]


def test_a_release_that_fails_resumes_nothing() -> None:
    """What is latched stays so, and the order that would do nothing is not given."""

    async def script(session: Session) -> None:
        await session.press("r")
        await session.answer(False)

    assert played(script).given == ["release-stop recall_run-1"]


@pytest.mark.parametrize("key", [" ", "d"])
def test_a_stop_ends_a_release_that_is_under_way(key: str) -> None:
    """It is never followed by the rest of what came before it."""

    async def script(session: Session) -> None:
        await session.press("r", key)
        await session.answer(True, True)

    by = {" ": "operator", "d": "distress"}[key]
    assert played(script).given == ["release-stop recall_run-1", f"stop {by}"]


def test_a_duck_that_fails_is_asked_for_again() -> None:
    """The key then means the same once more, and the next one lets go."""

    async def script(session: Session) -> None:
        for carried_out in (False, True, True):
            await session.press("t")
            await session.answer(carried_out)

    assert played(script).given == ["duck on", "duck on", "duck off"]


def test_a_second_duck_waits_for_the_first() -> None:
    """It means what the first came to, not what it was when the key was pressed."""

    async def script(session: Session) -> None:
        await session.press("t", "t")
        assert session.given == ["duck on"]
        await session.answer(True, True)

    assert played(script).given == ["duck on", "duck off"]


def test_quieter_goes_down_from_what_it_is_by_now() -> None:
    """Two keys are two steps; a step that fails is none; what the player lowered itself counts."""

    async def script(session: Session) -> None:
        await session.press("-", "-")
        assert session.given == ["set-level -9"]
        await session.answer(True, False)
        await session.press("-")
        await session.answer(True)
        session.left = Kept(level_db=-20.0)
        await session.press("-")

    given = ["set-level -9", "set-level -12", "set-level -12", "set-level -23"]
    assert played(script).given == given


def test_no_key_waits_for_a_part_that_does_not_answer() -> None:
    """Release, duck, freeze: a stop comes through beside all of them."""

    async def script(session: Session) -> None:
        await session.press("r", "t", "f", " ", "q")

    session = played(script)
    assert session.given[-1] == "stop operator"
    assert session.stopping.is_set()


@pytest.mark.parametrize("pause", [0.04, 0.25, 0.66])
def test_a_key_that_is_held_is_one_key(pause: float) -> None:
    """A terminal repeats it after this pause, then 25 times a second; let go, it counts again."""

    async def script(session: Session) -> None:
        for key in ("d", "u"):
            await session.press(key, apart=5.0)
            await session.press(key, apart=pause)
            await session.press(*20 * key, apart=0.04)
        await session.press("d", apart=HELD + 0.1)
        await session.press("d", apart=HELD + 0.1)

    assert played(script).given == ["stop distress", "undo 30", "stop distress", "stop distress"]


def test_a_held_label_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not go on and off at the rate of the repetition."""
    said: list[str] = []

    async def say(_: Operator, label: Label) -> None:
        said.append(label.state)

    monkeypatch.setattr(Operator, "_say", say)

    async def script(session: Session) -> None:
        for key in LABEL_KEYS:
            await session.press(*5 * key, apart=0.1)
        await session.press("3")

    played(script)
    assert said == ["positive", "neutral", "negative", "none"]


def test_every_press_of_a_stop_counts() -> None:
    """Nothing may keep one from being said."""

    async def script(session: Session) -> None:
        await session.press(" ", " ", apart=0.04)

    assert played(script).given == ["stop operator", "stop operator"]


def test_a_question_is_answered_by_starting_the_part_again() -> None:
    """Only the one that asks, and it is told."""
    again: list[str] = []

    async def script(session: Session) -> None:
        session.parts["stream"] = SimpleNamespace(
            name="stream", asks=True, again=lambda: again.append("stream")
        )
        await session.press("y")
        session.parts["stream"].asks = False
        await session.press("y")

    session = played(script)
    assert again == ["stream"]
    assert session.warnings == ["stream went on as the operator confirmed."]


@pytest.mark.parametrize(("arm", "times"), [("real", 1), ("keys", 3)])
def test_where_keys_lead_a_key_is_said_until_the_player_has_it_too(arm: Any, times: int) -> None:
    """The decoder answers at once, the player the third time."""

    async def live() -> int:
        clock, hub = ManualClock(100.0), MemoryHub()
        heard = hub.bus("decoder", clock, 1).subscribe(LABEL, overload=ALL)
        answer = {name: hub.bus(name, clock, 2) for name in ("decoder", "player")}
        tables = SimpleNamespace(player=PlayerSettings(arm=arm))
        session = SimpleNamespace(bus=hub.bus("session", clock, 1), tables=tables, warnings=[])
        label = Label(state="positive", t=100.0, source="terminal")
        said = asyncio.create_task(Operator(cast(Any, session))._say(label))
        n = 0
        for _ in range(400):
            for message in heard.drain():
                n += 1
                name = "decoder" if n == 1 else "player"
                if n in (1, 3):
                    applied = Applied(input=message.id, at=0)
                    answer[name].publish(APPLIED[name], applied, cause=(message.id,))
            clock.advance(0.01)
            await asyncio.sleep(0)
        assert said.done()
        assert session.warnings == []
        return n

    assert asyncio.run(live()) == times
