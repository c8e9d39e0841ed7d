"""`rym check alpha`: eyes open, eyes closed, through the very path that a session's EEG takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from rym.clock import Clock, timeout
from rym.errors import FormatError, SignalError, UsageError
from rym.messages import Window
from stream.checks import StartCheck
from stream.files.reading import read
from stream.items import Chunk
from stream.line import StreamLine
from stream.settings import StreamSettings
from stream.signal.alpha import RISE_DB, AlphaRise, alpha_rise

from .waiting import Left, opened, unseen

CHANGE_S = 3.0
"""Seconds between the two parts, in which the eyes close and what they moved dies away."""
GRACE_S = 15.0
"""Seconds that the two parts may take longer than they last, before the stream counts as stuck."""
FEWEST_S = 10.0
"""Shortest part in seconds; of less, the rise says little."""

Tell = Callable[[str], None]
Part = Literal["open", "change", "closed", "done"]

LOOK_AT = (
    "Look at the contact of reference and ground, at the electrodes over the back of the head, "
    "and whether the eyes stayed closed; then repeat it. A few people show little alpha at all."
)


class Answer(NamedTuple):
    """What the check found."""

    rise: AlphaRise
    warnings: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Return the answer for people."""
        rise = self.rise
        if rise.median is None or rise.excess is None:
            return f"not seen: no channel could be used. {LOOK_AT}"
        found = f"{round(rise.median):+d} dB at {', '.join(rise.decided_by)}"
        if rise.seen:
            return f"seen, {found}; peak at {rise.peak:g} Hz."
        shared = rise.median - rise.excess
        alike = rise.median >= RISE_DB
        why = f", but {round(shared):+d} dB of it at 4–7 and 14–20 Hz as well" if alike else ""
        return f"not seen: {found}{why}. {LOOK_AT}"

    @property
    def lines(self) -> tuple[str, ...]:
        """Return all that is to be shown to people."""
        each = ", ".join(f"{name} {value:+.1f}" for name, value in self.rise.rise.items())
        rows = (f"8–12 Hz, closed against open, in dB: {each}.",) if each else ()
        return (f"Alpha {self.sentence}", *rows, *self.warnings)

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "seen": self.rise.seen,
            "rise_db": {name: round(value, 2) for name, value in self.rise.rise.items()},
            "peak_hz": self.rise.peak,
            "warnings": list(self.warnings),
        }


class Watch:
    """Sorts windows into eyes open and eyes closed, by their own time (pure).

    Parameters
    ----------
    seconds : float
        Length of each part.
    change : float
        Seconds between them that belong to neither.
    """

    def __init__(self, seconds: float, change: float = CHANGE_S) -> None:
        self.part: Part = "open"
        self.open: list[Window] = []
        self.closed: list[Window] = []
        self._seconds = seconds
        self._change = change
        self._begin: float | None = None

    def left(self, window: Window) -> float:
        """Return how many seconds of signal the part still takes, what lies before it included."""
        if self.part == "done" or self._begin is None:
            return 0.0
        return self._begin + self._seconds - window.t_last

    def take(self, window: Window) -> bool:
        """Take in one window; return whether a part has just ended.

        Parameters
        ----------
        window : Window
            In their order; one that lies partly outside a part belongs to none.
        """
        if self.part == "done":
            return False
        # Borders lie between two samples, where rounding cannot move a sample across.
        half = 0.5 / window.rate
        if self._begin is None:
            self._begin = window.t_first - half
        end = self._begin + self._seconds
        if window.t_first > self._begin and window.t_last < end:
            (self.open if self.part == "open" else self.closed).append(window)
        if window.t_last + 2 * half < end:
            return False
        if self.part == "open":
            self.part, self._begin = "closed", window.t_last + half + self._change
        else:
            self.part = "done"
        return True


async def check_alpha(
    settings: StreamSettings,
    clock: Clock,
    tell: Tell,
    *,
    seconds: float = 20.0,
    change: float = CHANGE_S,
    left: Left = unseen,
) -> Answer:
    """Watch the EEG that arrives over LSL while the eyes are open, then closed.

    Parameters
    ----------
    settings : StreamSettings
        Table `[stream]`, as a session would use it.
    clock : Clock
        The rig's.
    tell : callable
        Gets what the operator must do next, in words.
    seconds : float
        Length of each part in seconds, of signal time.
    change : float
        Seconds between them.
    left : callable
        Shows how long what is done now still takes.

    Raises
    ------
    UsageError
        If the parts are too short.
    SignalError
        If the stream is missing or not what the settings expect, or stands still.
    """
    if seconds < FEWEST_S:
        raise UsageError(
            f"Each part would last {seconds:g} s, at least {FEWEST_S:g} s are needed.",
            "Give --seconds 20.",
        )
    inlet = await opened(settings, clock, left)
    line = StreamLine(settings, inlet.signal.channels, inlet.signal.rate)
    check, watch = StartCheck(inlet.signal, settings), Watch(seconds, change)
    tell(f"Eyes open, for {seconds:g} s: sit still and look at one point.")
    longest = 2 * seconds + change + GRACE_S
    try:
        async with timeout(clock, longest), aclosing(inlet.items()) as items:
            async for item in items:
                if isinstance(item, Chunk):
                    check.push(item)
                for window, _ in line.feed(item):
                    if watch.take(window):
                        left(0.0, "")
                        _tell_next(watch.part, seconds, tell)
                    left(watch.left(window), f"eyes {watch.part}")
                if watch.part == "done":
                    break
    except TimeoutError:
        left(0.0, "")
        raise SignalError(
            f"The stream {inlet.declared.name} gave {len(watch.open)} windows with eyes open and "
            f"{len(watch.closed)} with eyes closed within {longest:g} s.",
            "Look at it with `rym doctor`, then repeat the check.",
        ) from None
    return _answer(watch.open, watch.closed)


def _tell_next(part: Part, seconds: float, tell: Tell) -> None:
    if part == "closed":
        tell(f"\aEyes closed, for {seconds:g} s: stay relaxed and awake until the next tone.")
    else:
        tell("\a\aDone: the eyes may open.")


def check_recordings(settings: StreamSettings, files: Sequence[Path]) -> Answer:
    """Compare two recordings, put through the same line as a live stream.

    Parameters
    ----------
    settings : StreamSettings
        Table `[stream]`.
    files : sequence of Path
        Eyes open, eyes closed.

    Raises
    ------
    UsageError, FormatError
        If there are not two of them, or they cannot be had.
    """
    if len(files) != 2:
        raise UsageError(
            f"{len(files)} times --recording, 2 are needed.",
            "Give the recording with eyes open, then the one with eyes closed.",
        )
    return _answer(*(_windows(settings, path) for path in files))


def _windows(settings: StreamSettings, path: Path) -> list[Window]:
    recording = read(path)
    if "scalp" not in recording.kinds:
        raise FormatError(
            f"None of the channels of {path.name} is a 10-20 electrode: "
            f"{', '.join(recording.channels)}.",
            "Name them by their electrodes where the file names its channels (NIC: the .info).",
            path=str(path),
        )
    line = StreamLine(settings, recording.channels, recording.rate)
    stamps = recording.stamps
    if stamps is None:
        stamps = np.arange(len(recording.samples)) / recording.rate
    return [window for window, _ in line.feed(Chunk(recording.samples, stamps))]


def _answer(opened: Sequence[Window], closed: Sequence[Window]) -> Answer:
    rise = alpha_rise(opened, closed)
    warnings = [f"{name} is left out: {why}." for name, why in rise.left_out.items()]
    for name, n, invalid in zip(("open", "closed"), rise.windows, rise.invalid, strict=True):
        if invalid:
            warnings.append(f"{invalid} of {n} windows with eyes {name} could not be used.")
    return Answer(rise, tuple(warnings))
