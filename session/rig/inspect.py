"""`rym inspect FILE…`: what a recording holds, and how good it is, before anybody rests on it.

The quality is what a session would have said: the recording goes through the very line that live
samples take, and its gaps are put where the file has them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from rym.errors import RymError, UsageError
from rym.messages import Quality
from stream.checks import LOWEST_RATE
from stream.files.reading import read
from stream.files.recording import Recording, regular_stamps
from stream.line import StreamLine
from stream.montage import SCALP
from stream.settings import StreamSettings

WORST = 0.5
"""Share of bad windows above which a channel is not ok. The railed and floating electrodes of real
Enobio recordings are bad in 9 of 10 windows, those of a person who blinks and moves in 1 of 4."""
STEP_S = 1.0
"""Seconds of samples between two reports of progress."""

Progress = Callable[[float, str], None]


class Channel(NamedTuple):
    """What is known about one channel over the whole recording."""

    name: str
    kind: str
    ok: bool
    reason: str
    """Why it is not ok, or why it was not judged; empty otherwise."""
    share: float | None
    """Share of windows in which it is bad; None where it was not judged."""
    mostly: str
    """The most frequent fault, also where the channel is ok."""


class Inspected(NamedTuple):
    """What is known about one recording."""

    path: Path
    recording: Recording
    channels: tuple[Channel, ...]
    n_windows: int
    usable: float | None
    """Share of windows that a decoder may use; None without a window."""
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints; times of gaps are seconds of samples before them."""
        it = self.recording
        return {
            "file": str(self.path),
            "format": it.format,
            "rate": it.rate,
            "duration": it.duration,
            "channels": [
                {"name": c.name, "kind": c.kind, "unit": "µV", "ok": c.ok, "reason": c.reason}
                for c in self.channels
            ],
            "gaps": [{"start": g.sample / it.rate, "duration": g.seconds} for g in it.gaps],
            "n_events": len(it.events),
            "warnings": list(self.warnings),
        }

    @property
    def text(self) -> str:
        """Return a table for people, with the end of its last line."""
        it = self.recording
        measured = (
            "no times in the file" if it.measured is None else f"{it.measured:.2f} Hz measured"
        )
        n_bad = sum(not channel.ok for channel in self.channels)
        usable = "" if self.usable is None else f", {self.usable:.0%} of them usable"
        rows = [
            f"{self.path}",
            f"  format    {' · '.join([it.format, *_known(it)])}",
            f"  rate      {it.rate:g} Hz ({measured})",
            f"  duration  {it.duration:.1f} s, {len(it.samples)} samples",
            f"  channels  {len(it.channels)}, {n_bad} of them not ok",
            f"  quality   {self.n_windows} windows{usable}",
            f"  gaps      {_gaps_in_words(it)}",
            f"  events    {_events_in_words(it)}",
            *_table(self.channels),
            *(f"  ! {warning}" for warning in self.warnings),
        ]
        return "\n".join(rows) + "\n"


def inspect(
    path: Path,
    settings: StreamSettings,
    progress: Progress,
    *,
    stream: str = "",
    columns: Path | None = None,
) -> Inspected:
    """Read a recording and judge it.

    Parameters
    ----------
    path : Path
        Any readable recording.
    settings : StreamSettings
        Length of the windows, thresholds of the quality.
    progress : callable
        Called with the share that is done, and the file's name.
    stream : str
        Which stream of an `.xdf`.
    columns : Path or None
        The map of a table's columns.

    Raises
    ------
    UsageError, FormatError
        If it cannot be read.
    """
    recording = read(path, stream=stream, columns=columns)
    electrodes = _judged(recording)
    found: list[tuple[bool, Quality]] = []
    why = ""
    if recording.rate < LOWEST_RATE:
        why = f"{recording.rate:g} Hz, {LOWEST_RATE:g} Hz are needed."
    elif electrodes:
        try:
            found = _qualities(recording, electrodes, _fitting(settings, recording.rate), progress)
        except UsageError as error:
            why = str(error)  # windows or filters that no stream of this rate could have
        if not found and not why:
            why = f"no stretch is as long as a window of {settings.window:g} s."
    warnings = (*recording.warnings, *([f"Quality was not judged: {why}"] if why else []))
    usable = sum(valid for valid, _ in found) / len(found) if found else None
    qualities = [quality for _, quality in found]
    return Inspected(
        path=path,
        recording=recording,
        channels=_channels(recording, electrodes, qualities),
        n_windows=len(found),
        usable=usable,
        warnings=warnings,
    )


def _fitting(settings: StreamSettings, rate: float) -> StreamSettings:
    """Return the settings without a notch where the rate is too low to hold mains noise."""
    conditioning = settings.conditioning
    if conditioning.line + conditioning.notch_width < rate / 2:
        return settings
    return replace(settings, conditioning=replace(conditioning, line=0))


def inspect_all(
    paths: Sequence[Path],
    settings: StreamSettings,
    progress: Progress,
    show: Callable[[str], object] | None,
    *,
    stream: str = "",
    columns: Path | None = None,
) -> tuple[dict[str, Any], int]:
    """Inspect one file after the other; one that cannot be read does not hide the others.

    Parameters
    ----------
    paths, settings, progress, stream, columns
        As for `inspect`.
    show : callable or None
        Gets the table of each file as soon as it is known; None: nothing is shown.

    Returns
    -------
    dict
        What `--json` prints: of one file its object, of more `files`, a list of them.
    int
        Exit code.

    Raises
    ------
    UsageError, FormatError
        If there is one file only, and it cannot be read.
    """
    results: list[dict[str, Any]] = []
    code = 0
    for path in paths:
        try:
            found = inspect(path, settings, progress, stream=stream, columns=columns)
        except RymError as error:
            if len(paths) == 1:
                raise
            code = max(code, error.exit_code)
            results.append({"file": str(path), "error": error.error, "remedy": error.remedy})
            text = f"{path}\n  ! {error}\n"
        else:
            results.append(found.as_json())
            text = found.text
        if show is not None:
            show(_printable(text))
    return results[0] if len(paths) == 1 else {"files": results}, code


def _printable(text: str) -> str:
    """Return a text without what would move a terminal's cursor: names come from files."""
    return "".join(c if c == "\n" or c.isprintable() else "·" for c in text)


def _judged(recording: Recording) -> dict[str, int]:
    """Return the columns whose quality is judged, by the electrode that each stands for.

    An Enobio 8 does not name its electrodes: where no channel is an electrode, those whose name
    says nothing are judged under electrodes' names, which play no part in any test.
    """
    scalp = [i for i, kind in enumerate(recording.kinds) if kind == "scalp"]
    if scalp:
        return {recording.channels[i]: i for i in scalp}
    unnamed = [i for i, kind in enumerate(recording.kinds) if kind == "other"]
    return dict(zip(sorted(SCALP), unnamed, strict=False))


def _qualities(
    recording: Recording, columns: dict[str, int], settings: StreamSettings, progress: Progress
) -> list[tuple[bool, Quality]]:
    """Return of every window whether it may be used, and its quality."""
    line = StreamLine(settings, tuple(columns), recording.rate)
    samples = np.ascontiguousarray(recording.samples[:, list(columns.values())])
    stamps = regular_stamps(recording)
    step = max(1, round(STEP_S * recording.rate))
    found = []
    for at in range(0, len(samples), step):
        progress(at / len(samples), recording.file)
        done = line.push(samples[at : at + step], stamps[at : at + step])
        found += [(window.valid, quality) for window, quality in done]
    progress(1.0, recording.file)
    return found


def _channels(
    recording: Recording, columns: dict[str, int], qualities: Sequence[Quality]
) -> tuple[Channel, ...]:
    names = {electrode: recording.channels[i] for electrode, i in columns.items()}
    faults: dict[str, list[str]] = {name: [] for name in names.values()}
    for quality in qualities:
        for judged in quality.channels:
            if not judged.ok:
                faults[names[judged.name]].append(_renamed(judged.reason, names))
    return tuple(
        _channel(name, kind, faults.get(name) if qualities else None, len(qualities))
        for name, kind in zip(recording.channels, recording.kinds, strict=True)
    )


def _channel(name: str, kind: str, faults: list[str] | None, n_windows: int) -> Channel:
    if faults is None:
        return Channel(name, kind, ok=True, reason="not judged", share=None, mostly="")
    share = len(faults) / n_windows
    mostly = _main(faults)
    ok = share <= WORST
    reason = "" if ok else f"{mostly}, {share:.0%} of windows"
    return Channel(name, kind, ok=ok, reason=reason, share=share, mostly=mostly)


def _renamed(reason: str, names: dict[str, str]) -> str:
    """Return a reason with the file's own names in place of the electrodes that stood for them."""
    return " ".join(names.get(word, word) for word in reason.split())


def _main(faults: Sequence[str]) -> str:
    """Return the most frequent fault, without the number that differs from window to window."""
    kinds = Counter(fault.partition(" ")[0] for fault in faults)
    if not kinds:
        return ""
    first = kinds.most_common(1)[0][0]
    same = (fault for fault in faults if fault.partition(" ")[0] == first)
    return Counter(re.sub(r"\s[−+-]?\d.*$", "", fault) for fault in same).most_common(1)[0][0]


# --------------------------------------------------------------------------------- in words


def _known(recording: Recording) -> list[str]:
    """Return device and software, then the other facts with their names."""
    facts = dict(recording.facts)
    first = [text for key in ("device", "software") if (text := facts.pop(key, ""))]
    return [*first, *(f"{key}: {text}" for key, text in facts.items())]


def _gaps_in_words(recording: Recording) -> str:
    gaps = recording.gaps
    if not gaps:
        return "none"
    shown = ", ".join(f"{g.seconds:+.3f} s at {g.sample / recording.rate:.1f} s" for g in gaps[:5])
    lost = sum(round(gap.seconds * recording.rate) for gap in gaps if gap.seconds > 0)
    return f"{len(gaps)} ({lost} samples lost): {shown}{', …' if len(gaps) > 5 else ''}"


def _events_in_words(recording: Recording) -> str:
    events = recording.events
    if not events:
        return "none"
    kinds = Counter(event.text[:40] or str(event.code) for event in events)
    shown = ", ".join(f"{n} × {what}" for what, n in kinds.most_common(5))
    return f"{len(events)}: {shown}{', …' if len(kinds) > 5 else ''}"


def _table(channels: Sequence[Channel]) -> list[str]:
    """Return one row per channel; bad ones say why."""
    width = max(7, *(len(channel.name) for channel in channels))
    rows = [f"  {'channel':{width}}  {'kind':13}  unit  ok   bad windows"]
    for channel in channels:
        if channel.share is None:
            said = "–    not judged"
        else:
            ok = "yes" if channel.ok else "NO"
            said = f"{ok:3}  {channel.share:4.0%}  {channel.mostly}".rstrip()
        rows.append(f"  {channel.name:{width}}  {channel.kind:13}  µV    {said}")
    return rows
