"""How loud a session was at the ear, in one sentence."""

from __future__ import annotations

import msgspec
import pytest

from player.level.dose import UNKNOWN
from player.settings import RATE
from rym import messages as m
from session.after.hearing import hearing


def said(epoch, *levels, **facts):
    """Return a start of the player: what it said of itself, and its seconds."""
    status = m.Status(
        service="player", epoch=epoch, life="ready", detail="", version="", facts=facts, drops={}
    )
    seconds = [
        m.Loudness(frame=k * RATE, n_frames=RATE, lufs=-20.0, level_dba=level, peak_dbtp=-9.0)
        for k, level in enumerate(levels)
    ]
    meta = m.Meta(wall=0.0, mono=0.0, host="", pid=0)

    def message(topic, seq, content):
        name = m.Identity("player", epoch, topic, seq)
        return m.Message(id=name, cause=(), content=content, meta=meta)

    return {
        "player/status": [message("player/status", 0, status)],
        "player/level": [message("player/level", k, one) for k, one in enumerate(seconds)],
    }


@pytest.mark.fault(52)
def test_a_calibrated_session_says_its_level_and_share():
    """Two minutes, one of them 10 dB louder; 40 h of 80 dB(A) are all that is allowed."""
    log = said(1, *[-30.0] * 60, *[-20.0] * 60, loudness="by calibration", full_scale_dba=100.0)
    words = hearing(log, "participant")
    assert words.startswith("At the ear 77 dB(A) on average over 2 min")
    assert words.endswith("0.0 % of what is allowed in a week.")
    loud = said(1, *[-10.0] * 3600, loudness="by calibration", full_scale_dba=100.0)
    assert "90 dB(A) on average over 60 min" in hearing(loud, "participant")
    assert "25.0 % of what is allowed" in hearing(loud, "participant")


@pytest.mark.fault(52)
def test_without_a_calibration_it_says_that_it_does_not_know():
    """Neither level nor dose; where nobody need have listened, nothing."""
    log = said(1, -20.0, loudness=UNKNOWN)
    assert hearing(log, "participant") == UNKNOWN
    assert hearing(log, "simulated") == ""
    assert hearing({}, "participant") == ""


def test_a_start_without_calibration_is_said_beside_the_others():
    """The device was another one after a restart."""
    one = said(1, -20.0, -20.0, loudness="by calibration", full_scale_dba=90.0)
    two = said(2, -5.0, loudness="void")
    log = {topic: one[topic] + two[topic] for topic in one}
    words = hearing(log, "pilot")
    assert words.startswith("At the ear 70 dB(A)")
    assert words.endswith(f"In part: {UNKNOWN}")


def test_silence_was_not_heard():
    """A calibrated player that was stopped all along."""
    log = said(1, -120.0, loudness="by calibration", full_scale_dba=100.0)
    assert hearing(log, "participant") == "Nothing was heard."


@pytest.mark.fault(52)
def test_what_was_heard_after_the_volume_was_turned_is_not_claimed():
    """The first 60 s count; then the status says that the calibration is void."""
    log = said(1, *[-30.0] * 60, loudness="by calibration", full_scale_dba=100.0)
    later = said(1, *[-1.0] * 60, loudness="by calibration", full_scale_dba=100.0, calibrated=False)
    for messages in later.values():
        for k, one in enumerate(messages):
            meta = msgspec.structs.replace(one.meta, mono=100.0 + k)
            messages[k] = msgspec.structs.replace(one, meta=meta)
    words = hearing({topic: log[topic] + later[topic] for topic in log}, "pilot")
    assert words.startswith("At the ear 70 dB(A) on average over 1 min")
    assert words.endswith(f"In part: {UNKNOWN}")
