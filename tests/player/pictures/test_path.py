"""The path through the pictures: where it leads, how fast, and that it says enough of it."""

from __future__ import annotations

import math
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.music.crossfade import only, turn
from player.pictures.path import DISSOLVE, FASTEST, LIGHT, MOVING, RESTING, Path, Strip, place_of
from player.settings import BLOCK, RATE
from rym.messages import Shown

NEGATIVE, NEUTRAL, POSITIVE = (only(layer) for layer in range(3))
RAMP = Strip((-1.0, 0.0, 1.0), (0.2, 0.3, 0.4))
DARK = Strip((-1.0, 1.0), (0.05, 0.1))
BRIGHT = Strip((-1.0, 1.0), (0.5, 0.95))


def walk(path, heard):
    """Step through (gains, section, calm) of every control block; return (places, said)."""
    places, said = [], []
    for k, (gains, section, calm) in enumerate(heard):
        places.append(path.place)
        shown = path.step(k * BLOCK, gains, section, calm=calm)
        if shown:
            said.append(shown)
    return places, said


def blocks(seconds, gains, section=0, *, calm=False):
    """Return what is heard for some seconds."""
    return [(gains, section, calm)] * round(seconds * RATE / BLOCK)


def between(said, frame):
    """Return what a page shows at a frame: a straight line between two that were said."""
    before = max((s for s in said if s.frame <= frame), key=lambda s: s.frame)
    after = min((s for s in said if s.frame > frame), key=lambda s: s.frame, default=None)
    if after is None:
        return before.valence
    share = (frame - before.frame) / (after.frame - before.frame)
    return before.valence + share * (after.valence - before.valence)


def light(strips, place):
    """Return the mean luminance of what is seen."""
    there = strips[place.scene].luminance(place.valence)
    return place.share * there + (1 - place.share) * strips[place.before].luminance(place.valence)


@pytest.mark.parametrize("t", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_place_moves_as_evenly_as_the_fade(t: float) -> None:
    """The picture is as far as the fade's angle, from neutral and from pole to pole alike."""
    angle = (1 - math.cos(math.pi * t)) / 2
    assert place_of(turn(NEUTRAL, 2, t)) == pytest.approx(angle)
    assert place_of(turn(NEUTRAL, 0, t)) == pytest.approx(-angle)
    assert place_of(turn(NEGATIVE, 2, t)) == pytest.approx(2 * angle - 1)


def test_level_and_correlation_do_not_move_the_picture() -> None:
    """Only the direction of the gains counts; silence is neutral."""
    assert place_of((0.0, 0.3, 0.3)) == pytest.approx(0.5)
    assert place_of((0.0, 1.3, 1.3)) == pytest.approx(0.5)
    assert place_of((0.0, 0.0, 0.0)) == 0.0


def test_it_arrives_and_rests() -> None:
    """A cut in sound is a glide in sight, at its own pace, to the very end."""
    places, said = walk(Path((RAMP,), 0), blocks(5, POSITIVE))
    reached = next(k for k, place in enumerate(places) if place.valence == 1.0)
    assert reached * BLOCK / RATE == pytest.approx(1 / FASTEST, abs=0.02)
    assert said[-1].valence == 1.0


def test_a_gentle_fade_is_followed() -> None:
    """Where a fade of five seconds is half-way heard, its picture is within 0.15 of half-way."""
    n = 5 * RATE // BLOCK
    heard = [(turn(NEUTRAL, 2, k / n), 0, False) for k in range(n)]
    places, _ = walk(Path((RAMP,), 0), heard)
    assert places[n // 2].valence == pytest.approx(0.5, abs=0.15)


def test_scenes_dissolve_once_begun_to_their_end() -> None:
    """A section that comes in the middle waits; of several the newest counts."""
    strips = (RAMP, RAMP, RAMP)
    heard = blocks(1, NEUTRAL, 0) + blocks(1, NEUTRAL, 1) + blocks(1, NEUTRAL, 0)
    places, said = walk(Path(strips, 0), heard + blocks(8, NEUTRAL, 2))
    pairs = [(p.before, p.scene) for p in places]
    assert [a for a, b in pairwise(pairs) if a != b] == [(0, 0), (0, 1), (1, 1), (1, 2)]
    first = pairs.index((0, 1))
    assert pairs.index((1, 1)) - first == pytest.approx(DISSOLVE / BLOCK, abs=2)
    assert said[-1].scene == said[-1].before == 2
    shares = [p.share for p in places[first : pairs.index((1, 1))]]
    assert shares == sorted(shares)


def test_during_a_dissolve_valence_goes_at_half_the_pace() -> None:
    """Both together stay within what the page allows, so that it need not hold either back."""
    places, _ = walk(Path((RAMP, RAMP), 0), blocks(1, NEGATIVE, 1))
    assert places[-1].valence == pytest.approx(-FASTEST / 2, rel=0.02)


def test_sections_take_the_scenes_in_turn() -> None:
    """Section s is seen in scene s modulo their number; one scene never dissolves."""
    assert Path((RAMP, RAMP), 5).place.scene == 1
    places, _ = walk(Path((RAMP,), 0), blocks(1, NEUTRAL, 0) + blocks(6, NEUTRAL, 3))
    assert {(p.scene, p.before, p.share) for p in places} == {(0, 0, 1.0)}


def test_what_is_not_to_be_followed_leads_to_neutral_slowly() -> None:
    """In SAFE, in STOP and in silence the gains do not count; it takes its time and stays."""
    places, _ = walk(Path((RAMP,), 0), blocks(4, NEGATIVE) + blocks(10, NEGATIVE, calm=True))
    begin = 4 * RATE // BLOCK
    assert places[begin].valence == -1.0
    back = next(k for k in range(begin, len(places)) if places[k].valence == 0.0)
    assert (back - begin) * BLOCK / RATE > 5
    assert places[-1].valence == 0.0


def test_it_is_said_each_second_at_rest_and_each_tenth_in_motion() -> None:
    """At rest once a second; while something moves ten times; and where it begins."""
    heard = blocks(3.55, NEUTRAL) + blocks(1.0, POSITIVE)
    _, said = walk(Path((RAMP,), 0), heard)
    frames = [s.frame for s in said]
    assert frames[:4] == [0, RESTING, 2 * RESTING, 3 * RESTING]
    begin = round(3.55 * RATE)
    assert frames[4:7] == [begin, begin + MOVING, begin + 2 * MOVING]
    assert said[4].valence == 0.0 < said[5].valence


CHANGES = st.lists(
    st.tuples(
        st.integers(1, 300),
        st.sampled_from([NEGATIVE, NEUTRAL, POSITIVE, (0.0, 0.8, 0.6), (0.6, 0.0, 0.8)]),
        st.integers(0, 4),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.fault(53)
@settings(max_examples=60, deadline=None)
@given(CHANGES)
def test_whatever_is_heard_the_light_changes_slowly(changes) -> None:
    """No storm of changes moves valence, dissolve or mean luminance faster than their limits."""
    strips = (RAMP, DARK, BRIGHT)
    heard = [(gains, section, calm) for n, gains, section, calm in changes for _ in range(n)]
    places, said = walk(Path(strips, 0), heard)
    step = BLOCK / RATE
    for a, b in pairwise(places):
        assert abs(b.valence - a.valence) <= FASTEST * step + 1e-12
        assert abs(light(strips, b) - light(strips, a)) <= LIGHT * step + 1e-9
    for p in places:
        assert -1.0 <= p.valence <= 1.0
        assert 0.0 <= p.share <= 1.0
    assert all(a.frame < s.frame for a, s in pairwise(said))
    in_any_second = max(sum(a <= s.frame < a + RATE for s in said) for a in (s.frame for s in said))
    assert in_any_second <= 14
    for k in range(0, len(places) - 10, 7):
        if said and said[-1].frame > k * BLOCK:
            assert between(said, k * BLOCK) == pytest.approx(places[k].valence, abs=0.03)


@settings(max_examples=20, deadline=None)
@given(CHANGES)
def test_the_same_is_said_again(changes) -> None:
    """What is said is a function of what is heard."""
    heard = [(gains, section, calm) for n, gains, section, calm in changes for _ in range(n)]
    one, other = (walk(Path((RAMP, DARK), 1), heard)[1] for _ in range(2))
    assert one == other
    assert all(isinstance(shown, Shown) for shown in one)


def test_a_strip_without_sense_does_not_stop_it() -> None:
    """No frames, one frame, or a jump in light: it goes on, or stays where the jump is."""
    jump = Strip((-1.0, 0.5, 0.5000001, 1.0), (0.0, 0.0, 1.0, 1.0))
    for strip in (Strip((), ()), Strip((0.0,), (0.4,)), jump):
        places, _ = walk(Path((strip,), 0), blocks(5, POSITIVE))
        assert places[-1].valence >= 0.49


def test_an_hour_of_it_costs_seconds() -> None:
    """A step takes far less than a hundredth of its control block."""
    path, n = Path((RAMP, DARK), 0), 6000
    gains = [turn(NEUTRAL, 2, 0.5 + 0.5 * math.sin(k / 100)) for k in range(n)]
    began = time.process_time()
    for k in range(n):
        path.step(k * BLOCK, gains[k], k // 1000, calm=False)
    assert (time.process_time() - began) / n < 0.01 * BLOCK / RATE


def test_luminance_is_read_off_the_strip() -> None:
    """Straight lines between frames, the ends beyond them."""
    at = np.linspace(-1.2, 1.2, 25)
    expected = np.interp(at, RAMP.valences, RAMP.luminances)
    assert [RAMP.luminance(v) for v in at] == pytest.approx(list(expected))
