"""Line 9 on a live stream: stamps that run too fast over a real LSL outlet.

LSL's own measurement cannot see it: the clock of the sender's machine is right, its stamps are not.
Eight hours, the drift and the true rate are run through without waiting in `tests/stream/timing`.
"""

from __future__ import annotations

import numpy as np
import pytest

from rym.messages import ClockOffset
from rym.topics import FAULT
from stream.files.xdf import read_stream
from stream.items import Chunk
from tests.faults.laptop import PPM, Laptop, windows

pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.fault(9),
    pytest.mark.timeout(240),
]


def test_09_stamps_with_their_offset_stay_near_true_time(laptop: Laptop) -> None:
    """They end more than 10 ms ahead, and no offset leaves them 8 ms from true time."""
    told = [m.content for m in laptop.lines() if m.id.topic == FAULT.short]
    begun = next(fault.t for fault in told if fault.kind == "drift")
    newest, ahead, off = np.nan, 0.0, []
    for item in read_stream(laptop.recording).items():
        if isinstance(item, Chunk):
            newest = float(item.stamps[-1])
            ahead = max(0.0, newest - begun) * PPM * 1e-6
        elif isinstance(item, ClockOffset) and newest > begun:
            off.append(item.offset + ahead)
    assert ahead > 0.010
    assert len(off) >= 4
    assert np.abs(off).max() < 0.008


def test_09_no_window_is_of_the_future(laptop: Laptop) -> None:
    """The newest sample of every window is older than the message, but for a few ms."""
    assert min(m.meta.age for m in windows(laptop.lines())) > -0.008
