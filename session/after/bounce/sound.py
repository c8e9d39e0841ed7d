"""Sound files of a bounce: FLAC of 24 bits, and what was recorded live, to compare with (adapter).

A bounce has a part file until it is whole: nobody finds half of one under its name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from rym.errors import DeviceError

Frames = npt.NDArray[np.float32]

_FULL_16 = np.float32(0x8000)
"""What libsndfile multiplies with where it makes 16 bits of a float and may clip."""
_AT_ONCE = 1 << 16
"""Frames of which only the number counts, read together."""


class Flac:
    """A FLAC file of 24 bits that appears under its name once it is whole.

    Parameters
    ----------
    path : Path
        Replaced where it exists.
    rate : int
        Frames per second.

    Raises
    ------
    DeviceError
        If it cannot be written, as by every other method.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self.path = path
        self.n_frames = 0
        self._part = path.with_name(f"{path.name}.part")
        self._file: soundfile.SoundFile
        self._try(lambda: self._begin(rate))

    def _begin(self, rate: int) -> None:
        # Made first, so that the sound of a person is readable by its owner only.
        self._part.unlink(missing_ok=True)
        os.close(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self._file = soundfile.SoundFile(self._part, "w", rate, 2, "PCM_24", format="FLAC")

    def write(self, frames: Frames) -> None:
        """Append frames, shape (n_times, 2)."""
        self._try(lambda: self._file.write(frames))
        self.n_frames += len(frames)

    def keep(self) -> None:
        """End the file and give it its name."""
        self._try(self._end)

    def _end(self) -> None:
        self._file.close()
        found = soundfile.info(self._part).frames
        if found != self.n_frames:  # libsndfile does not say so of what it wrote last
            raise OSError(0, f"{found} of {self.n_frames} samples are on the disk")
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        self._part.replace(self.path)

    def give_up(self) -> None:
        """Leave nothing behind."""
        with suppress(soundfile.SoundFileError):  # which may be why it is given up
            self._file.close()
        self._part.unlink(missing_ok=True)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        # libsndfile's way of saying that fewer samples were written than given is an assertion.
        except (soundfile.SoundFileError, AssertionError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
            self._part.unlink(missing_ok=True)
            raise cannot(self.path, why or "the disk took less than it was given") from None


def cannot(path: Path, why: str) -> DeviceError:
    """Return the error of a file that cannot be written."""
    return DeviceError(
        f"{path} cannot be written: {why}.", "Check the free space, or give another --out."
    )


class Live:
    """What was recorded live with 16 bits, compared with what is made again, from the beginning.

    Parameters
    ----------
    path : Path
        `heard-NN.flac`; may be cut anywhere.
    """

    def __init__(self, path: Path) -> None:
        self.n_compared = 0
        self.differs_at: int | None = None
        """First sample that differs."""
        self.unreadable = ""
        """Why nothing more of it could be read."""
        self._file: soundfile.SoundFile | None = None
        try:
            self._file = soundfile.SoundFile(path)
        except (soundfile.SoundFileError, OSError) as error:
            self.unreadable = str(error)

    def compare(self, frames: Frames) -> None:
        """Compare the next frames, shape (n_times, 2); beyond the file's end nothing is."""
        if self._file is None or self.differs_at is not None:
            return
        try:
            kept = self._file.read(len(frames), dtype="int16", always_2d=True)
        except soundfile.SoundFileError as error:
            self.unreadable = str(error)
            self.close()
            return
        here = np.rint(frames[: len(kept)] * _FULL_16).clip(-0x8000, 0x7FFF).astype(np.int16)
        other = np.flatnonzero((here != kept).any(axis=1))
        if len(other):
            self.differs_at = self.n_compared + int(other[0])
        self.n_compared += len(kept)

    def rest(self) -> int:
        """Return the frames that lie behind all that was compared; none where something differs.

        Read and not asked of the file's head, which a recording that was cut off never got.
        """
        n = 0
        try:
            while self._file is not None and self.differs_at is None:
                read = len(self._file.read(_AT_ONCE, dtype="int16", always_2d=True))
                n += read
                if read < _AT_ONCE:
                    break
        except soundfile.SoundFileError as error:
            self.unreadable = str(error)
        return n

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None
