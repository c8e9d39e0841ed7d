"""`rym check level`: a person turns the level up from silence, in a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from player.level import volume
from player.level.calibration import calibration
from player.level.dose import UNKNOWN
from player.level.loudness import loudness
from player.level.master import LOWEST
from player.output.paced import PacedSink
from player.settings import BLOCK, RATE, PlayerSettings
from rym.bank import SCHEMA, Bank, Clip, Maker, save, sha256
from rym.clock import SystemClock
from rym.errors import UsageError
from session.rig.check_level import TARGET, Answer, check_level, loudest, plausible, steady
from session.rig.turning import MOVE, STEP, Turning

ROOT = Path(__file__).resolve().parents[3]
ONES = np.full((1000, 2), 0.5, dtype=np.float32)
UP, DOWN = "\x1b[A", "\x1b[B"


def turn(presses, most=0.0):
    """Press keys at given blocks; return the turning and the gain that was heard."""
    turning, heard = Turning(ONES, most), []
    out = np.empty((BLOCK, 2), dtype=np.float32)
    for k in range(max([block for block, _ in presses], default=0) + 80):
        for block, key in presses:
            if block == k:
                turning.press(key)
        turning.render(out)
        heard.append(out[:, 0].copy())
    return turning, np.concatenate(heard) / 0.5


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from(["up", "down", "x", "1"])), max_size=60
    ),
    st.sampled_from([0.0, -30.0, 5.0]),
)
def test_whatever_is_pressed_it_never_jumps_and_never_exceeds_the_most(presses, most):
    """From silence; at most 2 dB up in 0.3 s, however fast the keys come; within its bounds."""
    turning, gain = turn(sorted(presses), most)
    assert LOWEST <= turning.level_db <= min(0.0, most)
    assert gain[0] == 0.0
    assert np.abs(np.diff(gain)).max() < 0.002
    apart = round(MOVE * RATE)
    begun = gain[apart + 300 :]
    assert (begun[apart:] <= begun[:-apart] * 10 ** (2 * STEP / 20) + 1e-6).all()
    assert 20 * np.log10(gain[-1]) == pytest.approx(turning.level_db, abs=0.01)


def test_return_takes_it_and_q_leaves_it_and_both_end_in_silence():
    """Nothing counts afterwards; silence within 0.3 s; space is as good as q."""
    for key, ended in (("\n", "taken"), ("\r", "taken"), ("q", "left"), (" ", "left")):
        turning, gain = turn([(40, "up"), (100, key), (110, "up"), (110, "\n")])
        assert (turning.ended, turning.level_db) == (ended, LOWEST + STEP)
        assert turning.silent
        assert gain[99 * BLOCK] > 0.0
        assert not gain[100 * BLOCK + round(0.31 * RATE) :].any()


def test_the_steady_sound_is_as_loud_as_a_bank_and_has_no_seam():
    """−20 LUFS by the player's own meter; the step round the end is like any other."""
    sound = steady()
    assert loudness(sound).lufs == pytest.approx(TARGET, abs=0.05)
    steps = np.abs(np.diff(np.concatenate([sound, sound[:1]]), axis=0))
    assert steps[-1].max() <= np.quantile(steps, 0.9999)
    assert np.abs(sound).max() < 0.7


def bank(folder, *levels):
    """Write a bank whose clips have these loudnesses."""
    (folder / "audio").mkdir(parents=True)
    clips = []
    for affect, lufs in zip(("negative", "neutral", "positive"), levels, strict=True):
        file = f"audio/{affect}.flac"
        sound = np.full((RATE, 2), 10 ** (lufs / 20), np.float32)
        soundfile.write(folder / file, sound, RATE, subtype="PCM_24")
        clips.append(
            Clip(
                file=file, sha256=sha256(folder / file), affect=affect, section=0, variant=0,
                maker=Maker(backend="test"), prompt_sha256="", seed=0, bpm=60.0, bars=1,
                beats_per_bar=1, n_samples=RATE, downbeats=(0,), key="D", mode="dorian",
                lufs=lufs, true_peak_dbtp=-12.0, spectral_centroid_hz=1000.0, rms_db=-26.0,
                loop_residual_db=-90.0, mode_score=0.0, beat_error=None, notes=(),
            )
        )  # fmt: skip
    rho = tuple(tuple(float(i == j) for j in range(3)) for i in range(3))
    save(
        Bank(
            schema=SCHEMA, memory_sha256="", rate=RATE, target_lufs=-20.0, clips=tuple(clips),
            affects=("negative", "neutral", "positive"),
            correlations=({"section": 0, "variant": 0, "rho": (rho,)},),
        ),
        folder,
    )  # fmt: skip
    return folder


def run(keys, *, spl=None, folder=None, **player):
    """Check against a clock in place of a device, keys given beforehand."""

    async def check():
        queue: asyncio.Queue[str] = asyncio.Queue()

        async def press():
            for key in keys:
                await asyncio.sleep(MOVE + 0.15)
                queue.put_nowait(key)

        pressing = asyncio.create_task(press())
        try:
            return await check_level(
                PlayerSettings(**player), SystemClock(), queue, told.append, bank=folder, spl=spl,
                opening=lambda settings, clock: PacedSink(clock, settings.depth),
            )  # fmt: skip
        finally:
            pressing.cancel()

    told: list[str] = []
    return asyncio.run(check()), told


def test_the_level_that_was_taken_is_the_answer(monkeypatch):
    """Two up, one down, Return."""
    monkeypatch.setattr(volume, "_ask", lambda *_: "")
    answer, told = run(["up", "up", "down", "\n"])
    assert answer == Answer(True, -58.0, "null", "", None)
    assert answer.values == {"level_db": -58.0}
    assert told[1:] == ["-58 dB", "-56 dB", "-58 dB"]
    assert "only goes down" in answer.sentence


def test_leaving_changes_nothing(monkeypatch):
    """No value is kept."""
    monkeypatch.setattr(volume, "_ask", lambda *_: "")
    answer, _ = run(["up", "q"])
    assert answer.values == {}
    assert answer.as_json()["level_db"] is None
    assert answer.sentence == "Nothing was changed."


@pytest.mark.fault(52)
def test_a_meters_reading_calibrates_this_device_at_this_volume(monkeypatch):
    """The noise at −58 dB reads 30 dB(A): full scale follows; another volume or device voids it."""
    said = {"list": LISTED, "get-default-sink": "rym\n"}
    monkeypatch.setattr(volume, "_ask", lambda *what: said[what[0]])
    answer, told = run(["up", "\n"], spl=30.0)
    expected = 30.0 + 58.0 - loudness(steady()).level_dba
    assert answer.full_scale_dba == pytest.approx(expected, abs=0.01)
    assert "30 dB(A)" in told[0]
    kept = PlayerSettings(**answer.values)
    assert "level_db" not in answer.values
    assert calibration(kept, "null", "rym 43300 43300").full_scale_dba is not None
    for device, at in (("USB", "rym 43300 43300"), ("null", "rym 50000 50000"), ("null", "")):
        void = calibration(kept, device, at)
        assert void.full_scale_dba is None
        assert void.void
        assert UNKNOWN in void.sentence
        assert "again" in void.sentence


@pytest.mark.fault(52)
@pytest.mark.parametrize(
    "chosen",
    [
        {"spl": 30.0},
        {"full_scale_dba": 110.0, "calibrated_device": "null",
         "calibrated_volume": "rym 43300 43300"},
    ],
)  # fmt: skip
def test_a_volume_that_was_turned_meanwhile_is_no_calibration(monkeypatch, chosen):
    """By a meter or where the level was bounded by one: refused with both values."""
    answers = iter([LISTED, LISTED.replace("43300", "50000")])
    monkeypatch.setattr(
        volume, "_ask", lambda *what: next(answers) if what[0] == "list" else "rym\n"
    )
    with pytest.raises(UsageError, match=r"was rym 43300 43300 when .* is rym 50000 50000 now"):
        run(["up", "\n"], **chosen)


def test_a_level_set_by_ear_alone_rests_on_no_volume(monkeypatch):
    """Whoever turns the system up meanwhile has heard the result."""
    answers = iter([LISTED, LISTED.replace("43300", "50000")])
    monkeypatch.setattr(
        volume, "_ask", lambda *what: next(answers) if what[0] == "list" else "rym\n"
    )
    assert run(["up", "\n"])[0].values == {"level_db": -58.0}


@pytest.mark.fault(52)
def test_where_it_is_calibrated_the_person_is_told_and_kept_from_too_much(monkeypatch):
    """Full scale at 150 dB(A): a −20 LUFS sound is not turned beyond 85."""
    monkeypatch.setattr(volume, "_ask", lambda *_: "")
    most = 85.0 - 149.0 - loudness(steady()).level_dba
    keys = ["up"] * 14 + ["\n"]
    answer, told = run(keys, full_scale_dba=149.0, calibrated_device="null")
    assert answer.level_db == pytest.approx(most)
    assert told[-1].endswith("85 dB(A)")


def test_nobody_can_turn_a_level_without_a_terminal():
    """Refused before anything sounds."""
    checking = check_level(PlayerSettings(), SystemClock(), None, print)
    with pytest.raises(UsageError, match="no terminal"):
        asyncio.run(checking)


def test_a_reading_that_cannot_be_true_is_refused():
    """With both values and the bounds."""
    with pytest.raises(UsageError, match=r"40 dB\(A\) at a level of 0 dB .* 55 dB\(A\)"):
        plausible(55.0, 40.0, 0.0)
    assert plausible(110.0, 70.0, -20.0) == 110.0


def test_the_loudest_clip_is_the_one_that_is_played(tmp_path):
    """By its measured loudness."""
    sound, name = loudest(bank(tmp_path / "bank", -22.0, -20.5, -18.0))
    assert sound[0, 0] == pytest.approx(10 ** (-18 / 20), abs=1e-4)
    assert "positive" in name


LISTED = """Sink #0
\tState: RUNNING
\tName: rym
\tDescription: Null Output
\tMute: no
\tVolume: front-left: 43300 /  66% / -10.80 dB,   front-right: 43300 /  66% / -10.80 dB
\t        balance 0.00
\tBase Volume: 65536 / 100% / 0.00 dB

Sink #1
\tName: usb
\tDescription: USB Headphones
\tMute: yes
\tVolume: mono: 65536 / 100% / 0.00 dB
"""


@pytest.mark.parametrize(
    ("device", "default", "expected"),
    [
        ("", "rym", "rym 43300 43300"),
        ("Headphones", "rym", "usb 65536 muted"),
        ("hw:1", "rym", "rym 43300 43300"),
        ("", "", ""),
    ],
)
def test_the_volume_is_that_of_the_output_that_is_meant(device, default, expected):
    """By name or description, else the default; nothing where nothing is known."""
    assert volume.find(LISTED, device, default) == expected
    assert volume.find("", device, default) == ""


class Terminal:
    """`rym check level` in a pseudo-terminal."""

    def __init__(self, environment, folder, *words):
        import pty  # noqa: PLC0415 - not on Windows

        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "session", "check", "level", "--json", *words],
            cwd=folder, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**environment, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        os.close(slave)
        self.said = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self):
        self.said.extend(self._process.stderr)

    def until(self, words):
        """Wait until it has said something."""
        end = time.monotonic() + 20
        while not any(words in line for line in self.said):
            assert time.monotonic() < end, self.said
            assert self._process.poll() is None, (self._process.stdout.read(), self.said)
            time.sleep(0.02)

    def press(self, key):
        """Press a key."""
        os.write(self._master, key.encode())

    def turn(self, key):
        """Press a key until the level has changed, and return it."""
        before, end = len(self.said), time.monotonic() + 20
        while not (new := [line for line in self.said[before:] if line.endswith(" dB\n")]):
            assert time.monotonic() < end, self.said
            self.press(key)
            time.sleep(MOVE + 0.1)
        return float(new[-1].removesuffix(" dB\n"))

    def result(self):
        """Return what was printed, once it has ended."""
        out = self._process.stdout.read()
        assert self._process.wait(20) == 0, (out, self.said)
        os.close(self._master)
        return json.loads(out)


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_in_a_terminal_with_a_real_sound_server(sound_server, tmp_path):
    """Arrows and Return; level, calibration and notes are in rig.toml, all else as it was."""
    rig = tmp_path / "rig.toml"
    rig.write_text("# ours\n[player]\ndevice = 'rym'\nlatency = 0.09\n")
    terminal = Terminal(sound_server, tmp_path)
    terminal.until("very softly")
    for _ in range(3):
        terminal.turn(UP)
    assert terminal.turn(DOWN) < terminal.turn(UP)
    level = terminal.turn(DOWN)
    terminal.press("\n")
    found = terminal.result()
    assert (found["taken"], found["level_db"]) == (True, level)
    assert level <= -50.0
    assert found["stored"] == str(rig)
    terminal = Terminal(sound_server, tmp_path, "--spl", "40")
    terminal.until("40 dB(A)")
    time.sleep(0.5)
    terminal.press("\n")
    found = terminal.result()
    assert found["volume"] == "rym 65536 65536"
    kept = tomllib.loads(rig.read_text())["player"]
    assert kept == {
        "device": "rym", "latency": 0.09, "level_db": level,
        "full_scale_dba": round(found["full_scale_dba"], 1),
        "calibrated_device": found["device"], "calibrated_volume": "rym 65536 65536",
    }  # fmt: skip
    assert rig.read_text().startswith("# ours\n")
    assert "# rym check level: set by the person who listens, " in rig.read_text()
