"""Which stretch of which recording belongs to which phase."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rym.errors import UsageError
from session.live import recordings
from session.live.recordings import calibrate_then_play, play_through
from session.settings import load, tables


def test_the_first_part_of_each_calibrates_and_the_rest_is_played(
    easy: Callable[..., Path], tmp_path: Path
) -> None:
    """No second of a file is in both phases; every label is kept; the settings are valid."""
    one = easy(tmp_path / "one.easy", 30.0, seed=1)
    two = easy(tmp_path / "two.easy", 24.0, seed=2)
    options = calibrate_then_play([(one, "neutral"), (two, "negative")])
    found = tables(load("recordings", None, [*options, ("player.bank", "b")]))
    files = found.source.sender.files
    rows = [(f.label, f.phase, f.start, f.start + f.seconds) for f in files]
    assert rows == [
        ("neutral", "calibration", 0.0, 15.0),
        ("negative", "calibration", 0.0, 12.0),
        ("neutral", "feedback", 15.0, 30.0),
        ("negative", "feedback", 12.0, 24.0),
    ]
    assert [phase.name for phase in found.session.phases] == ["calibration", "training", "feedback"]
    assert found.session.phases[0].seconds >= 27.0 + 2 * recordings.PAUSE


def test_a_long_file_is_not_waited_for(
    easy: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most `LONGEST` seconds of a file stand in a phase."""
    monkeypatch.setattr(recordings, "LONGEST", 11.0)
    paths = [easy(tmp_path / f"{i}.easy", 30.0, seed=i) for i in (1, 2)]
    options = dict(calibrate_then_play([(path, "neutral") for path in paths]))
    assert [file["seconds"] for file in options["source.sender"]["files"]] == [11.0] * 4


def test_one_file_or_a_short_one_is_refused(easy: Callable[..., Path], tmp_path: Path) -> None:
    """Both values and the remedy are told."""
    long, short = easy(tmp_path / "l.easy", 30.0), easy(tmp_path / "s.easy", 12.0)
    with pytest.raises(UsageError, match="There is 1 recording"):
        calibrate_then_play([(long, "neutral")])
    with pytest.raises(UsageError, match=r"lasts 12\.0 s, at least 20 s"):
        calibrate_then_play([(long, "neutral"), (short, "negative")])


def test_files_are_played_through_in_their_order(tmp_path: Path) -> None:
    """Every file waits for the feedback, from its beginning to its end."""
    options = dict(play_through([tmp_path / "b.edf", tmp_path / "a.edf"]))
    files = options["source.sender"]["files"]
    assert [Path(file["path"]).name for file in files] == ["b.edf", "a.edf"]
    assert {file["phase"] for file in files} == {"feedback"}
    assert options["session.eeg"] == "source"
