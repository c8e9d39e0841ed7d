"""Filters of the samples as they come, and the reference of a whole window (pure).

All filters are causal and keep their state from chunk to chunk. They are cascades of second-order
sections: a transfer function as one pair of polynomials loses its accuracy at corners far below the
sampling rate (Oppenheim and Schafer, Discrete-Time Signal Processing, section 6.9).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
from scipy import signal

from rym.errors import SignalError, UsageError

from ..montage import clean, is_scalp
from ..settings import ConditioningSettings

Floats = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32] | Floats

RECORDED = "recorded"
AVERAGE = "average"


class Conditioner:
    """High-pass, low-pass and notch of a signal that arrives in chunks of any size.

    With a high-pass and a low-pass the two are one Butterworth band-pass, so that both corners lie
    at −3 dB however near they are. A segment starts as if its first sample had always been there.
    A sample that is not finite counts as the channel's last finite one, so that it cannot poison
    the state; a channel is 0 until its first finite sample.

    Parameters
    ----------
    settings : ConditioningSettings
        Which filters.
    rate : float
        Samples per second.
    n_channels : int
        Columns of the signal.

    Raises
    ------
    UsageError
        If a corner does not lie below half the rate, the low-pass not above the high-pass, or the
        notch reaches 0 Hz or half the rate.
    """

    def __init__(self, settings: ConditioningSettings, rate: float, n_channels: int) -> None:
        _check(settings, rate)
        self._rate = rate
        self._sos = _design(settings, rate)
        # Butterworth and notch sections pass a constant whole or not at all.
        self._keeps_offset = settings.high_pass == 0
        self._n_channels = n_channels
        self.description = describe(settings)
        """Filters and reference in short; goes into `Window.conditioning`."""
        self.restart()

    def restart(self) -> None:
        """Begin a segment with the next sample."""
        # What the filters see is the distance from the segment's first sample: this is their steady
        # state without its rounding, which at −18 mV would leave more than a hundred picovolts.
        self._origin = np.full(self._n_channels, np.nan)
        self._last = np.full(self._n_channels, np.nan)
        self._started = False
        self._state = np.zeros((len(self._sos), 2, self._n_channels))

    def push(self, samples: Samples) -> Floats:
        """Filter the next samples.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            In µV; any number of them, none included.

        Returns
        -------
        array of shape (n_times, n_channels)
            In µV, a new array.
        """
        if not len(samples):
            return np.empty((0, self._n_channels))
        known = self._finite(samples)
        before = np.isnan(known)
        if len(self._sos):
            distance = np.where(before, 0.0, known - self._origin)
            known, self._state = signal.sosfilt(self._sos, distance, axis=0, zi=self._state)
            if self._keeps_offset:
                known += self._origin
        known[before] = 0.0
        return known

    def group_delay(self, hz: float = 10.0) -> float:
        """Return by how much the filters delay a slow change of a rhythm, in seconds.

        Each polynomial c(z) of a section contributes Re{Σ k·c_k·z⁻ᵏ / Σ c_k·z⁻ᵏ} samples, that of
        the denominator with a minus sign (Oppenheim and Schafer, section 5.1.2).

        Parameters
        ----------
        hz : float
            Frequency of the rhythm; not 0 and not that of the notch, where nothing passes.
        """
        k = np.arange(3)
        z = np.exp(-2j * np.pi * hz / self._rate * k)
        powers = np.stack([self._sos[:, :3], self._sos[:, 3:]]) * z
        zeros, poles = ((powers * k).sum(axis=2) / powers.sum(axis=2)).real
        return float((zeros - poles).sum()) / self._rate

    def _finite(self, samples: Samples) -> Floats:
        """Return a copy in which the channel's last finite sample stands for one that is not.

        It is NaN before the first one.
        """
        known = samples.astype(np.float64)
        finite = np.isfinite(known)
        if not (self._started and finite.all()):
            known = self._mended(known, finite)
        self._last = known[-1].copy()
        return known

    def _mended(self, known: Floats, finite: npt.NDArray[np.bool_]) -> Floats:
        first = known[finite.argmax(axis=0), np.arange(self._n_channels)]
        self._origin = np.where(np.isnan(self._origin) & finite.any(axis=0), first, self._origin)
        self._started = not np.isnan(self._origin).any()
        # Row 0 is the last finite sample of the chunks before, NaN where there was none yet.
        rows = np.where(finite, np.arange(1, len(known) + 1)[:, None], 0)
        newest = np.maximum.accumulate(rows, axis=0)
        mended = np.take_along_axis(np.vstack([self._last, known]), newest, axis=0)
        return np.asarray(mended)


class Reference:
    """Subtracts a reference from whole windows, good channels only.

    It is a matter of whole windows because the mask is: a reference that changed between two
    samples of a window would put a step into every channel.

    Parameters
    ----------
    channels : sequence of str
        Names of the columns.
    reference : str
        `recorded`, `average`, or names with commas between them, as in the settings.

    Raises
    ------
    UsageError
        If the setting holds no name.
    SignalError
        If a named channel is not in the stream, or the average has no scalp channel to rest on.
    """

    def __init__(self, channels: Sequence[str], reference: str) -> None:
        self._scalp = [i for i, name in enumerate(channels) if is_scalp(name)]
        self._columns = _columns(channels, reference_names(reference))
        if reference == AVERAGE:
            self._columns = {channels[i]: i for i in self._scalp}
            if not self._columns:
                raise SignalError(
                    f"[stream.conditioning] reference is {reference}, but none of the stream's "
                    f"channels is on the scalp: {', '.join(channels)}.",
                    "Name the electrodes with [stream] montage, or set the reference to recorded.",
                )

    def apply(self, window: Floats, bad: Collection[str]) -> tuple[Floats, str]:
        """Return a window against the reference, and why it is unchanged.

        The mean of the reference's good channels is subtracted from every scalp channel, bad ones
        included; other channels have a reference of their own.

        Parameters
        ----------
        window : array of shape (n_times, n_channels)
            In µV.
        bad : collection of str
            Channels that cannot be trusted in this window.

        Returns
        -------
        array of shape (n_times, n_channels)
            In µV; the window itself where nothing is subtracted.
        str
            Why nothing could be subtracted; empty otherwise.
        """
        if not self._columns:
            return window, ""
        good = [i for name, i in self._columns.items() if name not in bad]
        if not good:
            return window, f"no good reference channel of {', '.join(self._columns)}"
        out = window.copy()
        out[:, self._scalp] -= window[:, good].mean(axis=1, keepdims=True)
        return out, ""


def reference_names(reference: str) -> tuple[str, ...]:
    """Return the channels that the setting `reference` names, in one spelling, each once.

    Parameters
    ----------
    reference : str
        As in the settings; `recorded` and `average` name no channel.

    Raises
    ------
    UsageError
        If the setting is empty.
    """
    if reference in (RECORDED, AVERAGE):
        return ()
    names = tuple(dict.fromkeys(clean(name) for name in reference.split(",") if name.strip()))
    if not names:
        raise UsageError(
            f'[stream.conditioning] reference is "{reference}", which names no channel.',
            f"Set {RECORDED}, {AVERAGE}, or channel names with commas between them.",
        )
    return names


def describe(settings: ConditioningSettings) -> str:
    """Return the conditioning in short, such as `hp 0.5 Hz/2, notch 50 Hz/2, ref recorded`.

    Behind the oblique stands the order of a high-, low- or band-pass and the width of a notch.
    Artifact subspace reconstruction is named with its cutoff (`asr 20`).

    Parameters
    ----------
    settings : ConditioningSettings
        Which filters and which reference.
    """
    low, high, order = settings.high_pass, settings.low_pass, settings.order
    parts = []
    if low and high:
        parts.append(f"bp {low:g}-{high:g} Hz/{order}")
    elif low:
        parts.append(f"hp {low:g} Hz/{order}")
    elif high:
        parts.append(f"lp {high:g} Hz/{order}")
    if settings.line:
        parts.append(f"notch {settings.line} Hz/{settings.notch_width:g}")
    if settings.asr:
        parts.append(f"asr {settings.asr:g}")
    names = reference_names(settings.reference)
    return ", ".join([*parts, f"ref {'+'.join(names) or settings.reference}"])


def _columns(channels: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Return the columns of the named channels, under the names that the stream gives them."""
    places = {clean(name): i for i, name in enumerate(channels)}
    missing = [name for name in names if name not in places]
    if missing:
        raise SignalError(
            f"[stream.conditioning] reference names {', '.join(missing)}, but the stream has "
            f"{', '.join(channels)}.",
            "Name channels of the stream, or set the reference to recorded or average.",
            missing=tuple(missing),
            channels=tuple(channels),
        )
    return {channels[places[name]]: places[name] for name in names}


def _design(settings: ConditioningSettings, rate: float) -> Floats:
    """Return all filters as one cascade of shape (n_sections, 6)."""
    low, high = settings.high_pass, settings.low_pass
    sections = [np.empty((0, 6))]
    if low and high:
        sections.append(
            signal.butter(settings.order, [low, high], "bandpass", fs=rate, output="sos")
        )
    elif low:
        sections.append(signal.butter(settings.order, low, "highpass", fs=rate, output="sos"))
    elif high:
        sections.append(signal.butter(settings.order, high, "lowpass", fs=rate, output="sos"))
    if settings.line:
        b, a = signal.iirnotch(settings.line, settings.line / settings.notch_width, fs=rate)
        sections.append(np.concatenate([b, a])[None])
    return np.concatenate(sections)


def _check(settings: ConditioningSettings, rate: float) -> None:
    """Raise UsageError for filters that cannot be made at this rate."""
    low, high, half = settings.high_pass, settings.low_pass, rate / 2
    for name, corner in (("high_pass", low), ("low_pass", high)):
        if corner >= half:
            raise UsageError(
                f"[stream.conditioning] {name} is {corner:g} Hz, but at {rate:g} samples per second"
                f" it must lie below {half:g} Hz.",
                f"Set a {name} below {half:g} Hz, or 0 to switch it off.",
                corner=corner,
                rate=rate,
            )
    if high and high <= low:
        raise UsageError(
            f"[stream.conditioning] low_pass is {high:g} Hz, not above the high_pass of {low:g} Hz:"
            " nothing would be left.",
            "Set a low_pass above the high_pass, or one of them to 0.",
            low_pass=high,
            high_pass=low,
        )
    line, width = settings.line, settings.notch_width
    if line and (line + width / 2 >= half or width / 2 >= line):
        raise UsageError(
            f"[stream.conditioning] a notch at {line} Hz, {width:g} Hz wide, does not fit between 0"
            f" and {half:g} Hz, half of {rate:g} samples per second.",
            "Set line = 0, or a narrower notch_width.",
            line=line,
            rate=rate,
        )
