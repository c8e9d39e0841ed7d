"""EEG at rest: `eeg.xdf`, written while it arrives and read back exactly (adapter: one file).

A minimal writer of XDF 1.0 (github.com/sccn/xdf/wiki/Specifications): the very chunks that were cut
into windows, in µV as float32, every sample with its raw stamp, and the clock offsets where they
took effect. Replay needs nothing else. A second stream, present only where it was needed, marks the
chunks that came too late to be shown as live.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self
from xml.etree import ElementTree as Xml

import numpy as np
from defusedxml import ElementTree as SafeXml

from rym import __version__
from rym.clock import Clock
from rym.errors import DeviceError, FormatError
from rym.messages import ClockOffset, Quality, Window

from .checks import Declared, Signal
from .items import Chunk, Item
from .line import StreamLine
from .montage import kind
from .settings import StreamSettings

MAGIC = b"XDF:"
BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
"""The 16 bytes by which a reader finds its place again in a damaged file."""
BOUNDARY_S = 10.0

FILE_HEADER, STREAM_HEADER, SAMPLES, OFFSET, BOUNDARY_TAG, FOOTER = 1, 2, 3, 4, 5, 6
EEG, LATE = 1, 2
"""Ids of the two streams of a file."""

RECORDER = "RYM"


class XdfWriter:
    """Writes one EEG stream to one new file.

    Every chunk goes to the operating system at once, in one piece: SIGKILL loses nothing that was
    handed over. `sync` brings it to the disk.

    Parameters
    ----------
    path : Path
        Where; an existing file is never touched.
    declared : Declared
        Name, source id and uid of the stream.
    signal : Signal
        Channels, rate, and the unit in which the samples arrived.
    clock : Clock
        Stamps the clock offsets.

    Raises
    ------
    DeviceError
        If the file exists or cannot be written, here and in `write`, `sync` and `close`.
    """

    def __init__(self, path: Path, declared: Declared, signal: Signal, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._dtype = _sample_type(len(signal.channels))
        self._first: float | None = None
        self._last = 0.0
        self._count = 0
        self._n_late = 0
        self._offsets: list[tuple[float, float]] = []
        self._boundary_every = max(1, round(BOUNDARY_S * signal.rate))
        self._to_boundary = self._boundary_every
        with _writing(self.path):
            path.touch(mode=0o600, exist_ok=False)
            self._file = path.open("r+b", buffering=0)
        self._put(MAGIC + _chunk(FILE_HEADER, b"", b"<info><version>1.0</version></info>"))
        self._put(_chunk(STREAM_HEADER, _id(EEG), _header(declared, signal)))

    def write(self, item: Item) -> None:
        """Append samples or a clock offset."""
        if isinstance(item, ClockOffset):
            self._write_offset(item)
        elif isinstance(item, Chunk) and len(item.samples):
            self._write_samples(item)

    def _write_offset(self, item: ClockOffset) -> None:
        assert item.from_sample == self._count, "an offset stands where it takes effect"
        # As other recorders do: the time at which it was measured, on the sender's clock.
        at = self._clock.now() - item.offset
        self._offsets.append((at, item.offset))
        self._put(_chunk(OFFSET, _id(EEG), struct.pack("<dd", at, item.offset)))

    def _write_samples(self, item: Chunk) -> None:
        n = len(item.samples)
        rows = np.empty(n, self._dtype)
        rows["size"] = 8
        rows["stamp"] = item.stamps
        rows["values"] = item.samples
        pieces = [_chunk(SAMPLES, _id(EEG), _length(n) + rows.tobytes())]
        if item.late:
            pieces.insert(0, self._late_mark(n, float(item.stamps[0])))
        if self._to_boundary <= 0:
            pieces.append(_chunk(BOUNDARY_TAG, b"", BOUNDARY))
            self._to_boundary += self._boundary_every
        self._put(b"".join(pieces))
        if self._first is None:
            self._first = float(item.stamps[0])
        self._last = float(item.stamps[-1])
        self._count += n
        self._to_boundary -= n

    def _late_mark(self, n: int, stamp: float) -> bytes:
        """Return the marker that says: the next chunk was backlog."""
        text = f"late {n}".encode()
        mark = b"\x08" + struct.pack("<d", stamp) + _length(len(text)) + text
        chunk = _chunk(SAMPLES, _id(LATE), _length(1) + mark)
        if self._n_late == 0:
            chunk = _chunk(STREAM_HEADER, _id(LATE), _late_header()) + chunk
        self._n_late += 1
        return chunk

    def sync(self) -> None:
        """Wait until all that was written is on the disk; may be called from another thread."""
        with _writing(self.path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write the footers and close the file."""
        if self._file.closed:
            return
        self._put(_chunk(FOOTER, _id(EEG), self._footer()))
        if self._n_late:
            text = f"<info><sample_count>{self._n_late}</sample_count></info>"
            self._put(_chunk(FOOTER, _id(LATE), text.encode()))
        self.sync()
        self._file.close()

    def _footer(self) -> bytes:
        info = Xml.Element("info")
        span = self._last - (self._first or 0.0)
        _add(info, "first_timestamp", repr(self._first or 0.0))
        _add(info, "last_timestamp", repr(self._last))
        _add(info, "sample_count", str(self._count))
        _add(info, "measured_srate", f"{(self._count - 1) / span:.6f}" if span > 0 else "0")
        offsets = Xml.SubElement(info, "clock_offsets")
        for at, value in self._offsets:
            offset = Xml.SubElement(offsets, "offset")
            _add(offset, "time", repr(at))
            _add(offset, "value", repr(value))
        return _xml(info)

    def _put(self, data: bytes) -> None:
        with _writing(self.path):
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into an error that names file and remedy."""
    try:
        yield
    except OSError as error:
        raise DeviceError(
            f"{path} cannot be written: {error.strerror}.",
            "Free space, or choose another folder with --out; nothing is overwritten.",
            path=str(path),
        ) from None


class Recording:
    """One EEG stream at rest, as `XdfWriter` wrote it.

    Attributes
    ----------
    name, source_id, uid : str
        What the stream called itself.
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
        info = self._find_header()
        self.name = info.findtext("name") or ""
        self.source_id = info.findtext("source_id") or ""
        self.uid = info.findtext("uid") or ""
        self.rate = float(info.findtext("nominal_srate") or 0)
        labels = info.findall("desc/channels/channel/label")
        self.channels = tuple(label.text or "" for label in labels)

    def items(self) -> Iterator[Item]:
        """Return what was written, in the file's order, with the very same numbers.

        Yields
        ------
        Chunk or ClockOffset
            An offset's uncertainty is not in the file: it comes back as infinite.
        """
        kept = _sample_type(len(self.channels))
        count = 0
        late = False
        for tag, content in self._chunks():
            stream = content[:4]
            if tag == SAMPLES and stream == _id(LATE):
                late = True
            elif tag == SAMPLES and stream == _id(EEG):
                n, start = _read_length(content, 4)
                rows = np.frombuffer(content, kept, n, start)
                yield Chunk(
                    np.ascontiguousarray(rows["values"]), np.ascontiguousarray(rows["stamp"]), late
                )
                count += n
                late = False
            elif tag == OFFSET and stream == _id(EEG):
                _, offset = struct.unpack_from("<dd", content, 4)
                yield ClockOffset(
                    stream=self.uid, offset=offset, uncertainty=math.inf, from_sample=count
                )
            elif tag == FOOTER and stream == _id(EEG):
                self.complete = True

    def _find_header(self) -> Xml.Element:
        for tag, content in self._chunks():
            if tag == STREAM_HEADER and content[:4] == _id(EEG):
                info: Xml.Element = SafeXml.fromstring(content[4:].decode())
                if info.findtext("desc/acquisition/recorder") == RECORDER:
                    return info
                break
        raise FormatError(
            f"{self.path} holds no EEG stream that {RECORDER} recorded.",
            "Replay needs the eeg.xdf of a session; other files are read by `--recording`.",
            path=str(self.path),
        )

    def _chunks(self) -> Iterator[tuple[int, bytes]]:
        """Yield tag and content of every whole chunk, and note what is left over."""
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if file.read(len(MAGIC)) != MAGIC:
                    raise FormatError(
                        f"{self.path} does not begin with {MAGIC.decode()!r}: it is no XDF file.",
                        "Give the eeg.xdf of a session.",
                        path=str(self.path),
                    )
                end = file.tell()
                while (chunk := _read_chunk(file, size)) is not None:
                    end = file.tell()
                    yield chunk
                self.lost = size - end
        except FileNotFoundError:
            raise FormatError(
                f"There is no {self.path}.", "Check the path.", path=str(self.path)
            ) from None


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


def _sample_type(n_channels: int) -> np.dtype[np.void]:
    return np.dtype([("size", "u1"), ("stamp", "<f8"), ("values", "<f4", (n_channels,))])


def _id(stream: int) -> bytes:
    return struct.pack("<I", stream)


def _length(n: int) -> bytes:
    """Return a number behind the number of its bytes."""
    return b"\x01" + struct.pack("<B", n) if n < 256 else b"\x04" + struct.pack("<I", n)


def _read_length(content: bytes, at: int) -> tuple[int, int]:
    """Return a number that `_length` wrote, and where it ends."""
    stop = at + 1 + content[at]
    return int.from_bytes(content[at + 1 : stop], "little"), stop


def _chunk(tag: int, stream: bytes, content: bytes) -> bytes:
    return _length(2 + len(stream) + len(content)) + struct.pack("<H", tag) + stream + content


def _read_chunk(file: BinaryIO, size: int) -> tuple[int, bytes] | None:
    """Return the next chunk's tag and content, or None where the file holds no whole one."""
    width = file.read(1)
    digits = file.read(width[0]) if width in (b"\x01", b"\x04", b"\x08") else b""
    if not digits or len(digits) < width[0]:
        return None
    length = int.from_bytes(digits, "little")
    if length < 2 or file.tell() + length > size:
        return None
    body = file.read(length)
    return int.from_bytes(body[:2], "little"), body[2:]


def _add(parent: Xml.Element, tag: str, text: str) -> None:
    Xml.SubElement(parent, tag).text = text


def _xml(info: Xml.Element) -> bytes:
    text: bytes = Xml.tostring(info, encoding="utf-8")
    return b'<?xml version="1.0"?>' + text


def _info(name: str, kind_: str, n_channels: int, rate: float, form: str) -> Xml.Element:
    info = Xml.Element("info")
    _add(info, "name", name)
    _add(info, "type", kind_)
    _add(info, "channel_count", str(n_channels))
    _add(info, "nominal_srate", repr(rate))
    _add(info, "channel_format", form)
    return info


def _header(declared: Declared, signal: Signal) -> bytes:
    """Return the stream's header: what it is, and nothing about the person or the host."""
    info = _info(declared.name, "EEG", len(signal.channels), signal.rate, "float32")
    _add(info, "source_id", declared.source_id)
    _add(info, "uid", declared.uid)
    desc = Xml.SubElement(info, "desc")
    channels = Xml.SubElement(desc, "channels")
    for name in signal.channels:
        channel = Xml.SubElement(channels, "channel")
        _add(channel, "label", name)
        _add(channel, "unit", "microvolts")
        _add(channel, "type", "EEG" if kind(name) == "scalp" else "AUX")
    acquisition = Xml.SubElement(desc, "acquisition")
    _add(acquisition, "recorder", RECORDER)
    _add(acquisition, "recorder_version", __version__)
    _add(acquisition, "arrived_in", signal.unit)
    _add(acquisition, "microvolts_per_unit", repr(signal.scale))
    return _xml(info)


def _late_header() -> bytes:
    return _xml(_info("rym-late", "Markers", 1, 0.0, "string"))
