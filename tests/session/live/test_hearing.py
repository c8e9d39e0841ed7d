"""What a person's ears were given is kept over sessions."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.settings import RATE
from rym.messages import Loudness
from session.live.hearing import NAME, WEEK, Heard, Hearing, in_words, read

ROOT = Path(__file__).resolve().parents[3]


def second(level_dba: float) -> Loudness:
    """Return a second of this A-weighted level below full scale."""
    return Loudness(frame=0, n_frames=RATE, lufs=-20.0, level_dba=level_dba, peak_dbtp=-6.0)


class Wall:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1.7e9

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


@pytest.mark.fault(52)
def test_the_allowance_is_counted_over_a_restart(tmp_path: Path) -> None:
    """An hour at 80 dB(A), then another by a new start: a twentieth of 40 h; a private file."""
    wall, told = Wall(), []
    for _ in range(2):
        hearing = Hearing(tmp_path, wall, told.append)
        for _ in range(3600):
            hearing.take(second(-20.0), 100.0)
        hearing.write()
        wall.now += 3600
    found = read(tmp_path / NAME)
    assert found is not None
    seconds, used = found.week(int(wall.now // 3600))
    assert (seconds, used) == (7200.0, pytest.approx(2 / 40))
    assert in_words(seconds, used) == hearing.sentence
    assert "120 min" in hearing.sentence
    assert "5.0 % of what is allowed" in hearing.sentence
    assert told == []
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


@pytest.mark.fault(52)
def test_what_is_written_lags_by_half_a_minute_at_most(tmp_path: Path) -> None:
    """A supervisor that is killed loses no more than that."""
    hearing = Hearing(tmp_path, Wall(), lambda _: None)
    for _ in range(95):
        hearing.take(second(-20.0), 100.0)
    found = read(tmp_path / NAME)
    assert found is not None
    assert sum(hour.seconds for hour in found.hours) == 90.0


@pytest.mark.fault(52)
def test_a_week_that_is_used_up_is_told_once(tmp_path: Path) -> None:
    """100 dB(A) use up in 24 minutes what 80 do in 40 h."""
    told: list[str] = []
    hearing = Hearing(tmp_path, Wall(), told.append)
    for k in range(1500):
        hearing.take(second(0.0), 100.0)
        assert bool(told) == (k >= 1440) or k == 1439  # sums of doubles
    assert len(told) == 1
    assert "24 min were heard here: 100" in told[0]


@pytest.mark.fault(52)
def test_without_a_calibration_nothing_is_counted_or_claimed(tmp_path: Path) -> None:
    """No file, no sentence."""
    hearing = Hearing(tmp_path, Wall(), lambda _: None)
    hearing.take(second(0.0), None)
    hearing.write()
    assert hearing.sentence == ""
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1)), max_size=40))
def test_seven_days_count_and_no_more(parts: list[tuple[int, float]]) -> None:
    """Whatever was heard when: the sum of the last 168 hours, and no older hour is kept."""
    heard = Heard()
    hour = 0
    for later, part in parts:
        hour += later
        heard = heard.add(hour, 1.0, part)
    times = [sum(later for later, _ in parts[: k + 1]) for k in range(len(parts))]
    inside = [part for at, (_, part) in zip(times, parts, strict=True) if at > hour - WEEK]
    assert heard.week(hour) == (len(inside), pytest.approx(sum(inside)))
    assert all(one.number > hour - WEEK for one in heard.hours)
    assert msgspec.json.decode(msgspec.json.encode(heard), type=Heard) == heard


@pytest.mark.parametrize("damage", [b"", b"{", b'{"schema": 0, "hours": []}', b"\xff" * 40])
def test_a_damaged_file_is_put_aside_and_said(tmp_path: Path, damage: bytes) -> None:
    """Nothing is lost, nothing stops; counting begins anew."""
    (tmp_path / NAME).write_bytes(damage)
    told: list[str] = []
    hearing = Hearing(tmp_path, Wall(), told.append)
    hearing.take(second(-20.0), 100.0)
    hearing.write()
    assert len(told) == 1
    aside = next(tmp_path.glob("hearing-damaged-*.json"))
    assert aside.name in told[0]
    assert aside.read_bytes() == damage
    assert read(tmp_path / NAME) is not None


def test_a_file_of_a_newer_version_stays_as_it_is(tmp_path: Path) -> None:
    """It is said so; what is heard now counts in memory alone."""
    newer = b'{"schema": 9, "days": [1]}'
    (tmp_path / NAME).write_bytes(newer)
    told: list[str] = []
    hearing = Hearing(tmp_path, Wall(), told.append)
    for _ in range(60):
        hearing.take(second(-20.0), 100.0)
    hearing.write()
    assert len(told) == 1
    assert "written by a newer version" in told[0]
    assert "1 min were heard here" in hearing.sentence
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_bytes() == newer


def test_a_damaged_file_that_cannot_be_put_aside_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays as it is, which is said once; what is heard counts in memory alone."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    (tmp_path / NAME).write_bytes(b"{")
    told: list[str] = []
    hearing = Hearing(tmp_path, Wall(), told.append)
    for _ in range(60):
        hearing.take(second(-20.0), 100.0)
    hearing.write()
    assert len(told) == 1
    assert "Permission denied" in told[0]
    assert "1 min were heard here" in hearing.sentence
    assert (tmp_path / NAME).read_bytes() == b"{"


def test_a_disk_that_refuses_is_said_once(tmp_path: Path) -> None:
    """The session goes on, and what it counted is written once the disk takes it."""
    told: list[str] = []
    hearing = Hearing(tmp_path / "gone", Wall(), told.append)
    for _ in range(90):
        hearing.take(second(-20.0), 100.0)
    (tmp_path / "gone").mkdir()
    hearing.take(second(-20.0), 100.0)
    hearing.write()
    found = read(tmp_path / "gone" / NAME)
    assert found is not None
    assert found.hours[0].seconds == 91.0
    assert len(told) == 1
    assert "No such file" in told[0]


@pytest.mark.long
@pytest.mark.real
@pytest.mark.fault(52)
def test_what_is_listened_to_is_added_to_what_was_heard_before(made: Path, tmp_path: Path) -> None:
    """A real `rym listen` with a calibrated output, ended by Ctrl-C; the hour before stays."""
    person = tmp_path / "out" / "people" / "sim"
    person.mkdir(parents=True)
    before = Heard().add(int(time.time() // 3600) - 1, 600.0, 0.25)
    (person / NAME).write_bytes(msgspec.json.encode(before))
    (tmp_path / "rig.toml").write_text(
        '[player]\nsink = "null"\nfull_scale_dba = 100.0\ncalibrated_device = "null"\n'
    )
    words = ["listen", "--bank", str(made / "bank"), "--out", str(tmp_path / "out"), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "session", *words], cwd=tmp_path, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PULSE_SERVER": "unix:/nowhere"},
    )  # fmt: skip
    end = time.monotonic() + 40
    while not list(person.glob("*/*/heard-01.flac")) and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(6.0)
    process.send_signal(signal.SIGINT)
    said = json.loads(process.communicate(timeout=60)[0])
    found = read(person / NAME)
    assert found is not None
    assert found.hours[0] == before.hours[0]
    seconds, used = found.week(int(time.time() // 3600))
    assert seconds >= 604.0
    assert 0.25 < used < 0.26
    assert "of what is allowed in a week" in said["hearing"]
