"""The timeline: exact frames, no click, no allocation, the same bits in any block size."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.deciding.presets import Rule
from player.music.score import Score
from player.settings import BLOCK, RATE, PlayerSettings
from rym.messages import AFFECTS
from tests.player.music.cut import CutTimeline

BAR = 24_000
BARS = 4
SECTION = BAR * BARS


def start(material, preset="gentle", *, place=0):
    """Return a timeline of one preset."""
    return CutTimeline(material, PlayerSettings(preset=preset), place=place)


def play(timeline, seconds):
    """Return the next seconds."""
    out = np.empty((round(seconds * RATE), 2), dtype=np.float32)
    timeline.render(out)
    return out


def play_with(timeline, events, tail=200):
    """Render control blocks, asking in between, and return all frames."""
    blocks = []
    for wait, affect, forced in events:
        for _ in range(wait):
            blocks.append(play(timeline, BLOCK / RATE))
        timeline.request(affect, Rule("at once", 1.5) if forced else None)
    for _ in range(tail):
        blocks.append(play(timeline, BLOCK / RATE))
    return np.concatenate(blocks)


@pytest.mark.parametrize("preset", ["close", "gentle", "paper"])
def test_the_sizes_asked_for_do_not_change_a_bit(material, preset):
    """Blocks of 1, 7, 480, 481 and 4800 frames give the same frames, requests included."""
    asked = {0: "positive", 30_000: "negative", 90_000: "neutral"}
    n = 150_000
    results = []
    for size in (1, 7, 480, 481, 4800):
        timeline = start(material, preset)
        out = np.empty((n, 2), dtype=np.float32)
        waiting = dict(asked)
        done = 0
        while done < n:
            for frame in [f for f in waiting if f <= timeline.frame]:
                timeline.request(waiting.pop(frame))
            # A request counts from a control block's border: nobody may render past it before.
            border = min([f for f in waiting if f > timeline.frame], default=n)
            take = min(size, n - done, max(1, border - done))
            timeline.render(out[done : done + take])
            done += take
        results.append(out)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("preset", ["close", "gentle"])
def test_the_level_heard_stays_within_half_a_db(material_of, rho, preset):
    """Steady signals of known correlation keep their RMS through fades and a retarget."""
    timeline = start(material_of(rho), preset)
    events = [(30, "positive", False), (100, "neutral", False), (30, "negative", False)]
    out = play_with(timeline, events).astype(np.float64)
    power = (out[: len(out) // 6000 * 6000, 0] ** 2).reshape(-1, 6000).mean(axis=1)
    levels = 10 * np.log10(power / 0.05**2)
    assert np.abs(levels).max() < 0.5


def test_rendering_allocates_nothing(ended_of):
    """Fades, glides, seams, an ending and its tone: a peak of 64 KiB that does not grow."""
    timeline = start(ended_of(10.0, 0.0, 2), "close")
    out = np.empty((160, 2), dtype=np.float32)
    timeline.render(out)
    peaks = []
    tracemalloc.start()
    try:
        for k in range(10_000):
            if k % 100 == 0:
                timeline.request(AFFECTS[k // 100 % 3]) if k % 200 else timeline.glide(0.3)
            if k == 6000:
                timeline.come_back()
            timeline.render(out)
            timeline.marks.clear()
            if k % 2500 == 2499:
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
    assert max(peaks) <= 64 * 1024
    assert max(peaks[1:]) <= peaks[0] + 2048


def test_a_gentle_change_begins_on_the_bar_and_lasts_one(flat_of):
    """Asked for within 2.5 s of a bar, the first frame that differs is the bar's first but one."""
    timeline = start(flat_of())
    events = [(13, "positive", False)]
    out = play_with(timeline, events, tail=120)
    assert np.flatnonzero(np.abs(out - 0.25).max(axis=1) > 0)[0] in range(BAR, BAR + 100)
    np.testing.assert_array_equal(out[: BAR + 1], np.float32(0.25))
    np.testing.assert_array_equal(out[2 * BAR :, 0], np.float32(0.0))
    assert out[2 * BAR - 100, 0] > 0.0
    fades = [(m.frame, m.why) for m in timeline.marks if m.why != "section"]
    assert fades == [(BAR, "fade"), (BAR + BAR // 2, "half-way"), (2 * BAR, "faded")]


@pytest.fixture
def slow(material_of):
    """Return material of one long bar, whose beats are a second apart."""
    fast = material_of()
    section = fast.sections[0]
    one_bar = type(section)(
        section.n_frames * 2,
        (0,),
        tuple(range(0, section.n_frames * 2, 48_000)),
        tuple(tuple(np.concatenate([s, s]) for s in v) for v in section.sounds),
        tuple(v[:1] for v in section.rho),
    )
    return type(fast)(fast.affects, (one_bar,))


def test_a_far_bar_gives_way_to_the_next_beat(slow):
    """Where the next bar is more than 2.5 s away, a gentle change begins on the beat."""
    timeline = start(slow)
    play(timeline, 0.1)
    timeline.request("positive")
    play(timeline, 2)
    assert [(m.frame, m.why) for m in timeline.marks] == [(48_000, "fade")]


@pytest.mark.parametrize(
    ("preset", "asked", "begin", "length"),
    [
        ("close", 0, 0, 19_200),
        ("close", 2, 24_000, 19_200),
        ("close", 50, 24_000, 19_200),
        ("close", 51, 48_000, 19_200),
        ("paper", 2, 960, 1920),
    ],
)
def test_close_begins_on_the_half_beat_and_paper_at_once(slow, preset, asked, begin, length):
    """`close`: next beat, or midway between two, 0.4 s; `paper`: this block, 40 ms."""
    timeline = start(slow, preset)
    play_with(timeline, [(asked, "negative", False)], tail=150)
    marks = {m.why: m.frame for m in timeline.marks if m.why != "section"}
    assert marks["fade"] == begin
    assert marks["faded"] == begin + length


def test_opposites_are_parted_by_a_bar_of_neutral(flat_of):
    """Gentle: negative → one bar's fade → one bar of neutral → positive; `close` goes directly."""
    timeline = start(flat_of())
    play_with(timeline, [(0, "negative", False), (120, "positive", False)], tail=250)
    steps = [(m.view.fade.to, m.frame) for m in timeline.marks if m.why == "fade"]
    assert steps == [("negative", 0), ("neutral", 3 * BAR), ("positive", 5 * BAR)]
    direct = start(flat_of(), "close")
    play_with(direct, [(0, "negative", False), (120, "positive", False)], tail=250)
    assert [m.view.fade.to for m in direct.marks if m.why == "fade"] == ["negative", "positive"]


def test_the_way_through_neutral_may_be_turned_there(flat_of):
    """Asking for the old affect in the bar of neutral goes back, without the opposite."""
    timeline = start(flat_of())
    play_with(timeline, [(0, "negative", False), (120, "positive", False)], tail=90)
    assert timeline.heading == "neutral"
    assert timeline.waiting
    timeline.request("negative")
    play(timeline, 3)
    steps = [m.view.fade.to for m in timeline.marks if m.why == "fade"]
    assert steps == ["negative", "neutral", "negative"]


def test_a_request_withdrawn_before_its_bar_is_dropped(flat_of):
    """Nothing is heard of a change that was taken back in time."""
    timeline = start(flat_of())
    out = play_with(timeline, [(5, "positive", False), (10, "neutral", False)], tail=200)
    np.testing.assert_array_equal(out, np.float32(0.25))
    assert not [m for m in timeline.marks if m.why == "fade"]


def test_a_retarget_starts_from_the_gains_that_are_heard(flat_of):
    """In mid-fade the third layer comes in while both others go; no gain jumps."""
    timeline = start(flat_of(), "close")
    play_with(timeline, [(0, "negative", False)], tail=25)
    before = timeline.view(timeline.frame).gains
    timeline.request("positive", Rule("at once", 0.5))
    timeline.settle()
    assert timeline.view(timeline.frame).gains == pytest.approx(before)
    play(timeline, 0.25)
    gains = timeline.view(timeline.frame).gains
    assert all(g > 0.05 for g in gains)
    play(timeline, 0.3)
    assert timeline.view(timeline.frame).gains == (0.0, 0.0, 1.0)


def test_sections_advance_at_whole_loops_and_come_back_in_the_other_variant(material):
    """Order: sections of variant 0, then of variant 1, then again; `loops` repeats each."""
    for loops, order in (
        (1, [(0, 0), (1, 0), (0, 1), (1, 1), (0, 0)]),
        (2, [(0, 0), (0, 0), (1, 0), (1, 0), (0, 1)]),
    ):
        score = Score(material, loops)
        spots = [score.spot(k * SECTION) for k in range(5)]
        assert [(s.section, s.variant) for s in spots] == order
        assert [s.position for s in spots] == [0] * 5
        assert score.spot(SECTION - 1).position == SECTION - 1


def test_the_middle_of_a_section_is_the_clip_itself(material):
    """Away from seams and fades the rendered frames are the clip's, to the bit."""
    timeline = start(material)
    out = play(timeline, 4.5)
    for section, begin in ((0, 0), (1, SECTION)):
        clip = material.sections[section].sounds[0][1]
        edge = 0 if section == 0 else BLOCK
        end = min(SECTION, len(out) - begin)
        np.testing.assert_array_equal(out[begin + edge : begin + end], clip[edge:end])


def test_a_seam_between_sections_does_not_break_the_waveform(material):
    """Unlike sections meet without a step larger than the sound's own."""
    out = play(start(material), 4.2)
    own = np.abs(np.diff(material.sections[0].sounds[0][1], axis=0)).max()
    assert np.abs(np.diff(out, axis=0)).max() <= 2 * own + 0.4 * np.pi / 2 / BLOCK


def test_a_place_in_the_music_is_where_it_would_be(material):
    """A timeline that starts late renders what the first one renders there."""
    whole = play(start(material), 20)
    late = play(start(material, place=700_001), 2)
    np.testing.assert_array_equal(whole[700_001 : 700_001 + len(late)], late)


@given(st.integers(0, 10 * SECTION))
def test_the_grid_agrees_with_a_plain_search(material, m):
    """Next bar, beat, half-beat and the bar's length equal what stepping through bars gives."""
    score = Score(material, 1)
    assert score.next_bar(m) == -(-m // BAR) * BAR
    assert score.next_beat(m) == -(-m // (BAR // 4)) * (BAR // 4)
    assert score.next_half_beat(m) == -(-m // (BAR // 8)) * (BAR // 8)
    assert score.bar_length(m) == BAR


def test_an_affect_that_the_bank_lacks_is_refused(material):
    """The caller decides what stands in for it."""
    poor = type(material)(("neutral", "positive"), material.sections)
    with pytest.raises(ValueError, match="not 'negative'"):
        start(poor).request("negative")
