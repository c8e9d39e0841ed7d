"""The closed loop on a fast clock: repeatable, learning from keys alone, silent about noise."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from decoder.model import Model
from decoder.settings import DecoderSettings, TrainingSettings
from session.simulate import settings_for
from session.simulated.life import Calibrated, Life, Plan, calibrated, learn, live
from session.simulated.measures import heard, measure

LEARNING = settings_for("cebra-knn", learning=True)
FROZEN = settings_for("cebra-knn", learning=False)


class Ready(NamedTuple):
    """Somebody whose signature turns, who hears nothing, and what was learned of them."""

    person: Calibrated
    model: Model


@pytest.fixture(scope="module")
def ready() -> Ready:
    """Calibrate and train once."""
    person = calibrated(Plan(1, drift=90.0, calibration=90.0, feedback=75.0))
    return Ready(person, learn(person, LEARNING)[0])


def told(life: Life) -> bytes:
    """Return everything that happened, as bytes."""
    return msgspec.json.encode([life.told, life.played, life.felt, life.keys])


@pytest.mark.long
def test_who_learns_has_lessons_and_a_frozen_twin_has_none(ready: Ready) -> None:
    """On the very same windows: answers agree until the first lesson, and not for ever."""
    life = live(ready.person, ready.model, [LEARNING, FROZEN])
    one, other = (measure(life, each) for each in life.told)
    assert one.lessons >= 3
    assert other.lessons == 0
    assert one.n_states == other.n_states >= 4
    assert 1.6 < one.delay < 6.0
    answers = [[a.probabilities for a in each.answers] for each in life.told]
    same = [a == b for a, b in zip(*answers, strict=True)]
    assert len(same) > 290
    assert all(same[:40])
    assert not all(same)


def test_a_life_is_repeated_to_the_bit_and_hears_what_is_decided(ready: Ready) -> None:
    """The same person lives the same life again; what is heard follows, in the player's frames."""
    plan = ready.person.plan._replace(feedback=40.0)
    person = ready.person._replace(plan=plan)
    one, two = (live(person, ready.model, [LEARNING]) for _ in range(2))
    assert told(one) == told(two)
    audible = [played.audible for _, played in one.played]
    assert audible[0] == "neutral"
    assert set(audible) & {"negative", "positive"}
    decided = {answer.state for answer in one.told[0].answers}
    assert set(audible) <= decided | {"neutral"}
    shares = heard(one.played, plan.turn, plan.end)
    assert sum(of.share for of in shares.values()) >= 1.0 - 1e-9


def test_nothing_is_said_where_there_is_nothing() -> None:
    """At strength 0 the answer is mostly `unknown`, and neutral plays throughout."""
    plan = Plan(1, strength=0.0, calibration=90.0, feedback=20.0)
    person = calibrated(plan)
    settings = DecoderSettings(training=TrainingSettings(candidate="lda"))
    life = live(person, learn(person, settings)[0], [settings])
    assert measure(life, life.told[0]).unknown > 0.8
    assert heard(life.played, plan.turn, plan.end)["neutral"].share == pytest.approx(1.0)


def test_who_hears_is_drawn_towards_what_plays(ready: Ready) -> None:
    """With coupling 1 the person feels, sooner or later, what is heard; the deaf does not care."""
    plan = Plan(1, strength=1.0, coupling=1.0, calibration=90.0, feedback=60.0)
    life = live(calibrated(plan), ready.model, [FROZEN])
    pieces = life.felt.pieces(plan.turn + 1.0, plan.end)
    assert len(pieces) < 4  # 60 s of the deaf hold four states or five
    assert np.isfinite(measure(life, life.told[0]).balanced_accuracy)
