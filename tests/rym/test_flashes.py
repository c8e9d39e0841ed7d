"""Flashes as WCAG 2.3.1 counts them."""

from __future__ import annotations

import numpy as np
import pytest

from rym.flashes import LINEAR, LUMINANCE, MAX_FLASHES, Redness, flashes, flashes_of, steepness

FPS = 24
SIZE = (36, 64)
WHITE, BLACK, GRAY = (255, 255, 255), (0, 0, 0), (128, 128, 128)
RED, GREEN = (230, 0, 0), (0, 133, 0)
"""A saturated red, and a green of the same relative luminance."""


def even(colour: tuple[int, int, int], share: float = 1.0) -> np.ndarray:
    """Return a gray picture whose middle part, a share of its area, has one colour."""
    picture = np.full((*SIZE, 3), GRAY, np.uint8)
    high, wide = (round(side * share**0.5) for side in SIZE)
    top, left = (SIZE[0] - high) // 2, (SIZE[1] - wide) // 2
    picture[top : top + high, left : left + wide] = colour
    return picture


def blinking(per_s: int, one, other, share: float = 1.0, seconds: int = 3) -> list[np.ndarray]:
    """Return a picture that blinks so many times a second."""
    half = FPS / per_s / 2
    pair = [even(one, share), even(other, share)]
    return [pair[int(k / half) % 2] for k in range(seconds * FPS)]


@pytest.mark.parametrize("per_s", [1, 2, 3, 4, 6, 12])
def test_blinking_is_counted(per_s: int) -> None:
    """Black and white that alternate n times a second are n flashes."""
    assert flashes_of(blinking(per_s, BLACK, WHITE), FPS) == per_s


@pytest.mark.fault(53)
@pytest.mark.parametrize(
    ("frames", "refused"),
    [
        (blinking(3, BLACK, WHITE), False),
        (blinking(4, BLACK, WHITE), True),
        (blinking(4, RED, GREEN), True),
        (blinking(3, RED, GREEN), False),
        (blinking(6, (120, 120, 120), (134, 134, 134)), False),
        (blinking(6, (240, 240, 240), WHITE), False),
        (blinking(6, BLACK, WHITE, share=0.01), False),
        (blinking(6, BLACK, WHITE, share=0.05), True),
        (blinking(6, GREEN, (0, 60, 200)), False),
    ],
    ids=["three", "four", "red", "three red", "faint", "bright", "small", "large", "not red"],
)
def test_more_than_three_flashes_are_refused(frames: list[np.ndarray], refused: bool) -> None:
    """General and red flashes count over a quarter of a 10° field, faint or small ones do not."""
    assert (flashes_of(frames, FPS) > MAX_FLASHES) is refused


def test_red_and_green_have_one_luminance() -> None:
    """The red flash of the test is none by luminance."""
    red, green = (float(LINEAR[np.array(colour)] @ LUMINANCE) for colour in (RED, GREEN))
    assert red == pytest.approx(green, abs=0.005)


def test_a_slow_fade_does_not_flash() -> None:
    """Black to white and back within four seconds is at most half a flash in any second."""
    ramp = np.abs(np.linspace(-1, 1, 4 * FPS)) * 255
    assert flashes_of([even((int(v),) * 3) for v in ramp], FPS) <= 1


def test_small_areas_add_up() -> None:
    """Stripes that blink together count by their combined area, though none is large."""
    striped = even(WHITE)
    striped[::3] = 0
    striped = np.repeat(np.repeat(striped, 4, axis=0), 4, axis=1)
    inverse = 255 - striped
    frames = [(striped, inverse)[k // 2 % 2] for k in range(2 * FPS)]
    assert flashes_of(frames, FPS) > MAX_FLASHES


def test_a_strip_that_alternates_is_refused() -> None:
    """Frames that are dark and light in turn flash when swept through; a ramp is one flash."""
    ramp = [even((int(v),) * 3) for v in np.linspace(20, 230, 9)]
    assert flashes(ramp) == 1
    assert flashes([even(BLACK), even(WHITE)] * 4) > MAX_FLASHES


def test_one_bright_frame_is_one_more_flash_each_way() -> None:
    """A single bright frame in a dark strip is passed twice: two flashes, not refused."""
    strip = [even((60, 60, 60))] * 9
    strip[4] = even(WHITE)
    assert flashes(strip) == 2


def test_a_red_that_was_come_to_in_small_steps_is_left_as_any_other() -> None:
    """Its first saturated frame is near the colour before it; what leaves it still is a turn."""
    near, red = (
        np.array([[[0.7, 0.2, 0.1]]], np.float32),
        np.array([[[0.85, 0.1, 0.05]]], np.float32),
    )
    far = np.array([[[0.1, 0.5, 0.1]]], np.float32)
    found = Redness()
    assert [int(found.turn(colour).sum()) for colour in (near, red, far)] == [0, 0, 1]
    assert [int(found.turn(colour).sum()) for colour in (near, red, far) * 2] == [0, 1, 1] * 2


def test_a_red_with_steps_between_blinks_as_often() -> None:
    """A frame half-way, saturated or not, hides no flash."""
    gray, half, red = (
        np.array([[c]], np.float32) for c in ((0.3,) * 3, (0.8, 0.1, 0.1), (0.9, 0, 0))
    )
    found = Redness()
    turns = [int(found.turn(colour).sum()) for colour in (gray, half, red, half) * 4]
    assert sum(turns) == 7


def test_steepness_counts_the_changes_of_the_fastest_cell() -> None:
    """Black to white changes by ten tenths at least, by 2.4 times as many where it is fastest."""
    assert 10 < steepness(even(BLACK), even(WHITE)) < 24
    spot = even(GRAY)
    spot[:4, :4] = 255
    assert steepness(even(GRAY), spot) == pytest.approx(steepness(even(GRAY), even(WHITE)), rel=0.2)
    assert steepness(even(GREEN), even(GREEN)) == 0.0


def test_steepness_sees_colour_without_light() -> None:
    """A red and a green of one luminance are more than one change apart."""
    assert steepness(even(RED), even(GREEN)) > 1.5


def test_flashes_of_another_second_do_not_add_up() -> None:
    """Three in one second, a still one, three in another one: never more than three at a time."""
    three, still = blinking(3, BLACK, WHITE, seconds=1), [even(BLACK)] * 2 * FPS
    assert flashes_of([*three, *still, *three], FPS) == 3
