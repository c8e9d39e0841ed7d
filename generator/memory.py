"""`memory.toml`: what the person gives, checked.

The texts are personal. They are kept by whoever owns the file; from here on only their SHA-256 is
written anywhere, and a `Memory` that lands in a log shows nothing of them.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from pathlib import Path

import msgspec

from rym.errors import UsageError

from .music.theory import KEYS, pitch_class

MAX_TEXT = 20_000
MAX_NOTES = 2_000
TEMPO = (66.0, 84.0)
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")


class MelodyNote(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One note of the person's song."""

    beat: float
    """Onset in beats from the song's beginning."""
    length: float
    """Duration in beats."""
    pitch: int
    """MIDI number."""


class Memory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One memory, and the wishes that come with it."""

    text: str
    """The person's own words."""
    language: str = "en"
    """Language of the text, as a BCP 47 tag such as `en` or `de-CH`."""
    melody: tuple[MelodyNote, ...] = ()
    """The person's song; empty where there is none, then one is made up."""
    tempo: float | None = None
    """Beats per minute; drawn from the seed where it is left out."""
    key: str | None = None
    """Tonal centre, the song's own where there is a song; heard from the melody, else drawn, where
    it is left out."""
    avoid: tuple[str, ...] = ()
    """Words for what must not be heard (or, with pictures, seen)."""
    seed: int | None = None
    """Decides all that is drawn; taken from the text's hash where it is left out."""

    def __repr__(self) -> str:
        return f"Memory({self.prompt_sha256[:16]}…)"

    @property
    def prompt_sha256(self) -> str:
        """SHA-256 of the text, as hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything in this memory, as hex digits."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    @property
    def drawn_seed(self) -> int:
        """The seed in force: the given one, else the first 32 bits of the text's hash."""
        return int(self.prompt_sha256[:8], 16) if self.seed is None else self.seed


def load(path: Path) -> Memory:
    """Read a memory from a TOML file.

    Parameters
    ----------
    path : Path
        The file; `configs/memory.example.toml` shows every field.

    Returns
    -------
    Memory
        Checked and frozen.

    Raises
    ------
    UsageError
        If the file is missing or anything in it is not as it must be.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The memory {path} cannot be read: {error.strerror}.",
            "Give an existing file; configs/memory.example.toml shows its form.",
        ) from None
    return parse(data, str(path))


def parse(data: bytes, name: str) -> Memory:
    """Read a memory from the bytes of a TOML file.

    Parameters
    ----------
    data : bytes
        Content of the file.
    name : str
        What to call the file in an error.

    Returns
    -------
    Memory
        Checked and frozen.

    Raises
    ------
    UsageError
        If it is no TOML, has an unknown key, or a value is out of its range. The sentence never
        quotes the person's words.
    """
    remedy = "configs/memory.example.toml shows the form."
    try:
        table = msgspec.toml.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        place = str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8"
        raise UsageError(f"{name} is not valid TOML: {place}.", remedy) from None
    _refuse_unknown(table, name)
    try:
        memory = msgspec.convert(table, Memory)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name} does not fit: {error}.", remedy) from None
    return check(memory, name)


def _refuse_unknown(table: dict[str, object], name: str) -> None:
    fields = Memory.__struct_fields__
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.0)
            raise UsageError(f"{name} has the unknown key {key!r}.", f"Did you mean {near[0]!r}?")


def check(memory: Memory, name: str) -> Memory:
    """Return the memory if every value is within its range.

    Parameters
    ----------
    memory : Memory
        What was read.
    name : str
        What to call its file in an error.

    Raises
    ------
    UsageError
        For the first value that is not; both values are named, the person's words never.
    """
    if not memory.text.strip():
        raise UsageError(f"text in {name} is empty.", "Write a few words about the memory.")
    if len(memory.text) > MAX_TEXT:
        raise UsageError(
            f"text in {name} has {len(memory.text)} characters, at most {MAX_TEXT} are taken.",
            "Shorten it.",
        )
    if not LANGUAGE.match(memory.language):
        raise UsageError(
            f"language in {name} is {memory.language[:20]!r}, expected a tag such as 'en'.",
            "Use the BCP 47 tag of the text's language.",
        )
    low, high = TEMPO
    if memory.tempo is not None and not low <= memory.tempo <= high:
        raise UsageError(
            f"tempo in {name} is {memory.tempo:g} bpm, allowed are {low:g} to {high:g}.",
            "Choose a tempo in this range or leave it out.",
        )
    if memory.key is not None and pitch_class(memory.key) is None:
        raise UsageError(
            f"key in {name} is {memory.key[:20]!r}, known are {', '.join(KEYS)}.",
            "Name the tonal centre only; the mode follows the affect.",
        )
    if memory.seed is not None and not 0 <= memory.seed < 2**32:
        raise UsageError(
            f"seed in {name} is {memory.seed}, allowed are 0 to {2**32 - 1}.", "Choose another one."
        )
    _check_melody(memory.melody, name)
    return memory


def _check_melody(melody: tuple[MelodyNote, ...], name: str) -> None:
    if len(melody) > MAX_NOTES:
        raise UsageError(
            f"melody in {name} has {len(melody)} notes, at most {MAX_NOTES} are taken.",
            "Give the song's first minutes.",
        )
    end = 0.0
    for index, note in enumerate(melody):
        where = f"Note {index} of melody in {name}"
        if not 21 <= note.pitch <= 108:
            raise UsageError(
                f"{where} has pitch {note.pitch}, a piano has 21 to 108.", "Give MIDI numbers."
            )
        if not 0.0625 <= note.length <= 64:
            raise UsageError(
                f"{where} lasts {note.length:g} beats, allowed are 0.0625 to 64.",
                "A row is [beat, length, pitch].",
            )
        if not end - 1e-6 <= note.beat <= 4096:
            raise UsageError(
                f"{where} begins at beat {note.beat:g}, the one before ends at {end:g}.",
                "Give one voice, note after note.",
            )
        end = note.beat + note.length
