"""Rules for all tests: nothing is skipped silently in CI, and no run sees another run's streams."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest

ALSA = """
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.rym { type pulse hint { show on description "rym" } }
"""

ROOT = Path(__file__).resolve().parent.parent

# liblsl reads its configuration once per process, when the library is loaded; child processes
# inherit the variable. A session id of its own keeps a run apart from any other on the network.
if "LSLAPICFG" not in os.environ:
    _config = Path(tempfile.gettempdir()) / f"rym-lsl-{uuid.uuid4().hex[:12]}.cfg"
    _config.write_text(f"[lab]\nSessionID = rym-{uuid.uuid4().hex[:12]}\n[log]\nlevel = -2\n")
    os.environ["LSLAPICFG"] = str(_config)
    atexit.register(_config.unlink, missing_ok=True)
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def eeg() -> Path:
    """Return the folder of real recordings, or skip."""
    folder = ROOT.parent / "shared" / "eeg"
    if not folder.is_dir():
        pytest.skip(f"needs the real recordings in {folder}")
    return folder


@pytest.fixture
def program():
    """Return a function that gives a program's path, or skips where it is not installed."""

    def find(name: str) -> str:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
        if path is None:
            pytest.skip(f"needs the program {name}")
        return path

    return find


@pytest.fixture
def sound_server(tmp_path, program):
    """Start a PulseAudio of our own with a null sink; return the environment that leads to it."""
    pulseaudio = program("pulseaudio")
    program("parec")
    for module in ("sounddevice", "rtmixer"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}")
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    (tmp_path / "alsa.conf").write_text(ALSA)
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(run),
        "HOME": str(run),
        "PULSE_SERVER": f"unix:{run}/native",
        "ALSA_CONFIG_PATH": str(tmp_path / "alsa.conf"),
    }
    arguments = [
        "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes",
        "-L", f"module-native-protocol-unix socket={run}/native auth-anonymous=1",
        "-L", "module-null-sink sink_name=rym rate=48000 format=float32le",
    ]  # fmt: skip
    server = subprocess.Popen([pulseaudio, *arguments], env=environment, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while not (run / "native").exists() and time.monotonic() < end:
        time.sleep(0.05)
    yield environment
    server.terminate()
    server.wait(10)


def pytest_terminal_summary(terminalreporter, config) -> None:
    """In CI, a test that was skipped counts as failed: everything it needs is installed there."""
    skipped = terminalreporter.stats.get("skipped", [])
    if os.environ.get("CI") and skipped:
        terminalreporter.write_line(f"CI allows no skipped test, {len(skipped)} were skipped.")


def pytest_sessionfinish(session, exitstatus) -> None:
    """Turn the rule of `pytest_terminal_summary` into the exit status."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and exitstatus == 0 and reporter.stats.get("skipped"):
        session.exitstatus = 1
