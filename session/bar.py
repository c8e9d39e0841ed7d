"""A bar for what takes longer than two seconds, with the time that is left."""

from __future__ import annotations

import math
from typing import TextIO

from rym.clock import Clock

PATIENCE_S = 2.0
"""Seconds before which nothing is shown."""
WIDTH = 30


class Bar:
    """Shows how far something is, on a terminal only.

    Parameters
    ----------
    clock : Clock
        Says how long it has taken.
    out : TextIO
        Where the bar goes; nothing is shown where this is no terminal.
    """

    def __init__(self, clock: Clock, out: TextIO) -> None:
        self._clock = clock
        self._out = out
        self._begin = clock.now()
        self._shown = False

    def __call__(self, share: float, what: str) -> None:
        """Show that a share from 0 to 1 of `what` is done; 1 takes the bar away and begins anew."""
        spent = self._clock.now() - self._begin
        if not self._out.isatty() or (spent < PATIENCE_S and not self._shown):
            return
        if share >= 1:
            self._out.write(f"\r{'':79}\r" if self._shown else "")
            self._shown = False
            self._begin = self._clock.now()
        else:
            full = round(share * WIDTH)
            left = f"{spent * (1 - share) / share:.0f} s left" if share > 0 else ""
            row = f"{'█' * full:·<{WIDTH}} {share:4.0%} {what[:24]} {left}"
            self._out.write(f"\r{row:79.79}")
            self._shown = True
        self._out.flush()


class TimeLeft:
    """Shows in one row how long something whose length is known still takes, on a terminal only.

    Parameters
    ----------
    out : TextIO
        Where the row goes; nothing is shown where this is no terminal.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._row = ""

    def __call__(self, seconds: float, what: str = "") -> None:
        """Show that `what` takes so many seconds more; 0 takes the row away."""
        row = f"{what}: {math.ceil(seconds)} s left" if seconds > 0 else ""
        if row == self._row or not self._out.isatty():
            return
        self._out.write(f"\r{row:79.79}" if row else f"\r{'':79}\r")
        self._out.flush()
        self._row = row
