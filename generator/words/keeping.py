"""A memory is kept under people/: its words, its song and its sketch in one folder.

    people/<label>/memory/          for its owner alone
      memory.toml                   as checked, with paths into this folder
      given-song.wav                the song's bytes, whatever its file was called before
      given-sketch.png

`memory.toml` is written last: a folder that has it is whole. It is written anew from what was
checked: its remarks may hold anything, and a path that is rewritten in place could be missed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec

from rym.errors import UsageError

from ..memory import MAX_FILE, MAX_SKETCH, MAX_SONG, Memory, load
from . import private

NAME = "memory.toml"
SUFFIX = re.compile(r"\.[a-z0-9]{1,5}\Z")
REMEDY = "Keep this memory under another label, or remove the kept one yourself."


def keep(memory_path: Path, folder: Path) -> Path:
    """Copy a memory with its song and sketch into the folder in which it is kept.

    Parameters
    ----------
    memory_path : Path
        The memory's file; it stays as it is.
    folder : Path
        The memory's own folder, such as `people/<label>/memory`; made where it is missing.

    Returns
    -------
    Path
        The kept file. Where the same memory is kept already, nothing is changed.

    Raises
    ------
    UsageError
        If the memory is not as it must be, or another one is kept there; nothing is overwritten.
    FormatError
        If song or sketch change while they are copied.
    DeviceError
        If the folder cannot be written to.
    """
    memory, target = load(memory_path), folder / NAME
    if target.exists():
        return _same(memory, target)
    private.folder(folder)
    song, sketch = memory.song, memory.sketch
    if song is not None:
        name = "given-song" + _suffix(song.file)
        private.copy(Path(song.file), folder / name, "The song", MAX_SONG, memory.song_sha256)
        song = msgspec.structs.replace(song, file=name)
    if sketch is not None:
        name = "given-sketch" + _suffix(sketch)
        private.copy(Path(sketch), folder / name, "The sketch", MAX_SKETCH, memory.sketch_sha256)
        sketch = name
    written = _toml(msgspec.structs.replace(memory, song=song, sketch=sketch))
    private.write(target, iter((written.encode(),)))
    return target


def _same(memory: Memory, target: Path) -> Path:
    """Return the kept memory if it is this one, else refuse."""
    kept = load(target)
    if kept.fingerprint != memory.fingerprint:
        raise UsageError(
            f"{target.parent} keeps the memory {kept.fingerprint[:16]}… already, this one is "
            f"{memory.fingerprint[:16]}….",
            REMEDY,
        )
    return target


def _suffix(file: str) -> str:
    """Return how a file's name ends, where that says no more than its form."""
    suffix = Path(file).suffix.lower()
    return suffix if SUFFIX.match(suffix) else ""


def _toml(memory: Memory) -> str:
    """Write a memory in the form that `load` takes.

    Every string is a basic string, whose escapes are those of JSON.
    """
    lines = [f"# A memory as it was checked; at most {MAX_FILE} bytes are taken."]
    for field, value in msgspec.to_builtins(memory).items():
        if value not in (None, [], "") and field != "song" and not field.endswith("_sha256"):
            lines.append(f"{field} = {json.dumps(value, ensure_ascii=False)}")
    if memory.song is not None:
        lines.append("\n[song]")
        lines += [f"{k} = {json.dumps(v)}" for k, v in msgspec.to_builtins(memory.song).items()]
    return "\n".join(lines) + "\n"
