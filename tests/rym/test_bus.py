"""The bus in memory, and the rules by which a mailbox gives messages up."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym import topics
from rym.bus import ALL, LATEST, MemoryHub, Newest, Once, order, queue
from rym.clock import ManualClock, SystemClock
from rym.errors import DeviceError
from rym.messages import Applied, Command, Label, Phase, Valence


def _valence(t: float) -> Valence:
    return Valence(
        t=t,
        state="neutral",
        valence=0.0,
        probabilities=(0.25, 0.5, 0.25),
        confidence=0.5,
        reason="",
        model="",
    )


def _phase(name: str) -> Phase:
    return Phase(name=name, index=0, starts=0.0, ends=None, simulated=True)


def test_sequence_counts_per_topic() -> None:
    """What one topic numbers does not depend on what another topic carries."""
    bus = MemoryHub().bus("decoder", ManualClock(), 7)
    names = [bus.publish(topics.VALENCE, _valence(i)).id.seq for i in range(2)]
    bus.publish(topics.PHASE, _phase("rest"))
    names.append(bus.publish(topics.VALENCE, _valence(2)).id.seq)
    assert names == [0, 1, 2]


def test_a_content_of_another_topic_is_refused() -> None:
    """A programming error is told at the sender."""
    bus = MemoryHub().bus("decoder", ManualClock(), 7)
    with pytest.raises(TypeError, match=r"decoder/valence carries Valence, not Phase"):
        bus.publish(topics.VALENCE, _phase("rest"))


@given(st.lists(st.integers(0, 1), max_size=30), st.integers(1, 5))
def test_queue_keeps_the_newest_and_counts_the_rest(senders: list[int], size: int) -> None:
    """A queue of n holds the last n in order; whatever it gave up is counted."""
    hub = MemoryHub()
    buses = [hub.bus(f"decoder{i}", ManualClock(), i) for i in range(2)]
    box = buses[0].subscribe(topics.VALENCE, overload=queue(size))
    sent = [buses[i].publish(topics.VALENCE, _valence(t)) for t, i in enumerate(senders)]
    assert box.drain() == sent[-size:]
    assert sum(box.drops.values()) == max(0, len(sent) - size)


def test_latest_keeps_one_per_topic_and_service() -> None:
    """Newer state replaces older of the same sender only."""
    hub = MemoryHub()
    one, two = (hub.bus(name, ManualClock(), 0) for name in ("one", "two"))
    box = one.subscribe(topics.VALENCE, topics.PHASE, overload=LATEST)
    one.publish(topics.VALENCE, _valence(0))
    two.publish(topics.VALENCE, _valence(1))
    one.publish(topics.VALENCE, _valence(2))
    one.publish(topics.PHASE, _phase("rest"))
    kept = [(m.id.service, m.id.topic, m.id.seq) for m in box.drain()]
    assert kept == [
        ("two", "decoder/valence", 0),
        ("one", "decoder/valence", 1),
        ("one", "session/phase", 0),
    ]
    assert box.drops == {"decoder/valence": 1}


@pytest.mark.parametrize("topic", [topics.STOP, topics.LABEL, topics.COMMAND])
def test_orders_cannot_be_subscribed_lossily(topic: topics.Topic) -> None:
    """A stop, a label or a command is never given up."""
    bus = MemoryHub().bus("player", ManualClock(), 0)
    for rule in (LATEST, queue(1000)):
        with pytest.raises(ValueError, match="never dropped"):
            bus.subscribe(topic, overload=rule)


def test_retained_messages_come_first() -> None:
    """Who subscribes late learns the state; topics that are not retained stay in the past."""
    hub = MemoryHub()
    bus = hub.bus("session", ManualClock(), 0)
    bus.publish(topics.PHASE, _phase("rest"))
    bus.publish(topics.PHASE, _phase("calibration"))
    bus.publish(topics.VALENCE, _valence(0))
    box = bus.subscribe(topics.PHASE, topics.VALENCE, overload=ALL)
    assert [m.content.name for m in box.drain()] == ["calibration"]


def test_a_closed_mailbox_ends_after_what_waited() -> None:
    """Iteration hands out what came before the close, then ends."""

    async def scenario() -> list[float]:
        bus = MemoryHub().bus("decoder", ManualClock(), 0)
        box = bus.subscribe(topics.VALENCE, overload=ALL)
        bus.publish(topics.VALENCE, _valence(1))
        bus.publish(topics.VALENCE, _valence(2))
        await bus.close()
        bus.publish(topics.VALENCE, _valence(3))
        return [message.content.t async for message in box]

    assert asyncio.run(scenario()) == [1.0, 2.0]


def test_an_order_is_repeated_until_applied_and_carried_out_once() -> None:
    """A receiver that answers only the third time still carries it out once."""

    async def scenario() -> tuple[int, int]:
        hub, clock = MemoryHub(), SystemClock()
        sender, receiver = hub.bus("session", clock, 0), hub.bus("decoder", clock, 1)
        box, once = receiver.subscribe(topics.COMMAND, overload=ALL), Once()
        came = carried_out = 0

        async def receive() -> None:
            nonlocal came, carried_out
            async for message in box:
                came += 1
                carried_out += once.fresh(message)
                if came == 3:
                    receiver.publish(topics.APPLIED["decoder"], Applied(input=message.id, at=came))

        task = asyncio.create_task(receive())
        command = Command(to="decoder", action="load-model", value="model")
        await order(sender, topics.COMMAND, command, {"decoder"}, every=0.01)
        task.cancel()
        return came, carried_out

    assert asyncio.run(scenario()) == (3, 1)


def test_an_order_that_nobody_answers_is_given_up_with_a_name() -> None:
    """The error names who did not answer."""

    async def scenario() -> None:
        bus = MemoryHub().bus("session", SystemClock(), 0)
        command = Command(to="player", action="end", value="")
        await order(bus, topics.COMMAND, command, {"player"}, every=0.01, within=0.05)

    with pytest.raises(DeviceError, match="player did not answer"):
        asyncio.run(scenario())


def test_newest_refuses_repeats_and_late_state() -> None:
    """Older numbers and older epochs are refused; each sender is counted by itself."""
    hub = MemoryHub()
    old, new = hub.bus("decoder", ManualClock(), 1), hub.bus("decoder", ManualClock(), 2)
    first, second = (old.publish(topics.VALENCE, _valence(i)) for i in range(2))
    restarted = new.publish(topics.VALENCE, _valence(2))
    label = hub.bus("session", ManualClock(), 0).publish(
        topics.LABEL, Label(state="none", t=0.0, source="terminal")
    )
    newest = Newest()
    seen = [newest.fresh(m) for m in (second, first, second, restarted, second, label, label)]
    assert seen == [True, False, False, True, False, True, False]
