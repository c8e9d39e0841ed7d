"""What a service has yet to send and what it has sent: pure, no network."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

import msgspec

from rym.messages import Identity, Missing

PLAIN_FOR = 2.0
"""Seconds for which a QoS-0 message waits for a connection; older ones are stale for everyone."""
MAX_SURE = 20_000
"""QoS-1 messages that may wait; then the oldest that is not an order is given up."""
KEPT_FOR = 60.0
"""Seconds for which sent messages are kept for the journal."""
KEPT_BYTES = 64 * 2**20
"""Bytes of payload kept at most."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One message as it goes to the broker."""

    topic: str
    """Full name."""
    name: Identity
    payload: bytes
    qos: int
    retain: bool
    t: float
    """Rig time of `publish`, in seconds."""
    order: bool
    """Whether it is a stop, a label or a command, which are never given up."""


class Outbox:
    """Messages between `publish` and the broker's acknowledgement, each QoS in order.

    Attributes
    ----------
    drops : dict of str to int
        Messages given up, per short topic.
    """

    def __init__(self, max_sure: int = MAX_SURE) -> None:
        self.drops: dict[str, int] = defaultdict(int)
        self._max_sure = max_sure
        self._n = 0
        self._plain: deque[tuple[int, Entry]] = deque()
        self._sure: deque[tuple[int, Entry]] = deque()
        self._flying: dict[Entry, int] = {}
        self._state: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._plain) + len(self._sure) + len(self._flying)

    def put(self, entry: Entry, *, forget: bool) -> None:
        """Add a message; `forget` old ones where there is no connection that could take them."""
        if entry.retain:
            self._state[entry.topic] = entry
        self._n += 1
        (self._sure if entry.qos else self._plain).append((self._n, entry))
        if forget:
            self._forget(entry.t)

    def next(self) -> Entry | None:
        """Return the message to send now; a QoS-1 message stays until it has `arrived`."""
        if self._sure and not (self._plain and self._plain[0][0] < self._sure[0][0]):
            n, entry = self._sure.popleft()
            self._flying[entry] = n
            return entry
        return self._plain.popleft()[1] if self._plain else None

    def arrived(self, entry: Entry) -> None:
        """Note that the broker has a message."""
        self._flying.pop(entry, None)

    def take_back(self) -> None:
        """Put what was not acknowledged before all that waits: the connection is gone."""
        self._sure.extendleft((n, entry) for entry, n in reversed(self._flying.items()))
        self._flying.clear()

    def renew(self, now: float) -> None:
        """Prepare for a new connection: newest state first, nothing stale.

        A broker that was started again has lost what it retained.
        """
        self._forget(now)
        waiting = {entry.topic for _, entry in [*self._plain, *self._sure]}
        for topic, entry in self._state.items():
            if topic not in waiting:
                (self._sure if entry.qos else self._plain).appendleft((0, entry))

    def _forget(self, now: float) -> None:
        while self._plain and self._plain[0][1].t < now - PLAIN_FOR:
            self._drop(self._plain.popleft()[1])
        if len(self._sure) + len(self._flying) > self._max_sure:
            for index, (_, entry) in enumerate(self._sure):
                if not entry.order:
                    del self._sure[index]
                    self._drop(entry)
                    break

    def _drop(self, entry: Entry) -> None:
        self.drops[entry.name.topic] += 1


class History:
    """The newest messages that were sent, bounded in time and bytes."""

    def __init__(self, seconds: float = KEPT_FOR, n_bytes: int = KEPT_BYTES) -> None:
        self._seconds = seconds
        self._max_bytes = n_bytes
        self._entries: deque[Entry] = deque()
        self._n_bytes = 0

    def add(self, entry: Entry) -> None:
        """Keep a message and forget what is too old or too much."""
        self._entries.append(entry)
        self._n_bytes += len(entry.payload)
        while self._n_bytes > self._max_bytes or self._entries[0].t < entry.t - self._seconds:
            self._n_bytes -= len(self._entries.popleft().payload)

    def find(self, missing: Missing, now: float) -> Iterator[Entry]:
        """Yield the messages asked for that are still there, ready to be sent again.

        They go out unretained, so that old state does not take the newest one's place.
        """
        for entry in self._entries:
            name = entry.name
            if name.topic == missing.topic and missing.first <= name.seq <= missing.last:
                yield msgspec.structs.replace(entry, retain=False, t=now)
