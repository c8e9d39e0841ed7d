"""STOP on disk, so that a restart of the player cannot end it (adapter: a file)."""

from __future__ import annotations

import logging
import os
from pathlib import Path

NAME = "stop.json"

LOG = logging.getLogger(__name__)


class Latch:
    """A file that is there exactly while a STOP is latched.

    Parameters
    ----------
    folder : Path or None
        Where it is kept; None keeps nothing, for a player that is run by hand.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / NAME
        self.set = self._path is not None and self._path.exists()

    def put(self, stopped: bool) -> None:
        """Make the file agree with the engine; on disk before anything else is said."""
        if stopped == self.set:
            return
        self.set = stopped
        if self._path is None:
            return
        try:
            if stopped:
                _write(self._path)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            # The engine itself stays stopped; ending the process would be what loses the STOP.
            LOG.error("%s cannot be changed (%s): STOP will not outlive a restart", NAME, error)


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b'{"stopped": true}\n')
        file.flush()
        os.fsync(file.fileno())
