"""The procedural painter: places of the memory, each in all its lights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rym.bank import Maker

from ..drafts import Picture
from ..memory import Memory
from ..settings import GeneratorSettings
from .brush import Brush
from .drawn import drawn
from .evening import DUSK, NIGHT, city, night, room
from .fields import Field
from .fieldside import forest, garden, meadow, path
from .grade import Grade
from .heights import hills, mountain, sky
from .kinds import barred, kinds
from .layers import Stage
from .light import MOODS, Keys, Palette
from .waterside import lake, sea

KINDS: dict[str, Callable[[Brush], None]] = {
    "lake": lake,
    "sea": sea,
    "hills": hills,
    "mountain": mountain,
    "meadow": meadow,
    "path": path,
    "forest": forest,
    "garden": garden,
    "city": city,
    "room": room,
    "night": night,
    "sky": sky,
}
OWN_MOODS: dict[str, tuple[Keys, ...]] = {"city": (DUSK,), "night": (NIGHT,)}
WATERY = ("lake", "sea")
"""Where the words speak of these first, the ground of a sketch is water."""
SMALL = 90
"""Height of the picture by which a scene's light is measured beforehand, in pixels."""


class Landscapes:
    """Paints a memory's scenes without weights.

    Parameters
    ----------
    memory : Memory
        Its words choose the places, its seed the layout, its avoid-list what must not be seen.
    settings : GeneratorSettings
        Number and size of the frames.
    sketch : array of shape (height, width) or None
        The person's line drawing, 0 paper to 1 ink.
    """

    maker = Maker(backend="procedural")

    def __init__(
        self, memory: Memory, settings: GeneratorSettings, sketch: Field | None = None
    ) -> None:
        self._memory, self._settings, self._sketch = memory, settings, sketch
        drawn = np.random.default_rng([memory.drawn_seed, 76])
        self._kinds = kinds(memory.text, memory.avoid, drawn)
        self._barred = barred(memory.avoid)
        self._kept: tuple[int, int] | None = None
        self._stage: Stage
        self._grade: Grade

    def paint(self, scene: int, take: int, frame: int) -> Picture:
        """Make one frame of a scene's strip; the first is the most negative one.

        Parameters
        ----------
        scene : int
        take : int
            Another number gives another layout.
        frame : int

        Returns
        -------
        array of shape (height, width, 3)
            sRGB.
        """
        if self._kept != (scene, take):
            # Maps of one scene only: they are a hundred megabytes.
            self._grade = Grade(self._scene(scene, take, self._small()))
            self._stage = self._scene(scene, take, (self._settings.height, self._settings.width))
            self._kept = (scene, take)
        valence = -1 + 2 * frame / (self._settings.frames - 1)
        return self._grade.finish(self._stage.paint(valence), valence)

    def places(self, strip: list[Picture]) -> tuple[float, ...]:
        """Return the valence of every frame, evenly from −1 to 1."""
        return tuple(float(v) for v in np.linspace(-1, 1, len(strip)))

    def _small(self) -> tuple[int, int]:
        ratio = self._settings.width / self._settings.height
        return SMALL, max(16, round(SMALL * ratio))

    def _scene(self, scene: int, take: int, shape: tuple[int, int]) -> Stage:
        rng = np.random.default_rng([self._memory.drawn_seed, 77, scene, take])
        kind = self._kinds[scene % len(self._kinds)]
        moods = OWN_MOODS.get(kind, MOODS) if self._sketch is None else MOODS
        first = np.random.default_rng([self._memory.drawn_seed, 78]).integers(len(moods))
        # One mood after the other, so that the scenes of a bank do not look alike.
        palette = Palette(moods[(int(first) + scene + take) % len(moods)])
        brush = Brush(shape, rng, palette, self._barred)
        if self._sketch is None:
            KINDS[kind](brush)
        else:
            drawn(brush, self._sketch, watery=self._kinds[0] in WATERY)
        return brush.stage


def drift(valence: float) -> tuple[float, float]:
    """Return how fast the picture may wander, in widths and heights per minute."""
    return 0.06 + 0.05 * (valence + 1) / 2, -0.01 * valence
