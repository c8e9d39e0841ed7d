"""Which channels of a window can be trusted (pure).

Only scalp electrodes are judged and counted. The faults are those of real recordings: electrodes
that hang on a rail, and floating ones that carry a copy of their neighbour and therefore pass every
test of level or variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rym.messages import ChannelQuality

from .montage import is_scalp
from .settings import QualitySettings

Floats = npt.NDArray[np.float64]

NOT_FINITE = "not finite"
"""The fault of a channel with a sample that is no number; it spoils the whole window."""
MAD_TO_SD = 1.4826
"""A normal distribution's SD over its median absolute deviation."""


class Judgement(NamedTuple):
    """What is known about one window."""

    channels: tuple[ChannelQuality, ...]
    """Of the scalp channels, in the order of the stream."""
    overall: float
    """Share of them that are ok, 0…1."""
    level: Literal["good", "fair", "low"]
    reason: str
    """Why no decoder may use the window; empty where it may."""

    @property
    def bad(self) -> tuple[str, ...]:
        """Names of the channels that are not ok."""
        return tuple(channel.name for channel in self.channels if not channel.ok)


def judge(
    samples: npt.NDArray[np.float32], channels: Sequence[str], settings: QualitySettings
) -> Judgement:
    """Judge one window.

    Parameters
    ----------
    samples : array of shape (n_times, n_channels)
        In µV, as recorded, with any DC offset.
    channels : sequence of str
        Names of the columns, at least one of them on the scalp.
    settings : QualitySettings
        Thresholds.
    """
    columns = [i for i, name in enumerate(channels) if is_scalp(name)]
    names = [channels[i] for i in columns]
    raw = samples[:, columns].astype(np.float64)
    faults = _faults(raw, names, settings)
    judged = tuple(
        ChannelQuality(name=name, ok=not fault, reason=fault)
        for name, fault in zip(names, faults, strict=True)
    )
    n_ok = sum(channel.ok for channel in judged)
    overall = n_ok / len(judged)
    broken = [channel.name for channel in judged if channel.reason == NOT_FINITE]
    reason = ""
    if broken:
        reason = f"{NOT_FINITE}: {', '.join(broken)}"
    elif overall < settings.valid:
        reason = f"{n_ok} of {len(judged)} channels ok, {settings.valid:.0%} needed"
    level: Literal["good", "fair", "low"] = "low"
    if overall >= settings.good:
        level = "good"
    elif overall >= settings.fair:
        level = "fair"
    return Judgement(judged, overall, level, reason)


def _faults(raw: Floats, names: Sequence[str], settings: QualitySettings) -> list[str]:
    """Return each channel's first fault, empty where there is none."""
    finite = np.all(np.isfinite(raw), axis=0, keepdims=True)
    raw = np.where(finite, raw, 0.0)
    detrended = detrend(raw)
    spread = np.ptp(raw, axis=0)
    level = robust_sd(detrended)
    copies = _copies(detrended, names, settings)
    on_rail = _on_rail(raw, spread, settings)
    faults: list[str] = []
    for i in range(len(names)):
        if not finite[0, i]:
            faults.append(NOT_FINITE)
        elif on_rail[i]:
            faults.append("rail")
        elif spread[i] < settings.flat_range:
            faults.append("flat")
        elif not settings.level_low <= level[i] <= settings.level_high:
            places = 0 if level[i] >= 10.0 else 3
            faults.append(f"implausible level {level[i]:.{places}f} µV")
        else:
            faults.append(copies[i])
    return faults


def _on_rail(raw: Floats, spread: Floats, settings: QualitySettings) -> npt.NDArray[np.bool_]:
    """Return which channels are saturated in any sample or stuck near a known level."""
    on_rail: npt.NDArray[np.bool_] = np.abs(raw).max(axis=0) >= 0.999 * settings.full_scale
    for rail in settings.rails:
        near = np.abs(raw - rail).max(axis=0) <= settings.rail_within
        on_rail |= near & (spread < settings.rail_share * np.median(spread))
    return on_rail


def _copies(detrended: Floats, names: Sequence[str], settings: QualitySettings) -> list[str]:
    """Return for each channel whose copy it is, empty where it is its own.

    The nearest copy is named. All members of a group are bad: which one is the origin cannot be
    told, and a floating group has none.
    """
    power = np.einsum("ti,ti->i", detrended, detrended)
    cross = np.einsum("ti,tj->ij", detrended, detrended)
    both = np.sqrt(np.outer(power, power))
    r = np.divide(np.abs(cross), both, out=np.zeros_like(cross), where=both > 0)
    # What the stronger one leaves unexplained of the weaker one: a copy may be a weak one.
    weaker = np.minimum.outer(power, power) / len(detrended)
    residual = np.sqrt(weaker * np.maximum(0.0, 1 - r**2))
    copy = (r >= settings.copy_correlation) & (residual <= settings.copy_residual)
    r[~copy] = -1.0
    np.fill_diagonal(r, -1.0)
    nearest = r.argmax(axis=0)
    return [
        f"copy of {names[nearest[i]]}" if r[nearest[i], i] >= 0 else "" for i in range(len(names))
    ]


def detrend(raw: Floats) -> Floats:
    """Return the columns of `raw` without their least-squares straight lines.

    Parameters
    ----------
    raw : array of shape (n_times, n_channels)
        Any unit.
    """
    n = len(raw)
    t = np.arange(n) - (n - 1) / 2
    centred = raw - raw.mean(axis=0)
    slope: Floats = np.einsum("t,ti->i", t, centred) / max(1.0, float(np.sum(t * t)))
    return np.asarray(centred - t[:, None] * slope)


def robust_sd(centred: Floats) -> Floats:
    """Return the SD of each column as its scaled median absolute deviation.

    Parameters
    ----------
    centred : array of shape (n_times, n_channels)
        Any unit.

    Returns
    -------
    array of shape (n_channels,)
        In the unit of the input.
    """
    deviation = np.abs(centred - np.median(centred, axis=0))
    return MAD_TO_SD * np.median(deviation, axis=0)
