"""What waits to be sent: what must arrive is neither lost nor overtaken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rym.messages import Identity, Missing
from rym.outbox import Entry, History, Outbox
from rym.topics import prefix


def entry(
    seq: int,
    *,
    topic: str = "session/label",
    qos: int = 1,
    retain: bool = False,
    t: float = 0.0,
    order: bool = False,
) -> Entry:
    """Return an entry of 10 bytes."""
    name = Identity("s", 1, topic, seq)
    return Entry(
        topic=f"{prefix('r')}{topic}", name=name, payload=bytes(10), qos=qos, retain=retain, t=t,
        order=order,
    )  # fmt: skip


def sent(outbox: Outbox) -> list[Entry]:
    """Return all that is to be sent now."""
    found = []
    while (one := outbox.next()) is not None:
        found.append(one)
    return found


@given(st.lists(st.sampled_from(["put", "plain", "send", "ack", "break"]), max_size=60))
def test_what_must_arrive_arrives_in_order_over_any_number_of_connections(steps):
    """Every QoS-1 message is acknowledged in the end; its first arrivals are in order."""
    outbox, n, flying, arrivals, done = Outbox(), 0, [], [], []
    for step in [*steps, "break"]:
        if step in ("put", "plain"):
            outbox.put(entry(n, qos=int(step == "put")), forget=False)
            n += 1
        elif step == "send" and (one := outbox.next()) is not None and one.qos:
            flying.append(one)
            arrivals.append(one.name.seq)
        elif step == "ack" and flying:
            done.append(flying[0].name.seq)
            outbox.arrived(flying.pop(0))
        elif step == "break":
            flying.clear()
            outbox.take_back()
            outbox.renew(0.0)
    rest = [one for one in sent(outbox) if one.qos]
    for one in rest:
        outbox.arrived(one)
    puts = [i for i, s in enumerate([s for s in steps if s in ("put", "plain")]) if s == "put"]
    assert done + [one.name.seq for one in rest] == puts
    assert list(dict.fromkeys(arrivals)) == sorted(set(arrivals))
    assert len(outbox) == 0


def test_both_kinds_go_out_in_the_order_in_which_they_came():
    """QoS 0 and QoS 1 are not sorted apart while there is a connection."""
    outbox = Outbox()
    for seq, qos in enumerate([1, 0, 0, 1, 0]):
        outbox.put(entry(seq, qos=qos), forget=False)
    assert [one.name.seq for one in sent(outbox)] == [0, 1, 2, 3, 4]


def test_plain_messages_wait_for_two_seconds():
    """Older ones are given up and counted, at the next message and at the next connection."""
    outbox = Outbox()
    for seq in range(5):
        outbox.put(entry(seq, topic="stream/window", qos=0, t=float(seq)), forget=True)
    assert outbox.drops == {"stream/window": 2}
    outbox.renew(5.5)
    assert [one.name.seq for one in sent(outbox)] == [4]
    assert outbox.drops == {"stream/window": 4}


def test_too_many_waiting_cost_the_oldest_but_never_an_order():
    """A stop or a label that waits is kept beyond the bound."""
    outbox = Outbox(max_sure=3)
    for seq, is_order in enumerate([True, False, False, True, True, True]):
        outbox.put(entry(seq, topic="rig/clock", order=is_order), forget=True)
    assert [one.name.seq for one in sent(outbox)] == [0, 3, 4, 5]
    assert outbox.drops == {"rig/clock": 2}


def test_a_new_connection_begins_with_the_newest_state():
    """Each retained topic's newest message is sent again unless it waits anyway."""
    outbox = Outbox()
    for seq, topic, qos in ((0, "a/x", 1), (1, "a/x", 1), (2, "b/x", 0), (3, "c/x", 1)):
        outbox.put(entry(seq, topic=topic, qos=qos, retain=True), forget=False)
    for one in sent(outbox):
        if one.name.topic != "c/x":
            outbox.arrived(one)
    outbox.take_back()
    outbox.renew(1.0)
    outbox.put(entry(4), forget=False)
    again = [one.name.seq for one in sent(outbox)]
    assert sorted(again[:2]) == [1, 2]
    assert again[2:] == [3, 4]


def test_history_is_bounded_in_time_and_bytes():
    """What was asked for is found as long as it is kept, and goes out unretained."""
    history = History(seconds=10.0, n_bytes=35)
    for seq in range(6):
        history.add(entry(seq, retain=True, t=float(seq)))
    missing = Missing(service="s", epoch=1, topic="session/label", first=1, last=4)
    found = list(history.find(missing, 7.0))
    assert [one.name.seq for one in found] == [3, 4]
    assert [(one.retain, one.t) for one in found] == [(False, 7.0)] * 2
    history.add(entry(6, topic="other/topic", t=14.5))
    assert [one.name.seq for one in history.find(missing, 15.0)] == []
