"""Windows of our stream process as a subscriber of a real broker (mosquitto) gets them."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# A script's own folder comes first on the path; the packages lie two folders above.
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[0] = str(ROOT)

from rym.broker import free_port
from rym.bus import queue
from rym.clock import SystemClock
from rym.mqtt import MqttBus
from rym.topics import WINDOW


async def windows(url: str, seconds: float) -> list[tuple[float, float]]:
    """Return (time of arrival, time of the newest sample) of every window."""
    clock = SystemClock()
    bus = MqttBus(url, service="decoder", epoch=1, clock=clock, rig="bench")
    await bus.connect()
    box = bus.subscribe(WINDOW, overload=queue(64))
    seen: list[tuple[float, float]] = []
    async for message in box:
        seen.append((clock.now(), message.content.t_last))
        if seen[-1][0] > seen[0][0] + seconds:
            break
    await bus.close()
    return seen


@contextmanager
def part(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in silence until the body ends."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def broker() -> Iterator[str]:
    """Run mosquitto until the body ends; give its URL."""
    port = free_port()
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "mosquitto is needed"
    with part([program, "-p", str(port)]):
        yield f"mqtt://127.0.0.1:{port}"


def main(source_id: str, seconds: float) -> None:
    """Start broker and stream, listen, and print what came."""
    with tempfile.TemporaryDirectory() as folder, broker() as url:
        config = Path(folder) / "stream.toml"
        config.write_text(f'[stream]\nsource_id = "{source_id}"\n')
        words = ["--config", str(config), "--broker", url, "--rig", "bench"]
        with part([sys.executable, "-m", "stream", *words]):
            json.dump(asyncio.run(windows(url, seconds)), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
