"""Streams and devices that do what they are told, in the place of PortAudio's."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from player.output.choosing import Found
from player.output.opening import Target
from player.output.ringed import RING, RingedSink
from rym.errors import DeviceError

HEADPHONES = Found(0, "USB Headphones", "ALSA", 48_000.0, 0, 2, True)
SPEAKERS = Found(1, "Speakers", "ALSA", 48_000.0, 0, 2)


class Ring:
    """A ring of stereo frames."""

    def __init__(self) -> None:
        self.frames = np.zeros((0, 2), np.float32)

    @property
    def write_available(self) -> int:
        """Return how many frames it would take."""
        return RING - len(self.frames)

    def write(self, frames) -> int:
        """Take frames."""
        self.frames = np.concatenate([self.frames, frames])
        return len(frames)


class Stream:
    """An rtmixer stream whose callback runs when `take` is called."""

    latency = 0.05

    def __init__(self) -> None:
        self.actions: set = set()
        self.active = True
        self.closed = False
        self._given: list = []
        self.underflows = 0
        self._ring: Ring | None = None
        self._playing = self._asked = None

    def play_ringbuffer(self, ring):
        """Play what is in the ring until it is empty."""
        self._ring, self._playing = ring, object()
        self.actions.add(self._playing)
        return self._playing

    def fetch_and_reset_stats(self):
        """Ask for the underflows so far."""
        self._asked = Stats()
        self.actions.add(self._asked)
        return self._asked

    def take(self, n: int) -> None:
        """Run the callback once."""
        if self._asked is not None:
            self._asked.stats.output_underflows, self.underflows = self.underflows, 0
            self.actions.discard(self._asked)
            self._asked = None
        out = np.zeros((n, 2), np.float32)
        if self._playing in self.actions:
            there = self._ring.frames[:n]
            out[: len(there)] = there
            self._ring.frames = self._ring.frames[n:]
            if len(there) < n:
                self.actions.discard(self._playing)
        self._given.append(out)

    @property
    def heard(self):
        """Return all that the device was given."""
        return np.concatenate(self._given)

    def abort(self) -> None:
        """Stop."""
        self.active = False

    def close(self) -> None:
        """Give it back."""
        self.closed = True


class Stats:
    """An action that asks for statistics."""

    def __init__(self) -> None:
        self.stats = SimpleNamespace(output_underflows=0)


class Desk:
    """Stands in for `Opener`: a device that is there or not."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.there = True
        self.streams: list[Stream] = []
        self.lists = 0
        self.asked: list = []
        self.wanted: list[str] = []
        self.hang = None

    def __call__(self, settings, clock):
        """Return itself, as the class would make it."""
        return self

    def list_again(self) -> None:
        """Count; whoever lists anew with an open stream would kill it."""
        assert all(one.closed for one in self.streams)
        self.lists += 1
        if self.hang is not None:
            self.hang.wait(20)

    def output(self, wanted, before=None, *, depth, exclusive=False):
        """Open the speakers or, by any other name, the headphones; or refuse."""
        self.asked.append(before)
        self.wanted.append(wanted)
        if self.hang is not None:
            self.hang.wait(20)
        if not self.there:
            raise DeviceError(f"{wanted!r} is not there.", "Connect it.")
        self.streams.append(Stream())
        found = SPEAKERS if wanted == "speakers" else HEADPHONES
        sink = RingedSink(self.streams[-1], Ring(), name=found.name, clock=self.clock, depth=depth)
        return sink, Target(found, "", found.name)

    def close(self) -> None:
        """Give nothing back."""
