"""What the supervisor does beside its parts; no part runs here."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rym.clock import ManualClock, SystemClock
from rym.errors import RymError
from session import settings
from session.folder import Folder
from session.live import training
from session.live.listen import _steer
from session.live.supervisor import MODULES, Supervisor
from session.live.view import PART_ORDER

ROOT = Path(__file__).resolve().parents[3]


class Nobody:
    """Looks at nothing."""

    def watch(self, bus: Any) -> None:
        """Listen to nothing."""

    def refresh(self) -> None:
        """Show nothing."""


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """Return a supervisor whose phases take a long time, and that starts no part."""
    tables = settings.tables(settings.load("demo", None, ()))
    folder = Folder.create(tmp_path, "sim", "01", "recall", None)
    one = Supervisor(tables, folder, SystemClock(), epoch=1, only=())

    async def nothing() -> None:
        return

    monkeypatch.setattr(one, "_meet", nothing)
    monkeypatch.setattr(one, "_walk", lambda: asyncio.sleep(20))
    return one


async def fail() -> None:
    """Fail as nobody expected."""
    await asyncio.sleep(0.05)
    raise KeyError("unheard of")


def test_what_fails_beside_fails_the_session(session: Supervisor) -> None:
    """Keys that nobody reads any more must not go without a word; the error is its own."""

    async def run() -> None:
        session.beside(fail(), "operator")
        await asyncio.wait_for(session.run(Nobody()), 5.0)

    with pytest.raises(KeyError, match="unheard of"):
        asyncio.run(run())


def test_what_fails_while_the_parts_end_is_told_too(
    session: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session had come to its end before."""
    monkeypatch.setattr(session, "_walk", lambda: asyncio.sleep(0))

    async def slowly() -> None:
        session.beside(fail(), "operator")
        await asyncio.sleep(0.2)

    monkeypatch.setattr(session, "_end_parts", slowly)
    with pytest.raises(KeyError, match="unheard of"):
        asyncio.run(session.run(Nobody()))


def test_what_runs_beside_ends_with_the_session(session: Supervisor) -> None:
    """That something there came to its end, or was given up, ends nothing."""

    async def run() -> asyncio.Task[object]:
        session.beside(asyncio.sleep(0), "done")
        session.beside(asyncio.sleep(9), "given up").cancel()
        waiting = session.beside(asyncio.sleep(30), "keys")
        running = asyncio.create_task(session.run(Nobody()))
        await asyncio.sleep(0.3)
        assert not running.done()
        running.cancel()
        await asyncio.wait({running, waiting}, timeout=5.0)
        return waiting

    assert asyncio.run(run()).cancelled()


def test_training_is_given_up_where_the_session_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, its process gone, in a sentence."""
    begun: list[subprocess.Popen[bytes]] = []

    def spawn(_: list[str], **__: Any) -> subprocess.Popen[bytes]:
        begun.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return begun[0]

    monkeypatch.setattr(training, "spawn", spawn)
    folder = cast(Any, SimpleNamespace(path=tmp_path, logs=tmp_path))

    async def run() -> float:
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, stopping.set)
        begin = time.monotonic()
        with pytest.raises(RymError, match="Training was given up, since the session was ended"):
            await training.train(folder, SystemClock(), within=40.0, stopping=stopping)
        return time.monotonic() - begin

    assert asyncio.run(run()) < 5.0
    assert begun[0].returncode is not None


def test_a_stop_works_before_everything_is_ready() -> None:
    """Without EEG too: the player may sound already. Only an affect waits until it can be asked."""
    said: list[str] = []

    async def stop() -> None:
        said.append("stop")

    async def command(one: Any) -> bool:
        said.append(f"{one.action} {one.value}")
        return True

    async def run() -> None:
        started, keys = asyncio.Event(), asyncio.Queue[str]()
        one: Any = SimpleNamespace(
            clock=ManualClock(1.0), started=started, stop=stop, command=command,
            parts={"player": SimpleNamespace(starts=1)}, stopping=asyncio.Event(),
            beside=lambda work, name: asyncio.create_task(work, name=name),
            tables=SimpleNamespace(session=SimpleNamespace(attended=False)),
        )  # fmt: skip
        steering = asyncio.create_task(_steer(one, keys))
        for key in ("right", " "):
            keys.put_nowait(key)
        await asyncio.sleep(0.02)
        assert said == ["stop"]
        started.set()
        await asyncio.sleep(0.02)
        steering.cancel()

    asyncio.run(run())
    assert said == ["stop", "course hold", "steer positive"]


def test_every_part_has_its_place_on_the_screen() -> None:
    """One that were missing there would never be shown."""
    assert set(PART_ORDER) == set(MODULES)


HALTED = """
import asyncio, os, signal
from session.live.run import interrupts

async def run():
    before = signal.getsignal(signal.SIGTSTP)
    async with interrupts(asyncio.Event()):
        os.kill(os.getpid(), signal.SIGTSTP)
        await asyncio.sleep(0.05)
        print("went on")
    assert signal.getsignal(signal.SIGTSTP) == before == signal.SIG_DFL

asyncio.run(run())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no process is halted by a key there")
def test_ctrl_z_does_not_halt_a_session() -> None:
    """The music would go on without anybody who could stop it; afterwards it halts as ever."""
    process = subprocess.Popen(
        [sys.executable, "-c", HALTED], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.communicate(timeout=30)[0] == "went on\n"
        assert process.returncode == 0
    finally:
        process.kill()
