"""A file that outlives its disk, be it full, read-only or slow (adapter: files).

What the system refuses waits in memory, in order, and goes into the file as soon as it can; what is
in the file already is never harmed. All of it is said, and looked at again at the end.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import TypeVar

from rym.clock import Clock
from rym.errors import DeviceError

MEMORY = 64.0
"""Megabytes that wait in memory at most: 20 channels at 500 Hz fill them in 24 minutes."""
RETRY_S = 2.0
"""Seconds between two attempts on a disk that refused."""
SLOW_S = 3.0
"""Seconds that something may wait for the disk before that is said."""
END_S = 3.0
"""Seconds that a disk which does not answer may hold up the end."""
T = TypeVar("T")


def aside(job: Callable[[], T]) -> Future[T]:
    """Begin a job in a thread of its own that nothing waits for, not even the process's end.

    A thread of a pool would be waited for: a disk that never answers would keep the process.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(job())
        except BaseException as error:  # whoever waits for the job gets it
            future.set_exception(error)

    threading.Thread(target=run, name="disk", daemon=True).start()
    return future


class Spool:
    """Bytes on their way to one new file; what is not safely on the disk stays in memory.

    Pieces are put in by any thread, handed to the system by one (`flush`), and brought to the disk
    by another (`sync`). A piece that went in halfway is cut off again, so that the file ends with a
    whole one at all times.

    Parameters
    ----------
    path : Path
        Where; an existing file is never touched.
    room : int
        Bytes in memory from which it is `full`.

    Attributes
    ----------
    full : bool
        True from the moment when memory is used up until the file has taken in everything; who
        puts in more then only makes memory grow.
    size, crc : int
        Length and CRC-32 of everything that was put in.

    Notes
    -----
    Linux reports a failed write-back once, at the next `fsync`, and then forgets the pages. What
    was written since the last `sync` that worked is therefore kept, and written again if one fails.
    """

    def __init__(self, path: Path, room: int) -> None:
        self.path = path
        self.full = False
        self.size = 0
        self.crc = 0
        self._room = room
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._unsure: deque[tuple[float, bytes]] = deque()
        self._held = 0
        self._at = 0
        self._safe = 0
        self._file: FileIO | None = None
        self._torn = self._rewind = False
        self._refusals = {"write": "", "sync": ""}

    @property
    def refusal(self) -> str:
        """What the system says against writing; empty while it takes everything."""
        return self._refusals["write"] or self._refusals["sync"]

    @property
    def waiting_since(self) -> float | None:
        """When the oldest piece that the system has not taken yet was put in; None without one."""
        with self._lock:
            return self._waiting[0][0] if self._waiting else None

    def put(self, data: bytes, now: float) -> None:
        """Take in one piece at rig time `now`, in seconds."""
        with self._lock:
            self._waiting.append((now, data))
            self._held += len(data)
            # What the system has taken gives way first: it is kept for a failed sync only.
            while self._held > self._room and self._unsure and not self._rewind:
                self._forget()
            self.full = self.full or self._held > self._room
            self.size += len(data)
            self.crc = zlib.crc32(data, self.crc)

    def flush(self) -> bool:
        """Hand to the system what waits, and return whether it took everything."""
        try:
            file = self._ready()
            while self._waiting:
                _write(file, self._waiting[0][1])
                with self._lock:
                    piece = self._waiting.popleft()
                    self._unsure.append(piece)
                    self._at += len(piece[1])
        except OSError as error:
            self._refused(error)
            return False
        self._refusals["write"] = ""
        self.full = False
        return True

    def sync(self) -> bool:
        """Wait until what was handed over is on the disk, and return whether it is."""
        with self._syncing:
            with self._lock:
                file, at = self._file, self._at
                if file is None or self._rewind:
                    return False
            try:
                os.fsync(file.fileno())
            except OSError as error:
                with self._lock:
                    self._rewind = True
                self._refusals["sync"] = _words(error)
                return False
            with self._lock:
                while self._safe < at:
                    self._forget()
            self._refusals["sync"] = ""
            return True

    def close(self) -> None:
        """Close the file; what still waits is given up."""
        if self._file is not None:
            self._file.close()

    def _forget(self) -> None:
        """Let go of the oldest piece that the system has taken."""
        n = len(self._unsure.popleft()[1])
        self._held -= n
        self._safe += n

    def _ready(self) -> FileIO:
        """Return the file at the place where the next piece belongs."""
        if self._file is None:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
            self._file = FileIO(handle, "r+")
        if self._rewind:
            with self._lock:
                self._waiting.extendleft(reversed(self._unsure))
                self._unsure.clear()
                self._at = self._safe
                self._rewind = False
            self._file.seek(self._at)
        if self._torn:
            self._cut(self._file)
        return self._file

    def _refused(self, error: OSError) -> None:
        self._refusals["write"] = _words(error)
        self._torn = True
        if self._file is not None:
            with suppress(OSError):  # before the next piece it is tried again
                self._cut(self._file)

    def _cut(self, file: FileIO) -> None:
        """Take off what is left of a piece that did not go in."""
        file.truncate(self._at)
        file.seek(self._at)
        self._torn = False


_BINARY = getattr(os, "O_BINARY", 0)


def _write(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _words(error: OSError) -> str:
    return error.strerror or str(error)


class SafeFile:
    """A file that is written in a thread of its own; nothing that the disk does reaches the caller.

    Parameters
    ----------
    path : Path
        Where; an existing file is never touched.
    start : bytes
        What it begins with.
    clock : Clock
        Tells how long the disk takes.
    memory : float
        Megabytes that wait at most.

    Raises
    ------
    DeviceError
        If there is such a file already.
    """

    def __init__(self, path: Path, start: bytes, clock: Clock, memory: float = MEMORY) -> None:
        self.path = path
        self._clock = clock
        self._spool = Spool(path, round(memory * 1e6))
        self._more = threading.Event()
        self._stop = threading.Event()
        self._sync_since: float | None = None
        if path.exists():
            raise DeviceError(
                f"{path} is there already.",
                "Choose another name; nothing is overwritten.",
                path=str(path),
            )
        self._spool.put(start, clock.now())
        self._spool.flush()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether memory is used up: what is put in now should rather be left out."""
        return self._spool.full

    @property
    def trouble(self) -> str:
        """What a person must know and do about the disk; empty while all is well."""
        name, why = self.path.name, self._spool.refusal
        begun = [t for t in (self._spool.waiting_since, self._sync_since) if t is not None]
        if not why and begun and self._clock.now() - min(begun) > SLOW_S:
            why = f"the disk takes more than {SLOW_S:g} s"
        if not why:
            return ""
        now = (
            "the memory for it is full: what arrives is lost" if self.full else "it waits in memory"
        )
        return f"{name} cannot be written ({why}); {now}. Free space there, or make it writeable."

    def put(self, data: bytes) -> None:
        """Append one piece."""
        if data:
            self._spool.put(data, self._clock.now())
            self._more.set()

    def sync(self) -> None:
        """Wait until what was written is on the disk; may be called from another thread."""
        self._sync_since = self._clock.now()
        self._spool.sync()
        self._sync_since = None

    def _end(self, end: bytes) -> bool:
        """End the thread, write the last piece, and return whether the file has everything."""
        self._stop.set()
        self._more.set()
        self._thread.join()
        done = self._settled()
        if done:
            self.put(end)
            done = self._settled()
        self._spool.close()
        return done

    def _settled(self) -> bool:
        # A second time where the first shows that what was written before did not last.
        return any(self._spool.flush() and self._spool.sync() for _ in range(2))

    def finish(self, end: bytes) -> str:
        """Append the last piece, close the file, and read it again.

        Parameters
        ----------
        end : bytes
            What it ends with.

        Returns
        -------
        str
            Why it is not what it should be; empty where it is, byte for byte.
        """
        done = False
        with suppress(TimeoutError):
            done = aside(lambda: self._end(end)).result(END_S)
        if done:
            return self._same()
        why = self._spool.refusal or "the disk does not answer"
        return f"{self.path.name} could not be written to its end: {why}."

    def _same(self) -> str:
        try:
            found = _checksum(self.path)
        except OSError as error:
            return f"{self.path.name} cannot be read again: {_words(error)}."
        if found == (self._spool.size, self._spool.crc):
            return ""
        return (
            f"{self.path.name} is not what was written: {found[0]} bytes of CRC {found[1]:08x}, "
            f"expected {self._spool.size} of {self._spool.crc:08x}."
        )

    def _work(self) -> None:
        while not self._stop.is_set():
            self._more.wait()
            self._more.clear()
            if not self._spool.flush():
                self._stop.wait(RETRY_S)
                self._more.set()


def _checksum(path: Path) -> tuple[int, int]:
    size = crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            crc = zlib.crc32(block, crc)
    return size, crc
