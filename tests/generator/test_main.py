import json
import re
import subprocess
import sys

import pytest

from generator import __main__ as command
from generator.making.build import build
from rym import bank


@pytest.fixture
def fast(monkeypatch, small):
    """Let the command build a small bank."""

    def small_build(memory, out, progress, **_options):
        return build(memory, out, small, progress)

    monkeypatch.setattr(command, "build", small_build)


def test_help_works():
    """The package runs alone and says what it takes."""
    told = subprocess.run(
        [sys.executable, "-m", "generator", "--help"], capture_output=True, text=True, check=True
    )
    assert "--memory" in told.stdout
    assert "--json" in told.stdout


@pytest.mark.usefixtures("fast")
def test_json_is_one_object_on_stdout(example, tmp_path, capsys):
    """With --json stdout holds the clips as agreed; progress and time left go to stderr."""
    code = command.main(["--memory", str(example), "--out", str(tmp_path / "b"), "--json"])
    out, err = capsys.readouterr()
    table = json.loads(out)
    assert code == 0
    assert set(table) == {"bank", "clips", "n_images", "problems"}
    assert [row["affect"] for row in table["clips"]] == 2 * ["negative", "neutral", "positive"]
    assert table["n_images"] == 3
    assert set(table["clips"][0]) == {
        *("file", "affect", "section", "variant", "bpm", "n_samples", "lufs", "true_peak_dbtp")
    }
    assert "9/9" in err
    assert "left" in err
    assert bank.load(tmp_path / "b").rate == 48_000


@pytest.mark.usefixtures("fast")
def test_plain_output_is_one_line(example, tmp_path, capsys):
    """Without --json a person reads how much music there is, and where."""
    assert command.main(["--memory", str(example), "--out", str(tmp_path / "b")]) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(r"6 clips, \d+ s of music, 3 pictures: .*b\n", said)


def test_ctrl_c_is_a_sentence(monkeypatch, tmp_path, capsys, example):
    """A person who stops a build reads how to go on, and sees no traceback."""

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "build", interrupted)
    assert command.main(["--memory", str(example), "--out", str(tmp_path / "b")]) == 1
    assert "takes it up again" in capsys.readouterr().err


def test_errors_are_sentences(tmp_path, capsys, example):
    """A missing memory and an unwritable folder: a sentence, a remedy, the right exit code."""
    missing = ["--memory", str(tmp_path / "none.toml"), "--out", str(tmp_path / "b")]
    assert command.main([*missing, "--json"]) == 2
    assert set(json.loads(capsys.readouterr().out)) == {"error", "remedy"}
    assert command.main(missing) == 2
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    below = ["--memory", str(example), "--out", str(tmp_path / "file" / "bank")]
    assert command.main(below) == 1
    assert "cannot be written" in capsys.readouterr().err
