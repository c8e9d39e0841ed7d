"""Bad channels from good ones by spherical splines (pure).

F. Perrin, J. Pernier, O. Bertrand and J. F. Echallier, "Spherical splines for scalp potential and
current density mapping", Electroenceph. Clin. Neurophysiol. 72 (1989) 184-187, with the corrigenda
in 76 (1990) 565.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
from numpy.polynomial.legendre import legval

from ..montage import is_scalp
from .positions import position

Floats = npt.NDArray[np.float64]

STIFFNESS = 4
"""The exponent m of the paper, which recommends 4 for the potential."""
TERMS = 50
"""Terms of the Legendre series; at m = 4 the paper's 7 reach 1e-6, and more cost nothing here."""
SMOOTHING = 1e-5
"""Added to the diagonal of G: two electrodes at one place leave it solvable. MNE's value too."""
LEAST = 4
"""Good scalp channels from which anything is interpolated."""
MASKS = 64
"""Masks whose weights are kept; the oldest goes first."""


class Interpolator:
    """Fills bad scalp channels of whole windows from the good ones.

    Parameters
    ----------
    channels : sequence of str
        Names of the columns.
    share : float
        Largest share of the scalp channels that may be filled; with more of them bad, none is,
        since what is left says too little about the rest.
    """

    def __init__(self, channels: Sequence[str], share: float) -> None:
        self._columns = {name: i for i, name in enumerate(channels) if is_scalp(name)}
        self._share = share
        where = np.array([position(name) for name in self._columns]).reshape(-1, 3)
        self._g = _g(where @ where.T)
        self._weights: dict[tuple[int, ...], Floats] = {}

    def fill(self, window: Floats, bad: Collection[str]) -> Floats | None:
        """Return the window with its bad scalp channels filled, or None where none may be.

        Parameters
        ----------
        window : array of shape (n_times, n_channels)
            In µV.
        bad : collection of str
            Channels that cannot be trusted in this window; only those on the scalp are filled.

        Returns
        -------
        array of shape (n_times, n_channels) or None
            In µV, a new array.
        """
        names = list(self._columns)
        to = tuple(i for i, name in enumerate(names) if name in bad)
        # The share is a decimal in a file: 0.15 of 20 channels are 3, whatever 0.15 * 20 is.
        most = self._share * len(names) + 1e-9
        if not to or len(to) > most or len(names) - len(to) < LEAST:
            return None
        good = [i for i in range(len(names)) if i not in to]
        columns = np.array(list(self._columns.values()))
        out = window.copy()
        out[:, columns[list(to)]] = np.einsum(
            "tg,bg->tb", window[:, columns[good]], self._solved(good, to)
        )
        return out

    def _solved(self, good: Sequence[int], to: tuple[int, ...]) -> Floats:
        if to not in self._weights:
            if len(self._weights) == MASKS:
                del self._weights[next(iter(self._weights))]
            self._weights[to] = _factors(self._g[np.ix_(good, good)], self._g[np.ix_(to, good)])
        return self._weights[to]


def weights(good: Floats, to: Floats) -> Floats:
    """Return what each good electrode contributes to each place.

    The spline's coefficients solve (G + λI)·c + c₀ = v and Σc = 0 (equations 1 and 2); its value at
    another place is linear in the potentials v, and these are the factors.

    Parameters
    ----------
    good : array of shape (n_good, 3)
        Unit vectors of the electrodes whose potential is known.
    to : array of shape (n_to, 3)
        Unit vectors of the places asked for.

    Returns
    -------
    array of shape (n_to, n_good)
        Each row adds up to 1, so that a change of reference passes unchanged.
    """
    return _factors(_g(good @ good.T), _g(to @ good.T))


def _factors(among: Floats, across: Floats) -> Floats:
    """Return the factors from g among the good electrodes, and from the places to them."""
    n = len(among)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = among + SMOOTHING * np.eye(n)
    system[n, n] = 0.0
    wanted = np.column_stack([across, np.ones(len(across))])
    # The system is symmetric, so that its solution's first rows are the factors' transpose.
    return np.ascontiguousarray(np.linalg.solve(system, wanted.T)[:n].T)


def _g(cosine: Floats) -> Floats:
    """Return g of equation 3: 1/4π · Σ (2n+1) / (n(n+1))ᵐ · Pₙ(x)."""
    n = np.arange(1, TERMS + 1)
    factors = (2 * n + 1) / (n * (n + 1.0)) ** STIFFNESS / (4 * np.pi)
    return np.asarray(legval(cosine, [0.0, *factors]), dtype=np.float64)
