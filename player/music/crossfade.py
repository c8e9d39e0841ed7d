"""Gains of layers that run in step, so that their sum keeps one level through every fade.

A fade turns a direction: it starts at whatever mixture is heard (`base`, of length 1) and turns to
one layer by an angle from 0 to 90°. The gains are that direction g over √(gᵀRg), R being the
correlation of the layers: the sum then has the power of one clip whatever R is, where linear gains
dip by 3 dB on unlike clips and equal power bulges by 3 dB on alike ones. Source of the law: power
of a sum of correlated signals, Var(Σ gᵢxᵢ) = gᵀRg.

The angle itself runs as a raised cosine, so that a fade begins and ends without a kink.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..settings import BLOCK

Base = tuple[float, float, float]
"""A direction: shares of (negative, neutral, positive), each ≥ 0, of length 1."""

Pairs = tuple[float, float, float]
"""Correlations of (negative, neutral), (negative, positive), (neutral, positive)."""

LEAST_RHO = -0.5
FLOOR = 0.5
"""gᵀRg is taken as at least this much of gᵀg. Only three layers at once can come below it (two have
1 + ρ ≥ 0.5), and only by cancelling one another, which no gain should fight."""
CAP = 1.0 / math.sqrt(FLOOR)
"""No gain is ever larger than this."""

_PAIRS = ((0, 1), (0, 2), (1, 2))
_Doubles = npt.NDArray[np.float64]


def clamp(rho: float) -> float:
    """Return a measured correlation within [−0.5, 1].

    Below −0.5 the rule would answer cancellation with more gain than 3 dB.
    """
    return min(1.0, max(LEAST_RHO, rho))


def only(layer: int) -> Base:
    """Return the direction of one layer alone."""
    return (float(layer == 0), float(layer == 1), float(layer == 2))


def turn(base: Base, to: int, t: float) -> Base:
    """Return the direction at the share `t` (0…1) of a fade from `base` to the layer `to`.

    Parameters
    ----------
    base : tuple of float
        Where the fade began, of length 1.
    to : int
        The layer to which it goes.
    t : float
        Share of the fade's time that has passed.

    Returns
    -------
    tuple of float
        Of length 1.
    """
    angle = _angle(min(1.0, max(0.0, t)))
    c, s = math.cos(angle), math.sin(angle)
    g = [c * base[i] + (s if i == to else 0.0) for i in range(3)]
    length = math.sqrt(sum(x * x for x in g))
    return (g[0] / length, g[1] / length, g[2] / length)


def gains(base: Base, rho: Pairs) -> Base:
    """Return the gains of a direction: g/√(gᵀRg), linear."""
    power = sum(x * x for x in base)
    cross = sum(2.0 * r * base[i] * base[j] for (i, j), r in zip(_PAIRS, rho, strict=True))
    k = 1.0 / math.sqrt(max(power + cross, FLOOR * power))
    return (base[0] * k, base[1] * k, base[2] * k)


def half(base: Base, to: int) -> float:
    """Return the share of a fade's time at which the old and the new contribute equally."""
    old = math.sqrt(sum(x * x for i, x in enumerate(base) if i != to))
    angle = math.atan(max(0.0, old - base[to]))
    return math.acos(max(-1.0, 1.0 - 4.0 * angle / math.pi)) / math.pi


def _angle(t: float) -> float:
    return 0.25 * math.pi * (1.0 - math.cos(math.pi * t))


class Curve:
    """Gains frame by frame, into arrays made once."""

    def __init__(self) -> None:
        self._index = np.arange(BLOCK, dtype=np.float64)
        self._square = self._index**2
        self._t, self._c, self._q, self._w = (np.empty(BLOCK) for _ in range(4))
        self._g = [np.empty(BLOCK) for _ in range(3)]
        self.gains = [np.empty(BLOCK, dtype=np.float32) for _ in range(3)]

    def fill(
        self,
        n: int,
        base: Base,
        to: int,
        *,
        t: tuple[float, float, float],
        rho: Pairs,
        slope: Pairs,
    ) -> None:
        """Put the gains of the next `n` frames into `gains`; layers without a share are left.

        Parameters
        ----------
        n : int
            Number of frames, at most a block.
        base, to : tuple of float, int
            The fade, as in `turn`.
        t : tuple of float
            Share of the fade's time at the first frame, its slope there in shares per
            frame, and what one frame adds to the slope: 0 in a fade, which passes evenly.
        rho, slope : tuple of float
            Correlations at the first frame, and what one frame adds to them. They glide from bar to
            bar, since a jump of R within a fade would be a jump of the sound.
        """
        index, theta, c, q, w = (a[:n] for a in (self._index, self._t, self._c, self._q, self._w))
        np.multiply(index, math.pi * t[1], out=theta)
        np.add(theta, math.pi * t[0], out=theta)
        if t[2]:
            np.multiply(self._square[:n], math.pi * t[2] / 2.0, out=w)
            np.add(theta, w, out=theta)
        np.cos(theta, out=theta)
        np.subtract(1.0, theta, out=theta)
        np.multiply(theta, 0.25 * math.pi, out=theta)
        np.cos(theta, out=c)
        np.sin(theta, out=theta)
        g = [row[:n] for row in self._g]
        layers = [i for i in range(3) if base[i] > 0.0 or i == to]
        for i in layers:
            np.multiply(c, base[i], out=g[i])
        np.add(g[to], theta, out=g[to])
        _power(g, layers, q, w)
        np.multiply(q, FLOOR, out=c)
        for (i, j), r, step in zip(_PAIRS, rho, slope, strict=True):
            if i in layers and j in layers:
                np.multiply(index, 2.0 * step, out=w)
                np.add(w, 2.0 * r, out=w)
                np.multiply(w, g[i], out=w)
                np.multiply(w, g[j], out=w)
                np.add(q, w, out=q)
        np.maximum(q, c, out=q)
        np.sqrt(q, out=q)
        for i in layers:
            np.divide(g[i], q, out=w)
            np.copyto(self.gains[i][:n], w, casting="same_kind")


def _power(g: list[_Doubles], layers: list[int], q: _Doubles, w: _Doubles) -> None:
    q.fill(0.0)
    for i in layers:
        np.multiply(g[i], g[i], out=w)
        np.add(q, w, out=q)
