"""`rym check delay`: clicks through a real sound server and back through a real LSL stream."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import numpy as np
import pytest

from player.settings import PlayerSettings
from rym.clock import SystemClock
from rym.errors import SignalError, UsageError
from rym.messages import Window
from session.rig.check_delay import Ear, check_delay, chosen
from stream.lsl.outlets import NicOutlets
from stream.settings import StreamSettings

ROOT = Path(__file__).resolve().parents[3]
SOUND_HZ, EEG_HZ = 48_000, 500
STEP = SOUND_HZ // EEG_HZ
CHANNELS = ("O1", "O2", "EXT", "mic")
LATER = 60
"""Samples by which the last channel lags behind EXT: 120 ms."""
SETTLE = 3
"""Seconds, as many as the silence before the first click, in which the capture's clock is found."""


class Loop(threading.Thread):
    """Sends what a sound server plays as channels of an EEG stream, at 500 Hz.

    EXT holds the sound's level, as a microphone's amplifier gives it; the next channel the same,
    120 ms later. Stamps are those of the capture.
    """

    def __init__(self, environment: dict[str, str], source_id: str) -> None:
        super().__init__(name="loop", daemon=True)
        self.stop = threading.Event()
        self._outlets = NicOutlets(name="NIC", source_id=source_id, channels=CHANNELS, rate=EEG_HZ)
        self._parec = subprocess.Popen(
            ["parec", "-d", "rym.monitor", f"--rate={SOUND_HZ}", "--channels=1",
             "--format=float32le", "--raw", "--latency-msec=10"],
            stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip

    def run(self) -> None:
        """Pass on 10 ms at a time until told to stop."""
        clock, rng = SystemClock(), np.random.default_rng(0)
        kept = np.zeros(LATER, np.float32)
        n, begin = 0, np.inf
        while not self.stop.is_set():
            raw = self._parec.stdout.read(4 * 5 * STEP)
            if len(raw) < 4 * 5 * STEP:
                break
            level = np.abs(np.frombuffer(raw, "<f4").reshape(5, STEP)).mean(axis=1)
            n += 5
            if n <= SETTLE * EEG_HZ:
                # The earliest arrival is the one that waited least. It is not looked for any
                # longer: while clicks are heard, a better one would move the time between them.
                begin = min(begin, clock.now() - n / EEG_HZ)
            kept = np.concatenate([kept, level])
            samples = rng.normal(0, 5, (5, len(CHANNELS)))
            samples[:, 2] += 1e4 * kept[-5:] - 18_000
            samples[:, 3] += 1e4 * kept[-5 - LATER : -LATER] - 18_000
            kept = kept[-LATER - 5 :]
            self._outlets.push_eeg(samples.astype(np.float32), begin + (n - 0.5) / EEG_HZ)

    def close(self) -> None:
        """Take everything back."""
        self.stop.set()
        self._parec.terminate()
        self._parec.wait(10)
        self.join(10)
        self._outlets.close()


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.quiet
def test_120_ms_more_are_found_as_120_ms_more(sound_server, tmp_path):
    """Within 3 ms; each delay is kept in rig.toml, whose other lines stay as they are."""
    source_id = f"loop-{uuid.uuid4().hex[:8]}"
    rig = tmp_path / "rig.toml"
    mine = (
        f"# our lab\n[stream]\nsource_id = '{source_id}'  # ours\nwait = 5.0\n\n"
        "[player]\ndevice = 'rym'\nlatency = 0.09\n"
    )
    rig.write_text(mine)
    loop = Loop(sound_server, source_id)
    loop.start()
    found = []
    try:
        for channel in ("", "mic"):
            words = ["check", "delay", "--clicks", "5", "--json", "--channel", channel]
            done = subprocess.run(
                [sys.executable, "-m", "session", *words], cwd=tmp_path, text=True,
                env={**sound_server, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60,
                check=False,
            )  # fmt: skip
            if "no PortAudio" in done.stdout:
                pytest.skip(done.stdout)
            assert done.returncode == 0, done.stdout + done.stderr
            found.append(json.loads(done.stdout))
    finally:
        loop.close()
    near, far = found
    assert [(f["found"], f["expected"]) for f in found] == [(5, 5), (5, 5)]
    assert far["delay"] - near["delay"] == pytest.approx(0.120, abs=0.003)
    assert abs(near["delay"]) < 0.1
    assert (near["before"], far["before"]) == (0.0, pytest.approx(near["delay"], abs=1e-5))
    kept = rig.read_text().splitlines()
    written = [line for line in kept if line.startswith("device_delay")]
    assert float(written[0].split()[2]) == pytest.approx(far["delay"], abs=1e-5)
    assert [line for line in kept if line not in written] == mine.splitlines()


def window(first: int, values: np.ndarray, n_new: int) -> Window:
    """Return a window at 100 Hz whose EXT holds `values`."""
    samples = np.stack([np.zeros(len(values)), values], axis=1).astype(np.float32)
    return Window(
        segment=0, first_sample=first, n_new=n_new, t_first=50.0 + first / 100, rate=100.0,
        channels=("O1", "EXT"), samples=samples, bad=(), valid=False, reason="no cap",
    )  # fmt: skip


def test_each_sample_of_the_channel_is_kept_once_with_its_time():
    """Windows overlap; whether the cap is worn does not matter."""
    signal, ear = np.arange(200.0), Ear("EXT")
    ear.take(window(0, signal[:100], 100))
    for first in (25, 50, 75, 100):
        ear.take(window(first, signal[first : first + 100], 25))
    times, heard = ear.heard()
    np.testing.assert_array_equal(heard, signal)
    np.testing.assert_allclose(times, 50.0 + np.arange(200) / 100)
    assert ear.newest == pytest.approx(51.99)


def test_the_channel_is_chosen_by_name_or_by_what_it_is():
    """The only external one by itself; none, several, or an unknown name are refused."""
    assert chosen("", ("O1", "EXT", "Cz"), "NIC") == "EXT"
    assert chosen("ext", ("O1", "EXT", "Cz"), "NIC") == "EXT"
    assert chosen("t3", ("O1", "T7"), "NIC") == "T7"
    for asked, channels in (("", ("O1", "Cz")), ("", ("EXT", "AUX1", "O1")), ("EXT", ("O1",))):
        with pytest.raises(SignalError, match="--channel") as refused:
            chosen(asked, channels, "NIC")
        assert all(name in refused.value.error for name in channels)


def test_a_single_click_is_no_measurement():
    """Fewer than five are refused before anything is opened."""
    checking = check_delay(StreamSettings(), PlayerSettings(), SystemClock(), print, n_clicks=1)
    with pytest.raises(UsageError, match="at least 5"):
        asyncio.run(checking)
