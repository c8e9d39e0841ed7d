"""Whether the sound holds while the machine is busy and Python stands still.

Two processes compute without end; in the player a thread holds the interpreter's lock for 50 ms
every second, and for 200 ms every minute. What the device was given is listened to meanwhile: the
bank's signals never pause, so that any silence of a millisecond is an interruption, whoever counted
it or did not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
import numpy as np

from player.settings import RATE

from . import bank, server

BUSY = "while True: pass"
GIL = ("50", "1.0", "200", "60")
QUIET = RATE // 1000
"""Frames of silence that are no music's."""


class Held(NamedTuple):
    """What was found."""

    minutes: float
    counted: int
    """Interruptions that the player told."""
    counted_ms: float
    heard: int
    """Interruptions that were captured."""
    heard_ms: float
    heard_at: tuple[float, ...]
    """Seconds from the first sound to each of them."""


class Listener(threading.Thread):
    """Counts silences in what `parec` writes, once there was sound."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self.silences: list[tuple[float, int]] = []
        """Seconds from the first sound to each, and its frames; the last is the music's end."""
        self._stream = stream

    def run(self) -> None:
        """Read until the stream ends."""
        begun, quiet, n = False, 0, 0
        while raw := self._stream.read(4 * RATE):
            loud = np.abs(np.frombuffer(raw[: len(raw) // 4 * 4], "<f4")) > 1e-5
            if not begun:
                if not loud.any():
                    continue
                begun, loud = True, loud[np.argmax(loud) :]
            edges = np.flatnonzero(loud)
            ends = n + edges
            n += len(loud)
            if not len(edges):
                quiet += len(loud)
                continue
            gaps = [quiet + int(edges[0]), *(np.diff(edges) - 1).tolist()]
            self.silences += [
                ((end - gap) / RATE, gap)
                for end, gap in zip(ends.tolist(), gaps, strict=True)
                if gap >= QUIET
            ]
            quiet = len(loud) - 1 - int(edges[-1])
        self.silences.append(((n - quiet) / RATE, quiet))


def run(minutes: float, *, busy: int = 2) -> Held:
    """Play for some minutes under load.

    Parameters
    ----------
    minutes : float
        How long.
    busy : int
        Processes that compute without end.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        music = bank.write(folder / "bank")
        here = server.add_sink(stack.enter_context(server.running(folder)), "hold", folder)
        parec = subprocess.Popen(
            ["parec", "-d", "hold.monitor", f"--rate={RATE}", "--channels=1",
             "--format=float32le", "--raw"],
            stdout=subprocess.PIPE, env=here,
        )  # fmt: skip
        assert parec.stdout is not None
        listener = Listener(parec.stdout)
        listener.start()
        for _ in range(busy):
            one = subprocess.Popen([sys.executable, "-c", BUSY])
            stack.callback(one.wait)
            stack.callback(one.kill)
        seconds = 60 * minutes
        player = server.player(
            here, str(music), str(folder / "out"), str(seconds), "gentle", "0.05", *GIL
        )
        told, errors = player.communicate(timeout=seconds + 120)
        parec.terminate()
        parec.wait(10)
        listener.join(10)
    if player.returncode:
        raise RuntimeError(errors)
    # Every interruption that the player told, with its frame.
    sys.stderr.write(errors)
    facts: dict[str, Any] = msgspec.json.decode(told.splitlines()[-1])["facts"]
    # The last silence is the one after the music.
    within = listener.silences[:-1]
    return Held(
        minutes,
        int(facts.get("xruns", 0)),
        float(facts.get("xrun_ms", 0.0)),
        len(within),
        1000 * sum(gap for _, gap in within) / RATE,
        tuple(round(at, 2) for at, _ in within),
    )
