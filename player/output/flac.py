"""FLAC files, read and written (adapter of libsndfile).

A recording has to be whole up to the last moment although nobody closes it (SIGKILL). FLAC's frames
stand by themselves and are written out as they fill up, but libsndfile puts the file's length into
the header only when it closes it, and reads a file without it as endless. So the length of what is
on disk is put into the header again and again. The rejected alternatives: closing and opening anew
every minute (FLAC cannot be appended to, and 4096 frames short of a minute would be lost), and raw
PCM beside it that a later start joins (a file that needs repair before it can be heard).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from rym.errors import DeviceError, FormatError

Frames = npt.NDArray[np.float32]

_BLOCKSIZE = slice(10, 12)
_LENGTH = slice(18, 26)
_LENGTH_BITS = 36
"""STREAMINFO begins at byte 8 of the file; RFC 9639, section 8.2."""


def read(path: Path) -> tuple[Frames, int]:
    """Return a sound file's samples, shape (n_times, n_channels), and its rate in Hz.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise FormatError(
            f"{path} cannot be read: {error}.", "Build the bank again with `rym bank build`."
        ) from None
    return samples, int(rate)


class Recording:
    """One sound file that is being written, 48 kHz stereo or as told.

    Parameters
    ----------
    path : Path
        Written anew; `.flac` with 16 bits, `.wav` as float.
    rate : int
        Frames per second.

    Raises
    ------
    DeviceError
        If it cannot be written.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self.path = path
        self._flac = path.suffix == ".flac"
        self._n = 0
        try:
            self._file = soundfile.SoundFile(
                path, "w", rate, 2, "PCM_16" if self._flac else "FLOAT"
            )
        except soundfile.SoundFileError as error:
            raise _cannot(path, error) from None

    def write(self, frames: Frames) -> None:
        """Append frames, shape (n_times, 2)."""
        try:
            self._file.write(frames)
        except soundfile.SoundFileError as error:
            raise _cannot(self.path, error) from None
        self._n += len(frames)

    def keep(self, *, to_disk: bool = False) -> None:
        """Make what was written readable even if nothing else happens to this file.

        Parameters
        ----------
        to_disk : bool
            True to wait for the disk, for the case that the power fails.
        """
        try:
            if not self._flac:
                self._file.flush()
            with self.path.open("r+b") as file:
                if self._flac:
                    _put_length(file, self._n)
                file.flush()
                if to_disk:
                    os.fsync(file.fileno())
        except OSError as error:
            raise _cannot(self.path, error) from None

    def close(self) -> None:
        """End the file."""
        try:
            self._file.close()
        except soundfile.SoundFileError as error:
            raise _cannot(self.path, error) from None


def _put_length(file: BinaryIO, n: int) -> None:
    """Write the number of frames in complete blocks into the header.

    The encoder holds back one frame after a full block to see whether it is the last.
    """
    head = file.read(_LENGTH.stop)
    block = int.from_bytes(head[_BLOCKSIZE], "big")
    if block == 0 or n <= block:
        return
    whole = (n - 1) // block * block
    other = int.from_bytes(head[_LENGTH], "big") >> _LENGTH_BITS << _LENGTH_BITS
    file.seek(_LENGTH.start)
    file.write((other | whole).to_bytes(8, "big"))


def _cannot(path: Path, error: Exception) -> DeviceError:
    return DeviceError(
        f"{path} cannot be written: {error}.", "Free space on its disk, or give another --out."
    )
