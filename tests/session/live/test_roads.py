"""Every road by which a STOP reaches a player, heard through a real sound server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from rym.bus import ALL, order
from rym.clock import SystemClock
from rym.logs import run_async
from rym.messages import Command, Stop
from rym.mqtt import MqttBus
from rym.topics import COMMAND, SAFETY, STOP

pytestmark = [pytest.mark.real, pytest.mark.alone, pytest.mark.quiet, pytest.mark.timeout(120)]

ROOT = Path(__file__).resolve().parents[3]
SESSION = "by-roads"
GRACE = 0.25
"""Seconds that a deadline may be missed by on real parts."""
SILENT = 1e-3
"""Largest sample that still counts as silence."""
ROADS = {
    "topic": ("operator", 0.5),
    "pipe": ("operator", 0.5),
    "signal": ("operator", 0.5),
    "topic, distress": ("distress", 2.0),
    "pipe, distress": ("distress", 2.0),
}
"""Who stopped by which road, and the seconds allowed until silence."""


class Stopped(NamedTuple):
    """What one press led to."""

    quiet_after: float
    """Seconds from the press to the last sound."""
    sounded: bool
    """Whether there was sound right before it."""
    latched: bool
    by: list[tuple[str, str]]
    """Which service said it, and who stopped."""
    state: tuple[str, str]
    """The player's last word on its safety: state and reason."""


class Console:
    """A bus of our own beside the player's, and the player's process."""

    def __init__(self, broker, environment, bank, out, stdin, *words):
        self.clock = SystemClock()
        self.out = out
        config = out.with_suffix(".toml")
        config.write_text(SETTINGS.format(bank=bank))
        command = [sys.executable, "-m", "player", "--broker", broker.url, "--config", str(config)]
        self.log = out.with_suffix(".log").open("wb")
        self.process = subprocess.Popen(
            [*command, "--out", str(out), *words], cwd=ROOT, stdin=stdin, stderr=self.log,
            env={**environment, "RYM_BROKER_PASSWORD": broker.password, "PYTHONFAULTHANDLER": "1"},
        )  # fmt: skip
        self.bus = MqttBus(
            broker.url, service="session", epoch=round(self.clock.wall() * 1000),
            clock=self.clock, rig="roads", password=broker.password,
        )  # fmt: skip
        self.stops = self.bus.subscribe(STOP, overload=ALL)
        self.safety = self.bus.subscribe(SAFETY, overload=ALL)

    async def wait(self, seconds):
        """Wait."""
        await self.clock.sleep_until(self.clock.now() + seconds)

    async def until_sound(self, ear):
        """Wait until half a second of sound has been heard."""
        end = self.clock.now() + 20.0
        while self.clock.now() < end:
            await self.wait(0.1)
            assert self.process.poll() is None, self.out.with_suffix(".log").read_text()
            times, peaks = ear.level()
            lately = peaks[times > time.monotonic() - 0.5]
            if len(lately) > 10 and (lately > 10 * SILENT).all():
                return
        raise AssertionError("no sound within 20 s")

    async def press(self, ear, act, settle):
        """Do something that stops; return what came of it."""
        self.stops.drain()
        pressed = time.monotonic()
        acted = act()
        if acted is not None:
            await acted
        await self.wait(settle + GRACE + 0.5)
        times, peaks = ear.level()
        assert times[-1] > time.monotonic() - 0.2, "the sound server gives nothing any more"
        said = self.safety.drain()[-1].content
        return Stopped(
            quiet_after=float(times[peaks > SILENT][-1] - pressed),
            sounded=bool(np.median(peaks[(times > pressed - 0.3) & (times <= pressed)]) > SILENT),
            latched=(self.out / "stop.json").exists(),
            by=[(m.id.service, m.content.by) for m in self.stops.drain()],
            state=(said.state, said.reason),
        )

    async def release(self):
        """Let the music come back."""
        release = Command(to="player", action="release-stop", value=SESSION)
        await order(self.bus, COMMAND, release, {"player"})

    def down_the_pipe(self, line):
        """Write one line to the life line."""
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()

    def close(self):
        """End the player softly; return its exit code."""
        self.process.terminate()
        code = self.process.wait(10)
        self.log.close()
        return code


SETTINGS = """
[rig]
id = "roads"

[player]
bank = "{bank}"
sink = "portaudio"
device = "rym"
rise = 0.5
"""


FOUND = {}
"""What one player did on every road, so that one serves for all tests."""


@pytest.fixture
def found(broker, sound_server, ear, small_bank, tmp_path):
    """Stop one player by every road in turn; return what each led to, and the exit code."""
    if FOUND:
        return FOUND
    console = Console(
        broker, sound_server, small_bank, tmp_path / "piped", subprocess.PIPE, "--lifeline"
    )
    console.down_the_pipe({"session": SESSION})
    acts = {
        "pipe": lambda: console.down_the_pipe({"stop": "operator"}),
        "pipe, distress": lambda: console.down_the_pipe({"stop": "distress"}),
        "signal": lambda: console.process.send_signal(signal.SIGUSR1),
        "topic": lambda: say(console, "operator"),
        "topic, distress": lambda: say(console, "distress"),
    }

    async def main():
        await console.bus.connect(within=10.0)
        for road, (_, within) in ROADS.items():
            await console.until_sound(ear)
            FOUND[road] = await console.press(ear, acts[road], within)
            await console.release()
        await console.until_sound(ear)
        FOUND["ended"] = console.close()
        await console.bus.close()

    try:
        run_async(main())
    finally:
        console.process.kill()
    return FOUND


async def say(console, by):
    """Stop by the topic, as anyone on the bus may."""
    await order(console.bus, STOP, Stop(by=by, t=console.clock.now()), {"player"})


@pytest.mark.skipif(os.name == "nt", reason="needs a sound server of PulseAudio's kind")
@pytest.mark.fault(56)
@pytest.mark.parametrize("road", ROADS)
def test_every_road_silences_in_time_latches_and_is_told(found, road):
    """Heard at the device; the file is there; one Stop on the topic; the player says STOP."""
    by, within = ROADS[road]
    stopped = found[road]
    assert stopped.sounded
    assert stopped.quiet_after < within + GRACE
    assert stopped.latched
    assert stopped.state == ("STOP", by)
    teller = "session" if road.startswith("topic") else "player"
    assert stopped.by == [(teller, by)]


def test_distress_is_a_fade_and_not_a_cut(found):
    """Sound goes on for more than a second: it is not to frighten who is frightened already."""
    assert min(found[road].quiet_after for road in ROADS if "distress" in road) > 1.0


def test_after_all_of_them_a_termination_still_ends_it_softly(found):
    """SIGTERM: exit code 0, which tells a supervisor not to start it again."""
    assert found["ended"] == 0


@pytest.mark.fault(56)
def test_s_and_space_stop_a_player_at_its_terminal(broker, sound_server, ear, small_bank, tmp_path):
    """Other keys do nothing; a player that is started by hand needs nobody else for its STOP."""
    pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
    for key in (b"s", b" "):
        master, slave = pty.openpty()
        out = tmp_path / f"typed-{key[0]}"
        console = Console(broker, sound_server, small_bank, out, slave)

        async def main(console=console, master=master, key=key):
            await console.bus.connect(within=10.0)
            await console.until_sound(ear)
            os.write(master, b"xq\x1b[A")
            await console.wait(0.5)
            stopped = await console.press(ear, lambda: os.write(master, key) and None, 0.5)
            await console.bus.close()
            return stopped

        try:
            stopped = run_async(main())
            assert console.close() == 0
        finally:
            console.process.kill()
            os.close(master)
            os.close(slave)
        assert stopped.sounded
        assert stopped.quiet_after < 0.5 + GRACE
        assert stopped.latched
        assert stopped.by == [("player", "operator")]


def catches(pid, number):
    """Return whether a process has a handler of its own for a signal (Linux)."""
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = next(int(row.split()[1], 16) for row in rows if row.startswith("SigCgt"))
    return bool(mask >> (number - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.fault(56)
def test_a_signal_while_it_still_loads_is_kept(broker, sound_server, ear, small_bank, tmp_path):
    """No process is lost, and what begins is silent, latched and told."""
    console = Console(
        broker, sound_server, small_bank, tmp_path / "early", subprocess.PIPE, "--lifeline"
    )
    try:
        end = time.monotonic() + 10
        while not catches(console.process.pid, signal.SIGUSR1) and time.monotonic() < end:
            time.sleep(0.002)
        console.process.send_signal(signal.SIGUSR1)
        time.sleep(0.1)
        console.down_the_pipe({"session": SESSION})

        async def main():
            await console.bus.connect(within=10.0)
            end = time.monotonic() + 20
            while not (console.out / "stop.json").exists() and time.monotonic() < end:
                await console.wait(0.05)
            await console.wait(1.5)
            said = [m.content.by for m in console.stops.drain()]
            await console.bus.close()
            return said

        assert run_async(main()) == ["operator"]
        assert console.process.poll() is None
        assert (console.out / "stop.json").exists()
        # A sink that nothing is played to may sleep for two seconds before it gives its silence.
        end = time.monotonic() + 10
        while not len(ear.level()[1]) and time.monotonic() < end:
            time.sleep(0.1)
        assert ear.level()[1].max() < SILENT
    finally:
        console.process.kill()
        console.process.wait()
        console.log.close()
