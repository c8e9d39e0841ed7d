"""Whose bank may be played to whom: what a session with a participant refuses.

A participant hears and sees only what does not flash and was approved by operator and by
themselves, as it was then, made of their own memory, and kept with what is theirs. In every other
session the first of these reasons is said once, and the music plays.
"""

from __future__ import annotations

from pathlib import Path

from decoder import model as models
from generator.memory import load as load_memory
from player.service import load
from rym import bank as bank_format
from rym.bank import ROLES, Bank, Role
from rym.errors import UsageError
from rym.flashes import MAX_FLASHES
from rym.messages import Affect

from ..settings import SessionSettings
from ..words import WORDS

SHOW = "Go through it with `rym bank show`."
NAMED = 3
"""Names that a sentence gives; the others are counted."""


def admit(session: SessionSettings, folder: Path) -> None:
    """Refuse a bank that a participant must not be given.

    Parameters
    ----------
    session : SessionSettings
        Says who the participant is, and of which memory, where one is given.
    folder : Path
        The bank's.

    Raises
    ------
    UsageError
        If it flashes, is unapproved, changed since, or foreign; both values are named.
    FormatError
        If a file of it is missing, altered, or cannot be played.
    """
    if not (folder / bank_format.MANIFEST).exists():
        raise UsageError(
            f"A session with a participant builds no bank, and there is none in {folder}.",
            f"Make it with `rym bank build --memory FILE --subject {session.subject} "
            f"--out {folder}`, then approve it with `rym bank show`.",
        )
    found = bank_format.load(folder)
    load(folder)
    if why := complaint(session, folder, found):
        raise why


def complaint(session: SessionSettings, folder: Path, found: Bank) -> UsageError | None:
    """Return the first reason why a participant must not be given a bank.

    Parameters
    ----------
    session : SessionSettings
        Says who it would be played to.
    folder : Path
        Where it lies.
    found : Bank
        Its manifest.
    """
    if why := _flashing(found):
        return why
    for by in ROLES:
        if why := _unapproved(found, by):
            return why
    return _foreign(session, folder, found)


def _flashing(found: Bank) -> UsageError | None:
    """Return which scene flashes more than WCAG 2.3.1 allows; no approval makes up for that."""
    for scene in found.scenes:
        if scene.flashes > MAX_FLASHES:
            return UsageError(
                f"{scene.name} flashes {scene.flashes} times in a second, allowed are "
                f"{MAX_FLASHES}.",
                'Ask for another take: "Make again" in `rym bank show`, then `rym bank build`.',
            )
    return None


def _unapproved(found: Bank, by: Role) -> UsageError | None:
    """Return what one of those who must agree has not agreed to."""
    judged = found.judged
    verdicts = {name: found.verdict(name, by) for name in judged}
    rejected = [name for name, said in verdicts.items() if said is False]
    if rejected:
        return UsageError(
            f"The {by} rejected {_names(rejected)}; all {len(judged)} clips and scenes must be "
            "approved.",
            "Have it made again: `rym bank show`, then `rym bank build`.",
        )
    open_ = [name for name, said in verdicts.items() if said is None]
    before = {x.name: x.sha256 for x in found.approvals if x.by == by and x.approved}
    changed = [name for name in open_ if name in before]
    if changed:
        first = changed[0]
        return UsageError(
            f"{_names(changed)} changed since the {by} approved: {first} had SHA-256 "
            f"{before[first][:16]}…, now it is {judged[first][:16]}….",
            SHOW,
        )
    if open_:
        return UsageError(
            f"The {by} approved {len(judged) - len(open_)} of {len(judged)} clips and scenes; "
            f"not yet: {_names(open_)}.",
            SHOW,
        )
    return None


def _names(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _foreign(session: SessionSettings, folder: Path, found: Bank) -> UsageError | None:
    """Return why a bank is not this person's own."""
    if found.subject != session.subject:
        return UsageError(
            f"The bank is of {found.subject or 'nobody that it names'}, the session is of "
            f"{session.subject}.",
            "Take this person's own bank, made with `rym bank build --subject`.",
        )
    memory = _memory(session)
    if memory is not None:
        of = load_memory(memory).fingerprint
        if of != found.memory_sha256:
            return UsageError(
                f"The bank is of memory {found.memory_sha256[:16]}…, the session's memory is "
                f"{of[:16]}….",
                "Build the bank again with `rym bank build`, and approve it.",
            )
    own = people(session)
    if own not in folder.resolve().parents:
        return UsageError(
            f"The bank lies in {folder.resolve()}, what is {session.subject}'s lies in {own}.",
            "Move it there.",
        )
    return None


def _memory(session: SessionSettings) -> Path | None:
    """Return the memory that a person's bank must be of: the named one, else the kept one."""
    if session.memory != SessionSettings().memory:
        return Path(session.memory)
    kept = people(session) / "memory" / "memory.toml"
    return kept if kept.exists() else None


def people(session: SessionSettings) -> Path:
    """Return the folder of what is a person's own."""
    return (Path(session.root) / "people" / session.subject).resolve()


def own_bank(session: SessionSettings) -> Path:
    """Return the bank that a participant's session plays: the named one, or the person's own."""
    return Path(session.bank) if session.bank else people(session) / "bank"


def remark(session: SessionSettings, folder: Path) -> list[str]:
    """Return what is to be said once of a bank, where nobody is refused."""
    why = complaint(session, folder, bank_format.read(folder))
    return [f"A participant's session would refuse this bank. {why.error}"] if why else []


def check_affects(states: tuple[Affect, ...], affects: tuple[Affect, ...]) -> str:
    """Refuse a model that names what the bank cannot give.

    Parameters
    ----------
    states : tuple of str
        What the model can say.
    affects : tuple of str
        What the bank has.

    Returns
    -------
    str
        What the bank has and the model never says, one sentence; empty where there is nothing.

    Raises
    ------
    UsageError
        If the model has a state that the bank lacks; both sets are named.
    """
    if not set(states) <= set(affects):
        raise UsageError(
            f"The model knows {_words(states)}, the bank has {_words(affects)}.",
            "Play a bank that has all of them, or train a model on what the bank has.",
        )
    silent = [WORDS[affect] for affect in affects if affect not in states]
    if not (states and silent):
        return ""
    return f"The model never says {' or '.join(silent)}; the estimate plays none of that music."


def _words(affects: tuple[Affect, ...]) -> str:
    return ", ".join(WORDS[affect] for affect in affects)


def heard_of(model: Path, folder: Path) -> str:
    """Check a model folder against a bank; see `check_affects`.

    Raises
    ------
    UsageError
        If the model has a state that the bank lacks.
    FormatError
        If either cannot be read.
    """
    return check_affects(models.load(model).manifest.states, bank_format.read(folder).affects)
