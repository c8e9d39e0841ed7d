"""The engine and its pictures: what is said with the music, and that it is said again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from player.engine import Engine
from player.music.material import Material
from player.pictures.path import CALM, DISSOLVE, MOVING, Strip
from player.settings import BLOCK, RATE, PlayerSettings
from rym.messages import Command, Content, Identity, Played, Shown, Stop, Valence

SCENES = (Strip((-1.0, 0.0, 1.0), (0.2, 0.3, 0.4)), Strip((-1.0, 1.0), (0.1, 0.2)))


@pytest.fixture
def engine(material_of: Callable[..., Material]) -> Callable[..., Engine]:
    """Return a function that starts an engine whose bank has two scenes for two sections."""

    def make(place: int = 0) -> Engine:
        material = replace(material_of(0.0, 2, 1), scenes=SCENES)
        settings = PlayerSettings(preset="close", rise=0.5, dwell=0.0, loops=4)
        return Engine(material, settings, session="s1", place=place)

    return make


def answer(state: str) -> Valence:
    """Return a decoded state."""
    return Valence(
        t=0.0, state=state, valence=None, probabilities=None, confidence=0.9, reason="", model=""
    )


def run(engine: Engine, seconds: float, state: str = "", size: int = BLOCK) -> list[Content]:
    """Render; answer four times a second where a state is given; return what was said."""
    said, out = [], np.empty((size, 2), dtype=np.float32)
    end, due = engine.frame + round(seconds * RATE), engine.frame
    while engine.frame < end:
        if state and engine.frame >= due:
            engine.apply(Identity("decoder", 1, "decoder/valence", due), answer(state))
            due += RATE // 4
        engine.render(out)
        said += [content for content, _ in engine.events()]
    return said


def shown(said: list[Content]) -> list[Shown]:
    """Return the places among what was said."""
    return [content for content in said if isinstance(content, Shown)]


def test_pictures_go_where_the_music_goes(engine: Callable[..., Engine]) -> None:
    """Positive is heard and then seen; four loops of two seconds later the scene dissolves."""
    said = run(engine(), 16, "positive")
    places = shown(said)
    heard = next(p.frame for p in said if isinstance(p, Played) and p.gains == (0.0, 0.0, 1.0))
    arrived = next(p.frame for p in places if p.valence == 1.0)
    assert 0 <= arrived - heard < 3 * RATE
    assert (places[0].scene, places[0].valence) == (0, 0.0)
    begins = next(p.frame for p in places if p.scene == 1)
    assert begins == pytest.approx(8 * RATE, abs=MOVING)
    whole = next(p.frame for p in places if p.scene == p.before == 1)
    assert whole - begins == pytest.approx(DISSOLVE, abs=MOVING)


def test_a_restarted_player_begins_with_the_scene_of_its_place(
    engine: Callable[..., Engine],
) -> None:
    """The second section's scene at once, without a dissolve."""
    first = shown(run(engine(place=9 * RATE), 0.1))[0]
    assert (first.scene, first.before, first.share) == (1, 1, 1.0)


@pytest.mark.parametrize("stop", [True, False])
def test_stop_and_staleness_lead_to_neutral_slowly(
    engine: Callable[..., Engine], stop: bool
) -> None:
    """Never faster than its calm pace, and there it stays."""
    player = engine()
    run(player, 7, "positive")
    if stop:
        player.apply(Identity("session", 1, "safety/stop", 0), Stop(by="operator", t=0.0))
    places = shown(run(player, 12))
    back = [p for p in places if p.valence < 1.0]
    assert back[-1].valence == 0.0
    per_s = [(a.valence - b.valence) * RATE / (b.frame - a.frame) for a, b in pairwise(back)]
    assert 0 < max(per_s) <= CALM + 0.01


def test_what_is_said_does_not_depend_on_the_sizes_asked_for(
    engine: Callable[..., Engine],
) -> None:
    """Any size of block gives the same places, so that replay makes them again."""
    one, other = (shown(run(engine(), 10, "positive", size)) for size in (BLOCK, BLOCK * 25))
    last = min(one[-1].frame, other[-1].frame)
    assert [p for p in one if p.frame <= last] == [p for p in other if p.frame <= last]
    assert len(one) > 20


def test_after_the_end_it_is_neutral(engine: Callable[..., Engine]) -> None:
    """The music comes back and falls silent; the picture is neutral in the end."""
    player = engine()
    run(player, 6, "negative")
    player.apply(
        Identity("session", 1, "session/command", 0), Command(to="player", action="end", value="")
    )
    assert shown(run(player, 40))[-1].valence == 0.0


def test_a_bank_without_pictures_says_nothing_of_them(
    material_of: Callable[..., Material],
) -> None:
    """No place is said where there is nothing to be seen."""
    player = Engine(material_of(0.0, 1, 1), PlayerSettings(), session="s1")
    assert shown(run(player, 2)) == []


def test_the_pictures_cost_next_to_nothing(engine: Callable[..., Engine]) -> None:
    """Less than a hundredth of the time that the block lasts."""
    player = engine()
    run(player, 2, "positive")
    began = time.process_time()
    for _ in range(2000):
        player._show(player.frame)
    assert (time.process_time() - began) / 2000 < 0.01 * BLOCK / RATE
