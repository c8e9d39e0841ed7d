"""What is refused at the start: a stream that is not what the settings expect (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

from rym.errors import SignalError

from .items import Chunk
from .montage import clean, is_scalp
from .quality.judge import robust_sd
from .settings import StreamSettings
from .timing.steps import OUTAGE_S, RATE_OFF, RATE_S, plain_rates, whole_rate

LEVEL_S = 3.0
"""Seconds of signal whose level is looked at."""
LOST_TOLD = 0.001
"""Share of lost samples from which it is told."""
LOWEST_RATE = 50.0
"""Samples per second below which no EEG up to 25 Hz can be had."""
HIGHEST_RATE = 100_000.0
"""Samples per second that no EEG amplifier exceeds."""

_MICROVOLTS: dict[str, float] = {
    **dict.fromkeys(("µv", "μv", "uv", "microvolt", "microvolts"), 1.0),
    **dict.fromkeys(("nv", "nanovolt", "nanovolts"), 1e-3),
    **dict.fromkeys(("mv", "millivolt", "millivolts"), 1e3),
    **dict.fromkeys(("v", "volt", "volts"), 1e6),
}
"""µV per unit, by the unit's name in lower case; the two signs for µ are different characters."""

FORMS = ("float32", "double64", "int8", "int16", "int32", "int64")
"""Formats of samples that are numbers, by liblsl's names."""

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
    form: str = "float32"
    """Format of the samples, by liblsl's name for it."""


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
    declared: bool = True
    """Whether the stream itself declares that rate; else `[stream] rate` does."""

    @property
    def scalp(self) -> tuple[str, ...]:
        """Names of the electrodes on the scalp."""
        return tuple(name for name in self.channels if is_scalp(name))

    @property
    def auxiliary(self) -> tuple[str, ...]:
        """Names of all other channels, which are recorded and never decoded."""
        return tuple(name for name in self.channels if not is_scalp(name))


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
        If the samples are text, the rate differs or is not known, channels have no names or the
        same name, a required one or every scalp electrode is missing, or the unit is unknown.
    """
    _check_form(declared)
    rate = _rate(declared, settings)
    channels = _channels(declared, settings)
    unit, scale = _unit(declared, channels, settings)
    return Signal(channels, rate, unit, scale, declared.rate > 0)


def model_check(model: Sequence[str], stream: Sequence[str]) -> None:
    """Refuse a stream that lacks what a trained model needs; order and further channels are free.

    Parameters
    ----------
    model : sequence of str
        Channels that the model was trained on.
    stream : sequence of str
        Channels of the stream.

    Raises
    ------
    SignalError
        If one is missing; those that are missing and those that are there are named.
    """
    there = {clean(name) for name in stream}
    needed = [clean(name) for name in model]
    missing = [name for name in needed if name not in there]
    if missing:
        present = [name for name in needed if name in there]
        raise SignalError(
            f"The model was trained on {len(needed)} channels, and the stream lacks "
            f"{', '.join(missing)}; of the others it has {', '.join(present) or 'none'}.",
            "Attach these electrodes, name them in [stream] montage, or train a model on the "
            "channels that are there.",
            missing=missing,
            present=present,
            stream=tuple(stream),
        )


def _check_form(declared: Declared) -> None:
    if declared.form not in FORMS or declared.n_channels < 1:
        what = "text" if declared.form == "string" else f"samples of the format {declared.form}"
        raise SignalError(
            f"The stream {declared.name} carries {what} in {declared.n_channels} channels, EEG is "
            f"numbers ({', '.join(FORMS)}) in at least one.",
            "Choose an EEG stream with [stream] lsl_type or lsl_name.",
            form=declared.form,
            found=declared.n_channels,
        )


def _rate(declared: Declared, settings: StreamSettings) -> float:
    rate = declared.rate or settings.rate
    if not rate:
        raise SignalError(
            f"The stream {declared.name} declares no rate (0 Hz), and [stream] rate is 0, too.",
            "Set [stream] rate to the samples per second of the device; rym doctor measures them.",
            declared=declared.rate,
        )
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        where = f"The stream {declared.name} declares" if declared.rate else "[stream] rate says"
        raise SignalError(
            f"{where} {rate:g} Hz, {LOWEST_RATE:g} to {HIGHEST_RATE:g} Hz are possible.",
            "Choose an EEG stream with [stream] lsl_type or lsl_name, or correct [stream] rate.",
            declared=declared.rate,
        )
    if settings.rate and rate != settings.rate:
        raise SignalError(
            f"The stream {declared.name} declares {declared.rate:g} Hz, "
            f"expected are {settings.rate:g} Hz.",
            "Change the rate in the recording software, or [stream] rate (0 takes any, with a "
            "model the one that it was trained on).",
            declared=declared.rate,
            expected=settings.rate,
        )
    return rate


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
    model_check(settings.model_channels, channels)
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

    Attributes
    ----------
    lost : float
        Share of the samples of these seconds that never came, 0…1, as far as the stamps show it.
    measured : float
        Samples per second, the lost ones included; 0 until it is known.
    """

    def __init__(self, signal: Signal, settings: StreamSettings) -> None:
        self._signal = signal
        self._settings = settings
        self._samples: list[npt.NDArray[np.float32]] = []
        self._steps: list[npt.NDArray[np.float64]] = []
        self._last = np.nan
        self._span = 0.0
        self._n = 0
        self._n_live = 0
        self._level_open = True
        self._rate_open = True
        self.lost = 0.0
        self.measured = 0.0

    @property
    def note(self) -> str:
        """What is worth telling about these seconds, in one sentence; empty where nothing is."""
        if self.lost < LOST_TOLD:
            return ""
        return f"{100 * self.lost:.2g} % of the samples were lost in the first {RATE_S:g} s."

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
        if not self._rate_open or not len(chunk.samples):
            return False
        self._n += len(chunk.samples)
        self._n_live += 0 if chunk.late else len(chunk.samples)
        if self._level_open:
            self._see_level(chunk.samples)
        self._see_steps(chunk.stamps)
        # Stamps that stand still never span five seconds; twice the samples are enough to judge.
        if self._span >= RATE_S or self._n >= 2 * RATE_S * self._signal.rate:
            self._check_rate(np.concatenate(self._steps))
            self._check_age()
            self._rate_open = False
            self._steps.clear()
        return not self._rate_open

    def _see_level(self, samples: npt.NDArray[np.float32]) -> None:
        """Keep samples until there are enough of them, and judge them."""
        self._samples.append(samples)
        enough = round(LEVEL_S * self._signal.rate)
        if self._n >= enough:
            self._check_level(np.concatenate(self._samples)[:enough])
            self._level_open = False
            self._samples.clear()

    def _see_steps(self, stamps: npt.NDArray[np.float64]) -> None:
        """Keep the steps between stamps, and how much time they make up without outages."""
        with np.errstate(invalid="ignore"):
            steps = np.diff(stamps, prepend=self._last)
        steps = steps[np.isfinite(steps)]
        self._last = stamps[-1]
        self._steps.append(steps)
        self._span += float(steps[np.abs(steps) < OUTAGE_S].sum())

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
                OVERRIDE_UNIT + self._fitting(found, low, high),
                measured=found,
                unit=self._signal.unit,
            )

    def _fitting(self, found: float, low: float, high: float) -> str:
        """Return a hint at the unit with which the level would be plausible, if there is one."""
        levels = {
            unit: found / self._signal.scale * _MICROVOLTS[unit.lower()]
            for unit in ("nV", "µV", "mV", "V")
        }
        fits = [
            f"{unit} ({level:.3g} µV)" for unit, level in levels.items() if low <= level <= high
        ]
        return f" Plausible would be {' or '.join(fits)}." if fits else ""

    def _check_rate(self, steps: npt.NDArray[np.float64]) -> None:
        expected = self._signal.rate
        rate, self.lost = whole_rate(steps, expected)
        rates = (*plain_rates(steps), rate)
        nearest = min(rates, key=lambda one: abs(one - expected))
        if abs(nearest - expected) <= RATE_OFF * expected:
            self.measured = nearest
            return
        said = "The stream declares" if self._signal.declared else "[stream] rate says"
        remedy = (
            "Check the device and its connection; samples may be lost on the way."
            if self._signal.declared
            else f"If that is the device's rate, set [stream] rate to {rates[0]:.4g}."
        )
        raise SignalError(
            f"{said} {expected:g} Hz, but {rates[0]:.4g} samples a second came "
            f"over {max(0.0, float(steps.sum())):.3g} s.",
            remedy,
            declared=expected,
            measured=rates[0],
        )

    def _check_age(self) -> None:
        if self._n_live == 0:
            raise SignalError(
                f"Every sample so far came more than {self._settings.max_age:g} s after its stamp, "
                f"or more than {self._settings.max_ahead:g} s before it.",
                "Check the sender's clock and connection, let LSL through the firewall (UDP ports "
                "16572 to 16604: without them its clock cannot be measured), or raise [stream] "
                "max_age or max_ahead.",
                max_age=self._settings.max_age,
                max_ahead=self._settings.max_ahead,
            )
