"""Where the samples of `stream.source` come from: a simulated person, or recordings.

Both are pure once built; recordings are read when built, so that a bad file is told before anything
is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from rym.errors import FormatError, UsageError
from rym.messages import Affect, LabelState

from ..files.reading import read
from ..files.recording import Recording
from .devices import Device
from .faults import Fault
from .simulator import SimulatedPerson, SimulatedSource

KEY_CODES: dict[LabelState, int] = {"positive": 1, "neutral": 2, "negative": 3, "none": 9}
FILE_CODE = 20
"""Marker code of a file, to which its number (from 1) is added."""
POLL = 0.05
"""Seconds between two looks for a phase that is waited for."""

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Samples = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]
NONE_AT: Offsets = np.empty(0, np.int64)


class RecordedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch of one file."""

    path: str
    stream: str = ""
    """Which stream of an `.xdf`: name, type, `name/type` or number; empty: the longest EEG."""
    columns: str = ""
    """The map of a table's columns, see `stream.files.table`; empty: the one beside the table."""
    label: LabelState | None = None
    """What the stretch stands for; published at its first sample."""
    start: NotNegative = 0.0
    """Seconds from the file's beginning."""
    seconds: NotNegative = 0.0
    """Length in seconds; 0, or more than there is: to the file's end."""
    phase: str = ""
    """Waits, without samples, until the session is in this phase; empty: does not wait."""


class RecordedSource(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="recorded"
):
    """Settings of a replay; all files need the same rate and channels, in any order."""

    files: tuple[RecordedFile, ...]
    pause: Positive = 1.0
    """Seconds without samples between two stretches, so that no window spans both."""
    longest_gap: Positive = 10.0
    """Longest gap within a file in seconds that is waited for; longer ones are shortened."""
    seed: int = 1
    """Decides the sizes of the chunks."""

    def __post_init__(self) -> None:
        """Refuse to play nothing."""
        if not self.files:
            raise ValueError("files is empty; name at least one recording.")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What happens at one sample of a piece."""

    offset: int
    code: int = 0
    """Trigger code on the Markers stream; 0: none."""
    felt: Affect | None = None
    label: LabelState | None = None


class Piece(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What is sent next."""

    pause: float = 0.0
    """Seconds without samples before it."""
    samples: Samples
    """Array of shape (n_times, n_channels), µV; may be empty."""
    motion: Samples | None = None
    """Array of shape (n_motion, 3), mm/s²."""
    motion_at: Offsets = NONE_AT
    """Array of shape (n_motion,): the sample of the piece at which each of them was taken."""
    marks: tuple[Mark, ...] = ()


class Heard(msgspec.Struct, frozen=True):
    """What the source knows of the session."""

    audible: Affect | None = None
    phase: str = "idle"


class Source(Protocol):
    """Where samples come from."""

    channels: tuple[str, ...]
    rate: float
    quality: Samples | None
    """NIC's quality index per channel, 0 good to 1 bad; None where it is not known."""
    strength: float
    label_source: str
    motion_rate: float
    """Samples of the accelerometer per second."""
    chunk: tuple[int, int]
    """Fewest and most samples that are sent together."""
    habits: tuple[Fault, ...]
    """What always happens to its samples on their way."""
    notes: tuple[str, ...]
    """What is to be known of it, for people, such as gaps or a file that was cut off."""

    def take(self, n_samples: int, heard: Heard) -> Piece | None:
        """Return the next piece, of `n_samples` at most; None once everything has been sent."""
        ...


def build(settings: SimulatedSource | RecordedSource) -> Source:
    """Make the source that the settings choose; files are read here.

    Raises
    ------
    UsageError, FormatError
        If a recording cannot be had or does not fit the others.
    """
    match settings:
        case SimulatedSource():
            return _Simulated(settings)
        case RecordedSource():
            return _Recorded(settings)


class _Simulated:
    """A person who never ends."""

    label_source = "simulator"
    notes: tuple[str, ...] = ()

    def __init__(self, settings: SimulatedSource) -> None:
        self._person = SimulatedPerson(settings)
        device: Device = self._person.device
        self.channels = device.channels
        self.rate = float(device.rate)
        self.motion_rate = float(device.motion_rate)
        self.chunk = device.chunk
        self.habits = device.habits
        self.strength = settings.strength
        rng = np.random.default_rng([settings.seed, 1])
        rated = rng.uniform(0.02, 0.3, len(device.channels)).astype(np.float32)
        self.quality: Samples | None = rated if device.quality else None

    def take(self, n_samples: int, heard: Heard) -> Piece:
        """Return the person's next samples."""
        chunk = self._person.advance(n_samples, audible=heard.audible, phase=heard.phase)
        felt = [Mark(offset=e.sample - chunk.first, felt=e.state) for e in chunk.felt]
        keys = [
            Mark(offset=e.sample - chunk.first, code=KEY_CODES[e.state], label=e.state)
            for e in chunk.keys
        ]
        marks = sorted([*felt, *keys], key=lambda mark: mark.offset)
        return Piece(
            samples=chunk.samples,
            motion=chunk.motion,
            motion_at=chunk.motion_at,
            marks=tuple(marks),
        )


class _Stretch(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Samples without a gap."""

    pause: float
    samples: Samples
    motion: Samples | None
    marks: tuple[Mark, ...]
    phase: str


class _Recorded:
    """Recordings, one after the other."""

    label_source = "file"
    strength = 0.0
    quality: Samples | None = None
    motion_rate = 100.0
    chunk = (10, 25)
    habits: tuple[Fault, ...] = ()

    def __init__(self, settings: RecordedSource) -> None:
        read_once: dict[tuple[str, str, str], Recording] = {}
        for file in settings.files:
            if _source_of(file) not in read_once:
                columns = Path(file.columns) if file.columns else None
                recording = read(Path(file.path), stream=file.stream, columns=columns)
                read_once[_source_of(file)] = recording
        first = read_once[_source_of(settings.files[0])]
        for other in read_once.values():
            _check_alike(first, other)
        self.channels = first.channels
        self.rate = first.rate
        self.notes = tuple(
            f"{recording.file}: {warning}"
            for recording in read_once.values()
            for warning in recording.warnings
        )
        self._coming: list[_Stretch] = []
        for index, file in enumerate(settings.files):
            self._coming += _stretches(settings, index, read_once[_source_of(file)], self.channels)
        self._at = 0
        self._labelled = False

    def take(self, n_samples: int, heard: Heard) -> Piece | None:
        """Return the next samples of the stretch that runs, or wait for its phase."""
        if not self._coming:
            return None
        now = self._coming[0]
        if self._at == 0 and now.phase not in ("", heard.phase):
            return Piece(pause=POLL, samples=now.samples[:0], marks=self._let_go())
        begin, end = self._at, min(self._at + n_samples, len(now.samples))
        motion_rows = _hundred_a_second(begin, end, self.rate)
        piece = Piece(
            pause=now.pause if begin == 0 else 0.0,
            samples=now.samples[begin:end],
            motion=None if now.motion is None else now.motion[motion_rows],
            motion_at=NONE_AT if now.motion is None else motion_rows - begin,
            marks=tuple(
                msgspec.structs.replace(mark, offset=mark.offset - begin)
                for mark in now.marks
                if begin <= mark.offset < end
            ),
        )
        self._at = end
        if end == len(now.samples):
            self._coming.pop(0)
            self._at = 0
        self._labelled |= any(mark.label is not None for mark in piece.marks)
        return piece

    def _let_go(self) -> tuple[Mark, ...]:
        """Return, once per wait, the mark that a label holds no longer: nothing is sent of it."""
        held, self._labelled = self._labelled, False
        return (Mark(offset=0, label="none"),) if held else ()


def _hundred_a_second(begin: int, end: int, rate: float) -> Offsets:
    """Return the rows of a stretch, between two of them, that make 100 a second."""
    step = max(1, round(rate / 100.0))
    return np.arange(-(-begin // step) * step, end, step)


def _source_of(file: RecordedFile) -> tuple[str, str, str]:
    """Return what decides which samples are read; stretches of one file share them."""
    return file.path, file.stream, file.columns


def _check_alike(first: Recording, other: Recording) -> None:
    """Refuse recordings that cannot leave through one outlet."""
    if other.rate != first.rate:
        raise FormatError(
            f"{first.file} has {first.rate:g} samples per second, {other.file} {other.rate:g}.",
            "Replay them in sessions of their own.",
        )
    differ = set(first.channels) ^ set(other.channels)
    if differ:
        raise FormatError(
            f"{first.file} has {len(first.channels)} channels, {other.file} "
            f"{len(other.channels)}; not in both: {', '.join(sorted(differ))}.",
            "Replay them in sessions of their own.",
        )


def _stretches(
    settings: RecordedSource, index: int, recording: Recording, channels: tuple[str, ...]
) -> Iterator[_Stretch]:
    """Cut the chosen part of a file at its gaps."""
    file = settings.files[index]
    n = len(recording.samples)
    begin = round(file.start * recording.rate)
    end = min(n, begin + round(file.seconds * recording.rate)) if file.seconds else n
    if begin >= n:
        raise UsageError(
            f"{recording.file} lasts {n / recording.rate:.1f} s, its part begins at "
            f"{file.start:g} s.",
            "Choose an earlier start.",
        )
    labelled = any(other.label is not None for other in settings.files)
    label: LabelState | None = (file.label or "none") if labelled else None
    marks = [Mark(offset=begin, code=FILE_CODE + index + 1, label=label)]
    marks += [Mark(offset=event.sample, code=event.code) for event in recording.events]
    order = [recording.channels.index(name) for name in channels]
    same = order == list(range(len(channels)))  # then nothing need be copied
    breaks = {gap.sample: gap.seconds for gap in recording.gaps if begin < gap.sample < end}
    borders = [begin, *breaks, end]
    for first, last in pairwise(borders):
        gap = breaks.get(first, settings.pause)
        pause = min(gap, settings.longest_gap) if gap > 0 else settings.pause
        yield _Stretch(
            pause=pause if index or first != begin else 0.0,
            samples=recording.samples[first:last] if same else recording.samples[first:last, order],
            motion=None if recording.motion is None else recording.motion[first:last],
            marks=tuple(
                msgspec.structs.replace(mark, offset=mark.offset - first)
                for mark in marks
                if first <= mark.offset < last
            ),
            phase=file.phase if first == begin else "",
        )
