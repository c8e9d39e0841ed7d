"""What a scene is made of: steps that are painted over one another at any valence.

A step's maps do not depend on valence and are made once per scene; its colours and its strength do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .fields import Field
from .light import Colours, Curve, Palette

Image = npt.NDArray[np.floating]
"""Array of shape (height, width, 3), sRGB 0…1."""
Cover = Callable[[float], Field]
"""Valence to how much of what lies below is covered, 0…1."""
Tone = tuple[str, Field | None]
"""Ink, and how much of it is in the layer's colour; None: all that is left."""


Window = tuple[slice, slice]


class Wash(NamedTuple):
    """A layer of paint."""

    place: Window
    """Rows and columns outside which nothing is seen of it."""
    cover: Field | Cover
    inks: tuple[int, ...]
    shares: Field | None
    """Array of shape (height, width, n_inks); None with one ink."""
    strength: Curve | None


class Mirror(NamedTuple):
    """Still or moved water: pixels of the picture so far, seen again."""

    rows: slice
    source: npt.NDArray[np.intp]
    """Array of shape (height, width): flat index of the pixel that is seen."""


class Stage:
    """The steps of one scene, in the order in which they are painted.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels.
    palette : Palette
    """

    def __init__(self, shape: tuple[int, int], palette: Palette) -> None:
        self.shape, self.palette = shape, palette
        self._steps: list[Wash | Mirror] = []

    def over(self, cover: Field, *tones: Tone, strength: Curve | None = None) -> None:
        """Paint a layer over all that is there.

        Parameters
        ----------
        cover : array of shape (height, width)
            0 where nothing is seen of it, 1 where it hides what lies below.
        *tones : (str, array of shape (height, width) or None)
            Its inks and their shares.
        strength : Curve or None
            Factor on the cover along valence.
        """
        seen = cover > 1 / 1024
        rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
        if len(rows):
            place = (slice(int(rows[0]), int(rows[-1]) + 1),
                     slice(int(columns[0]), int(columns[-1]) + 1))  # fmt: skip
            # A copy, or a thin layer would keep its whole field in memory.
            self._add(place, cover[place].astype(np.float32), tones, strength)

    def weather(
        self, rows: slice, cover: Cover, *tones: Tone, strength: Curve | None = None
    ) -> None:
        """Paint a layer whose cover, asked for these rows alone, changes along valence."""
        self._add((rows, slice(None)), cover, tones, strength)

    def _add(
        self, place: Window, cover: Field | Cover, tones: tuple[Tone, ...], strength: Curve | None
    ) -> None:
        inks = tuple(self.palette.names[name] for name, _ in tones)
        shares = None
        if len(tones) > 1:
            given = [None if share is None else share[place] for _, share in tones]
            left = 1 - sum(share for share in given if share is not None)
            shares = np.stack([left if share is None else share for share in given], axis=-1)
            shares = np.ascontiguousarray(shares, np.float32)
        self._steps.append(Wash(place, cover, inks, shares, strength))

    def mirror(self, rows: slice, source: npt.NDArray[np.intp]) -> None:
        """Show the pixels at these flat indices in these rows."""
        self._steps.append(Mirror(rows, source))

    def paint(self, valence: float) -> Image:
        """Return the scene in this light, before it is graded."""
        image = np.zeros((*self.shape, 3), np.float32)
        colours = self.palette.colours(valence)
        for step in self._steps:
            if isinstance(step, Mirror):
                image[step.rows] = image.reshape(-1, 3)[step.source]
            else:
                _wash(image[step.place], step, colours, valence)
        return image


def _wash(image: Image, step: Wash, colours: Colours, valence: float) -> None:
    strength = 1.0 if step.strength is None else step.strength(valence)
    if strength <= 0.0:
        return
    cover = step.cover if isinstance(step.cover, np.ndarray) else step.cover(valence)
    if strength != 1.0:
        cover = cover * np.float32(strength)
    if step.shares is None:
        change = colours[step.inks[0]] - image
    else:
        change = step.shares @ colours[list(step.inks)]
        change -= image
    change *= cover[..., None]
    image += change
