"""Line 2: who is taken for a sender that comes back, and who is not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from rym.clock import SystemClock
from stream.items import Chunk
from stream.lsl.inlet import EegInlet
from stream.settings import StreamSettings

CLOCK = SystemClock()
SENDER = """
import sys, threading
import numpy as np
from rym.clock import SystemClock
from stream.lsl.outlets import NicOutlets
clock, wait = SystemClock(), threading.Event().wait
outlets = NicOutlets(name="NIC", source_id="enobio", channels=("Cz", "Pz"), rate=500.0)
while True:
    wait(0.05)
    outlets.push_eeg(np.full((25, 2), float(sys.argv[1]), np.float32), clock.now())
"""
OURS, THEIRS = 1.0, 2.0
"""What the two send all the time."""


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Return a function that starts a sender in an LSL session; all are killed in the end."""
    running: list[subprocess.Popen[bytes]] = []

    def start(value: float, session: str = "") -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        if session:
            config = tmp_path / "lsl.cfg"
            config.write_text(f"[lab]\nSessionID = {session}\n[log]\nlevel = -2\n")
            environment["LSLAPICFG"] = str(config)
        command = [sys.executable, "-c", SENDER, str(value)]
        running.append(subprocess.Popen(command, env=environment))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.real
@pytest.mark.fault(2)
def test_02_a_namesake_of_another_lsl_session_is_never_heard(
    sender: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """Same name, type and source id in the next room: not one sample of it, and ours is found."""
    first = sender(OURS)
    sender(THEIRS, f"rym-{tmp_path.name}-next-room")
    inlet = EegInlet(StreamSettings(source_id="enobio", wait=20.0), CLOCK)
    seen: list[float] = []

    async def listen() -> None:
        back = 0.0
        async with aclosing(inlet.items()) as arriving:
            async for item in arriving:
                if not isinstance(item, Chunk):
                    continue
                seen.extend(np.unique(item.samples).tolist())
                if not back and len(seen) > 3:
                    first.kill()
                    # liblsl finds the other one within a second, ours is not there to be found.
                    asyncio.get_running_loop().call_later(3.0, sender, OURS)
                    back = CLOCK.now() + 3.0
                elif back and CLOCK.now() > back:
                    break

    asyncio.run(asyncio.wait_for(listen(), 40.0))
    assert set(seen) == {OURS}
    assert inlet.facts()["returns"] == 1
