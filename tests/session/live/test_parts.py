"""A part as a process: told its settings by the pipe, brought back, ended in good order."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rym.clock import ManualClock, SystemClock
from rym.errors import ConfirmError
from session.live.parts import FIRST_PAUSE, LONGEST_PAUSE, Part

PROGRAM = """
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
with (folder / "said.jsonl").open("a") as said:
    for line in sys.stdin:
        said.write(line)
        said.flush()
        order = json.loads(line)
        if "exit" in order:
            sys.exit(order["exit"])
        if order.get("end") and not (folder / "deaf").exists():
            sys.exit(0)
    said.write('{"gone": true}\\n')
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a program that writes down what it is told."""
    (tmp_path / "listener.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def _said(folder: Path, n: int) -> list[str]:
    give_up = time.monotonic() + 10
    lines: list[str] = []
    while time.monotonic() < give_up and len(lines) < n:
        path = folder / "said.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        time.sleep(0.01)
    return lines


def _wait(part: Part) -> None:
    give_up = time.monotonic() + 10
    while part.running and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not part.running


def _part(folder: Path, clock: ManualClock | SystemClock) -> Part:
    starts = iter(range(100))
    return Part(
        name="listener",
        module="listener",
        hello=lambda: {"start": next(starts)},
        log=folder / "log",
        clock=clock,
    )


def test_settings_come_first_and_the_ends_are_told(folder: Path) -> None:
    """First line, orders in their sequence, then an end in good order that is not undone."""
    part = _part(folder, SystemClock())
    part.start()
    part.order({"stop": "operator"})
    part.end()
    assert asyncio.run(part.ended(10.0))
    assert _said(folder, 3) == ['{"start":0}', '{"stop":"operator"}', '{"end":true}']
    assert not part.watch()
    assert part.starts == 1


def test_what_dies_is_brought_back_with_a_growing_pause(folder: Path) -> None:
    """Soon the first time, then later and later, never later than the longest pause."""
    clock = ManualClock()
    part = _part(folder, clock)
    part.start()
    waited = []
    for _ in range(6):
        part.order({"exit": 1})
        _wait(part)
        assert not part.watch()
        passed = 0.0
        while not part.watch():
            clock.advance(0.05)
            passed += 0.05
            assert passed < 5.0
        waited.append(passed)
    assert waited[0] == pytest.approx(FIRST_PAUSE, abs=0.051)
    assert waited == sorted(waited)
    assert max(waited) == pytest.approx(LONGEST_PAUSE, abs=0.051)
    assert part.exit_codes == [1] * 6
    assert [line for line in _said(folder, 13) if "start" in line][1] == '{"start":1}'
    part.end()
    _wait(part)


def test_one_that_ended_by_itself_in_good_order_stays_ended(folder: Path) -> None:
    """Exit code 0 was meant: the music's own end, a signal."""
    clock = ManualClock()
    part = _part(folder, clock)
    part.start()
    part.order({"exit": 0})
    _wait(part)
    clock.advance(10.0)
    assert not part.watch()
    assert part.starts == 1


def test_one_that_asks_waits_for_its_answer(folder: Path) -> None:
    """It is not started again by itself, however long; once it is, it counts as any other."""
    clock = ManualClock()
    part = _part(folder, clock)
    part.start()
    part.order({"exit": ConfirmError.exit_code})
    _wait(part)
    clock.advance(10.0)
    assert (part.watch(), part.asks, part.starts) == (False, True, 1)
    part.again()
    assert (part.running, part.asks, part.starts) == (True, False, 2)
    assert _said(folder, 3)[-1] == '{"start":1}'
    part.end()
    _wait(part)


def test_one_that_does_not_end_is_killed(folder: Path) -> None:
    """The deadline holds, and the caller learns that it was needed."""
    (folder / "deaf").touch()
    part = _part(folder, SystemClock())
    part.start()
    _said(folder, 1)
    part.end()
    assert not asyncio.run(part.ended(0.3))
    assert not part.running


def test_a_closed_pipe_is_the_end_of_the_supervisor(folder: Path) -> None:
    """A supervisor that is gone is heard of as the end of standard input."""
    words = "from pathlib import Path; from rym.clock import SystemClock;"
    words += "from session.live.parts import Part;"
    words += "p = Part(name='listener', module='listener', hello=dict, "
    words += f"log=Path({str(folder / 'log')!r}), clock=SystemClock()); p.start(); "
    words += "import os, signal; os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))"
    subprocess.run([sys.executable, "-c", words], check=False)
    assert _said(folder, 2) == ["{}", '{"gone": true}']
