"""A folder in BIDS (Pernet et al. 2019, Sci. Data 6): what is in it, and what its events say.

Whose a file is stands in its path, when which state was there in `_events.tsv` beside it. A TOML
says which `trial_type` means which state; without one, a folder whose events name two of negative,
neutral and positive can be evaluated as it is.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from msgspec.structs import replace

from rym.errors import FormatError, UsageError
from rym.messages import AFFECTS
from stream.settings import ConditioningSettings, StreamSettings

from .assemble import Gathered, Progress, silent
from .dataset import Dataset, DataSettings, LabelSettings
from .gather import Each, gathered
from .labels import Mark
from .plans import Plan, listed, planned

PATTERN = (
    r"sub-(?P<person>[A-Za-z0-9]+)/(?:ses-(?P<session>[A-Za-z0-9]+)/)?eeg/"
    r"[^/]*_eeg\.(?:edf|bdf|vhdr|set|fif|EDF|BDF)"
)
"""Path of a recording below the folder."""


def is_bids(folder: Path) -> bool:
    """Say whether a folder holds people as BIDS lays them out."""
    return (folder / "dataset_description.json").is_file() or any(
        folder.glob("sub-*/**/eeg/*_eeg.*")
    )


def gather_bids(
    folder: Path,
    dataset: Dataset | None,
    cache: Path | None,
    *,
    each: Each = map,
    progress: Progress = silent,
    samples: bool = False,
) -> Gathered:
    """Return the rows of a BIDS folder.

    Parameters
    ----------
    folder : Path
        Holds `sub-*`.
    dataset : Dataset or None
        What `trial_type` means; None: what the events name themselves.
    cache, each, progress, samples
        As for `gather.gather`.

    Raises
    ------
    UsageError
        If there is no recording, or no TOML where the events name other states.
    FormatError
        If an `_events.tsv` lacks a column, or a number in it is none.
    """
    said = dataset or _own_words(folder)
    if not said.files.pattern:
        said = replace(said, files=replace(said.files, pattern=PATTERN))
    plans, notes = planned(said, folder)
    if said.labels.by == "markers":
        plans = [plan._replace(marks=events_of(plan.path, said.labels.column)) for plan in plans]
        lack = [plan.name for plan in plans if plan.marks is None]
        if lack:
            notes.append(f"No _events.tsv beside {listed(lack)}: events in the file are used.")
    notes += _not_there(folder, plans)
    return gathered(said, plans, notes, cache, each=each, progress=progress, samples=samples)


def events_of(path: Path, column: str) -> tuple[Mark, ...] | None:
    """Return the events that stand beside a recording; None where no file does.

    Parameters
    ----------
    path : Path
        `…_eeg.<ending>`.
    column : str
        Holds the codes.

    Raises
    ------
    FormatError
        If a column is missing, or an onset is no number.
    """
    place = path.with_name(path.name.rpartition("_eeg.")[0] + "_events.tsv")
    if not place.is_file():
        return None
    rows = _rows(place)
    columns = list(rows[0]) if rows else [column, "onset"]
    missing = [name for name in ("onset", column) if name not in columns]
    if missing:
        raise FormatError(
            f"{place.name} has the columns {', '.join(columns)}, but not {', '.join(missing)}.",
            "Name the column that holds the states in [labels] column.",
        )
    return tuple(
        Mark(
            t=_number(place, line, row["onset"]),
            code=str(row[column]).strip(),
            seconds=max(0.0, _number(place, line, row.get("duration") or "n/a", unknown=0.0)),
            stimulus=_known(row.get("stim_file")),
        )
        for line, row in enumerate(rows, 2)
        if _known(row[column]) and _known(row["onset"])
    )


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path} cannot be read: {error}.", "Save it as UTF-8.") from None


def _known(word: str | None) -> str:
    """Return a word, or nothing where it stands for what is not known."""
    text = (word or "").strip()
    return "" if text.lower() in ("", "n/a", "nan") else text


def _number(path: Path, line: int, word: str, unknown: float | None = None) -> float:
    if unknown is not None and not _known(word):
        return unknown
    try:
        return float(word)
    except ValueError:
        raise FormatError(
            f"Line {line} of {path.name} has {word[:40]!r}, a number of seconds is needed.",
            "Correct that line.",
            line=line,
        ) from None


def _own_words(folder: Path) -> Dataset:
    """Return what can be evaluated without a TOML: events that name affects."""
    codes: dict[str, str] = {}
    others: dict[str, None] = {}
    for place in sorted(folder.glob("sub-*/**/*_events.tsv")):
        for row in _rows(place):
            word = _known(row.get("trial_type"))
            if word.lower() in AFFECTS:
                codes[word] = word.lower()
            elif word:
                others[word] = None
    states = tuple(affect for affect in AFFECTS if affect in codes.values())
    if len(states) < 2:
        raise UsageError(
            f"The events of {folder} name {listed([*codes, *others]) or 'nothing'}; without a TOML "
            f"two of {', '.join(AFFECTS)} are needed.",
            "Write a data set's TOML with [labels] codes, and give this folder with --data.",
        )
    return Dataset(
        data=DataSettings(name=folder.resolve().name, states=states, unit="trial"),
        labels=LabelSettings(by="markers", codes=codes),
        stream=StreamSettings(conditioning=ConditioningSettings(line=_mains(folder))),
    )


def _mains(folder: Path) -> Literal[0, 50, 60]:
    """Return the mains frequency that the sidecars tell; 50 where they tell none or several."""
    found = set()
    for place in folder.glob("**/*_eeg.json"):
        try:
            found.add(json.loads(place.read_text(encoding="utf-8")).get("PowerLineFrequency"))
        except (OSError, ValueError, AttributeError) as error:
            raise FormatError(f"{place} cannot be read: {error}.", "Correct it.") from None
    known = found & {50, 60}
    return cast(Literal[50, 60], known.pop()) if len(known) == 1 else 50


def _not_there(folder: Path, plans: Sequence[Plan]) -> list[str]:
    """Return who is named in participants.tsv and has no recording."""
    place = folder / "participants.tsv"
    if not place.is_file():
        return []
    named = [_known(row.get("participant_id")).removeprefix("sub-") for row in _rows(place)]
    lack = [name for name in named if name and name not in {plan.person for plan in plans}]
    return [f"participants.tsv names people without a recording: {listed(lack)}."] if lack else []
