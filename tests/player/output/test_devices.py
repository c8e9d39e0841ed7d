"""What a real audio server was given: PulseAudio's null sink, captured by `parec`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from player.output.devices import open_sink
from player.output.paced import PacedSink
from player.settings import BLOCK, RATE, PlayerSettings
from rym.clock import ManualClock

ROOT = Path(__file__).resolve().parents[3]

# The player's own loop without broker: valence at once and then never again, a GIL held for 100 ms
# five times a second.
PLAYER = """
import asyncio, ctypes, json, sys, threading, time
from pathlib import Path
from player.service import serve
from player.settings import PlayerSettings
from rym.bus import ALL, MemoryHub
from rym.clock import SystemClock
from rym.messages import Valence
from rym.service import Lifeline, Shell
from rym.topics import NOW, STATUS, VALENCE

def hold():
    while True:
        time.sleep(0.1)
        ctypes.PyDLL(None).usleep(100_000)

async def main(bank, out):
    clock, hub = SystemClock(), MemoryHub()
    decoder = hub.bus("decoder", clock, 1)
    now = decoder.subscribe(NOW, overload=ALL)
    status = decoder.subscribe(STATUS["player"], overload=ALL)
    life = Lifeline()
    shell = Shell(hub.bus("player", clock, 2), clock, life, Path(out), "s1")
    settings = PlayerSettings(
        bank=bank, device="rym", sink="portaudio", preset="close", rise=0.5
    )
    task = asyncio.create_task(serve(shell, settings))
    await status.get()
    threading.Thread(target=hold, daemon=True).start()
    def decide(state):
        decoder.publish(VALENCE, Valence(
            t=clock.now(), state=state, valence=None, probabilities=None, confidence=0.9,
            reason="", model=""))
    end = clock.now() + 4.0
    while clock.now() < end:
        decide("positive")
        await asyncio.sleep(0.25)
    life.orders.put_nowait({"stop": "operator"})
    stopped = clock.now()
    await asyncio.sleep(1.5)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    played = [(m.content.frame, m.content.why, m.meta.audible_at) for m in now.drain()]
    print(json.dumps({"played": played, "stopped": stopped}))

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_paced_sink_takes_frames_as_a_device_would():
    """Depth at the start, then as many as time has passed; a starved one is counted."""
    clock = ManualClock(10.0)
    sink = open_sink(PlayerSettings(sink="null", depth=0.1), clock)
    assert isinstance(sink, PacedSink)
    assert sink.room() == RATE // 10
    sink.write(np.zeros((RATE // 10, 2), dtype=np.float32))
    assert sink.room() == 0
    clock.advance(0.05)
    assert sink.room() == pytest.approx(RATE // 20, abs=1)
    assert sink.audible_at(RATE // 10) == pytest.approx(10.1)
    assert not sink.drained()
    clock.advance(0.15)
    assert sink.room() == RATE // 10
    assert sink.xruns == 1
    assert sink.audible_at(RATE // 10) == pytest.approx(10.2)
    assert sink.drained()


def captured(path):
    """Return the first channel of what parec wrote, whole frames only."""
    raw = path.read_bytes()
    return np.frombuffer(raw[: len(raw) // 8 * 8], dtype="<f4").reshape(-1, 2)[:, 0]


def place_of(part, whole):
    """Return where `part` is in `whole`, and their largest difference there.

    The bank's tones repeat every 6000 frames, so that correlation finds the place but for that and
    for a frame or two; the difference decides.
    """
    n = 1 << (len(whole) + len(part)).bit_length()
    found = np.fft.irfft(np.fft.rfft(whole, n) * np.conj(np.fft.rfft(part, n)), n)
    near = int(np.argmax(found[: len(whole) - len(part)])) % 6000
    worst = {
        p: float(np.abs(whole[p : p + len(part)] - part).max())
        for begin in range(near, len(whole) - len(part), 6000)
        for p in range(max(0, begin - 3), begin + 4)
        if p + len(part) <= len(whole)
    }
    place = min(worst, key=worst.__getitem__)
    return place, worst[place]


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.quiet
def test_the_device_was_given_what_the_recording_says(sound_server, bank_folder, tmp_path):
    """No break although Python stands still 100 ms at a time; a stop is silence in time."""
    raw = tmp_path / "captured.raw"
    with raw.open("wb") as out:
        parec = subprocess.Popen(
            ["parec", "-d", "rym.monitor", f"--rate={RATE}", "--channels=2",
             "--format=float32le", "--raw", "--latency-msec=20"],
            stdout=out, env=sound_server,
        )  # fmt: skip
        time.sleep(0.5)
        done = subprocess.run(
            [sys.executable, "-c", PLAYER, str(bank_folder), str(tmp_path / "out")],
            env=sound_server, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        time.sleep(0.3)
        parec.send_signal(signal.SIGTERM)
        parec.wait(10)
    if re.search(r"There is no PortAudio|is not an audio device", done.stderr):
        pytest.skip(f"needs PortAudio with ALSA's pulse plugin: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    heard = soundfile.read(tmp_path / "out" / "heard-01.flac", dtype="float32")[0][:, 0]
    sounding = np.flatnonzero(np.abs(heard) > 0.01)
    # The sink's monitor wakes up with the first sound, and misses some hundredths of a second.
    begin, end = sounding[0] + RATE // 10, sounding[-1]
    device = captured(raw)
    at, worst = place_of(heard[begin:end], device)
    # A break would show as a difference of the sound's own size, 0.2.
    assert worst < 2e-3
    assert not np.abs(device[at + end - begin + RATE // 20 :]).max() > 2e-3

    stop = next((frame, t) for frame, why, t in said["played"] if "stop" in why)
    silent = stop[1] + 0.2
    assert silent - said["stopped"] < 0.5 + 0.25
    assert any(why == "half-way" for _, why, _ in said["played"])


def test_played_frames_follow_a_steady_clock():
    """`audible_at` is one line through frames and time while nothing is starved."""
    clock = ManualClock(0.0)
    sink = PacedSink(clock, 0.2)
    seen = []
    for _ in range(100):
        while sink.room() >= BLOCK:
            sink.write(np.zeros((BLOCK, 2), dtype=np.float32))
        seen.append(sink.audible_at(48_000))
        clock.advance(0.01)
    assert np.ptp(seen) == 0.0
    assert sink.xruns == 0
