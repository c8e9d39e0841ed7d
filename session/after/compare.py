"""Whether a message made again is the one that the journal holds; pure.

Compared is the content: identity, cause and content as `codec.content_bytes` encodes them. Of a
window the journal holds the hash of those bytes. On another processor or another numpy the last
bits of a float may differ without anybody's fault; numbers then count as equal within `CLOSE`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from rym import codec
from rym import messages as m
from rym.topics import WINDOW

from ..live.lines import reference

CLOSE = 1e-9
"""Largest difference of two numbers, absolute and relative, on another machine."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where journal and replay part."""

    topic: str
    service: str
    epoch: int
    seq: int
    field: str
    """Such as `probabilities[1]`, or `message` where one side has none."""
    journal: Any
    replay: Any

    def __str__(self) -> str:
        return (
            f"{self.topic}#{self.seq} of {self.service}@{self.epoch}: {self.field} is "
            f"{self.journal} in the journal and {self.replay} in the replay"
        )


def missing(name: m.Identity, *, in_replay: bool, why: str) -> Difference:
    """Return the difference of a message that one side lacks.

    Parameters
    ----------
    name : Identity
        The message's.
    in_replay : bool
        True where the replay lacks it.
    why : str
        What the side that lacks it has instead.
    """
    there = str(name)
    return Difference(
        topic=name.topic,
        service=name.service,
        epoch=name.epoch,
        seq=name.seq,
        field="message",
        journal=there if in_replay else why,
        replay=why if in_replay else there,
    )


def made(name: m.Identity, content: m.Content, cause: tuple[m.Identity, ...] = ()) -> m.Message:
    """Return a content made again as the message that it was; its meta says nothing."""
    return m.Message(
        id=name, cause=cause, content=content, meta=m.Meta(wall=0.0, mono=0.0, host="", pid=0)
    )


def difference(kept: m.Message, again: m.Message, *, exact: bool = True) -> Difference | None:
    """Return the first field in which two messages differ, None where they are the same.

    Parameters
    ----------
    kept : Message
        As the journal holds it; a window's content is a `WindowRef`.
    again : Message
        As replay made it.
    exact : bool
        Compare to the bit; else numbers within `CLOSE`, and windows without their samples.
    """
    if kept.id.topic == WINDOW.short:
        there: m.Content = reference(again)
        if exact and kept.content == there and kept.cause == again.cause:
            return None
    else:
        there = again.content
        if codec.content_bytes(kept) == codec.content_bytes(again):
            return None
    for field, ours, theirs in _leaves(_plain(kept, kept.content), _plain(again, there)):
        skip = not exact and field == "sha256"
        if not (skip or _same(ours, theirs, exact=exact)):
            return named(kept.id, "samples" if field == "sha256" else field, ours, theirs)
    return None


def named(name: m.Identity, field: str, ours: Any, theirs: Any) -> Difference:
    """Return the difference of one field: the journal's value and the replay's."""
    return Difference(
        topic=name.topic,
        service=name.service,
        epoch=name.epoch,
        seq=name.seq,
        field=field,
        journal=ours,
        replay=theirs,
    )


def _plain(message: m.Message, content: m.Content) -> dict[str, Any]:
    # The hash comes last among a reference's fields: any other field that differs explains more.
    head = {"id": message.id, "cause": message.cause}
    return dict(msgspec.to_builtins(head)) | dict(msgspec.to_builtins(content))


def _leaves(ours: Any, theirs: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, value, value) of every pair of leaves, in order; what one side lacks is null."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*ours, *(k for k in theirs if k not in ours)]:
            yield from _leaves(ours.get(key), theirs.get(key), f"{path}.{key}" if path else key)
    elif _is_list(ours) and _is_list(theirs) and len(ours) == len(theirs):
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _leaves(one, other, f"{path}[{i}]")
    else:
        yield path, ours, theirs


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _same(ours: Any, theirs: Any, *, exact: bool) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float | int):
        if exact:
            return ours == theirs and math.copysign(1, ours) == math.copysign(1, theirs)
        return math.isclose(ours, theirs, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(ours == theirs)
