"""The house keeps its own rules: who may touch the outside, and where time and chance come from."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

import rym
from tests.faults.lines import LINES

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("rym", "stream", "decoder", "generator", "player", "session")
FILES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))

# Each library that does input or output is imported in one file of a package, its adapter.
ADAPTERS = {
    "aiomqtt": {"rym/mqtt.py"},
    "amqtt": {"rym/broker.py"},
    "pylsl": {"stream/lsl/taps.py", "stream/lsl/outlets.py"},
    "mne": {"stream/files/read_mne.py"},
    "cebra": {"decoder/learning/exchange.py"},
    "torch": {
        "decoder/learning/exchange.py",
        "decoder/learning/loop.py",
        "decoder/learning/loss.py",
        "decoder/learning/network.py",
        "decoder/methods/network.py",
        "generator/models/acestep.py",
        "generator/models/audiocraft_worker.py",
        "generator/models/clips.py",
        "generator/models/diffusion.py",
        "generator/models/musicgen.py",
        "generator/models/scores.py",
    },
    "diffusers": {"generator/models/acestep.py", "generator/models/diffusion.py"},
    "transformers": {
        "generator/models/musicgen.py",
        "generator/models/scores.py",
        "generator/words/local.py",
    },
    "audiocraft": {"generator/models/audiocraft_worker.py"},
    "huggingface_hub": {"generator/models/weights.py"},
    "braindecode": {"decoder/methods/network.py"},
    "sklearn": {"decoder/tangent.py"},
    "river": {"decoder/memory/classifier.py"},
    "pyriemann": {"decoder/tangent.py"},
    "safetensors": {"decoder/model.py"},
    "joblib": {"generator/making/processes.py", "session/evaluation/run.py"},
    "distributed": {"session/evaluation/run.py"},
    "ray": {"session/evaluation/run.py"},
    "soundfile": {
        "player/output/flac.py",
        "generator/making/finish.py",
        "generator/song/sound_file.py",
        "session/after/bounce/sound.py",
    },
    "mido": {"generator/song/midi.py", "player/outward/midi.py"},
    "pythonosc": {"player/outward/osc.py"},
    "soxr": {"generator/song/sound_file.py", "player/output/resampling.py"},
    "pyloudnorm": {"generator/sound/mastering.py"},
    "PIL": {
        "generator/models/diffusion.py",
        "generator/pictures/files.py",
        "generator/pictures/shapes.py",
        "generator/pictures/sketch.py",
        "player/pictures/files.py",
        "session/after/bounce/pictures.py",
    },
    "sounddevice": {"player/output/portaudio.py", "generator/song/humming.py"},
    "rtmixer": {"player/output/portaudio.py"},
    "rich": {"session/live/view.py"},
}
CLOCK_CALLS = {"time", "monotonic", "perf_counter", "sleep", "time_ns", "monotonic_ns"}


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_each_outside_library_has_one_door() -> None:
    """An I/O library is imported in its adapter only, and the table above has no dead row."""
    found = defaultdict(set)
    for path in FILES:
        for name in _imports(path) & ADAPTERS.keys():
            found[name].add(path.relative_to(ROOT).as_posix())
    assert dict(found) == ADAPTERS


def test_only_the_clock_reads_a_clock() -> None:
    """No file but `rym/clock.py` asks the system for the time, or sleeps by it."""
    guilty = []
    for path in FILES:
        if path == ROOT / "rym" / "clock.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                called = (node.value.id, node.attr)
                if called == ("datetime", "now") or (
                    called[0] == "time" and called[1] in CLOCK_CALLS
                ):
                    guilty.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert guilty == []


def test_nothing_unpickles() -> None:
    """A model or a bank from elsewhere can never run code."""
    for path in FILES:
        assert not _imports(path) & {"pickle", "dill", "shelve"}, path
        text = path.read_text(encoding="utf-8")
        assert "allow_pickle=True" not in text, path
        # joblib carries jobs to our own processes; what it keeps in files are pickles.
        assert not re.search(r"joblib\.(load|dump|Memory)|joblib import .*(load|dump|Memory)", text)


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_come_from_this_checkout(name: str) -> None:
    """What is tested is what is here, not something installed elsewhere."""
    module = importlib.import_module(name)
    assert Path(str(module.__file__)).parent == ROOT / name


def test_versions_and_packages_agree_with_the_metadata() -> None:
    """The version is said once, and every folder with code is listed for installation."""
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert metadata["project"]["version"] == rym.__version__
    folders = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in FILES}
    assert set(metadata["tool"]["setuptools"]["packages"]) == folders


def test_runtime_packages_are_pinned() -> None:
    """Every dependency has its exact version in constraints.txt."""
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    wanted = metadata["dependencies"] + metadata["optional-dependencies"]["dev"]
    names = {row.split(">")[0].split(";")[0].strip().lower() for row in wanted}
    assert names <= pinned


def test_every_fault_of_the_signal_has_its_test() -> None:
    """Each line of the list of faults that is about the signal is marked on a test."""
    marked = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marked |= {line for one in node.decorator_list for line in _fault_lines(one)}
    assert marked >= LINES.keys()


def _fault_lines(decorator: ast.expr) -> set[object]:
    """Return the line that `pytest.mark.fault(line)` names; of another decorator, none."""
    match decorator:
        case ast.Call(func=ast.Attribute(attr="fault"), args=[ast.Constant(value=line)]):
            return {line}
    return set()
