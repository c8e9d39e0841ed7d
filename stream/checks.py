"""What is refused at the start: a stream that is not what the settings expect (pure)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

from rym.errors import SignalError

from .items import Chunk
from .montage import clean, is_scalp
from .quality import robust_sd
from .settings import StreamSettings

LEVEL_S = 3.0
"""Seconds of signal whose level is looked at."""
RATE_S = 5.0
"""Seconds over which the rate is measured."""
RATE_OFF = 0.01
"""Share by which the measured rate may differ from the declared one."""
LOWEST_RATE = 50.0
"""Samples per second below which no EEG up to 25 Hz can be had."""

_MICROVOLTS: dict[str, float] = {
    **dict.fromkeys(("µv", "μv", "uv", "microvolt", "microvolts"), 1.0),
    **dict.fromkeys(("nv", "nanovolt", "nanovolts"), 1e-3),
    **dict.fromkeys(("mv", "millivolt", "millivolts"), 1e3),
    **dict.fromkeys(("v", "volt", "volts"), 1e6),
}
"""µV per unit, by the unit's name in lower case; the two signs for µ are different characters."""

OVERRIDE_UNIT = "Set [stream] unit to the unit in which the samples arrive."


class Declared(NamedTuple):
    """What a stream says about itself."""

    name: str
    source_id: str
    uid: str
    host: str
    rate: float
    """Samples per second; 0 for an irregular stream."""
    n_channels: int
    labels: tuple[str, ...]
    """One per channel, or none at all."""
    units: tuple[str, ...]
    """One per channel, empty where it is not said, or none at all."""


class Signal(NamedTuple):
    """What the samples are, as agreed between stream and settings."""

    channels: tuple[str, ...]
    """Cleaned names, one per column."""
    rate: float
    """Samples per second."""
    unit: str
    """Unit in which the samples arrive."""
    scale: float
    """µV per that unit."""


def agree(declared: Declared, settings: StreamSettings) -> Signal:
    """Lay what a stream declares beside what the settings expect.

    Parameters
    ----------
    declared : Declared
        From the stream's header.
    settings : StreamSettings
        Expected rate, channels, montage and unit.

    Returns
    -------
    Signal
        What both agree on.

    Raises
    ------
    SignalError
        If the rate differs, channels have no names or the same name, a required one or every scalp
        electrode is missing, or the unit is unknown.
    """
    _check_rate(declared, settings)
    channels = _channels(declared, settings)
    unit, scale = _unit(declared, channels, settings)
    return Signal(channels, declared.rate, unit, scale)


def _check_rate(declared: Declared, settings: StreamSettings) -> None:
    if declared.rate < LOWEST_RATE:
        raise SignalError(
            f"The stream {declared.name} declares {declared.rate:g} Hz, "
            f"at least {LOWEST_RATE:g} Hz are needed.",
            "Choose an EEG stream with [stream] lsl_type or lsl_name.",
            declared=declared.rate,
        )
    if settings.rate and declared.rate != settings.rate:
        raise SignalError(
            f"The stream {declared.name} declares {declared.rate:g} Hz, "
            f"expected are {settings.rate:g} Hz.",
            "Change the rate in the recording software, or [stream] rate (0 takes any).",
            declared=declared.rate,
            expected=settings.rate,
        )


def _channels(declared: Declared, settings: StreamSettings) -> tuple[str, ...]:
    n = declared.n_channels
    if settings.montage and len(settings.montage) != n:
        raise SignalError(
            f"[stream] montage names {len(settings.montage)} channels, "
            f"the stream {declared.name} has {n}.",
            "Name every channel in [stream] montage, in the order of the stream.",
            named=len(settings.montage),
            found=n,
        )
    channels = tuple(clean(label) for label in settings.montage or declared.labels)
    if len(channels) != n or not all(channels):
        n_named = sum(map(bool, channels))
        raise SignalError(
            f"The stream {declared.name} has {n} channels and names {n_named} of them.",
            "Name all of them in [stream] montage, in the order of the stream.",
            found=n,
        )
    twice = sorted({name for name in channels if channels.count(name) > 1})
    if twice:
        raise SignalError(
            f"The stream {declared.name} has more than one channel named {', '.join(twice)}.",
            "Name every channel differently, in the recording software or in [stream] montage.",
            channels=twice,
        )
    missing = [name for name in map(clean, settings.channels) if name not in channels]
    if missing:
        raise SignalError(
            f"The stream {declared.name} lacks {', '.join(missing)}; it has {', '.join(channels)}.",
            "Attach these electrodes, name them in [stream] montage, or change [stream] channels.",
            missing=missing,
            found=channels,
        )
    if not any(map(is_scalp, channels)):
        raise SignalError(
            f"None of the channels of {declared.name} is a 10-20 electrode: {', '.join(channels)}.",
            "Name them in [stream] montage, in the order of the stream.",
            found=channels,
        )
    return channels


def _unit(
    declared: Declared, channels: tuple[str, ...], settings: StreamSettings
) -> tuple[str, float]:
    if settings.unit != "auto":
        return settings.unit, _MICROVOLTS[settings.unit.lower()]
    said = {
        unit.strip()
        for name, unit in zip(channels, declared.units, strict=False)
        if is_scalp(name) and unit.strip()
    }
    if not said:
        return "µV", 1.0
    known = {unit: _MICROVOLTS.get(unit.lower()) for unit in sorted(said)}
    scales = set(known.values())
    scale = scales.pop()
    if scale is None or scales:
        raise SignalError(
            f"The stream {declared.name} declares the unit {' and '.join(known)}; "
            "known are µV, nV, mV and V, one for all electrodes.",
            OVERRIDE_UNIT,
            found=sorted(said),
        )
    return next(iter(known)), scale


class StartCheck:
    """Looks at the first seconds of a signal and refuses what cannot be EEG.

    Parameters
    ----------
    signal : Signal
        What was agreed on.
    settings : StreamSettings
        Plausible levels, and the age from which samples are late.
    """

    def __init__(self, signal: Signal, settings: StreamSettings) -> None:
        self._signal = signal
        self._settings = settings
        self._samples: list[npt.NDArray[np.float32]] = []
        self._stamps: list[npt.NDArray[np.float64]] = []
        self._n = 0
        self._n_live = 0
        self._level_open = True
        self._rate_open = True

    def push(self, chunk: Chunk) -> bool:
        """Take in one chunk.

        Parameters
        ----------
        chunk : Chunk
            As recorded, late ones included.

        Returns
        -------
        bool
            True once, with the chunk that was the last to be looked at.

        Raises
        ------
        SignalError
            If the level is implausible, the measured rate is more than 1 % off, or every sample so
            far came late.
        """
        if not self._rate_open:
            return False
        self._n += len(chunk.samples)
        self._n_live += 0 if chunk.late else len(chunk.samples)
        self._stamps.append(chunk.stamps)
        if self._level_open:
            self._samples.append(chunk.samples)
            if self._n >= LEVEL_S * self._signal.rate:
                self._check_level(np.concatenate(self._samples))
                self._level_open = False
                self._samples.clear()
        span = self._stamps[-1][-1] - self._stamps[0][0]
        # Stamps that stand still never span five seconds; twice the samples are enough to judge.
        if span >= RATE_S or self._n >= 2 * RATE_S * self._signal.rate:
            self._check_rate(np.concatenate(self._stamps))
            self._check_age()
            self._rate_open = False
            self._stamps.clear()
        return not self._rate_open

    def _check_level(self, samples: npt.NDArray[np.float32]) -> None:
        """Judge the median scalp channel, after a 1 Hz high-pass, by its robust SD.

        A badly attached cap is no reason to refuse the stream: channels that stand still are left
        out, and the median forgives the rest.
        """
        columns = [i for i, name in enumerate(self._signal.channels) if is_scalp(name)]
        raw = samples[:, columns].astype(np.float64)
        raw = raw[:, np.isfinite(raw).all(axis=0) & (np.ptp(raw, axis=0) > 0)]
        if not raw.size:
            return
        sos = butter(2, 1.0, "highpass", fs=self._signal.rate, output="sos")
        found = float(np.median(robust_sd(sosfiltfilt(sos, raw, axis=0))))
        low, high = self._settings.quality.level_low, self._settings.quality.level_high
        if not low <= found <= high:
            raise SignalError(
                f"The median channel's robust SD is {found:.3g} µV if the samples are in "
                f"{self._signal.unit}; plausible are {low:g} to {high:g} µV.",
                OVERRIDE_UNIT,
                measured=found,
                unit=self._signal.unit,
            )

    def _check_rate(self, stamps: npt.NDArray[np.float64]) -> None:
        steps = np.diff(stamps)
        span = float(stamps[-1] - stamps[0])
        declared = self._signal.rate
        # One outage in these seconds is a gap, not a wrong rate: without the longest step it fits.
        rates = (len(steps) / span, (len(steps) - 1) / (span - steps.max())) if span > 0 else (0.0,)
        if all(abs(rate - declared) > RATE_OFF * declared for rate in rates):
            raise SignalError(
                f"The stream declares {declared:g} Hz, but {rates[0]:.4g} samples a second came "
                f"over {span:.3g} s.",
                "Check the device and its connection; samples may be lost on the way.",
                declared=declared,
                measured=rates[0],
            )

    def _check_age(self) -> None:
        if self._n_live == 0:
            raise SignalError(
                f"Every sample so far came more than {self._settings.max_age:g} s after its stamp.",
                "Check the sender's clock and connection, or raise [stream] max_age.",
                max_age=self._settings.max_age,
            )
