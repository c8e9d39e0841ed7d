"""The continuous mix: smooth, bounded, and never on the side that nobody asked for."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.deciding.presets import Rule
from player.music.glide import GATHER, SWING, Glide, place_of
from player.settings import BLOCK, RATE, PlayerSettings
from rym.messages import AFFECTS
from tests.player.music.cut import CutTimeline

PER_S = RATE / BLOCK

valences = st.sampled_from([-1.0, 0.0, 0.0, 1.0]) | st.floats(-1.0, 1.0)
courses = st.lists(st.tuples(valences, st.integers(1, 300)), min_size=1, max_size=30)


def run(course):
    """Return the glide and every place and speed it went through."""
    glide, seen = Glide(), [(0.0, 0.0)]
    for valence, blocks in course:
        glide.target = place_of(valence)
        for _ in range(blocks):
            glide.step()
            seen.append((glide.at, glide.speed))
    return glide, np.array(seen)


@given(courses)
@settings(max_examples=60, deadline=None)
def test_speed_and_acceleration_are_bounded_and_neutral_is_never_passed(course):
    """Whatever is asked for: between poles it comes to rest at neutral, and never leaves −1…1."""
    _, seen = run(course)
    at, speed = seen.T
    assert np.abs(at).max() <= 1.0
    assert np.abs(speed).max() * PER_S <= (1 + 1e-9) / SWING
    assert np.abs(np.diff(speed)).max() * PER_S**2 <= (1 + 1e-9) / (SWING * GATHER)
    assert (at[1:] * at[:-1] >= 0.0).all()
    # What was gone is the mean of both speeds: so every block is a parabola, without a kink.
    gone = np.diff(at) - (speed[1:] + speed[:-1]) / 2
    assert np.abs(gone).max() <= 2e-9


@given(courses, valences)
@settings(max_examples=60, deadline=None)
def test_it_arrives_exactly_and_rests(course, valence):
    """From anywhere, at any speed, in bounded time; to neutral not later than it says."""
    glide, _ = run(course)
    target = place_of(valence)
    glide.target = target
    within = glide.to_neutral() // BLOCK
    n = 0
    while (glide.at, glide.speed) != (target, 0.0):
        glide.step()
        n += 1
        assert n < 2.5 * (SWING + 2 * GATHER) * PER_S
    assert target or n <= within
    glide.step()
    assert glide.still


@given(courses, st.integers(0, BLOCK))
@settings(max_examples=40, deadline=None)
def test_the_course_of_a_block_leads_from_its_beginning_to_its_end(course, i):
    """Frame by frame it is one parabola, whatever frame it is begun at."""
    glide, seen = run(course)
    place, slope, bend = glide.course(i)
    rest = BLOCK - i
    assert place + slope * rest + bend * rest * rest / 2 == pytest.approx(abs(glide.at), abs=2e-9)
    assert glide.course(0)[0] == pytest.approx(abs(seen[-2][0]), abs=2e-9)


def start(material, preset="close"):
    """Return a timeline."""
    return CutTimeline(material, PlayerSettings(preset=preset, mix="continuous"))


def play(timeline, seconds):
    """Return the next seconds."""
    out = np.empty((round(seconds * RATE), 2), dtype=np.float32)
    timeline.render(out)
    return out


def gains(timeline):
    """Return what is heard now."""
    return timeline.view(timeline.frame).gains


@pytest.mark.parametrize("valence", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_the_angle_is_in_proportion_to_the_valence(flat_of, valence, rho):
    """|v| · 90° from neutral, on either side, and the third layer is not heard."""
    for sign, pole, other in ((1, 2, 0), (-1, 0, 2)):
        timeline = start(flat_of((rho,) * 4))
        timeline.glide(sign * valence)
        play(timeline, 6)
        heard = gains(timeline)
        assert math.degrees(math.atan2(heard[pole], heard[1])) == pytest.approx(90 * valence)
        assert heard[other] == 0.0
        power = heard[pole] ** 2 + heard[1] ** 2 + 2 * rho * heard[pole] * heard[1]
        assert power == pytest.approx(1.0)
        assert timeline.heading == AFFECTS[pole]
        assert timeline.heard[other] == 0


def test_a_whole_swing_takes_at_least_4_s_and_ends_with_the_pole_alone(material_of):
    """And the pole is its clip, to the bit; 0 is neutral's."""
    material = material_of()
    timeline = start(material)
    timeline.glide(1.0)
    play(timeline, 4.0)
    assert gains(timeline)[1] > 0.0
    play(timeline, 1.0)
    assert gains(timeline) == (0.0, 0.0, 1.0)
    loop = material.sections[0].sounds[0]
    np.testing.assert_array_equal(play(timeline, 1.0), np.roll(loop[2], -RATE, 0)[:RATE])
    timeline.glide(0.0)
    play(timeline, 6.0)
    assert timeline.heading == "neutral"
    counted = list(timeline.heard)
    np.testing.assert_array_equal(play(timeline, 1.0), loop[1][:RATE])
    assert [b - a for a, b in zip(counted, timeline.heard, strict=True)] == [0, RATE, 0]


def test_the_gains_bend_less_than_in_a_fade_of_a_second(flat_of):
    """From pole to pole and turned on the way: the angle's second difference, frame by frame."""
    timeline = start(flat_of())
    sound = []
    for valence, seconds in ((1.0, 3.0), (-1.0, 6.0), (0.4, 1.0), (-0.3, 3.0), (1.0, 8.0)):
        timeline.glide(valence)
        sound.append(play(timeline, seconds))
    left, right = np.concatenate(sound).astype(np.float64).T
    # Left is g₋/2 + g₀/4, right g₊/2 + g₀/4, and one of both poles is silent.
    neutral = 4 * np.minimum(left, right)
    angle = np.arctan2(2 * (right - left), neutral)[::BLOCK]
    assert angle.max() > 1.5
    assert angle.min() < -0.7
    fade_of_a_second = np.pi / 4 * (np.pi / PER_S) ** 2
    assert np.abs(np.diff(angle, 2)).max() < 0.3 * fade_of_a_second


def test_on_the_way_to_the_other_pole_it_comes_through_neutral(flat_of):
    """For a moment neutral is alone, and a pole that was only passed towards is never heard."""
    timeline = start(flat_of())
    timeline.glide(0.7)
    play(timeline, 3)
    timeline.glide(-1.0)
    seen = [gains(timeline)]
    while timeline.heard[0] == 0:
        play(timeline, BLOCK / RATE)
        seen.append(gains(timeline))
    assert all(b[2] <= a[2] + 1e-12 for a, b in pairwise(seen[60:]))
    assert any(g == (0.0, 1.0, 0.0) for g in seen)
    timeline = start(flat_of())
    timeline.glide(0.7)
    play(timeline, 3)
    timeline.glide(-1.0)
    play(timeline, 1)
    timeline.glide(0.0)
    play(timeline, 9)
    assert timeline.heard[0] == 0
    assert gains(timeline) == (0.0, 1.0, 0.0)


def test_a_forced_neutral_comes_first_and_is_gone_back_from_when_it_is_over(flat_of):
    """`request` interrupts the glide at any gain; what is said meanwhile is followed afterwards."""
    timeline = start(flat_of())
    timeline.glide(-0.8)
    play(timeline, 2.5)
    before = gains(timeline)
    timeline.request("neutral", Rule("at once", 1.5))
    timeline.settle()
    assert gains(timeline) == pytest.approx(before)
    timeline.glide(0.5)
    assert timeline.heading == "neutral"
    play(timeline, 1.5)
    timeline.settle()
    assert gains(timeline) == (0.0, 1.0, 0.0)
    assert timeline.heard[2] == 0
    play(timeline, 5)
    assert gains(timeline)[2] == pytest.approx(gains(timeline)[1])


def test_without_a_word_neutral_stays_after_a_forced_end(flat_of):
    """The valence from before a forced neutral is not gone back to."""
    timeline = start(flat_of())
    timeline.glide(-0.8)
    play(timeline, 2.5)
    timeline.request("neutral", Rule("at once", 0.5))
    play(timeline, 9)
    assert gains(timeline) == (0.0, 1.0, 0.0)


def test_until_a_planned_fade_begins_the_glide_goes_on(flat_of):
    """A preset's way out waits for its beat; asking for what is heading drops it again."""
    timeline = start(flat_of())
    timeline.glide(0.6)
    play(timeline, 2.51)
    timeline.request("neutral")
    assert timeline.waiting
    assert timeline.heading == "positive"
    timeline.glide(-1.0)
    assert timeline.heading == "positive"
    timeline.request("positive")
    assert not timeline.waiting
    play(timeline, 6)
    assert math.degrees(math.atan2(gains(timeline)[2], gains(timeline)[1])) == pytest.approx(54)


def test_leaving_a_pole_says_until_when_it_is_heard(flat_of):
    """`fade_end` is not before the pole is silent, and at most a second late."""
    for away in (0.0, -1.0):
        timeline = start(flat_of())
        timeline.glide(0.9)
        play(timeline, 2)
        timeline.glide(away)
        assert timeline.heading != "positive"
        said = timeline.fade_end
        while gains(timeline)[2] > 0.0:
            play(timeline, BLOCK / RATE)
        assert said - 1.2 * RATE < timeline.frame <= said


def test_a_valence_that_is_none_is_refused(material_of):
    """Outside −1…1, no number, or towards a pole that the bank lacks."""
    material = material_of()
    for valence in (1.01, -2.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="must lie within"):
            start(material).glide(valence)
    poor = type(material)(("neutral", "positive"), material.sections)
    start(poor).glide(0.3)
    start(poor).glide(0.0)
    with pytest.raises(ValueError, match="not 'negative'"):
        start(poor).glide(-0.3)
