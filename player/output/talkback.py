"""The operator's voice, over the music that is down for it.

It is heard only while the music is ducked, about as loud as the music was before and no louder, and
it is in no recording: `heard-NN.flac` holds the music alone, since a voice is a person's. For the
same reason nothing measures it for the record: it is in no `Loudness`, the cap of 85 dB(A) does not
see it, and the week's allowance does not count it. What holds instead is here: a gain that follows
what is said, so that it comes to the loudness of the clips, and a limiter of its own for what is
sudden, both below the level that the music is set to.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rym.errors import DeviceError

from ..level.limiter import CEILING, Limiter
from ..level.loudness import OFFSET, k_weights
from ..settings import BLOCK, RATE
from .aside import Aside
from .opening import Opener, Target
from .resampling import Resampler
from .sink import Frames

FADE = round(0.05 * RATE)
"""Frames in which the voice comes and goes."""
PEAK = 10.0 ** (-14.0 / 20.0)
"""Largest value of a voice: 6 dB above −20 LUFS is little for speech, but nobody is to be startled.
With music that is 20 dB down, the sum stays below the limiter's ceiling."""
VOICE = PEAK / CEILING
"""Gain behind the limiter; before it stands its inverse, so that it limits at `PEAK`."""
LOUD = -20.0
"""LUFS of the clips: at most that for a voice."""
HEARD = 4800
"""Frames of one look at how loud a voice is, 0.1 s."""
RISES, FALLS = 0.1, 3.0
"""Seconds in which the measure follows a louder voice and a softer one: slowly back, so that pauses
between words do not pump."""
LEAST, MOST = 0.03, 0.12
"""Seconds of voice that are held before it is let through, and above which the oldest is dropped:
the microphone's clock is not the device's, and one speaks to somebody, not into the past."""
STALLED = 1.0
"""Seconds without a frame after which a microphone counts as lost."""
RING = 1 << 17
"""Frames that the microphone's ring could hold."""
WAIT = round(0.1 * RATE)
"""Frames from the order on, in which the music goes down, before the voice comes."""
RETRY = 1.0

LOG = logging.getLogger(__name__)


class Follower:
    """The gain that brings a voice down to `LOUD`; what is softer is left as it is.

    It follows the K-weighted power of the last `HEARD` frames (ITU-R BS.1770-4), smoothed.
    """

    def __init__(self) -> None:
        self._kept = np.zeros(HEARD, dtype=np.float32)
        whole = np.full(HEARD // 2 + 1, 2.0 / HEARD**2)
        whole[[0, -1]] /= 2.0
        hz = np.arange(HEARD // 2 + 1, dtype=np.float64) * (RATE / HEARD)
        # A voice comes from both sides, and a loudness sums the power of the channels.
        self._weights = 2.0 * whole * k_weights(hz)
        self._most = 10.0 ** ((LOUD - OFFSET) / 10.0)
        self._power = 0.0
        self._steps = [1.0 - math.exp(-BLOCK / RATE / s) for s in (RISES, FALLS)]

    def gain(self, voice: Frames) -> float:
        """Take in a block of shape (480,); return the linear gain at its end."""
        self._kept[:-BLOCK] = self._kept[BLOCK:]
        self._kept[-BLOCK:] = voice
        power = float(self._weights @ np.abs(np.fft.rfft(self._kept)) ** 2)
        rises, falls = self._steps
        self._power += (power - self._power) * (rises if power > self._power else falls)
        return math.sqrt(self._most / max(self._power, self._most))


class Voice:
    """What is done to a voice, block by block (pure)."""

    def __init__(self) -> None:
        self._limiter, self._follower = Limiter(), Follower()
        self._followed = 1.0
        self._stereo = np.zeros((BLOCK, 2), dtype=np.float32)
        self._limited = np.zeros((BLOCK, 2), dtype=np.float32)
        self._nothing = np.zeros(BLOCK, dtype=np.float32)
        self._gain = 0.0
        self._left = WAIT
        self._level = 0.0

    @property
    def silent(self) -> bool:
        """True once it has faded away."""
        return self._gain == 0.0

    def over(self, music: Frames, voice: Frames | None, *, on: bool, level: float) -> Frames:
        """Return music with the voice over it.

        Parameters
        ----------
        music : array of shape (480, 2)
            As it is given out.
        voice : array of shape (480,), optional
            What was said; None where nothing came.
        on : bool
            Whether the voice is, or is fading, in.
        level : float
            Linear gain of the voice, 1 at most.
        """
        voice = self._nothing if voice is None else voice
        followed = self._follower.gain(voice)
        brought = np.linspace(self._followed, followed, BLOCK + 1)[1:] / VOICE
        self._followed = followed
        self._stereo[:] = (brought * voice)[:, None]
        self._limiter.process(self._stereo, self._limited)
        self._left = max(0, self._left - BLOCK) if on else WAIT
        step = (-1.0 if self._left or not on else 1.0) * np.arange(BLOCK + 1) / FADE
        line = np.clip(self._gain + step, 0.0, 1.0)
        levels = np.linspace(self._level, min(level, 1.0), BLOCK + 1)[:-1]
        self._gain, self._level = float(line[-1]), min(level, 1.0)
        gains = VOICE * levels * (0.5 - 0.5 * np.cos(np.pi * line[:-1]))
        heard = music + gains.astype(np.float32)[:, None] * self._limited
        return np.asarray(heard, dtype=np.float32)


class Talkback:
    """A microphone that is open while it is listened to, and read only then.

    Parameters
    ----------
    wanted : str
        Name of the microphone.
    opener : callable
        Returns the access to devices.
    """

    def __init__(self, wanted: str, opener: Callable[[], Opener]) -> None:
        self.wanted = wanted
        self.note = ""
        self._opener = opener
        self._voice = Voice()
        self._lost: list[Microphone] = []
        self._on, self._level = False, 0.0
        self._microphone: Microphone | None = None
        self._target: Target | None = None
        self._next = 0.0

    @property
    def state(self) -> str:
        """`on` while the operator is heard, else `there` or `lost`."""
        if self._microphone is None:
            return "lost"
        return "on" if self._on else "there"

    def open(self, *, on: bool, level: float) -> None:
        """Let the voice in or out; arguments as of `Outlet.talk`."""
        if on and not self._on and self._microphone is not None:
            self._microphone.forget()  # what was said before was for nobody
        self._on = on
        if on:
            self._level = level  # it fades out from where it was

    def over(self, music: Frames) -> Frames:
        """Return a block of music, with the voice over it where it is heard."""
        if not self._on and self._voice.silent:
            return music
        said = self._microphone.read() if self._microphone is not None else None
        return self._voice.over(music, said, on=self._on, level=self._level)

    def tend(self, now: float, aside: Aside) -> None:
        """Notice that the microphone is lost, and look for it now and then."""
        if self._microphone is not None and self._microphone.lost(now):
            self._tell(f"The microphone {self.wanted!r} is lost.")
            self._lost.append(self._microphone)
            self._microphone = None
            self._next = now
        if self._lost and not aside.busy:
            aside.start(now, self._lost.pop().close, lambda _: None)
        if self._microphone is None and now >= self._next and not aside.busy:
            self._next = now + RETRY
            aside.start(now, self._open, self._take)

    def leave(self) -> list[Microphone]:
        """Return its streams, which somebody else closes; it is opened again later."""
        left = [*self._lost, *([] if self._microphone is None else [self._microphone])]
        self._lost = []
        self._microphone = None
        return left

    def _open(self) -> tuple[Microphone, Target] | DeviceError:
        try:
            stream, rate, ring, target = self._opener().microphone(self.wanted, self._target, RING)
        except DeviceError as error:
            return error
        return Microphone(stream, ring, rate), target

    def _take(self, found: tuple[Microphone, Target] | DeviceError) -> None:
        if isinstance(found, DeviceError):
            self._tell(f"The operator cannot be heard: {found.error}")
            return
        self._microphone, self._target = found
        self._tell("")

    def _tell(self, note: str) -> None:
        if note != self.note:
            LOG.warning("%s", note or f"the operator's microphone is {self.wanted}")
        self.note = note


class Microphone:
    """A stream from a microphone with its ring.

    Parameters
    ----------
    stream : rtmixer.Recorder
        Started.
    ring : rtmixer.RingBuffer
        Of one channel, empty.
    rate : int
        Frames per second of the stream.
    """

    def __init__(self, stream: Any, ring: Any, rate: int) -> None:
        self._stream, self._ring = stream, ring
        self._action = stream.record_ringbuffer(ring)
        self._resampler = None if rate == RATE else Resampler(RATE, rate, channels=1)
        self._waiting = np.zeros(0, dtype=np.float32)
        self._moved: float | None = None
        self._last = 0
        self._ready = False

    def read(self) -> Frames | None:
        """Return the next 480 frames, or None while too few have come."""
        self._gather()
        if len(self._waiting) > MOST * RATE:
            self._waiting = self._waiting[-round(LEAST * RATE) - BLOCK :]
        self._ready = len(self._waiting) >= (BLOCK if self._ready else LEAST * RATE + BLOCK)
        if not self._ready:
            return None
        block, self._waiting = self._waiting[:BLOCK], self._waiting[BLOCK:]
        return block

    def forget(self) -> None:
        """Drop what has come so far."""
        self._gather()
        self._waiting = self._waiting[:0]
        self._ready = False

    def lost(self, now: float) -> bool:
        """Return whether the stream has ended, or nothing comes any more; drops what is unread."""
        if not self._stream.active:
            return True
        waiting = int(self._ring.read_available)
        if waiting != self._last or self._moved is None:
            self._last, self._moved = waiting, now
        if waiting > RING // 2:
            self.forget()
        if self._action not in self._stream.actions:
            # The ring was full: this process stood still for longer than it holds.
            self._action = self._stream.record_ringbuffer(self._ring)
        return now - self._moved > STALLED

    def close(self) -> None:
        """Give the device back."""
        self._stream.abort()
        self._stream.close()

    def _gather(self) -> None:
        n = int(self._ring.read_available)
        came = (
            np.frombuffer(bytes(self._ring.read(n)), dtype=np.float32) if n else self._waiting[:0]
        )
        if self._resampler is not None and n:
            came = self._resampler.process(came[:, None])[:, 0]
        # A driver's NaN would stay in the gain's memory, and then in the participant's ears.
        came = np.nan_to_num(came, nan=0.0, posinf=0.0, neginf=0.0)
        if len(came):
            self._waiting = np.concatenate([self._waiting, came])
