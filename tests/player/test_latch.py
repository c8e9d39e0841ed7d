"""STOP on disk."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from player.latch import NAME, Latch


def test_what_is_put_outlives_the_latch(tmp_path: Path) -> None:
    """The file is there exactly while a STOP is."""
    latch = Latch(tmp_path / "sound")
    assert not latch.set
    latch.put(True)
    assert Latch(tmp_path / "sound").set
    latch.put(False)
    assert not Latch(tmp_path / "sound").set


def test_a_write_that_failed_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is set is what is on disk; the reason is logged once, and gone with the success."""
    (tmp_path / "sound").write_bytes(b"no folder")
    latch = Latch(tmp_path / "sound")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            latch.put(True)
    assert not latch.set
    assert "would not outlive a restart" in latch.failed
    assert len(caplog.records) == 1
    (tmp_path / "sound").unlink()
    latch.put(True)
    assert latch.set
    assert latch.failed == ""
    assert (tmp_path / "sound" / NAME).exists()


def test_a_file_that_cannot_be_taken_away_brings_the_stop_back(tmp_path: Path) -> None:
    """That is what is said then."""
    (tmp_path / NAME).mkdir()
    latch = Latch(tmp_path)
    latch.put(False)
    assert latch.set
    assert "the STOP would come back with a restart" in latch.failed
    (tmp_path / NAME).rmdir()
    latch.put(False)
    assert not latch.set


def test_half_a_write_is_taken_away_with_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that could not be brought to the disk is no STOP once that was released."""

    def full(_: int) -> None:
        raise OSError("no space")

    latch = Latch(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("player.latch.os.fsync", full)
        latch.put(True)
    assert (tmp_path / NAME).exists()
    latch.put(False)
    assert not (tmp_path / NAME).exists()
    assert latch.failed == ""


def test_without_a_folder_nothing_is_kept() -> None:
    """A player that is run by hand has none."""
    latch = Latch(None)
    latch.put(True)
    assert latch.set
    assert latch.failed == ""
