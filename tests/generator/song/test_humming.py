"""Humming into a microphone: what is recorded, and what is said of its level."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from generator.song import humming
from rym.errors import DeviceError, FormatError
from tests.generator.song.tunes import RATE, placed, sung

ROOT = Path(__file__).resolve().parents[3]

RECORD = """
import json, sys
from pathlib import Path
from generator.song import humming
moments, humming.COUNTDOWN_S = [], 1.0
def told(moment):
    if moment.before == 0.0 and moments[-1].before > 0.0:
        print("begun", flush=True)
    moments.append(moment)
found = humming.record(Path(sys.argv[1]), told, float(sys.argv[2]), "rym")
print(json.dumps({"moments": moments, "seconds": found.seconds, "remarks": found.remarks}))
"""


@pytest.fixture
def hum():
    """Return five seconds of somebody who hums."""
    return sung(placed("good king")[:8], 96).astype(np.float32)


@pytest.mark.parametrize(("gain", "said"), [(1.0, None), (0.01, "too soft"), (8.0, "clipped")])
def test_a_level_that_is_not_good_is_said(hum, gain, said):
    """Too soft and clipped are told apart from good, with what to do about it."""
    remarks = humming.judged(np.clip(gain * hum, -1, 1), RATE)
    assert bool(remarks) == (said is not None)
    assert said is None or said in remarks[0]


@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_silence_is_refused(offset):
    """Where nobody hummed nothing is kept, whatever the microphone's offset."""
    noise = 1e-4 * np.random.default_rng(1).standard_normal(3 * RATE) + offset
    with pytest.raises(FormatError, match="Nothing was heard"):
        humming.judged(noise.astype(np.float32), RATE)


def test_a_moment_is_no_song(hum):
    """What was stopped within two seconds is refused."""
    with pytest.raises(FormatError, match=r"Only 1\.0 s"):
        humming.judged(hum[:RATE], RATE)


class Microphone:
    """Stands in for sounddevice: gives blocks at once, or none."""

    PortAudioError = RuntimeError

    def __init__(self, sound, rate=RATE):
        self.sound, self.rate = sound, rate

    def query_devices(self, name=None, kind=None):
        """Return the one device, or all of them."""
        device = {"name": "mic", "index": 0, "default_samplerate": self.rate,
                  "max_input_channels": 1}  # fmt: skip
        if kind is None:
            return [device]
        if name not in (None, "mic"):
            raise ValueError(name)
        return device

    def InputStream(self, callback, **_):  # noqa: N802 - its name there
        """Give everything in blocks."""
        for begin in range(0, len(self.sound), 1024):
            callback(self.sound[begin : begin + 1024, None], 1024, None, None)
        return threading.Lock()


def recorded(monkeypatch, tmp_path, sound, **how):
    """Record what a microphone gives that stands in for a real one."""
    monkeypatch.setattr(humming, "_sounddevice", lambda: Microphone(sound))
    return humming.record(tmp_path / "hummed.wav", lambda _: None, **how)


def test_the_countdown_is_not_kept(monkeypatch, tmp_path, hum):
    """The recording begins after three seconds, ends when it is full, and is the owner's alone."""
    n_before = round(humming.COUNTDOWN_S * RATE)
    lead = np.full(n_before, 0.9, np.float32)
    found = recorded(monkeypatch, tmp_path, np.concatenate([lead, hum, lead]), seconds=4.0)
    kept, rate = soundfile.read(found.path)
    assert (rate, len(kept), found.seconds) == (RATE, 4 * RATE, 4.0)
    assert np.abs(kept - hum[: 4 * RATE]).max() < 1e-4
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600


def test_a_microphone_that_gives_nothing_is_said(monkeypatch, tmp_path):
    """A device that stalls ends the recording with a sentence, and leaves no file."""
    monkeypatch.setattr(humming, "STEP_S", 0.01)
    monkeypatch.setattr(humming, "STALLED_S", 0.05)
    with pytest.raises(DeviceError, match="given no sound"):
        recorded(monkeypatch, tmp_path, np.zeros(0, np.float32))
    assert not any(tmp_path.iterdir())


def test_an_unknown_microphone_is_refused_with_those_there(monkeypatch, tmp_path, hum):
    """The sentence names what there is."""
    with pytest.raises(DeviceError, match="there are: mic"):
        recorded(monkeypatch, tmp_path, hum, device="other")


def test_without_port_audio_the_sentence_says_what_to_do(monkeypatch):
    """A missing library is named with its package."""
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DeviceError, match="libportaudio2"):
        humming.microphones()


@pytest.mark.real
def test_a_real_microphone_hears_what_is_played(sound_server, program, tmp_path):
    """What is played to a sound server's monitor is recorded through PortAudio."""
    program("pacat")
    tune, path = sung(placed("good king")[:5], 160), tmp_path / "hummed.wav"
    environment = {**sound_server, "PULSE_SOURCE": "rym.monitor"}
    process = subprocess.Popen(
        [sys.executable, "-c", RECORD, str(path), "4"],
        cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    begun = process.stdout.readline()
    if begun.strip() == "begun":
        subprocess.run(
            ["pacat", "-d", "rym", f"--rate={RATE}", "--channels=1", "--format=float32le", "--raw"],
            input=tune.astype("<f4").tobytes(), env=sound_server, timeout=20, check=True,
        )  # fmt: skip
    out, said = process.communicate(timeout=30)
    if re.search(r"There is no PortAudio|is no microphone", said):
        pytest.skip(f"needs PortAudio with ALSA's pulse plugin: {said[-200:]}")
    assert process.returncode == 0, said
    told = json.loads(out)
    assert told["seconds"] == pytest.approx(4.0)
    assert told["remarks"] == []
    before = [moment[0] for moment in told["moments"]]
    assert before == sorted(before, reverse=True)
    assert before[0] > 0.5
    assert before[-1] == 0.0
    assert max(moment[2] for moment in told["moments"]) > -30
    kept, rate = soundfile.read(path)
    assert likeness(kept, signal.resample_poly(tune, rate, RATE)) > 0.95


def likeness(kept, played):
    """Return the highest correlation of a recording with what was played."""
    found = signal.fftconvolve(kept, played[::-1])
    return float(np.abs(found).max() / np.linalg.norm(kept) / np.linalg.norm(played))


def test_a_sound_system_that_fails_twice_is_told_once(monkeypatch, tmp_path):
    """Where not even a list of microphones can be had, the sentence says so."""

    class Broken(Microphone):
        def query_devices(self, name=None, kind=None):
            raise self.PortAudioError("not initialised")

    monkeypatch.setattr(humming, "_sounddevice", lambda: Broken(np.zeros(0)))
    with pytest.raises(DeviceError, match="none that can be listed"):
        humming.record(tmp_path / "hummed.wav", lambda _: None)
