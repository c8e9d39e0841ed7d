"""Which key a row of notes is in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..music.theory import KEYS

MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each step above the centre fits: probe-tone ratings of Krumhansl & Kessler (1982)."""
AHEAD = 0.03
"""By how much the best key's correlation must lead over every other centre's."""
LAST = 0.15
"""Weight of the last note, as a share of the whole song: tunes end on their centre."""


def centre(pitches: list[int], lengths: list[float]) -> str | None:
    """Return the tonal centre of a tune, or None where two are about as likely.

    The key-finding algorithm of Krumhansl & Schmuckler (Krumhansl 1990, *Cognitive Foundations of
    Musical Pitch*, ch. 4): how long each pitch class sounds, correlated with the profile of every
    key.

    Parameters
    ----------
    pitches : list of int
        MIDI numbers in order, at least one.
    lengths : list of float
        Their durations, in any unit.
    """
    sounding = np.zeros(12)
    for pitch, length in zip(pitches, lengths, strict=True):
        sounding[pitch % 12] += length
    sounding[pitches[-1] % 12] += LAST * sounding.sum()
    if np.ptp(sounding) == 0:
        return None
    fits = np.array(
        [max(_fit(sounding, profile, k) for profile in (MAJOR, MINOR)) for k in range(12)]
    )
    second, best = np.argsort(fits, kind="stable")[-2:]
    return KEYS[int(best)] if fits[best] - fits[second] >= AHEAD else None


def _fit(sounding: npt.NDArray[np.float64], profile: tuple[float, ...], tonic: int) -> float:
    return float(np.corrcoef(sounding, np.roll(profile, tonic))[0, 1])
