"""What the frames of a strip share, and where they stand along valence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from generator.models import strips
from rym.errors import FormatError

pictures = st.lists(arrays(np.uint8, (6, 8, 3)), min_size=2, max_size=9)
blackness = arrays(np.bool_, st.tuples(st.integers(1, 4), st.integers(3, 7)))


def plain(value: int) -> strips.Picture:
    """Return a picture of one grey."""
    return np.full((4, 4, 3), value, np.uint8)


@given(pictures)
def test_places_rise_from_one_end_to_the_other(strip) -> None:
    """Whatever the pictures show, equal ones included, places rise strictly from −1 to 1."""
    places = np.array(strips.places(strip))
    assert places[0] == -1.0
    assert places[-1] == 1.0
    assert (np.diff(places) > 0).all()
    if len(strip) % 2:
        assert places[len(strip) // 2] == 0.0


def test_places_follow_what_is_seen() -> None:
    """Where pictures change twice as much, their places lie twice as far apart."""
    strip = [plain(value) for value in (0, 20, 60, 100, 180)]
    assert strips.places(strip) == pytest.approx((-1.0, -2 / 3, 0.0, 1 / 3, 1.0), abs=0.02)


@given(blackness, st.integers(0, 6))
def test_a_strip_comes_from_the_first_draws_that_leave_it_clean(black, first) -> None:
    """All frames share the first draws without a black frame, whichever frame was asked first."""
    tries, n_frames = black.shape

    def make(draws: int, frame: int) -> strips.Picture | None:
        return None if black[draws, frame] else plain(10 * draws + frame)

    clean = np.flatnonzero(~black.any(axis=1))
    if not clean.size:
        with pytest.raises(FormatError, match=f"each of {tries} draws"):
            strips.clean_strip(make, n_frames, tries, first % n_frames)
        return
    strip = strips.clean_strip(make, n_frames, tries, first % n_frames)
    assert [int(x[0, 0, 0]) for x in strip] == [10 * clean[0] + k for k in range(n_frames)]


def test_what_is_kept_is_not_made_again(tmp_path) -> None:
    """A build that goes on makes only frames that are missing or cut off; black is kept, too."""
    asked = []

    def make(draws: int, frame: int) -> strips.Picture | None:
        asked.append((draws, frame))
        return None if (draws, frame) == (0, 2) else plain(50 * draws + frame)

    def go_on(origin: str = "a" * 64) -> list[strips.Picture]:
        asked.clear()
        return strips.clean_strip(strips.Kept(tmp_path, origin).through(make), 4, 2, 0)

    first = go_on()
    assert asked == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3)]
    np.testing.assert_array_equal(go_on(), first)
    assert asked == []
    torn = sorted(tmp_path.glob("*-1-3.npy"))[0]
    torn.write_bytes(torn.read_bytes()[:-5])
    np.testing.assert_array_equal(go_on(), first)
    assert asked == [(1, 3)]
    go_on("b" * 64)
    assert len(asked) == 7, "frames of another origin are not taken"


def test_other_strips_begin_from_other_noise() -> None:
    """Memory, scene, take and draws each change the seed, and nothing else does."""
    places = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    seeds = [strips.draw_seed(*place) for place in places]
    assert len(set(seeds)) == len(seeds)
    assert seeds == [strips.draw_seed(*place) for place in places]


@settings(max_examples=30)
@given(st.integers(0, 255), st.floats(0.0, 0.05))
def test_black_is_what_nobody_can_see(level, part) -> None:
    """A dim picture is none; one that is dark but for less than a hundredth of its pixels is."""
    picture = np.full((40, 50, 3), 3, np.uint8)
    picture.reshape(-1, 3)[: round(part * 2000)] = level
    seen = level >= strips.BLACK and part > 0.011
    if abs(part - 0.01) > 0.002:
        assert strips.is_black(picture) is not seen


def test_outlines_lie_where_light_changes() -> None:
    """The edge of a hill is drawn, flat sky and flat ground are not."""
    picture = np.full((60, 80, 3), 40, np.uint8)
    picture[:30] = 200
    lines = strips.outlines(picture)
    assert lines[28:32].mean() > 0.4
    assert lines[:24].sum() + lines[36:].sum() == 0
    assert strips.outlines(plain(90)).sum() == 0
