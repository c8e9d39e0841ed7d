"""A running session whose parts are killed: what is heard, who comes back, what can be replayed.

Everything here is real: LSL, broker, sound, processes. What was heard is read from the recorded
sound, sample by sample, not from what the player said about it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import pyxdf
from scipy.signal import butter, iirnotch, sosfilt

from rym import codec
from rym.clock import SystemClock
from rym.messages import Message
from rym.topics import APPLIED, NOW, SAFETY, STATUS, VALENCE, WINDOW
from session.after.bounce.of_session import bounce
from session.after.recordings import recordings
from stream.files.xdf import replay_file
from stream.settings import StreamSettings

pytestmark = [pytest.mark.real, pytest.mark.alone, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[3]
RATE = 48_000
GRACE = 0.25
"""Seconds that a deadline may be missed by on real parts."""
CLOSE = 0.02
"""Largest error of a gain that was recovered from the sound."""
NEUTRAL = np.array([0.0, 1.0, 0.0])
KILLS = (("decoder", 0.0), ("decoder", 2.6), ("stream", 2.6), ("rym.broker", 2.6))
"""What is killed in turn, and the seconds for which it is killed again whenever it is back."""


class Outage(NamedTuple):
    """What the player had to do without, in its own frames."""

    killed: float
    """Rig time of the kill, in seconds."""
    back: float
    """Seconds until the part's process was there again."""
    last: int
    """Frame at which the last valence was taken in before."""
    fresh: int
    """Frame at which the next one was taken in."""
    until: float
    """Frame of the next kill, or of the end."""


class Watched(NamedTuple):
    """A session that is over, what was heard in it, and its outages."""

    session: object
    journal: object
    heard: object
    outages: list[Outage]


@pytest.fixture(scope="module")
def watched(start, hear):
    """Kill decoder, decoder, stream and broker in one session, each when the sound is coloured."""
    session = start("--sink", "null")
    kills, since = [], 0.0
    for module, away in KILLS:
        session.until_coloured(since)
        kills.append(session.kill(module, away))
        since = kills[-1].t + away + 3.0
    session.until_coloured(since)
    session.process.send_signal(signal.SIGINT)
    assert session.process.wait(60) == 0, session.said
    journal, heard = session.journal, hear(session)
    taken = [
        (x.meta.mono, x.content.at)
        for x in journal.of(APPLIED["player"])
        if x.content.input.topic == VALENCE.short
    ]
    end = next(x.content.frame for x in heard.played if "end" in x.content.why.split(", "))
    outages = []
    for kill in kills:
        last = [at for t, at in taken if t < kill.t + 0.1][-1]
        fresh = next(at for t, at in taken if at > last)
        outages.append(Outage(kill.t, kill.back, last, fresh, end))
    for k, later in enumerate(outages[1:]):
        outages[k] = outages[k]._replace(until=later.last)
    return Watched(session, journal, heard, outages)


@pytest.fixture(params=range(len(KILLS)), ids=[f"{name} {away} s" for name, away in KILLS])
def outage(request, watched):
    """Return each outage in turn."""
    return watched.outages[request.param]


def is_pure(gains, affect):
    """Return, per row, whether one layer alone is heard."""
    return np.abs(gains - affect).max(axis=-1) < CLOSE


@pytest.mark.fault(54)
def test_a_killed_part_is_started_again_within_2_s(outage):
    """The process is there; that it works again is heard below."""
    assert outage.back < 2.0


def test_nothing_new_begins_once_no_valence_came_for_half_a_second(watched, outage):
    """What is heard stays, or what has begun goes on; read from the sound."""
    end = min(outage.last + 2 * RATE, outage.fresh)
    if end <= outage.last + RATE // 2:
        # Back within half a second: the switch never moved.
        said = [x.content.frame for x in watched.journal.of(SAFETY)]
        assert not [frame for frame in said if outage.last < frame < outage.until]
        return
    gains = watched.heard.between(outage.last + RATE // 2, end)
    if is_pure(gains[:1], np.round(gains[0]))[0]:
        assert np.abs(gains - gains[0]).max() < CLOSE
    steps = np.diff(gains, axis=0)
    rises, falls = (steps > CLOSE / 2).any(axis=0), (steps < -CLOSE / 2).any(axis=0)
    assert not (rises & falls).any()


def test_without_valence_for_2_s_neutral_is_heard_2_s_later(watched, outage):
    """Decoder, stream or broker, all the same; a shorter outage leaves the music as it is."""
    heard = watched.heard
    said = [x.content for x in watched.journal.of(SAFETY)]
    said = [x for x in said if outage.last < x.frame < outage.until]
    if outage.fresh - outage.last < 2 * RATE:
        assert all(x.state != "SAFE" for x in said)
        return
    assert [x.state for x in said[:2]] == ["DEGRADED", "SAFE"]
    assert said[0].frame - outage.last == pytest.approx(0.5 * RATE, abs=RATE // 100)
    assert said[1].frame - outage.last == pytest.approx(2.0 * RATE, abs=RATE // 100)
    at = outage.last + 4 * RATE
    assert is_pure(heard.between(at, at + GRACE * RATE), NEUTRAL).all()
    held = heard.between(outage.last + 1.9 * RATE, outage.last + 2 * RATE)
    assert not is_pure(held, NEUTRAL).any()
    rows = (heard.first > outage.last + 2 * RATE) & is_pure(heard.gains, NEUTRAL)
    assert heard.rig(heard.first[rows][0]) - outage.killed < 4.0 + GRACE


def test_the_sound_follows_again_after_each_outage(watched, outage):
    """A feeling other than neutral is heard, from fresh valence, before the next kill."""
    gains = watched.heard.between(outage.fresh, outage.until)
    assert gains[:, [0, 2]].max() > 1.0 - CLOSE
    said = [x.content for x in watched.journal.of(SAFETY) if x.content.frame < outage.until]
    assert said[-1].state == "RUN"


def test_every_long_outage_was_one():
    """The three that must lead to neutral are there."""
    assert sum(away > 2.0 for _, away in KILLS) == 3


def test_the_sound_never_breaks(watched):
    """From the first second to the end it is these clips, at full level, without a jump."""
    heard = watched.heard
    end = watched.outages[-1].until
    rows = (heard.first > RATE) & (heard.first < end) & ~np.isnan(heard.rest)
    assert rows.sum() > 0.99 * ((heard.first > RATE) & (heard.first < end)).sum()
    assert heard.rest[rows].max() < 0.1
    assert np.median(heard.rest[rows]) < 1e-3
    assert heard.gains[rows].sum(axis=1).min() > 0.95
    assert heard.jump[rows].max() < 1.1


@pytest.mark.fault(54)
def test_the_session_leaves_all_that_it_should(watched):
    """Report, journal without a torn line, and recordings that pyxdf reads; the kills are told."""
    said = json.loads(watched.session.said.splitlines()[-1])
    assert Path(said["report"]) == watched.session.folder.report
    assert "</html>" in watched.session.folder.report.read_text()
    told = " ".join(said["warnings"])
    for name in ("decoder", "stream", "broker"):
        assert f"{name} ended by itself and was started again" in told
    assert watched.journal.damaged == []
    assert len(watched.session.folder.xdf()) >= 2
    for path in watched.session.folder.xdf():
        eeg = eeg_of(path)
        assert eeg["time_series"].shape[1] == 20


def eeg_of(path):
    """Return the EEG stream of a recording, as pyxdf reads it, stamps untouched."""
    streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    return next(x for x in streams if x["info"]["type"] == ["EEG"])


def changes(heard, begin, end):
    """Return the frames at which the sound begins to move from one layer alone, from the sound."""
    rows = (heard.first >= begin) & (heard.first < end) & ~np.isnan(heard.rest)
    first, gains = heard.first[rows], heard.gains[rows]
    pure = gains.max(axis=1) > 1.0 - CLOSE
    pure &= np.sort(gains, axis=1)[:, 1] < CLOSE
    return [int(first[k]) for k in np.flatnonzero(pure[:-1] & ~pure[1:])]


def test_every_audible_change_leads_back_to_its_samples(watched):
    """Each change found in the sound: its fade, a valence, a window, and these very samples."""
    journal, heard = watched.journal, watched.heard
    valences = {x.id: x for x in journal.of(VALENCE)}
    windows = {x.id: x for x in journal.of(WINDOW)}
    files = {
        epoch: (eeg_of(path), windows_of(path))
        for epoch, path in recordings(watched.session.folder, journal)
    }
    begun = [x for x in heard.played if "fade" in x.content.why.split(", ")]
    found = changes(heard, RATE, watched.outages[-1].until)
    assert len(found) >= 6
    for frame in found:
        # A fade of 1 s has moved by less than CLOSE in its first tenth.
        played = min(begun, key=lambda x: abs(x.content.frame - frame))
        assert -0.05 * RATE < frame - played.content.frame < 0.15 * RATE
        valence = valences[next(c for c in played.cause if c.topic == VALENCE.short)]
        window = windows[valence.cause[0]]
        eeg, again = files[window.id.epoch]
        content = again[window.content.first_sample]
        made = Message(id=window.id, cause=window.cause, content=content, meta=window.meta)
        assert hashlib.sha256(codec.content_bytes(made)).hexdigest() == window.content.sha256
        begin = min(first for first, x in again.items() if x.segment == content.segment)
        assert np.allclose(content.samples, conditioned(eeg, begin, content), atol=2e-3)


def windows_of(path):
    """Return every window of a recording by its first sample, made by the line itself."""
    return {w.first_sample: w for w, _ in replay_file(path, StreamSettings())}


def conditioned(eeg, begin, window):
    """Return a window's samples as scipy filters them out of a recording from a segment's begin."""
    raw = eeg["time_series"][begin : window.first_sample + len(window.samples)].astype(np.float64)
    notch = np.hstack(iirnotch(50.0, 25.0, fs=500.0))[None]
    sos = np.concatenate([butter(2, 0.5, "highpass", fs=500.0, output="sos"), notch])
    return sosfilt(sos, raw - raw[0], axis=0)[window.first_sample - begin :]


def test_the_report_has_p50_and_p99_of_every_hop(watched):
    """The figures are those of this session's messages, in ms."""
    journal = watched.journal
    html = watched.session.folder.report.read_text()
    known = {x.id: x for topic in (WINDOW, VALENCE) for x in journal.of(topic)}
    valences = journal.of(VALENCE)
    taken = [x for x in journal.of(APPLIED["player"]) if x.content.input in known]
    expected = {
        "newest sample → window sent": [x.meta.age for x in journal.of(WINDOW)],
        "window sent → valence sent": [x.meta.mono - known[x.cause[0]].meta.mono for x in valences],
        "valence sent → taken in by the player": [
            x.meta.mono - known[x.content.input].meta.mono for x in taken
        ],
        "newest sample → taken in by the player (software, total)": [
            x.meta.mono - known[x.content.input].content.t for x in taken
        ],
        "change requested → fade begins": None,
        "fade begins → half-way heard": None,
        "sound made → leaves the device": None,
    }
    for name, seconds in expected.items():
        p50, p99 = figures(html, name)
        if seconds is not None:
            assert p50 == pytest.approx(1000 * np.percentile(seconds, 50), rel=0.06, abs=0.06)
            assert p99 == pytest.approx(1000 * np.percentile(seconds, 99), rel=0.06, abs=0.06)


def figures(html, name):
    """Return p50 and p99, in ms, of the report's row with this name."""
    row = next(row for row in re.findall(r"<tr.*?</tr>", html, re.S) if f">{name}<" in row)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)
    texts = [re.sub(r"<[^>]+>|[\s\u2009\u202f]", "", cell) for cell in cells]
    return float(texts[-4]), float(texts[-3])


def verify(folder):
    """Return what `rym replay --verify` says of a session, and its exit code."""
    words = [sys.executable, "-m", "session", "replay", str(folder), "--verify", "--json"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def test_the_session_is_replayed_to_the_bit(watched):
    """Also across three starts of the decoder and more, two of the stream, two of the broker."""
    found, code = verify(watched.session.folder.path)
    assert (found["identical"], found["first_difference"], code) == (True, None, 0)
    assert found["n_messages"] == sum(found["topics"].values()) > 500
    assert set(found["topics"]) >= {WINDOW.short, VALENCE.short, NOW.short, SAFETY.short}
    assert found["other_machine"] == {}


@pytest.fixture
def copy(watched, tmp_path):
    """Return the folder of a copy of the session."""
    shutil.copytree(watched.session.out, tmp_path / "copy")
    return tmp_path / "copy" / watched.session.folder.path.relative_to(watched.session.out)


def test_one_changed_sample_is_found_in_the_first_window_that_holds_it(watched, copy):
    """The last bit of one value; the window is named by its identity."""
    epoch, path = recordings(watched.session.folder, watched.journal)[-1]
    windows = watched.journal.of(WINDOW, "stream", epoch)
    window = windows[len(windows) // 2]
    eeg = eeg_of(path)
    k = window.content.first_sample + window.content.n_times - 10
    values = eeg["time_series"][k].astype("<f4")
    stamp = struct.pack("<d", eeg["time_stamps"][k])
    changed = values.copy()
    changed.view("<u4")[3] ^= 1
    data = (copy / path.name).read_bytes()
    assert data.count(stamp + values.tobytes()) == 1
    (copy / path.name).write_bytes(
        data.replace(stamp + values.tobytes(), stamp + changed.tobytes())
    )
    found, code = verify(copy)
    first = found["first_difference"]
    assert (found["identical"], code) == (False, 1)
    assert (first["topic"], first["epoch"], first["seq"]) == (WINDOW.short, epoch, window.id.seq)
    assert first["field"] == "samples"


def changed_setting(copy, table, key, value):
    """Return what the verification of a copy says once one setting has been changed."""
    record = json.loads((copy / "session.json").read_text())
    assert record["settings"][table][key] != value
    record["settings"][table][key] = value
    (copy / "session.json").write_text(json.dumps(record))
    found, code = verify(copy)
    assert (found["identical"], code) == (False, 1)
    return found["first_difference"]


def test_one_changed_setting_is_found_in_the_first_message_that_it_changes(watched, copy):
    """Another way to fade: the first fade that is planned, and nothing before it."""
    first = changed_setting(copy, "player", "preset", "gentle")
    planned = next(x for x in watched.journal.of(NOW) if x.content.fade is not None)
    assert (first["topic"], first["epoch"], first["seq"]) == (
        NOW.short, planned.id.epoch, planned.id.seq,
    )  # fmt: skip
    assert first["field"].startswith("fade.")


def test_one_changed_setting_that_nothing_rests_on_is_found_in_its_hash(watched, copy):
    """How long a stream is waited for: named is the journal's own status."""
    first = changed_setting(copy, "stream", "wait", 11.0)
    facts = [x.content.facts for x in watched.journal.of(STATUS["journal"], "journal")]
    hashes = {x["settings.stream"] for x in facts if "settings.stream" in x}
    assert (first["topic"], first["field"]) == (STATUS["journal"].short, "facts.settings.stream")
    assert hashes == {first["journal"]} != {first["replay"]}


class Orphaned(NamedTuple):
    """A session whose supervisor was killed."""

    session: object
    heard: object
    killed: float
    """Rig time, in seconds."""
    ended: dict[str, float]
    """Seconds until each part was gone."""


@pytest.fixture(scope="module")
def orphaned(start, hear, is_gone):
    """Kill the supervisor while the sound is coloured, and wait until everyone is gone."""
    session = start("--sink", "null")
    session.until_coloured()
    left = dict(session.parts())
    assert len(left) == 6
    session.process.kill()
    killed, ended = time.monotonic(), {}
    session.process.wait()
    while left and time.monotonic() < killed + 60:
        for name in [name for name, part in left.items() if is_gone(part)]:
            ended[name] = time.monotonic() - killed
            del left[name]
        time.sleep(0.05)
    assert not left
    return Orphaned(session, hear(session), killed, ended)


@pytest.mark.fault(55)
def test_without_a_supervisor_it_is_neutral_at_once_and_silent_within_30_s(orphaned):
    """Read from the sound; the fade to silence has no break either."""
    heard, killed = orphaned.heard, orphaned.killed
    rig = np.array([heard.rig(frame) for frame in heard.first])
    ok = ~np.isnan(heard.rest)
    # Killed as soon as the fade of 0.4 s is rendered: a part of it is still heard by then.
    before = (rig > killed - 0.1) & (rig < killed) & ok
    assert not is_pure(heard.gains[before], NEUTRAL).any()
    soon = (rig > killed + 2.0) & (rig < killed + 4.0) & ok
    assert is_pure(heard.gains[soon], NEUTRAL).all()
    moved = np.flatnonzero((rig > killed) & ok & (heard.gains[:, 1] > CLOSE))
    assert rig[moved[0]] - killed < 0.5 + GRACE
    sounding = np.flatnonzero(np.abs(heard.sound).max(axis=1) > 1e-4)
    assert 10.0 < heard.rig(sounding[-1]) - killed < 30.0
    loud = (heard.first > RATE) & (rig < killed + 20.0) & ok
    assert heard.rest[loud].max() < 0.1
    assert heard.jump[loud].max() < 1.1


@pytest.mark.fault(55)
def test_without_a_supervisor_all_are_gone_within_45_s_and_the_report_is_there(orphaned):
    """Sources of EEG at once, the player after its silence, journal and broker last."""
    ended = orphaned.ended
    assert max(ended.values()) < 45.0
    assert max(ended["stream"], ended["decoder"], ended["stream.source"]) < 5.0
    assert ended["player"] < ended["session.live.journal"]
    session = orphaned.session
    assert "</html>" in session.folder.report.read_text()
    assert session.journal.damaged == []
    assert [x.content.state for x in session.journal.of(SAFETY)][-1] == "SAFE"
    assert session.journal.of(STATUS["player"])[-1].content.life == "ended"
    # Against the windows that were sent, not seconds: how soon the sound is coloured is chance.
    sent = {x.content.first_sample for x in session.journal.of(WINDOW)}
    assert len(sent) >= 2
    assert sent <= windows_of(session.folder.xdf()[0]).keys()


def test_an_orphaned_sessions_bounce_has_the_samples_that_were_heard(orphaned, monkeypatch):
    """What the live player wrote, all of it, against what is rendered from the journal."""
    monkeypatch.setattr("session.after.bounce.video.shutil.which", lambda _: None)
    found = bounce(orphaned.session.folder, SystemClock())
    assert [start.differs_at for start in found.starts] == [None]
    assert found.starts[0].n_compared > 10 * RATE


def test_an_orphaned_session_is_replayed_to_the_bit(orphaned):
    """The player's way into silence too, up to its last message."""
    found, code = verify(orphaned.session.folder.path)
    assert (found["identical"], found["first_difference"], code) == (True, None, 0)
    assert found["topics"][NOW.short] > 100
