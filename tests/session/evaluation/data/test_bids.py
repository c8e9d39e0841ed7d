"""A BIDS folder is evaluated by its events, with a TOML or, where they name affects, without."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rym.errors import FormatError, UsageError
from session.evaluation.data.bids import events_of, gather_bids, is_bids
from session.evaluation.data.dataset import load
from session.evaluation.data.sources import gather_given
from tests.session.evaluation.folders import eeg, toml, write_brainvision, write_edf

TRIALS = (
    (2.0, 10.0, "positive"), (14.0, 10.0, "negative"), (26.0, 10.0, "positive"),
    (38.0, 10.0, "negative"),
)  # fmt: skip
MAPPED = """
[data]
name = "mapped"
states = ["low", "high"]
unit = "trial"
[labels]
by = "markers"
column = "what"
codes = { happy = "high", sad = "low" }
"""


def events(
    path: Path,
    rows: tuple[tuple[float, float, str], ...] = TRIALS,
    *,
    column: str = "trial_type",
    film: bool = False,
) -> Path:
    """Write an `_events.tsv`."""
    head = ["onset", "duration", column, *(["stim_file"] if film else [])]
    lines = [
        [f"{t}", f"{d}" if d else "n/a", word, *([f"film{i % 3}.mp4"] if film else [])]
        for i, (t, d, word) in enumerate(rows)
    ]
    path.write_text("\n".join("\t".join(line) for line in [head, *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of one person with two sessions (EDF) and one with one (BrainVision)."""
    root = tmp_path_factory.mktemp("bids")
    (root / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.9"}))
    (root / "participants.tsv").write_text(
        "participant_id\tage\nsub-01\t30\nsub-02\t31\nsub-9\t2\n"
    )
    for seed, session in enumerate(("a", "b")):
        place = root / "sub-01" / f"ses-{session}" / "eeg"
        stem = f"sub-01_ses-{session}_task-x"
        write_edf(place / f"{stem}_eeg.edf", eeg(50.0, seed))
        events(place / f"{stem}_events.tsv", film=True)
        (place / f"{stem}_eeg.json").write_text(json.dumps({"PowerLineFrequency": 60}))
    place = root / "sub-02" / "eeg"
    write_brainvision(place / "sub-02_task-x_eeg.vhdr", eeg(50.0, 5))
    events(place / "sub-02_task-x_events.tsv")
    return root


def test_a_folder_whose_events_name_affects_works_at_once(folder: Path) -> None:
    """People, sessions, trials and films come from names and events; mains from the sidecars."""
    assert is_bids(folder)
    found = gather_given([folder], None, None)
    table = found.table
    assert table.people == ("01", "02")
    assert table.sessions == ("01 a", "01 b", "02")
    assert table.states == ("negative", "positive")
    assert found.unit == "trial"
    assert len(np.unique(table.unit[table.unit >= 0])) == 12
    assert set(table.stimulus[table.person == 0]) == {-1, 0, 1, 2}
    assert set(table.stimulus[table.person == 1]) == {-1}
    t = table.t[table.recording == 2]
    label = table.label[table.recording == 2]
    assert (label[(t > 2.01) & (t < 11.9)] == 1).all()
    assert (label[(t > 12.01) & (t < 13.9)] == -1).all()
    assert "participants.tsv names people without a recording: 9." in found.notes
    assert not any("Left out" in note for note in found.notes)


def test_a_toml_says_what_trial_types_mean(folder: Path, tmp_path: Path) -> None:
    """Another column, other words; without a duration a trial lasts until the next."""
    place = tmp_path / "d" / "sub-7" / "eeg"
    write_edf(place / "sub-7_eeg.edf", eeg(50.0, 3))
    rows = ((2.0, 0.0, "sad"), (14.0, 0.0, "happy"), (20.0, 0.0, "beep"), (30.0, 0.0, "sad"))
    events(place / "sub-7_events.tsv", rows, column="what")
    found = gather_given([toml(tmp_path / "d.toml", MAPPED)], tmp_path / "d", None)
    table = found.table
    assert table.states == ("low", "high")
    assert (table.label[(table.t > 14.01) & (table.t < 29.9)] == 1).all()
    assert len(np.unique(table.unit[table.unit >= 0])) == 3


def test_events_count_for_the_hash(tmp_path: Path) -> None:
    """The same signal with one onset moved is another data set."""
    place = tmp_path / "sub-1" / "eeg"
    write_edf(place / "sub-1_eeg.edf", eeg(50.0, 3))
    events(place / "sub-1_events.tsv")
    before = gather_bids(tmp_path, None, None).sha256
    assert gather_bids(tmp_path, None, None).sha256 == before
    moved = ((3.0, 9.0, "positive"), *TRIALS[1:])
    events(place / "sub-1_events.tsv", moved)
    assert gather_bids(tmp_path, None, None).sha256 != before


def test_what_events_do_not_say_is_one_sentence(tmp_path: Path) -> None:
    """Words that are no affects, a missing column, an onset that is no number."""
    place = tmp_path / "sub-1" / "eeg"
    recording = write_edf(place / "sub-1_eeg.edf", eeg(50.0, 3))
    assert events_of(recording, "trial_type") is None
    table = events(place / "sub-1_events.tsv", ((1.0, 2.0, "sad"), (5.0, 2.0, "n/a")))
    assert [mark.code for mark in events_of(recording, "trial_type") or ()] == ["sad"]
    with pytest.raises(UsageError, match=r"name sad; without a TOML two of negative"):
        gather_bids(tmp_path, None, None)
    with pytest.raises(FormatError, match=r"has the columns onset, .* but not 'what'|not what"):
        gather_bids(tmp_path, load(toml(tmp_path / "d.toml", MAPPED)), None)
    table.write_text("onset\tduration\ttrial_type\nlater\t1\tsad\n")
    with pytest.raises(FormatError, match=r"Line 2 of sub-1_events.tsv has 'later'"):
        events_of(recording, "trial_type")
