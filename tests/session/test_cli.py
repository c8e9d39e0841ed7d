"""The command line: every verb explains itself, prints one object, and ends with its code."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rym.errors import DeviceError
from session import cli, simulate
from session.folder import Folder
from session.simulated.life import Plan

VERBS = (
    "demo",
    "listen",
    "run",
    "simulate",
    "record",
    "doctor",
    "check",
    "check alpha",
    "check delay",
    "check level",
    "train",
    "replay",
    "report",
    "bank",
    "bank build",
)
HEAVY = ("numpy", "scipy", "mne", "torch", "pylsl", "rich", "soundfile")


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let `rym report` raise this."""

    def verb(_: argparse.Namespace) -> cli.Outcome:
        raise error

    monkeypatch.setattr(cli, "_report", verb)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` ends with 0 and names the verb."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*verb.split(), "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: rym {verb}")


def test_help_waits_for_nothing() -> None:
    """Nothing heavy is imported before a verb is chosen."""
    words = "import sys, session.cli; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(said.stdout.split())


@pytest.mark.parametrize("verb", ["run", "demo", "listen"])
def test_every_setting_and_its_origin_can_be_seen(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options over `--config` over the protocol over the defaults; nothing is started."""
    config = tmp_path / "mine.toml"
    config.write_text("[player]\nrise = 2.5\nlevel_db = -3.0\n[session]\nseed = 5\n")
    words = [verb, "--print-config", "--config", str(config), "--seed", "6", "--out", "x"]
    assert cli.main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["player.rise"] == {"value": 2.5, "origin": str(config)}
    assert found["session.seed"] == {"value": 6, "origin": "command line"}
    assert found["session.root"]["value"] == "x"
    assert found["session.task"]["origin"].endswith(f"{verb}.toml")
    assert found["stream.hop"] == {"value": 0.25, "origin": "default"}
    assert cli.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"player.rise = 2.5  ({config})" in lines
    assert len(lines) == len(found)


def test_seconds_and_model_become_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """`run --seconds 7 --model m --run 3 --sink null` is what it says."""
    words = "run --print-config --json --seconds 7 --model m --run 3 --sink null"
    assert cli.main(words.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["session.phases"]["value"] == [{"name": "feedback", "seconds": 7.0}]
    assert found["session.model"]["value"] == "m"
    assert found["session.run"]["value"] == 3
    assert found["player.sink"]["value"] == "null"


def test_strength_and_seed_reach_the_simulated_person(capsys: pytest.CaptureFixture[str]) -> None:
    """A demo's seed is its person's, too."""
    words = "demo --print-config --json --strength 0 --seed 9"
    assert cli.main(words.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["source.sender.strength"]["value"] == 0.0
    assert found["source.sender.seed"]["value"] == 9
    assert found["session.seed"]["value"] == 9


@pytest.mark.parametrize(
    "words", ["run --label neutral", "demo --label neutral", "demo --label joyful", "replay x"]
)
def test_no_word_is_left_out_silently(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A label without a recording, a verb that takes none, a replay that compares nothing."""
    assert cli.main([*words.split(), "--json"]) == 2
    said = capsys.readouterr()
    assert set(json.loads(said.out)) == {"error", "remedy"}
    assert said.err == ""


@pytest.mark.parametrize(
    ("words", "least"),
    [
        ("record --seconds nan", "0"),
        ("check alpha --seconds -3", "0"),
        ("doctor --seconds 0", "0.5"),
        ("listen --seconds soon", "0"),
        ("run --seconds inf", "0"),
    ],
)
def test_a_length_that_cannot_be_is_wrong_use(
    words: str, least: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told before anything starts, with what was given and what is allowed."""
    assert cli.main([*words.split(), "--json"]) == 2
    said = json.loads(capsys.readouterr().out)["error"]
    given = words.rpartition(" ")[2]
    assert f"--seconds: '{given}' is given, {least} or more is needed" in said


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (DeviceError("No sound.", "Plug it in."), 1, "No sound. Plug it in."),
        (ValueError("seven"), 1, "Unexpected ValueError: seven. Run it again with --debug."),
        (
            PermissionError(13, "Permission denied", "/x"), 1,
            "/x cannot be used: Permission denied. Check the path, its rights and the free space.",
        ),
        (KeyboardInterrupt(), 1, "It was interrupted. Give the same command again."),
    ],
)  # fmt: skip
def test_whatever_happens_is_one_sentence(
    error: BaseException,
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In words on stderr, as an object with `--json`; a traceback with `--debug` only."""
    failing(monkeypatch, error)
    assert cli.main(["report", "x"]) == code
    assert capsys.readouterr() == ("", f"rym: {sentence}\n")
    assert cli.main(["report", "x", "--json"]) == code
    said = json.loads(capsys.readouterr().out)
    assert f"{said['error']} {said['remedy']}" == sentence
    assert cli.main(["report", "x", "--debug"]) == code
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_failure_to_explain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`rym … | head` ends in silence."""
    failing(monkeypatch, BrokenPipeError())
    assert cli.main(["report", "x"]) == 1
    assert capsys.readouterr() == ("", "")


def test_what_is_made_after_a_session(
    session_copy: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`train`, `replay --verify` and `report`: the objects and codes that are promised."""
    place = str(session_copy.path)
    code = cli.main(["train", place, "--out", str(tmp_path / "m"), "--json"])
    trained = json.loads(capsys.readouterr().out)
    assert {"model", "decoder", "verdict", "scores", "seconds"} <= set(trained)
    assert code == (3 if trained["verdict"] == "guessing" else 0)
    assert Path(trained["model"], "model.json").is_file()

    assert cli.main(["replay", place, "--verify", "--json"]) == 0
    replayed = json.loads(capsys.readouterr().out)
    assert replayed["identical"]
    assert {"n_messages", "first_difference", "speed"} <= set(replayed)

    assert cli.main(["report", place]) == 0
    assert capsys.readouterr().out == f"{session_copy.report}\n"
    record = session_copy.path / "session.json"
    before = record.read_text()
    record.write_text(before.replace('"dwell": 1.0', '"dwell": 2.0'))
    assert record.read_text() != before
    assert cli.main(["replay", place, "--verify"]) == 1
    assert capsys.readouterr().out.count("\n") == 1


def test_simulated_persons_are_asked_for_as_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every option of `simulate` reaches it."""
    given: dict[str, Any] = {}

    def run(**options: Any) -> dict[str, Any]:
        given.update(options)
        return {"mean": 0.5}

    monkeypatch.setattr(simulate, "simulate", run)
    words = "simulate --seeds 2 --strength 0 --calibration 60 --feedback 30 --decoder lda --json"
    words += " --coupling 0.3 --drift 90 --learning --preset close"
    assert cli.main(words.split()) == 0
    assert json.loads(capsys.readouterr().out) == {"mean": 0.5}
    plan = Plan(0, 0.0, coupling=0.3, drift=90.0, calibration=60.0, feedback=30.0)
    assert given == {
        "seeds": 2, "plan": plan, "candidate": "lda", "learning": True, "preset": "close",
        "quiet": True,
    }  # fmt: skip


def test_both_doors_lead_to_the_same_command(rym: Callable[..., Any]) -> None:
    """`python -m session` is `rym`."""
    said = rym("--help")
    assert said.code == 0
    assert all(verb.split()[0] in said.out for verb in VERBS)
