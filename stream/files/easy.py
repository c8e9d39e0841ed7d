"""Neuroelectrics `.easy` with its `.info` (adapter).

One line per sample: EEG in nV, then perhaps three columns of acceleration in mm/s², perhaps one
more input, the trigger, and Unix time in ms. How many channels there are, only the `.info` says;
NIC 1 and NIC 2 write it in two dialects (Neuroelectrics wiki, "Files & Formats").
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from rym.errors import FormatError

from ..montage import clean, kind
from .recording import (
    Array,
    Recording,
    Samples,
    check_size,
    damaged,
    gap_note,
    gaps_of,
    rate_of,
    triggers,
)

BLOCK = 20_000
"""Lines that are turned into numbers at a time: text takes five times the room of the numbers."""
LONGEST_LINE = 100_000
"""Bytes of a line from which the file is no table."""


class Info(msgspec.Struct, frozen=True):
    """What an .info file says about its .easy file."""

    rate: float
    channels: tuple[str, ...]
    per_microvolt: float
    records: int | None
    """Samples that NIC wrote."""
    facts: dict[str, str]


_KEPT = {
    "device class": "device",
    "nic version": "software",
    "software's version": "software",
    "firmware version": "firmware",
    "firmware's version": "firmware",
    "line filter status": "line filter",
    "fir filter status": "FIR filter",
    "number of packets lost": "packets lost",
}
"""Lines of either dialect that are taken over; anything else may be personal and stays behind."""

_PER_MICROVOLT = {"nV": 1000.0, "uV": 1.0, "µV": 1.0, "mV": 1e-3, "V": 1e-6}


def read_info(path: Path) -> Info:
    """Read an .info file of NIC 1 or NIC 2.

    Raises
    ------
    FormatError
        If it is missing, or says no rate, no channels or an unknown unit.
    """
    if not path.is_file():
        raise FormatError(
            f"{path.name} is missing: an .easy file does not name its channels.",
            "Put the .info file that NIC wrote beside it, under the same name.",
            path=str(path),
        )
    text = path.read_text("utf-8", errors="replace")
    lines = [line.partition(":") for line in text.splitlines()]
    said = {key.strip().lower(): value.strip() for key, _, value in lines}
    names = re.findall(r"^\s*Channel\s+\d+\s*:[ \t]*(\S*)[ \t]*$", text, re.MULTILINE)
    found = re.match(r"\d+(\.\d+)?", said.get("eeg sampling rate", ""))
    unit = said.get("eeg units", "nV")
    stated = said.get("number of eeg channels", str(len(names)))
    if not names or found is None or unit not in _PER_MICROVOLT or stated != str(len(names)):
        raise FormatError(
            f"{path.name} gives {len(names)} channel names for {stated} EEG channels, "
            f"rate {said.get('eeg sampling rate', 'none')!r} and unit {unit!r}.",
            "Restore the .info file as NIC wrote it.",
        )
    records = said.get("number of records of eeg", "")
    return Info(
        rate=float(found[0]),
        channels=tuple(clean(name) or f"Ch{i}" for i, name in enumerate(names, 1)),
        per_microvolt=_PER_MICROVOLT[unit],
        records=int(records) if records.isdecimal() else None,
        facts={_KEPT[key]: value for key, value in said.items() if key in _KEPT and value},
    )


class _Rows(NamedTuple):
    """The numbers of an .easy file, or of a part of it."""

    samples: Samples
    """Array of shape (n_times, n_channels), µV."""
    motion: Samples
    """Array of shape (n_times, 3), mm/s²; without columns where there is none."""
    codes: Array
    ms: Array
    """Array of shape (n_times,), Unix time: whole milliseconds, which a float32 could not hold."""


def read_easy(path: Path) -> Recording:
    """Read an .easy or .easy.gz file.

    Raises
    ------
    FormatError
        If the `.info` is missing or does not fit, or the table is broken before its last line.
    """
    info = read_info(path.with_name(re.sub(r"\.easy(\.gz)?$", ".info", path.name, flags=re.I)))
    notes: list[str] = []
    parts = [_split(path.name, table, info) for table in _tables(path, notes)]
    rows = _without_cut_stamp(path.name, _joined(parts), notes)
    n = len(rows.ms)
    if info.records is not None and n < info.records:
        notes.append(f"{path.name} has {n} samples, its .info counts {info.records}.")
    stamps = rows.ms / 1000.0
    gaps = gaps_of(stamps, info.rate, longer_than=0.5 / info.rate)
    return Recording(
        file=path.name,
        format="easy",
        rate=info.rate,
        measured=rate_of(stamps),
        channels=info.channels,
        kinds=tuple(kind(name) for name in info.channels),
        samples=rows.samples,
        stamps=stamps,
        gaps=gaps,
        events=triggers(rows.codes),
        motion=rows.motion if rows.motion.shape[1] else None,
        facts=info.facts,
        warnings=(*notes, *gap_note(gaps)),
    )


def _split(name: str, table: Array, info: Info) -> _Rows:
    """Return a part of the table by what its columns mean."""
    n = len(info.channels)
    extra = table.shape[1] - n
    if extra not in (2, 3, 5, 6):
        raise FormatError(
            f"{name} has {table.shape[1]} columns, its .info names {n} channels: "
            f"{n + 2}, {n + 3}, {n + 5} or {n + 6} are possible.",
            "Restore the .info file that belongs to this recording.",
            columns=table.shape[1],
            channels=n,
        )
    return _Rows(
        samples=(table[:, :n] / info.per_microvolt).astype(np.float32),
        motion=table[:, n : n + (3 if extra >= 5 else 0)].astype(np.float32),
        codes=table[:, -2].copy(),
        ms=table[:, -1].copy(),
    )


def _joined(parts: list[_Rows]) -> _Rows:
    return _Rows(
        samples=np.concatenate([part.samples for part in parts]),
        motion=np.concatenate([part.motion for part in parts]),
        codes=np.concatenate([part.codes for part in parts]),
        ms=np.concatenate([part.ms for part in parts]),
    )


def _lines(path: Path, notes: list[str]) -> Iterator[bytes]:
    """Yield the lines of an .easy file, unpacked where need be, as far as they go."""
    packed = path.suffix.lower() == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            while line := file.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    raise damaged(path.name, f"it has a line of more than {LONGEST_LINE} bytes")
                yield line
    except EOFError:
        notes.append(f"{path.name} is cut off; what was packed whole is here.")
    except (OSError, zlib.error) as error:
        raise damaged(path.name, error) from error


def _tables(path: Path, notes: list[str]) -> Iterator[Array]:
    """Yield the numbers of an .easy file, some lines at a time; a last line cut off is left out."""
    lines = _lines(path, notes)
    n_columns = n_before = n_kept = 0
    block = list(islice(lines, BLOCK))
    while block:
        following = list(islice(lines, BLOCK))
        n_columns = n_columns or len(block[0].split())
        n_lines = len(block)
        if not following:
            block = _tidied(path.name, block, n_columns, notes)
        if block:
            yield _numbers(path.name, block, n_before, n_columns)
        n_kept += len(block)
        n_before += n_lines
        check_size(path.name, n_before, n_columns)
        block = following
    if not n_kept:
        raise FormatError(f"{path.name} has no samples.", "Give a recording that holds data.")


def _tidied(name: str, block: list[bytes], n_columns: int, notes: list[str]) -> list[bytes]:
    """Return the last lines of a file without blank ones and without one that was cut off."""
    while block and not block[-1].strip():
        block = block[:-1]
    if block and len(block[-1].split()) < n_columns:
        notes.append(f"The last line of {name} is cut off and was left out.")
        return block[:-1]
    return block


def _numbers(name: str, block: list[bytes], n_before: int, n_columns: int) -> Array:
    try:
        table = np.loadtxt(block, dtype=np.float64, ndmin=2, comments=None, encoding="latin-1")
    except ValueError as error:
        raise _first_fault(name, block, n_before, n_columns, error) from error
    if table.shape != (len(block), n_columns):
        raise _first_fault(name, block, n_before, n_columns, "lines differ in length")
    untimed = np.flatnonzero(~np.isfinite(table[:, -1]))
    if len(untimed):
        raise damaged(name, f"line {n_before + int(untimed[0]) + 1} has no time in its last column")
    return table


def _first_fault(
    name: str, block: list[bytes], n_before: int, n_columns: int, why: object
) -> FormatError:
    """Return the error that names the first line that is not like the first."""
    for number, line in enumerate(block, n_before + 1):
        words = line.split()
        if len(words) != n_columns:
            return damaged(name, f"line {number} has {len(words)} columns, line 1 has {n_columns}")
        for word in words:
            try:
                float(word)
            except ValueError:
                return damaged(
                    name, f"line {number} has {word.decode('latin-1')!r} instead of a number"
                )
    return damaged(name, why)


def _without_cut_stamp(name: str, rows: _Rows, notes: list[str]) -> _Rows:
    """Leave out a last line that was cut within its last number.

    Unix milliseconds have kept their number of digits since 2001, so a tenth is a digit missing.
    """
    if len(rows.ms) > 1 and rows.ms[-1] < rows.ms[-2] / 5:
        notes.append(f"The last line of {name} is cut off and was left out.")
        return _Rows(rows.samples[:-1], rows.motion[:-1], rows.codes[:-1], rows.ms[:-1])
    return rows
