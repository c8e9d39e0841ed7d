"""`rym check delay`: clicks from the player come back through the amplifier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from player.output.clicks import Clicks, clicks
from player.output.devices import open_sink
from player.output.sink import Sink
from player.settings import BLOCK, RATE, PlayerSettings
from rym.clock import Clock, timeout
from rym.errors import SignalError, UsageError
from rym.messages import Window
from stream.line import StreamLine
from stream.montage import clean, kind
from stream.settings import ConditioningSettings, StreamSettings
from stream.signal.onsets import WITHIN, Delay, delay

from .waiting import Left, opened, unseen

PAUSE_S = 0.005
"""Seconds between two looks at the device: half a control block."""
GRACE_S = 15.0
"""Seconds that the check may take longer than its sound."""
FEWEST = 5
"""Clicks without which a median means little."""

Array = npt.NDArray[np.float64]
Tell = Callable[[str], None]


class Answer(NamedTuple):
    """What the check found."""

    delay: Delay
    channel: str
    device: str
    before: float
    """What `[player] device_delay` has been so far, in seconds."""

    @property
    def sentence(self) -> str:
        """Return the answer for people."""
        found = self.delay
        return (
            f"Sound from {self.device} arrives {1e3 * found.seconds:+.1f} ms from its declared "
            f"time, in {self.channel} ({found.found} of {found.expected} clicks, SD "
            f"{1e3 * found.spread:.2f} ms). [player] device_delay has been "
            f"{1e3 * self.before:+.1f} ms."
        )

    @property
    def note(self) -> str:
        """Return where the number comes from, as a comment of the settings file."""
        found = self.delay
        return (
            f"s, rym check delay: {found.found} of {found.expected} clicks in {self.channel}, "
            f"SD {1e3 * found.spread:.2f} ms, {self.device}"
        ).replace("\n", " ")

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints; seconds."""
        return {
            "delay": self.delay.seconds,
            "spread": self.delay.spread,
            "found": self.delay.found,
            "expected": self.delay.expected,
            "channel": self.channel,
            "device": self.device,
            "before": self.before,
        }


class Ear:
    """Keeps one channel of the windows, with the rig time of each sample (pure).

    Parameters
    ----------
    channel : str
        Its cleaned name.
    """

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._times: list[Array] = []
        self._signal: list[Array] = []
        self.newest = -np.inf

    def take(self, window: Window) -> None:
        """Take in one window's new samples."""
        first = len(window.samples) - window.n_new
        index = np.arange(first, len(window.samples))
        column = window.channels.index(self._channel)
        self._times.append(window.t_first + index / window.rate)
        self._signal.append(window.samples[first:, column].astype(np.float64))
        self.newest = window.t_last

    def heard(self) -> tuple[Array, Array]:
        """Return rig times and samples, arrays of shape (n_times,)."""
        return np.concatenate(self._times), np.concatenate(self._signal)


async def check_delay(
    stream: StreamSettings,
    player: PlayerSettings,
    clock: Clock,
    tell: Tell,
    *,
    channel: str = "",
    n_clicks: int = 20,
    left: Left = unseen,
) -> Answer:
    """Play clicks and find them in a channel of the EEG.

    Parameters
    ----------
    stream, player : StreamSettings, PlayerSettings
        As a session would use them, so that device, depth and latency are a session's.
    clock : Clock
        The rig's.
    tell : callable
        Gets what happens, in words.
    channel : str
        Where the sound arrives; empty: the stream's external channel.
    n_clicks : int
        How many count.
    left : callable
        Shows how long what is done now still takes.

    Raises
    ------
    UsageError
        If there are too few clicks.
    SignalError
        If there is no such stream or channel, or the clicks do not come back at one delay.
    DeviceError
        If the audio device cannot be had.
    """
    if n_clicks < FEWEST:
        raise UsageError(
            f"{n_clicks} clicks are asked for, at least {FEWEST} are needed.", "Give --clicks 20."
        )
    # Filters would only blur the edges, and quality is that of a cap which nobody need wear now.
    stream = msgspec.structs.replace(
        stream, conditioning=ConditioningSettings(high_pass=0.0, low_pass=0.0, line=0)
    )
    inlet = await opened(stream, clock, left)
    name = chosen(channel, inlet.signal.channels, inlet.declared.name)
    track = clicks(n_clicks, player.level_db)
    sink = open_sink(msgspec.structs.replace(player, sink="portaudio", device_delay=0.0), clock)
    seconds = len(track.sound) / RATE
    tell(f"Soft clicks from {sink.name} for {seconds:.0f} s, looked for in {name}.")
    ear, line = Ear(name), StreamLine(stream, inlet.signal.channels, inlet.signal.rate)
    try:
        async with timeout(clock, seconds + GRACE_S), aclosing(inlet.items()) as items:
            playing = asyncio.create_task(play(track, sink, clock), name="clicks")
            end = clock.now() + seconds
            try:
                async for item in items:
                    for window, _ in line.feed(item):
                        ear.take(window)
                    left(max(1.0, end - clock.now()), "clicks")
                    if playing.done() and ear.newest > playing.result()[-1] + WITHIN[1] + 0.1:
                        break
            finally:
                playing.cancel()
                await asyncio.wait([playing])
    except TimeoutError:
        raise SignalError(
            f"The stream {inlet.declared.name} or the device {sink.name} stood still: the clicks "
            f"were not over within {seconds + GRACE_S:.0f} s.",
            "Look at both with `rym doctor`, then repeat the check.",
        ) from None
    finally:
        left(0.0, "")
        sink.close()
    times, signal = ear.heard()
    return Answer(delay(times, signal, playing.result()), name, sink.name, player.device_delay)


def chosen(channel: str, channels: tuple[str, ...], stream: str) -> str:
    """Return the channel in which the sound is looked for.

    Raises
    ------
    SignalError
        If the stream has no such channel, or none or several that could be meant.
    """
    if channel:
        if clean(channel) in channels:
            return clean(channel)
        raise SignalError(
            f"The stream {stream} has no channel {channel}; it has {', '.join(channels)}.",
            "Name one of these with --channel.",
        )
    external = [name for name in channels if kind(name) == "external"]
    if len(external) != 1:
        raise SignalError(
            f"The stream {stream} has {len(external)} external channels"
            f"{': ' + ', '.join(external) if external else ''}; one is needed. "
            f"Its channels are {', '.join(channels)}.",
            "Name the one that gets the sound with --channel.",
        )
    return external[0]


async def play(track: Clicks, sink: Sink, clock: Clock) -> Array:
    """Feed a device as the player does, until it has everything.

    Returns
    -------
    array of shape (n_clicks,)
        Rig time in seconds at which each click should be heard, as declared when it was rendered:
        what the player publishes as `audible_at`.
    """
    declared: list[float] = []
    at = 0
    while at < len(track.sound):
        while at < len(track.sound) and sink.room() >= BLOCK:
            sink.write(track.sound[at : at + BLOCK])
            inside = track.frames[(track.frames >= at) & (track.frames < at + BLOCK)]
            declared += [sink.audible_at(int(frame)) for frame in inside]
            at += BLOCK
        sink.check()
        await clock.sleep_until(clock.now() + PAUSE_S)
    return np.array(declared)
