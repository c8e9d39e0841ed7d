"""XDF 1.0 at the level of chunks: bytes out of samples, chunks out of a file (adapter: one file).

The form is that of github.com/sccn/xdf/wiki/Specifications. Everything that is written goes through
`Encoder`, which touches nothing outside; what is done with its bytes is the caller's business.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt

from rym.errors import FormatError

MAGIC = b"XDF:"
BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
"""The 16 bytes by which a reader finds its place again in a damaged file."""
BOUNDARY_S = 10.0
"""Seconds between two of them."""

FILE_HEADER, STREAM_HEADER, SAMPLES, OFFSET, BOUNDARY_TAG, FOOTER = 1, 2, 3, 4, 5, 6
TAGS = range(FILE_HEADER, FOOTER + 1)

TEXT = "string"
NUMBERS: Mapping[str, str] = {
    "float32": "<f4",
    "double64": "<f8",
    "int8": "|i1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
}
"""How numpy calls the forms of numbers that a stream may have."""

Values = npt.NDArray[Any] | Sequence[Sequence[str]]
"""Samples: array of shape (n_times, n_channels), or rows of text."""


class Content(NamedTuple):
    """What one stream put into a file."""

    samples: int
    first: float
    """Stamp of the first sample in seconds; 0 without one."""
    last: float

    @property
    def rate(self) -> float:
        """Measured samples per second; 0 where it cannot be said."""
        span = self.last - self.first
        return (self.samples - 1) / span if self.samples > 1 and span > 0 else 0.0


@dataclass
class _Stream:
    """What is known of a stream while it is written."""

    form: str
    n_channels: int
    first: float | None = None
    last: float = 0.0
    count: int = 0
    offsets: list[tuple[float, float]] = field(default_factory=list)


class Encoder:
    """Turns streams of any kind into the bytes of one file (pure).

    Every method returns whole chunks. Their bytes belong into the file in the order of the calls;
    what a caller leaves out must not have been asked for, since the footers count it.
    """

    def __init__(self) -> None:
        self._streams: dict[int, _Stream] = {}

    def start(self) -> bytes:
        """Return what a file begins with."""
        return MAGIC + chunk(FILE_HEADER, b"", b"<info><version>1.0</version></info>")

    def header(self, stream: int, info: bytes, form: str, n_channels: int) -> bytes:
        """Open a stream.

        Parameters
        ----------
        stream : int
            Its number in the file, new.
        info : bytes
            The XML element `info`, as LSL defines it.
        form : str
            `float32`, `double64`, `int8` to `int64`, or `string`.
        n_channels : int
            Columns of its samples.

        Raises
        ------
        FormatError
            If XDF knows no such form.
        """
        if form != TEXT and form not in NUMBERS:
            raise FormatError(
                f"A stream of the form {form!r} cannot be written; XDF knows "
                f"{', '.join(NUMBERS)} and {TEXT}.",
                "Leave the stream out.",
            )
        assert stream not in self._streams, "each stream is opened once"
        self._streams[stream] = _Stream(form, n_channels)
        return chunk(STREAM_HEADER, number(stream), info)

    def samples(self, stream: int, values: Values, stamps: npt.NDArray[np.float64]) -> bytes:
        """Return samples of one stream, each with its own stamp.

        Parameters
        ----------
        stream : int
            Opened before.
        values : array of shape (n_times, n_channels), or as many rows of text
            In the stream's form.
        stamps : array of shape (n_times,)
            Seconds on the sender's clock; at least one.
        """
        kept = self._streams[stream]
        if kept.first is None:
            kept.first = float(stamps[0])
        kept.last = float(stamps[-1])
        kept.count += len(stamps)
        rows = _texts(values, stamps) if kept.form == TEXT else _numbers(kept, values, stamps)
        return chunk(SAMPLES, number(stream), length(len(stamps)) + rows)

    def offset(self, stream: int, at: float, value: float) -> bytes:
        """Return a clock offset of one stream.

        Parameters
        ----------
        stream : int
            Opened before.
        at : float
            When it was measured, in seconds on the sender's clock.
        value : float
            Seconds to add to a stamp to get the recorder's time.
        """
        self._streams[stream].offsets.append((at, value))
        return chunk(OFFSET, number(stream), struct.pack("<dd", at, value))

    def boundary(self) -> bytes:
        """Return a mark by which a damaged file can be entered again."""
        return chunk(BOUNDARY_TAG, b"", BOUNDARY)

    def end(self) -> bytes:
        """Return the footers of all streams."""
        return b"".join(
            chunk(FOOTER, number(stream), _footer(self.content(stream), kept.offsets))
            for stream, kept in self._streams.items()
        )

    @property
    def streams(self) -> tuple[int, ...]:
        """Numbers of the streams that are open."""
        return tuple(self._streams)

    def content(self, stream: int) -> Content:
        """Return what a stream has put into the file so far."""
        kept = self._streams[stream]
        return Content(kept.count, kept.first or 0.0, kept.last)


def sample_type(form: str, n_channels: int) -> np.dtype[np.void]:
    """Return how numpy sees one sample of numbers with its stamp."""
    return np.dtype([("size", "u1"), ("stamp", "<f8"), ("values", NUMBERS[form], (n_channels,))])


def _numbers(kept: _Stream, values: Values, stamps: npt.NDArray[np.float64]) -> bytes:
    rows = np.empty(len(stamps), sample_type(kept.form, kept.n_channels))
    rows["size"] = 8
    rows["stamp"] = stamps
    rows["values"] = values
    return rows.tobytes()


def _texts(values: Values, stamps: npt.NDArray[np.float64]) -> bytes:
    pieces = []
    for row, stamp in zip(values, stamps.tolist(), strict=True):
        pieces.append(b"\x08" + struct.pack("<d", stamp))
        for text in row:
            data = text.encode()
            pieces += [length(len(data)), data]
    return b"".join(pieces)


def _footer(content: Content, offsets: Sequence[tuple[float, float]]) -> bytes:
    info = Xml.Element("info")
    add(info, "first_timestamp", repr(content.first))
    add(info, "last_timestamp", repr(content.last))
    add(info, "sample_count", str(content.samples))
    add(info, "measured_srate", f"{content.rate:.6f}")
    parent = Xml.SubElement(info, "clock_offsets")
    for at, value in offsets:
        offset = Xml.SubElement(parent, "offset")
        add(offset, "time", repr(at))
        add(offset, "value", repr(value))
    return as_bytes(info)


def describe(name: str, kind: str, n_channels: int, rate: float, form: str) -> Xml.Element:
    """Return a stream's description, to which more may be added."""
    info = Xml.Element("info")
    add(info, "name", name)
    add(info, "type", kind)
    add(info, "channel_count", str(n_channels))
    add(info, "nominal_srate", repr(rate))
    add(info, "channel_format", form)
    return info


def add(parent: Xml.Element, tag: str, text: str) -> None:
    """Append an element that holds text."""
    Xml.SubElement(parent, tag).text = text


def as_bytes(info: Xml.Element) -> bytes:
    """Return a description as a header or footer holds it."""
    text: bytes = Xml.tostring(info, encoding="utf-8")
    return b'<?xml version="1.0"?>' + text


def number(stream: int) -> bytes:
    """Return a stream's number as chunks carry it."""
    return struct.pack("<I", stream)


def length(n: int) -> bytes:
    """Return a number behind the number of its bytes."""
    return b"\x01" + struct.pack("<B", n) if n < 256 else b"\x04" + struct.pack("<I", n)


def read_length(content: bytes, at: int) -> tuple[int, int]:
    """Return a number that `length` wrote, and where it ends.

    Raises
    ------
    ValueError
        If there is none.
    """
    width = content[at] if at < len(content) else 0
    stop = at + 1 + width
    if width not in (1, 4, 8) or stop > len(content):
        raise ValueError(f"a length of {width} bytes")
    return int.from_bytes(content[at + 1 : stop], "little"), stop


def chunk(tag: int, stream: bytes, content: bytes) -> bytes:
    """Return one chunk."""
    return length(2 + len(stream) + len(content)) + struct.pack("<H", tag) + stream + content


class Chunks:
    """The whole chunks of a file, in order; a torn end is left out.

    Attributes
    ----------
    lost : int
        Bytes at the file's end that are no whole chunk, once the file has been gone through.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield tag and content of every chunk.

        Raises
        ------
        FormatError
            If there is no such file, or it is no XDF.
        """
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if file.read(len(MAGIC)) != MAGIC:
                    raise FormatError(
                        f"{self.path} does not begin with {MAGIC.decode()!r}: it is no XDF file.",
                        "Give the eeg.xdf of a session.",
                        path=str(self.path),
                    )
                left = size - len(MAGIC)
                while (found := read_chunk(file, left)) is not None:
                    left -= found[0]
                    yield found[1:]
                self.lost = left
        except FileNotFoundError:
            raise FormatError(
                f"There is no {self.path}.", "Check the path.", path=str(self.path)
            ) from None


def read_chunk(file: BinaryIO, left: int) -> tuple[int, int, bytes] | None:
    """Return the next chunk's size, tag and content; None where there is no whole one.

    Parameters
    ----------
    file : file
        Read on from where it is.
    left : int
        Bytes that it still holds: no more is read, whatever a damaged chunk claims.
    """
    width = file.read(1)
    digits = file.read(width[0]) if width in (b"\x01", b"\x04", b"\x08") else b""
    if not digits or len(digits) < width[0]:
        return None
    n = int.from_bytes(digits, "little")
    size = 1 + len(digits) + n
    if n < 2 or size > left:
        return None
    tag = int.from_bytes(file.read(2), "little")
    if tag not in TAGS or (tag == BOUNDARY_TAG and n != 2 + len(BOUNDARY)):
        return None
    return size, tag, file.read(n - 2)
