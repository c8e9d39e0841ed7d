"""The bus over MQTT: one client per service, made anew for every connection.

What holds:

- `publish` never waits. Messages wait in an outbox that a task empties; what a broken connection
  did not take is sent again, in order, over the next one (QoS 1), or forgotten after two seconds
  (QoS 0), or replaced by newer state (retained topics, whose newest is always sent again, since a
  broker that was started again has forgotten it).
- The newest 60 s of what was sent are kept, and sent again under the same identity where the
  journal says that it lacks them.
- A message may therefore come twice. A mailbox that may drop never sees an older message of a
  sender after a newer one; a mailbox that takes all does, and asks `Once`.
- The will says `gone` in the broker's name, with the moment of connection as its epoch: the
  service's own numbers go on without a hole.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import socket
import zlib
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any

import aiomqtt
import numpy as np

from rym import __version__
from rym.address import parse_url
from rym.bus import NEVER_DROPPED, Mailbox, Overload, Stamper
from rym.clock import Clock, timeout
from rym.codec import decode, encode
from rym.errors import DeviceError, FormatError
from rym.inbox import Inbox
from rym.messages import Content, Identity, Message, Missing, Status
from rym.outbox import Entry, History, Outbox
from rym.topics import MISSING, STATUS, TOPICS, VERSION, Topic, prefix

USER = "rym"
KEEPALIVE = 8
"""Seconds of silence after which client and broker ask whether the other one is still there."""
FIRST_PAUSE = 0.2
"""Seconds before the first attempt to connect again, ± half of it."""
LONGEST_PAUSE = 1.2
"""Seconds between later attempts, ± half of it."""
CLOSE_WITHIN = 2.0
"""Seconds that `close` gives the outbox."""

_REFUSED_LOGIN = (4, 5, 134, 135)  # MQTT 3.1.1 and, as paho translates them, MQTT 5

LOG = logging.getLogger(__name__)


class MqttBus:
    """One service's connection to a broker; a `Bus`.

    Parameters
    ----------
    url : str
        `mqtt://host:port`.
    service : str
        Who sends.
    epoch : int
        Wall-clock milliseconds at the process's start.
    clock : Clock
        Stamps messages and times attempts; must run in true time.
    rig : str
        Id of the rig.
    password : str
        Empty to log in without one.

    Raises
    ------
    UsageError
        If the URL or the rig's id has not the right form.
    """

    def __init__(
        self, url: str, *, service: str, epoch: int, clock: Clock, rig: str, password: str = ""
    ) -> None:
        self.service = service
        self.epoch = epoch
        self.clock = clock
        self.address = parse_url(url)
        self.connected = False
        self.connections = 0
        """How often it has been connected."""
        self.refused: dict[str, int] = defaultdict(int)
        """Payloads that could not be read, per topic."""
        self._prefix = prefix(rig)
        self._address = re.compile(rf"rym/v(\d+)/{rig}/(.+)")
        self._filter = f"rym/+/{rig}/"
        self._password = password
        self._stamper = Stamper(service, epoch, clock)
        # Attempts of different services shall not fall together; replay does not depend on them.
        self._rng = np.random.default_rng([epoch, zlib.crc32(service.encode())])
        self._attempts = 0
        self._outbox = Outbox()
        self._history = History()
        self._status: Status | None = None
        self._inbox = Inbox()
        self._other_versions: set[str] = set()
        self._to_subscribe: list[Topic] = []
        self._subscribed: dict[str, Topic] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None
        self._want(MISSING)
        if service in STATUS:
            self._want(STATUS[service])

    # What a stage sees

    def publish(
        self,
        topic: Topic,
        content: Content,
        *,
        cause: tuple[Identity, ...] = (),
        age: float | None = None,
        audible_at: float | None = None,
    ) -> Message:
        """Stamp a content and put it into the outbox; see `rym.bus.Bus`."""
        message = self._stamper.stamp(topic, content, cause, age, audible_at)
        if isinstance(content, Status):
            self._status = content
        entry = self._entry(topic, message)
        self._history.add(entry)
        self._put(entry)
        return message

    def resend(self, message: Message) -> None:
        """Send a stamped message again, under the same identity."""
        self._put(self._entry(TOPICS[message.id.topic], message))

    def subscribe(self, *topics: Topic, overload: Overload) -> Mailbox:
        """Return a mailbox that takes in `topics` from now on, retained messages first."""
        mailbox = Mailbox(topics, overload)
        self._inbox.add(mailbox, overload)
        for topic in topics:
            self._want(topic)
        return mailbox

    def drops(self) -> dict[str, int]:
        """Return how many messages were given up so far by overload, per topic."""
        total = defaultdict(int, self._inbox.drops())
        for topic, n in self._outbox.drops.items():
            total[topic] += n
        return dict(total)

    # Life

    async def connect(self, *, within: float = 5.0) -> None:
        """Connect, and stay connected from then on.

        Parameters
        ----------
        within : float
            Seconds for which a broker that is not there yet is waited for.

        Raises
        ------
        DeviceError
            If no broker answers in time, or it refuses the login.
        """
        self._first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._stay_connected(within), name="mqtt")
        await asyncio.wait({self._first, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()

    async def ended(self) -> None:
        """Return once the bus was closed; raise what ended it otherwise."""
        assert self._task is not None, "connect() comes first"
        await asyncio.shield(self._task)

    async def close(self) -> None:
        """Send what is still to be sent, for two seconds at most, then end every mailbox."""
        self._closing = True
        self._wake.set()
        if self._task is not None and not self._task.done():
            try:
                async with timeout(self.clock, CLOSE_WITHIN):
                    await asyncio.shield(self._task)
            except TimeoutError:
                LOG.warning("%d messages could not be sent before the end", len(self._outbox))
                self._task.cancel()
                await asyncio.wait({self._task})
        self._inbox.close()

    async def _stay_connected(self, within: float) -> None:
        give_up = self.clock.now() + within
        attempt = 0
        while True:
            try:
                async with self._client() as client:
                    attempt = 0
                    await self._use(client)
            except aiomqtt.MqttError as error:
                self._judge(error, give_up)
            finally:
                self._after_connection()
            if self._closing:
                return
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**attempt) * self._rng.uniform(0.5, 1.5)
            attempt += 1
            await self.clock.sleep_until(self.clock.now() + pause)

    def _client(self) -> aiomqtt.Client:
        """Return a new client: one that was disconnected does not wait for its next login."""
        self._attempts += 1
        user = self.address.user or (USER if self._password else None)
        client = aiomqtt.Client(
            self.address.host,
            self.address.port,
            username=user,
            password=self._password or None,
            # A name of its own for every connection, so that a broker that has not yet noticed the
            # end of the last one does not take this one for a thief.
            identifier=f"rym-{self.service}-{self.epoch}-{self._attempts}",
            will=self._will(),
            clean_session=True,
            timeout=3.0,
            keepalive=KEEPALIVE,
            # Without it small packets wait up to 40 ms for the acknowledgement of earlier ones.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.pending_calls_threshold = 1 << 20  # unacknowledged calls are counted here
        return client

    def _will(self) -> aiomqtt.Will | None:
        if self.service not in STATUS:
            return None
        topic = STATUS[self.service]
        gone = Status(
            service=self.service,
            epoch=self.epoch,
            life="gone",
            detail="the connection was lost",
            version=__version__,
            facts={},
            drops={},
        )
        broker = Stamper("broker", round(self.clock.wall() * 1000), self.clock)
        payload = encode(broker.stamp(topic, gone, (), None, None))
        return aiomqtt.Will(self._prefix + topic.short, payload, topic.qos, retain=True)

    def _judge(self, error: aiomqtt.MqttError, give_up: float) -> None:
        """Raise what cannot be helped by trying again; log the rest.

        Once connected, nothing ends the bus, not even a refused login: a player that ended because
        its broker was set up anew would leave a person in sudden silence.
        """
        host, port = self.address.host, self.address.port
        code = getattr(getattr(error, "rc", None), "value", getattr(error, "rc", None))
        if self._first is not None and self._first.done():
            if self.connected or code in _REFUSED_LOGIN:
                LOG.warning("the connection to the broker %s:%d ended: %s", host, port, error)
            return
        if code in _REFUSED_LOGIN:
            given = "this password" if self._password else "a login without password"
            raise DeviceError(
                f"The broker on {host}:{port} refuses {given}.",
                "Set RYM_BROKER_PASSWORD to the broker's own password, or check the port.",
                host=host,
                port=port,
            )
        if self.clock.now() >= give_up:
            raise DeviceError(
                f"No broker answers on {host}:{port} ({error}).",
                "Start one with `python -m rym.broker` or mosquitto, or correct --broker.",
                host=host,
                port=port,
            )

    def _after_connection(self) -> None:
        self.connected = False
        for call in self._calls:
            call.cancel()
        self._calls.clear()
        self._outbox.take_back()

    # Sending

    def _entry(self, topic: Topic, message: Message) -> Entry:
        return Entry(
            topic=self._prefix + topic.short,
            name=message.id,
            payload=encode(message),
            qos=topic.qos,
            retain=topic.retained,
            t=self.clock.now(),
            order=isinstance(message.content, NEVER_DROPPED),
        )

    def _put(self, entry: Entry) -> None:
        self._outbox.put(entry, forget=not self.connected)
        self._wake.set()

    def _want(self, topic: Topic) -> None:
        if topic.short not in self._subscribed:
            self._subscribed[topic.short] = topic
            self._to_subscribe.append(topic)
            self._wake.set()

    async def _use(self, client: aiomqtt.Client) -> None:
        """Send and receive over one connection until it breaks or the bus is closed."""
        broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        receiver = asyncio.create_task(self._receive(client), name="mqtt receive")
        sender = asyncio.create_task(self._send(client, broken), name="mqtt send")
        self.connected = True
        self.connections += 1
        if self.connections > 1:
            LOG.info("connected to the broker %s:%d again", self.address.host, self.address.port)
        try:
            done, _ = await asyncio.wait(
                {receiver, sender, broken}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            receiver.cancel()
            sender.cancel()
            await asyncio.gather(receiver, sender, return_exceptions=True)
            broken.cancel() or broken.exception()
        for ended in done:
            ended.result()

    async def _send(self, client: aiomqtt.Client, broken: asyncio.Future[None]) -> None:
        # Tasks take their first step in the order in which they were made, and within that step
        # the packet is handed to the socket: what is called first is sent first.
        self._to_subscribe = list(self._subscribed.values())
        await self._ask_for_topics(client)
        self._outbox.renew(self.clock.now())
        if self.connections > 1:
            self._be_born()
        while not (self._closing and not self._outbox and not self._calls):
            self._wake.clear()
            await self._ask_for_topics(client)
            while (entry := self._outbox.next()) is not None:
                self._call(self._hand_over(client, entry), broken)
            if self._first is not None and not self._first.done():
                self._first.set_result(None)
            await self._wake.wait()

    def _be_born(self) -> None:
        """Say again who and how this service is: the broker's will has said that it is gone."""
        if self._status is not None:
            self.publish(STATUS[self.service], self._status)

    def _call(self, call: Coroutine[Any, Any, None], broken: asyncio.Future[None]) -> None:
        task = asyncio.create_task(call)
        self._calls.add(task)

        def finished(task: asyncio.Task[None]) -> None:
            self._calls.discard(task)
            self._wake.set()
            if not task.cancelled() and (error := task.exception()) and not broken.done():
                broken.set_exception(error)

        task.add_done_callback(finished)

    async def _hand_over(self, client: aiomqtt.Client, entry: Entry) -> None:
        # Without a limit of time: a broker that has died is noticed by the keep-alive, and a slow
        # one is not helped by sending everything again.
        await client.publish(entry.topic, entry.payload, entry.qos, entry.retain, timeout=math.inf)
        self._outbox.arrived(entry)

    async def _ask_for_topics(self, client: aiomqtt.Client) -> None:
        """Wait until the broker delivers all that was subscribed to.

        What is published after `subscribe` is sent after this: a service that says that it is
        ready can be reached, and no answer comes before its mailbox is open.
        """
        while self._to_subscribe:
            wanted = [(self._filter + topic.short, topic.qos) for topic in self._to_subscribe]
            self._to_subscribe = []
            answers: Any = await client.subscribe(wanted)
            for (name, _), answer in zip(wanted, answers, strict=True):
                if getattr(answer, "value", answer) >= 0x80:
                    LOG.error("the broker does not let this service read %s", name)

    # Receiving

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for raw in client.messages:
            topic = self._topic(raw.topic.value)
            if topic is None or not isinstance(raw.payload, bytes):
                continue
            try:
                message = decode(topic, raw.payload)
            except FormatError as error:
                self.refused[topic.short] += 1
                LOG.warning("%s", error)
                continue
            self._inbox.deliver(topic, message)
            if topic is MISSING:
                self._send_again(message.content)
            elif isinstance(message.content, Status) and not raw.retain:
                self._watch_own(message.content)

    def _topic(self, name: str) -> Topic | None:
        """Return the subscribed topic of a full name; note names of another version."""
        match = self._address.fullmatch(name)
        if match is None or match[2] not in self._subscribed:
            return None
        if int(match[1]) == VERSION:
            return self._subscribed[match[2]]
        self.refused[match[2]] += 1
        if name not in self._other_versions:
            self._other_versions.add(name)
            LOG.warning(
                "somebody sends %s of version %s, this is version %d; it is not read. "
                "Run the same version of RYM on every machine",
                match[2], match[1], VERSION,
            )  # fmt: skip
        return None

    def _send_again(self, missing: Missing) -> None:
        if (missing.service, missing.epoch) == (self.service, self.epoch):
            for entry in self._history.find(missing, self.clock.now()):
                self._put(entry)

    def _watch_own(self, status: Status) -> None:
        """Contradict a will that came late: from an earlier connection, or an earlier process."""
        if status.service != self.service:
            return
        if status.epoch > self.epoch:
            LOG.warning("another %s was started on this rig (epoch %d)", self.service, status.epoch)
        elif status.life == "gone":
            self._be_born()
