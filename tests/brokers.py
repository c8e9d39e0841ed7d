"""Real brokers as processes, on free ports of loopback, that a test may kill and start again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rym.broker import free_port

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "correct horse"


class BrokerProcess:
    """A broker that asks for a login and comes back on the same port, with nothing remembered."""

    password = PASSWORD

    def __init__(self, command: list[str], port: int, hosts: tuple[str, ...]) -> None:
        self.port = port
        self.urls = tuple(f"mqtt://{host}:{port}" for host in hosts)
        """Its addresses, one for each host."""
        self.url = self.urls[0]
        self.process: subprocess.Popen[bytes] | None = None
        self._command = command

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, env={**os.environ, "RYM_BROKER_PASSWORD": PASSWORD},
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        host = self.url.removeprefix("mqtt://").partition(":")[0]
        give_up = time.monotonic() + 15
        while time.monotonic() < give_up:
            code = self.process.poll()
            assert code is None, f"the broker ended with {code}"
            with socket.socket() as probe:
                if probe.connect_ex((host, self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the broker does not listen")

    def kill(self) -> None:
        """Send SIGKILL and wait for its end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def embedded_broker(_folder: Path | None = None) -> BrokerProcess:
    """Return the embedded broker, not started yet."""
    port = free_port()
    command = [sys.executable, "-m", "rym.broker", "--bind", f"127.0.0.1:{port}"]
    return BrokerProcess(command, port, ("127.0.0.1",))


def mosquitto_broker(folder: Path, hosts: tuple[str, ...] = ("127.0.0.1",)) -> BrokerProcess:
    """Return a mosquitto that asks for the same login, as another machine's, not started yet."""
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    program, maker = shutil.which("mosquitto", path=path), shutil.which("mosquitto_passwd")
    if program is None or maker is None:
        pytest.skip("needs the programs mosquitto and mosquitto_passwd")
    port = free_port(hosts[0])
    passwords, config = folder / "passwords", folder / "mosquitto.conf"
    subprocess.run([maker, "-b", "-c", passwords, "rym", PASSWORD], check=True)
    passwords.chmod(0o600)
    # As root mosquitto would turn into a user of its own, who cannot read the test's folder.
    config.write_text(
        f"password_file {passwords}\nallow_anonymous false\nset_tcp_nodelay true\n"
        "persistence false\nuser root\n" + "".join(f"listener {port} {host}\n" for host in hosts)
    )
    return BrokerProcess([program, "-c", str(config)], port, hosts)
