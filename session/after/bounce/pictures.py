"""A bank's strips as the pictures of a video (adapter of Pillow).

What may be seen is decided as for the participant's page: a strip that is damaged or would flash
has its place taken by another one, or by a calm plain picture.
"""

from __future__ import annotations

import io
from collections import OrderedDict

from PIL import Image, ImageOps

from player.pictures.files import Hall
from player.pictures.gallery import PLAIN

from .path import Look, stretch

COLOUR = (0x5B, 0x64, 0x6C)
"""Of the plain picture, as on the page."""
KEPT = 64
"""Frames that are in memory as they are painted: 180 MB; more are decoded again."""


class Painter:
    """Paints what is seen.

    Parameters
    ----------
    hall : Hall
        What may be seen, and the bytes of it.
    size : (int, int)
        Width and height of the pictures; strips of other proportions lose their edges.
    """

    def __init__(self, hall: Hall, size: tuple[int, int]) -> None:
        self._hall = hall
        self._size = size
        self._plain = Image.new("RGB", size, COLOUR)
        self._frames: OrderedDict[str, Image.Image] = OrderedDict()
        self._last: tuple[Look, bytes] | None = None

    def paint(self, look: Look) -> bytes:
        """Return a picture, red, green and blue by pixel and row.

        Parameters
        ----------
        look : Look
            By the gallery's strips.
        """
        if self._last is None or self._last[0] != look:
            picture = self._picture(look.scene, look.valence)
            if look.scene != look.before and look.share < 1.0:
                before = self._picture(look.before, look.valence)
                picture = Image.blend(before, picture, look.share)
            self._last = (look, picture.tobytes())
        return self._last[1]

    def _picture(self, strip: int, valence: float) -> Image.Image:
        """Return one strip at a valence, dissolved between the two frames around it."""
        if strip == PLAIN:
            return self._plain
        shades = self._hall.gallery.strips[strip].shades
        k, share = stretch([shade.valence for shade in shades], valence)
        if share == 0.0:
            return self._frame(shades[k].sha256)
        return Image.blend(self._frame(shades[k].sha256), self._frame(shades[k + 1].sha256), share)

    def _frame(self, name: str) -> Image.Image:
        if name not in self._frames:
            with Image.open(io.BytesIO(self._hall.files[name]), formats=("WEBP",)) as image:
                fitted = ImageOps.fit(image.convert("RGB"), self._size, Image.Resampling.LANCZOS)
            self._frames[name] = fitted
            if len(self._frames) > KEPT:
                self._frames.popitem(last=False)
        self._frames.move_to_end(name)
        return self._frames[name]
