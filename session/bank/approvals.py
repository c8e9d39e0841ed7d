"""What operator and person say of a bank: approved, rejected, to be made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from generator.making.rows import remakes, wish
from rym import bank
from rym.bank import Approval, Bank, Role
from rym.errors import UsageError
from rym.lock import locked


class Judgement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was said of one clip or scene."""

    name: str
    """The clip's file, or the scene's name."""
    sha256: str
    """Of what was heard or seen."""
    approved: bool


def judge(folder: Path, said: Iterable[Judgement], by: Role) -> tuple[Bank, list[str]]:
    """Write down what somebody said, as far as it is about the bank as it is now.

    Parameters
    ----------
    folder : Path
        The bank's.
    said : iterable of Judgement
        About clips and scenes.
    by : {"operator", "person"}
        Who said it.

    Returns
    -------
    tuple of (Bank, list of str)
        The manifest as written, and a sentence for each that was refused.

    Raises
    ------
    FormatError
        If there is no manifest that can be read.
    """
    refused: list[str] = []

    def change(now: Bank) -> tuple[Approval, ...]:
        judged = now.judged
        taken = []
        for one in said:
            found = judged.get(one.name)
            if found == one.sha256:
                taken.append(Approval(**msgspec.structs.asdict(one), by=by))
            else:
                refused.append(_stale(one, found))
        return tuple(taken)

    return bank.amend(folder, change), refused


def _stale(said: Judgement, found: str | None) -> str:
    if found is None:
        return f"{said.name} is not in the bank any more; nothing was written down."
    return (
        f"{said.name} is another one now ({found[:8]}…, not {said.sha256[:8]}…); "
        "nothing was written down."
    )


def approve(folder: Path, names: Sequence[str] | Literal["all"], by: Role) -> Bank:
    """Approve clips and scenes without a page, as they lie there.

    Parameters
    ----------
    folder : Path
        The bank's.
    names : sequence of str or "all"
        Files of clips and names of scenes.
    by : {"operator", "person"}
        Who approves.

    Raises
    ------
    UsageError
        If the bank has no clip or scene of such a name; nothing is written then.
    FormatError
        If a file of the bank is missing or altered.
    """
    judged = bank.load(folder).judged
    chosen = list(judged) if names == "all" else list(names)
    for name in chosen:
        _known(judged, name, folder)
    return judge(folder, [Judgement(name=x, sha256=judged[x], approved=True) for x in chosen], by)[
        0
    ]


def ask_again(folder: Path, name: str) -> int:
    """Ask for another take of a clip or scene; `rym bank build` makes it.

    Asked twice it is made once.

    Returns
    -------
    int
        Number of the take that is asked for.

    Raises
    ------
    UsageError
        If the bank has no clip or scene of that name.
    FormatError
        If manifest or list cannot be read.
    """
    return _wish(folder, name, more=1)


def withdraw(folder: Path, name: str) -> None:
    """Take back that something be made again.

    Raises
    ------
    UsageError
        If the bank has no clip or scene of that name.
    FormatError
        If manifest or list cannot be read.
    """
    _wish(folder, name, more=0)


def _wish(folder: Path, name: str, *, more: int) -> int:
    with locked(folder):
        takes = _takes(bank.read(folder))
        _known(takes, name, folder)
        take = takes[name] + more
        wish(folder, name, take)
    return take


def wished(folder: Path, now: Bank) -> set[str]:
    """Return the names of what is asked for and not made yet.

    Raises
    ------
    FormatError
        If the list cannot be read.
    """
    takes = _takes(now)
    return {name for name, take in remakes(folder).items() if take > takes.get(name, take)}


def _takes(now: Bank) -> dict[str, int]:
    return {clip.file: clip.take for clip in now.clips} | {x.name: x.take for x in now.scenes}


def _known(names: dict[str, str] | dict[str, int], name: str, folder: Path) -> None:
    if name not in names:
        raise UsageError(
            f"{folder} has no clip or scene {name[:80]!r}.",
            f"Name one of its {len(names)}, such as {next(iter(names))}.",
        )
