"""Where arriving messages go: into the mailboxes of their topic; pure, no network."""

from __future__ import annotations

from collections import defaultdict

from rym.bus import ALL, Mailbox, Overload
from rym.messages import Message
from rym.topics import Topic


class Inbox:
    """Sorts messages into mailboxes.

    A message may arrive twice, or late. A mailbox that may drop never gets an older message of a
    sender after a newer one; a mailbox that takes all gets everything, and its reader asks `Once`.
    Starts of a service are not compared with one another: its clock may have been set back.
    """

    def __init__(self) -> None:
        self._mailboxes: dict[str, list[tuple[Mailbox, Overload]]] = defaultdict(list)
        self._kept: dict[str, Message] = {}
        self._last: dict[tuple[str, int, str], int] = {}
        self._past_drops: dict[str, int] = defaultdict(int)

    def add(self, mailbox: Mailbox, overload: Overload) -> None:
        """Begin to deliver to a mailbox, retained messages that came before first."""
        for topic in mailbox.topics:
            if topic.short in self._kept:
                mailbox.put(self._kept[topic.short])
            self._mailboxes[topic.short].append((mailbox, overload))

    def deliver(self, topic: Topic, message: Message) -> None:
        """Put a message into every open mailbox that takes it."""
        name = message.id
        sender = (name.service, name.epoch, name.topic)
        newer = name.seq > self._last.get(sender, -1)
        if newer:
            self._last[sender] = name.seq
            if topic.retained:
                self._kept[topic.short] = message
        boxes = self._mailboxes[topic.short]
        for mailbox, overload in boxes:
            if newer or overload == ALL:
                mailbox.put(message)
        if any(mailbox.closed for mailbox, _ in boxes):
            self._forget_closed()

    def drops(self) -> dict[str, int]:
        """Return how many messages the mailboxes have given up, per topic."""
        total = defaultdict(int, self._past_drops)
        for mailbox in self._all().values():
            for topic, n in mailbox.drops.items():
                total[topic] += n
        return dict(total)

    def close(self) -> None:
        """End every mailbox."""
        for mailbox in self._all().values():
            mailbox.close()

    def _all(self) -> dict[int, Mailbox]:
        return {id(box): box for boxes in self._mailboxes.values() for box, _ in boxes}

    def _forget_closed(self) -> None:
        for mailbox in self._all().values():
            if mailbox.closed:
                for topic, n in mailbox.drops.items():
                    self._past_drops[topic] += n
        for short, boxes in self._mailboxes.items():
            self._mailboxes[short] = [(box, rule) for box, rule in boxes if not box.closed]
