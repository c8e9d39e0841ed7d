import numpy as np
import pytest

from generator.music.render import COLOURS, Grid, fold, perform, room
from rym.bank import Note

RATE = 48_000
NOTES = (Note(0.0, 4.0, 60, 0.5, "tune/piano"), Note(7.0, 1.0, 67, 0.5, "tune/piano"))


def test_fold_equals_many_turns():
    """One folded turn is what is heard in the middle of many turns played one into another."""
    rng = np.random.default_rng(1)
    once = rng.standard_normal((2_500, 2)).astype(np.float32)
    many = np.zeros((8 * 1_000 + 2_500, 2))
    for turn in range(8):
        many[turn * 1_000 : turn * 1_000 + 2_500] += once
    np.testing.assert_allclose(fold(once, 1_000), many[5_000:6_000], atol=1e-6)


@pytest.mark.parametrize("bpm", [66.0, 71.0, 84.0])
def test_grid_rounds_whole_bars_once(bpm):
    """The length is the bars' duration to half a sample, and no downbeat drifts."""
    grid = Grid(bars=8, bpm=bpm, rate=RATE)
    assert abs(grid.n_samples - 8 * 4 * 60 / bpm * RATE) <= 0.5
    exact = np.arange(8) * 4 * 60 / bpm * RATE
    assert np.max(np.abs(np.array(grid.downbeats) - exact)) <= 0.5


def test_note_begins_where_its_beat_is():
    """Nothing sounds before a note's beat, and it is there 30 ms later."""
    grid = Grid(bars=2, bpm=72.0, rate=RATE)
    sound = perform((Note(2.0, 1.0, 72, 0.5, "tune/piano"),), COLOURS["neutral"], grid, 1.0)
    at = grid.at(2.0)
    assert np.max(np.abs(sound[: at - 1])) < 1e-5
    assert np.max(np.abs(sound[at : at + round(0.03 * RATE)])) > 0.01


def test_ringing_outlasts_the_section():
    """A late note's sound passes the bar line instead of being cut."""
    grid = Grid(bars=2, bpm=72.0, rate=RATE)
    sound = perform(NOTES, COLOURS["neutral"], grid, 1.5)
    assert np.max(np.abs(sound[grid.n_samples : grid.n_samples + 2400])) > 0.01
    assert np.max(np.abs(sound[-480:])) < 1e-3


def test_room_dies_away_in_its_time():
    """After the decay time the room is about 60 dB down (backward integration, Schroeder)."""
    response = room(1.2, RATE).astype(float)
    energy = np.cumsum(np.sum(response**2, axis=1)[::-1])[::-1]
    decay = 10 * np.log10(energy / energy[0] + 1e-12)
    early, late = np.argmax(decay < -5), np.argmax(decay < -25)
    assert 0.8 * 1.2 < 3 * (late - early) / RATE < 1.3 * 1.2
