"""Whatever is asked of the timeline, in any order and at any time: one waveform, one level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.deciding.presets import Rule
from player.engine import Engine
from player.music import crossfade
from player.music.score import SEAM
from player.settings import BLOCK, RATE, PlayerSettings
from rym.messages import AFFECTS, Command, Identity, Stop, Valence
from tests.player.music.cut import CutTimeline

SECTION = 96_000

presets = st.sampled_from(["close", "gentle", "paper"])
sizes = st.lists(st.integers(100, 3000), min_size=1, max_size=8)
asked = (
    st.tuples(st.just("request"), st.sampled_from(AFFECTS))
    | st.tuples(st.just("force"), st.sampled_from(AFFECTS))
    | st.tuples(st.integers(0, 5000), st.sampled_from(AFFECTS))
    | st.tuples(st.just("glide"), st.sampled_from([-1.0, 0.0, 1.0]) | st.floats(-1.0, 1.0))
)
back = st.tuples(st.just("back"), st.none())
orders = st.lists(st.tuples(st.integers(0, 100), asked | asked | asked | back), max_size=10)
moves = st.lists(st.tuples(st.integers(0, 100), asked), max_size=10)
TAIL = 160
"""Control blocks after the last order."""


def order(timeline, what, value):
    """Ask one thing of a timeline."""
    match what:
        case "request":
            timeline.request(value)
        case "force":
            timeline.request(value, Rule("at once", 0.5))
        case "glide":
            timeline.glide(value)
        case "back":
            timeline.come_back()
        case at:
            timeline.request(value, at=timeline.frame + at)


def play(timeline, events, sizes=(BLOCK,)):
    """Return all frames, rendered in turn with the sizes, and what was heard at each order.

    An order counts from a control block's border: nobody renders past it before it has come.
    """
    sounds, views, k = [], [], 0
    for wait, what in (*events, (TAIL, None)):
        left = wait * BLOCK
        while left:
            out = np.empty((min(left, sizes[k % len(sizes)]), 2), dtype=np.float32)
            timeline.render(out)
            sounds.append(out)
            left -= len(out)
            k += 1
        timeline.settle()
        views.append(timeline.view(timeline.frame))
        if what is not None:
            order(timeline, *what)
    return np.concatenate(sounds), views


@settings(max_examples=20, deadline=None)
@given(presets, orders, sizes, st.integers(0, 3 * SECTION))
def test_the_sizes_asked_for_do_not_change_a_bit(ended_of, preset, events, sizes, place):
    """Fades, fades at a frame, glides, and the way back come out the same in any blocks."""
    material = ended_of(3.0, 0.3, 2)
    results = []
    for these in ((BLOCK,), sizes):
        timeline = CutTimeline(material, PlayerSettings(preset=preset), place=place)
        sound, views = play(timeline, events, these)
        results.append((sound, views, timeline.marks, timeline.heard))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[0][1:] == results[1][1:]


@settings(max_examples=40, deadline=None)
@given(presets, orders, st.lists(st.sampled_from([-0.5, 0.0, 0.5, 1.0]), min_size=4, max_size=4))
def test_nothing_jumps_and_gains_are_bounded(flat_of, preset, events, rho):
    """Constant layers show the gains: continuous, between 0 and the cap, and 0 at the end."""
    timeline = CutTimeline(flat_of(tuple(rho)), PlayerSettings(preset=preset))
    out, views = play(timeline, events)
    gains = np.array([view.gains for view in views])
    assert gains.min() >= 0.0
    assert gains.max() <= crossfade.CAP + 1e-9
    assert np.abs(out).max() <= 0.75 * crossfade.CAP
    # Steepest are a 40 ms fade, (π/2)² · CAP per 1920 frames, on layers of 0.5, and a correlation
    # that goes from −0.5 to 1 within one block: Σ wᵢgᵢ · q^(−3/2) · ΣΣ gᵢgⱼ · 1.5 per block with
    # weights (0.5, 0.25) and q ≥ 0.5 is at most 1.98, where all three layers are heard.
    steepest = (np.pi / 2) ** 2 * crossfade.CAP / 1920 + 1.98 / BLOCK
    assert np.abs(np.diff(out, axis=0)).max() <= steepest


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["close", "gentle"]), orders, st.integers(0, 2 * SECTION))
def test_the_waveform_is_as_smooth_as_its_sources(ended_of, preset, events, place):
    """No step beyond 1.1 of the sources' own, but for what gains and seams add by their slope."""
    material = ended_of(3.0)
    timeline = CutTimeline(material, PlayerSettings(preset=preset), place=place)
    out, _ = play(timeline, events)
    layers = (*material.sections[0].sounds[0], *material.sections[0].ending.sounds)
    own = max(float(np.abs(np.diff(layer, axis=0)).max()) for layer in layers)
    peak = max(float(np.abs(layer).max()) for layer in layers)
    # A mixture of layers with ρ = 0 has gains of at most √3 together; the fastest fade takes 0.4 s.
    slope = 3 * peak * (np.pi / 2) ** 2 / (0.4 * RATE) + 2 * peak * (np.pi / 2) / SEAM
    assert np.abs(np.diff(out, axis=0)).max() <= 1.1 * np.sqrt(3) * own + slope


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["close", "gentle"]), moves)
def test_the_level_stays_within_half_a_db(steady_of, rho, preset, events):
    """Fades, retargets and glides over steady signals of known correlation, in any 125 ms."""
    timeline = CutTimeline(steady_of(rho), PlayerSettings(preset=preset))
    out, _ = play(timeline, events)
    power = (out[: len(out) // 6000 * 6000, 0].astype(np.float64) ** 2).reshape(-1, 6000)
    levels = 10 * np.log10(power.mean(axis=1) / 0.05**2)
    assert np.abs(levels).max() < 0.5


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_cuts_at_any_sample_are_half_way_there(flat_of, data):
    """`paper`: 40 ms, the middle on the cut to the sample, one layer alone everywhere else."""
    timeline = CutTimeline(flat_of(), PlayerSettings(preset="paper"))
    cuts, at, layer = [], 0, 1
    for _ in range(data.draw(st.integers(1, 5))):
        at += data.draw(st.integers(1920, 20_000))
        to = data.draw(st.sampled_from([k for k in range(3) if k != layer]))
        cuts.append((at, layer, to))
        layer = to
    out = np.empty((cuts[-1][0] + 4 * BLOCK, 2), dtype=np.float32)
    done = 0
    for cut, _, to in cuts:
        begin = cut - 960
        border = begin // BLOCK * BLOCK
        if border > done:
            timeline.render(out[done:border])
            done = border
        timeline.request(AFFECTS[to], at=begin)
    timeline.render(out[done:])
    faded = np.zeros(len(out), dtype=bool)
    for cut, old, new in cuts:
        g = both(out[cut - 960 : cut + 961], old, new)
        assert g[960, 0] == pytest.approx(g[960, 1], abs=1e-6)
        assert (np.diff(g[:, 0]) < 1e-6).all()
        assert g[959, 0] > g[959, 1]
        assert g[961, 0] < g[961, 1]
        assert (g[2:-2] > 0.0).all()
        assert g[-1] == pytest.approx([0.0, 1.0], abs=1e-6)
        faded[cut - 960 : cut + 960] = True
    alone = np.array([[0.5, 0.0], [0.25, 0.25], [0.0, 0.5]], dtype=np.float32)
    edges = [0, *(cut for cut, _, _ in cuts), len(out)]
    for k, layer in enumerate([1, *(new for _, _, new in cuts)]):
        part = slice(edges[k], edges[k + 1])
        assert (out[part][~faded[part]] == alone[layer]).all()


def both(out, old, new):
    """Return the gains of two of the constant layers, shape (n_times, 2)."""
    layers = np.array([[0.5, 0.0], [0.25, 0.25], [0.0, 0.5]])[[old, new]]
    return out.astype(np.float64) @ np.linalg.inv(layers)


def test_a_fade_at_a_frame_may_be_dropped_turned_and_moved(flat_of):
    """It is a planned fade like any other; one that lies in the past is refused."""
    timeline = CutTimeline(flat_of(), PlayerSettings(preset="gentle"))
    timeline.request("positive", at=1234)
    timeline.request("neutral")
    assert not timeline.waiting
    timeline.request("positive", at=1234)
    timeline.request("negative", at=777)
    timeline.request("negative", at=888)
    timeline.render(np.empty((5 * BLOCK, 2), dtype=np.float32))
    assert [(m.frame, m.view.fade.to) for m in timeline.marks] == [(888, "negative")]
    with pytest.raises(ValueError, match="Frame 100 has been rendered; the next one is 2400"):
        timeline.request("neutral", at=100)


VALENCE = {"t": 0.0, "valence": None, "probabilities": None, "reason": "", "model": ""}
HALF_WAY = {
    "retargeted": lambda engine: order_to(engine, "steer", "negative"),
    "asked for the same": lambda engine: order_to(engine, "steer", "positive"),
    "an unknown label": lambda engine: decided(engine, "unknown"),
    "an affect that is none": lambda engine: order_to(engine, "steer", "furious"),
    "stopped": lambda engine: engine.apply(named("stop"), Stop(by="operator", t=0.0)),
    "distress": lambda engine: engine.apply(named("stop"), Stop(by="distress", t=0.0)),
    "ended": lambda engine: order_to(engine, "end", ""),
    "without a supervisor": lambda engine: engine.supervisor_gone(),
    "left alone, which is a pause": lambda engine: None,
}


def named(topic, seq=0):
    """Return an identity."""
    return Identity("test", 1, topic, seq)


def order_to(engine, action, value):
    """Give a command."""
    engine.apply(named("command", 1), Command(to="player", action=action, value=value))


def decided(engine, state):
    """Give an answer of the decoder."""
    engine.apply(named("valence"), Valence(state=state, confidence=1.0, usable=True, **VALENCE))


@pytest.mark.fault(49)
@pytest.mark.parametrize("what", HALF_WAY.values(), ids=HALF_WAY)
@pytest.mark.parametrize("preset", ["close", "gentle"])
def test_whatever_comes_in_mid_fade_the_waveform_goes_on(ended_of, preset, what):
    """Constant layers, so that every step is a gain's: none is larger than its ramps' slopes."""
    settings = PlayerSettings(preset=preset, rise=0.5, dwell=0.0)
    engine = Engine(ended_of(9.0, flat=True), settings, session="s")
    sound, out = [], np.empty((BLOCK, 2), dtype=np.float32)

    def go(seconds):
        for _ in range(round(seconds * RATE / BLOCK)):
            engine.render(out)
            sound.append(out.copy())

    decided(engine, "positive")
    go(0.3)
    assert 0.0 < engine._timeline.view(engine.frame).gains[2] < 1.0
    what(engine)
    go(6.0)
    wave = np.concatenate(sound)[1:]
    # Both layers of a fade of 0.12 s (a STOP turns to neutral beneath its silence), the level's
    # ramp of 0.12 s, and the seam of an ending that is the loop turned upside down and halved.
    slope = ((np.pi / 2) ** 2 + np.pi / 2) * 0.5 * crossfade.CAP / (0.12 * RATE)
    slope += 0.75 * crossfade.CAP * (np.pi / 2) / SEAM if what is HALF_WAY["ended"] else 0.0
    assert np.abs(np.diff(wave, axis=0)).max() <= slope
