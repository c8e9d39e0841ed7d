"""The streams of any XDF file, as they were written (adapter; XDF 1.0 specification).

pyxdf reads the same files and is what the tests compare with. It is not used here since it makes
room for as many samples as a chunk claims: one flipped bit asks for all the memory there is, or
ends the reading of a file whose other 59 minutes are whole.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

import numpy as np
import numpy.typing as npt
from defusedxml import ElementTree as SafeXml

from .recording import Array, Samples, damaged
from .xdf_format import (
    BOUNDARY,
    FOOTER,
    MAGIC,
    NUMBERS,
    OFFSET,
    SAMPLES,
    STREAM_HEADER,
    TEXT,
    read_chunk,
    read_length,
    sample_type,
)

SCAN = 2**20
"""Bytes that are searched at a time for the next boundary."""


class XdfStream:
    """One stream of a file.

    Parameters
    ----------
    number : int
        Its id within the file.
    info : Element
        Its header.

    Raises
    ------
    ValueError
        If the header says no number of channels, no rate or an unknown kind of values.
    """

    def __init__(self, number: int, info: Element) -> None:
        self.number = number
        self.info = info
        self.name = info.findtext("name") or ""
        self.type = info.findtext("type") or ""
        self.source_id = info.findtext("source_id") or ""
        self.rate = float(info.findtext("nominal_srate") or 0)
        self.n_channels = int(info.findtext("channel_count") or 0)
        self.form = info.findtext("channel_format") or ""
        self.text = self.form == TEXT
        if not self.text and self.form not in NUMBERS:
            raise ValueError(f"values of the kind {self.form!r}")
        if not (self.n_channels > 0 and 0 <= self.rate < 1e9):
            raise ValueError(f"{self.n_channels} channels at {self.rate:g} Hz")
        self.dtype = np.dtype(NUMBERS.get(self.form, "<f4"))
        self.closed = False
        self.stated: int | None = None
        """Samples that the footer counts."""
        self.texts: list[str] = []
        """First value of each sample of a stream of words."""
        self.clock: list[tuple[float, float]] = []
        """Sender's time and offset in seconds, as measured while recording."""
        self._values: list[npt.NDArray[np.generic]] = []
        self._stamps: list[Array] = []
        self._last = 0.0

    @property
    def values(self) -> npt.NDArray[np.generic]:
        """Array of shape (n_times, n_channels), in the file's own kind of number."""
        return np.concatenate([np.empty((0, self.n_channels), self.dtype), *self._values])

    def divided_by(self, unit: float) -> Samples:
        """Return the values in another unit, array of shape (n_times, n_channels)."""
        samples = np.empty((len(self), self.n_channels), np.float32)
        at = 0
        for values in self._values:
            samples[at : at + len(values)] = values.astype(np.float64) / unit
            at += len(values)
        return samples

    @property
    def stamps(self) -> Array:
        """Array of shape (n_times,), raw, in seconds."""
        return np.concatenate([np.empty(0), *self._stamps])

    def __len__(self) -> int:
        return sum(map(len, self._stamps))

    def take(self, content: bytes) -> None:
        """Take in the content of a chunk of samples.

        Raises
        ------
        ValueError, struct.error, IndexError
            If it is damaged; nothing of it is kept then.
        """
        n, at = read_length(content, 0)
        if self.text:
            stamps, texts = self._words(content, n, at)
            self.texts += texts
        else:
            stamps, values = self._numbers(content, n, at)
            self._values.append(values)
        self._stamps.append(stamps)
        if n:
            self._last = float(stamps[-1])

    def _numbers(self, content: bytes, n: int, at: int) -> tuple[Array, npt.NDArray[np.generic]]:
        """Return stamps and values; in most files all samples of a chunk have the same form."""
        width = self.dtype.itemsize * self.n_channels
        stamped = sample_type(self.form, self.n_channels)
        if len(content) - at == n * stamped.itemsize:
            rows = np.frombuffer(content, stamped, n, at)
            if (rows["size"] == 8).all():
                return rows["stamp"].astype(np.float64), rows["values"].copy()
        if n * (1 + width) > len(content) - at:
            raise ValueError("more samples than bytes")
        stamps = np.empty(n)
        starts = np.empty(n, np.int64)
        for k in range(n):
            stamps[k], at = self._stamp(content, at, stamps[k - 1] if k else self._last)
            starts[k] = at
            at += width
        if at != len(content):
            raise ValueError("samples end elsewhere than their chunk")
        raw = np.frombuffer(content, np.uint8)[starts[:, None] + np.arange(width)]
        return stamps, raw.view(self.dtype).reshape(n, self.n_channels)

    def _words(self, content: bytes, n: int, at: int) -> tuple[Array, list[str]]:
        if n * (1 + 2 * self.n_channels) > len(content) - at:
            raise ValueError("more samples than bytes")
        stamps, texts = np.empty(n), []
        for k in range(n):
            stamps[k], at = self._stamp(content, at, stamps[k - 1] if k else self._last)
            for channel in range(self.n_channels):
                length, at = read_length(content, at)
                if channel == 0:
                    texts.append(content[at : at + length].decode(errors="replace"))
                at += length
        if at != len(content):
            raise ValueError("samples end elsewhere than their chunk")
        return stamps, texts

    def _stamp(self, content: bytes, at: int, last: float) -> tuple[float, int]:
        """Return a sample's time and where its values begin; without one, a period later."""
        if content[at] == 8:
            return struct.unpack_from("<d", content, at + 1)[0], at + 9
        if content[at]:
            raise ValueError("a stamp of neither 0 nor 8 bytes")
        return last + (1.0 / self.rate if self.rate else 0.0), at + 1


def read_streams(path: Path, notes: list[str]) -> list[XdfStream]:
    """Read all streams of an XDF file, as far as it is whole.

    Parameters
    ----------
    path : Path
        The file.
    notes : list of str
        Gets one sentence for everything that is missing.

    Raises
    ------
    FormatError
        If it is no XDF file.
    """
    streams: dict[int, XdfStream] = {}
    faults: list[str] = []
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise damaged(path.name, f"it does not begin with {MAGIC.decode()!r}")
            for tag, content in _chunks(file, faults):
                try:
                    _take(streams, tag, content)
                # What damaged XML and damaged numbers raise; entities are a ValueError, too.
                except (ValueError, struct.error, IndexError, ParseError, LookupError) as error:
                    faults.append(str(error))
    except OSError as error:
        raise damaged(path.name, error) from error
    if faults:
        notes.append(
            f"{path.name} is damaged or cut off in {len(faults)} places, first: "
            f"{' '.join(faults[0].split())[:100]}; what is whole was read."
        )
    _tell_missing(path.name, streams, notes)
    return list(streams.values())


def _tell_missing(name: str, streams: dict[int, XdfStream], notes: list[str]) -> None:
    open_ = [stream.name for stream in streams.values() if not stream.closed]
    if open_:
        notes.append(
            f"{name} was not closed: no footer for {', '.join(open_)}. "
            "Its last seconds may be missing."
        )
    for stream in streams.values():
        # Some recorders count one too few; only what is missing is told.
        if stream.stated is not None and len(stream) < stream.stated:
            notes.append(
                f"{stream.name or stream.number} has {len(stream)} samples, "
                f"its footer counts {stream.stated}."
            )


def _take(streams: dict[int, XdfStream], tag: int, content: bytes) -> None:
    """Take in one chunk; those of streams without a header are left out."""
    if tag not in (STREAM_HEADER, SAMPLES, OFFSET, FOOTER):
        return
    number = struct.unpack_from("<I", content)[0]
    if tag == STREAM_HEADER:
        info = SafeXml.fromstring(content[4:].decode("utf-8", "replace"))
        streams.setdefault(number, XdfStream(number, info))
        return
    stream = streams.get(number)
    if stream is None:
        raise ValueError(f"samples of a stream {number} that no header describes")
    if tag == SAMPLES:
        stream.take(content[4:])
    elif tag == OFFSET:
        stream.clock.append(struct.unpack_from("<dd", content, 4))
    else:
        stream.closed = True
        count = SafeXml.fromstring(content[4:]).findtext("sample_count") or ""
        stream.stated = int(count) if count.isdecimal() else None


def _chunks(file: BinaryIO, faults: list[str]) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of the whole chunks; go on at the next boundary after a damaged one."""
    size = os.fstat(file.fileno()).st_size
    while (start := file.tell()) < size:
        chunk = read_chunk(file, size - start)
        if chunk is not None:
            yield chunk[1:]
            continue
        faults.append(f"no whole chunk at byte {start}")
        if not _to_boundary(file, start):
            return


def _to_boundary(file: BinaryIO, start: int) -> bool:
    """Go behind the next boundary after byte `start`, or say that there is none."""
    at = start + 1
    while True:
        file.seek(at)
        block = file.read(SCAN)
        found = block.find(BOUNDARY)
        if found >= 0:
            file.seek(at + found + len(BOUNDARY))
            return True
        if len(block) < SCAN:
            return False
        at += SCAN - len(BOUNDARY)
