"""A timeline that gives out any sizes, cut as the engine cuts what it gives out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from player.music.blocks import Blocks
from player.music.timeline import Timeline


class CutTimeline(Timeline):
    """The timeline of the player with `render`; takes what that takes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cut = Blocks(self.render_block)

    def render(self, out: npt.NDArray[np.float32]) -> None:
        """Fill `out`, of shape (n_times, 2), with the next frames."""
        self._cut.render(out)
