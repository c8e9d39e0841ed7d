"""Coming back: the section's ending from a bar line, a fade of 15 s, silence, a soft tone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.deciding.presets import Rule
from player.music import homecoming, tone
from player.music.homecoming import LONGEST
from player.music.score import SEAM
from player.settings import BLOCK, RATE, PlayerSettings
from tests.player.music.cut import CutTimeline

BAR = 24_000
SECTION = 4 * BAR


def start(material, preset="close", *, place=0):
    """Return a timeline."""
    return CutTimeline(material, PlayerSettings(preset=preset), place=place)


def play(timeline, frames):
    """Return the next frames."""
    out = np.empty((frames, 2), dtype=np.float32)
    timeline.render(out)
    return out


def marks(timeline):
    """Return what was said, and at which frame."""
    said = ("ending", "rung out", "tone", "over")
    return {mark.why: mark.frame for mark in timeline.marks if mark.why in said}


def test_the_ending_begins_with_the_bar_and_is_heard_to_the_bit(ended_of):
    """Up to the bar the loop, behind the seam the ending, in full until the fade begins."""
    material = ended_of(20.0)
    timeline = start(material)
    out = [play(timeline, 10 * BLOCK)]
    over = timeline.come_back()
    out = np.concatenate([*out, play(timeline, over)])
    loop, ending = (
        x[1] for x in (material.sections[0].sounds[0], material.sections[0].ending.sounds)
    )
    np.testing.assert_array_equal(out[:BAR], loop[:BAR])
    fade = BAR + 5 * RATE
    np.testing.assert_array_equal(out[BAR + SEAM : fade], ending[SEAM : 5 * RATE])
    assert marks(timeline) == {
        "ending": BAR,
        "rung out": BAR + 20 * RATE,
        "tone": BAR + round(20.5 * RATE),
        "over": over,
    }
    assert over == BAR + round(23.5 * RATE)


def test_the_fade_lies_over_the_ringing_and_takes_15_s(ended_of):
    """Constant layers show its law: a raised cosine, then nothing, a tone, and nothing for good."""
    timeline = start(ended_of(20.0, flat=True))
    over = timeline.come_back()
    out = play(timeline, over + RATE)
    fade = np.arange(15 * RATE) / (15 * RATE)
    law = -0.125 * (1 + np.cos(np.pi * fade)) / 2
    assert np.abs(out[5 * RATE : 20 * RATE, 0] - law).max() < 1e-7
    assert not out[20 * RATE : round(20.5 * RATE)].any()
    np.testing.assert_array_equal(out[round(20.5 * RATE) : over], tone.tone("D"))
    assert not out[over:].any()
    assert timeline.view(timeline.frame).level == 0.0


def test_a_short_ending_fades_from_its_beginning(ended_of):
    """It is over when it has rung out, however short."""
    timeline = start(ended_of(8.0, flat=True))
    over = timeline.come_back()
    out = play(timeline, over)
    assert over == round((8 + 0.5 + 3) * RATE)
    assert out[4 * RATE, 0] == pytest.approx(-0.125 / 2, abs=1e-4)


def test_a_far_bar_is_not_waited_for(ended_of):
    """More than 4 s to the next bar: at once; less: the bar."""
    material = ended_of(20.0)
    section = replace(
        material.sections[0],
        n_frames=16 * BAR,
        bars=(0,),
        sounds=(tuple(np.tile(x, (4, 1)) for x in material.sections[0].sounds[0]),),
        rho=(material.sections[0].rho[0][:1],),
    )
    slow = replace(material, sections=(section,))
    for frame, begin in ((RATE, RATE), (4 * RATE - BLOCK, 4 * RATE - BLOCK), (4 * RATE, 8 * RATE)):
        timeline = start(slow)
        play(timeline, frame)
        timeline.come_back()
        assert homecoming.plan(slow, timeline._score, 0, frame).start == begin
        play(timeline, begin + BLOCK - frame)
        assert marks(timeline) == {"ending": begin}


def test_at_a_sections_end_it_is_the_old_sections_ending(ended_of):
    """What comes home is what was heard, not the section that would have begun."""
    material = ended_of(20.0, n_sections=2)
    timeline = start(material)
    head = play(timeline, SECTION - 5 * BLOCK)
    timeline.come_back()
    out = np.concatenate([head, play(timeline, 10 * RATE)])
    ending = material.sections[0].ending.sounds[1]
    np.testing.assert_array_equal(out[SECTION + SEAM :][:BAR], ending[SEAM : SEAM + BAR])
    assert {mark.why for mark in timeline.marks} == {"ending"}
    assert {mark.view.spot.section for mark in timeline.marks} == {0}
    own = np.abs(np.diff(material.sections[0].sounds[0][1], axis=0)).max()
    assert np.abs(np.diff(out, axis=0)).max() <= 1.5 * own + 0.6 * np.pi / 2 / SEAM


def test_a_seam_that_is_heard_is_over_first(ended_of):
    """A bar line within the 10 ms of a seam does not cut it short."""
    material = ended_of(20.0, n_sections=2)
    early = tuple(replace(section, bars=(100, *section.bars[1:])) for section in material.sections)
    material = replace(material, sections=early)
    timeline = start(material, place=SECTION - BLOCK)
    timeline.come_back()
    out = play(timeline, RATE)
    assert marks(timeline) == {"ending": 2 * BLOCK}
    own = np.abs(np.diff(material.sections[0].sounds[0][1], axis=0)).max()
    assert np.abs(np.diff(out, axis=0)).max() <= 2 * own + 0.4 * np.pi / 2 / SEAM


def test_a_loop_that_is_over_within_the_seam_goes_round_underneath(ended_of):
    """A bar line 4 ms before the section's end: what gives way begins again meanwhile."""
    material = ended_of(20.0)
    section = replace(material.sections[0], bars=(0, BAR, 2 * BAR, SECTION - 200))
    timeline = start(replace(material, sections=(section,)), place=100)
    head = play(timeline, 5 * BAR // 2)
    timeline.come_back()
    out = np.concatenate([head, play(timeline, 2 * RATE)])
    assert marks(timeline) == {"ending": SECTION - 300}
    loop = np.roll(section.sounds[0][1], 200, axis=0)[:SEAM]
    rise = (1 - np.cos(np.pi * (np.arange(SEAM) + 0.5) / SEAM))[:, None] / 2
    law = rise * section.ending.sounds[1][:SEAM] + (1 - rise) * loop
    assert np.abs(out[SECTION - 300 :][:SEAM] - law).max() < 1e-6


def test_a_fade_that_runs_goes_on_in_the_ending_and_a_planned_one_is_dropped(ended_of):
    """The mixture is kept; what had not begun never does."""
    timeline = start(ended_of(20.0, flat=True))
    timeline.request("positive", Rule("at once", 2.0))
    play(timeline, 10 * BLOCK)
    timeline.request("negative", Rule("next bar", 1.0))
    timeline.come_back()
    assert not timeline.waiting
    out = play(timeline, 4 * RATE)
    assert timeline.view(timeline.frame).gains == (0.0, 0.0, 1.0)
    assert out[3 * RATE] == pytest.approx([0.0, -0.25])
    steepest = (np.pi / 2) ** 2 * np.sqrt(2) / (2 * RATE) + 0.75 * np.pi / 2 / SEAM
    assert np.abs(np.diff(out, axis=0)).max() <= steepest


def test_neutral_may_still_be_forced(ended_of):
    """The exposure limits and a lost supervisor reach into the ending."""
    timeline = start(ended_of(20.0, flat=True))
    timeline.request("negative", Rule("at once", 0.5))
    play(timeline, RATE)
    timeline.come_back()
    play(timeline, RATE)
    timeline.request("neutral", Rule("at once", 1.0))
    play(timeline, RATE + BLOCK)
    assert timeline.view(timeline.frame).gains == (0.0, 1.0, 0.0)
    before = list(timeline.heard)
    play(timeline, 20 * RATE)
    assert timeline.heard[0] == before[0]
    assert timeline.heard[1] - before[1] < 20 * RATE


def test_without_an_ending_the_loop_fades(flat_of):
    """At once over 15 s, then the tone, in D where the key is not known."""
    timeline = start(flat_of())
    play(timeline, 3 * BLOCK)
    over = timeline.come_back()
    assert over == 3 * BLOCK + round(18.5 * RATE)
    out = play(timeline, over - 3 * BLOCK)
    fade = np.arange(15 * RATE) / (15 * RATE)
    law = 0.25 * (1 + np.cos(np.pi * fade)) / 2
    assert np.abs(out[: 15 * RATE, 0] - law).max() < 1e-7
    np.testing.assert_array_equal(out[round(15.5 * RATE) :], tone.tone("D"))
    assert marks(timeline) == {
        "rung out": 3 * BLOCK + 15 * RATE,
        "tone": 3 * BLOCK + round(15.5 * RATE),
    }


def test_asked_for_twice_it_goes_on_as_it_does(ended_of):
    """The second order changes nothing, wherever it comes."""
    once, twice = (start(ended_of(9.0)) for _ in range(2))
    over = once.come_back()
    assert twice.come_back() == over
    head = play(twice, 100 * BLOCK)
    assert twice.come_back() == over
    np.testing.assert_array_equal(
        np.concatenate([head, play(twice, over - 100 * BLOCK)]), play(once, over)
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10 * SECTION), st.floats(0.01, 60.0), st.booleans())
def test_the_whole_is_bounded(ended_of, place, seconds, ends):
    """However long the ending and wherever the music is: 30 s at most, and everything in order."""
    material = ended_of(1.0, n_sections=2)
    sections = tuple(
        replace(s, ending=replace(s.ending, n_frames=round(seconds * RATE)) if ends else None)
        for s in material.sections
    )
    material = replace(material, sections=sections)
    timeline = start(material, place=place)
    home = homecoming.plan(material, timeline._score, place, 0)
    assert 0 <= home.start <= home.fade < home.silent < home.tone < home.over
    assert home.over <= LONGEST * RATE + SEAM <= 30 * RATE
    assert home.silent - home.fade <= 15 * RATE
    assert home.start < home.wrap
