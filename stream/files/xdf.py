"""EEG at rest: `eeg.xdf`, written while it arrives and read back exactly (adapter: one file).

The very chunks that were cut into windows, in µV as float32, every sample with its raw stamp; the
clock offsets where they took effect; and what the device's other streams said in between. Replay
needs nothing else. Small streams of our own, present only where they are needed, keep what XDF has
no place for: which chunks came too late to be shown as live, how many samples never reached the
file, and how sure each clock offset is.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
from defusedxml import ElementTree as SafeXml

from rym import __version__
from rym.clock import Clock
from rym.errors import FormatError
from rym.messages import ClockOffset, Quality, Window

from ..checks import Declared, Signal
from ..items import Chunk, Item, Side, SideKind
from ..line import StreamLine
from ..montage import kind
from ..settings import StreamSettings
from .recording import damaged
from .xdf_format import (
    BOUNDARY_S,
    FOOTER,
    OFFSET,
    SAMPLES,
    STREAM_HEADER,
    TEXT,
    Chunks,
    Encoder,
    add,
    as_bytes,
    describe,
    number,
    read_length,
    sample_type,
)

EEG, MARKS, CLOCK = 1, 2, 3
SIDES: Mapping[SideKind, int] = {"accelerometer": 4, "quality": 5, "markers": 6}
"""Numbers of the streams of a file."""

RECORDER = "RYM"
DAMAGE = (ValueError, struct.error, IndexError, LookupError, Xml.ParseError)
"""What damaged numbers and damaged XML raise."""
LOST_PIECE = 100_000
"""Samples that stand in for missing ones in one chunk at most."""


class ItemEncoder:
    """Turns what arrives into the bytes of a session's file (pure but for the clock).

    Parameters
    ----------
    declared : Declared
        Name, source id and uid of the stream.
    signal : Signal
        Channels, rate, and the unit in which the samples arrived.
    clock : Clock
        Stamps the clock offsets.
    """

    def __init__(self, declared: Declared, signal: Signal, clock: Clock) -> None:
        self._declared = declared
        self._signal = signal
        self._clock = clock
        self._encoder = Encoder()
        self._skipped = 0
        self._offset: tuple[float, float] | None = None
        self._boundary_every = max(1, round(BOUNDARY_S * signal.rate))
        self._to_boundary = self._boundary_every

    @property
    def count(self) -> int:
        """Samples of EEG in the bytes so far."""
        return self._encoder.content(EEG).samples

    def start(self) -> bytes:
        """Return what the file begins with."""
        info = _eeg_header(self._declared, self._signal)
        return self._encoder.start() + self._encoder.header(
            EEG, info, "float32", len(self._signal.channels)
        )

    def encode(self, item: Item) -> bytes:
        """Return one item's bytes, none for one without samples."""
        if isinstance(item, ClockOffset):
            return self._clock_offset(item)
        if not len(item.samples):
            return b""
        return self._side(item) if isinstance(item, Side) else self._chunk(item)

    def skip(self, n: int) -> bytes:
        """Return the mark that says: `n` samples of EEG are missing here."""
        self._skipped += n
        return self._mark(f"lost {n}", self._encoder.content(EEG).last)

    def end(self) -> bytes:
        """Return what the file ends with."""
        return self._encoder.end()

    def _clock_offset(self, item: ClockOffset) -> bytes:
        assert item.from_sample == self.count + self._skipped, "it stands where it takes effect"
        # As other recorders do: the time at which it was measured, on the sender's clock.
        at = self._clock.now() - item.offset
        self._offset = (at, item.offset)
        opened = b""
        if CLOCK not in self._encoder.streams:
            info = _described("rym-clock", "Clock", ["uncertainty"], "s", "double64")
            opened = self._encoder.header(CLOCK, info, "double64", 1)
        sure = self._encoder.samples(CLOCK, np.array([[item.uncertainty]]), np.array([at]))
        # All streams of a file lie on the sender's clock; a reader that maps one must map all.
        all_of_them = [self._encoder.offset(one, *self._offset) for one in self._encoder.streams]
        return b"".join([opened, sure, *all_of_them])

    def _chunk(self, item: Chunk) -> bytes:
        n = len(item.samples)
        pieces = [self._mark(f"late {n}", float(item.stamps[0]))] if item.late else []
        pieces.append(self._encoder.samples(EEG, item.samples, item.stamps))
        if self._to_boundary <= 0:
            pieces.append(self._encoder.boundary())
            self._to_boundary += self._boundary_every
        self._to_boundary -= n
        return b"".join(pieces)

    def _side(self, item: Side) -> bytes:
        stream = SIDES[item.kind]
        opened = b""
        if stream not in self._encoder.streams:
            n_columns = item.samples.shape[1]
            info = _side_header(item.kind, n_columns, self._signal.channels)
            opened = self._open(stream, info, "float32", n_columns)
        return opened + self._encoder.samples(stream, item.samples, item.stamps)

    def _mark(self, text: str, stamp: float) -> bytes:
        """Return a note about the chunk that follows."""
        opened = b""
        if MARKS not in self._encoder.streams:
            info = as_bytes(describe("rym-late", "Markers", 1, 0.0, TEXT))
            opened = self._open(MARKS, info, TEXT, 1)
        return opened + self._encoder.samples(MARKS, [[text]], np.array([stamp]))

    def _open(self, stream: int, info: bytes, form: str, n_channels: int) -> bytes:
        """Return a new stream's header, and the offset of the clock that it is on."""
        header = self._encoder.header(stream, info, form, n_channels)
        return header + (self._encoder.offset(stream, *self._offset) if self._offset else b"")


class Recording:
    """One device's streams at rest, as `ItemEncoder` put them into a file.

    Attributes
    ----------
    name, source_id, uid : str
        What the EEG stream called itself.
    channels : tuple of str
        Names of the columns.
    rate : float
        Declared samples per second.
    lost : int
        Bytes at the file's end that are no whole chunk: 0 for a file that was closed or ended
        cleanly between two chunks. Known once `items` is exhausted.
    complete : bool
        True once `items` has met the footer.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0
        self.complete = False
        try:
            info = self._find_header()
            self.rate = float(info.findtext("nominal_srate") or 0)
        except DAMAGE as error:
            raise damaged(path.name, error) from error
        self.name = info.findtext("name") or ""
        self.source_id = info.findtext("source_id") or ""
        self.uid = info.findtext("uid") or ""
        labels = info.findall("desc/channels/channel/label")
        self.channels = tuple(label.text or "" for label in labels)
        if not self.channels or not 0 < self.rate < math.inf:
            raise damaged(path.name, f"{len(self.channels)} channels at {self.rate:g} Hz")

    def items(self) -> Iterator[Item]:
        """Return what was written, in the file's order, with the very same numbers.

        Yields
        ------
        Chunk, ClockOffset or Side
            Where samples of EEG never reached the file, as many late ones of NaN stand in their
            place. In a file that keeps no uncertainty of an offset, it is infinite.

        Raises
        ------
        FormatError
            If a chunk of the file is damaged: replay of what is left would be of something else.
        """
        chunks = Chunks(self.path)
        reader = _ItemReader(self.uid, len(self.channels))
        for tag, content in chunks:
            try:
                yield from reader.read(tag, content)
            except DAMAGE as error:
                raise damaged(self.path.name, error) from error
        self.lost = chunks.lost
        self.complete = reader.complete

    def _find_header(self) -> Xml.Element:
        for tag, content in Chunks(self.path):
            if tag == STREAM_HEADER and content[:4] == number(EEG):
                info = _parse(content)
                if info.findtext("desc/acquisition/recorder") == RECORDER:
                    return info
                break
        raise FormatError(
            f"{self.path} holds no EEG stream that {RECORDER} recorded.",
            "Replay needs the eeg.xdf of a session; other files are read by `--recording`.",
            path=str(self.path),
        )


class _ItemReader:
    """Gives back the items that an `ItemEncoder` turned into chunks."""

    def __init__(self, uid: str, n_channels: int) -> None:
        self.complete = False
        self._uid = uid
        self._kept = {EEG: sample_type("float32", n_channels), CLOCK: sample_type("double64", 1)}
        self._kinds = {stream: kind_ for kind_, stream in SIDES.items()}
        self._n_channels = n_channels
        self._count = 0
        self._late = False
        self._uncertainty = math.inf

    def read(self, tag: int, content: bytes) -> Iterator[Item]:
        """Yield what one chunk says."""
        stream = int.from_bytes(content[:4], "little")
        if tag == STREAM_HEADER and stream in self._kinds:
            n_columns = int(_parse(content).findtext("channel_count") or 0)
            self._kept[stream] = sample_type("float32", n_columns)
        elif tag == SAMPLES and stream == MARKS:
            yield from self._mark(content)
        elif tag == SAMPLES and stream in self._kept:
            yield from self._samples(stream, content)
        elif tag == OFFSET and stream == EEG:
            yield self._offset(content)
        elif tag == FOOTER and stream == EEG:
            self.complete = True

    def _samples(self, stream: int, content: bytes) -> Iterator[Chunk | Side]:
        n, start = read_length(content, 4)
        rows = np.frombuffer(content, self._kept[stream], n, start)
        values = np.ascontiguousarray(rows["values"])
        stamps = np.ascontiguousarray(rows["stamp"])
        if stream == CLOCK:
            self._uncertainty = float(values[-1, 0])
        elif stream == EEG:
            self._count += n
            late, self._late = self._late, False
            yield Chunk(values, stamps, late)
        else:
            yield Side(self._kinds[stream], values, stamps)

    def _offset(self, content: bytes) -> ClockOffset:
        _, offset = struct.unpack_from("<dd", content, 4)
        uncertainty, self._uncertainty = self._uncertainty, math.inf
        return ClockOffset(
            stream=self._uid, offset=offset, uncertainty=uncertainty, from_sample=self._count
        )

    def _mark(self, content: bytes) -> Iterator[Chunk]:
        """Take in a note about what follows: `late N`, or `lost N` samples before it."""
        _, start = read_length(content, 4)
        n_bytes, start = read_length(content, start + 9)
        word, _, n = content[start : start + n_bytes].decode().partition(" ")
        self._late = word == "late"
        for first in range(0, int(n) if word == "lost" else 0, LOST_PIECE):
            part = min(LOST_PIECE, int(n) - first)
            self._count += part
            nothing = np.full((part, self._n_channels), np.nan, np.float32)
            yield Chunk(nothing, np.full(part, np.nan), late=True)


def read_stream(path: Path) -> Recording:
    """Open a recording; its samples are read by `Recording.items`.

    Parameters
    ----------
    path : Path
        An `eeg.xdf`, closed or not; a torn end is left out.

    Raises
    ------
    FormatError
        If there is no such file, or not one that this module wrote.
    """
    return Recording(path)


def replay_file(path: Path, settings: StreamSettings) -> Iterator[tuple[Window, Quality]]:
    """Recompute every window of a recording, as it was published.

    Parameters
    ----------
    path : Path
        An `eeg.xdf`.
    settings : StreamSettings
        Those of the session.

    Yields
    ------
    Window
        In order.
    Quality
        What belongs to it.
    """
    recording = read_stream(path)
    line = StreamLine(settings, recording.channels, recording.rate)
    for item in recording.items():
        yield from line.feed(item)


def _parse(content: bytes) -> Xml.Element:
    """Return the description in a stream's header."""
    info: Xml.Element = SafeXml.fromstring(content[4:].decode())
    return info


def _eeg_header(declared: Declared, signal: Signal) -> bytes:
    """Return the EEG's header: what it is, and nothing about the person or the host."""
    info = describe(declared.name, "EEG", len(signal.channels), signal.rate, "float32")
    add(info, "source_id", declared.source_id)
    add(info, "uid", declared.uid)
    desc = Xml.SubElement(info, "desc")
    channels = Xml.SubElement(desc, "channels")
    for name in signal.channels:
        channel = Xml.SubElement(channels, "channel")
        add(channel, "label", name)
        add(channel, "unit", "microvolts")
        add(channel, "type", "EEG" if kind(name) == "scalp" else "AUX")
    acquisition = Xml.SubElement(desc, "acquisition")
    add(acquisition, "recorder", RECORDER)
    add(acquisition, "recorder_version", __version__)
    add(acquisition, "arrived_in", signal.unit)
    add(acquisition, "microvolts_per_unit", repr(signal.scale))
    return as_bytes(info)


def _side_header(kind_: SideKind, n_columns: int, channels: Sequence[str]) -> bytes:
    """Return the header of one of the device's other streams, under the type that NIC gives it.

    Its rate is not known here and left open; the footer says what was measured.
    """
    labels: Sequence[str] = [f"{kind_} {i + 1}" for i in range(n_columns)]
    if kind_ == "accelerometer" and n_columns == 3:
        labels = ("X", "Y", "Z")
    elif kind_ == "quality" and n_columns == len(channels):
        labels = channels
    unit = "mm/s^2" if kind_ == "accelerometer" else "none"
    return _described(kind_, kind_.capitalize(), labels, unit, "float32")


def _described(name: str, type_: str, labels: Sequence[str], unit: str, form: str) -> bytes:
    info = describe(name, type_, len(labels), 0.0, form)
    channels = Xml.SubElement(Xml.SubElement(info, "desc"), "channels")
    for label in labels:
        channel = Xml.SubElement(channels, "channel")
        add(channel, "label", label)
        add(channel, "unit", unit)
    return as_bytes(info)
