"""A song is understood once: what was understood is kept beside the memory, with the answer.

    people/<label>/memory/
      song.json          the file's SHA-256, what was understood of it, and what the person said
      song-heard.flac    the same, to be listened to

The file itself is never changed, and nothing but its hash is written.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Literal

import msgspec

from rym.errors import FormatError, UsageError

from ..memory import Memory, SongKind, SongWish
from . import melody, midi, sound_file
from .understood import Understood, playable

KEPT = "song.json"
EAR = 1
"""Raised by one whenever the same file comes to be understood otherwise."""

Answer = Literal["yes", "nearly", "no"]
ANSWERS: tuple[Answer, ...] = ("yes", "nearly", "no")


class Song(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a song."""

    ear: int = EAR
    sha256: str
    """Of the song's file, as hex digits."""
    asked: SongKind
    """What the memory says that the file is."""
    understood: Understood
    answer: Answer | None = None
    """To "Is this your song?"."""


def understand(wish: SongWish, folder: Path) -> Understood:
    """Understand the song of a memory, or take what was understood of the same file before.

    Parameters
    ----------
    wish : SongWish
        File, seen from the folder, and what kind of file it is.
    folder : Path
        The memory's own; what is understood is kept in it.

    Returns
    -------
    Understood
        The song as one voice in beats.

    Raises
    ------
    UsageError
        If the file cannot be read, or the extra `song` is missing.
    FormatError
        If no tune can be found in it; the sentence says why.
    """
    return _song(wish, folder).understood


def _song(wish: SongWish, folder: Path) -> Song:
    with sound_file.open_song(folder / wish.file) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        known = recall(folder)
        if known and (known.ear, known.sha256, known.asked) == (EAR, digest, wish.kind):
            return known
        song = Song(sha256=digest, asked=wish.kind, understood=_understood(file, wish.kind))
    _keep(song, folder)
    return song


def _understood(file: io.BufferedReader, kind: SongKind) -> Understood:
    file.seek(0)
    head = file.read(midi.MAX_BYTES + 1)
    if kind == "midi" or (kind == "auto" and head.startswith(b"MThd")):
        return midi.understand(head)
    heard = sound_file.read(file)
    if kind == "auto":
        kind = "hummed" if melody.is_solo(heard.samples) else "recording"
    listen = melody.hummed if kind == "hummed" else melody.recording
    found = listen(heard.samples)
    return msgspec.structs.replace(found, remarks=(*heard.remarks, *found.remarks))


def recall(folder: Path) -> Song | None:
    """Return what is kept of a memory's song; None where nothing is.

    Raises
    ------
    FormatError
        If what is kept cannot be read.
    """
    path = folder / KEPT
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Song)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        raise FormatError(
            f"{KEPT} beside the memory cannot be read.",
            "Remove it; the song is then understood anew.",
        ) from None


def answer(folder: Path, said: Answer) -> None:
    """Keep what the person said to "Is this your song?".

    Parameters
    ----------
    folder : Path
        The memory's own, in which the song was understood.
    said : {"yes", "nearly", "no"}
        After `no` a tune is made up instead.

    Raises
    ------
    UsageError
        If no song was understood there, or the answer is none of the three.
    """
    if said not in ANSWERS:
        raise UsageError(
            f"The answer is {str(said)[:20]!r}, known are {', '.join(ANSWERS)}.",
            "Give one of them.",
        )
    song = recall(folder)
    if song is None:
        raise UsageError(
            "No song has been understood of this memory.", "Build the bank or listen to it first."
        )
    _keep(msgspec.structs.replace(song, answer=said), folder)


def with_song(memory: Memory, folder: Path) -> tuple[Memory, tuple[str, ...]]:
    """Fill in a memory's melody from its song, and tempo and key where the memory has none.

    Parameters
    ----------
    memory : Memory
        Checked.
    folder : Path
        The memory's own (`people/<label>/memory`), from which its song's file is seen.

    Returns
    -------
    memory : Memory
        With a melody; as it was where it has no song, a drawn melody, or the person said no.
    remarks : tuple of str
        What the operator should know.

    Raises
    ------
    UsageError, FormatError
        As `understand` does.
    """
    if memory.song is None:
        return memory, ()
    if memory.melody:
        return memory, ("The memory has a drawn melody and a song: the drawn one is played.",)
    song = _song(memory.song, folder)
    if song.answer == "no":
        return memory, ("The person said that this is not their song: a tune is made up.",)
    found = song.understood
    tempo = memory.tempo or playable(found.tempo)
    filled = msgspec.structs.replace(
        memory, melody=found.melody, tempo=tempo, key=memory.key or found.key
    )
    return filled, (*found.remarks, *_tempo_remark(found.tempo, tempo), *_answer_remark(song))


def _tempo_remark(own: float, tempo: float) -> tuple[str, ...]:
    if abs(tempo / own - 1) < 0.03:
        return ()
    return (f"The song goes at {own:.0f} bpm, the bank at {tempo:.0f}.",)


def _answer_remark(song: Song) -> tuple[str, ...]:
    match song.answer:
        case "nearly":
            return ("The person said that this is nearly their song.",)
        case None:
            return ("The person has not yet said whether this is their song.",)
    return ()


def _keep(song: Song, folder: Path) -> None:
    sound_file.keep(msgspec.json.format(msgspec.json.encode(song)) + b"\n", folder / KEPT)
