"""One file in, its windows' features out: the same line and the same features as live.

What a file gives depends on nothing but its content and the settings that shape rows. So it is kept
under the hash of both, and each file can be worked on by itself, anywhere. Labels play no part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import numpy.typing as npt

import decoder
import stream
from decoder.features import BANDS, Band, masked_row
from decoder.settings import Preset
from decoder.tangent import window_covariance
from rym import __version__
from rym.errors import SignalError
from rym.messages import Window
from stream.files.reading import read
from stream.files.recording import Recording, regular_stamps
from stream.files.xdf import replay_file
from stream.line import StreamLine
from stream.montage import clean, kind
from stream.settings import Artifact, StreamSettings
from stream.windows import samples_of

from .facts import spectrum, trace

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

VERSION = 1
"""Of what is kept; raised where its form or meaning changes."""
ARTIFACTS: tuple[str, ...] = get_args(Artifact)
MUSCLE = Band("muscle", 20.0, 45.0)
MOTOR = Band("motor", 8.0, 30.0)
STEP_S = 1.0
"""Seconds of samples that the line is given at a time."""
BESIDE = (".eeg", ".vmrk", ".dat", ".fdt", ".info", ".toml")
"""Endings of files beside a recording that say what its samples are, or hold them."""
CODE = ("line.py", "windows.py", "montage.py", "settings.py", "timing", "signal", "quality")
"""What of `stream` shapes windows, beside its readers."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that shapes the rows of a file."""

    stream: StreamSettings
    channels: tuple[str, ...]
    """In the order of the rows' columns; they pass the line together."""
    preset: Preset
    as_recorded: bool = False
    """True for a recording of RYM, whose chunks and clock offsets are taken as they came."""
    source: str = ""
    """Which stream of an `.xdf`."""
    samples: bool = False
    """Whether the windows' samples are kept, too."""

    @property
    def bands(self) -> tuple[Band, ...]:
        """Bands of the features."""
        return BANDS[self.preset]


@dataclass(frozen=True, eq=False)
class FileRows:
    """Every window of a file that a decoder may use, in order of time."""

    features: Array
    """Log band power, shape (n, n_channels * n_bands); NaN where a channel was bad."""
    muscle: Array
    """Shape (n, n_channels), or (n, 0) where the rate is too low for 45 Hz."""
    motor: Array
    covariance: npt.NDArray[np.float32]
    """Shape (n, n_channels, n_channels) in µV²; NaN in rows and columns of bad channels."""
    t_first: Array
    """Seconds; on the rig's clock for a recording of RYM, else since the file's first sample."""
    t_last: Array
    first: Ints
    segment: Ints
    touched: Bools
    """Which artifacts disturb a window as a whole, shape (n, n_artifacts), see `ARTIFACTS`."""
    n_windows: int
    """Windows that the line gave, those that no decoder may use among them."""
    conditioning: str
    """Filters and reference, as the windows name them."""
    samples: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, 0), dtype=np.float32)
    )
    """Of the windows in µV, shape (n_samples, n_channels), counted as `first` counts; NaN where no
    window holds one, or the channel was bad. (0, 0) where they were not asked for."""


@dataclass(frozen=True, eq=False)
class Looked:
    """What a file is, before any row is made."""

    sha256: str
    rate: float
    channels: tuple[str, ...]
    """All of them, cleaned."""
    kinds: tuple[str, ...]
    duration: float
    """Seconds of samples."""
    length: float
    """Seconds from the first sample to the last, gaps counted."""
    began: float | None
    """Seconds since 1970 of the first sample; None where the file's stamps do not tell."""
    n_gaps: int
    filters: dict[str, str]
    notes: tuple[str, ...]
    event_times: Array
    event_codes: tuple[str, ...]
    frequencies: Array
    power: Array
    trace: npt.NDArray[np.float32]
    trace_rate: float
    key_channel: Ints
    """Which of the channels asked for takes another value, shape (n_changes,)."""
    key_times: Array
    """When, in seconds since the first sample."""
    key_values: Array


WALL = 9.4e8
"""Seconds since 1970 from which stamps are a date (the year 2000); a computer's uptime is less."""
_FILTER = ("pass", "filter", "notch")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is opened."""

    source: str = ""
    """Which stream of an `.xdf`."""
    montage: tuple[str, ...] = ()
    """Names of all channels by position; empty: those of the file."""
    keys: tuple[str, ...] = ()
    """Channels that tell held keys."""


def look(path: Path, reading: Reading) -> Looked:
    """Read a file and tell what it is.

    Parameters
    ----------
    path : Path
        Any readable recording.
    reading : Reading
        How it is opened.

    Raises
    ------
    SignalError
        If a key's channel is missing, or the montage names another number of channels.
    """
    it = _named(read(path, stream=reading.source), reading.montage)
    times = regular_stamps(it)
    scalp = scalp_of(it)
    samples = np.ascontiguousarray(it.samples[:, [it.channels.index(name) for name in scalp]])
    frequencies, power = spectrum(samples, it.rate, [gap.sample for gap in it.gaps])
    small, trace_rate = trace(samples, it.rate)
    held = [_held(it, times, name) for name in reading.keys]
    return Looked(
        sha256=content_hash(path),
        rate=it.rate,
        channels=it.channels,
        kinds=it.kinds,
        duration=it.duration,
        length=float(times[-1]) + 1.0 / it.rate,
        began=_began(it),
        n_gaps=len(it.gaps),
        filters={k: v for k, v in it.facts.items() if any(word in k for word in _FILTER)},
        notes=it.warnings,
        event_times=times[[event.sample for event in it.events]] if it.events else np.zeros(0),
        event_codes=tuple(event.text or str(event.code) for event in it.events),
        frequencies=frequencies,
        power=power,
        trace=small,
        trace_rate=trace_rate,
        key_channel=np.repeat(np.arange(len(held)), [len(t) for t, _ in held]).astype(np.int64),
        key_times=np.concatenate([np.zeros(0), *(t for t, _ in held)]),
        key_values=np.concatenate([np.zeros(0), *(value for _, value in held)]),
    )


def _named(recording: Recording, montage: tuple[str, ...]) -> Recording:
    """Return a recording under the montage's names, as a live stream would come."""
    if not montage:
        return recording
    if len(montage) != len(recording.channels):
        raise SignalError(
            f"{recording.file} has {len(recording.channels)} channels "
            f"({', '.join(recording.channels)}), [stream] montage names {len(montage)}.",
            "Name every channel, in the file's order.",
        )
    names = tuple(clean(name) for name in montage)
    kinds = tuple(kind(name) for name in names)
    return msgspec.structs.replace(recording, channels=names, kinds=kinds)


def scalp_of(file: Looked | Recording) -> tuple[str, ...]:
    """Return the electrodes on the scalp."""
    both = zip(file.channels, file.kinds, strict=True)
    return tuple(name for name, kind in both if kind == "scalp")


def _began(recording: Recording) -> float | None:
    """Return the date of the first sample, where stamps are dates."""
    stamps = recording.stamps
    known = stamps is not None and len(stamps) > 0 and stamps[0] > WALL
    return float(stamps[0]) if known and stamps is not None else None


def _held(recording: Recording, times: Array, name: str) -> tuple[Array, Array]:
    """Return when a channel takes another value, and which."""
    if name not in recording.channels:
        raise SignalError(
            f"{recording.file} has no channel {name}; it has {', '.join(recording.channels)}.",
            "Correct [[labels.keys]] channel.",
            missing=name,
        )
    value = recording.samples[:, recording.channels.index(name)].astype(np.float64)
    value = np.nan_to_num(value, nan=1e12)  # no value is no key
    new = np.flatnonzero(np.diff(value, prepend=np.inf) != 0)
    return times[new], value[new]


def rows(path: Path, shape: Shape) -> FileRows:
    """Send a file through the line and return its windows' features.

    Parameters
    ----------
    path : Path
        Any readable recording that has all of the channels.
    shape : Shape
        What shapes the rows.

    Raises
    ------
    SignalError
        If a channel is missing, or a band cannot be had at this rate.
    """
    if shape.as_recorded:
        return rows_of((window for window, _ in replay_file(path, shape.stream)), shape)
    recording = _named(read(path, stream=shape.source), shape.stream.montage)
    return rows_of(_windows(recording, shape), shape)


def _windows(recording: Recording, shape: Shape) -> Iterable[Window]:
    missing = [name for name in shape.channels if name not in recording.channels]
    if missing:
        raise SignalError(
            f"{recording.file} lacks {', '.join(missing)}; it has {', '.join(recording.channels)}.",
            "Name channels that all files have in [features] channels.",
            missing=missing,
        )
    line = StreamLine(shape.stream, shape.channels, recording.rate)
    columns = [recording.channels.index(name) for name in shape.channels]
    samples = np.ascontiguousarray(recording.samples[:, columns])
    stamps = regular_stamps(recording)
    step = max(1, round(STEP_S * recording.rate))
    for at in range(0, len(samples), step):
        for window, _ in line.push(samples[at : at + step], stamps[at : at + step]):
            yield window


def rows_of(windows: Iterable[Window], shape: Shape) -> FileRows:
    """Return the features of windows; those that no decoder may use leave none.

    Parameters
    ----------
    windows : iterable of Window
        In order.
    shape : Shape
        Bands and channels.
    """
    kept: list[tuple[Array, npt.NDArray[np.float32], Window]] = []
    strip = _Strip(len(shape.channels))
    n_windows, conditioning = 0, ""
    for window in windows:
        n_windows += 1
        conditioning = window.conditioning
        if window.valid:
            kept.append((*_row(window, shape), window))
            if shape.samples:
                strip.add(window, shape.channels, kept[-1][1])
    n = len(shape.channels)
    bands = _all_bands(kept[0][2].rate if kept else 0.0, shape)
    power = np.array([row for row, _, _ in kept]).reshape(len(kept), n, len(bands))
    own = len(shape.bands)
    extra = power[:, :, own:]
    return FileRows(
        features=power[:, :, :own].reshape(len(kept), n * own),
        muscle=extra[:, :, 1] if extra.shape[2] > 1 else np.zeros((len(kept), 0)),
        motor=extra[:, :, 0] if extra.shape[2] else np.zeros((len(kept), 0)),
        covariance=np.array([c for _, c, _ in kept], dtype=np.float32).reshape(len(kept), n, n),
        t_first=np.array([window.t_first for _, _, window in kept]),
        t_last=np.array([window.t_last for _, _, window in kept]),
        first=np.array([window.first_sample for _, _, window in kept], dtype=np.int64),
        segment=np.array([window.segment for _, _, window in kept], dtype=np.int64),
        touched=np.array(
            [[name in window.touched for name in ARTIFACTS] for _, _, window in kept], dtype=bool
        ).reshape(len(kept), len(ARTIFACTS)),
        n_windows=n_windows,
        conditioning=conditioning,
        samples=strip.joined() if shape.samples else np.zeros((0, 0), dtype=np.float32),
    )


class _Strip:
    """Joins overlapping windows, a sample as the first window had it that holds it.

    Splines and reference are a window's own, so that a sample may differ from window to window. As
    the last had it, it would rest on what came after the row that it is looked at for.

    Parameters
    ----------
    n_channels : int
        Columns.
    """

    def __init__(self, n_channels: int) -> None:
        self._n_channels, self._end = n_channels, 0
        self._parts: list[tuple[int, npt.NDArray[np.float32]]] = []

    def add(
        self, window: Window, channels: tuple[str, ...], covariance: npt.NDArray[np.float32]
    ) -> None:
        """Take in what a window has of these channels, NaN where its covariance is NaN."""
        at = max(window.first_sample, self._end)
        self._end = window.first_sample + len(window.samples)
        places = [window.channels.index(name) for name in channels]
        new = window.samples[at - window.first_sample :, places].astype(np.float32)
        new[:, np.isnan(np.diagonal(covariance))] = np.nan
        self._parts.append((at, new))

    def joined(self) -> npt.NDArray[np.float32]:
        """Return all samples from the recording's first to the last window's newest."""
        out = np.full((self._end, self._n_channels), np.nan, dtype=np.float32)
        for at, part in self._parts:
            out[at : at + len(part)] = part
        return out


def _all_bands(rate: float, shape: Shape) -> tuple[Band, ...]:
    """Return the features' bands, and behind them those of the controls that the rate allows."""
    return (*shape.bands, *(band for band in (MOTOR, MUSCLE) if band.high <= rate / 2))


def _row(window: Window, shape: Shape) -> tuple[Array, npt.NDArray[np.float32]]:
    """Return log band power and covariance of one window, NaN for bad channels."""
    places = [window.channels.index(name) for name in shape.channels]
    samples = window.samples[:, places]
    bands = _all_bands(window.rate, shape)
    row = masked_row(samples, window.rate, bands, shape.channels, window.untrusted)
    bad = np.asarray(np.isnan(row.reshape(len(shape.channels), -1)).any(axis=1))
    return row, window_covariance(samples, bad)


def sizes(shape: Shape, rate: float) -> tuple[int, int]:
    """Return samples of a window and from one window to the next."""
    return (
        samples_of(shape.stream.window, rate, "[stream] window"),
        samples_of(shape.stream.hop, rate, "[stream] hop"),
    )


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a recording and of the files beside it that belong to it; hex."""
    total = hashlib.sha256()
    beside = sorted(path.with_suffix(end) for end in BESIDE if path.with_suffix(end) != path)
    for one in (path, *(other for other in beside if other.is_file())):
        with one.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


@cache
def code_hash() -> str:
    """Return the SHA-256 of the code that shapes rows: a changed filter must not find old rows."""
    inside, features = Path(stream.__path__[0]), Path(decoder.__path__[0]) / "features.py"
    named = [inside / name for name in (*CODE, "files")]
    files = [p for place in named for p in (sorted(place.rglob("*.py")) or [place])]
    total = hashlib.sha256(f"{VERSION} {__version__}".encode())
    for path in (*files, features, Path(__file__), Path(__file__).with_name("facts.py")):
        total.update(path.read_bytes())
    return total.hexdigest()
