"""Keys that lead: taken in once, in order, by their time, and in their own arm alone."""

from __future__ import annotations

import asyncio

from player.service import NOT_NOW, Player, load
from player.settings import PlayerSettings
from rym.bus import ALL, MemoryHub
from rym.clock import ManualClock
from rym.messages import Label
from rym.service import Lifeline, Shell
from rym.topics import APPLIED, LABEL, NOW


def said_to(bank_folder, keys, arm="keys"):
    """Say keys a tenth of a second apart; return what was applied and what was asked for last.

    A key is (state, age), or a number: the one of that place is sent again.
    """

    async def live():
        clock, hub = ManualClock(100.0), MemoryHub()
        session, journal = hub.bus("session", clock, 1), hub.bus("journal", clock, 1)
        applied = journal.subscribe(APPLIED["player"], overload=ALL)
        now = journal.subscribe(NOW, overload=ALL)
        shell = Shell(hub.bus("player", clock, 2), clock, Lifeline(), None, "s1")
        settings = PlayerSettings(
            bank=str(bank_folder), sink="null", preset="paper", rise=0.5, dwell=0.0, arm=arm
        )
        task = asyncio.create_task(Player(shell, settings, load(bank_folder)).play())
        sent = []
        for key in keys:
            if isinstance(key, int):
                session.resend(sent[key])
            else:
                label = Label(state=key[0], t=clock.now() - key[1], source="test")
                sent.append(session.publish(LABEL, label))
            for _ in range(10):
                clock.advance(0.01)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        task.cancel()
        answers = [x.content for x in applied.drain()]
        return [
            (sent.index(next(s for s in sent if s.id == a.input)), a.refused) for a in answers
        ], (now.drain()[-1].content.requested)

    return asyncio.run(live())


def test_a_key_is_followed_once_and_answered_each_time(bank_folder):
    """One that is sent again is answered again, and does not bring back what was let go."""
    keys = [("positive", 0.1), ("none", 0.0), 0]
    assert said_to(bank_folder, keys) == ([(0, ""), (1, ""), (0, "")], "neutral")
    assert said_to(bank_folder, keys[:1])[1] == "positive"


def test_a_key_whose_time_is_not_that_of_now_only_ends_what_was_held(bank_folder):
    """Late by more than 2 s or ahead by more: neutral, and the answer says why."""
    for age in (2.5, 3600.0, -2.5, -3600.0):
        keys = [("positive", 0.0), ("negative", age)]
        assert said_to(bank_folder, keys) == ([(0, ""), (1, NOT_NOW)], "neutral")
        assert said_to(bank_folder, [*keys, ("negative", 0.5)])[1] == "negative"


def test_other_arms_leave_keys_to_the_decoder(bank_folder):
    """No answer, no change."""
    for arm in ("real", "none"):
        assert said_to(bank_folder, [("positive", 0.0)], arm) == ([], "neutral")
