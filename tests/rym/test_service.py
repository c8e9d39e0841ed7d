"""The shell: a small stage as a real process, its statuses, its ends, its errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from pathlib import Path

import pytest

from rym import topics
from rym.bus import ALL, LATEST, MemoryHub
from rym.clock import ManualClock, SystemClock
from rym.lifeline import Lifeline
from rym.logs import run_async
from rym.messages import Phase
from rym.mqtt import MqttBus
from rym.service import Shell

STAGE = """
import asyncio, sys
import msgspec
from rym.errors import SignalError
from rym.service import run

class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    what: str = "wait"
    window_s: float = 1.0

class Broken(Exception): pass

async def boom():
    raise SignalError("The rate is 250 Hz, expected 500 Hz.", "Set it.")

async def serve(shell, settings):
    shell.ready("at work", folder=str(shell.folder), session=shell.session,
                window_s=settings.window_s)
    if settings.what == "end":
        return
    if settings.what == "fail":
        await boom()
    if settings.what == "group":
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(boom())
            tasks.create_task(asyncio.sleep(60))
    if settings.what == "break":
        raise Broken("it broke")
    if settings.what == "unclean":
        try:
            await asyncio.sleep(60)
        finally:
            raise SignalError("The file could not be closed.", "Look at the disk.")
    if settings.what == "outlive":
        order = await shell.lifeline.orders.get()
        shell.ready("ordered " + order["stop"])
        await shell.lifeline.gone.wait()
        shell.ready("alone")
        return
    await asyncio.sleep(60)

raise SystemExit(run("player", Settings, serve, outlives_supervisor="--outlive" in sys.argv and
                     (sys.argv.remove("--outlive") or True)))
"""


@pytest.fixture
def stage(tmp_path: Path) -> str:
    """Return the path of a stage's program."""
    path = tmp_path / "stage.py"
    path.write_text(STAGE)
    return str(path)


class Watcher:
    """Reads what the stage says of itself."""

    def __init__(self, broker) -> None:
        self.bus = MqttBus(
            broker.url, service="session", epoch=1, clock=SystemClock(), rig="bench",
            password=broker.password,
        )  # fmt: skip

    async def __aenter__(self) -> Watcher:
        await self.bus.connect(within=10)
        self.box = self.bus.subscribe(topics.STATUS["player"], overload=ALL)
        await asyncio.sleep(0.3)
        return self

    async def __aexit__(self, *_error) -> None:
        await self.bus.close()

    async def until(self, life: str, detail: str = "") -> list[str]:
        """Return the lives that were said until this one."""
        lives = []
        async with asyncio.timeout(15):
            while True:
                self.last = (await self.box.get()).content
                lives.append(self.last.life)
                if self.last.life == life and detail in self.last.detail:
                    return lives


def hello(broker, **more) -> dict[str, object]:
    """Return the first line on a life line."""
    return {"broker": broker.url, "password": broker.password, "rig": "bench", **more}


def ended(process) -> tuple[int, list[str]]:
    """Return a process's exit code and its lines on stderr."""
    process.wait(timeout=20)
    return process.returncode, process.stderr.read().splitlines()


def by_hand(broker, stage: str, *more: str) -> list[str]:
    """Return the arguments of a person at a terminal."""
    return [stage, "--broker", broker.url, "--rig", "bench", *more]


@pytest.mark.real
def test_a_stage_that_returns_has_ended(embedded, start, stage, tmp_path):
    """starting, ready with its facts, ended; exit code 0; its folder made; nothing on stdout."""
    here = tmp_path / "not" / "here"
    config = tmp_path / "rig.toml"
    config.write_text('[player]\nwhat = "end"\nwindow_s = 2\n[stream]\nrate = 500\n')

    async def main() -> None:
        async with Watcher(embedded) as watcher:
            arguments = by_hand(embedded, stage, "--config", str(config), "--out", str(here))
            process = start(*arguments, RYM_BROKER_PASSWORD=embedded.password)
            assert await watcher.until("ready") == ["starting", "ready"]
            assert watcher.last.facts == {"folder": str(here), "session": "", "window_s": 2.0}
            assert await watcher.until("ended") == ["ended"]
            code, lines = ended(process)
            assert (code, process.stdout.read(), here.is_dir()) == (0, "", True)
            assert not [line for line in lines if "ERROR" in line]

    run_async(main())


@pytest.mark.real
@pytest.mark.parametrize("how", ["pipe", "order", "signal"])
def test_a_stage_that_is_told_to_end_ends(embedded, start, stage, how):
    """End of the life line, the order to end, SIGTERM: cancelled, `ended`, exit code 0."""

    async def main() -> None:
        async with Watcher(embedded) as watcher:
            first = hello(embedded, settings={"window_s": 3.0}, session="s1", out="there")
            process = start(stage, "--lifeline", first=first)
            await watcher.until("ready")
            assert watcher.last.facts == {"folder": "there", "session": "s1", "window_s": 3.0}
            if how == "pipe":
                process.stdin.close()
            elif how == "order":
                process.stdin.write('{"stop": "operator"}\nnonsense\n{"end": true}\n')
                process.stdin.flush()
            else:
                process.send_signal(signal.SIGTERM)
            assert await watcher.until("ended") == ["ended"]
            assert ended(process)[0] == 0

    run_async(main())


@pytest.mark.real
def test_a_stage_may_outlive_its_supervisor(embedded, start, stage):
    """Orders and the end of the life line are then the stage's own business."""

    async def main() -> None:
        async with Watcher(embedded) as watcher:
            first = hello(embedded, settings={"what": "outlive"})
            process = start(stage, "--lifeline", "--outlive", first=first)
            await watcher.until("ready", "at work")
            process.stdin.write('{"stop": "operator"}\n')
            process.stdin.flush()
            await watcher.until("ready", "ordered operator")
            process.stdin.close()
            assert await watcher.until("ended") == ["ready", "ended"]
            assert ended(process)[0] == 0

    run_async(main())


@pytest.mark.real
@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("fail", "The rate is 250 Hz, expected 500 Hz. Set it."),
        ("group", "The rate is 250 Hz, expected 500 Hz. Set it."),
        ("break", "Unexpected Broken: it broke (stage.py, line "),
    ],
)
def test_a_stage_that_fails_says_why(embedded, start, stage, what, sentence):
    """The sentence is in the last status and the only line on stderr; exit code 1."""

    async def main() -> None:
        async with Watcher(embedded) as watcher:
            process = start(stage, "--lifeline", first=hello(embedded, settings={"what": what}))
            assert await watcher.until("failed") == ["starting", "ready", "failed"]
            assert watcher.last.detail.startswith(sentence)
            code, lines = ended(process)
            assert code == 1
            (line,) = lines
            assert sentence in line
            assert line[2] == line[5] == ":"
            assert " player ERROR " in line

    run_async(main())


@pytest.mark.real
def test_an_error_while_ending_is_not_swallowed(embedded, start, stage):
    """What goes wrong in the stage's own cleaning up decides the exit code."""

    async def main() -> None:
        async with Watcher(embedded) as watcher:
            first = hello(embedded, settings={"what": "unclean"})
            process = start(stage, "--lifeline", first=first)
            await watcher.until("ready")
            process.stdin.close()
            await watcher.until("failed", "could not be closed")
            assert ended(process)[0] == 1

    run_async(main())


@pytest.mark.real
def test_debug_shows_the_traceback(embedded, start, stage):
    """Only then."""
    first = hello(embedded, settings={"what": "break"})
    process = start(stage, "--lifeline", "--debug", first=first)
    code, lines = ended(process)
    assert code == 1
    assert any(line.startswith("Traceback") for line in lines)


@pytest.mark.real
def test_a_wrong_password_is_one_sentence(embedded, start, stage):
    """The broker's refusal is the part's exit code 1; the password is not shown."""
    process = start(*by_hand(embedded, stage), RYM_BROKER_PASSWORD="hunter2")
    code, (line,) = ended(process)
    assert code == 1
    assert "refuses this password" in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "python -m rym.broker"),
        (["--broker", "mqtt://rym:hunter2@127.0.0.1"], "RYM_BROKER_PASSWORD"),
        (["--broker", "http://127.0.0.1"], "mqtt://host:port"),
        (["--broker", "mqtt://127.0.0.1", "--rig", "../x"], "rig's id"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_wrong_use_is_one_sentence(start, stage, arguments, sentence):
    """Exit code 2 before anything is started; no secret is repeated."""
    code, (line,) = ended(start(stage, *arguments))
    assert code == 2
    assert sentence in line
    assert "hunter2" not in line


def test_wrong_settings_are_one_sentence(start, stage, tmp_path):
    """In a file and on the life line; the nearest known key is given."""
    config = tmp_path / "rig.toml"
    config.write_text("[player]\nwindow = 1.0\n")
    for process in (
        start(stage, "--config", str(config), "--broker", "mqtt://127.0.0.1"),
        start(stage, "--lifeline", first={"settings": {"window": 1.0}}),
    ):
        code, (line,) = ended(process)
        assert code == 2
        assert "player.window" in line
        assert "'window_s'" in line


def test_a_broken_first_line_is_refused_without_being_repeated(start, stage):
    """It may hold a password."""
    for first in (["hunter2"], {"password": 7, "x": "hunter2"}):
        code, (line,) = ended(start(stage, "--lifeline", first=first))
        assert code == 2
        assert "life line" in line
        assert "hunter2" not in line


def test_eeg_stays_on_this_machine(start, tmp_path):
    """The stream refuses a broker elsewhere unless it is told otherwise."""
    path = tmp_path / "stage.py"
    path.write_text(STAGE.replace('run("player"', 'run("stream"'))
    code, (line,) = ended(start(str(path), "--broker", "mqtt://192.0.2.1"))
    assert code == 2
    assert "--allow-remote-eeg" in line


def test_help(start, stage):
    """`--help` works and names the password's variable."""
    process = start(stage, "--help")
    assert process.wait(timeout=20) == 0
    assert "RYM_BROKER_PASSWORD" in process.stdout.read()


def test_the_status_is_said_again_when_drops_grow():
    """At most once a second, with the facts of before."""

    async def main() -> None:
        hub, clock = MemoryHub(), ManualClock()
        bus, other = hub.bus("player", clock, 1), hub.bus("session", clock, 1)
        said = other.subscribe(topics.STATUS["player"], overload=ALL)
        slow = bus.subscribe(topics.PHASE, overload=LATEST)
        shell = Shell(bus, clock, Lifeline())
        shell.ready("fine", origin=2.0)
        saying = asyncio.create_task(shell.keep_saying())
        for step in range(40):
            if 10 <= step < 30:
                other.publish(
                    topics.PHASE,
                    Phase(name="rest", index=step, starts=0.0, ends=None, simulated=True),
                )
            await asyncio.sleep(0)
            clock.advance(0.25)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        saying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await saying
        statuses = [message.content for message in said.drain()]
        drops = [status.drops.get("session/phase", 0) for status in statuses]
        assert drops[0] == 0
        assert drops[-1] == 19
        assert drops == sorted(set(drops))
        assert len(drops) <= 1 + 6
        assert {(s.life, s.detail, json.dumps(s.facts)) for s in statuses} == {
            ("ready", "fine", '{"origin": 2.0}')
        }
        assert slow.get_nowait() is not None

    run_async(main())
