"""Line 29, the player's half: an answer that never changes, or that knows the limits.

A quarter of an hour of music, or ten minutes where the answer comes and goes, without waiting. What
was heard is told from the published fades alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from player.engine import Engine
from player.music.material import Material, Section
from player.settings import RATE, PlayerSettings
from rym.messages import AFFECTS, Affect, Identity, Played, Valence

pytestmark = pytest.mark.fault(29)

BAR = 2 * RATE
LIMITS = {"negative": (60.0, 0.3), "positive": (120.0, 0.6)}


class Span(NamedTuple):
    """Seconds from the first frame of a fade to an affect to the last of the fade away."""

    affect: Affect
    begin: float
    end: float


def bank() -> Material:
    """Return two bars of a steady tone, as quiet as nobody hears it."""
    sound = np.full((2 * BAR, 2), 0.01, dtype=np.float32)
    section = Section(
        2 * BAR, (0, BAR), tuple(range(0, 2 * BAR, BAR // 4)), ((sound,) * 3,),
        (((0.0, 0.0, 0.0),) * 2,),
    )  # fmt: skip
    return Material(AFFECTS, (section,))


def answers(state: Affect) -> Valence:
    """Return a sure answer."""
    return Valence(
        t=0.0, state=state, valence=None, probabilities=None, confidence=1.0, reason="", model=""
    )


def spans(decoder: Callable[[float], Affect], seconds: int) -> Iterator[Span]:
    """Play what a decoder says; yield what was heard of each pole."""
    engine = Engine(bank(), PlayerSettings(preset="gentle"), session="s")
    fades = {}
    for k in range(4 * seconds):
        engine.apply(Identity("decoder", 1, "valence", k), answers(decoder(k / 4)))
        engine.advance((k + 1) * RATE // 4)
        for content, _ in engine.events():
            if isinstance(content, Played) and "fade" in content.why.split(", "):
                assert content.fade is not None
                fades[content.fade.start] = content.fade
    order = sorted(fades)
    for here, then in zip(order, [*order[1:], None], strict=True):
        if fades[here].to != "neutral":
            end = seconds * RATE if then is None else fades[then].end
            yield Span(fades[here].to, here / RATE, end / RATE)


def flipping(period: float, on: float, affect: Affect, else_: Affect) -> Callable[[float], Affect]:
    """Return a decoder that says an affect for `on` seconds of every `period`."""
    return lambda t: affect if t % period < on else else_


# What is stuck comes round every 200 s, four times and a half; the others lie across each other.
RUNAWAYS: dict[str, tuple[Callable[[float], Affect], int]] = {
    "stuck on negative": (lambda t: "negative", 900),
    "stuck on positive": (lambda t: "positive", 900),
    "just below, and away for less than counts": (flipping(85, 56, "negative", "neutral"), 600),
    "from one pole to the other": (flipping(80, 50, "positive", "negative"), 600),
}


FEW = ("stuck on negative", "from one pole to the other")


@pytest.mark.parametrize(
    "runaway", [pytest.param(x, marks=() if x in FEW else pytest.mark.long) for x in RUNAWAYS]
)
def test_29_no_affect_holds_a_person_whatever_is_decoded(runaway: str) -> None:
    """No stretch and no share above its limit; neutral alone comes again and again."""
    decoder, seconds = RUNAWAYS[runaway]
    found = list(spans(decoder, seconds))
    for affect, (longest, share) in LIMITS.items():
        mine = [s for s in found if s.affect == affect]
        counted, last, total = 0.0, -np.inf, 0.0
        for span in mine:
            counted = span.end - span.begin + (counted if span.begin - last < 30.0 else 0.0)
            last, total = span.end, total + span.end - span.begin
            assert counted <= longest + 1e-6
            assert total <= share * max(span.end, 200.0) + 1e-6
    neutral = [later.begin - span.end for span, later in pairwise(found)]
    assert sum(gap >= 30.0 for gap in neutral) >= 3
    assert found[-1].end > seconds - 120.0, "it goes on within the limits to the end"
