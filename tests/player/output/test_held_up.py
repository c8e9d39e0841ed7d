"""A busy machine is not heard."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile

from player.settings import RATE
from tests.player.output.test_devices import place_of

BUSY = "while True: pass"
DISK = """
import os, sys
with open(sys.argv[1], "wb") as file:
    while True:
        file.write(bytes(1 << 20)); file.flush(); os.fsync(file.fileno())
        if file.tell() > 1 << 26: file.seek(0)
"""


@pytest.fixture
def busy(tmp_path) -> Iterator[None]:
    """Keep two cores and the disk busy."""
    commands = [[BUSY], [BUSY], [DISK, str(tmp_path / "filled")]]
    hogs = [subprocess.Popen([sys.executable, "-c", *words]) for words in commands]
    yield
    for hog in hogs:
        hog.kill()
        hog.wait()


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.quiet
@pytest.mark.fault(50)
def test_a_held_lock_and_pauses_interrupt_nothing(alone, capture, tmp_path):
    """A thread that holds Python's lock for 50 ms a second; a loop that twice sleeps for 200 ms."""
    held_up(alone, capture, tmp_path, seconds=8, every=3.0)


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.quiet
@pytest.mark.long
@pytest.mark.usefixtures("busy")
@pytest.mark.fault(50)
def test_a_busy_machine_interrupts_nothing(alone, capture, tmp_path):
    """Two busy loops and a busy disk besides, for longer: not one interruption."""
    held_up(alone, capture, tmp_path, seconds=20, every=5.0)


def held_up(alone, capture, tmp_path, *, seconds, every):
    """Play while the lock is held; what was captured is what was given out, without a hole."""
    with capture("rym") as sound:
        player = alone(
            {"seconds": seconds, "held": [0.05, 1.0], "pauses": [[0.2, every]],
             "states": ["neutral", "positive"]},
        )  # fmt: skip
        said = player.told()
    facts = [one["facts"] for one in said if one["type"] == "Status"][-1]
    assert (facts["xruns"], facts["xrun_ms"]) == (0, 0), player.log()[-2000:]
    heard = soundfile.read(tmp_path / "out" / "heard-01.flac", dtype="float32")[0][:, 0]
    sounding = np.flatnonzero(np.abs(heard) > 0.01)
    # The sink's monitor wakes up with the first sound, and misses some hundredths of a second.
    begin, end = sounding[0] + RATE // 10, sounding[-1] - RATE // 2
    _, worst = place_of(heard[begin:end], sound()[:, 0])
    assert worst < 2e-3
