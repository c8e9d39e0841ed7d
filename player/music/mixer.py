"""Adds up what sounds at a place: layers with their gains, and what gives way to them at a seam."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..settings import BLOCK
from .crossfade import Curve
from .homecoming import Homecoming
from .material import Material, Sound
from .moves import Moves
from .score import SEAM, Score, Spot
from .tone import tone

Frames = npt.NDArray[np.float32]
Layers = tuple[Sound | None, ...]


class Mixer:
    """Fills spans of a control block, in arrays made once.

    Parameters
    ----------
    material : Material
        What sounds.
    score : Score
        What sounded before.
    moves : Moves
        Says which layers have a share.
    curve : Curve
        Has the gains of the span, where it is more than one layer.
    """

    def __init__(self, material: Material, score: Score, moves: Moves, curve: Curve) -> None:
        self._material = material
        self._score = score
        self._moves = moves
        self._curve = curve
        # Made now: there is no time for it between two blocks.
        self._tones = {section.key: tone(section.key) for section in material.sections}
        self._work = np.empty((BLOCK, 2), dtype=np.float32)
        self._under = np.empty((BLOCK, 2), dtype=np.float32)
        rise = (1.0 - np.cos(np.pi * (np.arange(SEAM) + 0.5) / SEAM)) / 2.0
        self._rise = rise.astype(np.float32)[:, None]
        self._fall = (1.0 - rise).astype(np.float32)[:, None]

    def loop(self, out: Frames, spot: Spot) -> None:
        """Fill a span with the section at its place, which it does not leave."""
        self._mix(out, self._sounds(spot.section, spot.variant), spot.position)
        if spot.position < SEAM and spot.turn > 0:
            before = self._score.clip(spot.turn - 1)
            if before != (spot.section, spot.variant):
                self._take_over(out, spot.position, self._sounds(*before), spot.position)

    def ending(self, out: Frames, home: Homecoming, frame: int) -> None:
        """Fill a span that begins with `frame` with the ending."""
        assert home.ending is not None
        position = frame - home.start
        self._mix(out, home.ending.sounds, position)
        if position < SEAM:
            section, variant, at = home.loop
            at = at + position if frame < home.wrap else frame - home.wrap
            self._take_over(out, position, self._sounds(section, variant), at)

    def after(self, out: Frames, home: Homecoming, frame: int) -> None:
        """Silence, the tone, and silence for good."""
        if home.tone <= frame < home.over:
            at = frame - home.tone
            sound = self._tones[self._material.sections[home.loop[0]].key]
            np.copyto(out, sound[at : at + len(out)])
        else:
            out.fill(0.0)

    def _sounds(self, section: int, variant: int) -> tuple[Sound | None, ...]:
        return self._material.sections[section].sounds[variant]

    def _take_over(
        self, out: Frames, since: int, old: tuple[Sound | None, ...], position: int
    ) -> None:
        """Let what is in `out`, `since` frames old, come up over what gives way to it."""
        under = self._under[: len(out)]
        self._mix(under, old, position)
        cut = slice(since, since + len(out))
        np.multiply(out, self._rise[cut], out=out)
        np.multiply(under, self._fall[cut], out=under)
        np.add(out, under, out=out)

    def _mix(self, out: Frames, layers: tuple[Sound | None, ...], position: int) -> None:
        n, alone = len(out), self._moves.alone
        if alone is not None:
            sound = layers[alone]
            assert sound is not None
            np.copyto(out, sound[position : position + n])
            return
        out.fill(0.0)
        work = self._work[:n]
        for i, sound in enumerate(layers):
            if sound is not None and self._moves.shares(i):
                gain = self._curve.gains[i][:n, None]
                np.multiply(sound[position : position + n], gain, out=work)
                np.add(out, work, out=out)
