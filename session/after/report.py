"""Reads a session's folder and leaves its report there; the only file of this room that does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from decoder.model import load
from rym.errors import FormatError
from rym.topics import STATUS

from ..folder import Folder, write_atomically
from ..live.lines import read
from . import page
from .analysis import Analysis, Log, analyse
from .facts import Facts, gather
from .remembered import Remembered, remembered
from .summary import summary


def write(folder: Folder | Path) -> Path:
    """Write the report of a session, however it went.

    Parameters
    ----------
    folder : Folder or Path
        The session's. Record and journal may be missing: the report then says so.

    Returns
    -------
    Path
        Of the report; one that was there is replaced, since it is made from record and journal.

    Raises
    ------
    UsageError
        If the path is no session's folder.
    """
    place = folder if isinstance(folder, Folder) else Folder(folder)
    _write(place, *_look(place))
    return place.report


def finish(folder: Folder | Path) -> dict[str, Any]:
    """Write the report, and return what the last screen and `--json` show.

    Parameters
    ----------
    folder : Folder or Path
        The session's.

    Returns
    -------
    dict
        See `session.after.summary.summary`; paths are absolute, null where there is no such file.
        `heard` is the first player's sound; later starts lie beside it.
    """
    place = folder if isinstance(folder, Folder) else Folder(folder)
    analysis, log = _look(place)
    _write(place, analysis, log)
    heard = place.heard()
    paths: dict[str, Path | None] = {
        "session": place.path,
        "report": place.report,
        "journal": place.journal,
        "heard": heard[0] if heard else None,
        "model": place.model,
        "bank": _bank(place),
    }
    return summary(
        analysis, {k: str(p) if p is not None and p.exists() else None for k, p in paths.items()}
    )


def _write(place: Folder, analysis: Analysis, log: Log) -> None:
    # Paths below the folder of all sessions: a report that is passed on must not name a home.
    html = page.render(analysis, log).replace(f"{place.root}{os.sep}", "")
    write_atomically(place.report, html.encode())


def _look(place: Folder) -> tuple[Analysis, Log]:
    """Read what there is; what cannot be read becomes a warning of the report."""
    told: list[str] = []
    record, log = None, {}
    try:
        record = place.read()
        told += record.warnings
    except FormatError as error:
        told.append(str(error))
    try:
        found = read(place)
        log = found.by_topic
        if found.damaged:
            lines = ", ".join(map(str, found.damaged[:5]))
            told.append(f"{len(found.damaged)} lines of the journal cannot be read ({lines}).")
    except FormatError as error:
        told.append(str(error))
    told += [words for words in _said_by_stream(log) if words not in told]
    facts = gather(log, record)
    facts = msgspec.structs.replace(
        facts,
        remembered=_remembered(place, facts, told),
        session=place.path.relative_to(place.root).as_posix(),
        files=_files(place),
        warnings=tuple(told),
    )
    return analyse(log, facts), log


def _remembered(place: Folder, facts: Facts, told: list[str]) -> Remembered | None:
    """Return the memory of the model that answered, where it lies in the folder."""
    if not place.model.exists():
        return None
    try:
        model = load(place.model)
    except FormatError as error:
        told.append(str(error))
        return None
    return remembered(model) if model.id == facts.model else None


def _said_by_stream(log: Log) -> list[str]:
    """Return what the stream said while it ran: of its recording, say; nothing if all was well."""
    told, before = [], False
    for status in (x.content for x in log.get(STATUS["stream"].short, ())):
        away = bool(status.facts.get("away"))
        # That the sender fell silent and came back stands among the gaps.
        if status.life == "ready" and status.detail and away == before:
            told.append(status.detail)
        before = away
    return list(dict.fromkeys(told))


def _bank(place: Folder) -> Path:
    try:
        return place.bank_of(place.read())
    except FormatError:
        return place.bank


def _files(place: Folder) -> tuple[tuple[str, str], ...]:
    found = [
        ("journal", place.journal),
        *(("EEG", path) for path in place.xdf()),
        *(("sound", path) for path in place.heard()),
        ("model", place.model),
        ("bank", _bank(place)),
    ]
    return tuple((name, place.relative(path)) for name, path in found if path.exists())
