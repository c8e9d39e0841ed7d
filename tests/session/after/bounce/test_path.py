"""A video's way through the pictures: nowhere too fast, and the page's own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.pictures.gallery import FASTEST, Gallery, Shade, Strip, hang
from player.pictures.page import SCRIPT
from rym.messages import Shown
from session.after.bounce.path import Eye, Look, looks

SECONDS = 0.04
AROUND = """
const nothing = new Proxy(function () {}, { get: (_, name) => name === "matches" ? false : nothing,
  set: () => true, apply: () => nothing, construct: () => nothing });
const document = nothing, matchMedia = nothing, requestAnimationFrame = nothing,
  EventSource = nothing, OffscreenCanvas = nothing, navigator = nothing;
const fetch = () => new Promise(() => {});
"""
"""What the page finds in a browser, and what it finds there does nothing."""


def strip(name: str, valences: list[float], steep: list[float]) -> Strip:
    """Return a strip with a steepness for each stretch."""
    shades = tuple(Shade(valence, "") for valence in valences)
    grey = (np.zeros((9, 16, 3), np.uint8), np.full((9, 16, 3), 90, np.uint8))
    return Strip(name, shades, tuple(steep), tuple(grey[k % 2] for k in range(len(valences))))


def gallery(*strips: Strip) -> Gallery:
    """Return a gallery of good strips."""
    return hang([x.name for x in strips], {x.name: x for x in strips}, {}, (16, 9))


def changes(one: Strip, start: float, end: float) -> float:
    """Return the changes that a strip undergoes between two places."""
    low, high = sorted((start, end))
    places = [shade.valence for shade in one.shades]
    return sum(
        steep * max(0.0, min(b, high) - max(a, low))
        for steep, (a, b) in zip(one.steep, pairwise(places), strict=True)
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.1, 3.0, 40.0]), min_size=1, max_size=9),
    st.lists(st.floats(-1, 1), min_size=1, max_size=20),
)
def test_no_step_changes_more_than_its_time_allows(steep: list[float], goals: list[float]) -> None:
    """However flat a strip is here and however steep further on."""
    one = strip("one", list(np.linspace(-0.9, 0.9, len(steep) + 1)), steep)
    eye = Eye(gallery(one))
    before = eye.follow(Look(0, 0, 1.0, -1.0), SECONDS).valence
    for goal in goals:
        now = eye.follow(Look(0, 0, 1.0, goal), SECONDS).valence
        assert changes(one, before, now) <= FASTEST * SECONDS + 1e-9
        before = now


def test_behind_flat_stretches_a_steep_one_is_not_jumped_over() -> None:
    """From end to end it takes the time of the steep stretch, and it gets there."""
    one = strip("one", [-1.0, -0.5, 0.0, 0.5, 1.0], [0.0, 0.0, 0.0, 40.0])
    eye = Eye(gallery(one))
    seen = [eye.follow(Look(0, 0, 1.0, v), SECONDS).valence for v in (-1.0, *[1.0] * 400)]
    assert seen[1] == 0.0
    assert seen.index(1.0) >= 20.0 / FASTEST / SECONDS


def by_page(node: str, facts: dict[str, Any], code: str) -> Any:
    """Run the page's script with nothing around it, and return what an expression gives."""
    whole = f"{AROUND}const facts = {json.dumps(facts)};\n{SCRIPT}\n"
    whole += f"console.log(JSON.stringify({code}));"
    done = subprocess.run([node, "-"], input=whole, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.real
def test_the_page_goes_the_same_way(program: Callable[[str], str]) -> None:
    """Both are asked for the same and see the same, picture by picture."""
    node = program("node")
    hung = gallery(
        strip("flat", [-1.0, -0.5, 0.0, 0.5, 1.0], [0.0, 0.0, 0.5, 40.0]),
        strip("one", [-1.0], []),
        strip("steep", [-0.8, -0.1, 0.7], [9.0, 24.0]),
    )
    rng = np.random.default_rng(3)
    goals = []
    for _ in range(60):
        scene, before = (int(k) for k in rng.integers(0, 3, 2))
        share = 1.0 if scene == before else float(rng.uniform(0, 1))
        goals += [Look(scene, before, share, float(rng.uniform(-1, 1)))] * int(rng.integers(1, 60))
    eye = Eye(hung)
    eye.follow(Look(0, 0, 1.0, 0.0), SECONDS)
    ours = [eye.follow(goal, SECONDS) for goal in goals]
    begin = "seen = {scene: 0, before: 0, share: 1, valence: 0}, pictures.forEach((x) => x.fill(1))"
    asked = json.dumps([goal._asdict() for goal in goals])
    code = f"({begin}, {asked}.map((goal) => {{ approach(goal, {SECONDS}); return {{...seen}}; }}))"
    theirs = [Look(**one) for one in by_page(node, hung.facts(""), code)]
    assert len({(one.scene, one.before) for one in ours}) > 5
    differ = [
        k
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True))
        if a[:2] != b[:2] or abs(a.share - b.share) + abs(a.valence - b.valence) > 1e-9
    ]
    assert differ == []


@pytest.mark.real
def test_the_page_reads_the_same_between_two_words(program: Callable[[str], str]) -> None:
    """Within a dissolve, where one begins, where one ends, and where one takes over from one."""
    node = program("node")
    words = [
        Shown(frame=0, scene=0, before=0, share=1.0, valence=-1.0),
        Shown(frame=100, scene=1, before=0, share=0.2, valence=-0.5),
        Shown(frame=200, scene=1, before=0, share=0.9, valence=0.0),
        Shown(frame=300, scene=2, before=1, share=0.1, valence=0.2),
        Shown(frame=400, scene=2, before=2, share=1.0, valence=1.0),
    ]
    for one, two in pairwise(words):
        ours = list(looks([one, two], two.frame, 25))[one.frame // 25 :]
        points = json.dumps([{name: getattr(x, name) for name in Look._fields} for x in (one, two)])
        code = f"[0, 0.25, 0.5, 0.75].map((x) => line(...{points}, x))"
        theirs = [Look(**row) for row in by_page(node, gallery().facts(""), code)]
        for a, b in zip(ours, theirs, strict=True):
            assert a[:2] == b[:2]
            assert a[2:] == pytest.approx(b[2:])
