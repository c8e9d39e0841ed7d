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
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from tests.faults.lines import LINES

# No test asserts a speed: a machine with much to do is not an error.
hypothesis.settings.register_profile("rym", deadline=None)
hypothesis.settings.load_profile("rym")

ALSA = """
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.rym { type pulse hint { show on description "rym" } }
"""

FAULTS = """# Faults that are survived

Lines 1 to 30 of the list of faults: what may happen between the electrodes and an answer; 45 to 56:
between a bank and the ear. Written by a run of the tests, from its own record:

    python -m pytest tests -m fault --fault-table docs/faults.md

Where a line is about a live stream, a real sender, the stream, decoder and player run as processes
over LSL and a broker in true time; deadlines that protect a person are held to 0.25 s.

{table}"""

ROOT = Path(__file__).resolve().parent.parent

# liblsl reads its configuration once per process, when the library is loaded; child processes
# inherit the variable. A session id of its own keeps a run apart from any other on the network, and
# the workers of pytest-xdist, which inherit the first one's, from one another.
if "LSLAPICFG" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
    _config = Path(tempfile.gettempdir()) / f"rym-lsl-{uuid.uuid4().hex[:12]}.cfg"
    _config.write_text(f"[lab]\nSessionID = rym-{uuid.uuid4().hex[:12]}\n[log]\nlevel = -2\n")
    os.environ["LSLAPICFG"] = str(_config)
    atexit.register(_config.unlink, missing_ok=True)
os.environ.setdefault("OMP_NUM_THREADS", "1")

# numba numbers what it compiles by an index that two processes may read before either writes: one
# of them can then load the other's machine code for its own types. Once librosa's beats crashed.
if "PYTEST_XDIST_WORKER" in os.environ:
    _compiled = tempfile.mkdtemp(prefix="rym-numba-")
    os.environ["NUMBA_CACHE_DIR"] = _compiled
    atexit.register(shutil.rmtree, _compiled, ignore_errors=True)


# What became of each test of a line of the list of faults, by its place and name.
PROVEN: dict[int, dict[str, list[str]]] = {}


def pytest_addoption(parser) -> None:
    """Add the option that writes the table of faults."""
    parser.addoption(
        "--fault-table",
        metavar="FILE",
        type=Path,
        help="write which tests proved which line of the list of faults in this run (Markdown)",
    )


def pytest_collection_modifyitems(items) -> None:
    """Send the lines that a test proves with its report; keep alone what looks at the rigs."""
    for item in items:
        # They hold deadlines, and two workers would run the rigs twice.
        if "runs" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.alone)
        # Several wait in true time beside one another; what hangs still ends.
        if item.get_closest_marker("real") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(300))
        for mark in item.iter_markers("fault"):
            if mark.args[0] not in LINES:
                raise pytest.UsageError(f"{item.nodeid}: tests/faults/lines.py has no such line.")
            item.user_properties.append(("fault", mark.args[0]))


def pytest_runtest_logreport(report) -> None:
    """Keep what became of a test of a fault: its call, or a setup that did not end well."""
    if report.when == "call" or (report.when == "setup" and not report.passed):
        name = report.nodeid.partition("[")[0]
        for key, line in report.user_properties:
            if key == "fault":
                PROVEN.setdefault(line, {}).setdefault(name, []).append(report.outcome)


def fault_table() -> str:
    """Return what this run proved, line by line."""
    rows = ["| line | what must hold | proved by | outcome |", "|---|---|---|---|"]
    for line, words in LINES.items():
        tests = PROVEN.get(line, {})
        outcomes = [one for found in tests.values() for one in found]
        counts = [f"{outcomes.count(one)} {one}" for one in sorted(set(outcomes))]
        names: dict[str, list[str]] = {}
        for name in sorted(tests):
            path, _, function = name.partition("::")
            times = f" ×{len(tests[name])}" if len(tests[name]) > 1 else ""
            names.setdefault(path, []).append(f"`{function.removeprefix('test_')}`{times}")
        proof = "<br>".join(f"{path}: {', '.join(found)}" for path, found in names.items())
        rows.append(f"| {line} | {words} | {proof} | {', '.join(counts) or 'not run'} |")
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="session")
def eeg() -> Path:
    """Return the folder of real recordings, or skip."""
    folder = ROOT.parent / "shared" / "eeg"
    if not folder.is_dir():
        pytest.skip(f"needs the real recordings in {folder}")
    return folder


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Return a function that has a folder made once for all processes of a run of the tests.

    Whoever comes first makes it, the others wait for it; nobody may change it. `make test`, which
    is two runs, names one place for both.
    """
    own = tmp_path_factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    place = Path(os.environ.get("RYM_TESTS_MADE", run))

    def made(name: str, make: Callable[[Path], None]) -> Path:
        done, lock, end = place / name, place / f"{name}.lock", time.monotonic() + 200
        while not done.exists():
            assert time.monotonic() < end, f"{lock} is there, and its holder does not end"
            try:
                lock.touch(exist_ok=False)
            except FileExistsError:
                time.sleep(0.1)
                continue
            try:
                if not done.exists():
                    half = Path(tempfile.mkdtemp(dir=place))  # another name until it is whole
                    make(half)
                    half.rename(done)
            finally:
                lock.unlink()
        return done

    return made


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


def wrongly_skipped(reporter) -> list[str]:
    """Return why tests were skipped that may not be in CI, where everything they need is installed.

    But for extras, which nobody needs and CI does not install: without them is what CI tests.
    """
    reasons = [str(report.longrepr[2]) for report in reporter.stats.get("skipped", [])]
    return [reason for reason in reasons if "the extra `" not in reason]


def pytest_terminal_summary(terminalreporter, config) -> None:
    """In CI, a test that was skipped counts as failed: see `wrongly_skipped`."""
    skipped = wrongly_skipped(terminalreporter)
    if os.environ.get("CI") and skipped:
        terminalreporter.write_line(f"CI allows no skipped test, {len(skipped)} were skipped.")


def pytest_sessionfinish(session, exitstatus) -> None:
    """Turn the rule of `pytest_terminal_summary` into the exit status; write the table."""
    path = session.config.getoption("--fault-table")
    if path is not None and not hasattr(session.config, "workerinput"):
        path.write_text(FAULTS.format(table=fault_table()), encoding="utf-8")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    # A worker of pytest-xdist has no reporter; what it skipped is told to the one that has.
    skipped = reporter is not None and wrongly_skipped(reporter)
    if os.environ.get("CI") and exitstatus == 0 and skipped:
        session.exitstatus = 1
