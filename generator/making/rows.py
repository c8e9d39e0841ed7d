"""What a build leaves behind for the next one: whose folder it is, and a row per finished file.

    bank/build/origin.json          for which memory and settings this folder is
    bank/build/s0-v0-neutral.json   a clip's row of the manifest, written once the clip is there
    bank/remakes.json               what is to be made again: {name: take}

Every file is there whole or not at all: it is written beside its place and moved there.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec

from rym import bank
from rym.bank import Clip, Frame
from rym.errors import FormatError, UsageError

from ..memory import Memory
from ..settings import GeneratorSettings

SOUND = 2
"""Raised by one whenever the same memory comes to sound or look otherwise."""
BUILD = "build"
ORIGIN = f"{BUILD}/origin.json"
REMAKES = "remakes.json"

Row = TypeVar("Row", Clip, Frame)


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a folder is built from; equal origins give equal bytes."""

    sound: int
    memory_sha256: str
    settings: GeneratorSettings


def write(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, readable by its owner only.

    Raises
    ------
    OSError
        If the disk takes it not; nothing is left of it then.
    """
    part = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        # A full disk is told without the file's name by the system.
        raise OSError(error.errno, error.strerror, str(path)) from None


def prepare(out: Path) -> None:
    """Make a folder that can be locked and claimed.

    Raises
    ------
    UsageError
        If there is something that is no bank.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, a bank is a folder.", "Choose another --out.")
    if _has_content(out):
        origin(out)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    (out / BUILD).mkdir(exist_ok=True, mode=0o700)


def refuse_other_memory(out: Path, memory: Memory) -> None:
    """Refuse a finished bank of another memory, before anything of this one is kept anywhere.

    Raises
    ------
    UsageError
        With both hashes.
    """
    try:
        found = bank.read(out).memory_sha256
    except FormatError:
        return  # nothing finished is there; `claim` looks again
    if found != memory.fingerprint:
        raise UsageError(_other_memory(out, found, memory.fingerprint), "Choose another --out.")


def _other_memory(out: Path, found: str, wanted: str) -> str:
    return f"{out} holds the bank of memory {found[:16]}…, this memory is {wanted[:16]}…."


def claim(out: Path, memory: Memory, settings: GeneratorSettings) -> None:
    """Mark a prepared and locked folder as this memory's, or refuse it.

    Raises
    ------
    UsageError
        If it holds another memory's bank, or one of other settings.
    FormatError
        If its mark cannot be read.
    """
    wanted = Origin(sound=SOUND, memory_sha256=memory.fingerprint, settings=settings)
    if not _has_content(out):
        write(out / ORIGIN, msgspec.json.encode(wanted))
        return
    found = origin(out)
    if _decisive(found, wanted) != _decisive(wanted, wanted):
        raise UsageError(_difference(out, found, wanted), "Choose another --out.")
    if found != wanted:
        write(out / ORIGIN, msgspec.json.encode(wanted))


VOLATILE = frozenset({
    "tries", "timeout", "download", "device", "consented",
    "max_stretch", "max_drift", "max_lag", "min_fit",
})  # fmt: skip
"""Settings that change no byte of what is there: they may differ from one build to the next."""


def _decisive(of: Origin, wanted: Origin) -> object:
    """Return what of an origin decides bytes, as far as it must be as wanted.

    A folder that was begun without a model may go on with one: nothing of it is there yet.
    """
    table = msgspec.to_builtins(of)
    for name in ("music", "pictures"):
        if getattr(of.settings, name) == getattr(_PLAIN, name):
            table["settings"][name] = msgspec.to_builtins(getattr(wanted.settings, name))
        for key in VOLATILE & table["settings"][name].keys():
            del table["settings"][name][key]
    for key in VOLATILE & table["settings"]["words"].keys():
        del table["settings"]["words"][key]
    return table


_PLAIN = GeneratorSettings()


def origin(out: Path) -> Origin:
    """Return what a folder is built from.

    Raises
    ------
    UsageError
        If nothing was ever built there.
    FormatError
        If its mark cannot be read.
    """
    try:
        return msgspec.json.decode((out / ORIGIN).read_bytes(), type=Origin)
    except OSError:
        raise UsageError(
            f"{out} exists and is not a bank that was begun here (it has no {ORIGIN}).",
            "Choose another folder; nothing was changed.",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        sentence = f"{out / ORIGIN} cannot be read: {error}."
        raise FormatError(sentence, "Choose another folder.") from None


def _has_content(out: Path) -> bool:
    """Tell whether anything but a build that was stopped before its mark lies there."""
    if not out.exists():
        return False
    begun = {BUILD, ORIGIN + ".part"}
    return any(path.relative_to(out).as_posix() not in begun for path in out.rglob("*"))


def _difference(out: Path, found: Origin, wanted: Origin) -> str:
    if found.memory_sha256 != wanted.memory_sha256:
        return _other_memory(out, found.memory_sha256, wanted.memory_sha256)
    for field in GeneratorSettings.__struct_fields__:
        before, now = getattr(found.settings, field), getattr(wanted.settings, field)
        if before != now:
            return f"{out} was begun with {field} = {before}, now it is {now}."
    return f"{out} was made by sound {found.sound}, this version makes sound {wanted.sound}."


def _row(out: Path, file: str) -> Path:
    return out / BUILD / (PurePosixPath(file).stem + ".json")


def finished(out: Path, file: str, kind: type[Row]) -> Row | None:
    """Return the row of a file that is there and unaltered; None if it has to be made."""
    path, row = out / file, _row(out, file)
    if not (path.is_file() and row.is_file()):
        return None
    try:
        said = msgspec.json.decode(row.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A row that cannot be read says nothing about its file, so the file is made again.
        return None
    return said if said.file == file and bank.sha256(path) == said.sha256 else None


def keep(out: Path, data: bytes, row: Clip | Frame) -> None:
    """Write a finished file, then its row.

    Raises
    ------
    FormatError
        If the row is not about these bytes.
    """
    if hashlib.sha256(data).hexdigest() != row.sha256:
        raise FormatError(f"{row.file} is not what its row says.", "Give the command again.")
    (out / row.file).parent.mkdir(exist_ok=True, mode=0o700)
    write(out / row.file, data)
    write(_row(out, row.file), msgspec.json.encode(row))


def forget(out: Path, used: set[str]) -> None:
    """Remove sounds, pictures and rows that a finished manifest does not use any more."""
    stems = {PurePosixPath(file).stem for file in used} | {PurePosixPath(ORIGIN).stem}
    for path in [*(out / "audio").glob("*"), *(out / "images").glob("*")]:
        if path.is_file() and path.relative_to(out).as_posix() not in used:
            path.unlink()
    for path in (out / BUILD).glob("*.json*"):
        if path.name.removesuffix(".part").removesuffix(".json") not in stems:
            path.unlink()


def remakes(out: Path) -> dict[str, int]:
    """Return which clips and scenes are to be made again: the take by name.

    Raises
    ------
    FormatError
        If the list cannot be read.
    """
    path = out / REMAKES
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        remedy = "Remove it; what was to be made again is then as it was."
        raise FormatError(f"{path} cannot be read: {error}.", remedy) from None


def wish(out: Path, name: str, take: int) -> None:
    """Note which take of a clip or scene is the one that counts.

    What was noted before stays: a bank that is built anew elsewhere needs it.
    """
    wishes = remakes(out) | {name: take}
    write(out / REMAKES, msgspec.json.format(msgspec.json.encode(wishes), indent=1))
