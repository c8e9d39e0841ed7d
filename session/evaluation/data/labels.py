"""From file names, markers and keys to stretches of one state (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...after.episodes import Steps
from .dataset import NONE, LabelSettings, Unit

Array = npt.NDArray[np.float64]


class Stretch(NamedTuple):
    """Time of one state."""

    start: float
    """Seconds on the recording's axis; −∞ from its beginning."""
    end: float
    """Seconds; ∞ to its end."""
    state: str
    stimulus: str = ""
    """What was shown; empty where it is not known."""


class Mark(NamedTuple):
    """One event."""

    t: float
    """Seconds on the recording's axis."""
    code: str
    """Its code as text, or its text."""
    seconds: float = 0.0
    """How long it lasts; 0: not said."""
    stimulus: str = ""


class Held(NamedTuple):
    """Samples from which on a channel has another value than before."""

    t: Array
    """Seconds on the recording's axis, shape (n,)."""
    value: Array
    """Shape (n,)."""


def by_markers(marks: Iterable[Mark], labels: LabelSettings) -> list[Stretch]:
    """Return the stretches that markers delimit, in order.

    A stretch ends after `labels.seconds`, else after the event's own duration, else at the next
    known code or the end of the recording; in any case at the next known code.

    Parameters
    ----------
    marks : iterable of Mark
        All events.
    labels : LabelSettings
        What codes mean.
    """
    known = sorted((mark for mark in marks if mark.code in labels.codes), key=lambda m: m.t)
    shown = _several(labels)
    found = []
    for i, mark in enumerate(known):
        state = labels.codes[mark.code]
        border = known[i + 1].t if i + 1 < len(known) else math.inf
        lasts = labels.seconds or mark.seconds
        end = min(border, mark.t + lasts) if lasts else border
        too_long = labels.longest and end - mark.t > labels.longest
        if state != NONE and end > mark.t and not too_long:
            what = mark.stimulus or (mark.code if state in shown else "")
            found.append(Stretch(mark.t, end, state, what))
    return found


def _several(labels: LabelSettings) -> set[str]:
    """Return the states that have several codes: there a code is a stimulus of its own."""
    states = list(labels.codes.values())
    return {state for state in states if states.count(state) > 1}


def heard_of(marks: Iterable[Mark], codes: Mapping[str, str]) -> Steps | None:
    """Return what was audible from when on, as markers tell it.

    Parameters
    ----------
    marks : iterable of Mark
        All events.
    codes : mapping of str to str
        Affect that is heard from an event on; `none` is silence.

    Returns
    -------
    Steps or None
        None where no event tells.
    """
    told = [(mark.t, codes[mark.code]) for mark in marks if mark.code in codes]
    return Steps.of(told) if told else None


def by_keys(held: Sequence[Held], labels: LabelSettings) -> list[Stretch]:
    """Return the stretches that channels tell, in order; one of a state for as long as it is held.

    Parameters
    ----------
    held : sequence of Held
        What each of `labels.keys` has, and from when on, in their order.
    labels : LabelSettings
        What they mean.
    """
    times = np.unique(np.concatenate([h.t for h in held])) if held else np.zeros(0)
    steps: list[tuple[float, str]] = []
    for t in times.tolist():
        state = next(
            (
                row.state
                for row, one in zip(labels.keys, held, strict=True)
                if _within_half(one, t, row.value)
            ),
            labels.otherwise,
        )
        if not steps or steps[-1][1] != state:
            steps.append((t, state))
    ends = [t for t, _ in steps[1:]] + [math.inf]
    return [
        Stretch(start, end, state)
        for (start, state), end in zip(steps, ends, strict=True)
        if state != NONE
    ]


def _within_half(held: Held, t: float, value: float) -> bool:
    place = int(np.searchsorted(held.t, t, side="right")) - 1
    return place >= 0 and bool(abs(held.value[place] - value) <= 0.5)


def merged(stretches: Sequence[Stretch], unit: Unit) -> list[Stretch]:
    """Return the stretches as the unit asks for: an episode has no border within one state.

    Parameters
    ----------
    stretches : sequence of Stretch
        In order.
    unit : {"file", "trial", "episode"}
        Of the data set.
    """
    found: list[Stretch] = []
    for one in stretches:
        last = found[-1] if found else None
        goes_on = last is not None and last.state == one.state and one.start <= last.end
        if unit == "episode" and last is not None and goes_on:
            same = last.stimulus if last.stimulus == one.stimulus else ""
            found[-1] = Stretch(last.start, max(last.end, one.end), last.state, same)
        else:
            found.append(one)
    return found


def place_of(stretches: Sequence[Stretch], t: Array) -> npt.NDArray[np.int64]:
    """Return in which stretch each time lies, −1 in none.

    Parameters
    ----------
    stretches : sequence of Stretch
        In order, none reaching into the next.
    t : array of shape (n,)
        In seconds.
    """
    starts = np.array([one.start for one in stretches])
    ends = np.array([*(one.end for one in stretches), -math.inf])
    place = np.searchsorted(starts, t, side="right") - 1
    return np.where(t < ends[place], place, -1).astype(np.int64)


def borders(stretches: Iterable[Stretch]) -> Array:
    """Return all times at which a stretch begins or ends, each once, in seconds."""
    times = {edge for one in stretches for edge in (one.start, one.end) if math.isfinite(edge)}
    return np.array(sorted(times))
