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
        """Whether a STOP is latched there."""
        self.failed = ""
        """Why it does not agree with the engine, one sentence; empty where it does."""

    def put(self, stopped: bool) -> None:
        """Make the file agree with the engine; on disk before anything else is said.

        Where that fails, the next call tries again.
        """
        if stopped == self.set and not self.failed:
            return
        try:
            self._change(stopped)
        except OSError as error:
            # The engine itself stays stopped; ending the process would be what loses the STOP.
            what = "would not outlive a restart" if stopped else "would come back with a restart"
            failed = f"{NAME} cannot be changed, so that the STOP {what}: {error}."
            if failed != self.failed:
                LOG.error("%s", failed)
            self.failed = failed
            return
        self.set, self.failed = stopped, ""

    def _change(self, stopped: bool) -> None:
        if self._path is None:
            return
        if stopped:
            _write(self._path)
        else:
            self._path.unlink(missing_ok=True)


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b'{"stopped": true}\n')
        file.flush()
        os.fsync(file.fileno())
