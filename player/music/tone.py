"""The soft tone after the music: it says that this was the end, and nothing else.

Made here, so that every bank has it, in the key of what was heard. No affect is meant by it: one
tonic, no third, the same whatever the mixture was.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from ..settings import RATE

LENGTH = 3.0
"""Seconds."""
ATTACK = 0.7
"""Seconds in which it comes up: nobody is startled out of the silence before it."""
KEY = "D"
"""Where the key is not known."""
LUFS = -32.0
"""Integrated loudness (ITU-R BS.1770-4): 12 LU below the music."""

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SIGNS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_LOWEST = 56
"""MIDI number of the lowest tonic, G♯3: small transducers still give it, and the highest, G4, is
not yet sharp."""
_PARTIALS = ((1, 1.0), (2, 0.16), (3, 0.04))
"""Multiple and share: a pure sine would sound like a test."""
_AMPLITUDE = 0.0383
"""Of the first partial; gives `LUFS` within 0.5 LU in every key (measured)."""


def pitch(key: str) -> int:
    """Return the MIDI number of a key's tonic, of D's for an unknown name."""
    step, sign = _STEPS.get(key[:1]), _SIGNS.get(key[1:])
    if step is None or sign is None:
        return pitch(KEY)
    return _LOWEST + (step + sign - _LOWEST) % 12


@functools.lru_cache(maxsize=16)
def tone(key: str) -> npt.NDArray[np.float32]:
    """Return the tone of a key.

    Parameters
    ----------
    key : str
        Such as `D` or `F#`.

    Returns
    -------
    array of shape (n_times, 2)
        At 48 kHz, from silence to silence without a kink at either end; not writeable.
    """
    n, rise = round(LENGTH * RATE), round(ATTACK * RATE)
    hz = 440.0 * 2.0 ** ((pitch(key) - 69) / 12.0)
    turn = 2.0 * np.pi * hz / RATE * np.arange(n)
    wave = sum(share * np.sin(multiple * turn) for multiple, share in _PARTIALS)
    up = (1.0 - np.cos(np.pi * np.arange(rise) / rise)) / 2.0
    down = (1.0 + np.cos(np.pi * np.arange(n - rise) / (n - rise))) / 2.0
    mono = _AMPLITUDE * wave * np.concatenate([up, down])
    sound = np.repeat(mono[:, None], 2, axis=1).astype(np.float32)
    sound.setflags(write=False)
    return sound
