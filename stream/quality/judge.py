"""Which channels and windows can be trusted (pure).

Only scalp electrodes are judged and counted. A channel is bad at once and good again only after
some time without a fault, so that an electrode at the edge of a threshold does not flicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from rym.messages import ChannelQuality

from ..montage import is_scalp
from ..settings import Artifact, QualitySettings
from .artifacts import Disturbed, Motion, Places, Tension, disturbances, widespread
from .channel_faults import EVENTS, STATES, faults_of
from .drowsiness import ALPHA_GONE, SLOW_EYES, Alpha, SlowEyes
from .measures import Flags, Floats, Measures, Meter, robust_sd

__all__ = ["Judge", "Judgement", "robust_sd"]

_ARTIFACTS: tuple[Artifact, ...] = get_args(Artifact)


class Judgement(NamedTuple):
    """What is known about one window."""

    channels: tuple[ChannelQuality, ...]
    """Of the scalp channels, in the order of the stream."""
    overall: float
    """Share of them that are not bad, less what artifacts take from it, 0…1."""
    level: Literal["good", "fair", "low"]
    reason: str
    """Why no decoder may use the window; empty where it may."""
    artifacts: tuple[Artifact, ...]
    """What disturbs the window as a whole."""
    hints: tuple[str, ...]
    """`alpha gone`, `slow eye movements`; information only."""
    lost: int
    """Samples that were filled in."""

    @property
    def bad(self) -> tuple[str, ...]:
        """Names of the channels that are not ok."""
        return tuple(channel.name for channel in self.channels if not channel.ok)


class _Channel:
    """What is remembered of one channel; times in samples."""

    def __init__(self) -> None:
        self.fault = ""
        self.age = 0
        self.clean = 0

    def update(self, fault: str, n_new: int, recovery: float) -> None:
        """Take in this window's fault; empty: none."""
        self.age = self.age + n_new if self.fault else 0
        self.clean = 0 if fault else self.clean + n_new
        if fault or self.clean >= recovery:
            self.fault = fault


class Judge:
    """Judges the windows of a stream one after the other.

    What it says follows from the windows that it was given, in their order, and from nothing else.

    Parameters
    ----------
    settings : QualitySettings
        Thresholds.
    channels : sequence of str
        Names of the stream's channels, in its order.
    rate : float
        Samples per second.
    """

    def __init__(self, settings: QualitySettings, channels: Sequence[str], rate: float) -> None:
        self._settings = settings
        self._rate = rate
        # Inside, channels go by name: a sum over channels, or the choice between two that are
        # equally near, then cannot depend on the order in which a device sends them.
        self._columns = sorted(
            (i for i, name in enumerate(channels) if is_scalp(name)), key=lambda i: channels[i]
        )
        self.names = tuple(channels[i] for i in self._columns)
        """The scalp channels by name, in the order in which they are measured."""
        self._order = [int(i) for i in np.argsort(self._columns)]
        self._places = Places(self.names, rate)
        self._alpha = Alpha(settings, self.names, rate)
        self._eyes = SlowEyes(settings, self.names, rate)
        self._tension = Tension(self._places.muscle, rate)
        self._motion = Motion()
        self._meter: Meter | None = None
        self.restart()

    def restart(self) -> None:
        """Begin a segment: time has passed that nobody saw. A person's own levels stay."""
        self._memory = [_Channel() for _ in self.names]
        self._first = True
        self._motion.clear()
        self._eyes.clear()

    def judge(
        self,
        raw: npt.NDArray[np.float32],
        clean: npt.NDArray[np.float32] | Floats,
        n_new: int,
        *,
        lost: int = 0,
        motion: npt.NDArray[np.float32] | None = None,
        device: npt.NDArray[np.float32] | None = None,
    ) -> Judgement:
        """Judge the next window.

        Parameters
        ----------
        raw : array of shape (n_times, n_channels)
            As recorded, with any offset, in µV.
        clean : array of shape (n_times, n_channels)
            The same samples behind the filters, in µV.
        n_new : int
            Samples that no earlier window held.
        lost : int
            Samples of the window that never came and were filled in.
        motion : array of shape (m, 3) or None
            What the accelerometer sent since the last window, in mm/s²; None: nothing.
        device : array of shape (n_channels,) or None
            The newest of the amplifier's own quality indices, 0 (best) to 1; NaN: not known.

        Returns
        -------
        Judgement
            Its numbers are finite whatever the samples are.
        """
        if not self.names:
            return Judgement((), 0.0, "low", "no scalp channels", (), (), lost)
        n_times = len(raw)
        by_name = np.ascontiguousarray(raw.T[self._columns], np.float64)
        m = self._meter_for(n_times).measure(
            by_name, np.ascontiguousarray(clean.T[self._columns], np.float64)
        )
        index = None if device is None else np.asarray(device, np.float64)[self._columns]
        before = [channel.fault for channel in self._memory]
        faults = faults_of(m, self.names, before, index, self._settings)
        self._remember(faults, n_new)
        good = np.array([not channel.fault for channel in self._memory], bool)
        found = disturbances(m, good, self._places, self._settings)
        found.append(self._rise(m, good, n_new))
        found += self._events(faults)
        found += self._whole(good, n_new, n_times, lost, motion)
        hints = self._hints(m, by_name, good, n_new)
        self._first = False
        overall = self._overall(good, found, lost / n_times)
        there = {item.artifact for item in found if item.whole}
        artifacts = tuple(name for name in _ARTIFACTS if name in there)
        return Judgement(
            self._channels(m),
            overall,
            self._level(overall),
            self._reason(good, artifacts),
            artifacts,
            hints,
            lost,
        )

    def _meter_for(self, n_times: int) -> Meter:
        if self._meter is None or self._meter.n_times != n_times:
            self._meter = Meter(self._settings, self._rate, n_times)
        return self._meter

    def _remember(self, faults: Sequence[str], n_new: int) -> None:
        recovery = self._settings.recovery * self._rate
        for channel, fault in zip(self._memory, faults, strict=True):
            channel.update(fault, n_new, recovery)
            if self._first and fault in STATES:
                channel.age = int(self._settings.lasting * self._rate)

    def _rise(self, m: Measures, good: Flags, n_new: int) -> Disturbed:
        """Return whether muscle has risen over the person's own quiet level."""
        risen = self._tension.push(m.muscle, good, n_new, self._settings.muscle_rise)
        over = self._places.muscle & good
        found = widespread("muscle rise", over, risen, self._settings)
        # A few electrodes say nothing and cost nothing, unlike `muscle`: each has its twitches.
        return found if found.whole else found._replace(channels=np.zeros(len(good), bool))

    def _events(self, faults: Sequence[str]) -> list[Disturbed]:
        """Return the faults that began not long ago and reach the other channels, too."""
        lasting = int(self._settings.lasting * self._rate)
        young = {
            fault
            for fault, channel in zip(faults, self._memory, strict=True)
            if channel.age < lasting
        }
        nobody = np.zeros(len(faults), bool)
        return [Disturbed(name, True, nobody) for name in EVENTS if name in young]

    def _whole(
        self,
        good: Flags,
        n_new: int,
        n_times: int,
        lost: int,
        motion: npt.NDArray[np.float32] | None,
    ) -> list[Disturbed]:
        """Return what disturbs all channels alike."""
        rows = np.empty((0, 3), np.float32) if motion is None else motion
        found = []
        if self._motion.push(n_new, n_times, rows) >= self._settings.motion:
            found.append(Disturbed("motion", True, good))
        if lost > self._settings.lost * n_times:
            found.append(Disturbed("lost samples", True, good))
        return found

    def _hints(self, m: Measures, raw: Floats, good: Flags, n_new: int) -> tuple[str, ...]:
        gone = self._alpha.push(m.alpha, m.flanks, good, n_new)
        rolls = self._eyes.push(raw, good, n_new)
        hints = ((ALPHA_GONE, gone), (SLOW_EYES, rolls))
        return tuple(hint for hint, there in hints if there)

    def _overall(self, good: Flags, found: Sequence[Disturbed], lost: float) -> float:
        """Return the share of good channels, less what is disturbed or lost."""
        touched = np.any([item.channels for item in found], axis=0) & good
        whole = float(np.count_nonzero(good) - self._settings.cost * np.count_nonzero(touched))
        return whole / len(good) * (1 - min(1.0, lost))

    def _channels(self, m: Measures) -> tuple[ChannelQuality, ...]:
        """Return what is known of the channels, in the order of the stream."""
        by_name = [
            ChannelQuality(
                name=name,
                ok=not channel.fault,
                reason=channel.fault,
                level=round(float(level), 2) if finite else None,
            )
            for name, channel, level, finite in zip(
                self.names, self._memory, m.level, m.finite, strict=True
            )
        ]
        return tuple(by_name[i] for i in self._order)

    def _level(self, overall: float) -> Literal["good", "fair", "low"]:
        if overall >= self._settings.good:
            return "good"
        return "fair" if overall >= self._settings.fair else "low"

    def _reason(self, good: Flags, artifacts: Sequence[Artifact]) -> str:
        n_good, settings = int(np.count_nonzero(good)), self._settings
        # The share is a decimal in a file: 0.56 of 25 channels are 14, whatever 0.56 * 25 is.
        if n_good < settings.valid * len(good) - 1e-9:
            return f"{n_good} of {len(good)} channels ok, {settings.valid:.0%} needed"
        return ", ".join(name for name in artifacts if name in settings.invalid)
