"""The operator hears the same, on a device of another pace, and disturbs nobody."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from player.output.aside import Aside
from player.output.choosing import Found
from player.output.monitor import DEPTH, MOST, Monitor
from player.output.opening import Target, same
from player.settings import BLOCK, RATE
from rym.clock import ManualClock

from .fakes import Desk

HZ = 100.0


def hum(k):
    """Return block k of a hum, by whose steps a break is seen."""
    t = (np.arange(BLOCK) + k * BLOCK) / RATE
    return np.repeat(np.sin(2 * np.pi * HZ * t).astype(np.float32)[:, None], 2, 1)


STEP = 2 * np.pi * HZ / RATE
"""Largest step of the hum."""


class Rig:
    """A monitor whose device takes `pace` frames while 480 are written."""

    def __init__(self) -> None:
        self.clock = ManualClock(10.0)
        self.desk = Desk(self.clock)
        self.aside = Aside()
        self.monitor = Monitor("speakers", lambda: self.desk)
        self.k = 0

    def run(self, seconds, pace=BLOCK):
        """Let time pass."""
        for _ in range(round(100 * seconds)):
            self.monitor.write(hum(self.k))
            self.k += 1
            for stream in self.desk.streams:
                if stream.active:
                    stream.take(pace)
            self.clock.advance(0.01)
            self.aside.wait(5.0)
            self.aside.tend()
            self.monitor.tend(self.clock.now(), self.aside)


def test_the_operator_hears_what_was_written():
    """Sample by sample, some tenths of a second later."""
    rig = Rig()
    rig.run(3.0)
    heard = rig.desk.streams[0].heard[RATE:, 0]
    assert np.abs(heard).max() > 0.99
    assert np.abs(np.diff(heard)).max() < 1.01 * STEP
    assert rig.monitor.state == "there"
    assert rig.monitor.dropped == 0


def test_a_slower_device_leaves_out_what_is_too_much_without_a_click():
    """The delay stays bounded, and a drop is a short crossfade."""
    rig = Rig()
    rig.run(1.0)
    rig.run(20.0, pace=BLOCK - 20)
    assert rig.monitor.dropped > 0
    assert rig.monitor._sink.ahead() < MOST * RATE + BLOCK
    heard = rig.desk.streams[0].heard[RATE:, 0]
    assert np.abs(np.diff(heard)).max() < STEP + 2 * np.pi / 2 / BLOCK
    assert np.abs(heard[-RATE:]).max() > 0.9


def test_a_faster_device_hears_silence_now_and_then():
    """It comes up softly each time, and there is sound most of the time."""
    rig = Rig()
    rig.run(1.0)
    rig.run(20.0, pace=BLOCK + 20)
    heard = rig.desk.streams[0].heard[RATE:, 0]
    silent = np.mean(np.abs(heard) < 1e-9)
    assert 0.0 < silent < 0.2
    ups = np.diff(np.abs(heard))
    assert ups.max() < STEP + np.pi / 2 / BLOCK
    assert rig.monitor._sink.ahead() < DEPTH * RATE + 2 * BLOCK


def test_a_stream_that_is_lost_while_somebody_else_is_served_is_closed_afterwards():
    """Kept until then: its callback in C would go on with what nobody holds any more."""
    rig = Rig()
    rig.run(1.0)
    busy = threading.Event()
    rig.aside.start(rig.clock.now(), lambda: busy.wait(5.0), lambda _: None)
    rig.desk.streams[0].active = False
    rig.monitor.tend(rig.clock.now(), rig.aside)
    assert rig.monitor.state == "lost"
    assert not rig.desk.streams[0].closed
    busy.set()
    rig.run(3.0)
    assert rig.desk.streams[0].closed
    assert rig.monitor.state == "there"


@pytest.mark.fault(47)
def test_a_monitor_that_is_away_is_looked_for_and_comes_back():
    """It is said while it is away; nothing else happens."""
    rig = Rig()
    rig.desk.there = False
    rig.run(2.0)
    assert rig.monitor.state == "lost"
    assert rig.monitor.note.startswith("The monitor is silent: 'speakers' is not there.")
    rig.desk.there = True
    rig.run(2.0)
    assert (rig.monitor.state, rig.monitor.note) == ("there", "")
    rig.desk.there = False
    rig.desk.streams[0].active = False
    rig.run(2.0)
    assert rig.monitor.state == "lost"
    assert rig.desk.streams[0].closed
    rig.desk.there = True
    rig.run(2.0)
    assert rig.monitor.state == "there"
    assert rig.desk.lists == 0


def test_one_device_is_known_under_two_names():
    """By the sound server's own name; else by what MME leaves of it."""
    name = "Headphones (2- Sennheiser USB headset)"
    mme, wasapi = Found(0, name[:31], "MME", 0, 0, 2), Found(9, name, "Windows WASAPI", 0, 0, 2)
    assert same(Target(mme, "", ""), Target(wasapi, "", ""))
    assert not same(Target(wasapi, "", ""), Target(wasapi._replace(name=name + " 2"), "", ""))
    assert not same(Target(mme, "a", ""), Target(mme, "b", ""))
    assert same(Target(mme, "a", ""), Target(wasapi, "a", ""))
