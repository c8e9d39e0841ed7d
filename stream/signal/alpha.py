"""Alpha with eyes open and with eyes closed: the oldest sign that a cap records a brain (pure).

With the eyes closed, the 8–12 Hz rhythm over the back of the head grows (Berger, Arch. Psychiatr.
Nervenkr. 87, 1929; Barry et al., Clin. Neurophysiol. 118, 2007). Cap, montage, unit, reference and
filters all have to be right for it to show in the windows that a decoder gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import detrend, get_window

from rym.messages import Window

from ..montage import is_scalp

Array = npt.NDArray[np.float64]

BAND = (8.0, 12.0)
"""Alpha in Hz, borders included."""
FLANKS = ((4.0, 7.0), (14.0, 20.0))
"""What must not rise alike, in Hz: movement and a bad contact raise every band."""
PEAK_WITHIN = (7.0, 13.5)
"""Hz within which a person's own alpha peak is looked for."""
SEGMENT_S = 2.0
"""Seconds of a Welch segment; half of it is the step."""
SHORTEST_S = 5.0
"""Seconds of usable signal that a channel needs in each condition."""
RISE_DB = 3.0
"""Median rise in dB from which alpha is seen: twice the power. Of 280 pairs of 20 s from the same
rest of the same person (five people of `../shared/eeg/rest_arithmetic`) 2 % differ by as much."""
EXCESS_DB = 1.5
"""Part of the rise in dB that the flanks must not share."""
BACK = ("P", "PO", "O", "I")
"""Rows of electrodes over the back of the head."""


class AlphaRise(NamedTuple):
    """What closing the eyes did."""

    seen: bool
    rise: dict[str, float]
    """Rise of the 8–12 Hz power in dB, per usable scalp channel."""
    peak: float | None
    """Hz of the largest power with eyes closed; None where no channel could be used."""
    median: float | None
    """Median rise in dB of the channels that decide: those at the back where there are two."""
    excess: float | None
    """How much of it 4–7 and 14–20 Hz did not share, in dB."""
    decided_by: tuple[str, ...]
    """Those channels, the largest rise first."""
    left_out: dict[str, str]
    """Scalp channels without an answer, and why."""
    windows: tuple[int, int]
    """Windows with eyes open and closed."""
    invalid: tuple[int, int]
    """How many of them could not be used."""


class _Spectrum(NamedTuple):
    """Mean power of one condition."""

    frequency: Array
    power: Array
    """Array of shape (n_frequencies, n_channels), µV²/Hz up to a factor; nan where unusable."""
    seconds: Array
    """Array of shape (n_channels,), usable signal in seconds."""


def alpha_rise(open_windows: Sequence[Window], closed_windows: Sequence[Window]) -> AlphaRise:
    """Compare the power between 8 and 12 Hz with eyes closed to that with eyes open.

    Parameters
    ----------
    open_windows, closed_windows : sequence of Window
        In their order, as the stream gave them; overlapping ones are put together again.

    Returns
    -------
    AlphaRise
        Windows that are not valid, and channels while they are bad, are left out.

    Notes
    -----
    Welch's method: Hann segments of 2 s, half overlapping, means over time (Welch, IEEE Trans.
    Audio Electroacoust. 15, 1967). The power is absolute: a filter or a scale that both conditions
    went through falls out of the ratio.
    """
    both = (list(open_windows), list(closed_windows))
    invalid = (_invalid(both[0]), _invalid(both[1]))
    counts = (len(both[0]), len(both[1]))
    names = tuple(name for name in _channels(both) if is_scalp(name))
    before, after = (_spectrum(windows, names) for windows in both)
    if before is None or after is None:
        why = "no valid stretch of 2 s"
        left_out = dict.fromkeys(names, why)
        return AlphaRise(False, {}, None, None, None, (), left_out, counts, invalid)
    left_out = {
        name: f"{min(seconds):.0f} s usable, {SHORTEST_S:g} s are needed"
        for name, *seconds in zip(names, before.seconds, after.seconds, strict=True)
        if min(seconds) < SHORTEST_S
    }
    kept = [i for i, name in enumerate(names) if name not in left_out]
    rise = _band(after, BAND)[kept] - _band(before, BAND)[kept]
    flanks = [_band(after, flank)[kept] - _band(before, flank)[kept] for flank in FLANKS]
    found = dict(zip([names[i] for i in kept], map(float, rise), strict=True))
    deciding = [i for i, name in enumerate(found) if name.rstrip("z0123456789") in BACK]
    deciding = deciding if len(deciding) > 1 else list(range(len(found)))
    if not deciding:
        return AlphaRise(False, {}, None, None, None, (), left_out, counts, invalid)
    median = float(np.median(rise[deciding]))
    excess = float(np.median((rise - np.mean(flanks, axis=0))[deciding]))
    ordered = sorted((list(found)[i] for i in deciding), key=lambda name: -found[name])
    return AlphaRise(
        seen=median >= RISE_DB and excess >= EXCESS_DB,
        rise=found,
        peak=_peak(after, [kept[i] for i in deciding]),
        median=median,
        excess=excess,
        decided_by=tuple(ordered),
        left_out=left_out,
        windows=counts,
        invalid=invalid,
    )


def _invalid(windows: Iterable[Window]) -> int:
    return sum(not window.valid for window in windows)


def _channels(both: Iterable[Sequence[Window]]) -> tuple[str, ...]:
    """Return the channels that all windows have, in the order of the first."""
    every = [window.channels for windows in both for window in windows]
    common = set(every[0]).intersection(*every) if every else set()
    return tuple(name for name in every[0] if name in common) if every else ()


def _spectrum(windows: Sequence[Window], names: Sequence[str]) -> _Spectrum | None:
    """Return the mean power of all whole segments; None where there is no segment."""
    stretches = _stretches([window for window in windows if window.valid], names)
    if not names or not stretches:
        return None
    rate = windows[0].rate
    n = round(SEGMENT_S * rate)
    taper = get_window("hann", n)
    power = np.zeros((n // 2 + 1, len(names)))
    count = np.zeros(len(names))
    for samples, usable in stretches:
        for first in range(0, len(samples) - n + 1, n // 2):
            part = detrend(samples[first : first + n], axis=0) * taper[:, None]
            good = usable[first : first + n].all(axis=0)
            power[:, good] += np.abs(np.fft.rfft(part[:, good], axis=0)) ** 2
            count += good
    if not count.any():
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, power / count, np.nan)
    # n segments that overlap by half cover (n + 1) / 2 of their length.
    seconds = np.where(count > 0, (count + 1) / 2 * SEGMENT_S, 0.0)
    frequency = np.asarray(np.fft.rfftfreq(n, 1 / rate), np.float64)
    return _Spectrum(frequency, mean, seconds)


def _stretches(
    windows: Sequence[Window], names: Sequence[str]
) -> list[tuple[Array, npt.NDArray[np.bool_]]]:
    """Put overlapping windows together: samples without a hole, and where each channel is good."""
    found: list[tuple[Array, npt.NDArray[np.bool_]]] = []
    last: Window | None = None
    for window in windows:
        samples = window.samples[:, [window.channels.index(name) for name in names]]
        good = np.tile([name not in window.bad for name in names], (len(samples), 1))
        n_old = len(samples) - window.n_new
        if last is not None and _follows(window, last):
            before, usable = found[-1]
            usable[len(usable) - n_old :] &= good[:n_old]
            found[-1] = (
                np.concatenate([before, samples[n_old:]]),
                np.concatenate([usable, good[n_old:]]),
            )
        else:
            found.append((samples.astype(np.float64), good))
        last = window
    return found


def _follows(window: Window, last: Window) -> bool:
    """Say whether a window's new samples continue the one before it."""
    end = last.first_sample + len(last.samples)
    begin_of_new = window.first_sample + len(window.samples) - window.n_new
    same = window.segment == last.segment and window.rate == last.rate
    return same and begin_of_new == end and window.first_sample > last.first_sample


def _band(spectrum: _Spectrum, band: tuple[float, float]) -> Array:
    """Return the power of a band in dB, per channel."""
    inside = (spectrum.frequency >= band[0]) & (spectrum.frequency <= band[1])
    tiny = np.finfo(np.float64).tiny
    return np.asarray(10.0 * np.log10(np.maximum(spectrum.power[inside].sum(axis=0), tiny)))


def _peak(spectrum: _Spectrum, columns: Sequence[int]) -> float:
    """Return the frequency of the largest power; every channel counts alike."""
    low, high = PEAK_WITHIN
    inside = (spectrum.frequency >= low) & (spectrum.frequency <= high)
    level = np.log(np.maximum(spectrum.power[inside][:, columns], np.finfo(np.float64).tiny))
    # Times the frequency: a slope as of 1/f would draw the peak to the border.
    weighted = level.mean(axis=1) + np.log(spectrum.frequency[inside])
    return float(spectrum.frequency[inside][int(np.argmax(weighted))])
