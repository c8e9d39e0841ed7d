"""Real brokers as processes, on free ports of loopback; none outlives its test."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rym.broker import free_port
from rym.messages import Window

PASSWORD = "correct horse"


class BrokerProcess:
    """A broker that can be killed and started again on the same port."""

    def __init__(self, command: list[str], port: int, env: dict[str, str]) -> None:
        self.port = port
        self.url = f"mqtt://127.0.0.1:{port}"
        self.password = PASSWORD
        self._command = command
        self._env = env
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.process = subprocess.Popen(
            self._command, env=self._env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_port(self.port, self.process)

    def kill(self) -> None:
        """Send SIGKILL and wait for its end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once something listens on the port."""
    give_up = time.monotonic() + 15
    while time.monotonic() < give_up:
        assert process.poll() is None, f"the broker ended with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the broker does not listen")


def embedded_broker(_folder: Path) -> BrokerProcess:
    """Return the embedded broker, not started yet."""
    port = free_port()
    command = [sys.executable, "-m", "rym.broker", "--bind", f"127.0.0.1:{port}"]
    return BrokerProcess(command, port, {**os.environ, "RYM_BROKER_PASSWORD": PASSWORD})


def mosquitto_broker(folder: Path) -> BrokerProcess:
    """Return a mosquitto that asks for the same login, not started yet."""
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    program, maker = shutil.which("mosquitto", path=path), shutil.which("mosquitto_passwd")
    if program is None or maker is None:
        pytest.skip("needs the programs mosquitto and mosquitto_passwd")
    port = free_port()
    passwords = folder / "passwords"
    subprocess.run([maker, "-b", "-c", passwords, "rym", PASSWORD], check=True)
    passwords.chmod(0o644)
    folder.chmod(0o755)
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\npassword_file {passwords}\nallow_anonymous false\n"
        f"set_tcp_nodelay true\npersistence false\nuser root\n"
    )
    return BrokerProcess([program, "-c", str(config)], port, dict(os.environ))


@pytest.fixture(params=[embedded_broker, mosquitto_broker])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerProcess]:
    """Run each test on both brokers."""
    process = request.param(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[BrokerProcess]:
    """Return the embedded broker, running."""
    process = embedded_broker(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts `python ARGUMENTS`; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, first: object = None, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if k != "RYM_BROKER_PASSWORD"} | env,
        )
        started.append(process)
        if first is not None:
            assert process.stdin is not None
            process.stdin.write(json.dumps(first) + "\n")
            process.stdin.flush()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@pytest.fixture
def window() -> Callable[[int], Window]:
    """Return a function that makes the n-th window of a 20-channel stream, 40 kB of samples."""

    def make(n: int) -> Window:
        samples = np.random.default_rng(n).normal(0, 20, (500, 20)).astype(np.float32)
        samples.flags.writeable = False
        return Window(
            segment=0,
            first_sample=125 * n,
            n_new=125,
            t_first=0.25 * n,
            rate=500.0,
            channels=tuple(f"C{i}" for i in range(20)),
            samples=samples,
            bad=(),
            valid=True,
            reason="",
        )

    return make
