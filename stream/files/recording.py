"""Recordings of EEG at rest: what a file holds, and what its readers share.

Whatever the file's unit, a `Recording` is in µV. Names and notes of people that formats carry (user
notes, device addresses, patient fields) are not taken over. A file that is cut off gives what is
there, with a warning; one that cannot be understood gives one sentence.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from rym.errors import FormatError

from ..montage import Kind

Array = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

MOST_VALUES = 2**30
"""Samples times channels from which a file is refused: 4 GiB as they are kept here."""
USUAL_RATES = (100, 125, 128, 160, 200, 220, 250, 256, 300, 400, 500, 512, 600, 1000, 1024, 2000)
"""Samples per second that amplifiers really have; a measured rate within 1 % of one means it."""
RATE_OFF = 0.01
"""Share by which a measured rate may differ from the declared one without a warning."""
BREAK_S = 0.5
"""Seconds between two stamps from which they are no burst any more, where a rate is measured."""
BACKWARD_S = 1.0
"""Seconds that stand for a clock that jumped back: it is a gap whose length is not known."""


class Gap(msgspec.Struct, frozen=True):
    """Time without samples."""

    sample: int
    """Index of the first sample after it."""
    seconds: float
    """How much later that sample is than the rate asks for; negative where the clock jumps back."""


class Event(msgspec.Struct, frozen=True):
    """A trigger or an annotation."""

    sample: int
    code: int
    """0 where there is only a text."""
    text: str = ""


class Recording(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a file holds."""

    file: str
    format: str
    rate: float
    """Samples per second, as declared; where nothing is declared, as measured."""
    measured: float | None = None
    """Samples per second between the gaps, by the file's own stamps; None where it has none."""
    channels: tuple[str, ...]
    """Cleaned names, one per column of `samples`."""
    kinds: tuple[Kind, ...]
    samples: Samples
    """Array of shape (n_times, n_channels), µV."""
    stamps: Array | None
    """Array of shape (n_times,), the file's own time of each sample in seconds."""
    gaps: tuple[Gap, ...] = ()
    events: tuple[Event, ...] = ()
    motion: Samples | None = None
    """Array of shape (n_times, 3), acceleration in mm/s² at the rate of the EEG."""
    facts: dict[str, str] = {}
    """Device, software and filters, as the file says."""
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds of samples, gaps not counted."""
        return len(self.samples) / self.rate


def regular_stamps(recording: Recording) -> Array:
    """Return the times of all samples: regular, but for the gaps that the reader found.

    The file's own stamps come in bursts in some formats, and are not there in others.

    Parameters
    ----------
    recording : Recording
        Of any format.

    Returns
    -------
    array of shape (n_times,)
        Seconds since the first sample.
    """
    later = np.zeros(len(recording.samples))
    for gap in recording.gaps:
        later[gap.sample] = gap.seconds if gap.seconds > 0 else BACKWARD_S
    stamps: Array = np.arange(len(later)) / recording.rate + np.cumsum(later)
    return stamps


def damaged(name: str, why: object) -> FormatError:
    """Return the error of a file that is not what its extension says."""
    return FormatError(
        f"{name} cannot be read: {' '.join(str(why).split())[:200].rstrip('.')}.",
        "The file is damaged or not what its extension says; copy it again from its source.",
    )


def check_size(name: str, n_times: int, n_channels: int) -> None:
    """Refuse a file that claims more values than can be kept.

    Raises
    ------
    FormatError
        With both numbers.
    """
    if n_times * n_channels > MOST_VALUES:
        raise FormatError(
            f"{name} claims {n_times} samples of {n_channels} channels, "
            f"{MOST_VALUES} values can be read.",
            "Cut it into parts; if it is smaller than that, it is damaged.",
        )


def gaps_of(stamps: Array, rate: float, longer_than: float) -> tuple[Gap, ...]:
    """Return where stamps are later than the rate asks for by more than some seconds, or go back.

    Parameters
    ----------
    stamps : array of shape (n_times,)
        In seconds.
    rate : float
        Samples per second.
    longer_than : float
        Grace in seconds; at least 1.1 ms, as whole milliseconds cannot hold every rate's period.

    Returns
    -------
    tuple of Gap
        In the order of the file.
    """
    late = np.diff(stamps) - 1.0 / rate
    grace = max(longer_than, 0.0011)
    found = np.flatnonzero((late > grace) | (late < -max(grace, 1.5 / rate)))
    return tuple(Gap(int(i) + 1, float(late[i])) for i in found)


def gap_note(gaps: tuple[Gap, ...]) -> list[str]:
    """Return one sentence about gaps, or none."""
    if not gaps:
        return []
    longest = max(gaps, key=lambda gap: abs(gap.seconds))
    size, sample = longest.seconds, longest.sample
    return [
        f"Gaps or clock jumps: {len(gaps)}, the largest of {size:.3f} s before sample {sample}."
    ]


def rate_of(stamps: Array) -> float | None:
    """Return the samples per second that stamps show, breaks left out.

    Parameters
    ----------
    stamps : array of shape (n_times,)
        In seconds; in bursts, or each with its own time.

    Returns
    -------
    float or None
        None where fewer than two stamps follow one another.
    """
    breaks = np.flatnonzero(np.abs(np.diff(stamps)) > BREAK_S) + 1
    n, seconds = 0, 0.0
    for part in np.split(stamps, breaks):
        # The last burst of a stretch has no end: it counts up to its beginning.
        if len(part):
            last = int(np.argmax(part == part[-1]))
            n += last
            seconds += float(part[last] - part[0])
    return n / seconds if seconds > 0 else None


def usual_rate(measured: float) -> float:
    """Return the usual rate within 1 % of a measured one, or the measured one itself."""
    near = min(USUAL_RATES, key=lambda rate: abs(rate - measured))
    return float(near) if abs(near - measured) <= RATE_OFF * near else measured


def triggers(codes: Array) -> tuple[Event, ...]:
    """Return where a trigger line takes a new value other than 0.

    Parameters
    ----------
    codes : array of shape (n_times,)
        Whole numbers; what is no number counts as 0.
    """
    # What does not fit 32 bits is no trigger code, and would not fit the Markers stream either.
    known = np.isfinite(codes) & (np.abs(codes) < 2**31)
    whole = np.where(known, codes, 0.0).astype(np.int64)
    starts = np.flatnonzero((whole != 0) & (np.diff(whole, prepend=0) != 0))
    return tuple(Event(int(i), int(whole[i])) for i in starts)
