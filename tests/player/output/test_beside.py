"""Monitor, talkback, other programs and other rates, on a real sound server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from player.settings import RATE
from tests.player.output.conftest import captured_from

HZ = 1003
"""A tone that the test bank, whose tones are multiples of 4 Hz, does not have."""


@pytest.fixture
def play(sound_server) -> Iterator[Callable[..., subprocess.Popen]]:
    """Return a function by which another program plays a tone on a sink for some seconds."""
    players = []

    def begin(sink: str, seconds: float) -> subprocess.Popen:
        tone = 0.3 * np.sin(2 * np.pi * HZ * np.arange(round(seconds * RATE)) / RATE)
        player = subprocess.Popen(
            ["pacat", "-d", sink, "--raw", f"--rate={RATE}", "--channels=1", "--format=float32le"],
            stdin=subprocess.PIPE, env=sound_server,
        )  # fmt: skip
        players.append(player)
        player.stdin.write(tone.astype("<f4").tobytes())
        player.stdin.close()
        return player

    yield begin
    for player in players:
        player.kill()
        player.wait()


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.quiet
def test_monitor_and_other_programs_stay_out_of_the_participants_ear(
    alone, capture, sink, play, tmp_path
):
    """The monitor is the same music on its own sink; a bell goes to the default one."""
    for name in ("headphones", "speakers"):
        sink(name)
    with capture("headphones") as ear, capture("speakers") as desk, capture("rym") as rest:
        player = alone(
            {"seconds": 6, "states": ["positive"]}, device="headphones", monitor="speakers"
        )
        play("rym", 2.0).wait(20)
        said = player.told()
    facts = [one["facts"] for one in said if one["type"] == "Status"][-1]
    assert facts["monitor"] == "there"
    heard = captured_from(tmp_path)
    for sound in (ear(), desk()):
        assert np.abs(sound).max() < 1.05 * np.abs(heard).max()
        assert level_at(sound[:, 0], HZ) < 1e-3
        assert level_at(sound[:, 0], HZ) < 0.01 * level_at(rest()[:, 0], HZ)
        assert np.sqrt(np.mean(sound**2)) > 0.2 * np.sqrt(np.mean(heard**2))


def level_at(x: np.ndarray, hz: float) -> float:
    """Return the largest amplitude of a tone in any half second; the music's are 3 Hz away."""
    n = RATE // 2
    wave = np.exp(-2j * np.pi * hz * np.arange(n) / RATE) * np.hanning(n)
    parts = [x[k : k + n] for k in range(0, len(x) - n, n // 2)]
    return max(4 * abs(np.dot(part, wave)) / n for part in parts)


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.quiet
@pytest.mark.long
def test_the_operator_is_heard_only_while_the_music_is_down_for_it(
    alone, capture, sink, play, tmp_path
):
    """A tone at the microphone: at the ear between `duck on` and `duck off`, in no recording."""
    sink("room")
    with capture("rym") as sound:
        player = alone(
            {"seconds": 7, "orders": [[2.5, "duck", "on"], [4.5, "duck", "off"]]},
            talkback="room.monitor",
        )
        play("room", 9.0)
        said = player.told()
    facts = [one["facts"] for one in said if one["type"] == "Status"]
    assert any(one.get("talkback") in {"there", "on"} for one in facts)
    ear, n = sound()[:, 0], RATE // 4
    levels = np.array([level_at(ear[k : k + 2 * n + 1], HZ) for k in range(0, len(ear) - 2 * n, n)])
    loud = np.flatnonzero(levels > 0.05)
    assert 1.5 < len(loud) / 4 < 2.75
    assert loud[-1] - loud[0] == len(loud) - 1
    assert np.delete(levels, range(loud[0] - 2, loud[-1] + 3)).max() < 5e-3
    heard = captured_from(tmp_path)[:, 0]
    assert level_at(heard, HZ) < 5e-3
    words = ", ".join(one["why"] for one in said if one["type"] == "Played")
    assert "duck" in words


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.quiet
@pytest.mark.long
def test_a_device_of_44100_hz_is_given_the_music_at_its_own_rate(alone, capture, sink, tmp_path):
    """What the sink was given is the recording, resampled: the same tones at the same level."""
    sink("slow", 44_100)
    with capture("slow", 44_100) as sound:
        player = alone({"seconds": 6}, device="slow", device_rate=44_100)
        said = player.told()
    facts = [one["facts"] for one in said if one["type"] == "Status"][-1]
    assert (facts["device_rate"], facts["xruns"]) == (44_100, 0), player.log()
    ear, heard = sound()[:, 0], captured_from(tmp_path)[:, 0]
    at = {}
    for rate, x in ((44_100, ear), (RATE, heard)):
        begin = np.flatnonzero(np.abs(x) > 0.05)[0] + rate
        part = x[begin : begin + 3 * rate] * np.hanning(3 * rate)
        spectrum = np.abs(np.fft.rfft(part)) / len(part)
        at[rate] = spectrum[: 3 * 1000]  # to 1 kHz, thirds of a hertz
    worst = np.abs(at[44_100] - at[RATE]).max()
    assert worst < 0.02 * at[RATE].max()
