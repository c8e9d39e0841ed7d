"""The journal's form: messages as lines and back, and which numbers are missing.

    {"topic": "decoder/valence", "message": {"id": …, "cause": …, "content": …, "meta": …}}

Windows are kept by reference (`WindowRef`): their samples are in `eeg.xdf`, from which replay makes
them again; the hash tells whether they are the same. Lines stand in order of arrival; a message
that was lost on the way and sent again stands late, and `read` sorts. Pure, but for `read`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from rym import codec
from rym import messages as m
from rym.errors import FormatError
from rym.topics import TOPICS, WINDOW, Topic

from ..folder import Folder


class WindowRef(m.Content, frozen=True, kw_only=True):
    """A window without its samples: where they are in the recording, and their hash."""

    segment: int
    first_sample: int
    n_new: int
    n_times: int
    t_first: float
    """Rig time of the first sample, in seconds."""
    rate: float
    valid: bool
    reason: str
    bad: tuple[str, ...]
    interpolated: tuple[str, ...] = ()
    sha256: str
    """Of `codec.content_bytes`, so that identity, cause and every sample count; hex."""


def reference(message: m.Message) -> WindowRef:
    """Return the reference that the journal keeps of a window."""
    window: m.Window = message.content
    return WindowRef(
        segment=window.segment,
        first_sample=window.first_sample,
        n_new=window.n_new,
        n_times=len(window.samples),
        t_first=window.t_first,
        rate=window.rate,
        valid=window.valid,
        reason=window.reason,
        bad=window.bad,
        interpolated=window.interpolated,
        sha256=hashlib.sha256(codec.content_bytes(message)).hexdigest(),
    )


def to_line(message: m.Message) -> bytes:
    """Return a message as the journal's line, newline included."""
    kept = message.content
    content = reference(message) if isinstance(kept, m.Window) else kept
    body = {"id": message.id, "cause": message.cause, "content": content, "meta": message.meta}
    return msgspec.json.encode({"topic": message.id.topic, "message": body}) + b"\n"


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    topic: str
    message: msgspec.Raw


class _WindowLine(msgspec.Struct, forbid_unknown_fields=True):
    id: m.Identity
    cause: tuple[m.Identity, ...]
    content: WindowRef
    meta: m.Meta


def from_line(line: bytes) -> m.Message:
    """Return the message of a line; a window's content is a `WindowRef`.

    Raises
    ------
    FormatError
        If the line is torn or holds no message of its topic.
    """
    try:
        head = msgspec.json.decode(line, type=_Line)
        if head.topic == WINDOW.short:
            wire = msgspec.json.decode(head.message, type=_WindowLine)
            return m.Message(id=wire.id, cause=wire.cause, content=wire.content, meta=wire.meta)
        topic = TOPICS[head.topic]
    except (msgspec.DecodeError, KeyError) as error:
        raise FormatError(
            f"A line of the journal cannot be read: {error}.",
            "Read it with the version of RYM that wrote it; a torn line is left out.",
        ) from None
    return codec.decode(topic, bytes(head.message))


@dataclass
class _Hole:
    first: int
    last: int
    asked: int
    ask_at: float


class Holes:
    """Which numbers of which (service, epoch, topic) have not come.

    Parameters
    ----------
    ask_after : float
        Seconds before a new hole is due; a message may merely be late.
    ask_times : int
        How often a hole is due.
    """

    def __init__(self, ask_after: float = 0.5, ask_times: int = 5) -> None:
        self._ask_after = ask_after
        self._ask_times = ask_times
        self._next: dict[tuple[str, int, str], int] = {}
        self._holes: dict[tuple[str, int, str], list[_Hole]] = {}

    def fresh(self, name: m.Identity, now: float = 0.0) -> bool:
        """Note that a message came; return False if it had come before.

        Parameters
        ----------
        name : Identity
            The message's.
        now : float
            Rig time in seconds.
        """
        key = (name.service, name.epoch, name.topic)
        expected = self._next.get(key, 0)
        if name.seq < expected:
            return self._fill(key, name.seq)
        if name.seq > expected:
            hole = _Hole(expected, name.seq - 1, 0, now + self._ask_after)
            self._holes.setdefault(key, []).append(hole)
        self._next[key] = name.seq + 1
        return True

    def named(self, name: m.Identity, now: float = 0.0) -> None:
        """Note that a message was sent, because another one rests on it.

        The last of its topic leaves no hole behind where it is lost: a stop given while the broker
        was away is known only by what it led to.

        Parameters
        ----------
        name : Identity
            The message's.
        now : float
            Rig time in seconds.
        """
        key = (name.service, name.epoch, name.topic)
        expected = self._next.get(key, 0)
        if name.seq >= expected:
            hole = _Hole(expected, name.seq, 0, now + self._ask_after)
            self._holes.setdefault(key, []).append(hole)
            self._next[key] = name.seq + 1

    def _fill(self, key: tuple[str, int, str], seq: int) -> bool:
        holes = self._holes.get(key, [])
        for i, hole in enumerate(holes):
            if hole.first <= seq <= hole.last:
                below = _Hole(hole.first, seq - 1, hole.asked, hole.ask_at)
                above = _Hole(seq + 1, hole.last, hole.asked, hole.ask_at)
                holes[i : i + 1] = [part for part in (below, above) if part.first <= part.last]
                return True
        return False

    def due(self, now: float) -> list[m.Missing]:
        """Return what is to be asked for now; the next time is twice as far away."""
        found = []
        for key, holes in self._holes.items():
            for hole in holes:
                if hole.asked < self._ask_times and now >= hole.ask_at:
                    hole.asked += 1
                    hole.ask_at = now + self._ask_after * 2**hole.asked
                    found.append(_missing(key, hole))
        return found

    def open(self) -> list[m.Missing]:
        """Return every hole that is left, in order of (service, epoch, topic)."""
        return [_missing(key, hole) for key in sorted(self._holes) for hole in self._holes[key]]


def _missing(key: tuple[str, int, str], hole: _Hole) -> m.Missing:
    return m.Missing(service=key[0], epoch=key[1], topic=key[2], first=hole.first, last=hole.last)


@dataclass(frozen=True)
class Journal:
    """What was read back."""

    by_topic: dict[str, list[m.Message]]
    """Messages by short topic, in order of (service, epoch, seq), each identity once."""
    holes: list[m.Missing]
    """Numbers that never came."""
    damaged: list[int] = field(default_factory=list)
    """Numbers of the lines, from 1, that cannot be read; the last one may be torn by a kill."""
    duplicates: int = 0

    def of(self, topic: Topic, service: str = "", epoch: int | None = None) -> list[m.Message]:
        """Return a topic's messages in order, of one service or one epoch where named."""
        return [
            message
            for message in self.by_topic.get(topic.short, [])
            if service in ("", message.id.service) and epoch in (None, message.id.epoch)
        ]

    def epochs(self, topic: Topic, service: str = "") -> list[int]:
        """Return the epochs that sent on a topic, in order."""
        return sorted({message.id.epoch for message in self.of(topic, service)})

    def __len__(self) -> int:
        return sum(len(messages) for messages in self.by_topic.values())


def read(folder: Folder | Path) -> Journal:
    """Return a session's journal; a torn line is left out and listed.

    Parameters
    ----------
    folder : Folder or Path
        The session's folder, or the journal's file.

    Raises
    ------
    FormatError
        If there is no journal.
    """
    path = folder.journal if isinstance(folder, Folder) else folder
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FormatError(
            f"There is no {path.name} in {path.parent}.", "Give the folder of a session."
        ) from None
    return parse(data)


def parse(data: bytes) -> Journal:
    """Return the journal that a file's bytes hold."""
    messages: dict[str, list[m.Message]] = {}
    seen: set[m.Identity] = set()
    damaged: list[int] = []
    duplicates = 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line:
            continue
        try:
            message = from_line(line)
        except FormatError:
            damaged.append(number)
            continue
        if message.id in seen:
            duplicates += 1
            continue
        seen.add(message.id)
        messages.setdefault(message.id.topic, []).append(message)
    holes = Holes()
    for topic in messages.values():
        topic.sort(key=lambda message: message.id)
        for message in topic:
            holes.fresh(message.id)
    for topic in messages.values():
        for cause in (cause for message in topic for cause in message.cause):
            holes.named(cause)
    return Journal(messages, holes.open(), damaged, duplicates)
