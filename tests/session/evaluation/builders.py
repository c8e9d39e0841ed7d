"""Evaluations out of nothing: every field filled as a run fills it, any number of everything."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from session.evaluation.result import (
    SCHEMA,
    Beside,
    Chosen,
    Curve,
    DataFacts,
    Evaluation,
    Finding,
    Latent,
    MethodResult,
    Nested,
    Null,
    PersonScore,
    ProtocolResult,
    Timing,
)

CANDIDATES = ("cebra-knn", "lda", "riemann")
CONTROLS = ("time index", "EOG", "EMG", "motor", "previous label", "file identity",
            "frontal asymmetry", "majority")  # fmt: skip
LEAKY = {"paper": 0.93, "random": 0.95, "fitted": 0.98}
"""Leaky protocols and about how much they score."""
LEVELS = {"cebra-knn": 0.12, "lda": 0.15, "riemann": 0.17, "EMG": 0.06, "time index": 0.02}
"""How far above chance a method scores, about; the others nothing."""


def null(rng: np.random.Generator, chance: float, score: float, *, drawn: bool) -> Null:
    """Return a null over many relabelings, or one that was not run."""
    if not drawn:
        return Null(kind="not run", why="It is fitted anew with --nulls full only.", n_drawn=0,
                    complete=False, n_relabelings="4096", smallest_p=2 / 4096, null_95=None,
                    p=None)  # fmt: skip
    edge = chance + 0.05
    p = 1 / 201 if score > edge else float(rng.uniform(0.1, 0.9))
    return Null(kind="permuted units", why="", n_drawn=200, complete=False,
                n_relabelings=str(924**12), smallest_p=1 / 201, null_95=edge, p=p)  # fmt: skip


def people(
    rng: np.random.Generator, names: Sequence[str], score: float, chance: float, *, drawn: bool
) -> tuple[PersonScore, ...]:
    """Return a score for everybody, scattered about one."""
    found = []
    for name in names:
        own = float(np.clip(score + rng.normal(0, 0.06), 0, 1))
        edge = float(chance + rng.uniform(0.06, 0.13)) if drawn else None
        found.append(
            PersonScore(person=name, balanced_accuracy=own, macro_f1=0.97 * own, kappa=own - chance,
                        null_95=edge, n_rows=480, n_units=12)
        )  # fmt: skip
    return tuple(found)


def method(
    rng: np.random.Generator,
    name: str,
    names: Sequence[str],
    n_states: int,
    score: float,
    *,
    drawn: bool = True,
    changes: bool = True,
) -> MethodResult:
    """Return one method's results under one protocol."""
    chance = 1.0 / n_states
    own = people(rng, names, score, chance, drawn=drawn)
    values = np.array([p.balanced_accuracy for p in own])
    mean = float(values.mean())
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    interval = None
    if error is not None and len(values) > 2:
        interval = (max(mean - 2.2 * error, 0.0), min(mean + 2.2 * error, 1.0))
    seconds = tuple(float(s) for s in rng.gamma(2.0, 1.6, 30)) + (-1.0,) * 7
    answered = np.linspace(1.0, 0.1, 12)
    confidence = np.linspace(chance, 0.97, 8)
    return MethodResult(
        name=name,
        kind="candidate" if name in CANDIDATES else "control",
        what=f"what {name} looks at",
        balanced_accuracy=mean,
        interval=interval,
        standard_error=error,
        macro_f1=0.97 * mean,
        kappa=(mean - chance) / (1 - chance),
        weighted_f1=0.98 * mean,
        brier=0.6 - 0.4 * mean,
        ece=0.07,
        null=null(rng, chance, mean, drawn=drawn),
        people=own,
        confusion=confusion(rng, n_states, mean),
        calibration=Curve(
            x=tuple(confidence.tolist()),
            y=tuple((mean + 0.7 * (confidence - confidence.mean())).clip(0, 1).tolist()),
            n=tuple(rng.integers(20, 900, 8).tolist()),
        ),
        abstention=Curve(
            x=tuple(answered.tolist()),
            y=tuple((mean + 0.12 * (1 - answered)).clip(0, 1).tolist()),
            n=tuple((5000 * answered).astype(int).tolist()),
        ),
        timing=Timing(flips_per_minute=7.4 if changes else None,
                      seconds_to_right=seconds if changes else ()),
        audible=None,
        predictions=f"predictions/{name}.npz",
        nulls=f"nulls/{name}.npz" if drawn else "",
    )  # fmt: skip


def confusion(rng: np.random.Generator, n_states: int, score: float) -> tuple[tuple[int, ...], ...]:
    """Return counts of which a share lies on the diagonal."""
    share = np.full((n_states, n_states), (1 - score) / max(n_states - 1, 1))
    np.fill_diagonal(share, score)
    counts = rng.poisson(1900 * share)
    return tuple(tuple(int(n) for n in row) for row in counts)


def nested(decoders: Sequence[MethodResult], names: Sequence[str]) -> Nested:
    """Return a score to quote: what the first method gives, chosen in all folds but one."""
    first, second = decoders[:2]
    return Nested(
        balanced_accuracy=first.balanced_accuracy,
        interval=first.interval,
        standard_error=first.standard_error,
        people=tuple((one.person, one.balanced_accuracy) for one in first.people),
        chosen=(
            Chosen(name=first.name, n_folds=len(names)),
            Chosen(name=second.name, n_folds=1),
        ),
        default=first.name,
        beside=(
            Beside(name=first.name, difference=0.0, standard_error=0.0),
            Beside(name=second.name, difference=0.021, standard_error=None),
        ),
        predictions="predictions/within/nested.npz",
    )


def protocol(
    rng: np.random.Generator,
    name: str,
    names: Sequence[str],
    n_states: int,
    *,
    methods: Sequence[str] = (*CANDIDATES, *CONTROLS),
    drawn: bool = True,
    primary: bool = False,
    changes: bool = True,
) -> ProtocolResult:
    """Return one protocol's results, leaky where its name is of a leaky one."""
    leaky = name in LEAKY
    chance = 1.0 / n_states

    def score(which: str) -> float:
        top = LEAKY[name] if leaky else chance + LEVELS.get(which, 0.0)
        return float(np.clip(top + rng.normal(0, 0.01), 0, 1))

    decoders = tuple(
        method(rng, which, names, n_states, score(which),
               drawn=drawn and not leaky and which != "cebra-knn", changes=changes)
        for which in methods
    )  # fmt: skip
    return ProtocolResult(
        name=name,
        what="Blocks of a person's own units are scored by what the person's other units teach.",
        leaky=leaky,
        primary=primary,
        purge_s=4.75,
        n_folds=5 * len(names),
        n_people=len(names),
        n_units=12 * len(names),
        chance=chance,
        majority=0.31,
        stratified=0.36,
        decoders=decoders,
        nested=nested(decoders, names) if primary and len(methods) > 1 else None,
        verdict="LEAKY" if leaky else "follows",
        why="The answer was let in: this score says nothing."
        if leaky
        else "riemann scores 0.51 over 12 people, p = 0.005, and no control explains it as well.",
    )


FINDINGS = (
    Finding(name="canary", found=False, score=0.501, critical=0.534,
            what="Noise as slow as the features scores 0.501 under within over 40 draws; up to "
            "0.534 is chance (0.500) and its spread.",
            meaning="The protocol itself adds nothing to the scores, as far as slow noise can "
            "tell."),
    Finding(name="early against late", found=True, score=0.61, critical=0.56,
            what="Early and late parts of 5 stretches of one state (rest) are told apart with 0.61 "
            "(chance 0.50, 95 % of dealt blocks up to 0.56).",
            meaning="The signal drifts: states that come at different times can be told apart "
            "without knowing either, so believe only scores in which states alternate.",
            details=("S01, rest: 0.66", "S02, rest: 0.58")),
    Finding(name="audible clip", found=None, score=None, critical=None,
            what="Nothing was audible, or it is not known what.",
            meaning="Whether what was heard explains the scores is not known."),
)  # fmt: skip


def latent(rng: np.random.Generator, n_states: int, n_points: int = 900) -> Latent:
    """Return points on a ball, a cloud per state."""
    states = rng.integers(0, n_states, n_points)
    centres = rng.normal(0, 1, (n_states, 3))
    points = centres[states] + rng.normal(0, 0.5, (n_points, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return Latent(method="cebra-knn", protocol="within", states=tuple(states.tolist()),
                  points=tuple(tuple(p) for p in points.tolist()))  # fmt: skip


def evaluation(
    *,
    n_people: int = 12,
    states: Sequence[str] = ("negative", "neutral", "positive"),
    protocols: Sequence[str] = ("within", "leave-one-person-out", "paper", "random"),
    methods: Sequence[str] = (*CANDIDATES, *CONTROLS),
    drawn: bool = True,
    changes: bool = True,
    embedded: bool = True,
    simulated: bool = False,
    verdict: str = "follows",
    name: str = "recall-2026",
    warnings: Sequence[str] = ("S03: 402 of 1210 windows are not usable.",),
    leaks: Sequence[Finding] = FINDINGS,
    seed: int = 0,
) -> Evaluation:
    """Return a whole evaluation; the first honest protocol is the primary one."""
    rng = np.random.default_rng(seed)
    names = tuple(f"S{i + 1:02d}" for i in range(n_people))
    first = next((p for p in protocols if p not in LEAKY), "")
    return Evaluation(
        schema=SCHEMA,
        verdict=verdict,
        why="riemann scores 0.51 over 12 people, p = 0.005, and no control explains it as well.",
        data=DataFacts(name=name, sha256="5d" * 32, people=names, states=tuple(states),
                       n_recordings=2 * n_people, n_rows=9000, n_usable=7421, seconds=1855.25,
                       simulated=simulated, exchangeable_unit="episode"),
        protocols=tuple(
            protocol(rng, p, names, len(states), methods=methods, drawn=drawn, primary=p == first,
                     changes=changes)
            for p in protocols
        ),
        leaks=tuple(leaks),
        warnings=tuple(warnings),
        latent=latent(rng, len(states)) if embedded else None,
        seed=seed,
        nulls="fast",
        versions={"rym": "0.1.0", "python": "3.12.3", "numpy": "2.2.1"},
    )  # fmt: skip
