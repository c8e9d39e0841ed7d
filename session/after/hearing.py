"""What the ears were given in a session, in one sentence; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from player.level.dose import UNKNOWN, equivalent, share
from player.settings import RATE
from rym import messages as m
from rym import topics

Log = Mapping[str, Sequence[m.Message]]
NOBODY = ("simulated", "recorded")
"""Kinds of sessions to which nobody need have listened."""


def hearing(log: Log, kind: str) -> str:
    """Say how loud a session was at the ear, or that it is not known.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per short topic.
    kind : str
        The session's; one to which nobody need have listened says nothing where nothing is known.
    """
    full: dict[int, float] = {}
    told: dict[int, str] = {}
    void: dict[int, float] = {}
    for message in log.get(topics.STATUS["player"].short, ()):
        status = message.content
        if not status.facts.get("calibrated", True):
            void.setdefault(status.epoch, message.meta.mono)
        if "loudness" in status.facts:
            told[status.epoch] = str(status.facts["loudness"])
        if "full_scale_dba" in status.facts:
            full[status.epoch] = float(status.facts["full_scale_dba"])
    if not told:
        return ""
    if not full:
        return "" if kind in NOBODY else next(reversed(told.values()))
    whole = len(full) == len(told) and not void
    return _known(log, full, void) + ("" if whole else f" In part: {UNKNOWN}")


def _known(log: Log, full: Mapping[int, float], void: Mapping[int, float]) -> str:
    seconds = used = energy = 0.0
    for epoch, scale in full.items():
        until = void.get(epoch, math.inf)
        said = [
            x.content
            for x in log.get(topics.LEVEL.short, ())
            if x.id.epoch == epoch and x.meta.mono < until
        ]
        at = equivalent(said, scale)
        lasted = sum(one.n_frames for one in said) / RATE
        seconds += lasted
        if at is not None:
            used += share(at, lasted)
            energy += lasted * 10.0 ** (at / 10.0)
    if not energy:
        return "Nothing was heard."
    mean = 10.0 * math.log10(energy / seconds)
    return (
        f"At the ear {mean:.0f} dB(A) on average over {seconds / 60:.0f} min, by the calibration "
        f"of this device: {100 * used:.1f} % of what is allowed in a week."
    )
