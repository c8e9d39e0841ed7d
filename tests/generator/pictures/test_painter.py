"""The procedural painter: same bytes for the same place, more light and colour along valence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from generator.memory import Memory
from generator.pictures.drawn import areas, horizon, placed
from generator.pictures.measures import look
from generator.pictures.painter import KINDS, Landscapes, drift
from generator.settings import GeneratorSettings

SMALL = GeneratorSettings(width=160, height=90, frames=9)


def strip(memory: Memory, take: int = 0, sketch: np.ndarray | None = None) -> list[np.ndarray]:
    """Return the frames of a small first scene."""
    painter = Landscapes(memory, SMALL, sketch)
    return [painter.paint(0, take, frame) for frame in range(SMALL.frames)]


def edges(picture: np.ndarray) -> np.ndarray:
    """Return how much the brightness changes around each pixel, without its overall contrast."""
    gray = picture.astype(float).mean(axis=-1)
    size = np.hypot(*np.gradient(gray))
    return size / size.mean()


@pytest.fixture
def house() -> np.ndarray:
    """Return the lines of a house on a horizon."""
    lines = np.zeros((300, 400), np.float32)
    lines[200:204] = 1
    lines[120:204, 150:153] = lines[120:204, 250:253] = 1
    lines[118:121, 150:253] = 1
    return lines


def test_a_frame_does_not_depend_on_what_was_painted_before() -> None:
    """Frames in any order, from one painter or two, have the same bytes."""
    memory = Memory(text="The lake below the hills.", seed=5)
    one, other = Landscapes(memory, SMALL), Landscapes(memory, SMALL)
    first = one.paint(1, 0, 8)
    one.paint(0, 0, 0)
    assert np.array_equal(one.paint(1, 0, 8), first)
    other.paint(1, 0, 2)
    assert np.array_equal(other.paint(1, 0, 8), first)


def test_takes_and_scenes_and_seeds_differ() -> None:
    """Another take, scene or seed is another picture."""
    one, two = (Landscapes(Memory(text="The lake.", seed=k), SMALL) for k in (1, 2))
    frames = [one.paint(0, 0, 4), one.paint(0, 1, 4), one.paint(1, 0, 4), two.paint(0, 0, 4)]
    for k, frame in enumerate(frames):
        for other in frames[:k]:
            assert np.abs(frame.astype(int) - other).mean() > 4


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_value_and_saturation_rise_along_valence(kind: str) -> None:
    """In every kind of scene both means rise from frame to frame, in small steps of luminance."""
    painter = Landscapes(Memory(text=kind, seed=6), SMALL)
    seen = [look(painter.paint(0, 0, frame)) for frame in range(SMALL.frames)]
    assert (np.diff([one.value for one in seen]) > 0).all()
    assert (np.diff([one.saturation for one in seen]) > 0).all()
    assert np.abs(np.diff([one.luminance for one in seen])).max() < 0.07
    assert seen[0].value > 0.3


@pytest.mark.parametrize("word", ["lake", "night"])
def test_the_layout_stays(word: str) -> None:
    """What stands in one frame stands at the same place in its neighbour: no ghosts."""
    frames = strip(Memory(text=word, seed=2))
    other = strip(Memory(text=word, seed=3))
    for k in range(SMALL.frames - 1):
        near = np.corrcoef(edges(frames[k]).ravel(), edges(frames[k + 1]).ravel())[0, 1]
        foreign = np.corrcoef(edges(frames[k]).ravel(), edges(other[k + 1]).ravel())[0, 1]
        assert near > 0.75
        assert foreign < near - 0.2


def test_sizes_share_a_layout() -> None:
    """A larger picture shows the same scene."""
    memory = Memory(text="The sea.", seed=8)
    large = GeneratorSettings(width=480, height=270, frames=9)
    small = Landscapes(memory, SMALL).paint(0, 0, 6).astype(float)
    big = Landscapes(memory, large).paint(0, 0, 6).astype(float)
    shrunk = big.reshape(90, 3, 160, 3, 3).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.93


@pytest.mark.parametrize(("width", "height"), [(64, 64), (101, 77), (64, 200)])
def test_any_size(width: int, height: int) -> None:
    """Odd sizes, squares and upright frames are painted whole."""
    settings = GeneratorSettings(width=width, height=height, frames=3)
    frame = Landscapes(Memory(text="hills", seed=1), settings).paint(0, 0, 1)
    assert frame.shape == (height, width, 3)
    assert frame.std() > 10


def test_a_smooth_sky_has_no_bands() -> None:
    """Grain hides the steps of 8 bits: no run of one tone is long."""
    settings = GeneratorSettings(width=320, height=180, frames=3)
    top = Landscapes(Memory(text="hills", seed=1, avoid=("clouds",)), settings).paint(0, 0, 2)
    same = (np.diff(top[:40].astype(int), axis=1) == 0).all(axis=-1)
    assert same.mean() < 0.5


def test_the_drawn_lines_stay_visible(house: np.ndarray) -> None:
    """In every light the sketch's lines are darker than what is beside them."""
    ink = placed(house, (90, 160))
    frames = strip(Memory(text="home", seed=4), sketch=house)
    for frame in frames:
        gray = frame.astype(float).mean(axis=-1)
        line = ink > 0.6
        beside = ndimage.binary_dilation(line, iterations=4) & ~ndimage.binary_dilation(
            line, iterations=2
        )
        assert gray[line].mean() < 0.85 * gray[beside].mean()
    seen = [look(frame) for frame in frames]
    assert (np.diff([one.value for one in seen]) > 0).all()
    assert (np.diff([one.saturation for one in seen]) > 0).all()


def test_lines_enclose_areas(house: np.ndarray) -> None:
    """A closed wall is an area within, above the horizon is sky, below it ground."""
    ink = placed(house, (180, 320))
    found = areas(ink)
    assert len(found.closed) == 1
    assert len(found.sky) == 1
    assert len(found.ground) == 1
    assert horizon(found) == pytest.approx((np.flatnonzero(ink[:, 2] > 0.5).mean()) / 180, abs=0.03)


@pytest.mark.parametrize("seed", [0, 1])
def test_any_lines_are_painted(seed: int) -> None:
    """Scribbles without any sense, or a single dot, still give a picture."""
    rng = np.random.default_rng(seed)
    scribble = np.zeros((120, 200), np.float32)
    for _ in range(6 if seed else 1):
        y, x = rng.integers(5, 115), rng.integers(5, 195)
        scribble[y - 3 : y + 3, x - (60 if seed else 3) : x + 3] = 1
    frame = Landscapes(Memory(text="x", seed=1), SMALL, scribble).paint(0, 0, 8)
    assert frame.std() > 10


def streaks(picture: np.ndarray) -> float:
    """Return how much brighter thin upright streaks are than what is left and right of them."""
    gray = picture.astype(float).mean(axis=-1)
    beside = np.maximum(np.roll(gray, 4, axis=1), np.roll(gray, -4, axis=1))
    return float(np.maximum(gray - beside - 3, 0).mean())


def test_rain_is_left_out_where_it_is_to_be_avoided() -> None:
    """With rain on the avoid-list, the most negative frame has no streaks, but is dim as before."""
    settings = GeneratorSettings(width=480, height=270, frames=3)
    wet, dry = (
        Landscapes(Memory(text="hills", seed=3, avoid=avoid), settings).paint(0, 0, 0)
        for avoid in ((), ("Regen",))
    )
    assert streaks(wet) > 2 * streaks(dry)
    assert look(dry).value < 0.55


@pytest.mark.long
@pytest.mark.parametrize("word", ["clouds", "sun", "trees", "mist", "grass", "flowers"])
def test_each_element_can_be_left_out(word: str) -> None:
    """An avoid-word changes the picture and leaves one."""
    plain, without = (
        Landscapes(Memory(text="path", seed=3, avoid=avoid), SMALL).paint(0, 0, 8)
        for avoid in ((), (word,))
    )
    assert np.abs(plain.astype(int) - without).mean() > 0.2
    assert without.std() > 10


def test_drift_is_slow() -> None:
    """No valence moves the picture by more than a sixth of its size in a minute."""
    speeds = np.array([drift(v) for v in np.linspace(-1, 1, 21)])
    assert np.abs(speeds).max() < 1 / 6
    assert (np.diff(speeds[:, 0]) > 0).all()


def test_places_are_even() -> None:
    """A strip's frames lie evenly from −1 to 1."""
    painter = Landscapes(Memory(text="x"), SMALL)
    assert painter.places([np.zeros((2, 2, 3), np.uint8)] * 5) == (-1, -0.5, 0, 0.5, 1)
