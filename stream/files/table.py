"""EEG in a table of text, `.csv` or `.tsv` (adapter).

The first line names the columns. What they mean is said by a small TOML file beside the table, of
the same name (`a.csv`, `a.toml`), or named by a person:

    time = "timestamps"          # the column of times; left out: looked for by its name
    time_unit = "s"              # s, ms, µs; dates in ISO 8601 need none
    rate = 256                   # samples per second; left out: measured from the times
    unit = "µV"                  # µV, nV, mV or V
    channels = ["TP9", "AF7"]    # columns of EEG; left out: all others of numbers
    triggers = "marker"          # column of codes; left out: looked for by its name
    separator = ";"              # left out: found
    decimal = ","                # left out: "."

    [names]                      # electrodes of columns that are called otherwise
    "channel 1" = "Fp1"
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, NoReturn, TextIO

import msgspec
import numpy as np

from rym.errors import FormatError

from ..montage import clean, kind
from .recording import (
    Array,
    Recording,
    check_size,
    damaged,
    gap_note,
    gaps_of,
    rate_of,
    triggers,
    usual_rate,
)

TIME_NAMES = ("timestamps", "timestamp", "time", "times", "t", "seconds", "lsl_timestamp")
MISSING = frozenset(("", "nan", "na", "n/a", "null", "none"))
"""What stands for a value that is not there, in lower case."""
BLOCK = 10_000
"""Lines that are kept as Python's numbers at a time."""
LONGEST_LINE = 1_000_000
"""Characters of a line from which the file is no table."""
GRACE_S = 0.05
"""Seconds by which a stamp may be late: those of tables come from clocks of computers."""

_PER_SECOND = {"s": 1.0, "ms": 1e3, "µs": 1e6, "us": 1e6}
_PER_MICROVOLT = {"µV": 1.0, "uV": 1.0, "nV": 1000.0, "mV": 1e-3, "V": 1e-6}


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the columns of a table mean."""

    time: str = ""
    """Column of times; empty: looked for by its name."""
    time_unit: Literal["s", "ms", "µs", "us"] = "s"
    rate: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Samples per second; 0: measured from the times."""
    unit: Literal["", "µV", "uV", "nV", "mV", "V"] = ""
    """Unit of the EEG; empty: µV is assumed, and said."""
    channels: tuple[str, ...] = ()
    """Columns of EEG; empty: all that are neither time nor triggers."""
    names: dict[str, str] = {}
    """Electrodes of columns that are called otherwise."""
    triggers: str = ""
    """Column of trigger codes; empty: looked for by its name."""
    separator: Annotated[str, msgspec.Meta(max_length=1)] = ""
    """Between two columns; empty: found in the first line."""
    decimal: Literal[".", ","] = "."


class _Layout(NamedTuple):
    """Which columns are read."""

    time: int | None
    channels: tuple[int, ...]
    triggers: int | None
    n_columns: int


class _Rows(NamedTuple):
    """The numbers of a table."""

    times: Array
    values: Array
    codes: Array


def read_table(path: Path, columns: Path | None) -> Recording:
    """Read a table of EEG.

    Parameters
    ----------
    path : Path
        The table.
    columns : Path or None
        The TOML file that maps its columns; None: the one beside it, if any.

    Raises
    ------
    FormatError
        If the map does not fit the table, or a line holds something else than numbers; it names the
        line.
    """
    said = _map(path, columns)
    notes: list[str] = []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = _Reader(path.name, file, said)
        layout = _layout(path.name, reader.header, said)
        rows = _numbers(reader, layout, said, notes)
    channels = tuple(
        clean(said.names.get(reader.header[i], reader.header[i])) for i in layout.channels
    )
    if not said.unit:
        notes.append(f"Unit of {path.name}: not stated; µV is assumed.")
    stamps = rows.times if layout.time is not None else None
    rate, measured = _rate(path.name, said, stamps, notes)
    gaps = gaps_of(stamps, rate, longer_than=GRACE_S) if stamps is not None else ()
    n_missing = int(np.count_nonzero(np.isnan(rows.values)))
    if n_missing:
        notes.append(f"{n_missing} values are missing; they are kept as no number.")
    return Recording(
        file=path.name,
        format=path.suffix[1:].lower(),
        rate=rate,
        measured=measured,
        channels=channels,
        kinds=tuple(kind(name) for name in channels),
        samples=(rows.values / _PER_MICROVOLT[said.unit or "µV"]).astype(np.float32),
        stamps=stamps,
        gaps=gaps,
        events=triggers(rows.codes),
        warnings=(*notes, *gap_note(gaps)),
    )


def _map(path: Path, columns: Path | None) -> Columns:
    """Return the map of a table's columns; without a file, what is found by their names."""
    place = columns or path.with_suffix(".toml")
    if columns is None and not place.is_file():
        return Columns()
    try:
        return msgspec.toml.decode(place.read_bytes(), type=Columns)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise FormatError(
            f"{place} does not map the columns of {path.name}: {str(error).rstrip('.')}.",
            f"It may say {', '.join(Columns.__struct_fields__)}.",
        ) from error


class _Reader:
    """Lines of a table, counted from 1, with the header read."""

    def __init__(self, name: str, file: TextIO, said: Columns) -> None:
        self.name = name
        self._file = file
        self.cut = False
        """Whether the last line had no end: its last number may lack digits."""
        first = self._header_line()
        self.separator = said.separator or self._separator(first)
        if said.decimal == self.separator:
            raise FormatError(
                f"{name} is separated by {self.separator!r}, and its decimal sign is the same.",
                "Name another separator or decimal in the map of its columns.",
            )
        self.header = [word.strip() for word in next(csv.reader([first], delimiter=self.separator))]
        self._check_header()

    def _header_line(self) -> str:
        for line, text in enumerate(self._texts(), 1):
            self.line = line
            if text.strip() and not text.startswith(("#", "%")):
                return text
        raise FormatError(f"{self.name} has no samples.", "Give a recording that holds data.")

    def _texts(self) -> Iterator[str]:
        while text := self._file.readline(LONGEST_LINE):
            if len(text) == LONGEST_LINE or "\0" in text:
                raise damaged(self.name, "it is no table of text")
            self.cut = not text.endswith(("\n", "\r"))
            if not self.cut:
                yield text

    def _separator(self, first: str) -> str:
        """Return what separates most columns; blanks only where nothing else does.

        Names of columns hold blanks, as in `Time (s),Fp1 (µV)`, or follow a comma and a blank.
        """
        most = max("\t;,", key=first.strip().count)
        return most if most in first.strip() else " "

    def _check_header(self) -> None:
        numbers = [word for word in self.header if _is_number(word)]
        if numbers or len(self.header) < 2 or len(set(self.header)) < len(self.header):
            raise FormatError(
                f"Line {self.line} of {self.name} must name the columns, each differently; it is "
                f"{', '.join(self.header)[:80]!r}.",
                "Put the columns' names into the first line, separated as the numbers are.",
                line=self.line,
            )

    def rows(self) -> Iterator[list[str]]:
        """Yield the words of each line that is not blank; `line` is its number."""
        reader = csv.reader(self._texts(), delimiter=self.separator)
        above = self.line
        try:
            for words in reader:
                begun, self.line = self.line, above + reader.line_num
                if self.line > begun + 1:
                    raise damaged(
                        self.name, f"line {begun + 1} opens a quotation and never ends it"
                    )
                if not any(word.strip() for word in words):
                    continue
                # Some programs end every line with a separator.
                extra = len(words) == len(self.header) + 1 and not words[-1].strip()
                yield words[:-1] if extra else words
        except csv.Error as error:
            raise damaged(self.name, f"line {above + reader.line_num}: {error}") from error


def _is_number(word: str) -> bool:
    try:
        float(word.replace(",", "."))
    except ValueError:
        return False
    return True


def _layout(name: str, header: Sequence[str], said: Columns) -> _Layout:
    """Return where time, EEG and triggers stand."""
    wanted = [*said.channels, *said.names, *(w for w in (said.time, said.triggers) if w)]
    missing = [word for word in wanted if word not in header]
    if missing:
        raise FormatError(
            f"{name} has no column {', '.join(missing)}; it has {', '.join(header)}.",
            "Correct the names in the map of its columns.",
            missing=missing,
        )
    time = said.time or next((w for w in header if w.lower() in TIME_NAMES), "")
    codes = said.triggers or next((w for w in header if kind(w) == "trigger"), "")
    channels = said.channels or tuple(w for w in header if w and w not in (time, codes))
    if not time and not said.rate:
        raise FormatError(
            f"{name} has no column of times among {', '.join(header)}, and no rate is said.",
            f"Say time or rate in {Path(name).with_suffix('.toml')} beside it.",
        )
    return _Layout(
        time=header.index(time) if time else None,
        channels=tuple(header.index(word) for word in channels),
        triggers=header.index(codes) if codes else None,
        n_columns=len(header),
    )


def _numbers(reader: _Reader, layout: _Layout, said: Columns, notes: list[str]) -> _Rows:
    """Read all lines."""
    blocks = [np.empty((0, 2 + len(layout.channels)))]
    block: list[list[float]] = []
    for words in reader.rows():
        if len(words) != layout.n_columns:
            _refuse_width(reader, len(words))
        block.append(_row(reader, words, layout, said))
        if len(block) == BLOCK:
            blocks.append(np.array(block))
            block = []
            check_size(reader.name, len(blocks) * BLOCK, layout.n_columns)
    if block:
        blocks.append(np.array(block))
    if reader.cut:
        notes.append(f"The last line of {reader.name} is cut off and was left out.")
    table = np.concatenate(blocks)
    return _Rows(times=table[:, 0], codes=table[:, 1], values=table[:, 2:])


def _refuse_width(reader: _Reader, found: int) -> NoReturn:
    raise FormatError(
        f"Line {reader.line} of {reader.name} has {found} columns, "
        f"its first line names {len(reader.header)}.",
        "Correct that line; with decimal commas, name separator and decimal in the map.",
        line=reader.line,
    )


def _row(reader: _Reader, words: list[str], layout: _Layout, said: Columns) -> list[float]:
    """Return time in seconds, code and EEG of one line."""
    time = _time(reader, words[layout.time], said) if layout.time is not None else 0.0
    codes = () if layout.triggers is None else (layout.triggers,)
    code = [_value(reader, words, i, said.decimal) for i in codes]
    return [
        time,
        *(code or [0.0]),
        *(_value(reader, words, i, said.decimal) for i in layout.channels),
    ]


def _value(reader: _Reader, words: list[str], column: int, decimal: str) -> float:
    """Return one number; a missing one is no number."""
    word = words[column]
    try:
        return float(word.replace(",", ".") if decimal == "," else word)
    except ValueError:
        if word.strip().lower() in MISSING:
            return np.nan
    raise FormatError(
        f"Line {reader.line} of {reader.name} has {word[:40]!r} in column "
        f"{reader.header[column]!r}, a number is needed.",
        'Name the columns of EEG in the map beside the file; for decimal commas say decimal = ",".',
        line=reader.line,
    )


def _time(reader: _Reader, word: str, said: Columns) -> float:
    """Return a time, or a date as seconds since 1970."""
    text = word.strip()
    try:
        found = float(text.replace(",", ".") if said.decimal == "," else text)
        if np.isfinite(found):
            return found / _PER_SECOND[said.time_unit]
    except ValueError:
        try:
            date = datetime.fromisoformat(text)
            return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
    raise FormatError(
        f"Line {reader.line} of {reader.name} has {text[:40]!r} for its time, "
        "a number or a date such as 2026-03-30T12:36:59.500 is needed.",
        'Correct that line, or name the column of times; for decimal commas say decimal = ",".',
        line=reader.line,
    )


def _rate(
    name: str, said: Columns, stamps: Array | None, notes: list[str]
) -> tuple[float, float | None]:
    """Return the rate that is used and the one that the times show."""
    measured = rate_of(stamps) if stamps is not None else None
    if said.rate:
        return said.rate, measured
    if measured is None:
        raise FormatError(
            f"The times of {name} stand still or lie too far apart to show a rate.",
            "Say rate or time_unit in the map of its columns.",
        )
    rate = usual_rate(measured)
    notes.append(f"No rate is declared; {measured:.2f} Hz was measured, {rate:g} Hz is used.")
    return rate, measured
