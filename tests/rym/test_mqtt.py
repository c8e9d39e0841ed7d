"""The bus over real brokers that are killed, refuse, forget, and carry nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import time
import weakref
from collections.abc import AsyncIterator

import aiomqtt
import pytest

from rym import topics
from rym.address import parse_url
from rym.broker import free_port
from rym.bus import ALL, LATEST, Mailbox, Once, Stamper, order, queue
from rym.clock import SystemClock
from rym.codec import content_bytes, encode
from rym.errors import DeviceError, UsageError
from rym.heap import give_back
from rym.logs import run_async
from rym.messages import Applied, Command, Label, Message, Missing, Phase, Status
from rym.mqtt import MqttBus

pytestmark = pytest.mark.real

CLOCK = SystemClock()


def bus_of(broker, service: str, epoch: int = 1, **more: str) -> MqttBus:
    """Return a bus, not connected yet."""
    given = {"url": broker.url, "rig": "bench", "password": broker.password, **more}
    return MqttBus(service=service, epoch=epoch, clock=CLOCK, **given)


@contextlib.asynccontextmanager
async def connected(broker, *services: str, **more: str) -> AsyncIterator[list[MqttBus]]:
    """Give connected buses and close them again."""
    buses = [bus_of(broker, service, **more) for service in services]
    for bus in buses:
        await bus.connect(within=10)
    try:
        yield buses
    finally:
        for bus in buses:
            await bus.close()


async def take(mailbox: Mailbox, n: int = 1, within: float = 10.0) -> list[Message]:
    """Return the next n messages of a mailbox."""
    async with asyncio.timeout(within):
        return [await mailbox.get() for _ in range(n)]


async def until(condition, within: float = 10.0) -> None:
    """Wait for a condition to become true."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


def label(n: int) -> Label:
    """Return the n-th label."""
    return Label(state="positive", t=float(n), source="test")


def phase(name: str, index: int = 0) -> Phase:
    """Return a phase."""
    return Phase(name=name, index=index, starts=0.0, ends=None, simulated=True)


def status(service: str, epoch: int, life: str) -> Status:
    """Return a status."""
    return Status(
        service=service, epoch=epoch, life=life, detail="", version="1", facts={}, drops={}
    )


def raw_client(broker) -> aiomqtt.Client:
    """Return a client that can say anything."""
    return aiomqtt.Client("127.0.0.1", broker.port, username="rym", password=broker.password)


def test_windows_and_labels_arrive_whole_and_in_order(broker, window):
    """What is published is what is read, to the byte, in the publisher's order, from two parts."""

    async def main() -> None:
        async with connected(broker, "stream", "simulator", "decoder") as (stream, keys, decoder):
            windows = decoder.subscribe(topics.WINDOW, overload=ALL)
            labels = decoder.subscribe(topics.LABEL, overload=ALL)
            await asyncio.sleep(0.3)
            sent = [stream.publish(topics.WINDOW, window(n), age=0.01) for n in range(20)]
            told = [keys.publish(topics.LABEL, label(n), cause=(sent[0].id,)) for n in range(300)]
            read = await take(windows, 20)
            heard = await take(labels, 300)
            assert [encode(m) for m in read] == [encode(m) for m in sent]
            assert [content_bytes(m) for m in heard] == [content_bytes(m) for m in told]
            assert [m.id.seq for m in heard] == list(range(300))

    run_async(main())


def test_a_late_reader_gets_the_newest_state_once(broker):
    """Retained messages come first; a second mailbox of the same service gets them too."""

    async def main() -> None:
        async with connected(broker, "session", "player") as (session, player):
            for index in range(3):
                session.publish(topics.PHASE, phase("rest", index))
            await asyncio.sleep(0.3)
            first = player.subscribe(topics.PHASE, overload=LATEST)
            assert [m.content.index for m in await take(first)] == [2]
            second = player.subscribe(topics.PHASE, overload=ALL)
            assert [m.content.index for m in second.drain()] == [2]
            await asyncio.sleep(0.3)
            assert first.get_nowait() is None
            assert second.get_nowait() is None

    run_async(main())


def test_a_refused_login_is_one_sentence(broker):
    """A wrong password and none at all are errors at once, with the remedy."""

    async def main() -> None:
        for password, said in (("wrong", "this password"), ("", "a login without password")):
            began = time.monotonic()
            with pytest.raises(DeviceError, match=f"refuses {said}.*RYM_BROKER_PASSWORD"):
                await bus_of(broker, "stream", password=password).connect(within=30)
            assert time.monotonic() - began < 15

    run_async(main())


def test_no_broker_is_one_sentence():
    """Where nothing listens, the error names host and port once the patience is over."""

    async def main() -> None:
        port = free_port()
        bus = MqttBus(
            f"mqtt://127.0.0.1:{port}", service="stream", epoch=1, clock=CLOCK, rig="bench"
        )
        with pytest.raises(DeviceError, match=rf"No broker answers on 127\.0\.0\.1:{port}"):
            await bus.connect(within=0.5)

    run_async(main())


def test_a_command_survives_the_brokers_death_and_is_applied_once(broker):
    """An order given while the broker is dead reaches its service, which carries it out once."""

    async def main() -> None:
        async with connected(broker, "session", "decoder") as (session, decoder):
            commands = decoder.subscribe(topics.COMMAND, overload=ALL)
            once, carried_out = Once(), []

            async def obey() -> None:
                async for message in commands:
                    if once.fresh(message):
                        carried_out.append(message.id)
                    decoder.publish(
                        topics.APPLIED["decoder"], Applied(input=message.id, at=len(carried_out))
                    )

            obeying = asyncio.create_task(obey())
            command = Command(to="decoder", action="load-model", value="m")
            before = await order(session, topics.COMMAND, command, {"decoder"})
            broker.kill()
            during = asyncio.create_task(order(session, topics.COMMAND, command, {"decoder"}))
            await asyncio.sleep(0.7)
            broker.start()
            sent = await during
            await asyncio.sleep(0.5)
            assert carried_out == [before.id, sent.id]
            obeying.cancel()

    run_async(main())


def test_labels_published_while_the_broker_is_dead_arrive_in_order(broker):
    """QoS-1 messages wait for the new connection; none is lost, the order per sender is kept."""

    async def main() -> None:
        async with connected(broker, "simulator", "decoder") as (keys, decoder):
            labels = decoder.subscribe(topics.LABEL, overload=ALL)
            await asyncio.sleep(0.3)
            keys.publish(topics.LABEL, label(0))
            await take(labels)
            broker.kill()
            await until(lambda: not keys.connected and not decoder.connected)
            for n in range(1, 50):
                keys.publish(topics.LABEL, label(n))
            broker.start()
            await until(lambda: keys.connected and decoder.connected)
            await asyncio.sleep(0.3)
            # The reader may come back later than the writer: what it lacks it can ask for.
            heard = [message.id.seq for message in labels.drain()]
            assert heard == list(range(50 - len(heard), 50))
            decoder.publish(
                topics.MISSING,
                Missing(service="simulator", epoch=1, topic="session/label", first=1, last=49),
            )
            assert [message.id.seq for message in await take(labels, 49)] == list(range(1, 50))
            assert keys.drops().get("session/label", 0) == 0

    run_async(main())


def test_plain_messages_of_an_outage_are_forgotten_after_two_seconds(broker, window):
    """Windows that nobody could get are given up and counted; the newest 2 s are sent."""

    async def main() -> None:
        async with connected(broker, "stream") as (stream,):
            broker.kill()
            await until(lambda: not stream.connected)
            for n in range(12):
                stream.publish(topics.WINDOW, window(n))
                await asyncio.sleep(0.25)
            dropped = stream.drops()["stream/window"]
            # 12 windows in 3 s; the first ones are older than 2 s when the last one comes.
            assert 2 <= dropped <= 5
            broker.start()
            async with connected(broker, "decoder"):
                await until(lambda: stream.connected)

    run_async(main())


def test_a_broken_connection_leaves_nothing_behind(broker, monkeypatch):
    """Its client, with all that it had not sent, is given back."""
    # pytest keeps every log record, and with it the error, and with that all frames.
    monkeypatch.setattr(logging.getLogger("rym.mqtt"), "disabled", True)

    async def main() -> None:
        async with connected(broker, "stream") as (stream,):
            clients = [weakref.ref(x) for x in gc.get_objects() if isinstance(x, aiomqtt.Client)]
            assert clients
            broker.kill()
            await until(lambda: not stream.connected)
            broker.start()
            await until(lambda: stream.connected)
            give_back()
            assert not any(client() for client in clients)

    run_async(main())


def test_a_restarted_broker_learns_the_state_again(broker):
    """Retained state that the broker forgot is there for readers who come after its restart."""

    async def main() -> None:
        async with connected(broker, "session") as (session,):
            session.publish(topics.STATUS["session"], status("session", 1, "ready"))
            session.publish(topics.PHASE, phase("rest", 0))
            session.publish(topics.PHASE, phase("feedback", 1))
            await asyncio.sleep(0.3)
            broker.kill()
            await until(lambda: not session.connected)
            broker.start()
            await until(lambda: session.connected)
            await asyncio.sleep(0.3)
            async with connected(broker, "player") as (player,):
                state = player.subscribe(topics.PHASE, topics.STATUS["session"], overload=LATEST)
                found = {m.id.topic: m for m in await take(state, 2)}
                assert found["session/phase"].content.name == "feedback"
                assert found["session/phase"].id.seq == 1
                assert found["session/status"].content.life == "ready"

    run_async(main())


CLIENT = """
import asyncio
from rym import topics
from rym.clock import SystemClock
from rym.logs import run_async
from rym.messages import Status
from rym.mqtt import MqttBus
async def main():
    bus = MqttBus({url!r}, service="player", epoch={epoch}, clock=SystemClock(), rig="bench",
                  password={password!r})
    await bus.connect()
    bus.publish(topics.STATUS["player"], Status(service="player", epoch={epoch}, life="ready",
        detail="", version="1", facts={{}}, drops={{}}))
    await asyncio.sleep(60)
run_async(main())
"""


def test_a_killed_part_is_said_to_be_gone(broker, start):
    """After SIGKILL the broker says `gone`, retained; the next start says `ready` over it."""

    async def main() -> None:
        async with connected(broker, "session") as (session,):
            states = session.subscribe(topics.STATUS["player"], overload=ALL)
            for epoch in (7, 8):
                code = CLIENT.format(url=broker.url, password=broker.password, epoch=epoch)
                process = start("-c", code)
                ready = (await take(states))[0].content
                assert (ready.life, ready.epoch) == ("ready", epoch)
                process.send_signal(signal.SIGKILL)
                gone = (await take(states))[0]
                assert (gone.content.life, gone.content.epoch) == ("gone", epoch)
                assert gone.id.service == "broker"
            async with connected(broker, "decoder") as (late,):
                kept = late.subscribe(topics.STATUS["player"], overload=LATEST)
                assert (await take(kept))[0].content.life == "gone"

    run_async(main())


def test_a_closed_bus_leaves_no_will(broker):
    """A part that ends in good order is not said to be gone; its last words are sent."""

    async def main() -> None:
        async with connected(broker, "session") as (session,):
            states = session.subscribe(topics.STATUS["player"], overload=ALL)
            await asyncio.sleep(0.3)
            async with connected(broker, "player") as (player,):
                player.publish(topics.STATUS["player"], status("player", 1, "ended"))
            assert (await take(states))[0].content.life == "ended"
            await asyncio.sleep(0.5)
            assert states.get_nowait() is None

    run_async(main())


def test_a_will_that_comes_late_is_contradicted(broker):
    """`gone` of an earlier connection or process does not stay the last word on a living part."""

    async def main() -> None:
        async with connected(broker, "session", "player") as (session, player):
            states = session.subscribe(topics.STATUS["player"], overload=ALL)
            await asyncio.sleep(0.3)
            player.publish(topics.STATUS["player"], status("player", 1, "ready"))
            assert (await take(states))[0].content.life == "ready"
            async with raw_client(broker) as raw:
                for epoch in (1, 0):
                    gone = Stamper("broker", 5 + epoch, CLOCK).stamp(
                        topics.STATUS["player"], status("player", epoch, "gone"), (), None, None
                    )
                    name = f"{topics.prefix('bench')}player/status"
                    await raw.publish(name, encode(gone), 1, retain=True)
                    lives = [m.content.life for m in await take(states, 2)]
                    assert lives == ["gone", "ready"]

    run_async(main())


def test_the_journal_gets_what_it_misses(broker, window):
    """Messages asked for come again, identical; a mailbox that may drop does not go back."""

    async def main() -> None:
        async with connected(broker, "stream", "journal") as (stream, journal):
            sent = [stream.publish(topics.WINDOW, window(n)) for n in range(6)]
            await asyncio.sleep(0.3)
            everything = journal.subscribe(topics.WINDOW, overload=ALL)
            newest = journal.subscribe(topics.WINDOW, overload=queue(10))
            await asyncio.sleep(0.3)
            sent.append(stream.publish(topics.WINDOW, window(6)))
            assert (await take(everything))[0].id.seq == 6
            for epoch in (1, 2):  # the second one asks for an epoch that nobody has
                missing = Missing(
                    service="stream", epoch=epoch, topic="stream/window", first=1, last=4
                )
                journal.publish(topics.MISSING, missing)
            again = await take(everything, 4)
            assert [encode(m) for m in again] == [encode(m) for m in sent[1:5]]
            await asyncio.sleep(0.3)
            assert everything.get_nowait() is None
            assert [m.id.seq for m in newest.drain()] == [6]

    run_async(main())


def test_nonsense_is_counted_and_another_version_is_said_once(broker, caplog):
    """Unreadable payloads and foreign versions are refused, and the next message is read."""

    async def main() -> None:
        async with connected(broker, "session", "decoder") as (session, decoder):
            labels = decoder.subscribe(topics.LABEL, overload=ALL)
            await asyncio.sleep(0.3)
            good = encode(
                Stamper("session", 9, CLOCK).stamp(topics.LABEL, label(0), (), None, None)
            )
            async with raw_client(broker) as raw:
                for payload in (b"", b"\xff", b"[" * 5000, good[:-1], good.replace(b"0.0", b"NaN")):
                    await raw.publish(f"{topics.prefix('bench')}session/label", payload, 1)
                for _ in range(3):
                    await raw.publish("rym/v99/bench/session/label", good, 1)
                await raw.publish(f"{topics.prefix('other')}session/label", good, 1)
            session.publish(topics.LABEL, label(1))
            assert (await take(labels))[0].content.t == 1.0
            assert labels.get_nowait() is None
            assert decoder.refused["session/label"] == 8

    with caplog.at_level(logging.WARNING, logger="rym.mqtt"):
        run_async(main())
    versions = [r.getMessage() for r in caplog.records if "version 99" in r.getMessage()]
    assert len(versions) == 1
    assert "session/label" in versions[0]


def test_drops_of_mailboxes_are_counted(broker):
    """What a slow reader has lost can be published."""

    async def main() -> None:
        async with connected(broker, "session", "player") as (session, player):
            box = player.subscribe(topics.PHASE, overload=LATEST)
            await asyncio.sleep(0.3)
            for index in range(5):
                session.publish(topics.PHASE, phase("rest", index))
            await until(lambda: player.drops() == {"session/phase": 4})
            assert box.get_nowait().content.index == 4
            box.close()
            session.publish(topics.PHASE, phase("rest", 5))
            await asyncio.sleep(0.3)
            assert player.drops() == {"session/phase": 4}

    run_async(main())


def test_closing_without_a_broker_ends_in_time(broker):
    """What cannot be sent any more does not hold up the end; mailboxes end."""

    async def main() -> None:
        bus = bus_of(broker, "simulator")
        await bus.connect()
        box = bus.subscribe(topics.PHASE, overload=LATEST)
        broker.kill()
        await until(lambda: not bus.connected)
        bus.publish(topics.LABEL, label(0))
        async with asyncio.timeout(6):
            await bus.close()
            assert [m async for m in box] == []

    run_async(main())


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "mqtt://", "127.0.0.1:1883", "mqtt://h:99999", "mqtt://h/path"]
)
def test_other_addresses_are_refused(url):
    """Only mqtt://host:port is an address."""
    with pytest.raises(UsageError, match="mqtt://"):
        parse_url(url)


def test_a_password_in_the_url_is_refused_and_not_repeated():
    """Secrets never stand in arguments, nor in the sentence that says so."""
    with pytest.raises(UsageError, match="RYM_BROKER_PASSWORD") as caught:
        parse_url("mqtt://rym:hunter2@127.0.0.1:1883")
    assert "hunter2" not in str(caught.value)
    assert parse_url("mqtt://someone@localhost") == ("localhost", 1883, "someone")
    assert parse_url("mqtt://127.0.0.9:5").is_loopback
    assert not parse_url("mqtt://192.0.2.1:5").is_loopback
