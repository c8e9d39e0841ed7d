"""Sorting: late and repeated messages, mailboxes that drop and that do not, counts that stay."""

from __future__ import annotations

from rym import topics
from rym.bus import ALL, LATEST, Mailbox, Stamper, queue
from rym.clock import ManualClock
from rym.inbox import Inbox
from rym.messages import Message, Phase


def phases(epoch: int, n: int) -> list[Message]:
    """Return n messages of one start of a service."""
    stamper = Stamper("session", epoch, ManualClock())
    contents = [
        Phase(name="rest", index=i, starts=0.0, ends=None, simulated=False) for i in range(n)
    ]
    return [stamper.stamp(topics.PHASE, content, (), None, None) for content in contents]


def box(inbox: Inbox, overload) -> Mailbox:
    """Return a mailbox for phases."""
    mailbox = Mailbox((topics.PHASE,), overload)
    inbox.add(mailbox, overload)
    return mailbox


def test_only_a_mailbox_that_takes_all_gets_repeats_and_late_messages():
    """State never goes back; the journal sees everything."""
    inbox = Inbox()
    everything, newest, few = box(inbox, ALL), box(inbox, LATEST), box(inbox, queue(10))
    first, second, third = phases(1, 3)
    for message in (first, third, third, second):
        inbox.deliver(topics.PHASE, message)
    assert [m.id.seq for m in everything.drain()] == [0, 2, 2, 1]
    assert [m.id.seq for m in newest.drain()] == [2]
    assert [m.id.seq for m in few.drain()] == [0, 2]


def test_a_new_start_counts_from_the_beginning_whatever_its_clock_says():
    """A host whose clock was set back does not fall silent."""
    inbox = Inbox()
    newest = box(inbox, LATEST)
    for message in (*phases(100, 3), *phases(50, 1)):
        inbox.deliver(topics.PHASE, message)
    assert [(m.id.epoch, m.id.seq) for m in newest.drain()] == [(50, 0)]


def test_retained_messages_are_kept_for_later_mailboxes():
    """The newest one is given first, also after the only mailbox was closed."""
    inbox = Inbox()
    box(inbox, ALL).close()
    first, second, third = phases(1, 3)
    for message in (first, third, second):
        inbox.deliver(topics.PHASE, message)
    assert [m.id.seq for m in box(inbox, ALL).drain()] == [2]


def test_drops_of_closed_mailboxes_stay_counted():
    """The sum over two mailboxes does not fall when one of them is closed."""
    inbox = Inbox()
    one, two = box(inbox, LATEST), box(inbox, queue(2))
    messages = phases(1, 6)
    for message in messages[:5]:
        inbox.deliver(topics.PHASE, message)
    assert inbox.drops() == {"session/phase": 4 + 3}
    one.close()
    two.drain()
    inbox.deliver(topics.PHASE, messages[5])
    assert inbox.drops() == {"session/phase": 4 + 3}
    inbox.close()
    assert two.closed
