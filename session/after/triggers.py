"""Labels from hardware markers: which trials can be trusted, and why others cannot (pure).

A trial begins with the code of a state and ends with the code of `none` or of another state. The
codes come from the amplifier's Markers stream or a button box, and any of them can be missing, come
twice or come late. A trial whose borders are in doubt teaches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rym.messages import LabelState, Marker


class Trial(NamedTuple):
    """One stretch under one code."""

    start: float
    """Rig time in seconds."""
    end: float
    """Rig time in seconds."""
    state: LabelState
    excluded: str
    """Why nothing is learned from it; empty otherwise."""


def trials(
    markers: Sequence[Marker], codes: Mapping[int, LabelState], *, longest: float, end: float
) -> list[Trial]:
    """Return the trials that markers delimit, in order of time.

    Parameters
    ----------
    markers : sequence of Marker
        In the order in which they arrived.
    codes : mapping of int to label state
        What each code stands for; other codes are not looked at.
    longest : float
        Seconds after which the marker of a trial's end counts as missing.
    end : float
        Rig time in seconds at which the last trial is over at the latest.
    """
    known = [marker for marker in markers if marker.code in codes and marker.note != "duplicate"]
    known.sort(key=lambda marker: marker.t)
    found: list[Trial] = []
    for i, marker in enumerate(known):
        after = known[i + 1] if i + 1 < len(known) else None
        state = codes[marker.code]
        if state == "none" or marker.t >= end:
            continue
        stop = end if after is None else min(after.t, end)
        why = _doubt(marker, after, stop - marker.t, longest)
        found.append(Trial(marker.t, stop, state, why))
    return found


def _doubt(first: Marker, last: Marker | None, seconds: float, longest: float) -> str:
    """Return why a trial's borders cannot be trusted; empty if they can."""
    if first.note:
        return f"its first marker ({first.code}) came {first.note}"
    if last is not None and last.note:
        return f"its last marker ({last.code}) came {last.note}"
    if last is not None and last.code == first.code:
        return f"marker {first.code} came again before the trial's end: one is missing"
    if seconds > longest:
        return f"no end marker within {longest:g} s of marker {first.code}"
    return ""


def labels_of(found: Sequence[Trial]) -> list[tuple[float, LabelState]]:
    """Return labels as keys would have given them; an excluded trial is `none`."""
    labels: list[tuple[float, LabelState]] = []
    for trial in found:
        labels.append((trial.start, "none" if trial.excluded else trial.state))
        labels.append((trial.end, "none"))
    # Where one trial follows another at once, the later one's label must stand.
    return sorted(labels, key=lambda label: label[0])
