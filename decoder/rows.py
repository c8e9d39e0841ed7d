"""From a recording's windows and keys to rows that may be learned from.

A row is learned from only if its ten rows are contiguous, the label does not change within them,
no change is nearer than the margin, and it lies inside a calibration run by more than the edge; no
artifact touches it, and enough of the ten are clean. For the others of the ten that an artifact
touches, what was before stands in, as it will live: a decoder that learned from blinks and muscle
as they are would have to answer from rows of another kind than it learned from.
What a row says is: "the person, `reaction_lag` later, held this key".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import SignalError
from rym.messages import AFFECTS, LabelState, Window

from .embedding import FIELD, stand_in
from .features import BANDS, Band, masked_row
from .presets import RULES, check_hop, meant
from .settings import DecoderSettings
from .tangent import window_covariance

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Spans = Sequence[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Rows:
    """A calibration as rows in order of time. Windows that no decoder may use left no row."""

    features: Array
    """Shape (n, n_channels * n_bands); NaN where a channel was bad."""
    t_first: Array
    """Rig time of each window's first sample, in seconds, shape (n,)."""
    t_last: Array
    """Rig time of each window's newest sample, in seconds, shape (n,)."""
    run: Ints
    """Rows of the same number follow one another without a hole, shape (n,)."""
    label: Ints
    """0 negative, 1 neutral, 2 positive, −1 none; already moved by the reaction lag; shape (n,)."""
    episode: Ints
    """Which uninterrupted stretch of one label a row lies in; −1 without a label; shape (n,)."""
    usable: Bools
    """Rows that may be learned from, as the newest of their ten, shape (n,)."""
    baseline: Bools
    """Rows that the z-score is measured on, shape (n,)."""
    touched: Bools
    """Rows for which the clean ones before stand in, shape (n,)."""
    channels: tuple[str, ...]
    rate: float
    """Samples per second."""
    n_times: int
    """Samples of a window."""
    hop: int
    """Samples from one window to the next."""
    bands: tuple[Band, ...]
    conditioning: str = ""
    """Filters and reference that the windows went through, as they name them."""
    stand_in: tuple[str, ...] = ()
    """Artifacts that make a row `touched`."""
    covariance: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, 0, 0), dtype=np.float32)
    )
    """Of each window in µV², NaN for bad channels, shape (n, n_channels, n_channels), or (0, 0, 0).
    Made with the rows: to make them when they are asked for would mean to keep all samples, 25
    times as much."""
    visit: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Which visit a row is of, the newest with the highest number, shape (n,), or (0,) for one."""

    @property
    def newest(self) -> Ints:
        """Indices of the usable rows."""
        return np.flatnonzero(self.usable)

    @property
    def visits(self) -> Ints:
        """Visit of every row, shape (n,)."""
        return self.visit if len(self.visit) else np.zeros(len(self.label), dtype=np.int64)


def rows_from(
    windows: Iterable[Window],
    labels: Sequence[tuple[float, LabelState]],
    settings: DecoderSettings,
    *,
    baseline: Spans = (),
    learn: Spans | None = None,
) -> Rows:
    """Turn windows and keys into rows.

    Parameters
    ----------
    windows : iterable of Window
        In order of time.
    labels : sequence of (t, state)
        Rig time of each key event in seconds, and what the key says from then on.
    settings : DecoderSettings
        Features, reaction lag, margins.
    baseline : sequence of (start, end)
        Rig time of rest, in seconds. Empty: the z-score is measured on the rows learned from.
    learn : sequence of (start, end) or None
        Rig time of the calibration runs, in seconds; None: all.

    Returns
    -------
    Rows

    Raises
    ------
    SignalError
        If no window can be used, windows differ in rate or length, or a named channel is missing.
    """
    good = _valid(windows)
    rate, n_times = _alike(good)
    channels = _choose(good, settings)
    kinds = _unusual(good, settings)
    hop = _hop(good)
    check_hop(settings.features.preset, hop / rate)
    good, touched = _answerable(good, kinds, hop)
    run = runs(*_places(good), hop)
    heard = _heard(good, labels, settings, touched=touched, run=run, learn=learn)
    bands = BANDS[settings.features.preset]
    return Rows(
        features=np.array([_row(window, channels, bands) for window in good]),
        t_first=np.array([window.t_first for window in good]),
        t_last=np.array([window.t_last for window in good]),
        run=run,
        label=heard.label,
        episode=heard.episode,
        usable=heard.usable,
        baseline=_rest(good, baseline) & ~touched,
        touched=touched,
        channels=channels,
        rate=rate,
        n_times=n_times,
        hop=hop,
        bands=bands,
        conditioning=good[0].conditioning,
        stand_in=kinds,
        covariance=np.array([_covariance(window, channels) for window in good]),
    )


def _valid(windows: Iterable[Window]) -> list[Window]:
    good = [window for window in windows if window.valid]
    if len(good) < FIELD:
        raise SignalError(
            f"The calibration has {len(good)} usable windows, one answer needs {FIELD}.",
            "Record again with better contact, or longer.",
            n_windows=len(good),
        )
    return good


def _hop(windows: Sequence[Window]) -> int:
    """Return the commonest number of samples from one window to the next."""
    steps = np.diff(_places(windows)[0])
    return int(Counter(step for step in steps.tolist() if step > 0).most_common(1)[0][0])


def _answerable(
    windows: Sequence[Window], kinds: Sequence[str], hop: int
) -> tuple[list[Window], Bools]:
    """Return the windows that are clean or can be stood in for, and which are touched."""
    touched = np.array([_touches(window, kinds) for window in windows])
    kept = with_a_past(touched, runs(*_places(windows), hop))
    return [windows[i] for i in np.flatnonzero(kept).tolist()], touched[kept]


class _Heard(NamedTuple):
    """What the keys say of every row."""

    label: Ints
    episode: Ints
    usable: Bools


def _heard(
    windows: Sequence[Window],
    labels: Sequence[tuple[float, LabelState]],
    settings: DecoderSettings,
    *,
    touched: Bools,
    run: Ints,
    learn: Spans | None,
) -> _Heard:
    """Return labels, and which rows may be learned from."""
    training, preset = settings.training, settings.features.preset
    t_first = np.array([window.t_first for window in windows])
    t_last = np.array([window.t_last for window in windows])
    ahead = RULES[preset].look_ahead * (RULES[preset].hop or 0.0)
    lag = training.reaction_lag - ahead
    changes, episode, label = _label(t_last + lag, meant(labels, preset))
    # With the label of a row within the ten, published fields hold what comes after a change.
    usable = steady(t_first, t_last, run, changes - lag, training.margin, whole=not ahead)
    usable &= (label >= 0) & _inside(t_last, learn, training.edge)
    usable &= ~touched & (clean_of(touched) >= settings.features.clean_rows)
    return _Heard(label, episode, usable)


def _rest(windows: Sequence[Window], spans: Spans) -> Bools:
    """Return which windows lie wholly within one of the spans."""
    inside = [any(a <= w.t_first and w.t_last <= b for a, b in spans) for w in windows]
    return np.array(inside, dtype=bool)


def _places(windows: Sequence[Window]) -> tuple[Ints, Ints]:
    """Return every window's first sample and segment."""
    first = np.array([window.first_sample for window in windows])
    return first, np.array([window.segment for window in windows])


def runs(first: Ints, segment: Ints, hop: int) -> Ints:
    """Return numbers that are alike for windows that follow one another.

    Parameters
    ----------
    first, segment : array of shape (n,)
        Each window's first sample and segment, in order of time.
    hop : int
        Samples from one window to the next.
    """
    broken = (np.diff(first) != hop) | (np.diff(segment) != 0)
    return np.concatenate([[0], np.cumsum(broken)])[: len(first)]


def _unusual(windows: Sequence[Window], settings: DecoderSettings) -> tuple[str, ...]:
    """Return the artifacts that are not there most of the time."""
    often = Counter(name for window in windows for name in window.touched)
    limit = settings.features.usual * len(windows)
    return tuple(name for name in settings.features.stand_in if often[name] <= limit)


def _touches(window: Window, kinds: Sequence[str]) -> bool:
    return any(name in kinds for name in window.touched)


def with_a_past(touched: Bools, run: Ints) -> Bools:
    """Return which windows stay: not those for which nothing stands in, as in the live field.

    Parameters
    ----------
    touched : array of shape (n,)
        Windows that an artifact touches.
    run : array of shape (n,)
        See `runs`.
    """
    kept = np.ones(len(touched), dtype=bool)
    clean_before = 0
    for i, new in enumerate(np.diff(run, prepend=-1) != 0):
        clean_before = FIELD if not touched[i] else 0 if new else clean_before
        clean_before -= 1
        kept[i] = clean_before >= 0
    return kept


def clean_of(touched: Bools) -> Ints:
    """Return how many of the ten rows that end at each row are clean."""
    clean = np.concatenate([np.zeros(FIELD, dtype=np.int64), np.cumsum(~touched)])
    n: Ints = clean[FIELD:] - clean[:-FIELD]
    return n


def stood_in(z: Array, rows: Rows) -> Array:
    """Return standardized rows with what stands in for those that an artifact touches.

    Parameters
    ----------
    z : array of shape (n, n_features)
        The standardized features of `rows`.
    rows : Rows
        The calibration.
    """
    out = z.copy()
    for i in np.flatnonzero(rows.touched).tolist():
        past = np.arange(max(0, i - FIELD + 1), i)
        past = past[rows.run[past] == rows.run[i]]
        instead = stand_in(out[past], ~rows.touched[past])
        if instead is not None:
            out[i] = instead
    return out


def _alike(windows: Sequence[Window]) -> tuple[float, int]:
    """Return rate and length, the same for all windows."""
    rate, n_times = windows[0].rate, len(windows[0].samples)
    for window in windows:
        if (window.rate, len(window.samples)) != (rate, n_times):
            raise SignalError(
                f"A window has {len(window.samples)} samples at {window.rate:g} Hz, the first has "
                f"{n_times} at {rate:g} Hz.",
                "Learn from windows of one form only.",
            )
        if window.conditioning != windows[0].conditioning:
            raise SignalError(
                f"A window went through {window.conditioning!r}, the first through "
                f"{windows[0].conditioning!r}.",
                "Learn from windows of one [stream.conditioning] only.",
            )
    return rate, n_times


def _choose(windows: Sequence[Window], settings: DecoderSettings) -> tuple[str, ...]:
    """Return the channels to learn from: those wanted, less those bad more often than not."""
    wanted = settings.features.channels
    kinds = settings.features.exclude
    names = wanted or tuple(name for name in windows[0].channels if not _auxiliary(name, kinds))
    for window in windows:
        missing = [name for name in names if name not in window.channels]
        if missing:
            raise SignalError(
                f"A window lacks {', '.join(missing)}; it has {', '.join(window.channels)}.",
                "Name the channels in [decoder.features] channels.",
                missing=missing,
            )
    often = Counter(name for window in windows for name in window.untrusted)
    kept = tuple(name for name in names if often[name] <= len(windows) / 2)
    if not kept:
        raise SignalError(
            f"All of the channels {', '.join(names)} are bad in more than half of the windows.",
            "Improve the contact of the electrodes and record again.",
        )
    return kept


def _auxiliary(name: str, kinds: tuple[str, ...]) -> bool:
    """Return whether all words of a channel's name, without digits, are among `kinds`."""
    return all(word.rstrip("0123456789").upper() in kinds for word in re.split(r"[\s_-]+", name))


def _row(window: Window, channels: tuple[str, ...], bands: tuple[Band, ...]) -> Array:
    places = [window.channels.index(name) for name in channels]
    return masked_row(window.samples[:, places], window.rate, bands, channels, window.untrusted)


def _covariance(window: Window, channels: tuple[str, ...]) -> npt.NDArray[np.float32]:
    places = [window.channels.index(name) for name in channels]
    bad = np.array([name in window.untrusted for name in channels])
    return window_covariance(window.samples[:, places], bad)


def _label(t: Array, labels: Sequence[tuple[float, LabelState]]) -> tuple[Array, Ints, Ints]:
    """Return the times of change, and each row's episode and label.

    A second event of the same state changes nothing; before the first event there is no label.
    """
    times: list[float] = []
    states: list[int] = []
    for at, state in sorted(labels, key=lambda event: event[0]):
        number = AFFECTS.index(state) if state != "none" else -1
        if not states or number != states[-1]:
            times.append(at)
            states.append(number)
    place = np.searchsorted(np.array(times), t, side="right") - 1
    label = np.array([-1, *states])[place + 1]
    episode = np.where(label >= 0, place, -1)
    return np.array(times), episode, label


def steady(
    t_first: Array, t_last: Array, run: Ints, changes: Array, margin: float, *, whole: bool = True
) -> Bools:
    """Return the rows whose ten rows are contiguous and far enough from every change.

    Parameters
    ----------
    t_first, t_last : array of shape (n,)
        Times of each row's first and newest sample in seconds.
    run : array of shape (n,)
        See `runs`.
    changes : array of shape (n_changes,)
        Times in seconds at which the label changes for a row's newest sample.
    margin : float
        Seconds on either side of a change.
    whole : bool
        Whether a change may lie nowhere in the ten rows; if not, only the margin counts.
    """
    far = np.zeros(len(run), dtype=bool)
    far[FIELD - 1 :] = run[FIELD - 1 :] == run[: len(run) - FIELD + 1]
    begin = np.concatenate([np.full(FIELD - 1, -np.inf), t_first[: len(run) - FIELD + 1]])
    for change in changes:
        if whole:
            far &= ~((begin < change) & (change <= t_last))
        far &= np.abs(t_last - change) >= margin
    return far


def _inside(t: Array, spans: Spans | None, edge: float) -> Bools:
    if spans is None:
        return np.ones(len(t), dtype=bool)
    inside = np.zeros(len(t), dtype=bool)
    for start, end in spans:
        inside |= (t >= start + edge) & (t <= end - edge)
    return inside


def stretches(rows: Rows, newest: Ints) -> Ints:
    """Return which stretch of one receptive field each row belongs to, numbered upwards.

    Parameters
    ----------
    rows : Rows
        The calibration.
    newest : array of shape (n,)
        Indices of usable rows in order.

    Returns
    -------
    array of shape (n,)
        Ten rows that follow one another in one episode are one stretch.
    """
    return stretches_of(newest, rows.run, rows.episode)


def stretches_of(newest: Ints, run: Ints, unit: Ints) -> Ints:
    """Return the same from the run and the unit of every row, which may be an episode or a file.

    Parameters
    ----------
    newest : array of shape (n,)
        Indices of usable rows in order.
    run, unit : array of shape (n_rows,)
        Of all rows.
    """
    if not len(newest):
        return newest
    before, after = newest[:-1], newest[1:]
    new = np.ones(len(newest), dtype=bool)
    new[1:] = (after != before + 1) | (unit[after] != unit[before]) | (run[after] != run[before])
    place = np.arange(len(newest))
    within = place - np.maximum.accumulate(np.where(new, place, 0))
    return np.asarray(np.cumsum(within % FIELD == 0) - 1, dtype=np.int64)
