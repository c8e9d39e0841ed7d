"""Another sender in the place of one that vanished: nothing goes on before the operator says so."""

from __future__ import annotations

import os
import pty
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rym.errors import ConfirmError
from rym.topics import SAFETY, STATUS, WINDOW
from stream.lsl.outlets import NicOutlets
from stream.montage import ENOBIO20

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

SETTINGS = """
[session]
kind = "pilot"
eeg = "outside"
bank = "{bank}"

[[session.phases]]
name = "feedback"
seconds = 0

[stream]
wait = 2.0
"""


class Sender(threading.Thread):
    """Sends noise under a source id, in true time, until it is closed."""

    def __init__(self, source_id: str) -> None:
        super().__init__(daemon=True)
        self._outlets = NicOutlets(name="NIC", source_id=source_id, channels=ENOBIO20, rate=500.0)
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        """Send 50 ms at a time."""
        rng = np.random.default_rng(1)
        while not self._ended.wait(0.05):
            noise = rng.normal(0.0, 20.0, (25, 20)).astype(np.float32)
            self._outlets.push_eeg(noise, time.monotonic())

    def close(self) -> None:
        """Vanish."""
        self._ended.set()
        self.join()
        self._outlets.close()


@pytest.fixture
def senders() -> Iterator[list[Sender]]:
    """Return a list of senders, closed in the end."""
    begun: list[Sender] = []
    yield begun
    for sender in begun:
        sender.close()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Return a terminal: the end where keys are pressed, and the end where they are read."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def asked(journal: Any) -> list[Any]:
    """Return the statuses with which the stream asked."""
    said = [x.content for x in journal.of(STATUS["stream"])]
    return [x for x in said if x.facts.get("exit_code") == ConfirmError.exit_code]


def test_the_operator_confirms_another_sender(
    start: Callable[..., Any],
    senders: list[Sender],
    terminal: tuple[int, int],
    small_bank: Path,
    tmp_path: Path,
) -> None:
    """Neutral and without windows until the key; then the new one, and nobody had to start it."""
    settings = tmp_path / "outside.toml"
    settings.write_text(SETTINGS.format(bank=small_bank))
    senders.append(Sender("one"))
    session = start("--sink", "null", settings=settings, stdin=terminal[1])
    session.until(lambda journal: len(journal.of(WINDOW)) > 3)
    senders.pop().close()
    senders.append(Sender("two"))

    session.until(asked)
    (said,) = asked(session.journal)
    assert "id one) on" in said.facts["error"]
    assert "id two) on" in said.facts["error"]
    time.sleep(2.5)  # longer than any pause before a restart
    assert "stream" not in session.parts()
    assert session.process.poll() is None
    assert len(session.journal.epochs(WINDOW)) == 1
    assert session.journal.of(SAFETY)[-1].content.state == "SAFE"

    os.write(terminal[0], b"y")
    session.until(lambda journal: len(journal.epochs(WINDOW)) == 2)
    assert len(asked(session.journal)) == 1
