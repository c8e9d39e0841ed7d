"""What deaf simulated persons feel, and what a decoder answers (pure). SIMULATED."""

from __future__ import annotations

import msgspec

from player.settings import PlayerSettings
from rym.messages import Valence
from session.after.episodes import Steps
from session.simulate import settings_for
from session.simulated.life import Plan, calibrated, learn, live
from session.simulated.measures import answered

PRESETS = ("close", "gentle")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One person's feedback; times in seconds from its beginning on."""

    seed: int
    length: float
    """Seconds of feedback."""
    felt: Steps
    answers: tuple[Valence, ...]
    """One per window, `t` being its newest sample's time."""
    expected: dict[str, tuple[float, ...]]
    """Per preset: seconds from felt to half-way heard, by the engine's frames on a fast clock."""


def case(seed: int) -> Case:
    """Return what one person feels, and what is answered: five minutes after a calibration.

    A deaf person feels the same whatever is heard, so that the answers may be played later.
    """
    plan, settings = Plan(seed), settings_for("auto", learning=False)
    person = calibrated(plan)
    model, _ = learn(person, settings)
    lives = {x: live(person, model, [settings], PlayerSettings(preset=x)) for x in PRESETS}
    first = lives[PRESETS[0]]
    return Case(
        seed=seed,
        length=plan.feedback,
        felt=Steps(times=tuple(t - plan.turn for t in first.felt.times), states=first.felt.states),
        answers=tuple(msgspec.structs.replace(x, t=x.t - plan.turn) for x in first.told[0].answers),
        expected={name: answered(life).seconds for name, life in lives.items()},
    )
