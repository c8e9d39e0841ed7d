"""Which files of a folder belong to a data set, and what their paths say of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rym.errors import UsageError
from stream.files.reading import READABLE, TABLES

from .dataset import NONE, Dataset
from .labels import Mark

SHOWN = 5
"""Names that a sentence lists at most."""


class Plan(NamedTuple):
    """One file and what is said of it before it is opened."""

    path: Path
    name: str
    """Path below the data set's folder, with `/`."""
    person: str
    session: str = ""
    state: str = ""
    """Of the whole file; empty where it holds several."""
    stimulus: str = ""
    marks: tuple[Mark, ...] | None = None
    """Events that stand beside the file; None: those in it."""


def planned(dataset: Dataset, folder: Path) -> tuple[list[Plan], list[str]]:
    """Return the files that the pattern matches, in natural order, and what was left out."""
    pattern = re.compile(dataset.files.pattern)
    readable = recordings_in(folder)
    plans, others = [], []
    for path in readable:
        name = path.relative_to(folder).as_posix()
        match = pattern.fullmatch(name)
        said = {} if match is None else {k: v or "" for k, v in match.groupdict().items()}
        if not said.get("person"):
            others.append(name)
            continue
        state = _state_of(dataset, name, said.get("state", ""))
        if state == NONE:
            others.append(name)
            continue
        plans.append(
            Plan(
                path, name, said["person"], said.get("session", ""), state, said.get("stimulus", "")
            )
        )
    if not plans:
        raise UsageError(
            f"None of the {len(readable)} recordings in {folder} matches {dataset.files.pattern!r}"
            f"{f', such as {others[0]}' if others else ''}.",
            "Correct [files] pattern, or give another folder with --data.",
            pattern=dataset.files.pattern,
        )
    # Lists of people and of events are tables, too.
    tables = any(plan.name.lower().endswith(TABLES) for plan in plans)
    told = [name for name in others if tables or not name.lower().endswith(TABLES)]
    return plans, [f"Left out by name: {listed(told)}."] if told else []


def recordings_in(folder: Path) -> list[Path]:
    """Return all readable recordings below a folder, numbers in their natural order.

    Raises
    ------
    UsageError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Check the path given with --data.")
    found = [
        path
        for path in folder.rglob("*")
        if path.name.lower().endswith(READABLE) and path.is_file()
    ]
    return sorted(found, key=lambda path: natural(path.relative_to(folder).as_posix()))


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `run-10` behind `run-9`."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts if p]


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _state_of(dataset: Dataset, name: str, said: str) -> str:
    """Return the state that a file's name says; empty where labels are not by file."""
    if dataset.labels.by != "file":
        return ""
    states = dataset.files.states or {s: s for s in dataset.data.states}
    known = {*states, dataset.baseline.state} - {""}
    if said not in known:
        raise UsageError(
            f"{name} says the state {said!r}; known are {', '.join(sorted(known))}.",
            "Add it to [files.states], as `none` where the file is to be left out.",
            file=name,
            state=said,
        )
    return states.get(said, said)
