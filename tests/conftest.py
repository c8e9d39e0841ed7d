"""Rules for all tests: nothing is skipped silently in CI, and no run sees another run's streams."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest

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
