"""The real worker under this Python, with a stand-in for audiocraft that plays a tone."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from generator.drafts import Place
from generator.memory import Memory
from generator.models import clips
from generator.models.audiocraft import WORKER, AudiocraftMusician, Child
from generator.models.choosing import musician
from generator.music.musician import Composer
from generator.settings import Audiocraft, GeneratorSettings
from rym.errors import DeviceError, FormatError

pytestmark = pytest.mark.long

PROMPT = "Zitronenfalter lantern bread"

STAND_IN = '''
"""Stands in for audiocraft: a tone as long and as high as asked, and some ways to fail."""
import os, sys, time
import torch
from pathlib import Path

HERE = Path(__file__).resolve().parent

class MusicGen:
    sample_rate = 32000

    @staticmethod
    def get_pretrained(name):
        print("loading", name, flush=True)
        if name == "missing":
            torch.hub.download_url_to_file("https://example.invalid/weights", "x")
        if os.path.isdir(name):
            torch.load(os.path.join(name, "state_dict.bin"), map_location="cpu")
        if os.path.isdir(name):
            checkpoints = os.path.join(os.environ["TORCH_HOME"], "hub", "checkpoints")
            os.makedirs(checkpoints)
            torch.save({"klass": MusicGen}, os.path.join(checkpoints, "separator.th"))
            url = "https://example.invalid/separator.th"
            assert torch.hub.load_state_dict_from_url(url)["klass"] is MusicGen
        (HERE / "environ").write_text(" ".join(os.environ))
        return MusicGen()

    def set_generation_params(self, duration, cfg_coef):
        self.duration, self.cfg = duration, cfg_coef

    def generate_with_chroma(self, descriptions, melody_wavs, melody_sample_rate, progress):
        assert not any(word in " ".join(sys.argv) for word in descriptions[0].split())
        assert melody_wavs.shape[:2] == (1, 2) and melody_sample_rate == 48000, melody_wavs.shape
        with (HERE / "calls").open("a") as log:
            log.write("%d\\n" % os.getpid())
        how = (HERE / "how").read_text()
        calls = len((HERE / "calls").read_text().split())
        print("noise on stdout", flush=True)
        if how == "crash always" or (how == "crash once" and calls == 1):
            print("Killed: no memory left", file=sys.stderr, flush=True)
            os._exit(9)
        if how == "hang":
            time.sleep(90)
        if how == "raise":
            raise RuntimeError("no " + descriptions[0])
        t = torch.arange(int(self.duration * 32000)) / 32000
        hz = 220.0 + 200 * torch.rand(1).item()
        beat = torch.exp(-(t % 0.4) / 0.1)
        return (0.5 * beat * torch.sin(2 * torch.pi * hz * t))[None, None]
'''


class Words:
    """A prompter that always says the same."""

    def prompt(self, affect, sense, index) -> str:
        """Return the prompt."""
        return PROMPT


@pytest.fixture(scope="module")
def guide() -> Composer:
    """Return the procedural music of two bars."""
    return Composer(Memory(text="x", seed=2), GeneratorSettings(sections=1, variants=1, bars=2))


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """Put the stand-in where the worker's Python finds it; `how` says how it fails."""
    folder = tmp_path / "site" / "audiocraft"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('__version__ = "0.stand-in"\n')
    (folder / "models.py").write_text(STAND_IN)
    (folder / "how").write_text("well")
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    return folder


@pytest.fixture
def order() -> clips.Order:
    """Return an order of half a second."""
    return clips.Order(PROMPT, np.zeros((24_000, 2)), 48_000, 72.0, "C", 5)


@contextlib.contextmanager
def _player(guide: Composer, python: str = sys.executable, **changes: object):
    opened = {
        "max_stretch": 0.2,
        "max_drift": 99.0,
        "max_lag": 99.0,
        "min_fit": -1.0,
        "timeout": 60.0,
    }
    chosen = Audiocraft(python=python, **{**opened, **changes})
    player = musician(GeneratorSettings(music=chosen), guide, Words())
    assert isinstance(player, AudiocraftMusician)
    try:
        yield player
    finally:
        player.close()


def _pids(package: Path) -> list[int]:
    return [int(line) for line in (package / "calls").read_text().split()]


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_clips_come_out_at_the_guides_length_whichever_child_makes_them(guide, package) -> None:
    """The seed decides; a child that was killed between two clips is replaced, none is left."""
    place = Place(0, 0, "positive")
    with _player(guide) as player:
        one, other = (player.play(place, take) for take in (0, 1))
        assert len(set(_pids(package))) == 1
        os.kill(_pids(package)[0], signal.SIGKILL)
        again = player.play(place, 0)
    assert one.sound.shape == guide.play(place, 0).sound.shape
    assert one.grid == guide.play(place, 0).grid
    assert one.sound.tobytes() != other.sound.tobytes()
    assert one.sound.tobytes() == again.sound.tobytes()
    assert len(set(_pids(package))) == 2
    assert all(_gone(pid) for pid in _pids(package))
    assert player.maker.backend == "audiocraft"


def test_a_crash_is_forgiven_once(guide, package, order) -> None:
    """A child that dies over a clip is started again, and the clip is made."""
    (package / "how").write_text("crash once")
    with _player(guide) as player:
        assert player._make(order).shape == (24_000, 2)
    assert len(set(_pids(package))) == 2


def test_two_crashes_are_told_with_the_last_line(guide, package, order) -> None:
    """The sentence has what the child said last."""
    (package / "how").write_text("crash always")
    with (
        _player(guide) as player,
        pytest.raises(DeviceError, match=r"twice over one clip \(Killed\)"),
    ):
        player._make(order)
    assert len(_pids(package)) == 2


def test_no_word_of_the_prompt_comes_back(guide, package, order) -> None:
    """Of an error that quotes the prompt, the kind alone is told."""
    (package / "how").write_text("raise")
    with _player(guide) as player, pytest.raises(FormatError, match="RuntimeError") as error:
        player._make(order)
    assert not any(word in str(error.value) for word in PROMPT.split())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Killed: no memory left\n", " (Killed)"),
        ("FileNotFoundError: /home/anybody/model\n", " (FileNotFoundError)"),
        ("Фehler: no\n", ""),
        ("\x1b[31mError: no\n", ""),
        ("could not sing LANTERN\n", ""),
        (r"what is \u0437\u0430?", ""),
        ("  \n", ""),
    ],
)
def test_a_last_line_with_words_of_the_prompt_is_not_told(line, told) -> None:
    """Nor one with escaped letters, which may be anybody's."""
    child = SimpleNamespace(_last=[line], _prompts=[PROMPT])
    assert Child._said(child) == told


def test_no_answer_in_time_is_told_and_ended(guide, package, order) -> None:
    """A child that hangs is killed; the limit and its setting are named."""
    with _player(guide) as player:
        player._make(order)
        (package / "how").write_text("hang")
        child = player._child
        child._chosen = msgspec.structs.replace(child._chosen, timeout=1.0)
        with pytest.raises(DeviceError, match=r"within 1 s.*music\.timeout"):
            player._make(order)
        assert all(_gone(pid) for pid in _pids(package))


def test_missing_weights_say_how_to_get_them(guide, package, order) -> None:
    """Nothing is fetched without `download`: the sentence names it, and the licence."""
    with (
        _player(guide, model="missing") as player,
        pytest.raises(DeviceError, match=r"PermissionError.*CC-BY-NC.*download = true"),
    ):
        player._make(order)


def test_an_environment_without_audiocraft_is_named(guide, order) -> None:
    """The very file of this name beside the worker is not taken for it."""
    with (
        _player(guide) as player,
        pytest.raises(DeviceError, match=r"lacks audiocraft.*music\.python"),
    ):
        player._make(order)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo this is no answer; sleep 20", "no answer of RYM's worker"),
        ("echo 7; sleep 20", "no answer of RYM's worker"),
        ("echo no such thing >&2; exit 3", r"did not start \(no such thing\)"),
    ],
)
def test_a_program_that_is_no_python_is_told(guide, order, tmp_path, script, said) -> None:
    """Garbage on standard output, or nothing."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with _player(guide, str(program)) as player, pytest.raises(DeviceError, match=said):
        player._make(order)


@pytest.mark.parametrize("python", ["", "/nowhere/bin/python"])
def test_a_missing_python_is_refused_at_once(guide, python) -> None:
    """Before anything is made; the path is not told, the remedy is."""
    with (
        pytest.raises(DeviceError, match=r"needs a Python.*music\.python") as error,
        _player(guide, python),
    ):
        pass
    assert "/nowhere" not in str(error.value)


def test_paths_are_those_of_where_rym_runs(guide, package, order, tmp_path, monkeypatch) -> None:
    """A relative Python and a relative model are found, though the child runs elsewhere.

    What torch's hub keeps, as Demucs, may hold a class.
    """
    import torch  # noqa: PLC0415

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "env" / "python"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "weights").mkdir()
    torch.save({"w": torch.zeros(2)}, tmp_path / "weights" / "state_dict.bin")
    with _player(guide, "env/python", model="weights") as player:
        assert player._make(order).shape == (24_000, 2)
        assert player.maker.model == "weights"


class _Runs:
    """Runs code where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_weights_cannot_run_code(guide, package, order, tmp_path, monkeypatch) -> None:
    """A pickle that would do something is refused, and nothing is done."""
    import torch  # noqa: PLC0415

    mark = tmp_path / "mark"
    (tmp_path / "weights").mkdir()
    torch.save({"w": _Runs(mark)}, tmp_path / "weights" / "state_dict.bin")
    # As torch was before 2.6, which took in everything.
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with (
        _player(guide, model=str(tmp_path / "weights")) as player,
        pytest.raises(DeviceError, match="does not load: UnpicklingError"),
    ):
        player._make(order)
    assert not mark.exists()


def test_a_program_that_does_not_start_is_told(guide, order, tmp_path) -> None:
    """A file that may be run but cannot be is a sentence with the remedy."""
    program = tmp_path / "python"
    program.write_bytes(b"\x00\x01")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with (
        _player(guide, str(program)) as player,
        pytest.raises(DeviceError, match=r"python, which does not start.*music\.python") as error,
    ):
        player._make(order)
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("download", [True, False])
def test_the_child_gets_no_keys(guide, package, order, monkeypatch, download) -> None:
    """Keys of language models stay here; the hub's goes along only where it is asked."""
    monkeypatch.setenv("RYM_LANGUAGE_MODEL_KEY", "x")
    monkeypatch.setenv("HF_TOKEN", "x")
    with _player(guide, download=download) as player:
        player._make(order)
    names = (package / "environ").read_text().split()
    assert not any(name.startswith("RYM_") for name in names)
    assert ("HF_TOKEN" in names) == download


def test_the_worker_is_a_script_for_older_pythons() -> None:
    """It imports nothing of RYM and parses as Python 3.9."""
    import ast  # noqa: PLC0415

    tree = ast.parse(WORKER.read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {alias.name for x in ast.walk(tree) if isinstance(x, ast.Import) for alias in x.names}
    names |= {str(x.module) for x in ast.walk(tree) if isinstance(x, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} == {
        *[
            "__future__",
            "functools",
            "json",
            "os",
            "platform",
            "sys",
            "wave",
            "typing",
            "audiocraft",
            "torch",
        ]
    }
    assert textwrap.dedent(WORKER.read_text()).startswith('"""')
