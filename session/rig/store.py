"""What is known of a rig, kept in its `rig.toml`: written without touching the rest of the file."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from rym.errors import FormatError
from rym.settings import read

RIG = Path("rig.toml")
"""The rig's own settings, in the folder where `rym` is started."""

_HEADER = re.compile(r"\s*\[")


def store(path: Path, table: str, key: str, value: float | str, note: str) -> None:
    """Write one value to a settings file; every other line stays as it is.

    Parameters
    ----------
    path : Path
        The file; made where there is none.
    table, key : str
        Such as `player` and `device_delay`.
    value : float or str
        What to write.
    note : str
        Comment behind it: where the number comes from.

    Raises
    ------
    UsageError
        If the file is not TOML.
    FormatError
        If it writes this table in a form that cannot be changed line by line.
    """
    known = read(path).tables if path.exists() else {}
    before = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    # A string of JSON is one of TOML as well.
    written = json.dumps(value) if isinstance(value, str) else repr(value)
    line = f"{key} = {written}  # {note}"
    after = put(before, table, key, line)
    expected = {**known, table: {**known.get(table, {}), key: value}}
    try:
        same = tomllib.loads(after.replace("\r\n", "\n")) == expected
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise FormatError(
            f"{path} has the table [{table}] in a form in which {key} = {written} cannot be put.",
            f"Write it there yourself, or make [{table}] a table with one key per line.",
            file=str(path),
        )
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(after.encode())
    beside.replace(path)


def put(text: str, table: str, key: str, line: str) -> str:
    """Return a TOML text with one line replaced or added (pure).

    Parameters
    ----------
    text : str
        The file so far; its line ends are kept.
    table, key : str
        Which value.
    line : str
        What stands there afterwards.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    rows = text.splitlines()
    header = re.compile(rf"""\s*\[\s*["']?{re.escape(table)}["']?\s*\]""")
    found = next((i for i, row in enumerate(rows) if header.match(row)), None)
    if found is None:
        gap = [""] if rows and rows[-1].strip() else []
        return end.join([*rows, *gap, f"[{table}]", line]) + end
    stop = next((i for i in range(found + 1, len(rows)) if _HEADER.match(rows[i])), len(rows))
    set_here = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    at = next((i for i in range(found + 1, stop) if set_here.match(rows[i])), None)
    if at is None:
        rows.insert(found + 1, line)
    else:
        rows[at] = line
    return end.join(rows) + end
