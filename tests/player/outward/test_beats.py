"""The music's beat as ticks at their times."""

from __future__ import annotations

import numpy as np
import pytest

from player.outward.beats import PER_QUARTER, Beats, Grid
from player.settings import RATE
from rym.messages import Played

BAR = 24_000
BEAT = BAR // 4
TICK = BEAT // PER_QUARTER
GRID = Grid(tuple(range(0, 4 * BAR, TICK)), frozenset(range(0, 384, 96)))


def at(frame, *, level=0.0, place=0):
    """Return where the player is at a frame of music whose sections are all alike."""
    turn, position = divmod(frame + place, 4 * BAR)
    return Played(
        frame=frame, decided="unknown", requested="neutral", audible="neutral",
        gains=(0.0, 1.0, 0.0), section=turn % 2, variant=0, position=position, fade=None,
        level_db=level, safety="RUN", why="tick",
    )  # fmt: skip


def run(beats, seconds, *, start=0.0, jitter=0.0, level=0.0, place=0, ahead=0.25):
    """Tell where the player is four times a second, ahead of time; return (time, kind)."""
    rng = np.random.default_rng(1)
    sent = []
    n = round(seconds * 1000)
    for ms in range(n):
        now = start + ms / 1000
        if ms % 250 == 0:
            frame = ms * RATE // 1000
            heard = start + ahead + ms / 1000 + jitter * rng.standard_normal()
            beats.hear(at(frame, level=level, place=place), heard, now)
        sent += [(now, one.kind) for one in beats.due(now)]
    return sent


def ticks(sent):
    """Return the times of the ticks."""
    return np.array([t for t, kind in sent if kind == "clock"])


def test_there_are_24_ticks_to_a_beat_each_when_it_is_heard():
    """Over section borders as well, and the first one says `start`."""
    sent = run(Beats({0: GRID, 1: GRID}), 9.0)
    assert sent[0] == (0.25, "start")
    assert [kind for _, kind in sent].count("start") == 1
    expected = 0.25 + np.arange(len(ticks(sent))) * TICK / RATE
    assert len(expected) == pytest.approx(8.75 * 8 * 24, abs=1)
    assert np.abs(ticks(sent) - expected).max() < 1.1e-3


def test_a_wandering_device_loses_no_tick_and_doubles_none():
    """Their number is the music's, whatever each message says."""
    sent = run(Beats({0: GRID, 1: GRID}), 20.0, jitter=0.004)
    assert len(ticks(sent)) == pytest.approx(19.75 * 8 * 24, abs=6)
    assert [kind for _, kind in sent if kind != "clock"] == ["start"]


def test_in_silence_the_music_does_not_run():
    """`stop` comes with the silence, `start` with the first bar that is heard after it."""
    beats = Beats({0: GRID, 1: GRID})
    sent = run(beats, 1.0, place=5 * BEAT)
    # Begun in the second beat of a bar: three beats go by before `start`.
    assert next(t for t, kind in sent if kind == "start") == pytest.approx(
        0.25 + 3 * BEAT / RATE, abs=2e-3
    )
    sent = run(beats, 1.0, start=1.0, level=-120.0, place=5 * BEAT + RATE)
    assert [(t, kind) for t, kind in sent if kind != "clock"] == [(1.25, "stop")]


def test_a_jump_begins_anew():
    """A player that was started again elsewhere in the music: stop, then start with a bar."""
    beats = Beats({0: GRID, 1: GRID})
    run(beats, 2.0)
    sent = run(beats, 1.0, start=2.0, place=BAR + BEAT)
    words = [kind for _, kind in sent if kind != "clock"]
    assert words == ["stop", "start"]


def test_a_player_that_says_nothing_stops_the_clock():
    """One second without a word."""
    beats = Beats({0: GRID, 1: GRID})
    run(beats, 1.0)
    rest = [(t, one.kind) for t in np.arange(1.0, 3.0, 0.01) for one in beats.due(t)]
    assert rest[-1][1] == "stop"
    assert rest[-1][0] == pytest.approx(0.75 + 1.0, abs=0.02)
    assert beats.next_at() is None
