"""What a real audio server is given: players of their own, captured by `parec`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[3]
ALONE = Path(__file__).parent / "alone.py"
RATE = 48_000


class Alone:
    """A player as a process of its own.

    Parameters
    ----------
    job : dict
        As `alone.py` takes it.
    environment : dict
        Leads to a sound server.
    """

    def __init__(self, job: dict[str, Any], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ALONE), json.dumps(job)],
            env={**environment, "PYTHONPATH": str(ROOT)}, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.ready = self._line()["ready"]

    def told(self) -> list[dict[str, Any]]:
        """Return what it said, once it has ended."""
        said = self._line()["said"]
        assert self._process.wait(20) == 0, self._process.stderr.read()
        return said

    def log(self) -> str:
        """Return its log, once it has ended."""
        return self._process.stderr.read()

    def _line(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            error = self._process.stderr.read()
            if re.search(r"There is no PortAudio|is not an audio device", error):
                pytest.skip(f"needs PortAudio with ALSA's pulse plugin: {error[-200:]}")
            pytest.fail(error[-2000:])
        return json.loads(line)


def captured_from(folder: Path) -> np.ndarray:
    """Return the recording of what a player gave out."""
    return soundfile.read(folder / "out" / "heard-01.flac", dtype="float32")[0]


@pytest.fixture
def alone(sound_server, bank_folder, tmp_path) -> Iterator[Callable[..., Alone]]:
    """Return a function that starts a player: settings by name, all else of the job in `job`."""
    players = []

    def start(job: dict[str, Any], **settings: Any) -> Alone:
        whole = {
            "settings": {
                "bank": str(bank_folder), "sink": "portaudio", "device": "rym", "preset": "close",
                "rise": 0.5, "dwell": 1.0, **settings,
            },
            "out": str(tmp_path / "out"), **job,
        }  # fmt: skip
        players.append(Alone(whole, sound_server))
        return players[-1]

    yield start
    for player in players:
        player._process.kill()
        player._process.wait()
        player._process.stdout.close()
        player._process.stderr.close()


@pytest.fixture
def capture(sound_server, tmp_path):
    """Return a context that captures a sink's monitor; its value gives the samples afterwards."""

    @contextmanager
    def captured(source: str, rate: int = RATE) -> Iterator[Callable[[], np.ndarray]]:
        raw = tmp_path / f"{source}.{time.monotonic_ns()}.raw"
        with raw.open("wb") as out:
            parec = subprocess.Popen(
                ["parec", "-d", f"{source}.monitor", f"--rate={rate}", "--channels=2",
                 "--format=float32le", "--raw", "--latency-msec=20"],
                stdout=out, env=sound_server,
            )  # fmt: skip

            def samples() -> np.ndarray:
                data = raw.read_bytes()
                return np.frombuffer(data[: len(data) // 8 * 8], dtype="<f4").reshape(-1, 2)

            try:
                time.sleep(0.3)
                yield samples
            finally:
                time.sleep(0.2)
                parec.send_signal(signal.SIGTERM)
                parec.wait(10)

    return captured


@pytest.fixture
def pactl(sound_server) -> Callable[..., str]:
    """Return a function that runs pactl and gives what it wrote."""

    def run(*words: str) -> str:
        done = subprocess.run(
            ["pactl", *words], env=sound_server, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def sink(pactl) -> Callable[..., str]:
    """Return a function that loads a null sink; its value is the module's number."""

    def load(name: str, rate: int = RATE, *more: str) -> str:
        return pactl(
            "load-module", "module-null-sink", f"sink_name={name}", f"rate={rate}",
            "format=float32le", *more,
        )  # fmt: skip

    return load
