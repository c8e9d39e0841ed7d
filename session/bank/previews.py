"""What a page shows of sound and pictures before they are asked for; made once a file."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import numpy.typing as npt

from generator.pictures.files import contact_sheet, decode, encode
from player.output import flac
from rym import bank
from rym.bank import Bank
from rym.errors import FormatError

from .figures import peaks

THUMB = 112
"""Width of a picture in a strip, in pixels."""
SHOWN = 384
"""Width of a picture on a page that has no server behind it."""


class Previews:
    """Outlines and small pictures of one bank's files, by their hash.

    Parameters
    ----------
    folder : Path
        The bank's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outlines: dict[str, npt.NDArray[np.float64]] = {}
        self._pictures: dict[tuple[str, int], str] = {}
        self._sound: dict[tuple[str, str, int, int], str] = {}

    def damage(self, name: str, sha256: str) -> str:
        """Return what is wrong with a file, one sentence; empty for a sound one.

        A file that was looked at is looked at again only once it was written to.
        """
        try:
            facts = (self._folder / name).stat()
        except OSError:
            return f"{name} is missing."
        key = (name, sha256, facts.st_mtime_ns, facts.st_size)
        if key not in self._sound:
            try:
                bank.check_file(self._folder, name, sha256)
                self._look(name, sha256)
                self._sound[key] = ""
            except FormatError as error:
                self._sound[key] = error.error
        return self._sound[key]

    def _look(self, name: str, sha256: str) -> None:
        # Its bytes may be what the manifest says, and yet neither sound nor picture.
        if name.endswith(".webp"):
            self.picture(name, sha256, THUMB)
        else:
            self.outline(name, sha256)

    def damages(self, now: Bank) -> dict[str, str]:
        """Return what is wrong, by name of clip or scene; sound ones are not in it."""
        found = {clip.file: self.damage(clip.file, clip.sha256) for clip in now.clips}
        for scene in now.scenes:
            faults = [self.damage(frame.file, frame.sha256) for frame in scene.frames]
            found[scene.name] = next(filter(None, faults), "")
        return {name: why for name, why in found.items() if why}

    def outline(self, file: str, sha256: str) -> npt.NDArray[np.float64]:
        """Return a clip's lowest and highest samples, shape (n_columns, 2).

        Raises
        ------
        FormatError
            If it cannot be read.
        """
        if sha256 not in self._outlines:
            sound, _ = flac.read(self._folder / file)
            if not len(sound):
                raise FormatError(f"{file} holds no sound.", bank.AGAIN)
            self._outlines[sha256] = peaks(sound)
        return self._outlines[sha256]

    def picture(self, file: str, sha256: str, width: int) -> str:
        """Return a small picture as a `data:` address.

        Raises
        ------
        FormatError
            If it cannot be read.
        """
        key = (sha256, width)
        if key not in self._pictures:
            whole = decode((self._folder / file).read_bytes())
            small = contact_sheet([[whole]], width=min(width, whole.shape[1]), gap=0)
            data = base64.b64encode(encode(small, quality=80)).decode()
            self._pictures[key] = f"data:image/webp;base64,{data}"
        return self._pictures[key]
