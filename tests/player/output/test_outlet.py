"""A device that goes and comes back, among devices that only pretend."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from player.output import outlet as outlets
from player.output.outlet import BACK, HANGS, Outlet
from player.settings import BLOCK, RATE, PlayerSettings
from rym.clock import ManualClock
from rym.errors import DeviceError

from .fakes import Desk

DEPTH = PlayerSettings().depth


@pytest.fixture
def rig(monkeypatch):
    """Return a desk, a clock and a function that lets time pass for an outlet."""
    clock = ManualClock(50.0)
    desk = Desk(clock)
    monkeypatch.setattr(outlets, "Opener", desk)
    monkeypatch.setattr(outlets, "favour", lambda: False)

    def run(outlet, seconds):
        """Feed and take for some seconds; return the frames that were written."""
        n = 0
        for _ in range(round(100 * seconds)):
            while outlet.room() >= BLOCK:
                outlet.write(np.ones((BLOCK, 2), np.float32))
                n += BLOCK
            for stream in desk.streams:
                if stream.active:
                    stream.take(BLOCK)
            clock.advance(0.01)
            outlet._aside.wait(5.0)
            outlet.check()
        return n

    return desk, clock, run


def opened(clock, **settings):
    """Return an outlet to the headphones."""
    chosen = {"sink": "portaudio", "device": "head", **settings}
    return Outlet(PlayerSettings(**chosen), clock)


@pytest.mark.fault(47)
def test_the_music_goes_on_at_true_pace_while_its_device_is_away(rig):
    """As many frames as time passes; audible_at is one line; the status says so in a sentence."""
    desk, clock, run = rig
    outlet = opened(clock)
    run(outlet, 6.0)
    due = outlet.audible_at(0)
    desk.there = False
    desk.streams[-1].active = False
    assert run(outlet, 5.0) == pytest.approx(5 * RATE, abs=3 * BLOCK)
    assert outlet.audible_at(0) == pytest.approx(due, abs=0.25)
    assert outlet.facts()["device"] == "lost"
    assert outlet.note.startswith("The audio device 'USB Headphones' is lost: its stream has ended")
    assert (outlet.xruns, outlet.missing) == (0, 0.0)


@pytest.mark.fault(47)
def test_it_comes_back_by_itself_softly_and_at_the_musics_place(rig):
    """Within a second, from silence in a second, and what is heard is what is due."""
    desk, clock, run = rig
    outlet = opened(clock)
    wrote = run(outlet, 6.0)
    desk.there = False
    desk.streams[-1].active = False
    wrote += run(outlet, 3.0)
    assert desk.streams[0].closed
    assert desk.lists > 2
    desk.there = True
    wrote += run(outlet, 1.0)
    assert outlet.facts()["device"] == "there"
    assert "is back; 3." in outlet.note
    assert desk.asked[-1].name == "USB Headphones"
    run(outlet, BACK + 1.0)
    heard = desk.streams[-1].heard[:, 0]
    assert np.diff(heard).max() < 1.1 * np.pi / 2 / (BACK * RATE)
    assert heard[-1] == 1.0
    assert outlet.audible_at(wrote) == pytest.approx(clock.now() - BACK - 1.0 + DEPTH, abs=0.06)


@pytest.mark.fault(47)
def test_a_device_that_is_away_at_the_start_is_refused_once_and_waited_for_afterwards(rig):
    """A start by a person ends in a sentence; a player that is started again plays on unheard."""
    desk, clock, run = rig
    desk.there = False
    settings = PlayerSettings(sink="portaudio", device="head")
    with pytest.raises(DeviceError, match="is not there"):
        Outlet(settings, clock)
    outlet = Outlet(settings, clock, again=True)
    assert run(outlet, 2.0) == pytest.approx((2.0 + DEPTH) * RATE, abs=3 * BLOCK)
    assert outlet.facts()["device"] == "lost"
    desk.there = True
    run(outlet, 1.0)
    assert outlet.facts()["device"] == "there"


@pytest.mark.fault(47)
def test_nothing_is_asked_for_where_there_is_no_device(rig):
    """`auto` without a name: the music goes to the recording, and that is said."""
    desk, clock, run = rig
    desk.there = False
    outlet = Outlet(PlayerSettings(), clock)
    run(outlet, 3.0)
    assert outlet.name == "null"
    assert outlet.facts()["device"] == "none"
    assert "heard-NN.flac only" in outlet.note
    assert desk.lists == 0


def test_a_search_that_hangs_ends_the_process(rig):
    """PortAudio itself may wait for ever; a new process begins with a new one."""
    desk, clock, _ = rig
    outlet = opened(clock)
    desk.hang = threading.Event()
    desk.streams[-1].active = False
    outlet.room()
    clock.advance(HANGS - 0.5)
    outlet.check()
    clock.advance(1.0)
    with pytest.raises(DeviceError, match="hung for 10 s"):
        outlet.check()
    desk.hang.set()


def test_interruptions_of_every_stream_are_counted_together(rig):
    """Also those of before the device was lost."""
    desk, clock, run = rig
    outlet = opened(clock)
    run(outlet, 6.0)
    for _ in range(40):
        desk.streams[-1].take(BLOCK)
        clock.advance(0.01)
    run(outlet, 1.0)
    assert outlet.xruns == 1
    missing = outlet.missing
    assert missing == pytest.approx(0.4 - DEPTH, abs=0.05)
    desk.streams[-1].active = False
    run(outlet, 3.0)
    assert (outlet.xruns, outlet.missing) == (1, missing)
    assert outlet.facts()["xrun_ms"] == round(1000 * missing)
    outlet.close()
    assert all(one.closed for one in desk.streams)
