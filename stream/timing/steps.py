"""The rate of a stream, measured from the steps between its stamps (pure)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

OUTAGE_S = 0.5
"""Step between two stamps, in seconds, that is an outage or a clock that was set, and says nothing
about the rate."""
WHOLE = 0.3
"""Distance from a whole number of periods up to which a step counts as one."""
MOST_OFF = 2
"""Steps in the first seconds that may be no whole number of periods, so that longer ones count as
lost samples: a sender that stamps whole chunks on arrival makes more of them."""
MOST_LOST = 0.2
"""Share of lost samples from which the rate is called wrong; the worst Enobio file known to the
authors has lost 8.75 %."""
RATE_S = 5.0
"""Seconds over which the rate is measured."""
RATE_OFF = 0.01
"""Share by which the measured rate may differ from the declared one."""


def plain_rates(steps: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Return samples per second, measured in three ways.

    Parameters
    ----------
    steps : array of shape (n_steps,)
        Between one stamp and the next, in seconds.

    Returns
    -------
    tuple of float
        Of all steps, without outages, and without the longest of the others; 0 where time stands.
    """
    short = steps[np.abs(steps) < OUTAGE_S]
    # One outage in these seconds is a gap, not a wrong rate: without the longest step it fits.
    parts = (steps, short, np.delete(short, short.argmax()) if len(short) else short)
    return tuple(map(_rate, parts))


def _rate(steps: npt.NDArray[np.float64]) -> float:
    """Return samples per second; the first and the last burst may be there in part only."""
    moved = np.flatnonzero(steps != 0)
    span = float(steps.sum())
    if len(moved) < 2 or span <= 0:
        return 0.0
    # What lies strictly between the first stamp and the last one, and one burst of the usual size.
    between = float(moved[-1] - moved[0])
    return between * len(moved) / (len(moved) - 1) / span


def whole_rate(steps: npt.NDArray[np.float64], expected: float) -> tuple[float, float]:
    """Return samples per second with the lost ones, and their share.

    Parameters
    ----------
    steps : array of shape (n_steps,)
        Between one stamp and the next, in seconds.
    expected : float
        Samples per second that were declared.

    Returns
    -------
    rate : float
        Samples per second; 0 where the steps do not tell.
    lost : float
        Share of the samples that never came.

    Notes
    -----
    Where every step is a whole number of periods, a longer one is a loss. A sender at
    another rate does not pass: its steps are longer or shorter by as much as its rate is off, or
    most of them are not single ones.
    """
    short = steps[np.abs(steps) < OUTAGE_S] * expected
    whole = np.rint(short)
    good = np.abs(short - whole) <= WHOLE
    periods, span = float(whole[good].sum()), float(short[good].sum())
    off = len(short) - np.count_nonzero(good)
    if span <= 0 or off > MOST_OFF or 2 * np.count_nonzero(whole == 1) < len(short):
        return 0.0, 0.0
    lost = float((whole[good & (whole > 1)] - 1).sum())
    share = lost / (len(short) + lost)
    if share > MOST_LOST:
        return 0.0, 0.0
    return expected * periods / span, share


class RateWatch:
    """Sees, every five seconds, whether a sender has gone over to another rate.

    It is stricter than the check at the start, which refuses: here most of the steps must be off,
    too, so that losses and outages are no other rate.

    Parameters
    ----------
    rate : float
        Declared samples per second.

    Attributes
    ----------
    wrong : float
        Samples per second that came instead of the declared ones; 0 where all is well.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._steps: list[npt.NDArray[np.float64]] = []
        self._last = np.nan
        self._span = 0.0
        self._n = 0
        self.wrong = 0.0

    def push(self, stamps: npt.NDArray[np.float64]) -> None:
        """Take in stamps.

        Parameters
        ----------
        stamps : array of shape (n_times,)
            Raw, on the sender's clock, in seconds.
        """
        if not len(stamps):
            return
        with np.errstate(invalid="ignore"):
            steps = np.diff(stamps, prepend=self._last)
        self._last = float(stamps[-1])
        self._steps.append(steps[np.isfinite(steps)])
        self._n += len(stamps)
        self._span += float(self._steps[-1][np.abs(self._steps[-1]) < OUTAGE_S].sum())
        if self._span >= RATE_S or self._n >= 2 * RATE_S * self._rate:
            self.wrong = self._judged(np.concatenate(self._steps))
            self._steps.clear()
            self._span, self._n = 0.0, 0

    def _judged(self, steps: npt.NDArray[np.float64]) -> float:
        most = RATE_OFF * self._rate
        plain = plain_rates(steps)
        rates = (*plain, whole_rate(steps, self._rate)[0])
        usual = len(steps) and abs(float(np.median(steps)) * self._rate - 1) <= RATE_OFF
        fits = usual or any(abs(rate - self._rate) <= most for rate in rates)
        return 0.0 if fits else plain[1]
