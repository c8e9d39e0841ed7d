"""The recording: what was rendered, whole, also where nobody closes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from player.output import heard as recording
from player.output.flac import Recording
from player.output.heard import Heard, free_name
from player.settings import BLOCK, RATE
from rym.errors import DeviceError

WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from player.output.heard import Heard
heard = Heard(Path(sys.argv[1]))
x = np.random.default_rng(0).uniform(-0.5, 0.5, (4 * 48000, 2)).astype(np.float32)
begin = time.monotonic()
for k in range(0, len(x), 480):
    heard.write(x[k:k + 480])
    print(k + 480, flush=True)
    time.sleep(max(0.0, begin + (k + 480) / 48000 - time.monotonic()))
"""


def noise(seconds):
    """Return the same noise as the writer's."""
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (4 * RATE, 2)).astype(np.float32)
    return x[: round(seconds * RATE)]


def test_names_count_up_and_nothing_is_overwritten(tmp_path):
    """The next number is one above the largest; gaps are not filled."""
    assert free_name(tmp_path).name == "heard-01.flac"
    (tmp_path / "heard-04.flac").write_bytes(b"kept")
    assert free_name(tmp_path).name == "heard-05.flac"
    assert (tmp_path / "heard-04.flac").read_bytes() == b"kept"


def test_every_frame_is_in_the_file_and_exact_in_the_wav(tmp_path):
    """Blocks of any size; FLAC within half a 16-bit step, WAV to the bit."""
    heard = Heard(tmp_path, wav=True)
    x = noise(1.3)
    edges = [0, 1, 8, 488, 969, 5769, len(x)]
    for a, b in pairwise(edges):
        heard.write(x[a:b])
    heard.close()
    flac, rate = soundfile.read(tmp_path / "heard-01.flac", dtype="float32")
    assert rate == RATE
    assert flac.shape == x.shape
    assert np.abs(flac - x).max() <= 1 / 32768
    wav, _ = soundfile.read(tmp_path / "heard-01.wav", dtype="float32")
    np.testing.assert_array_equal(wav, x)


def test_a_block_may_be_used_again_after_it_was_handed_over(tmp_path):
    """The recording keeps what was in it then."""
    heard = Heard(tmp_path)
    block = np.full((BLOCK, 2), 0.25, dtype=np.float32)
    heard.write(block)
    block[:] = 0.0
    heard.close()
    assert soundfile.read(tmp_path / "heard-01.flac")[0].min() == 0.25


@pytest.mark.real
def test_after_sigkill_it_is_readable_to_the_last_second(tmp_path):
    """The file as the kill left it: opens, is no longer than what was written, lacks ≤ 1 s."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[3],
    )
    try:
        for line in writer.stdout:
            written = int(line)
            if written >= 2.7 * RATE:
                break
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        written += BLOCK * len(writer.stdout.read().split())
        writer.wait()
    found, _ = soundfile.read(tmp_path / "heard-01.flac", dtype="float32")
    assert written - RATE <= len(found) <= written
    assert np.abs(found - noise(4)[: len(found)]).max() <= 1 / 32768


def test_a_folder_that_cannot_be_written_is_an_error_with_its_name(tmp_path):
    """A file in the folder's place."""
    (tmp_path / "out").write_text("")
    with pytest.raises(DeviceError, match="out"):
        Heard(tmp_path / "out")


def test_a_disk_that_fills_up_is_said_once_and_does_not_stop_the_player(tmp_path, monkeypatch):
    """After a failed write the reason is kept, further blocks are taken and given up."""
    heard = Heard(tmp_path)

    def full(*_args, **_kwargs):
        raise DeviceError("The disk is full.", "Free space.")

    monkeypatch.setattr("player.output.flac.Recording.keep", full)
    for _ in range(100):
        heard.write(np.zeros((BLOCK, 2), dtype=np.float32))
    end = time.monotonic() + 5
    while not heard.failed and time.monotonic() < end:
        time.sleep(0.01)
    heard.close()
    assert heard.failed == "The disk is full. Free space."


@pytest.fixture
def hanging(tmp_path, monkeypatch):
    """Return a recording whose disk takes nothing while the test runs."""
    hang = threading.Event()
    monkeypatch.setattr(Recording, "write", lambda *_: hang.wait(20.0))
    yield Heard(tmp_path)
    hang.set()


def test_a_disk_that_hangs_costs_the_recording_alone(hanging, monkeypatch):
    """After two minutes' worth of blocks it is given up, and nothing waits for it, not the end."""
    monkeypatch.setattr(recording, "WAITING", 20)
    for _ in range(80):
        hanging.write(np.zeros((BLOCK, 2), np.float32))
    assert "has taken nothing" in hanging.failed
    waiting = hanging._blocks.qsize()
    assert waiting <= 2 * 20 + 1
    hanging.write(np.zeros((BLOCK, 2), np.float32))
    assert hanging._blocks.qsize() == waiting
    begin = time.monotonic()
    hanging.close()
    assert time.monotonic() - begin < 0.5


def test_a_disk_that_hangs_at_the_end_is_left_behind(hanging, monkeypatch):
    """Within what the player is given to end; nothing had been said of it before."""
    monkeypatch.setattr(recording, "HANGS", 0.1)
    for _ in range(30):
        hanging.write(np.zeros((BLOCK, 2), np.float32))
    hanging.close()
    assert hanging.failed == ""
