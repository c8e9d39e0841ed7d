"""`rym evaluate` as a command: its words, its errors, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from session.cli import main
from session.evaluation.data import sources
from tests.session.evaluation import planted

ROOT = Path(__file__).resolve().parents[3]
TOML = str(ROOT / "configs/datasets/rest-arithmetic.toml")
REAL = ROOT.parent / "shared/eeg/rest_arithmetic"


@pytest.fixture
def gathering(monkeypatch):
    """Return a function that makes the verb gather a planted table."""

    def use(**changes):
        table = planted.table_of(**changes)
        monkeypatch.setattr(
            sources, "gather_given", lambda *_args, **_named: planted.gathered(table)
        )

    return use


def run(tmp_path, *words):
    """Run the verb with one worker; return its exit code."""
    return main(["evaluate", TOML, "--out", str(tmp_path / "out"), "--workers", "1", *words])


def test_json_is_one_object_with_what_conventions_name(gathering, tmp_path, capsys):
    """Verdict, protocols with decoders, warnings; exit code 3 where it cannot be significant."""
    gathering(n_people=3, n_units=2)
    code = run(
        tmp_path, "--json", "--no-page", "--protocol", "leave-one-person-out", "--decoder", "lda"
    )
    said = json.loads(capsys.readouterr().out)
    assert code == 3
    assert said["verdict"] == "unclear"
    (protocol,) = said["protocols"]
    assert (protocol["name"], protocol["leaky"]) == ("leave-one-person-out", False)
    keys = {"name", "kind", "balanced_accuracy", "interval", "null_95", "p"}
    assert all(set(decoder) == keys for decoder in protocol["decoders"])
    assert {decoder["kind"] for decoder in protocol["decoders"]} == {"candidate", "control"}
    assert "cannot be significant with 3 people: 8 relabelings" in said["warnings"][0]
    assert said["page"] == ""
    assert not (tmp_path / "out/evaluation.html").exists()


def test_what_is_found_is_exit_code_0_with_a_page(gathering, tmp_path, capsys):
    """A verdict that follows ends with 0, a table on the terminal and a page."""
    gathering(n_people=3, n_units=4)
    code = run(tmp_path, "--protocol", "leave-one-person-out", "--decoder", "lda")
    shown = capsys.readouterr().out
    assert code == 0
    assert "verdict      follows." in shown
    assert "SIMULATED" in shown
    page = (tmp_path / "out/evaluation.html").read_text(encoding="utf-8")
    assert "follows" in page
    assert "SIMULATED" in page


@pytest.mark.parametrize(
    ("words", "error", "remedy"),
    [
        (["--protocol", "leave-one-persn-out"], "no protocol", "'leave-one-person-out'"),
        (["--decoder", "cebra"], "no decoder", "'cebra-knn'"),
        (["--workers", "0"], "'0'", "--help"),
        (["--seed", "-1"], "'-1'", "--help"),
        (["--nulls", "some"], "some", "--help"),
    ],
)
def test_wrong_words_are_one_sentence_before_a_file_is_opened(
    tmp_path, capsys, words, error, remedy
):
    """Exit code 2, the nearest known name; the folder is not made."""
    assert run(tmp_path, "--json", *words) == 2
    said = json.loads(capsys.readouterr().out)
    assert error in said["error"]
    assert remedy in said["remedy"]
    assert not (tmp_path / "out").exists()


def test_a_folder_without_files_is_one_sentence(tmp_path, capsys):
    """Exit code 2, the folder and what to do."""
    (tmp_path / "empty").mkdir()
    assert run(tmp_path, "--data", str(tmp_path / "empty")) == 2
    said = capsys.readouterr().err
    assert str(tmp_path / "empty") in said
    assert "Traceback" not in said


def test_a_folder_of_something_else_is_not_written_to(tmp_path, capsys):
    """What lies in --out and is no evaluation stays as it is, before anything is gathered."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("mine")
    assert run(tmp_path, "--data", str(tmp_path)) == 2
    assert "no evaluation" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


@pytest.mark.long
@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/eeg/rest_arithmetic is absent")
def test_real_rest_and_arithmetic(tmp_path, capsys):
    """Across two people nothing is proved; within them all is told, with the reasons why not."""
    (tmp_path / "two").mkdir()
    for name in ("Subject00_1", "Subject00_2", "Subject01_1", "Subject01_2"):
        (tmp_path / f"two/{name}.edf").symlink_to(REAL / f"{name}.edf")
    words = ["--protocol", "leave-one-person-out", "--protocol", "within", "--decoder", "lda"]
    code = run(tmp_path, "--json", "--data", str(tmp_path / "two"), *words)
    said = json.loads(capsys.readouterr().out)
    assert code == 3
    assert "cannot be significant with 2 people: 4 relabelings" in said["warnings"][0]
    score = {p["name"]: p["decoders"][0]["balanced_accuracy"] for p in said["protocols"]}
    assert score["within"] > 0.95
    found = {leak["name"] for leak in said["leaks"] if leak["found"]}
    assert {"filter settings", "file identity"} <= found
