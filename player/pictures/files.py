"""A bank's pictures, from the disk into memory, each checked before anybody sees it (adapter)."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from rym import bank
from rym.bank import Frame, Scene
from rym.errors import FormatError

from .gallery import AGAIN, Gallery, Strip, Thin, check_frames, hang, strip_of, thin

LONGEST = 1 << 25
"""Bytes of a picture; those that are built have a hundredth of it."""
WIDEST = 3840
"""Pixels across."""


class Hall(NamedTuple):
    """What may be seen, and the very bytes that were checked."""

    gallery: Gallery
    files: dict[str, bytes]
    """By SHA-256: the page is given these and never the folder, which may change."""


def load(folder: Path, expected: str = "") -> Hall:
    """Read a bank's pictures; a scene of which one cannot be shown is left out whole.

    Parameters
    ----------
    folder : Path
        The bank's.
    expected : str
        Hash of what must be in it; empty takes whatever is there.

    Raises
    ------
    FormatError
        If the manifest cannot be read, or is another one than was agreed on.
    """
    manifest = bank.read(folder)
    bank.check_form(manifest, folder)
    if expected and manifest.content_sha256 != expected:
        raise FormatError(
            f"The bank {folder} is {manifest.content_sha256[:16]}… now, {expected[:16]}… was "
            "approved for this session.",
            "Begin a session with the bank as it is, once it is approved.",
        )
    strips: dict[str, Strip] = {}
    refused: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for scene in manifest.scenes:
        try:
            check_frames(scene)
            read = [_read(folder, scene, frame) for frame in scene.frames]
            strips[scene.name] = strip_of(scene, [picture for _, picture in read])
        except FormatError as error:
            refused[scene.name] = error.error
            continue
        pairs = zip(scene.frames, read, strict=True)
        files |= {frame.sha256: data for frame, (data, _) in pairs}
    first = next((scene for scene in manifest.scenes if scene.name in strips), None)
    size = (first.width, first.height) if first else (16, 9)
    return Hall(hang([x.name for x in manifest.scenes], strips, refused, size), files)


def _read(folder: Path, scene: Scene, frame: Frame) -> tuple[bytes, Thin]:
    """Return a picture as it lies there, and what of its looks counts.

    Raises
    ------
    FormatError
        If it is missing, altered, damaged, or of another size than the manifest says.
    """
    try:
        with (folder / frame.file).open("rb") as file:
            data = file.read(LONGEST + 1)
    except FileNotFoundError:
        raise FormatError(f"{frame.file} is missing.", AGAIN) from None
    except OSError as error:
        raise FormatError(f"{frame.file} cannot be read: {error.strerror}.", AGAIN) from None
    found = hashlib.sha256(data).hexdigest()
    if found != frame.sha256:
        raise FormatError(
            f"{frame.file} has SHA-256 {found[:16]}…, the manifest says {frame.sha256[:16]}….",
            AGAIN,
        )
    try:
        with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
            if image.size != (scene.width, scene.height) or image.width > WIDEST:
                raise FormatError(
                    f"{frame.file} has {image.width} × {image.height} pixels, the manifest says "
                    f"{scene.width} × {scene.height} and at most {WIDEST} across are shown.",
                    AGAIN,
                )
            return data, thin(np.asarray(image.convert("RGB")))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FormatError(f"{frame.file} cannot be read: {type(error).__name__}.", AGAIN) from None
