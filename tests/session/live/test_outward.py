"""The bridges as a part of a session: there only where one is asked for."""

from __future__ import annotations

import pytest

from rym.clock import ManualClock
from session import settings
from session.folder import Folder
from session.live.supervisor import Supervisor


def supervisor(folder, *options):
    """Return a supervisor that has started nothing."""
    tables = settings.tables(settings.load("demo", None, options))
    place = Folder.create(folder, "sim", "01", "recall", None)
    return Supervisor(tables, place, ManualClock(1.0), epoch=1)


def test_nobody_is_told_anything_by_default(tmp_path):
    """There is no such part."""
    assert "outward" not in supervisor(tmp_path).parts


@pytest.mark.parametrize("option", [("outward.osc", "127.0.0.1:9000"), ("outward.midi", "synth")])
def test_a_bridge_is_a_part_that_knows_the_bank(tmp_path, option):
    """It gets its table, and the folder whose beats the clock ticks."""
    one = supervisor(tmp_path, option, ("player.bank", "a-bank"))
    assert "outward" in one.parts
    told = one._hello("outward")["settings"]
    assert told["bank"] == "a-bank"
    assert told[option[0].partition(".")[2]] == option[1]


@pytest.mark.parametrize(("arm", "told"), [("real", True), ("none", False), ("keys", False)])
def test_the_decoders_words_are_told_only_where_the_music_follows_them(tmp_path, arm, told):
    """In a control arm a light by them would be feedback."""
    one = supervisor(tmp_path, ("outward.osc", "127.0.0.1:9000"), ("player.arm", arm))
    assert one._hello("outward")["settings"]["probabilities"] is told
    quiet = supervisor(tmp_path / "q", ("outward.osc", "127.0.0.1:9000"), ("player.arm", arm),
                       ("outward.probabilities", False))  # fmt: skip
    assert quiet._hello("outward")["settings"]["probabilities"] is False
