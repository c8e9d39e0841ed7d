"""What is read off a captured sound is what was played, and what became of every feeling."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.captured import bank
from benchmarks.captured.felt import AHEAD_MS, PACE, Capture
from benchmarks.captured.loudest import WINDOW, follow, loudest
from player.settings import RATE
from rym.messages import AFFECTS
from session.after.episodes import Steps

SECTION = 20 * RATE
START = 100.0


def mixture(n_sections: int, turns: list[tuple[float, str]]) -> np.ndarray:
    """Return sections of the bank's signals, in which equal-power fades of 0.5 s lead to affects.

    Parameters
    ----------
    n_sections : int
        Of 20 s each.
    turns : list of (float, str)
        Second at which the fade to an affect is half-way.
    """
    layers = np.tile(bank.signals(0, 0.0, SECTION), n_sections)
    t = np.arange(layers.shape[1]) / RATE
    gains = np.zeros((3, len(t)))
    gains[1] = 1.0
    for half, affect in turns:
        angle = np.clip((t - half) / 0.5 + 0.5, 0.0, 1.0) * np.pi / 2
        gains = np.cos(angle) * gains
        gains[AFFECTS.index(affect)] += np.sin(angle)  # type: ignore[arg-type]
    sound = (gains * layers).sum(axis=0)
    mark = bank.marker()
    for section in range(n_sections):
        begin = section * SECTION + bank.MARK
        sound[begin : begin + len(mark)] += mark
    return np.asarray(sound)


@pytest.mark.parametrize("late", [0, 12_345])
def test_a_fade_is_half_way_where_the_two_are_equally_loud(late):
    """To one window, wherever the capture begins; the first section's beginning included."""
    turns = [(0.6, "positive"), (7.0, "neutral"), (21.5, "negative"), (33.0, "positive")]
    sound = np.concatenate([np.zeros(late), mixture(2, turns)])
    heard = loudest(sound, START - late / RATE)
    assert heard.states == ("neutral", "positive", "neutral", "negative", "positive")
    off = np.array(heard.times[1:]) - START - [t for t, _ in turns]
    assert np.abs(off).max() <= 1.5 * WINDOW / RATE


def test_what_a_device_left_out_shifts_only_what_follows():
    """Half a second that is missing: the fades behind it come that much sooner, none is lost."""
    sound = mixture(3, [(7.0, "positive"), (50.0, "negative")])
    gap = np.delete(sound, slice(30 * RATE, 30 * RATE + RATE // 3))
    heard = loudest(gap, 0.0)
    assert heard.states[-2:] == ("positive", "negative")
    assert heard.times[-1] == pytest.approx(50.0 - 1 / 3, abs=1.5 * WINDOW / RATE)


def test_an_answer_must_come_before_the_next_change():
    """Heard, heard already, too late: as a session's report counts."""
    felt = Steps.of([(0.0, "neutral"), (10.0, "positive"), (20.0, "negative"), (25.0, "positive"),
                     (40.0, "neutral"), (50.0, "positive")])  # fmt: skip
    heard = Steps.of([(0.0, "neutral"), (13.0, "positive"), (45.5, "neutral"), (52.0, "positive")])
    found = follow(felt, heard, 0.0, 51.0)
    assert found.seconds == (3.0, 5.5)
    assert (found.already, found.never) == (1, 2)


def test_a_capture_begins_where_its_soonest_piece_says():
    """Pieces come late by more or less; one that comes late for good means that some were lost."""
    capture = Capture(stream=None)  # type: ignore[arg-type]
    capture._zeros = [50.03, 50.01, 50.2, 50.05, 50.012, 50.3]
    assert capture.start_time() == pytest.approx(50.01 + AHEAD_MS / 1000)
    capture._zeros[3:] = [50.02 + PACE + t for t in (0.0, 0.1, 0.3)]
    with pytest.raises(RuntimeError, match="lost 30 ms"):
        capture.start_time()
