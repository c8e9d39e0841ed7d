"""`rym record`: every LSL stream that there is, into one XDF file (shell).

What LabRecorder is used for, without a window: numbers and text, regular or not, each with its own
header, its raw stamps and a clock offset every few seconds. Streams that come later are added, one
that vanishes is told, and the file can be read to the last second if this process is killed.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from rym.clock import Clock
from rym.errors import DeviceError, RymError, SignalError, UsageError
from stream.files.safe_file import SafeFile
from stream.files.xdf_format import BOUNDARY_S, Content, Encoder, Values
from stream.lsl.taps import ANSWER_S, Seen, Tap, listing

from .roster import Choice, Roster

OFFSET_S = 5.0
"""Seconds between two measurements of the offset to a sender's clock, as in LabRecorder."""
LOOK_S = 1.0
"""Seconds in which every stream of the network answers."""
LOOK_EVERY_S = 3.0
"""Seconds between two looks for new streams."""
FIRST_LOOKS = 2
"""Looks whose streams are there at the beginning: on a busy network one look alone misses some."""
WAIT_S = 0.1
"""Seconds to wait for samples before looking whether it is time to end."""
GAP_S = 0.05
GAP_PERIODS = 3
"""Seconds, and periods, between two stamps of a regular stream from which samples are missing."""


class RecordedStream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of the file."""

    name: str
    type: str
    n_samples: int
    rate: float
    """Measured samples per second; 0 for an irregular stream."""
    lost: int
    """Samples whose place in time is empty, and samples that the disk did not take."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What `rym record` answers."""

    file: str
    streams: tuple[RecordedStream, ...]
    seconds: float
    warnings: tuple[str, ...]


class _File:
    """The one file that all streams share."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.lost: dict[int, int] = {}
        self._clock = clock
        self._lock = threading.Lock()
        self._encoder = Encoder()
        self._file = SafeFile(path, self._encoder.start(), clock)
        self._boundary = clock.now() + BOUNDARY_S
        if not path.exists():
            why = self._file.trouble
            self._file.finish(b"")
            raise DeviceError(why, "Or give another file with --out.", path=str(path))

    @property
    def trouble(self) -> str:
        """What is wrong with the disk now."""
        return self._file.trouble

    def open(self, header: str, form: str, n_channels: int) -> int:
        """Add a stream and return its number."""
        with self._lock:
            number = len(self._encoder.streams) + 1
            self._file.put(self._encoder.header(number, header.encode(), form, n_channels))
            self.lost[number] = 0
            return number

    def samples(self, stream: int, values: Values, stamps: npt.NDArray[np.float64]) -> None:
        """Append samples; where memory is full behind a full disk, count them."""
        with self._lock:
            if self._file.full:
                self.lost[stream] += len(stamps)
                return
            self._file.put(self._encoder.samples(stream, values, stamps))

    def offset(self, stream: int, value: float) -> None:
        """Append a clock offset that was just measured."""
        with self._lock:
            if not self._file.full:
                self._file.put(self._encoder.offset(stream, self._clock.now() - value, value))

    def keep(self, stop: threading.Event) -> None:
        """Bring the file to the disk once a second, and set its boundaries."""
        while not stop.wait(1.0):
            if self._clock.now() >= self._boundary and not self._file.full:
                self._boundary += BOUNDARY_S
                with self._lock:
                    self._file.put(self._encoder.boundary())
            self._file.sync()

    def content(self, stream: int) -> Content:
        """Return what a stream has put into the file."""
        return self._encoder.content(stream)

    def finish(self) -> str:
        """Write the footers, and return what is wrong with the file."""
        with self._lock:
            end = self._encoder.end()
        return self._file.finish(end)


class _Source(threading.Thread):
    """One stream on its way into the file.

    Parameters
    ----------
    seen : Seen
        As it was seen first.
    now : Seen
        As it is there now: a sender that was started anew has another uid.
    file, clock, stop
        Where it goes, the rig's clock, and what ends it.
    """

    def __init__(
        self, seen: Seen, now: Seen, file: _File, clock: Clock, stop: threading.Event
    ) -> None:
        super().__init__(name=f"stream {seen.name}", daemon=True)
        self.seen = seen
        self._now = now
        self.ended = ""
        self.failure: Exception | None = None
        self.heard = False
        self.began = clock.now()
        """Rig time of the first sample in seconds; of this object's making until there is one, and
        for streams without a rate, which may stay silent for as long as they like."""
        self._file = file
        self._clock = clock
        self._stop_all = stop
        self._number = 0
        self._holes = 0
        self._last = np.nan

    def run(self) -> None:
        """Record until told to stop, or until the stream has gone for good."""
        try:
            tap = Tap(self._now, self._clock)
            try:
                self._record(tap)
            finally:
                tap.close()
        except RymError as error:
            self.ended = error.error
        except Exception as error:  # handed to the main thread, which ends with it
            self.failure = error

    @property
    def recorded(self) -> RecordedStream | None:
        """What the file has of it; None while it has not been opened."""
        if not self._number:
            return None
        content = self._file.content(self._number)
        return RecordedStream(
            name=self.seen.name,
            type=self.seen.kind,
            n_samples=content.samples,
            rate=content.rate if self.seen.rate else 0.0,
            lost=self._holes + self._file.lost[self._number],
        )

    def _record(self, tap: Tap) -> None:
        self._number = self._file.open(tap.header, self.seen.form, self.seen.n_channels)
        self._measure(tap, ANSWER_S)
        due = self._clock.now() + OFFSET_S
        while not self._stop_all.is_set():
            if self._clock.now() >= due:
                due = self._clock.now() + OFFSET_S
                self._measure(tap, WAIT_S)
            self._take(tap, WAIT_S)
        while self._take(tap, 0.0):  # what still waits
            pass

    def _measure(self, tap: Tap, within: float) -> None:
        # While the sender is away there is no answer: the last offset stays.
        with suppress(SignalError):
            self._file.offset(self._number, tap.offset(within)[0])

    def _take(self, tap: Tap, within: float) -> int:
        values, stamps = tap.pull(within)
        if len(stamps):
            self.heard = True
            if self.seen.rate and np.isnan(self._last):
                self.began = self._clock.now()
            self._holes += self._missing(stamps)
            self._file.samples(self._number, values, stamps)
        return len(stamps)

    def _missing(self, stamps: npt.NDArray[np.float64]) -> int:
        """Return how many samples of a regular stream lack between and before these."""
        steps = np.diff(stamps, prepend=self._last)
        self._last = stamps[-1]
        if not self.seen.rate:
            return 0
        long = steps[steps > max(GAP_S, GAP_PERIODS / self.seen.rate)]
        return int(np.sum(np.round(long * self.seen.rate) - 1))


class _Session:
    """One run of `rym record`."""

    def __init__(self, path: Path, clock: Clock, choice: Choice, tell: Callable[[str], None]):
        self._clock = clock
        self._choice = choice
        self._tell = tell
        self._stop = threading.Event()
        self._file = _File(path, clock)
        self._keeping = threading.Thread(
            target=self._file.keep, args=[self._stop], name="sync", daemon=True
        )
        self._roster = Roster()
        self._sources: list[_Source] = []
        self._first: list[_Source] = []
        self._n_looks = 0
        self._past: list[RecordedStream] = []
        self._trouble = ""
        self.seen: list[Seen] = []
        self.warnings: list[str] = []

    def run(self, seconds: float, stop: threading.Event) -> None:
        """Record until told to stop, or for some seconds; 0: no end."""
        start = self._clock.now()
        look = start
        self._keeping.start()
        while not stop.is_set() and (left := self._left(start, seconds)) > 0:
            now = self._clock.now()
            # A look takes its time: at the end it would hold up the others.
            if now >= look and (look == start or left > LOOK_S):
                self._look()
                look = self._clock.now() + LOOK_EVERY_S
            stop.wait(min(1.0, max(0.0, self._left(start, seconds))))
            self._report(self._clock.now() - start)

    def _left(self, start: float, seconds: float) -> float:
        """Return how long it still takes until every stream of the beginning lasts as asked for.

        To find and open them takes a second and more. Those that come later prolong nothing.
        """
        begun = max((source.began for source in self._first), default=start)
        return begun + seconds - self._clock.now() if seconds else np.inf

    def end(self) -> list[RecordedStream]:
        """End every stream and the file; return what is in it."""
        self._stop.set()
        for source in self._sources:
            source.join(ANSWER_S)
        self._keeping.join(ANSWER_S)
        problem = self._file.finish()
        if problem:
            self._warn(problem)
        self._raise_failures()
        self._tell_ended()
        return self._past + [found for source in self._sources if (found := source.recorded)]

    def _look(self) -> None:
        self.seen = listing(LOOK_S)
        heard = {source.seen.uid for source in self._sources if source.heard}
        for source in self._sources:
            source.heard = False
        change = self._roster.look([seen for seen in self.seen if seen in self._choice], heard)
        for seen in change.new:
            self._tell(f"recording {seen}")
            self._begin(seen, seen)
        self._n_looks += 1
        if self._n_looks <= FIRST_LOOKS:
            self._first = list(self._sources)
        for seen in change.gone:
            self._warn(f"{seen} has vanished.")
        for seen in change.back:
            self._warn(f"{seen} is back.")

        for source in list(self._sources):
            there = self._roster.now(source.seen)
            if source.ended and not source.is_alive() and there in self.seen:
                self._tell_ended()
                # What is in the file stays there as a stream of its own.
                self._sources.remove(source)
                self._past += [source.recorded] if source.recorded else []
                self._begin(source.seen, there)

    def _begin(self, seen: Seen, now: Seen) -> None:
        self._sources.append(_Source(seen, now, self._file, self._clock, self._stop))
        self._sources[-1].start()

    def _report(self, seconds: float) -> None:
        self._raise_failures()
        self._tell_ended()
        if self._file.trouble != self._trouble:
            self._trouble = self._file.trouble
            self._warn(self._trouble or "The file can be written again.")
        found = [x for source in self._sources if (x := source.recorded)]
        words = [f"{x.name} ({x.type}) {x.n_samples}" + _lost(x) for x in found]
        self._tell(f"{seconds:5.0f} s  {'  '.join(words) or 'no stream yet'}")

    def _tell_ended(self) -> None:
        for source in self._sources:
            if source.ended and source.ended not in self.warnings:
                self._warn(source.ended)

    def _raise_failures(self) -> None:
        for source in self._sources:
            if source.failure is not None:
                raise source.failure

    def _warn(self, words: str) -> None:
        self.warnings.append(words)
        self._tell(words)


def _lost(stream: RecordedStream) -> str:
    return f", {stream.lost} lost" if stream.lost else ""


def record(
    path: Path,
    clock: Clock,
    *,
    choice: Choice | None = None,
    seconds: float = 0.0,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Recorded:
    """Record every stream that is seen into one new file.

    Parameters
    ----------
    path : Path
        The file; it must not exist.
    clock : Clock
        The rig's; on this host equal to LSL's.
    choice : Choice, optional
        Which streams; all of them by default.
    seconds : float
        How long, from the first sample of each stream that is there at the beginning; 0: until told
        to stop.
    stop : threading.Event, optional
        Ends the recording.
    tell : callable
        Takes a line once a second, and one at every change.

    Returns
    -------
    Recorded
        What is in the file.

    Raises
    ------
    UsageError
        If there is such a file, or no such folder.
    DeviceError
        If the file cannot be written from the start; a disk that fills up later ends nothing.
    SignalError
        If no stream was seen or could be opened until the end; no file is left then.
    """
    if path.exists() or not path.resolve().parent.is_dir():
        what = "is there already" if path.exists() else "lies in a folder that does not exist"
        raise UsageError(f"{path} {what}.", "Give another file with --out.", path=str(path))
    choice = choice or Choice()
    start = clock.now()
    session = _Session(path, clock, choice, tell)
    try:
        session.run(seconds, stop or threading.Event())
    finally:
        streams = session.end()
    if not streams:
        path.unlink(missing_ok=True)
        raise _nothing(session, choice, clock.now() - start)
    return Recorded(
        file=str(path),
        streams=tuple(streams),
        seconds=round(clock.now() - start, 3),
        warnings=tuple(session.warnings),
    )


def _nothing(session: _Session, choice: Choice, seconds: float) -> SignalError:
    """Return why there is nothing to keep."""
    others = "; ".join(sorted(map(str, session.seen))) or "none at all"
    said = f"No LSL stream with {choice} was seen in {seconds:.0f} s"
    if session.warnings:
        said = f"Nothing was recorded in {seconds:.0f} s: {' '.join(session.warnings).rstrip('.')}"
    return SignalError(
        f"{said}; the last look showed: {others}.",
        "Turn on the LSL output of what is to be recorded, and let it through the firewall.",
    )


def free_name(clock: Clock, folder: Path) -> Path:
    """Return a name for a recording that begins now."""
    now = datetime.fromtimestamp(clock.wall(), UTC).astimezone()
    return folder / f"recording-{now:%Y%m%d-%H%M%S}.xdf"


@contextmanager
def told_to_end() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set, so that the file gets its end."""
    stop = threading.Event()
    before: dict[signal.Signals, Any] = {}
    for name in (signal.SIGINT, signal.SIGTERM):
        before[name] = signal.signal(name, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
