"""The lives that one seed lives, and what is kept of them (pure but for time). SIMULATED."""

from __future__ import annotations

import time
from typing import Literal, get_args

import msgspec

from decoder.settings import DecoderSettings, TrainingSettings
from rym.messages import Affect
from session.after.training import Asked
from session.simulated.life import Calibrated, Life, Plan, calibrated, learn, live
from session.simulated.measures import Heard, Measured, heard, measure

Part = Literal["runaway", "steady", "nothing", "twins"]
PARTS: tuple[Part, ...] = get_args(Part)
WEIGHT: dict[Part, float] = {"twins": 7.2, "runaway": 2.1, "steady": 1.3, "nothing": 1.3}
"""About how long a part takes beside others: thousands of seconds lived."""
COUPLINGS = (0.0, 0.3)
STEADY_S, TWINS_S, RUNAWAY_S = 300.0, 1200.0, 1800.0
"""Seconds of feedback."""
DRIFT = 90.0
"""Degrees in 20 minutes."""


class Lived(msgspec.Struct, frozen=True, kw_only=True):
    """One decoder in one life."""

    name: str
    """Which decoder: `verdict`, `always`, `learning`, `frozen`."""
    coupling: float
    drift: float
    kind: str
    """What was chosen by the calibration, or asked for."""
    verdict: str
    measured: Measured
    heard: dict[Affect, Heard]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One part of one seed."""

    part: Part
    seed: int
    lives: list[Lived]
    seconds: float
    """Of one core."""


def perform(job: tuple[Part, int]) -> Kept:
    """Live the lives of one part with one seed."""
    part, seed = job
    began = time.process_time()
    match part:
        case "steady":
            lives = _steady(Plan(seed, 1.0, feedback=STEADY_S))
        case "nothing":
            lives = _steady(Plan(seed, 0.0, feedback=STEADY_S))
        case "twins":
            lives = _twins(Plan(seed, 1.0, feedback=TWINS_S))
        case "runaway":
            lives = _runaway(Plan(seed, 1.0, coupling=1.0, feedback=RUNAWAY_S))
    return Kept(part=part, seed=seed, lives=lives, seconds=time.process_time() - began)


def _settings(
    candidate: Asked, *, frozen: bool = False, drive: Literal["verdict", "always"] = "verdict"
) -> DecoderSettings:
    settings = DecoderSettings(drive=drive, training=TrainingSettings(candidate=candidate))
    learning = msgspec.structs.replace(settings.learning, frozen=frozen)
    return msgspec.structs.replace(settings, learning=learning)


def _steady(plan: Plan) -> list[Lived]:
    """Coupling 0 with two decoders on the same windows, coupling 0.3 with the one that leads."""
    verdict, always = _settings("auto"), _settings("auto", drive="always")
    found = []
    person = calibrated(plan)
    model, scores = learn(person, verdict)
    for coupling in COUPLINGS:
        if coupling:
            person = calibrated(plan._replace(coupling=coupling))
        # What another decoder would have made heard, the person would have heard.
        names = ("verdict",) if coupling else ("verdict", "always")
        how = [verdict, always][: len(names)]
        life = live(person, model, how)
        found += _kept(life, names, scores.chosen, scores.verdict)
    return found


def _twins(plan: Plan) -> list[Lived]:
    """Somebody who learns and a frozen twin: on the same windows if deaf, else each with a life."""
    learning, frozen = _settings("cebra-knn"), _settings("cebra-knn", frozen=True)
    found = []
    model = scores = None
    for coupling in COUPLINGS:
        for drift in (DRIFT, 0.0):
            person = calibrated(plan._replace(coupling=coupling, drift=drift))
            if model is None or scores is None:
                model, scores = learn(person, learning)
            if coupling:
                lives = [(live(person, model, [learning]), "learning")]
                lives += [(live(person, model, [frozen]), "frozen")]
            else:
                lives = [(live(person, model, [learning, frozen]), "learning frozen")]
            for life, names in lives:
                found += _kept(life, tuple(names.split()), scores.chosen, scores.verdict)
    return found


def _runaway(plan: Plan) -> list[Lived]:
    person: Calibrated = calibrated(plan)
    settings = _settings("auto")
    model, scores = learn(person, settings)
    return _kept(live(person, model, [settings]), ("verdict",), scores.chosen, scores.verdict)


def _kept(life: Life, names: tuple[str, ...], kind: str, verdict: str) -> list[Lived]:
    plan = life.plan
    return [
        Lived(
            name=name,
            coupling=plan.coupling,
            drift=plan.drift,
            kind=kind,
            verdict=verdict,
            measured=measure(life, told),
            heard=heard(life.played, plan.turn, plan.end),
        )
        for name, told in zip(names, life.told, strict=True)
    ]
