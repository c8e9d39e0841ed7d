"""A real recording through the command line: a badly attached Enobio 20, replayed in true time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rym.clock import SystemClock
from rym.topics import NOW, QUALITY, VALENCE, WINDOW
from session.after.replay import verify
from session.folder import Folder
from session.live.lines import Journal, read

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 24.7
"""Length of the recording."""
STUCK = {"P3", "O2", "C3"}
"""On the rail throughout."""
COPIES = {"P7", "P4", "Cz", "Pz", "P8", "O1"}
"""Carry one and the same signal."""
LOOSE = {"F8", "Fp1"}
"""Bad in 7 and in 6 of 10 windows, no other in more than 4: F8 drifts and jumps by up to 460 µV
(SD), Fp1 drifts, and in a third of the windows it follows the floating Pz. The file decides, not
the time in which it is played."""


@pytest.fixture(scope="module")
def said(eeg: Path, made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the recording from beginning to end; return what `--json` said."""
    recording = next((eeg / "enobio20_nic").glob("*.easy"))
    out = tmp_path_factory.mktemp("recorded")
    words = ["run", "--json", "--recording", str(recording), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "session", *words, "--bank", str(made / "bank")],
        cwd=ROOT, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return dict(msgspec.json.decode(done.stdout))


@pytest.fixture(scope="module")
def journal(said: dict[str, Any]) -> Journal:
    """Return the session's journal."""
    return read(Folder(Path(said["session"])))


@pytest.mark.real
def test_bad_channels_are_named_and_quality_is_low(said: dict[str, Any], journal: Journal) -> None:
    """In every window by its reason, and once in the warnings; no good channel is accused there."""
    quality = [x.content for x in journal.of(QUALITY)]
    assert {q.level for q in quality} == {"low"}
    for q in quality:
        reasons = {c.name: c.reason for c in q.channels if not c.ok}
        assert all(reasons[name].startswith("rail") for name in STUCK)
        assert all(reasons[name].startswith("copy of") for name in COPIES)
    (warning,) = [words for words in said["warnings"] if "Not usable" in words]
    named = warning.partition("Not usable in most of the windows: ")[2].partition(".")[0]
    assert set(named.split(", ")) == STUCK | COPIES | LOOSE
    assert "low in 100 % of the windows" in warning
    html = Path(said["report"]).read_text()
    assert warning in html
    assert "RECORDED" in html


@pytest.mark.real
def test_every_window_of_the_file_is_answered(journal: Journal) -> None:
    """One segment, as many windows as its length holds, an unknown state for each."""
    windows = journal.of(WINDOW)
    assert {x.content.segment for x in windows} == {0}
    assert len(windows) == int((SECONDS - 1.0) / 0.25) + 1
    answers = journal.of(VALENCE)
    assert [x.cause[0] for x in answers] == [x.id for x in windows]
    assert {x.content.state for x in answers} == {"unknown"}


@pytest.mark.real
def test_playback_stays_neutral(said: dict[str, Any], journal: Journal) -> None:
    """Nothing but neutral is asked for or heard from beginning to end, and it is said why."""
    played = [x.content for x in journal.of(NOW)]
    assert {p.requested for p in played} == {p.audible for p in played} == {"neutral"}
    assert all(p.gains[0] == p.gains[2] == 0.0 for p in played)
    assert any("no model" in words for words in said["warnings"])


@pytest.mark.real
def test_the_session_replays_identically(said: dict[str, Any]) -> None:
    """What was recorded gives the same messages again, to the bit."""
    found = verify(Folder(Path(said["session"])), SystemClock())
    assert found.identical, found.sentence
    assert found.n_messages > 400
