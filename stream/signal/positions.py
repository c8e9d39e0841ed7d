"""Where the electrodes of the 10-10 system lie on a unit sphere (pure).

The positions are the system's own rule, not a measured head: distances of 10 % of the arc from
nasion over the vertex to inion, and of the circumference (Oostenveld and Praamstra, Clin.
Neurophysiol. 112, 2001). What rests on them (interpolation) needs neighbours, not millimetres.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..montage import SCALP, clean

Floats = npt.NDArray[np.float64]

_STEP = np.pi / 8
"""10 % of the arc over the head, as an angle: Fpz, T7, Oz and T8, 40 % away from Cz, lie on the
equator."""

_STEPS = {
    "N": -5,
    "Fp": -4,
    "AF": -3,
    "F": -2,
    "FC": -1,
    "FT": -1,
    "C": 0,
    "T": 0,
    "CP": 1,
    "TP": 1,
    "P": 2,
    "PO": 3,
    "O": 4,
    "I": 5,
}
"""Steps of 10 % from Cz back along the midline to where a row crosses it."""


def position(name: str) -> Floats:
    """Return the place of an electrode as a unit vector.

    Parameters
    ----------
    name : str
        Name of the 10-10 system, cleaned or not.

    Returns
    -------
    array of shape (3,)
        To the right, to the front, up.

    Raises
    ------
    KeyError
        If it is no electrode on the scalp.
    """
    short = clean(name)
    if short not in SCALP:
        raise KeyError(name)
    row = short.rstrip("z0123456789")
    column = short[len(row) :]
    number = 0 if column == "z" else int(column)
    side = 1 if number % 2 == 0 else -1
    if number == 0:
        return _on_midline(_STEPS[row])
    if row == "I" or number >= 9:
        return _at_side(min(_STEPS[row], 4), side, below=1)
    if row in ("Fp", "O"):
        return _at_side(_STEPS[row], side, below=0)
    return _on_arc(_STEPS[row], side, (number + 1) // 2)


def _on_midline(steps: int) -> Floats:
    return _unit(abs(steps) * _STEP, 0.0 if steps < 0 else np.pi)


def _at_side(steps: int, side: int, below: int) -> Floats:
    """Return where a row ends on the equator, or some steps below.

    The rows end at tenths of the half circumference from Fpz to Oz: Fp1 at the first, T7 at half.
    """
    return _unit(np.pi / 2 + below * _STEP, side * np.pi * (0.5 + 0.1 * steps))


def _on_arc(steps: int, side: int, quarters: int) -> Floats:
    """Return a place some quarters down the arc from a row's midpoint to its end.

    The arc is that of the circle through the row's two ends and its midpoint.
    """
    top, end = _on_midline(steps), _at_side(steps, side, below=0)
    # The circle's plane is upright to the sagittal one; its centre lies in that, below the top.
    across = np.array([end[0], 0.0, 0.0])
    down = end - across - top
    width, depth = float(np.linalg.norm(across)), float(np.linalg.norm(down))
    radius = (width**2 + depth**2) / (2 * depth)
    angle = np.arctan2(width, radius - depth) * quarters / 4
    sunk, aside = down / depth * (1 - np.cos(angle)), across / width * np.sin(angle)
    return np.asarray(top + radius * (sunk + aside))


def _unit(polar: float, azimuth: float) -> Floats:
    """Return a unit vector: angle from the vertex, angle from the front to the right."""
    flat = np.sin(polar)
    return np.array([flat * np.sin(azimuth), flat * np.cos(azimuth), np.cos(polar)])
