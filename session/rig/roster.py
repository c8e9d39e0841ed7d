"""Which LSL streams are there, look by look, and which of them are wanted (pure)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from stream.lsl.taps import Seen

MISSED = 2
"""Looks in a row without an answer and without a sample from which a stream has vanished."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which streams are recorded; an empty list takes any."""

    types: Sequence[str] = ()
    names: Sequence[str] = ()

    def __contains__(self, seen: Seen) -> bool:
        return (not self.types or seen.kind in self.types) and (
            not self.names or seen.name in self.names
        )

    def __str__(self) -> str:
        asked = [f"type {x!r}" for x in self.types] + [f"name {x!r}" for x in self.names]
        return " or ".join(asked) or "any type and name"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one look has shown."""

    new: list[Seen] = msgspec.field(default_factory=list)
    gone: list[Seen] = msgspec.field(default_factory=list)
    back: list[Seen] = msgspec.field(default_factory=list)


class _Known(msgspec.Struct, kw_only=True):
    first: Seen
    now: Seen
    missed: int = 0


class Roster:
    """Which streams there are, look by look (pure).

    A stream with a source id that comes back under a new uid is the same one: LSL's inlet finds it
    again by itself. Two streams that are there at the same time are two, whatever they are called.
    """

    def __init__(self) -> None:
        self._known: list[_Known] = []

    def look(self, listed: Sequence[Seen], heard: Collection[str] = ()) -> Change:
        """Take in one look.

        Parameters
        ----------
        listed : sequence of Seen
            Every stream that answered.
        heard : collection of str
            First uids of those that have sent something since the last look: a stream that does
            not answer in time, but sends, is there.
        """
        change = Change()
        uids = {seen.uid for seen in listed}
        for known in self._known:
            if known.now.uid in uids or known.first.uid in heard:
                self._present(known, change)
        for seen in listed:
            if all(seen.uid != known.now.uid for known in self._known):
                self._unknown(seen, uids, change)
        for known in self._known:
            known.missed += known.now.uid not in uids and known.first.uid not in heard
            if known.missed == MISSED and known.now.uid not in uids:
                known.missed += 1
                change.gone.append(known.first)
        return change

    def now(self, first: Seen) -> Seen:
        """Return how a stream was seen last, by how it was seen first."""
        return next(known.now for known in self._known if known.first is first)

    def _unknown(self, seen: Seen, uids: Collection[str], change: Change) -> None:
        for known in self._known:
            if known.now.uid not in uids and _alike(known.first, seen):
                known.now = seen
                known.missed = MISSED + 1
                self._present(known, change)
                return
        self._known.append(_Known(first=seen, now=seen))
        change.new.append(seen)

    def _present(self, known: _Known, change: Change) -> None:
        if known.missed > MISSED:
            change.back.append(known.first)
        known.missed = 0


def _alike(a: Seen, b: Seen) -> bool:
    return a.source_id != "" and (a.name, a.kind, a.source_id) == (b.name, b.kind, b.source_id)
