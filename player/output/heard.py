"""`heard-NN.flac`: what this start of the player gave out, frame by frame (adapter: a thread).

Sample n of the file is frame n of the player, so that a message that names a frame names a place in
the file. After a SIGKILL the file can be read up to the last second, as it is.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rym.errors import DeviceError

from ..settings import BLOCK, RATE
from .flac import Recording

Frames = npt.NDArray[np.float32]

WRITE_EVERY = RATE // 10
"""Frames that are encoded at once: fewer cost more calls, more would be lost."""
KEEP_EVERY = RATE // 4
"""Frames after which the file is made readable up to here."""
DISK_EVERY = 10 * RATE
WAITING = 60 * RATE // BLOCK
"""Blocks that may wait, 23 MB. More wait only while the disk takes some of them in as many more: on
a fast clock it may be the slower one, and still be at work."""
HANGS = 2.0
"""Seconds at the end in which nothing is taken, after which the rest is left behind: who ends the
player waits for six."""

LOG = logging.getLogger(__name__)

_NAME = re.compile(r"heard-(\d+)\.(flac|wav)\Z")


def free_name(folder: Path) -> Path:
    """Create and return the next free `heard-NN.flac`; nothing is ever overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = [int(found[1]) for p in folder.iterdir() if (found := _NAME.match(p.name))]
    number = max(taken, default=0) + 1
    while True:
        path = folder / f"heard-{number:02d}.flac"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return path


class Heard:
    """Writes blocks in a thread, so that a slow disk is not heard.

    Parameters
    ----------
    folder : Path
        Where the file goes; made if need be.
    wav : bool
        Write `heard-NN.wav` with the very float samples besides.

    Raises
    ------
    DeviceError
        If the files cannot be begun.
    """

    def __init__(self, folder: Path, *, wav: bool = False) -> None:
        try:
            self.path = free_name(folder)
        except OSError as error:
            raise DeviceError(
                f"Nothing can be written to {folder}: {error}.", "Give another --out."
            ) from None
        paths = [self.path, *([self.path.with_suffix(".wav")] if wav else [])]
        self._files = [Recording(path, RATE) for path in paths]
        self.failed = ""
        """Why nothing is written any more; the music goes on without."""
        self._taken = self._seen = self._since = 0
        self._blocks: queue.SimpleQueue[Frames | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="heard", daemon=True)
        self._thread.start()

    def write(self, block: Frames) -> None:
        """Hand a block over; it is copied and may be used again."""
        if self.failed:
            return
        if self._hangs():
            what = f"{self.path} has taken nothing while a minute of sound was given out."
            self._fail(DeviceError(what, "Look after its disk."))
            return
        self._blocks.put(block.copy())

    def close(self) -> None:
        """Write what is left and end the files; a disk that hangs is left behind."""
        self._blocks.put(None)
        seen = -1
        while self._thread.is_alive() and seen != self._taken and self._since <= WAITING:
            seen = self._taken
            self._thread.join(HANGS)

    def _hangs(self) -> bool:
        """Return whether more waits than may, and nothing was taken in as many blocks."""
        if self._blocks.qsize() <= WAITING or self._taken != self._seen:
            self._seen, self._since = self._taken, 0
        self._since += 1
        return self._since > WAITING

    def _work(self) -> None:
        n = kept = on_disk = 0
        ended = False
        while not ended:
            frames, ended = self._gather()
            if self.failed:
                continue
            try:
                n += self._put(frames)
                self._taken += 1
                if n - kept >= KEEP_EVERY:
                    kept = n
                    to_disk = n - on_disk >= DISK_EVERY
                    on_disk = n if to_disk else on_disk
                    for file in self._files:
                        file.keep(to_disk=to_disk)
            except DeviceError as error:
                self._fail(error)
        for file in self._files:
            try:
                file.close()
            except DeviceError as error:
                self._fail(error)

    def _fail(self, error: DeviceError) -> None:
        self.failed = str(error)
        LOG.error("%s The music goes on unrecorded.", error)

    def _gather(self) -> tuple[list[Frames], bool]:
        """Return blocks of 0.1 s together, or what was left at the end."""
        frames: list[Frames] = []
        n = 0
        while n < WRITE_EVERY:
            block = self._blocks.get()
            if block is None:
                return frames, True
            frames.append(block)
            n += len(block)
        return frames, False

    def _put(self, frames: list[Frames]) -> int:
        if not frames:
            return 0
        joined = np.concatenate(frames)
        for file in self._files:
            file.write(joined)
        return len(joined)
