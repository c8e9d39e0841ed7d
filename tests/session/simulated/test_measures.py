"""What a simulated life comes to: worked out by hand."""

from __future__ import annotations

import math

import msgspec
import pytest

from rym.messages import AFFECTS, Affect, Fade, Played, State, Valence
from session.after.episodes import Steps
from session.simulated.life import Life, Plan, Told
from session.simulated.measures import answered, heard, measure, seconds_to_right

FPS = 48_000


def answer(t: float, state: State) -> Valence:
    """Return what a decoder would say."""
    known = None if state == "unknown" else 0.0
    p = tuple(0.8 if affect == state else 0.1 for affect in AFFECTS)
    return Valence(
        t=t, state=state, valence=known, probabilities=(p[0], p[1], p[2]), confidence=0.8,
        reason="", model="m",
    )  # fmt: skip


def test_seconds_to_the_right_state() -> None:
    """From each change to the first answer that names it; what is never named counts as never."""
    felt = Steps(
        times=(0.0, 10.0, 20.0, 30.0), states=("neutral", "positive", "negative", "neutral")
    )
    said: list[State] = ["neutral"] * 12 + ["unknown"] + ["positive"] * 18 + ["neutral"] * 9
    answers = [answer(float(t), state) for t, state in enumerate(said)]
    found = seconds_to_right(answers, felt, 0.0, 40.0)
    assert found == (3.0, None)  # the first was no change, the last is cut short by the end
    plan = Plan(1, calibration=-20.0, feedback=40.0)  # from 0 s on
    life = Life(plan, felt, Steps(), (Told(answers, 0, [], 2.0),), [])
    measured = measure(life, life.told[0])
    assert measured.median_to_right == math.inf
    assert measured.unknown == pytest.approx(1 / 40)
    assert len(measured.quarters) == 4


def played(second: float, gains: tuple[float, float, float], to: Affect = "neutral") -> Played:
    """Return one word of the player's; every fade begins at a multiple of 10 s and lasts 2 s."""
    frame = round(second * FPS)
    start = round(second // 10 * 10) * FPS
    fade = Fade(to=to, start=start, half=start + FPS, end=start + 2 * FPS)
    return Played(
        frame=frame, decided="unknown", requested="neutral", audible="neutral", gains=gains,
        section=0, variant=0, position=0, fade=fade, level_db=0.0, safety="RUN", why="tick",
    )  # fmt: skip


def test_how_long_an_affect_is_heard() -> None:
    """Fades count for both affects, from their first frame to their last."""
    said = [
        (0.0, played(3.0, (0, 1, 0))),
        (10.0, played(10.0, (0, 1, 0), "positive")),
        (11.0, played(11.0, (0, 0.7, 0.7), "positive")),
        (12.0, played(12.0, (0, 0, 1), "positive")),
        (20.0, played(20.0, (0, 0, 1))),
        (22.0, played(22.0, (0, 1, 0))),
    ]
    found = heard(said, 0.0, 40.0)
    assert found["positive"].longest == pytest.approx(12.0)  # 10 to 22 s
    assert found["positive"].share == pytest.approx(12.0 / 40.0)
    assert found["neutral"].longest == pytest.approx(20.0)  # 20 to 40 s
    assert found["neutral"].share == pytest.approx((12.0 + 20.0) / 40.0)
    assert found["negative"].share == 0.0


def test_how_soon_what_is_felt_is_heard() -> None:
    """To the middle of the fade that answers a change; what is heard already and never is told."""
    said = [
        (0.0, played(3.0, (0, 1, 0))),
        (10.0, played(10.0, (0, 1, 0), "positive")),
        (11.0, played(11.0, (0, 0.7, 0.7), "positive")),
        (12.0, played(12.0, (0, 0, 1), "positive")),
        (40.0, played(40.0, (0, 0, 1), "positive")),
    ]
    said = [(t, msgspec.structs.replace(x, audible="positive" if t > 10 else "neutral"))
            for t, x in said]  # fmt: skip
    felt = Steps(
        times=(0.0, 7.5, 20.0, 30.0), states=("neutral", "positive", "negative", "positive")
    )
    plan = Plan(1, calibration=-20.0, feedback=40.0)
    found = answered(Life(plan, felt, Steps(), (), said))
    assert found.seconds == (pytest.approx(3.5),)
    assert (found.never, found.already) == (1, 1)
    assert found.median == pytest.approx(3.5)
    assert answered(Life(plan, Steps(), Steps(), (), said)).median is None
