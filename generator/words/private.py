"""Files that are a person's own: looked at before they are opened, written for the owner alone."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rym.errors import DeviceError, FormatError, UsageError

CHUNK = 1 << 20


def check(path: Path, what: str, most: int, least: int = 1) -> None:
    """Refuse what is no file of a sensible size.

    Parameters
    ----------
    path : Path
        Where it is; a symbolic link counts as what it leads to.
    what : str
        What to call it in an error; a person's own file names say too much.
    most, least : int
        Allowed size in bytes.

    Raises
    ------
    UsageError
        If it is not there, may not be looked at, is a folder or a device, or of another size.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(what, error) from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or a pipe"
        raise UsageError(f"{what} is {kind}, expected is a file.", "Give a file.")
    if not least <= found.st_size <= most:
        raise UsageError(
            f"{what} has {found.st_size} bytes, allowed are {least} to {most}.",
            "Give another file." if found.st_size < least else "Give a shorter or smaller one.",
        )


def _unreadable(what: str, error: OSError | ValueError) -> UsageError:
    # A path with a NUL in it is a ValueError.
    reason = (error.strerror if isinstance(error, OSError) else None) or "no such path"
    return UsageError(
        f"{what} cannot be read: {reason}.",
        "Give an existing file that you may read; configs/memory.example.toml shows the form.",
    )


def read(path: Path, what: str, most: int) -> bytes:
    """Return a file's content.

    Raises
    ------
    UsageError
        As `check` does; also where the file grows beyond `most` bytes meanwhile.
    """
    return b"".join(chunks(path, what, most))


def sha256(path: Path, what: str, most: int) -> str:
    """Return the SHA-256 of a file's content, as hex digits; raises as `check` does."""
    total = hashlib.sha256()
    for chunk in chunks(path, what, most, least=1):
        total.update(chunk)
    return total.hexdigest()


def chunks(path: Path, what: str, most: int, least: int = 0) -> Iterator[bytes]:
    """Yield a file's content piece by piece; raises as `check` does."""
    check(path, what, most, least)
    size = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                size += len(chunk)
                if size > most:
                    raise UsageError(
                        f"{what} has more than {most} bytes, and grows.", "Give a finished file."
                    )
                yield chunk
    except OSError as error:
        raise _unreadable(what, error) from None


def folder(path: Path) -> None:
    """Make a folder, and what is missing above it, for its owner only.

    Raises
    ------
    DeviceError
        If it cannot be made.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    try:
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    if not path.is_dir():
        raise DeviceError(f"{path} is a file, expected is a folder.", "Choose another place.")


def write(path: Path, pieces: Iterator[bytes]) -> str:
    """Write a file as a whole or not at all, for its owner only, and return its SHA-256.

    Raises
    ------
    DeviceError
        If the disk is full or the folder may not be written to; what was there stays.
    """
    part = path.with_name(path.name + ".part")
    total = hashlib.sha256()
    try:
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                total.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    finally:
        part.unlink(missing_ok=True)
    return total.hexdigest()


def _unwritable(path: Path, error: OSError) -> DeviceError:
    return DeviceError(
        f"{path} cannot be written: {error.strerror or 'input/output error'}.",
        "Free some space, or choose a folder that you may write to; nothing was changed.",
    )


def copy(source: Path, target: Path, what: str, most: int, sha: str) -> None:
    """Copy a file whose content is known, for its owner only.

    Raises
    ------
    UsageError
        If the target is there with other content: nothing is overwritten.
    FormatError
        If the source is not any more what it was.
    """
    if target.exists():
        if sha256(target, what, most) == sha:
            return
        raise UsageError(
            f"{target} is there already with other content than {what} has now.",
            "Keep this memory under another label, or remove the kept one yourself.",
        )
    if write(target, chunks(source, what, most)) != sha:
        target.unlink()
        raise FormatError(
            f"{what} changed while it was copied: it had SHA-256 {sha[:16]}… a moment before.",
            "Let it be finished, then try again.",
        )
