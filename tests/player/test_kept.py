"""What one start of the player leaves to the next."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from player.deciding.exposure import Exposure
from player.engine import Engine
from player.kept import FIRST, OFTEN, Kept, read
from player.music.material import Material
from player.settings import RATE, PlayerSettings
from rym.messages import Command, Played, Safety
from rym.topics import COMMAND
from tests.player.test_engine import Run, command, name, start, states
from tests.player.test_service import Rig

AGAIN = 10 * RATE
"""Where in the music the second start begins."""


def test_what_is_left_is_read_back() -> None:
    """To the bit; something else is refused."""
    kept = Kept(level_db=-1 / 3, armed=True, paused=True, run=3, negative=1, positive=2)
    assert read(kept.line()) == kept
    with pytest.raises(msgspec.ValidationError):
        read('{"level_db": 3.0}')


def test_counts_alone_are_said_every_ten_seconds() -> None:
    """All else at once."""
    assert not FIRST.news(FIRST)
    assert not Kept(run=OFTEN - 480, positive=480).news(FIRST)
    assert Kept(run=OFTEN).news(FIRST)
    assert Kept(level_db=-1.0).news(FIRST)
    assert Kept(armed=True).news(FIRST)
    assert Kept(paused=True).news(FIRST)


def test_a_lowered_level_stays_lowered(material: Material) -> None:
    """Neither a restart nor its settings bring it up; settings that are lower still count."""
    first = Run(start(material)).until(RATE)
    first.engine.apply(name("command", 0), command("set-level", "-20"))
    first.until(2 * RATE)
    again = Run(start(material, place=AGAIN, kept=first.engine.kept)).until(2 * RATE)
    assert [p.level_db for p in again.of(Played)][-1] == -20.0
    again.engine.apply(name("command", 1), command("set-level", "-19"))
    assert again.engine.kept.level_db == -20.0
    lower = Engine(material, PlayerSettings(level_db=-30.0), kept=Kept(level_db=-20.0))
    assert lower.kept.level_db == -30.0


def test_a_pause_stays_until_resume(material: Material) -> None:
    """Silence from the first frame on, whatever comes; then up, as after any pause."""
    first = Run(start(material)).until(RATE, "neutral").until(64 * RATE)
    assert first.engine.kept.paused
    again = Run(start(material, place=AGAIN, kept=first.engine.kept)).until(3 * RATE, "positive")
    assert not again.wave().any()
    assert states(again) == [(0, "SAFE")]
    assert again.of(Safety)[0].reason == "pause"
    again.engine.apply(name("command", 0), command("resume", "s1"))
    again.until(5 * RATE, "positive")
    assert again.wave().any()
    assert states(again)[-1][1] == "RUN"
    assert not again.engine.kept.paused


def test_a_decoder_that_is_gone_too_pauses_the_next_start(material: Material) -> None:
    """Where an answer had come before, none for 2 s is neutral, and none for 60 s more a pause."""
    first = Run(start(material)).until(RATE, "neutral")
    assert first.engine.kept.armed
    again = Run(start(material, place=AGAIN, kept=first.engine.kept)).until(64 * RATE)
    reasons = [s.reason for s in again.of(Safety)]
    assert reasons == ["start", "hold", "stale", "pause"]
    never = Run(start(material, place=AGAIN)).until(4 * RATE)
    assert [s.reason for s in never.of(Safety)] == ["start"]


def test_shares_are_counted_on() -> None:
    """60 s of negative in 200 s are used up, in whichever start they were heard."""
    limits = PlayerSettings()
    kept = Kept(run=100 * RATE, negative=60 * RATE, positive=20 * RATE)
    exposure = Exposure(limits, again=True, kept=kept)
    assert exposure.totals == (100 * RATE, 60 * RATE, 20 * RATE)
    assert exposure.left("negative") == 0
    assert exposure.left("positive") == 100 * RATE
    assert Exposure(limits, again=True).left("negative") == 60 * RATE


def test_the_service_says_what_it_leaves_and_takes_it_up(bank_folder: Path, tmp_path: Path) -> None:
    """A second start that is given the newest status goes on as quietly, and says what it got."""

    async def live(**changes: object) -> tuple[dict[str, str], dict[str, str]]:
        rig = Rig(bank_folder, tmp_path, **changes)
        await rig.ready()
        rig.session.publish(COMMAND, Command(to="player", action="set-level", value="-20"))
        await rig.run(12, "positive")
        newest = rig.status.drain()[-1].content.facts
        await rig.end()
        return newest, rig.facts

    newest, _ = asyncio.run(live())
    left = read(newest["left"])
    assert (left.level_db, left.armed, left.paused) == (-20.0, True, False)
    assert left.run >= OFTEN
    assert left.positive > 0
    _, facts = asyncio.run(live(kept=left, origin=50.0))
    assert read(facts["kept"]) == left
    assert read(facts["left"]).level_db == -20.0
