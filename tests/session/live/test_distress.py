"""Distress, said by whoever leads: the music fades; said twice, the run ends."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from rym.topics import NOW, SAFETY, STOP

pytestmark = [pytest.mark.real, pytest.mark.alone, pytest.mark.timeout(180)]

GRACE = 0.25
"""Seconds that a deadline may be missed by on real parts."""


@pytest.fixture
def terminal():
    """Return a terminal: the end where keys are pressed, and the end where they are read."""
    pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


def test_distress_fades_in_two_seconds_and_the_second_press_ends_the_run(start, hear, terminal):
    """Latched; nothing comes back by itself; the second press needs nobody at the screen."""
    session = start("--sink", "null", stdin=terminal[1])
    session.until_coloured()
    os.write(terminal[0], b"d")
    session.until(lambda journal: stopped(journal) is not None)
    session.until(lambda journal: journal.of(NOW)[-1].content.level_db == -120.0, 5.0)
    assert (session.folder.sound / "stop.json").exists()
    assert session.process.poll() is None
    os.write(terminal[0], b"d")
    assert session.process.wait(40) == 0, session.said
    said = json.loads(session.said.splitlines()[-1])
    assert "The music was stopped because of distress." in said["warnings"]
    assert "Distress was told twice, which ended the run." in said["warnings"]
    assert {x.content.by for x in session.journal.of(STOP)} == {"distress"}

    heard, stop = hear(session), stopped(session.journal)
    sounding = np.flatnonzero(np.abs(heard.sound).max(axis=1) > 1e-4)
    pressed = min(x.content.t for x in session.journal.of(STOP))
    assert 1.0 < heard.rig(sounding[-1]) - pressed < 2.0 + GRACE
    assert sounding[-1] > stop


def stopped(journal):
    """Return the frame at which the player said that it stopped, or None."""
    said = [x.content for x in journal.of(SAFETY)]
    return next((x.frame for x in said if (x.state, x.reason) == ("STOP", "distress")), None)
