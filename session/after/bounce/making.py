"""From what a player gives out to a FLAC file, and with the bank's pictures to an MP4 file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from player.pictures.files import load
from player.settings import RATE
from rym.errors import DeviceError, FormatError, UsageError
from rym.messages import Shown

from ..rerun import Piece
from .path import Eye, looks
from .pictures import Painter
from .sound import Flac, Live
from .video import FPS, HEIGHT, WIDTH, Video

AT_ONCE = 100
"""Pieces that are written together: a second of sound."""


def folder_of(out: Path) -> Path:
    """Return a folder that is there and can only be read by its owner if it was not.

    Raises
    ------
    UsageError
        If it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be made: {error.strerror}.", "Give another --out."
        ) from None
    return out


class Rendered(NamedTuple):
    """The sound of one run, on the disk."""

    n_frames: int
    shown: list[Shown]
    """What the pictures did meanwhile."""
    remarks: list[str]


def render(
    pieces: Iterable[Piece],
    path: Path,
    live: Live | None = None,
    progress: Callable[[int], None] = lambda frame: None,  # noqa: ARG005
) -> Rendered:
    """Write what a player gives out to a FLAC file.

    Parameters
    ----------
    pieces : iterable of Piece
        One after the other. Where an input turns out to be missing, what came before it is kept.
    path : Path
        Of the file.
    live : Live or None
        What every sample is compared with.
    progress : callable
        Called with the frames done.

    Returns
    -------
    Rendered
        With a remark where something is missing.

    Raises
    ------
    DeviceError
        If it cannot be written; nothing is left then.
    """
    file = Flac(path, RATE)
    waiting: list[npt.NDArray[np.float32]] = []
    shown: list[Shown] = []
    remarks: list[str] = []

    def put() -> None:
        if waiting:
            frames = np.concatenate(waiting)
            waiting.clear()
            file.write(frames)
            if live is not None:
                live.compare(frames)
            progress(file.n_frames)

    try:
        try:
            for piece in pieces:
                waiting.append(piece.sound.copy())
                shown += [x.content for x in piece.said if isinstance(x.content, Shown)]
                if len(waiting) >= AT_ONCE:
                    put()
        except FormatError as error:
            remarks.append(f"It ends here: {error.error}")
        put()
        file.keep()
    except BaseException:
        file.give_up()
        raise
    return Rendered(file.n_frames, shown, remarks)


def paint(
    rendered: Rendered,
    sound: Path,
    path: Path,
    folder: Path,
    progress: Callable[[int], None] = lambda frame: None,  # noqa: ARG005
) -> list[str]:
    """Write the pictures and the sound of one run to an MP4 file.

    Parameters
    ----------
    rendered : Rendered
        What was rendered.
    sound : Path
        Its FLAC file.
    path : Path
        Of the video; one that was there is replaced, or gone where none can be made.
    folder : Path
        The bank's.
    progress : callable
        Called with the frames of sound done.

    Returns
    -------
    list of str
        What is missing or cannot be shown, a sentence each.
    """
    path.unlink(missing_ok=True)
    hall = load(folder)
    told = [hall.gallery.told.replace("the page", "the video")] if hall.gallery.told else []
    eye, painter = Eye(hall.gallery), Painter(hall, (WIDTH, HEIGHT))
    try:
        video = Video(path, sound)
    except DeviceError as error:
        return [str(error)]
    try:
        for k, wish in enumerate(looks(rendered.shown, rendered.n_frames, RATE // FPS)):
            video.write(painter.paint(eye.follow(wish, 1.0 / FPS)))
            if k % FPS == 0:
                progress(k * RATE // FPS)
        video.keep()
    except DeviceError as error:
        return [*told, str(error)]
    except BaseException:
        video.give_up()
        raise
    return told
