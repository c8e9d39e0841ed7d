"""What must not be heard in any clip, judged by its sound alone; pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import measures
from .mastering import Stereo, decibel
from .seams import seam_fault
from .timing import wander_ms

WANDERS = 40.0
"""Milliseconds by which a clip's beat may come to be off within half of its length."""
SILENT_DB = -60.0
"""RMS of a second below which a loop counts as silent there, in dB of full scale."""
OFFSET = 0.005
"""Largest constant offset, of full scale."""
FLAT = 4
"""Equal samples in a row at a clip's largest that only clipping leaves."""
RUNG_OUT = 1e-2
"""Level of an ending's last 50 ms against its peak."""


def faults(sound: Stereo, rate: int, *, loop: bool, bpm: float) -> Iterator[str]:
    """Yield everything that is wrong with a clip, each with its figure and its limit.

    Parameters
    ----------
    sound : array of shape (n_times, 2)
        One turn of a loop, or an ending; at least a second.
    rate : int
        Frames per second.
    loop : bool
        Whether it goes round.
    bpm : float
        Beats per minute that it should keep.
    """
    offset = float(np.abs(sound.mean(axis=0)).max())
    if offset > OFFSET:
        yield f"constant offset {offset:.4f}, allowed are {OFFSET:g}"
    flat = _flattest(sound)
    if flat >= FLAT:
        yield f"it clips: {flat} samples in a row at its largest, allowed are {FLAT - 1}"
    if not loop:
        last = float(np.abs(sound[-rate // 20 :]).max() / max(float(np.abs(sound).max()), 1e-12))
        if last > RUNG_OUT:
            yield f"it ends at {decibel(last):.0f} dB of its peak, expected are at most -40"
        return
    half = rate // 2
    seconds = (sound[at : at + rate] for at in range(0, len(sound) - rate + 1, half))
    softest = min(measures.rms_db(second) for second in seconds)
    if softest < SILENT_DB:
        yield f"a second at {softest:.0f} dB is silence, expected are at least {SILENT_DB:g}"
    if fault := seam_fault(sound, rate):
        yield fault
    wander = wander_ms(sound, rate, bpm)
    if wander > WANDERS:
        yield (
            f"its beat is off by {wander:.0f} ms at {bpm:g} beats per minute, allowed are "
            f"{WANDERS:g}"
        )


def _flattest(sound: Stereo) -> int:
    """Return how many samples in a row stand at a channel's largest or smallest."""
    longest = 0
    for channel in sound.T:
        for edge in (channel.max(), channel.min()):
            at = np.flatnonzero(channel == edge)
            runs = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
            longest = max(longest, *(len(run) for run in runs))
    return longest if float(np.abs(sound).max()) > 0.0 else 0
