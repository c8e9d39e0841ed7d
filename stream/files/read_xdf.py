"""The EEG of an XDF file of any recorder, with its raw stamps (adapter: `xdf_streams` opens it)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rym.errors import FormatError, UsageError

from ..montage import Kind, clean, kind
from .recording import (
    BREAK_S,
    Array,
    Event,
    Recording,
    check_size,
    damaged,
    gap_note,
    gaps_of,
    rate_of,
    usual_rate,
)
from .xdf_streams import XdfStream, read_streams

CLOCK_SET_S = 1.0
"""Change of a measured clock offset in seconds from which the sender's clock was set anew."""
MOST_DRIFT = 1e-3
"""Seconds per second by which no two clocks drift apart; beyond, the offsets are wrong."""
LONGEST_BURST_S = BREAK_S
"""Raw stamps come in bursts, as the sender saw them: only a longer break is a gap."""

_PER_MICROVOLT = {
    **dict.fromkeys(("µv", "μv", "uv", "microvolt", "microvolts"), 1.0),
    **dict.fromkeys(("nv", "nanovolt", "nanovolts"), 1000.0),
    **dict.fromkeys(("mv", "millivolt", "millivolts"), 1e-3),
    **dict.fromkeys(("v", "volt", "volts"), 1e-6),
}
"""Values are divided by it, so that nV come out as from an .easy file, to the last bit."""


def read_xdf(path: Path, wanted: str = "") -> Recording:
    """Read one stream of an XDF file.

    Parameters
    ----------
    path : Path
        The file.
    wanted : str
        Name, type, `name/type`, source id or number of the stream; empty: the longest EEG stream.

    Raises
    ------
    FormatError
        If it is no XDF file, or has no EEG stream with samples.
    UsageError
        If no stream, or more than one, is what is wanted.
    """
    notes: list[str] = []
    streams = read_streams(path, notes)
    stream = _named(path.name, streams, wanted) if wanted else _eeg(path.name, streams, notes)
    if stream.text:
        raise damaged(path.name, f"its stream {stream.name} holds words, not numbers")
    if not len(stream):
        raise FormatError(
            f"The stream {stream.name} of {path.name} has no samples; there are {_list(streams)}.",
            "Choose a stream that holds samples.",
        )
    check_size(path.name, len(stream), stream.n_channels)
    return _recording(path, stream, streams, notes)


def _list(streams: Sequence[XdfStream]) -> str:
    """Return all streams in words."""
    rows = [f"{s.number} {s.name}/{s.type} ({len(s)} samples)" for s in streams]
    return ", ".join(rows) or "none"


def _named(file: str, streams: Sequence[XdfStream], wanted: str) -> XdfStream:
    """Return the one stream that a person asked for."""
    low = wanted.lower()

    def names(stream: XdfStream) -> tuple[str, ...]:
        both = f"{stream.name}/{stream.type}"
        return (str(stream.number), stream.source_id, both, stream.name, stream.type)

    found: list[XdfStream] = []
    for level in range(5):
        found = [stream for stream in streams if names(stream)[level].lower() == low]
        if found:
            break
    # Of several, the only one with samples is meant: recorders leave empty twins behind.
    full = [stream for stream in found if len(stream)]
    found = full if len(full) == 1 else found
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} streams of {file} are called {wanted!r}; there are {_list(streams)}.",
            "Give one stream's number, or its name/type.",
        )
    return found[0]


def _eeg(file: str, streams: Sequence[XdfStream], notes: list[str]) -> XdfStream:
    """Return the longest EEG stream that holds samples."""
    eeg = [stream for stream in streams if stream.type.lower() == "eeg" and not stream.text]
    full = sorted((stream for stream in eeg if len(stream)), key=lambda stream: -len(stream))
    if not full:
        raise FormatError(
            f"{file} has no stream of type EEG with samples; there are {_list(streams)}.",
            "Choose another stream by its name, or give another file.",
        )
    if len(full) > 1:
        others = ", ".join(f"{stream.number} {stream.name}" for stream in full[1:])
        notes.append(f"Several EEG streams; the longest was taken, left out: {others}.")
    return full[0]


def _recording(
    path: Path, stream: XdfStream, streams: Sequence[XdfStream], notes: list[str]
) -> Recording:
    stamps = stream.stamps
    clock = _recorder_time(stamps, stream.clock)
    notes += clock.notes
    measured = rate_of(clock.times)
    rate = stream.rate
    if not rate:
        if measured is None:
            raise damaged(path.name, f"{stream.name} declares no rate and its stamps show none")
        rate = usual_rate(measured)
        notes.append(f"No rate is declared; {measured:.2f} Hz was measured, {rate:g} Hz is used.")
    gaps = gaps_of(clock.times, rate, longer_than=LONGEST_BURST_S)
    channels = _names(stream, notes)
    kinds = tuple(kind(name) for name in channels)
    scale = _per_microvolt(path.name, stream, kinds, notes)
    facts = {"stream": stream.name, "device": stream.info.findtext("desc/manufacturer") or ""}
    others = [s for s in streams if s is not stream]
    events = _events(clock.times, rate, others, notes)
    if others:
        facts["other streams"] = _list(others)
    return Recording(
        file=path.name,
        format="xdf",
        rate=rate,
        measured=measured,
        channels=channels,
        kinds=kinds,
        samples=stream.divided_by(scale),
        stamps=stamps,
        gaps=gaps,
        events=events,
        facts={key: value for key, value in facts.items() if value},
        warnings=(*notes, *gap_note(gaps)),
    )


class _Times(NamedTuple):
    """Stamps on the recorder's clock."""

    times: Array
    notes: list[str]


def _recorder_time(stamps: Array, clock: list[tuple[float, float]]) -> _Times:
    """Return stamps on the recorder's clock, whose drift and jumps the measured offsets show.

    A jump of the offset is laid where the stamps jump the other way; from there on the offsets
    measured later hold. Drift matters where markers come from another machine than the EEG: 50 ppm
    are 180 ms in an hour.
    """
    notes: list[str] = []
    if not clock:
        return _Times(stamps.copy(), notes)
    measured = np.array(clock)
    jumps = np.flatnonzero(np.abs(np.diff(measured[:, 1])) > CLOCK_SET_S) + 1
    parts = np.split(measured, jumps)
    times = stamps + _offsets(stamps, parts[0])
    steps = np.diff(stamps)
    after = 0
    for before, part in pairwise(parts):
        change = part[0, 1] - before[-1, 1]
        left = steps[after:]
        if not len(left) or not np.isfinite(change):
            break
        at = after + int(np.nanargmin(np.abs(left + change)))
        if abs(steps[at]) < CLOCK_SET_S:
            continue  # measured anew, but the stamps do not follow: not this stream's clock
        after = at + 1
        times[after:] = stamps[after:] + _offsets(stamps[after:], part)
        notes.append(
            f"The sender's clock was set anew before sample {after}: "
            f"from {stamps[at]:.1f} s to {stamps[after]:.1f} s."
        )
    return _Times(times, notes)


def _offsets(stamps: Array, measured: Array) -> Array:
    """Return the offset at every stamp, on a straight line through those that were measured.

    The line goes through the medians of the earlier and of the later half (Brown and Mood, Proc.
    2nd Berkeley Symp., 1951): a measurement on a busy network may be off by any amount, and least
    squares would follow it.

    Parameters
    ----------
    stamps : array of shape (n_times,)
        On the sender's clock, in seconds.
    measured : array of shape (n_measured, 2)
        Time on the sender's clock, and the offset then, in seconds.
    """
    half = len(measured) // 2
    early, late = measured[:half], measured[len(measured) - half :]
    drift = 0.0
    if half and (span := np.median(late[:, 0]) - np.median(early[:, 0])) > 0:
        drift = float((np.median(late[:, 1]) - np.median(early[:, 1])) / span)
    if not abs(drift) <= MOST_DRIFT:
        drift = 0.0
    level = np.median(measured[:, 1] - drift * measured[:, 0])
    offsets: Array = level + drift * stamps
    return offsets


def _names(stream: XdfStream, notes: list[str]) -> tuple[str, ...]:
    """Return the channels' names, from either layout of the description, or numbers."""
    names = _described(stream, "label", "name")
    if len(names) != stream.n_channels or not all(names):
        n_named = sum(map(bool, names))
        notes.append(f"Names for {n_named} of {stream.n_channels} channels; they are numbered.")
        names = [f"Ch{i}" for i in range(1, stream.n_channels + 1)]
    return tuple(clean(name) for name in names)


def _described(stream: XdfStream, *keys: str) -> list[str]:
    """Return a property of every channel, in the standard's or in NIC's form of description."""
    info = stream.info
    channels = info.findall("desc/channels/channel") or info.findall("desc/channel")
    return [
        next((text.strip() for key in keys if (text := channel.findtext(key))), "")
        for channel in channels
    ]


def _per_microvolt(name: str, stream: XdfStream, kinds: Sequence[Kind], notes: list[str]) -> float:
    """Return by what the values of an EEG stream are divided to be µV.

    What the electrodes declare counts; only where none is known to be one, what any channel does.
    """
    units = _described(stream, "unit")
    scalp = [unit for unit, what in zip(units, kinds, strict=False) if what == "scalp"]
    said = {unit.lower() for unit in scalp or units} - {"", "none"}
    scales = {_PER_MICROVOLT.get(unit) for unit in said}
    scale = scales.pop() if len(scales) == 1 else None
    if scale is None:
        notes.append(f"Unit of {name}: {', '.join(sorted(said)) or 'not stated'}; µV is assumed.")
        return 1.0
    return scale


def _events(
    times: Array, rate: float, others: Sequence[XdfStream], notes: list[str]
) -> tuple[Event, ...]:
    """Return the markers of all streams of words or triggers, at the next sample of the EEG."""
    events: list[Event] = []
    n_before = 0
    times = np.maximum.accumulate(times)  # one burst may begin before the last one ends
    for stream in others:
        if not stream.text and "marker" not in stream.type.lower():
            continue
        marked = _recorder_time(stream.stamps, stream.clock).times
        early = marked < times[0] - 1.0 / rate
        n_before += int(early.sum())
        at = np.where(early, len(times), np.searchsorted(times, marked))
        if stream.text:
            events += [Event(int(i), 0, text) for i, text in zip(at, stream.texts, strict=True)]
        else:
            codes = stream.values[:, 0].astype(np.float64)
            events += [
                Event(int(i), int(code))
                for i, code in zip(at, codes, strict=True)
                if np.isfinite(code) and abs(code) < 2**31
            ]
    within = sorted((e for e in events if e.sample < len(times)), key=lambda event: event.sample)
    if len(within) < len(events):
        notes.append(
            f"{len(events) - len(within)} events were left out: {n_before} before the first sample "
            "of the EEG, the others after its last one."
        )
    return tuple(within)
