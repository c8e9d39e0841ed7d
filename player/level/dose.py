"""What an ear is given: the cap while music plays, and the allowance of a week.

Both need a calibration: the sound pressure level that a sine of full scale has at the ear. Without
one nothing is estimated, and nothing here does anything.

*Allowance*: 80 dB(A) for 40 hours within seven days, 3 dB more for half the time (WHO-ITU H.870,
mode 1, adults). A share of 1 is all of it. What was heard elsewhere is not known here.

*Cap*: more than 85 dB(A) over 30 seconds is turned down, to the loudest second at 85 dB(A), and
stays down; also while sound still comes up, and then from where it is. Only the music is measured:
the operator's voice over it (`player.output.talkback`) is neither capped nor counted here. IEC
62368-1 and EN 50332 let a person confirm louder sound every 20 hours; nobody is asked here, since a
person in an induced affect is the wrong one to ask.
"""

from __future__ import annotations

import math
from collections import deque

from rym.messages import Loudness

from ..settings import RATE
from .loudness import in_db

ALLOWED = 80.0
"""dB(A) that may be heard for `HOURS` a week."""
HOURS = 40.0
CAP = 85.0
"""dB(A) over `OVER` seconds."""
OVER = 30
UNKNOWN = "The level was set by the person; the sound pressure is not known."


def pressure(level: float) -> float:
    """Return the mean square of the sound pressure in Pa² of a level in dB(A)."""
    return float(10.0 ** (level / 10.0) * 20e-6**2)


def level(pascals_squared: float) -> float:
    """Return the level in dB(A) of a mean square of the sound pressure in Pa²."""
    return 10.0 * math.log10(max(pascals_squared, 1e-22) / 20e-6**2)


def share(at: float, seconds: float) -> float:
    """Return which share of a week's allowance a sound uses up.

    Parameters
    ----------
    at : float
        Its level at the ear in dB(A), equivalent over its length.
    seconds : float
        Its length.
    """
    return float(10.0 ** ((at - ALLOWED) / 10.0)) * seconds / (3600.0 * HOURS)


class Cap:
    """Says by how much the level has to go down.

    Parameters
    ----------
    full_scale_dba : float or None
        Level in dB(A) at the ear of a sine of full scale; None where it is not known.
    """

    def __init__(self, full_scale_dba: float | None) -> None:
        self._full = full_scale_dba
        self._seconds: deque[tuple[float, float]] = deque(maxlen=OVER)
        self._falling = False

    def take(self, said: Loudness, level_db: float) -> float | None:
        """Take in what a second was; return the level in dB that is low enough, mostly None.

        Parameters
        ----------
        said : Loudness
            What was given out in that second.
        level_db : float
            The level that it was given out with. Where sound comes up, that is less than what was
            set, and what has to go down is the level that was too loud.

        A beginning counts as silence before it, so that 15 dB too much is found within one second
        and 1 dB too much within 30. The second in which the level goes down says nothing of where
        it goes to, and is left out.
        """
        if self._full is None or self._falling:
            self._falling = False
            return None
        here = pressure(self._full + said.level_dba) * said.n_frames / RATE
        self._seconds.append((here, level_db))
        mean = level(sum(second for second, _ in self._seconds) / OVER)
        if mean <= CAP:
            return None
        loudest, level_db = max(self._seconds)
        self._seconds.clear()
        self._falling = True
        return level_db + CAP - level(loudest)


def equivalent(said: list[Loudness], full_scale_dba: float) -> float | None:
    """Return the level at the ear over several stretches in dB(A), silence included (LAeq).

    None where there is none, or all of it is silence.
    """
    frames = sum(one.n_frames for one in said)
    heard = sum(10.0 ** (one.level_dba / 10.0) * one.n_frames for one in said)
    if not frames or in_db(heard / frames) <= -119.0:
        return None
    return full_scale_dba + in_db(heard / frames)
