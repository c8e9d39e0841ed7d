"""What a file gave, kept under the hash of the file and of everything else that shaped it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints
from uuid import uuid4

import msgspec
import numpy as np

from .windows import FileRows, Looked, Reading, Shape, code_hash, content_hash, look, rows

K = TypeVar("K", Looked, FileRows)

_META = "meta.json"

log = logging.getLogger("evaluation")


def looked(path: Path, reading: Reading, cache: Path | None) -> Looked:
    """Return `windows.look`, from the cache where it is known.

    Parameters
    ----------
    path : Path
        Any readable recording.
    reading : Reading
        How it is opened.
    cache : Path or None
        Folder, made where missing; None: nothing is kept.
    """
    return _known(Looked, path, reading, lambda: look(path, reading), cache)


def file_rows(path: Path, shape: Shape, cache: Path | None) -> FileRows:
    """Return `windows.rows`, from the cache where they are known.

    Parameters
    ----------
    path : Path
        Any readable recording that has all channels.
    shape : Shape
        What shapes the rows.
    cache : Path or None
        Folder, made where missing; None: nothing is kept.
    """
    return _known(FileRows, path, shape, lambda: rows(path, shape), cache)


def _known(kind: type[K], path: Path, shape: Any, make: Callable[[], K], cache: Path | None) -> K:
    if cache is None:
        return make()
    place = cache / f"{kind.__name__.lower()}-{_key(path, shape)}.npz"
    found = _load(kind, place)
    if found is None:
        found = make()
        _save(found, place)
    return found


def _key(path: Path, shape: Any) -> str:
    said = msgspec.json.encode(shape, order="sorted")
    # A file's name is in its reader's words and warnings.
    parts = (path.name.encode(), content_hash(path).encode(), code_hash().encode(), said)
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:40]


def _save(it: Looked | FileRows, place: Path) -> None:
    """Write a file that is there as a whole or not at all."""
    values = {field.name: getattr(it, field.name) for field in fields(it)}
    arrays: dict[str, Any] = {
        name: value for name, value in values.items() if isinstance(value, np.ndarray)
    }
    rest = {name: value for name, value in values.items() if name not in arrays}
    arrays[_META] = np.frombuffer(msgspec.json.encode(rest), dtype=np.uint8)
    part = place.with_name(f"{place.stem}.{os.getpid()}-{uuid4().hex}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez(file, **arrays)
        part.replace(place)
    except OSError as error:
        # The next run is slower, and nothing else.
        log.warning("The cache %s cannot be written: %s.", place.parent, error.strerror)
        with contextlib.suppress(OSError):
            part.unlink()


def _load(kind: type[K], place: Path) -> K | None:
    """Return what is kept; None where there is none, or it is damaged."""
    hints = get_type_hints(kind)
    try:
        with np.load(place, allow_pickle=False) as kept:
            values = {name: kept[name] for name in kept.files if name != _META}
            rest = msgspec.json.decode(kept[_META].tobytes())
        values |= {name: msgspec.convert(value, hints[name]) for name, value in rest.items()}
        return kind(**values)
    # What numpy raises on a damaged file is one of these; a missing field is a TypeError.
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
