"""Where a person may hum their song into."""

from __future__ import annotations

import tomllib
from pathlib import Path

from generator.memory import place
from generator.words.keeping import NAME
from rym.errors import UsageError


def to_hum(memory: Path, folder: Path) -> Path:
    """Return where a memory's song may be written; nothing that is there is replaced.

    Parameters
    ----------
    memory : Path
        The memory's file.
    folder : Path
        Where memories of this person are kept.

    Raises
    ------
    UsageError
        If the memory names no .wav of kind hummed, one that is there or lies where it must not, or
        if a memory is kept already.
    """
    remedy = 'Add a table [song] with file = "hum.wav" and kind = "hummed".'
    try:
        song = tomllib.loads(memory.read_text(encoding="utf-8-sig"))["song"]
        file, kind = str(song["file"]), song.get("kind", "auto")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        message = f"{memory} does not name the file of its song."
        raise UsageError(message, remedy) from None
    path = place(file, memory.parent, f"The song of {memory}")
    # Neither path nor kind is quoted: they may hold the song's name.
    if kind != "hummed" or path.suffix.lower() != ".wav":
        other = "another kind" if kind != "hummed" else "no .wav"
        raise UsageError(
            f"--hum records a .wav of kind hummed, the song of {memory} is {other}.",
            remedy,
        )
    if path.exists() or path.is_symlink():
        raise UsageError(
            f"The song of {memory} is there already, and --hum replaces no file.",
            "Remove or rename it, then hum again.",
        )
    kept = folder / NAME
    if kept.exists():
        raise UsageError(
            f"{kept.parent} keeps a memory already, with the song as it was then.",
            "Hum under another --subject, or remove the kept memory yourself.",
        )
    return path
