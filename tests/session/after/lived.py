"""A story in which a memory answers and learns: its model, and what the decoder tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from decoder.embedding import KERNELS, Network
from decoder.features import BANDS, Standardizer
from decoder.latent import view_of
from decoder.manifest import SCHEMA, Manifest
from decoder.memory.rings import Memory, memory_of, unit
from decoder.model import Model, build
from rym import messages as m
from rym import topics

N_DIMENSIONS = 7
WHY = "Held-out score 0.71."
FEEDBACK = (1110.0, 1185.0)
SUGGESTION = "Moments lie elsewhere than they did: hold keys, or calibrate again."


def memory(rows: Sequence[int] = (120, 200, 120), seed: int = 1) -> Memory:
    """Return a memory of three clouds, with so many rows of each state."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(3), rows)
    middle = unit(rng.normal(size=(3, N_DIMENSIONS)))
    z = unit(middle[label] + 0.22 * rng.normal(size=(len(label), N_DIMENSIONS)))
    return memory_of(z, label, np.arange(len(label)) // 10)


def model(remembers: Memory | None = None) -> Model:
    """Return a small model whose network was never trained, with this memory."""
    rng = np.random.default_rng(2)
    sizes = [(8, 10), (8, 8), (8, 8), (8, 8), (N_DIMENSIONS, 8)]
    weights = {}
    for i, ((n_out, n_in), kernel) in enumerate(zip(sizes, KERNELS, strict=True)):
        weights[f"conv{i}.weight"] = rng.normal(size=(n_out, n_in, kernel)).astype(np.float32)
        weights[f"conv{i}.bias"] = np.zeros(n_out, np.float32)
    facts = Manifest(
        schema=SCHEMA, kind="cebra-knn", channels=("Fz", "Pz"), rate=128.0, n_times=128, hop=32,
        bands=BANDS["default"], max_bad=0.2, clip=5.0, reaction_lag=0.5, states=m.AFFECTS,
        temperature=1.0, threshold=0.5, smoothing=0.75, hysteresis=0.1, novelty=None,
        verdict="follows", why=WHY, choice="", score=0.71,
        critical=0.6, episodes=(4, 4, 4), rows=(120, 200, 120), scores={}, seed=0, versions={},
        files={},
    )  # fmt: skip
    return build(
        facts, Standardizer(np.zeros(10), np.ones(10), 5.0), network=Network(weights),
        memory=memory() if remembers is None else remembers,
    )  # fmt: skip


def ready(talk: Any, t: float, of: str, detail: str = WHY, kind: str = "cebra-knn") -> None:
    """Let the decoder say which model answers."""
    facts = {"model": of, "verdict": "follows", "decoder": kind,
             "states": "negative neutral positive", "delay": 1.6}  # fmt: skip
    said = m.Status(service="decoder", epoch=1, life="ready", detail=detail, version="",
                    facts=facts, drops={})  # fmt: skip
    talk.say(topics.STATUS["decoder"], said, t, service="decoder")


def learned(
    talk: Any, number: int, t: float, state: Any, *,
    audible: Any = "neutral", of: str = "", back: bool = False,
) -> None:  # fmt: skip
    """Let a row be learned 3 s after its moment, or be taken back."""
    content = m.Learned(number=number, t=t, state=state, audible=audible, stretch=number, since=t,
                        embedding=(1.0,) + (0.0,) * 6, taken_back=back, model=of)  # fmt: skip
    talk.say(topics.LEARNED, content, t + 3.0)


def drift(talk: Any, t: float, measure: Any = "distance") -> None:
    """Let a measure be found to have changed."""
    content = m.Drift(t=t, measure=measure, before=0.5, after=0.91, suggestion=SUGGESTION)
    talk.say(topics.DRIFT, content, t)


def order(
    talk: Any, t: float, action: Any, value: str = "", *, taken: bool = True, refused: str = ""
) -> None:
    """Let somebody ask something of the memory, and the decoder say what it did with it."""
    asked = talk.say(topics.COMMAND, m.Command(to="decoder", action=action, value=value), t)
    if taken:
        told = m.Applied(input=asked.id, at=int(4 * t), refused=refused)
        talk.say(topics.APPLIED["decoder"], told, t + 0.1, service="decoder")


def lived(story: Any, of: Model, seed: int = 5) -> None:
    """Add to a told story what a memory that learns tells: moments, rows, orders, drift."""
    talk, rng = story.talk, np.random.default_rng(seed)
    ready(talk, story.t0 + 109.0, of.id)
    view = view_of(of.memory) if of.memory is not None else None
    arrays = of.memory.arrays() if of.memory is not None else {}
    number = 0
    for x in list(talk.log["decoder/valence"]):
        t = x.content.t
        if view is None or not FEEDBACK[0] <= t < FEEDBACK[1]:
            continue
        state = m.AFFECTS.index(story._felt(t - story.t0 - 1.6))
        near = arrays["embedding"][rng.choice(np.flatnonzero(arrays["label"] == state))]
        z = unit(near + rng.normal(size=N_DIMENSIONS) * (0.6 if rng.random() < 0.03 else 0.16))
        away = float(1.0 - (arrays["embedding"] @ z).max())
        content = m.Latent(t=t, point=view.point(z), distance=away, novel=away > 0.1, model=of.id)
        talk.say(topics.LATENT, content, t + 0.03)
        if rng.random() < 0.12:
            number += 1
            clip = ("neutral", "positive", "silence")[number % 3]
            learned(talk, number, t, m.AFFECTS[state], audible=clip, of=of.id)
    order(talk, 1120.0, "mark", "before")
    order(talk, 1150.0, "undo", "30")
    why = "There is no state 'nowhere'; there are before, start."
    order(talk, 1160.0, "roll-back", "nowhere", refused=why)
    ready(talk, 1160.2, of.id, why)
    learned(talk, number, t, "neutral", of=of.id, back=True)
    drift(talk, 1140.0)
    drift(talk, 1170.0, "level")
