"""How parts reach one another: the `Bus` that a stage sees, its mailboxes, and the bus in memory.

Rules: `publish` never waits and never fails because of the network; what a reader cannot keep up
with is given up in *its* mailbox, by the rule that it declared, and counted there; a stop, a label
or a command is never given up.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import OrderedDict, defaultdict, deque
from typing import Literal, Protocol, Self

import msgspec

from rym.clock import Clock, timeout
from rym.errors import DeviceError
from rym.messages import Applied, Command, Content, Identity, Label, Message, Meta, Stop
from rym.topics import APPLIED, TOPICS, Topic

NEVER_DROPPED = (Stop, Label, Command)


class Overload(msgspec.Struct, frozen=True):
    """What a reader gives up when it falls behind."""

    kind: Literal["latest", "queue", "all"]
    size: int = 1
    """For `queue`: messages kept; the oldest goes first."""


LATEST = Overload("latest")
"""Only the newest of every (topic, service) is kept: for state."""
ALL = Overload("all")
"""Everything is kept: for orders, and for the journal, which drains to disk."""


def queue(size: int) -> Overload:
    """Return the rule that keeps the newest `size` messages."""
    return Overload("queue", size)


class Mailbox:
    """What one reader has yet to read, in order of arrival. Belongs to one event loop.

    Parameters
    ----------
    topics : tuple of Topic
        What it takes in.
    overload : Overload
        What is given up when the reader falls behind.

    Raises
    ------
    ValueError
        If stops, labels or commands are asked for with any rule but `ALL`.
    """

    def __init__(self, topics: tuple[Topic, ...], overload: Overload) -> None:
        if overload != ALL and any(topic.content in NEVER_DROPPED for topic in topics):
            raise ValueError("Stop, Label and Command are never dropped: subscribe with ALL.")
        self.topics = topics
        self.drops: dict[str, int] = defaultdict(int)
        self._overload = overload
        self._waiting: OrderedDict[object, Message] = OrderedDict()
        self._arrived = asyncio.Event()
        self.closed = False
        self._n = 0

    def put(self, message: Message) -> None:
        """Take a message in; give up an older one where the rule says so."""
        if self.closed:
            return
        name = message.id
        self._n += 1
        key: object = self._n
        if self._overload.kind == "latest":
            key = (name.topic, name.service)
            if self._waiting.pop(key, None) is not None:
                self.drops[name.topic] += 1
        elif self._overload.kind == "queue" and len(self._waiting) >= self._overload.size:
            oldest = self._waiting.popitem(last=False)[1]
            self.drops[oldest.id.topic] += 1
        self._waiting[key] = message
        self._arrived.set()

    def get_nowait(self) -> Message | None:
        """Return the oldest waiting message, or None."""
        if not self._waiting:
            return None
        message = self._waiting.popitem(last=False)[1]
        if not self._waiting and not self.closed:
            self._arrived.clear()
        return message

    def drain(self) -> list[Message]:
        """Return all that waits, oldest first."""
        messages = list(self._waiting.values())
        self._waiting.clear()
        if not self.closed:
            self._arrived.clear()
        return messages

    async def get(self) -> Message:
        """Return the oldest message, waiting for one if need be.

        Raises
        ------
        StopAsyncIteration
            If the bus was closed and everything has been read.
        """
        while True:
            message = self.get_nowait()
            if message is not None:
                return message
            if self.closed:
                raise StopAsyncIteration
            await self._arrived.wait()

    def close(self) -> None:
        """Take nothing more in; the reader finishes what waits, then its iteration ends."""
        self.closed = True
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        return await self.get()


class Bus(Protocol):
    """What a stage sees of the network. One bus per service and process."""

    service: str
    epoch: int
    clock: Clock

    def publish(
        self,
        topic: Topic,
        content: Content,
        *,
        cause: tuple[Identity, ...] = (),
        age: float | None = None,
        audible_at: float | None = None,
    ) -> Message:
        """Stamp a content with its identity and send it; never waits.

        Parameters
        ----------
        topic : Topic
            Where; the content must be of its type.
        content : Content
            What.
        cause : tuple of Identity
            The messages that it rests on.
        age : float or None
            Seconds since the newest sample that it rests on.
        audible_at : float or None
            Rig time at which its frame is heard, in seconds.
        """
        ...

    def resend(self, message: Message) -> None:
        """Send a stamped message again, under the same identity."""
        ...

    def subscribe(self, *topics: Topic, overload: Overload) -> Mailbox:
        """Return a mailbox that takes in `topics` from now on, retained messages first."""
        ...

    def drops(self) -> dict[str, int]:
        """Return how many messages were given up so far by overload, per topic."""
        ...

    async def close(self) -> None:
        """Send what is still to be sent, then end every mailbox."""
        ...


class Stamper:
    """Gives one service's messages their identity and meta.

    Parameters
    ----------
    service : str
        Who sends.
    epoch : int
        Wall-clock milliseconds at the process's start.
    clock : Clock
        Stamps the meta.
    """

    def __init__(self, service: str, epoch: int, clock: Clock) -> None:
        self.service = service
        self.epoch = epoch
        self.clock = clock
        self._next: dict[str, int] = defaultdict(int)
        self._host = socket.gethostname()
        self._pid = os.getpid()

    def stamp(
        self,
        topic: Topic,
        content: Content,
        cause: tuple[Identity, ...],
        age: float | None,
        audible_at: float | None,
    ) -> Message:
        """Return the content as a message with the topic's next number.

        Raises
        ------
        TypeError
            If the content is not of the topic's type.
        """
        if type(content) is not topic.content:
            raise TypeError(
                f"{topic.short} carries {topic.content.__name__}, not {type(content).__name__}."
            )
        seq = self._next[topic.short]
        self._next[topic.short] = seq + 1
        meta = Meta(
            wall=self.clock.wall(),
            mono=self.clock.now(),
            host=self._host,
            pid=self._pid,
            age=age,
            audible_at=audible_at,
        )
        name = Identity(self.service, self.epoch, topic.short, seq)
        return Message(id=name, cause=cause, content=content, meta=meta)


class MemoryHub:
    """A broker in memory, for one event loop: what one bus publishes, all that subscribed get.

    Messages are handed over as they are: contents are frozen and window samples not writeable.
    """

    def __init__(self) -> None:
        self._mailboxes: list[Mailbox] = []
        self._retained: dict[str, Message] = {}

    def bus(self, service: str, clock: Clock, epoch: int) -> MemoryBus:
        """Return a bus of this hub for one service."""
        return MemoryBus(self, Stamper(service, epoch, clock))

    def deliver(self, message: Message) -> None:
        """Hand a message to every open mailbox that takes its topic."""
        topic = TOPICS[message.id.topic]
        if topic.retained:
            self._retained[topic.short] = message
        self._mailboxes = [mailbox for mailbox in self._mailboxes if not mailbox.closed]
        for mailbox in self._mailboxes:
            if topic in mailbox.topics:
                mailbox.put(message)

    def add(self, mailbox: Mailbox) -> None:
        """Begin to deliver to a mailbox, retained messages first."""
        for topic in mailbox.topics:
            if topic.short in self._retained:
                mailbox.put(self._retained[topic.short])
        self._mailboxes.append(mailbox)


class MemoryBus:
    """One service's view of a `MemoryHub`; a `Bus`."""

    def __init__(self, hub: MemoryHub, stamper: Stamper) -> None:
        self.service = stamper.service
        self.epoch = stamper.epoch
        self.clock = stamper.clock
        self._hub = hub
        self._stamper = stamper
        self._mailboxes: list[Mailbox] = []

    def publish(
        self,
        topic: Topic,
        content: Content,
        *,
        cause: tuple[Identity, ...] = (),
        age: float | None = None,
        audible_at: float | None = None,
    ) -> Message:
        """Stamp and deliver at once."""
        message = self._stamper.stamp(topic, content, cause, age, audible_at)
        self._hub.deliver(message)
        return message

    def resend(self, message: Message) -> None:
        """Deliver a stamped message again."""
        self._hub.deliver(message)

    def subscribe(self, *topics: Topic, overload: Overload) -> Mailbox:
        """Return a mailbox of the hub."""
        mailbox = Mailbox(topics, overload)
        self._hub.add(mailbox)
        self._mailboxes.append(mailbox)
        return mailbox

    def drops(self) -> dict[str, int]:
        """Return how many messages the mailboxes of this bus have given up, per topic."""
        total: dict[str, int] = defaultdict(int)
        for mailbox in self._mailboxes:
            for topic, n in mailbox.drops.items():
                total[topic] += n
        return dict(total)

    async def close(self) -> None:
        """End every mailbox of this bus."""
        for mailbox in self._mailboxes:
            mailbox.close()
        self._mailboxes.clear()


class Once:
    """Knows which orders were carried out already; remembers the last `size` identities."""

    def __init__(self, size: int = 4096) -> None:
        self._seen: set[Identity] = set()
        self._order: deque[Identity] = deque()
        self._size = size

    def fresh(self, message: Message) -> bool:
        """Return True the first time that a message's identity is seen."""
        if message.id in self._seen:
            return False
        self._seen.add(message.id)
        self._order.append(message.id)
        if len(self._order) > self._size:
            self._seen.discard(self._order.popleft())
        return True


class Newest:
    """Tells state that is newer than all before from repeats and late arrivals."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[int, int]] = {}

    def fresh(self, message: Message) -> bool:
        """Return True if no message of this service and topic with this or a later number came."""
        name = message.id
        stream, place = (name.service, name.topic), (name.epoch, name.seq)
        if place <= self._last.get(stream, (-1, -1)):
            return False
        self._last[stream] = place
        return True


async def order(
    bus: Bus,
    topic: Topic,
    content: Command | Stop | Label,
    receivers: set[str],
    *,
    every: float = 0.25,
    within: float = 10.0,
) -> Message:
    """Send an order until every receiver says that it has applied it.

    Parameters
    ----------
    bus : Bus
        The sender's.
    topic : Topic
        `COMMAND`, `STOP` or `LABEL`.
    content : Command, Stop or Label
        The order.
    receivers : set of str
        Services whose `Applied` is waited for.
    every : float
        Seconds between repetitions.
    within : float
        Seconds after which it is given up.

    Returns
    -------
    Message
        The order as sent.

    Raises
    ------
    DeviceError
        If a receiver has not answered in time; it names those.
    """
    answers = bus.subscribe(*(APPLIED[name] for name in receivers), overload=ALL)
    message = bus.publish(topic, content)
    missing = set(receivers)
    give_up = bus.clock.now() + within
    try:
        while missing and bus.clock.now() < give_up:
            try:
                async with timeout(bus.clock, every):
                    answer = await answers.get()
            except TimeoutError:
                bus.resend(message)
                continue
            applied: Applied = answer.content
            if applied.input == message.id:
                missing.discard(answer.id.service)
    finally:
        answers.close()
    if missing:
        raise DeviceError(
            f"{', '.join(sorted(missing))} did not answer {message.id} within {within} s.",
            "Look at its status and log; it is started again if it died.",
            order=message.id,
        )
    return message
