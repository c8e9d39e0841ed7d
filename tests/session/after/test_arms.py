"""What each arm played is made again from the journal, keys and orders among it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from player.service import Player, load
from player.settings import RATE, PlayerSettings
from rym import codec
from rym import messages as m
from rym.bus import ALL, MemoryHub
from rym.clock import ManualClock
from rym.service import Lifeline, Shell
from rym.topics import COMMAND, LABEL, NOW, SAFETY, TOPICS, VALENCE
from session.after import rerun
from session.live.lines import Journal, parse, to_line

ARMS: dict[str, dict[str, Any]] = {
    "real": {},
    "permuted": {"sequence": (("positive", 2.5), ("unknown", 1.25), ("negative", 30.0))},
    "keys": {},
    "none": {},
}
"""Settings of each arm."""
STORY: dict[float, tuple[str, str]] = {
    1.0: ("key", "positive"),
    3.0: ("key", "negative"),
    4.0: ("late key", "positive"),
    5.0: ("key", "positive"),
    6.0: ("pin", "negative"),
    8.0: ("pin", "off"),
    9.0: ("course", "positive"),
    11.0: ("steer", "negative"),
}
"""What happens at which second; the decoder says something else every two seconds."""


def lived(bank: Path, settings: PlayerSettings) -> Journal:
    """Return the journal of twelve seconds."""

    async def live() -> bytes:
        clock, hub, lines = ManualClock(100.0), MemoryHub(), []
        decoder, session = hub.bus("decoder", clock, 1), hub.bus("session", clock, 1)
        reader = hub.bus("journal", clock, 1).subscribe(*TOPICS.values(), overload=ALL)
        shell = Shell(hub.bus("player", clock, 2), clock, Lifeline(), None, "s1")
        player = Player(shell, settings, load(bank))
        task = asyncio.create_task(player.play())
        for k in range(1200):
            if k % 25 == 0:
                state = m.AFFECTS[k // 200 % 3]
                decoder.publish(VALENCE, m.Valence(
                    t=clock.now(), state=state, valence=None, probabilities=None, confidence=0.9,
                    reason="", model="",
                ))  # fmt: skip
            action, value = STORY.get(k / 100, ("", ""))
            if "key" in action:
                t = clock.now() - (3.0 if "late" in action else 0.1)
                session.publish(LABEL, m.Label(state=value, t=t, source="test"))
            elif action:
                session.publish(COMMAND, m.Command(to="player", action=action, value=value))
            clock.advance(0.01)
            for _ in range(4):
                await asyncio.sleep(0)
            lines += [to_line(message) for message in reader.drain()]
        task.cancel()
        return b"".join(lines)

    return parse(asyncio.run(live()))


@pytest.mark.parametrize("arm", ARMS)
def test_what_an_arm_played_is_made_again(arm: str, small_bank: Path) -> None:
    """The same messages, byte for byte; and the arms do not all play the same."""
    settings = PlayerSettings(
        bank=str(small_bank), sink="null", preset="paper", rise=0.5, dwell=0.5, max_changes=60,
        course_step=1.0, arm=arm, **ARMS[arm],
    )  # fmt: skip
    journal = lived(small_bank, settings)
    pieces = rerun.player(journal, 2, load(small_bank), settings, {})
    made = [message for piece in pieces for message in piece.said]
    for topic in (NOW, SAFETY):
        again = {x.id: codec.content_bytes(x) for x in made if x.id.topic == topic.short}
        said = journal.of(topic, "player")
        assert len(said) > (40 if topic is NOW else 0)
        assert [x.id for x in said if codec.content_bytes(x) != again.get(x.id)] == []
    words = {word for x in journal.of(NOW) for word in x.content.why.split(", ")}
    assert words >= {"pin", "course", "steer"}
    assert words & {"valence", "sequence", "key", "dwell"} or arm == "none"


def test_a_late_key_ends_what_was_held_live_and_again(small_bank: Path) -> None:
    """A key of three seconds ago: neutral, said so in its answer, and replayed as such."""
    settings = PlayerSettings(
        bank=str(small_bank), sink="null", preset="paper", rise=0.5, dwell=0.0, max_changes=60,
        arm="keys",
    )  # fmt: skip
    journal = lived(small_bank, settings)
    taken = [x for x in rerun.inputs(journal, 2) if x.name and x.name.topic == LABEL.short]
    assert [x.refused for x in taken] == [False, False, True, False]
    asked = {x.content.frame: x.content.requested for x in journal.of(NOW)}
    late = taken[2].at
    assert asked[late] == "neutral"
    assert {a for frame, a in asked.items() if late <= frame < taken[3].at} == {"neutral"}
    assert {a for frame, a in asked.items() if taken[1].at < frame < late} == {"negative"}
    assert asked[taken[3].at] == "positive"
    assert taken[3].at < 6 * RATE
