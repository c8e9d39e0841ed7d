"""A sound server of our own with as many devices as are asked for, and ears at each of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .measure import HOP, Floats

RATE = 48_000
FRAME = 8
DEVICE = """
pcm.rym{k} {{ type pulse device rym{k} hint {{ show on description "rym{k}" }} }}
"""


@contextmanager
def server(folder: Path, n_devices: int) -> Iterator[dict[str, str]]:
    """Run a PulseAudio with null sinks `rym0`, `rym1`, …; give the environment that leads to it."""
    run = folder / "pulse"
    run.mkdir(mode=0o700)
    devices = "".join(DEVICE.format(k=k) for k in range(n_devices))
    (folder / "alsa.conf").write_text(f"</usr/share/alsa/alsa.conf>\n{devices}")
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(run),
        "HOME": str(run),
        "PULSE_SERVER": f"unix:{run}/native",
        "ALSA_CONFIG_PATH": str(folder / "alsa.conf"),
    }
    program = shutil.which("pulseaudio") or "pulseaudio"
    modules = [f"module-native-protocol-unix socket={run}/native auth-anonymous=1"]
    modules += [
        f"module-null-sink sink_name=rym{k} rate=48000 format=float32le" for k in range(n_devices)
    ]
    words = [
        "-n",
        "--daemonize=no",
        "--exit-idle-time=-1",
        "--use-pid-file=no",
        "--disable-shm=yes",
    ]
    for module in modules:
        words += ["-L", module]
    process = subprocess.Popen([program, *words], env=environment, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10.0
    while not (run / "native").exists() and time.monotonic() < end:
        time.sleep(0.05)
    try:
        yield environment
    finally:
        process.terminate()
        process.wait(10)


class Ear:
    """Listens to one device, and knows when each 10 ms had arrived here."""

    def __init__(self, environment: dict[str, str], device: str) -> None:
        words = ["parec", "-d", f"{device}.monitor", f"--rate={RATE}", "--channels=2"]
        self._process = subprocess.Popen(
            [*words, "--format=float32le", "--raw", "--latency-msec=20"],
            stdout=subprocess.PIPE,
            env=environment,
        )
        self._blocks: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while block := os.read(self._process.stdout.fileno(), FRAME * HOP * 4):
            self._blocks.append((time.monotonic(), block))

    def heard(self) -> tuple[Floats, Floats]:
        """Return the first channel so far, and when each `HOP` frames had arrived."""
        blocks = list(self._blocks)
        raw = b"".join(block for _, block in blocks)
        n = len(raw) // (FRAME * HOP)
        ends = np.cumsum([len(block) for _, block in blocks])
        which = np.searchsorted(ends, (np.arange(n) + 1) * FRAME * HOP)
        times = np.array([blocks[k][0] for k in which])
        sound: Any = np.frombuffer(raw[: n * FRAME * HOP], "<f4").reshape(-1, 2)[:, 0]
        return sound.astype(np.float64), times

    def close(self) -> None:
        """Stop listening."""
        self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)
