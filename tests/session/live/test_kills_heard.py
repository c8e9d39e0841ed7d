"""Every part of one session killed in turn, the supervisor last, heard on a real sound server."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import pytest
import pyxdf
import soundfile

from benchmarks.kills.heard import allowed_db, returns
from rym.topics import NOW, SAFETY

pytestmark = [
    pytest.mark.real,
    pytest.mark.alone,
    pytest.mark.quiet,
    pytest.mark.long,
    pytest.mark.timeout(280),
]

GRACE = 0.25
"""Seconds that a deadline may be missed by on real parts."""
RISE = 2.0
"""Seconds in which sound comes up: slow enough for a blast to stand out."""
KILLED = ("decoder", "stream", "rym.broker", "session.live.journal", "player")
RATE = 48_000
LOST = 1.0
"""Seconds of a recording that may be lost with whoever wrote it."""


class Course(NamedTuple):
    """A session in which everything was killed."""

    hung: float
    """Seconds from the moment at which the decoder hung until the player said SAFE."""
    back: dict[str, float]
    """Seconds until each part was there again."""
    kept: dict[str, float]
    """Seconds before the kill at which each recording ends."""
    damaged: int
    """Lines of the journal that cannot be read, but for a last one that is torn."""
    sound: np.ndarray
    silent: float
    """Seconds from the supervisor's end to the last sound."""
    left: list[str]
    """Parts that are there 45 s later."""


DONE: dict[str, Course] = {}


@pytest.fixture
def slow(short, made, tmp_path):
    """Return settings with a slow rise."""
    path = tmp_path / "slow.toml"
    path.write_text(short(made).replace("rise = 0.5", f"rise = {RISE}"))
    return path


@pytest.fixture
def course(start, slow, sound_server, ear, is_gone):
    """Go through it once for all tests."""
    if not DONE:
        words = ("--sink", "portaudio", "--device", "rym")
        session = start(*words, settings=slow, env=sound_server)
        DONE["it"] = killed(session, ear, is_gone)
    return DONE["it"]


def killed(session, ear, is_gone):
    """Kill one after the other, each once the one before is heard to work again."""
    back, kept, damaged = {}, {}, 0
    session.until_coloured()
    hung, since = hang(session)
    for module in KILLED:
        session.until_coloured(since)
        files = {"stream": session.folder.xdf, "player": session.folder.heard}
        newest = files[module]()[-1] if module in files else None
        begun = first_heard(session) if module == "player" else 0.0
        one = session.kill(module)
        back[module], since = one.back, one.t + 3.0
        if module == "stream":
            kept[module] = one.t - last_sample(newest)
        elif module == "player":
            kept[module] = one.t - begun - soundfile.info(newest).frames / RATE
        elif module == "session.live.journal":
            journal = session.journal
            kept[module] = one.t - max(x.meta.mono for x in journal.of(NOW) if x.meta.mono < one.t)
            damaged = len(journal.damaged)
    session.until_coloured(since)
    parts = session.parts()
    session.process.kill()
    died = time.monotonic()
    session.process.wait()
    while time.monotonic() < died + 45.0 and not all(map(is_gone, parts.values())):
        time.sleep(0.1)
    times, peaks = ear.level()
    last = float(times[peaks > 1e-3][-1] - died)
    left = [name for name, part in parts.items() if not is_gone(part)]
    return Course(hung, back, kept, damaged, ear.sound(), last, left)


def hang(session):
    """Let the decoder stand still; return after how long SAFE was said, and when it went on."""
    decoder = session.parts()["decoder"]
    decoder.suspend()
    begin = time.monotonic()

    def said(journal):
        return [x.meta.mono for x in journal.of(SAFETY) if x.content.state == "SAFE"]

    session.until(lambda journal: any(t > begin for t in said(journal)), 10.0)
    decoder.resume()
    return min(t for t in said(session.journal) if t > begin) - begin, time.monotonic()


def last_sample(path):
    """Return the rig time of the last sample in a recording, as pyxdf reads it."""
    streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    eeg = next(x for x in streams if x["info"]["type"] == ["EEG"])
    return float(eeg["time_stamps"][-1])


def first_heard(session):
    """Return the rig time at which the first frame of the newest player was rendered."""
    played = session.journal.of(NOW)
    epoch = max(x.id.epoch for x in played)
    return min(x.meta.mono - x.content.frame / RATE for x in played if x.id.epoch == epoch)


@pytest.mark.fault(55)
def test_a_decoder_that_hangs_leads_to_neutral_by_the_player_itself(course):
    """It is no process that ended: nobody else sees it."""
    assert 1.5 < course.hung < 2.0 + GRACE


@pytest.mark.fault(54)
@pytest.mark.parametrize("module", KILLED)
def test_what_was_killed_is_back_within_2_s(course, module):
    """Broker and player, too."""
    assert course.back[module] < 2.0 + GRACE


@pytest.mark.fault(54)
@pytest.mark.parametrize("module", ["stream", "player", "session.live.journal"])
def test_what_it_recorded_is_there_but_for_the_last_second(course, module):
    """Samples, sound and messages, read as they lay on the disk after the kill."""
    assert course.kept[module] < LOST + GRACE
    assert course.damaged == 0


@pytest.mark.fault(54)
def test_sound_never_comes_back_as_a_blast(course):
    """Every return from silence is the beginning of a slow rise; the player's is one of them."""
    found = returns(course.sound)
    assert len(found) >= 2
    assert max(one.db for one in found) < allowed_db(RISE)


@pytest.mark.fault(54)
@pytest.mark.fault(55)
def test_without_a_supervisor_there_is_silence_and_then_nobody(course):
    """The music ends within 30 s, no sooner than its fade allows, and no process stays."""
    assert 10.0 < course.silent < 30.0 + GRACE
    assert course.left == []
