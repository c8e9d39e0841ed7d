"""A bank's strips as the pictures of a video (adapter of Pillow)."""

from __future__ import annotations

import io
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from rym import bank
from rym.bank import Bank, Scene
from rym.errors import FormatError
from rym.flashes import MAX_FLASHES, flashes

from .bounce_path import Look

PLAIN = (92, 98, 104)
"""Colour of the picture that stands in for a strip: a calm grey, in the middle of all strips."""
KEPT = 3
"""Scenes that are in memory at once; more are read again."""


class Strips:
    """Paints what is seen; a strip that cannot be shown is one calm grey, and that is told.

    Parameters
    ----------
    folder : Path
        The bank's.
    manifest : Bank
        Its manifest.
    size : (int, int)
        Width and height of the pictures; strips of other proportions lose their edges.
    """

    def __init__(self, folder: Path, manifest: Bank, size: tuple[int, int]) -> None:
        self.told: list[str] = []
        """What cannot be shown and why, a sentence each."""
        self._folder = folder
        self._scenes = manifest.scenes
        self._size = size
        self._plain = Image.new("RGB", size, PLAIN)
        self._strips: OrderedDict[int, list[Image.Image]] = OrderedDict()
        self._bad: set[int] = set()
        self._last: tuple[Look, bytes] | None = None
        if not manifest.scenes:
            self.told.append("The bank has no pictures: the video shows a plain grey.")

    def paint(self, look: Look) -> bytes:
        """Return a picture, red, green and blue by pixel and row."""
        if self._last is None or self._last[0] != look:
            picture = self._picture(look.scene, look.valence)
            if look.scene != look.before and look.share < 1.0:
                picture = Image.blend(
                    self._picture(look.before, look.valence), picture, max(0.0, look.share)
                )
            self._last = (look, picture.tobytes())
        return self._last[1]

    def _picture(self, number: int, valence: float) -> Image.Image:
        """Return one scene at a valence, dissolved between the two frames around it."""
        if number in self._bad or number >= len(self._scenes):
            return self._plain
        strip = self._strip(number)
        if not strip:
            return self._plain
        values = [frame.valence for frame in self._scenes[number].frames]
        place = float(np.interp(valence, values, np.arange(len(values))))
        low = min(int(place), len(strip) - 2) if len(strip) > 1 else 0
        if place == low:
            return strip[low]
        return Image.blend(strip[low], strip[low + 1], place - low)

    def _strip(self, number: int) -> list[Image.Image]:
        if number not in self._strips:
            try:
                self._strips[number] = self._read(self._scenes[number])
            except FormatError as error:
                self._bad.add(number)
                self.told.append(f"Scene {number + 1} is shown as a plain grey: {error.error}")
                return []
            while len(self._strips) > KEPT:
                self._strips.popitem(last=False)
        self._strips.move_to_end(number)
        return self._strips[number]

    def _read(self, scene: Scene) -> list[Image.Image]:
        strip = [self._frame(frame.file, frame.sha256) for frame in scene.frames]
        found = flashes([np.asarray(picture) for picture in strip])
        if found > MAX_FLASHES:
            raise FormatError(
                f"{scene.name} flashes {found} times a second when it is swept through, at most "
                f"{MAX_FLASHES} are shown.",
                bank.AGAIN,
            )
        return strip

    def _frame(self, name: str, expected: str) -> Image.Image:
        bank.check_file(self._folder, name, expected)
        try:
            data = (self._folder / name).read_bytes()
            with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
                return ImageOps.fit(image.convert("RGB"), self._size, Image.Resampling.LANCZOS)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise FormatError(
                f"{name} cannot be read: {type(error).__name__}.", bank.AGAIN
            ) from None
