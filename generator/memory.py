"""`memory.toml`: what the person gives, checked.

The texts are personal. They are kept by whoever owns the file; from here on only their SHA-256 is
written anywhere, and a `Memory` that lands in a log shows nothing of them. No error quotes them.

Song and sketch are files beside the memory. A relative path counts from the memory's own folder and
must stay in it, since a memory that comes from elsewhere could otherwise name any file of this
machine unseen. An absolute path, or one that begins with `~`, says plainly where it leads and is
taken; so is a symbolic link, which somebody has put there.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from rym.errors import UsageError

from .music.theory import KEYS, pitch_class
from .words import private
from .words.cleaning import clean, control, wordless

MAX_FILE = 1 << 20
"""Bytes of a memory's own file."""
MAX_SONG = 256 << 20
"""Bytes of a song: ten minutes of stereo at 96 kHz and 32 bits fit in."""
MAX_SKETCH = 64 << 20
MAX_TEXT = 20_000
MAX_WORDS = 2_000
MAX_NOTES = 2_000
MAX_AVOIDED = 100
MAX_AVOIDED_LENGTH = 80
TEMPO = (66.0, 84.0)
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
PLAIN = re.compile(r"[A-Za-z0-9#!_-]{1,12}\Z")
"""What may be quoted where something short was expected: hardly a person's words."""
REMEDY = "configs/memory.example.toml shows the form."

SongKind = Literal["auto", "recording", "hummed", "midi"]


class MelodyNote(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One note of the person's song."""

    beat: float
    """Onset in beats from the song's beginning."""
    length: float
    """Duration in beats."""
    pitch: int
    """MIDI number."""


class SongWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The person's song as a file."""

    file: str
    """Where it is; absolute once the memory was loaded."""
    kind: SongKind = "auto"
    """What is in it; `auto` looks."""

    def __repr__(self) -> str:
        return f"SongWish({self.kind})"


class Memory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One memory, and the wishes that come with it."""

    text: str
    """The person's own words."""
    language: str = "en"
    """Language of the text, as a BCP 47 tag such as `en` or `de-CH`."""
    melody: tuple[MelodyNote, ...] = ()
    """The person's song as drawn notes; it counts before a song in a file. Empty where there is
    none, then one is made up."""
    song: SongWish | None = None
    """The person's song as a file."""
    sketch: str | None = None
    """Where a drawing of the place is, a picture file; absolute once the memory was loaded."""
    tempo: float | None = None
    """Beats per minute; drawn from the seed where it is left out."""
    key: str | None = None
    """Tonal centre, the song's own where there is a song; heard from the melody, else drawn, where
    it is left out."""
    avoid: tuple[str, ...] = ()
    """Words for what must not be heard or seen."""
    seed: int | None = None
    """Decides all that is drawn; taken from the text's hash where it is left out."""
    song_sha256: str = ""
    """Of the song's bytes when the memory was loaded, as hex digits."""
    sketch_sha256: str = ""

    def __repr__(self) -> str:
        return f"Memory({self.prompt_sha256[:16]}…)"

    @property
    def prompt_sha256(self) -> str:
        """SHA-256 of the text, as hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything in this memory, as hex digits.

        Of song and sketch their bytes count, not where they lie.
        """
        table = msgspec.to_builtins(self)
        table["song"] = self.song and self.song.kind
        table["sketch"] = self.sketch is not None
        return hashlib.sha256(msgspec.json.encode(table)).hexdigest()

    @property
    def drawn_seed(self) -> int:
        """The seed in force: the given one, else the first 32 bits of the text's hash."""
        return int(self.prompt_sha256[:8], 16) if self.seed is None else self.seed


KNOWN = tuple(name for name in Memory.__struct_fields__ if not name.endswith("_sha256"))
"""Keys of the file; hashes are taken, never given."""


def load(path: Path) -> Memory:
    """Read a memory from a TOML file.

    Parameters
    ----------
    path : Path
        The file; `configs/memory.example.toml` shows every field.

    Returns
    -------
    Memory
        Checked and frozen, with absolute paths and the hashes of song and sketch.

    Raises
    ------
    UsageError
        If the file is missing or anything in it, or its song or sketch, is not as it must be.
    """
    return parse(private.read(path, f"The memory {path}", MAX_FILE), str(path), path.parent)


def parse(data: bytes, name: str, folder: Path = Path()) -> Memory:
    """Read a memory from the bytes of a TOML file.

    Invisible characters are taken out of the text and the avoid-list, accents composed (NFC), line
    ends made alike (`generator.words.cleaning`); from there on the text is left as it is.

    Parameters
    ----------
    data : bytes
        Content of the file.
    name : str
        What to call the file in an error.
    folder : Path
        Where paths to song and sketch start from.

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
    table = _table(data, name)
    _refuse_unknown(table, KNOWN, name)
    if isinstance(song := table.get("song"), dict):
        _refuse_unknown(song, SongWish.__struct_fields__, f"[song] of {name}")
    try:
        memory = msgspec.convert(table, Memory)
    except (msgspec.ValidationError, OverflowError) as error:
        raise UsageError(f"{name} does not fit: {_misfit(str(error))}.", REMEDY) from None
    return _with_files(check(_cleaned(memory, name), name), name, folder)


def _table(data: bytes, name: str) -> dict[str, Any]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8: byte {error.start + 1} is 0x{data[error.start]:02X}.",
            "Save it as UTF-8.",
        ) from None
    try:
        table: dict[str, Any] = msgspec.toml.decode(text.replace("\r\n", "\n"))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        # What the parser says quotes the file; only the place is taken from it.
        place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        raise UsageError(
            f"{name} is not valid TOML{f' at {place[1]}' if place else ''}.",
            f"A text of several lines stands between three quotation marks; {REMEDY}",
        ) from None
    return table


def _refuse_unknown(table: dict[str, Any], known: tuple[str, ...], name: str) -> None:
    for key in table:
        if key in known:
            continue
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
        if near and PLAIN.match(key):
            raise UsageError(f"{name} has the unknown key {key!r}.", f"Did you mean {near[0]!r}?")
        raise UsageError(
            f"{name} has an unknown key of {len(key)} characters.",
            f"Known are {', '.join(known)}.",
        )


def _misfit(message: str) -> str:
    """Return what msgspec says of a value without the value itself."""
    what, _, where = message.partition(" - at ")
    if what.startswith("Invalid enum value"):
        what = f"Expected one of {', '.join(get_args(SongKind))}"
    elif not what.startswith(("Expected", "Object missing")):
        what = "A value is of the wrong kind"
    return f"{what} - at {where}" if where else what


def _cleaned(memory: Memory, name: str) -> Memory:
    """Return a memory whose words are free of what nobody can see; refuse control characters."""
    for field, words in (("text", (memory.text,)), ("avoid", memory.avoid)):
        for word in words:
            if found := control(clean(word).text):
                raise UsageError(
                    f"{field} in {name} has the control character {found[0]} in its line "
                    f"{found[1]}, allowed are line ends and tabs.",
                    "Remove it.",
                )
    avoid = dict.fromkeys(clean(word).text.strip() for word in memory.avoid)
    return msgspec.structs.replace(memory, text=clean(memory.text).text, avoid=tuple(avoid))


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
    _check_text(memory.text, name)
    if not LANGUAGE.match(memory.language):
        raise UsageError(
            f"language in {name} is {_shown(memory.language)}, expected a tag such as 'en'.",
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
            f"key in {name} is {_shown(memory.key)}, known are {', '.join(KEYS)}.",
            "Name the tonal centre only; the mode follows the affect.",
        )
    if memory.seed is not None and not 0 <= memory.seed < 2**32:
        shown = memory.seed if abs(memory.seed) < 10**20 else "larger by far"
        raise UsageError(
            f"seed in {name} is {shown}, allowed are 0 to {2**32 - 1}.", "Choose another one."
        )
    _check_avoid(memory.avoid, name)
    _check_melody(memory.melody, name)
    return memory


def _shown(value: str) -> str:
    return repr(value) if PLAIN.match(value) else f"something of {len(value)} characters"


def _check_text(text: str, name: str) -> None:
    if wordless(text):
        raise UsageError(
            f"text in {name} is empty: of {len(text)} characters none is a letter, at least one "
            "must be.",
            "Write a few words about the memory.",
        )
    if len(text) > MAX_TEXT:
        raise UsageError(
            f"text in {name} has {len(text)} characters, at most {MAX_TEXT} are taken.",
            "Shorten it.",
        )
    if (n_words := len(text.split())) > MAX_WORDS:
        raise UsageError(
            f"text in {name} has {n_words} words, at most {MAX_WORDS} are taken.", "Shorten it."
        )


def _check_avoid(avoid: tuple[str, ...], name: str) -> None:
    if len(avoid) > MAX_AVOIDED:
        raise UsageError(
            f"avoid in {name} has {len(avoid)} words, at most {MAX_AVOIDED} are taken.",
            "Name what matters most.",
        )
    for number, word in enumerate(avoid, 1):
        if wordless(word) or len(word) > MAX_AVOIDED_LENGTH:
            raise UsageError(
                f"Word {number} of avoid in {name} has {len(word)} characters, expected is a word "
                f"or a short phrase of 1 to {MAX_AVOIDED_LENGTH}.",
                "Write one word or phrase per entry.",
            )


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


def _with_files(memory: Memory, name: str, folder: Path) -> Memory:
    """Return the memory with absolute paths to song and sketch, and the hashes of both."""
    if memory.song is not None:
        what = f"The song of {name}"
        path = place(memory.song.file, folder, what)
        memory = msgspec.structs.replace(
            memory,
            song=SongWish(file=str(path), kind=memory.song.kind),
            song_sha256=private.sha256(path, what, MAX_SONG),
        )
    if memory.sketch is not None:
        what = f"The sketch of {name}"
        path = place(memory.sketch, folder, what)
        memory = msgspec.structs.replace(
            memory, sketch=str(path), sketch_sha256=private.sha256(path, what, MAX_SKETCH)
        )
    return memory


def place(written: str, folder: Path, what: str) -> Path:
    """Return the absolute path of a file that a memory names.

    Parameters
    ----------
    written : str
        The path as the memory has it.
    folder : Path
        The memory's own, where a relative path starts and must stay.
    what : str
        What to call the file in an error.

    Raises
    ------
    UsageError
        If it is empty, or a relative path leads out of the folder.
    """
    if not written.strip():
        raise UsageError(f"{what} has an empty path.", "Name a file or leave it out.")
    try:
        path = Path(written).expanduser()
    except RuntimeError:
        raise UsageError(
            f"{what} is looked for in a home folder that is not known.", "Give the whole path."
        ) from None
    if not path.is_absolute() and Path(os.path.normpath(path)).parts[:1] == (os.pardir,):
        raise UsageError(
            f"{what} lies outside the memory's own folder, and a relative path must stay in it.",
            "Put the file beside the memory, or give its absolute path.",
        )
    return (folder / path).absolute()
