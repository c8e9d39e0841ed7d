"""The device's other streams: motion, the amplifier's own quality index, markers (shell)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rym.clock import Clock
from rym.errors import SignalError

from ..items import Side, SideKind
from .markers import LARGEST_CODE
from .resolve import Seen, Sides, choose_sides
from .taps import Tap, listing

POLL_S = 0.05
"""Seconds between two looks: nothing here is urgent, and each look is made for all of them."""
AGAIN_S = 2.0
"""Seconds between two searches for one that vanished."""

MM_PER_S2 = {"g": 9806.65, "mg": 9.80665, "m/s^2": 1000.0, "m/s²": 1000.0, "m/s2": 1000.0}
"""mm/s² per declared unit of an accelerometer; what is not listed is taken for mm/s²."""


class SideTaps:
    """Reads a device's other streams; none of them can end the EEG.

    Parameters
    ----------
    sides : Sides
        Those that were there at the start.
    eeg : callable
        Returns the EEG stream that is listened to now.
    clock : Clock
        The rig's.

    Attributes
    ----------
    skipped : int
        Text markers that are no whole number, or a larger one than a trigger can be.
    """

    def __init__(self, sides: Sides, eeg: Callable[[], Seen], clock: Clock) -> None:
        self._wanted = sides.there
        self._missing = dict(sides.missing)
        self._eeg = eeg
        self._clock = clock
        self._taps: dict[SideKind, Tap] = {}
        self._again = 0.0
        self.skipped = 0

    def there(self) -> list[SideKind]:
        """Return what can be had now."""
        return [kind for kind in self._wanted if kind not in self._missing]

    def missing(self) -> dict[SideKind, str]:
        """Return what cannot, and why."""
        return dict(self._missing)

    def run(
        self, hand_over: Callable[[Side], None], begin: threading.Event, stop: threading.Event
    ) -> None:
        """Read until told to stop, from the moment that the EEG's clock offset is known."""
        for kind, seen in self._wanted.items():
            self._open(kind, seen)
        try:
            while not stop.wait(POLL_S):
                if begin.is_set():
                    for kind in list(self._taps):
                        self._take(kind, hand_over)
                    self._search()
        finally:
            for tap in self._taps.values():
                tap.close()

    def _open(self, kind: SideKind, seen: Seen) -> None:
        try:
            self._taps[kind] = Tap(seen, self._clock, recover=False)
            self._missing.pop(kind, None)
        except SignalError:
            self._lose(kind)

    def _lose(self, kind: SideKind) -> None:
        self._missing[kind] = "vanished"
        self._again = self._clock.now() + AGAIN_S

    def _take(self, kind: SideKind, hand_over: Callable[[Side], None]) -> None:
        tap = self._taps[kind]
        try:
            samples, stamps = tap.pull(0.0)
        except SignalError:
            self._taps.pop(kind).close()
            self._lose(kind)
            return
        if isinstance(samples, list):
            values, stamps = self._codes(samples, stamps)
        else:
            values = _scaled(kind, samples, tap)
        if len(stamps):
            hand_over(Side(kind, values, stamps))

    def _codes(
        self, words: list[list[str]], stamps: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Return the words that are codes; count the others."""
        codes = [_code(word[0]) for word in words]
        kept = [i for i, code in enumerate(codes) if code is not None]
        self.skipped += len(codes) - len(kept)
        return np.array([[codes[i]] for i in kept], np.float32).reshape(-1, 1), stamps[kept]

    def _search(self) -> None:
        """Look again for what was there once and vanished."""
        gone = [kind for kind in self._wanted if kind not in self._taps]
        if gone and self._clock.now() >= self._again:
            found = choose_sides(self._eeg(), listing()).there
            for kind in gone:
                if kind in found:
                    self._open(kind, found[kind])
                else:
                    self._lose(kind)


def _code(word: str) -> int | None:
    try:
        code = int(word)
    except ValueError:
        return None
    return code if abs(code) <= LARGEST_CODE else None


def _scaled(kind: SideKind, samples: npt.NDArray[Any], tap: Tap) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = samples.astype(np.float32)
    unit = tap.declared.units[0].strip().lower() if tap.declared.units else ""
    if kind == "accelerometer" and unit in MM_PER_S2:
        values *= np.float32(MM_PER_S2[unit])
    return values
