"""The recording of a session: items in, `eeg.xdf` out, whatever the disk does (adapter: files).

The session goes on while the disk is full, read-only or slow (`safe_file`).
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from rym.clock import Clock
from rym.errors import FormatError
from rym.messages import ClockOffset

from ..checks import Declared, Signal
from ..items import Chunk, Item, Side
from .recording import damaged
from .safe_file import MEMORY, SafeFile, aside
from .xdf import EEG, ItemEncoder
from .xdf_format import SAMPLES, Chunks, read_length

COUNT_S = 1.0
"""Seconds that a disk that does not answer may hold up the look at what is in the file."""


class Kept(NamedTuple):
    """What became of a recording."""

    samples: int
    """Samples of EEG that the file holds, after it was read again."""
    missing: int
    """Samples that arrived and are not in it."""
    problem: str
    """What is wrong with the file; empty where it holds everything that arrived."""


class Recorder:
    """Records what arrives; a disk that fails, fills up or is slow never stops the session.

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
    memory : float
        Megabytes that wait at most while the disk takes nothing.

    Raises
    ------
    DeviceError
        If there is such a file already.

    Attributes
    ----------
    lost : int
        Samples that arrived while memory was full; a mark stands in the file in their place.
    """

    def __init__(
        self,
        path: Path,
        declared: Declared,
        signal: Signal,
        clock: Clock,
        memory: float = MEMORY,
    ) -> None:
        self.path = path
        self.lost = 0
        self._gap = 0
        self._encoder = ItemEncoder(declared, signal, clock)
        self._file = SafeFile(path, self._encoder.start(), clock, memory)

    @property
    def trouble(self) -> str:
        """What a person must know about the recording now; empty while all is well."""
        if self._file.trouble or not self.lost:
            return self._file.trouble
        return f"{self.lost} samples are missing in {self.path.name}: it could not be written."

    def write(self, item: Item) -> None:
        """Append samples or a clock offset; never waits, and never fails for the disk's sake."""
        if self._file.full and not _small(item):
            self._gap += len(item.samples) if isinstance(item, Chunk) else 0
            self.lost += len(item.samples) if isinstance(item, Chunk) else 0
            return
        self._file.put(self._mark() + self._encoder.encode(item))

    def sync(self) -> Future[None]:
        """Begin to bring what was written to the disk; one that never answers holds up nobody."""
        return aside(self._file.sync)

    def close(self) -> Kept:
        """Write what can be written, end the file, and look into it.

        Returns
        -------
        Kept
            How many samples are in it, and what is wrong with it.
        """
        why = self._file.finish(self._mark() + self._encoder.end())
        taken = self._encoder.count + self.lost
        if not why:
            # The file is byte for byte what was encoded: going through eight hours chunk by chunk
            # would take another 7 s and say the same.
            return Kept(taken - self.lost, self.lost, self.trouble)
        try:
            found = aside(lambda: count_samples(self.path)).result(COUNT_S).get(EEG, 0)
        except TimeoutError:
            return Kept(0, taken, f"{why} What is in it could not be looked at.")
        except (OSError, FormatError) as error:
            return Kept(0, taken, f"{why} {error}")
        return Kept(found, taken - found, why)

    def _mark(self) -> bytes:
        gap, self._gap = self._gap, 0
        return self._encoder.skip(gap) if gap else b""


def _small(item: Item) -> bool:
    """Return whether an item is kept even while memory is full.

    Offsets and triggers are rare and small; without an offset, replay of all that follows it would
    lie elsewhere in time.
    """
    return isinstance(item, ClockOffset) or (isinstance(item, Side) and item.kind == "markers")


def count_samples(path: Path) -> dict[int, int]:
    """Return how many samples of each stream a file holds, chunk by chunk.

    Parameters
    ----------
    path : Path
        An XDF file, closed or not.

    Raises
    ------
    FormatError
        If there is no such file, or it is no XDF, or a chunk of samples is damaged.
    """
    found: dict[int, int] = {}
    for tag, content in Chunks(path):
        if tag == SAMPLES:
            stream = int.from_bytes(content[:4], "little")
            try:
                found[stream] = found.get(stream, 0) + read_length(content, 4)[0]
            except ValueError as error:
                raise damaged(path.name, error) from error
    return found
