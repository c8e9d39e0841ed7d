"""A device that goes while music plays, on a real sound server."""

from __future__ import annotations

import time

import numpy as np
import pytest

from player.settings import RATE

GRACE = 0.25
"""Seconds on top of a deadline, where it is held on real parts."""
BACK = 2.0
"""Seconds from a device's return to its sound."""
PACED = "norewinds=1"
"""Of a null sink: without it, it sleeps for 2 s when it is loaded, which no device does."""
BUFFERFUL = 0.1
"""Seconds that a sink may render at once."""


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.quiet
@pytest.mark.fault(47)
def test_a_device_that_goes_and_comes_back_is_heard_again_and_no_other_is(
    alone, capture, pactl, sink
):
    """Lost within a second, back softly, frames at true pace; the sink beside it stays silent."""
    module = sink("headphones")
    with capture("rym") as elsewhere:
        player = alone({"seconds": 12, "states": ["positive"]}, device="headphones")
        time.sleep(4.0)
        gone = time.monotonic()
        pactl("unload-module", module)
        time.sleep(2.0)
        sink("headphones", RATE, PACED)
        there = time.monotonic()
        with capture("headphones") as again:
            begun = time.monotonic()
            time.sleep(3.5)
        said = player.told()

    statuses = [one for one in said if one["type"] == "Status"]
    lost = next(one for one in statuses if one["facts"].get("device") == "lost")
    assert 0.0 < lost["mono"] - gone < 1.0 + GRACE
    assert "'headphones' is lost" in lost["detail"]
    back = next(one for one in statuses if "'headphones' is back" in one["detail"])
    assert 0.0 < back["mono"] - there < BACK + GRACE

    heard = again()[:, 0]
    first = np.flatnonzero(np.abs(heard) > 1e-4)[0] / RATE
    assert begun + first - there < BACK + GRACE
    # From silence: the first tenth of a second is far below what follows.
    begin = round(first * RATE)
    loud = np.sqrt(np.mean(heard[begin + 3 * RATE // 2 : begin + 2 * RATE] ** 2))
    assert np.abs(heard[begin : begin + RATE // 10]).max() < 0.2 * loud
    # The server moves the stream for the moment until it is killed; a sink may render within it.
    astray = np.flatnonzero(np.abs(elsewhere()[:, 0]) > 1e-4)
    assert len(astray) == 0 or astray[-1] - astray[0] < BUFFERFUL * RATE

    played = [(one["frame"], one["audible"]) for one in said if one["type"] == "Played"]
    while_lost = [t for _, t in played if gone < t < there + 0.2]
    assert np.diff(while_lost).max() < 1.0
    frames = np.array([frame for frame, t in played if gone + 1.0 < t < there])
    paced = np.array([t for _, t in played if gone + 1.0 < t < there])
    assert (frames[-1] - frames[0]) / RATE == pytest.approx(paced[-1] - paced[0], abs=0.02)


@pytest.mark.real
@pytest.mark.alone
@pytest.mark.quiet
@pytest.mark.fault(47)
def test_a_stream_that_the_server_moves_is_back_at_once(alone, capture, pactl, sink):
    """Another default, or a hand at the mixer: some ms elsewhere, and the music goes on."""
    sink("speakers")
    pactl("set-default-sink", "rym")
    with capture("speakers") as elsewhere:
        player = alone({"seconds": 8, "states": ["positive"]}, device="rym")
        time.sleep(2.5)
        pactl("set-default-sink", "speakers")
        time.sleep(0.5)
        stream = pactl("list", "short", "sink-inputs").split()[0]
        pactl("move-sink-input", stream, "speakers")
        time.sleep(0.5)
        places = [row.split()[1] for row in pactl("list", "short", "sink-inputs").splitlines()]
        sinks = [row.split()[:2] for row in pactl("list", "short", "sinks").splitlines()]
        said = player.told()
    assert places == [number for number, name in sinks if name == "rym"]
    assert np.count_nonzero(np.abs(elsewhere()) > 1e-4) / 2 < BUFFERFUL * RATE
    facts = [one["facts"] for one in said if one["type"] == "Status"][-1]
    assert facts["device"] == "there"
