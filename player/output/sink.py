"""What the player's loop needs of an output."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float32]


class Sink(Protocol):
    """Takes frames at its own pace, and says when each is heard."""

    name: str
    note: str
    """What a person should know of this output; mostly empty."""
    xruns: int
    """How often the sound was interrupted."""
    missing: float
    """Seconds of silence that these interruptions made together, as far as they are known."""

    def room(self) -> int:
        """Return the number of frames that may be written now."""
        ...

    def write(self, block: Frames) -> None:
        """Take frames, shape (n_times, 2)."""
        ...

    def audible_at(self, frame: int) -> float:
        """Return the rig time in seconds at which a frame leaves the device."""
        ...

    def ahead(self) -> int:
        """Return the frames that were written and not yet taken."""
        ...

    def lost(self) -> str:
        """Say in a few words why the device counts as lost; empty while it does not."""
        ...

    def check(self) -> None:
        """Raise DeviceError if the device is lost."""
        ...

    def drained(self) -> bool:
        """Return True once everything that was written has been heard; nothing more is written."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...
