"""A sound server of one's own: PulseAudio with null sinks, captured by `parec`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from player.settings import RATE

ROOT = Path(__file__).resolve().parents[2]
ALSA = """
</usr/share/alsa/alsa.conf>
pcm.!default {{ type pulse device "{sink}" }}
ctl.!default {{ type pulse }}
pcm.rym {{ type pulse device "{sink}" hint {{ show on description "rym" }} }}
"""


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """Run a server without any sink; give the environment that leads to it."""
    run = folder / "run"
    run.mkdir(mode=0o700, parents=True)
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(run),
        "HOME": str(run),
        "PULSE_SERVER": f"unix:{run}/native",
    }
    arguments = [
        "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes",
        "-L", f"module-native-protocol-unix socket={run}/native auth-anonymous=1",
    ]  # fmt: skip
    server = subprocess.Popen(
        ["pulseaudio", *arguments], env=environment, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 10
    while not (run / "native").exists() and time.monotonic() < end:
        time.sleep(0.05)
    try:
        yield environment
    finally:
        server.terminate()
        server.wait(10)


def add_sink(environment: Mapping[str, str], name: str, folder: Path) -> dict[str, str]:
    """Add a null sink; return the environment in which it is the device `rym`."""
    subprocess.run(
        ["pactl", "load-module", "module-null-sink", f"sink_name={name}", f"rate={RATE}",
         "format=float32le"],
        env=environment, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    config = folder / f"{name}.conf"
    config.write_text(ALSA.format(sink=name))
    return {**environment, "ALSA_CONFIG_PATH": str(config)}


@contextmanager
def capturing(environment: Mapping[str, str], name: str, path: Path) -> Iterator[None]:
    """Write what a sink is given to a file, float32 at 48 kHz, until the body ends."""
    with path.open("wb") as out:
        parec = subprocess.Popen(
            ["parec", "-d", f"{name}.monitor", f"--rate={RATE}", "--channels=2",
             "--format=float32le", "--raw", "--latency-msec=20"],
            stdout=out, env=dict(environment),
        )  # fmt: skip
        time.sleep(0.5)
        try:
            yield
            time.sleep(0.5)
        finally:
            parec.terminate()
            parec.wait(10)


def captured(path: Path) -> npt.NDArray[np.float32]:
    """Return what was captured, shape (n_frames, 2), whole frames only."""
    raw = path.read_bytes()
    return np.frombuffer(raw[: len(raw) // 8 * 8], dtype="<f4").reshape(-1, 2)


def player(environment: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
    """Start the player as a process of its own: see `benchmarks.captured.play`."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.captured.play", *words],
        cwd=ROOT, env=dict(environment), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
